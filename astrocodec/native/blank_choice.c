#include "blank_choice.h"

#include <stdlib.h>
#include <string.h>

#include "float_bits.h"
#include "radix_sort.h"

enum { LEAST = 256, MOST = 4096, SHARE = 64, COMMON = 8, FEW = 16, CANDIDATES = 3, FAR = 8, RARE = 128, LOW = 32, FOUND = 2 * CANDIDATES };
enum { SMALL = 1 << 16 }; /* numbers, so few that both are tried: masks of small planes that share pieces may cost more than they save */

/* Some numbers in their order, and a value among them that occurs so often. */
typedef struct {
    uint64_t *keys;
    size_t count;
} sample;
typedef struct {
    size_t first, count;
} run;

static int is_signed(int dtype) { return dtype == AC_I1 || dtype == AC_I2 || dtype == AC_I4 || dtype == AC_I8; }

/* Bits of a number out of its key. */
static uint64_t bits_of(int dtype, uint64_t key)
{
    const uint32_t width = 8 * (uint32_t)ac_number_bytes(dtype);
    const uint64_t bits = ac_is_float(dtype) ? ac_unordered_bits(key, width) : is_signed(dtype) ? key ^ (uint64_t)1 << 63 : key;
    return bits & UINT64_MAX >> (64 - width);
}

/* Every so many numbers; steps are odd, so that they do not stay in a column. */
static int take_sample(const ac_sheet *s, sample *sample)
{
    const int dtype = s->numbers.dtype;
    const uint64_t wanted = ac_larger(LEAST, ac_smaller(MOST, s->count / SHARE)), stride = s->count / wanted | 1;
    const uint64_t flip = is_signed(dtype) ? (uint64_t)1 << 63 : 0;
    sample->count = (size_t)((s->count + stride - 1) / stride);
    sample->keys = malloc(2 * sample->count * sizeof *sample->keys); /* half of it is room */
    if (!sample->keys) return AC_ERROR_MEMORY;
    ac_sheet_numbers(s, 0, (size_t)stride, sample->count, sample->keys);
    for (size_t i = 0; i < sample->count; i++) sample->keys[i] ^= flip;
    ac_radix_sort(sample->keys, sample->keys + sample->count, sample->count);
    return AC_OK;
}

/* The most frequent values, of equal ones the lowest, and how many different values there are. */
static size_t most_frequent(const sample *s, run *best)
{
    size_t values = 0;
    memset(best, 0, (CANDIDATES + 1) * sizeof *best);
    for (size_t first = 0, end; first < s->count; first = end, values++) {
        for (end = first + 1; end < s->count && s->keys[end] == s->keys[first]; end++) {}
        run found = {first, end - first};
        for (size_t i = 0; i <= CANDIDATES; i++)
            if (found.count > best[i].count) {
                const run lesser = best[i];
                best[i] = found, found = lesser;
            }
    }
    return values;
}

/* Values that come again and again among numbers that hardly do. */
static uint32_t find_repeated(const sample *s, uint64_t *found)
{
    run best[CANDIDATES + 1];
    const size_t values = most_frequent(s, best), usual = best[CANDIDATES].count ? best[CANDIDATES].count : 1;
    size_t others = s->count;
    uint32_t count = 0;
    for (; count < CANDIDATES && best[count].count >= COMMON * usual; count++) {
        found[count] = s->keys[best[count].first];
        others -= best[count].count;
    }
    return others >= FEW && 4 * (values - count) >= 3 * others ? count : 0;
}

static int is_frequent(const sample *s, size_t count) { return count >= COMMON && count * RARE >= s->count; }

/* The lowest and the highest value, where many numbers have it and others are far off. */
static uint32_t find_far(const sample *s, uint64_t *found)
{
    const uint64_t *first = s->keys, *end = s->keys + s->count;
    size_t low = 0, high = 0, values = 1;
    while (low < s->count && first[low] == s->keys[0]) low++;
    while (high < s->count && end[-1 - (ptrdiff_t)high] == end[-1]) high++;
    if (!is_frequent(s, low)) low = 0;
    if (!is_frequent(s, high)) high = 0;
    if (!(low + high) || low + high + FEW > s->count) return 0;
    first += low, end -= high;
    const size_t rest = (size_t)(end - first);
    for (size_t i = 1; i < rest; i++) values += first[i] != first[i - 1];
    const uint64_t spread = first[3 * rest / 4] - first[rest / 4];
    uint32_t count = 0;
    if (values < FEW) return 0;
    if (low && (first[0] - s->keys[0]) / FAR > spread) found[count++] = s->keys[0];
    if (high && (*end - end[-1]) / FAR > spread) found[count++] = *end;
    return count;
}

#define FILL(type)                                                                              \
    {                                                                                           \
        type *p = data;                                                                         \
        for (uint32_t b = 0; b < blanks->count; b++) {                                          \
            const type value = (type)blanks->values[b], other = (type)fill;                     \
            for (uint64_t i = 0; i < count; i++) p[i] = p[i] == value ? other : p[i];           \
        }                                                                                       \
        break;                                                                                  \
    }

/* Numbers in the order of memory. */
static void fill_in(const ac_blanks *blanks, int dtype, void *data, uint64_t count, uint64_t fill)
{
    switch (ac_number_bytes(dtype)) {
    case 1: FILL(uint8_t)
    case 2: FILL(uint16_t)
    case 4: FILL(uint32_t)
    default: FILL(uint64_t)
    }
}

#define COUNT(type)                                                     \
    {                                                                   \
        const type *p = data;                                           \
        for (uint32_t b = 0; b < blanks->count; b++) {                  \
            const type value = (type)blanks->values[b];                 \
            uint64_t same = count && p[0] == value, changes = 0;        \
            for (uint64_t i = 1; i < count; i++) {                      \
                same += p[i] == value;                                  \
                changes += (p[i] == value) != (p[i - 1] == value);      \
            }                                                           \
            *marked += same, *edges += changes;                         \
        }                                                               \
        break;                                                          \
    }

/* How many numbers are blank, and how often that changes from one to the next. */
static void count_blanks(const ac_blanks *blanks, int dtype, const void *data, uint64_t count, uint64_t *marked, uint64_t *edges)
{
    *marked = *edges = 0;
    switch (ac_number_bytes(dtype)) {
    case 1: COUNT(uint8_t)
    case 2: COUNT(uint16_t)
    case 4: COUNT(uint32_t)
    default: COUNT(uint64_t)
    }
}

/* The number of those that are not blank which comes after the `part`-th part of them. */
static uint64_t number_of(const sample *s, const uint64_t *blank, uint32_t count, size_t part)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        int is_blank = 0;
        for (uint32_t b = 0; b < count; b++) is_blank |= s->keys[i] == blank[b];
        s->keys[kept] = s->keys[i];
        kept += !is_blank;
    }
    return s->keys[kept / part];
}

int ac_blanks_choose(const ac_array *array, const void *data, ac_blanks *blanks, void **filled, int *doubtful)
{
    const int dtype = ac_number_dtype(array->dtype);
    ac_sheet s = {0};
    sample sample;
    uint64_t found[FOUND], marked, edges;
    *filled = NULL;
    *doubtful = 0;
    blanks->count = 0;
    int status = ac_array_count(array, &s.count);
    if (status) return status;
    s.numbers = ac_numbers_of(array, (void *)data, s.count);
    s.count <<= ac_is_complex(array->dtype);
    s.map.kind = ac_is_float(dtype) ? AC_KIND_FLOAT_BITS : AC_KIND_INTEGER;
    status = take_sample(&s, &sample);
    if (status) return status;
    /* pixels of 16 bits have no low bits to save, and models know flat regions */
    uint32_t count = ac_number_bytes(dtype) > 2 ? find_repeated(&sample, found) : 0;
    const int are_repeated = count > 0;
    if (!count) count = find_far(&sample, found);
    for (uint32_t i = 0; i < count; i++) blanks->values[i] = bits_of(dtype, found[i]);
    blanks->count = count;
    if (count) {
        count_blanks(blanks, dtype, data, s.count, &marked, &edges);
        /* blanks take half of their bits, and edges six bits */
        if (are_repeated && 4 * (uint64_t)ac_number_bytes(dtype) * marked <= 6 * edges) blanks->count = 0;
        *doubtful = !are_repeated || s.count <= SMALL;
    }
    if (blanks->count) {
        *filled = malloc(ac_array_size(array));
        if (*filled) {
            memcpy(*filled, data, ac_array_size(array));
            /* models know flat regions at the foot of what they see */
            fill_in(blanks, dtype, *filled, s.count, bits_of(dtype, number_of(&sample, found, count, edges > marked ? 2 : LOW)));
        } else {
            status = AC_ERROR_MEMORY;
        }
    }
    free(sample.keys);
    return status;
}
