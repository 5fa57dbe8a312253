#include "pixels.h"

#include <stdlib.h>
#include <string.h>

#include "log512.h"
#include "valueset.h"
#include "wide_vectors.h"

enum { CHUNK = 1024, SAMPLE_LOG = 13, RUNS = 64, RUN = 4096 /* where a set is weighed */ };

/* Elements as numbers: two's complement, or the ordered bits of floats: -0.0 just below 0.0, NaNs at the ends. */

static inline uint64_t ordered_bits(uint64_t bits, uint32_t width)
{
    const uint64_t top = (uint64_t)1 << (width - 1), all = top | (top - 1);
    return bits & top ? ~bits & all : bits | top;
}

static inline uint64_t unordered_bits(uint64_t ordered, uint32_t width)
{
    const uint64_t top = (uint64_t)1 << (width - 1);
    return ordered & top ? ordered ^ top : ~ordered;
}

/* Whether a half float is an integer and not -0.0; `value` receives it. */
static int half_integer(uint16_t bits, int64_t *value)
{
    const uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (exponent == 31 || bits == 0x8000) return 0;
    /* times 2^up / 2^down */
    const uint32_t scaled = exponent ? 1024 | fraction : fraction, up = exponent > 25 ? exponent - 25 : 0;
    const uint32_t down = exponent > 25 ? 0 : exponent ? 25 - exponent : 24, magnitude = scaled << up >> down;
    if (scaled & ((1u << down) - 1)) return 0;
    *value = bits >> 15 ? -(int64_t)magnitude : (int64_t)magnitude;
    return 1;
}

/* The half float of an integer; 0 in `exact` where there is none. */
static uint16_t half_of(int64_t value, int *exact)
{
    uint64_t magnitude = (uint64_t)(value < 0 ? -value : value);
    if (!magnitude) return 0;
    uint32_t exponent = 25;
    for (; magnitude >= 2048 && !(magnitude & 1); magnitude >>= 1) exponent++;
    for (; magnitude < 1024; magnitude <<= 1) exponent--;
    *exact &= magnitude < 2048 && exponent < 31;
    return (uint16_t)((value < 0) << 15 | exponent << 10 | (magnitude & 1023));
}

static inline int64_t half_value(uint16_t bits)
{
    int64_t value = 0;
    half_integer(bits, &value);
    return value;
}

#define LOAD(type, expression)                                        \
    {                                                                 \
        const type *p = (const type *)data + first;                   \
        for (size_t i = 0; i < n; i++) v[i] = (uint64_t)(expression); \
        break;                                                        \
    }

static inline void load_numbers(const void *data, int dtype, const ac_pixel_map *map, uint64_t first, size_t stride, size_t n, uint64_t *v)
{
    const int is_ordered = map->kind == AC_KIND_FLOAT_BITS;
    const uint32_t trailing = map->trailing;
    switch (dtype) {
    case AC_U1:
    case AC_B1: LOAD(uint8_t, p[i * stride])
    case AC_I1: LOAD(int8_t, p[i * stride])
    case AC_U2: LOAD(uint16_t, p[i * stride])
    case AC_I2: LOAD(int16_t, p[i * stride])
    case AC_U4: LOAD(uint32_t, p[i * stride])
    case AC_I4: LOAD(int32_t, p[i * stride])
    case AC_U8: LOAD(uint64_t, p[i * stride])
    case AC_I8: LOAD(int64_t, p[i * stride])
    case AC_F2:
        if (is_ordered) LOAD(uint16_t, ordered_bits(p[i * stride] >> trailing, 16 - trailing))
        LOAD(uint16_t, half_value(p[i * stride]))
    case AC_F4:
        if (is_ordered && trailing) LOAD(uint32_t, ordered_bits(p[i * stride] >> trailing, 32 - trailing))
        if (is_ordered) LOAD(uint32_t, ordered_bits(p[i * stride], 32))
        LOAD(float, (int64_t)p[i * stride])
    default:
        if (is_ordered && trailing) LOAD(uint64_t, ordered_bits(p[i * stride] >> trailing, 64 - trailing))
        if (is_ordered) LOAD(uint64_t, ordered_bits(p[i * stride], 64))
        LOAD(double, (int64_t)p[i * stride])
    }
}

ac_numbers ac_numbers_of(const ac_array *array, void *data, uint64_t count)
{
    return (ac_numbers){data, ac_number_dtype(array->dtype), ac_is_complex(array->dtype) ? count : 0};
}

/* Every `stride`-th number from `first` on. */
static void load_strided(const ac_sheet *s, uint64_t first, size_t stride, size_t n, uint64_t *v)
{
    const uint64_t half = s->numbers.half;
    const ac_pixel_map *map = &s->map;
    if (half) {
        while (n) { /* real and imaginary parts alternate in memory */
            const uint64_t part = first >= half, there = part ? n : ac_smaller(n, (half - first + stride - 1) / stride);
            load_numbers(s->numbers.data, s->numbers.dtype, map, 2 * (first - part * half) + part, 2 * stride, (size_t)there, v);
            first += there * stride, v += there, n -= (size_t)there;
        }
    } else if (stride == 1) {
        load_numbers(s->numbers.data, s->numbers.dtype, map, first, 1, n, v);
    } else {
        load_numbers(s->numbers.data, s->numbers.dtype, map, first, stride, n, v);
    }
}

static void load(const ac_sheet *s, uint64_t first, size_t n, uint64_t *v) { load_strided(s, first, 1, n, v); }

static inline int is_integer(double v)
{
    if (!(v > -2147483648.0 && v < 2147483648.0) || v != (double)(int64_t)v) return 0;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits != (uint64_t)1 << 63;
}

#define HOLDS(type, test)                           \
    {                                               \
        const type *p = data;                       \
        for (uint64_t i = 0; i < count; i++)        \
            if (!(test)) return 0;                  \
        return 1;                                   \
    }

/* All are integers below 2^31 in magnitude, and none is -0.0. */
static int holds_integers(const void *data, int dtype, uint64_t count)
{
    int64_t value;
    switch (dtype) {
    case AC_F2: HOLDS(uint16_t, half_integer(p[i], &value))
    case AC_F4: HOLDS(float, is_integer((double)p[i]))
    default: HOLDS(double, is_integer(p[i]))
    }
}

/* Low bits that are zeros in all floats; two bits are left at least. */
#define TRAILING(type)                                                                \
    {                                                                                 \
        const type *p = data;                                                         \
        for (uint64_t i = 0; i < count && !(set & 1);) {                              \
            const uint64_t end = count - i < CHUNK ? count : i + CHUNK;               \
            type some = 0;                                                            \
            for (; i < end; i++) some |= p[i];                                        \
            set |= some;                                                              \
        }                                                                             \
        break;                                                                        \
    }

static uint8_t trailing_zeros(const void *data, int dtype, uint64_t count)
{
    uint64_t set = 0;
    switch (dtype) {
    case AC_F2: TRAILING(uint16_t)
    case AC_F4: TRAILING(uint32_t)
    default: TRAILING(uint64_t)
    }
    const uint32_t most = 8 * (uint32_t)ac_number_bytes(dtype) - 2, zeros = (uint32_t)__builtin_ctzll(set | (uint64_t)1 << 63);
    return (uint8_t)(zeros < most ? zeros : most);
}

static inline void words_range(const uint16_t *p, uint64_t n, uint16_t flip, uint16_t *low, uint16_t *high)
{
    uint16_t least = UINT16_MAX, most = 0;
    for (uint64_t i = 0; i < n; i++) {
        const uint16_t v = p[i] ^ flip;
        least = v < least ? v : least;
        most = v > most ? v : most;
    }
    *low = least ^ flip, *high = most ^ flip;
}

WIDE_VECTORS static void words_range_wide(const uint16_t *p, uint64_t n, uint16_t flip, uint16_t *low, uint16_t *high)
{
    words_range(p, n, flip, low, high);
}

void ac_words_range(const uint16_t *p, uint64_t n, uint16_t flip, uint16_t *low, uint16_t *high)
{
    (HAS_WIDE_VECTORS ? words_range_wide : words_range)(p, n, flip, low, high);
}

#define RANGE(type)                                            \
    {                                                          \
        const type *p = s->numbers.data;                       \
        type least = p[0], most = p[0];                        \
        for (uint64_t i = 1; i < s->count; i++) {              \
            least = p[i] < least ? p[i] : least;               \
            most = p[i] > most ? p[i] : most;                  \
        }                                                      \
        *low = (uint64_t)least, *high = (uint64_t)most;        \
        return;                                                \
    }

/* Smallest and largest number. */
static void range_of(const ac_sheet *s, uint64_t *low, uint64_t *high)
{
    if (s->numbers.dtype == AC_U2 || s->numbers.dtype == AC_I2) {
        const int is_signed = s->numbers.dtype == AC_I2;
        uint16_t least, most;
        ac_words_range(s->numbers.data, s->count, is_signed ? 0x8000 : 0, &least, &most);
        *low = is_signed ? (uint64_t)(int16_t)least : least;
        *high = is_signed ? (uint64_t)(int16_t)most : most;
        return;
    }
    switch (s->numbers.dtype) {
    case AC_U1:
    case AC_B1: RANGE(uint8_t)
    case AC_I1: RANGE(int8_t)
    case AC_U4: RANGE(uint32_t)
    case AC_I4: RANGE(int32_t)
    case AC_U8: RANGE(uint64_t)
    case AC_I8: RANGE(int64_t)
    default: break;
    }
    const uint64_t flip = s->map.kind == AC_KIND_FLOAT_INTEGER ? (uint64_t)1 << 63 : 0;
    uint64_t v[CHUNK], least = UINT64_MAX, most = 0;
    for (uint64_t first = 0; first < s->count; first += CHUNK) {
        const size_t n = s->count - first < CHUNK ? (size_t)(s->count - first) : CHUNK;
        load(s, first, n, v);
        for (size_t i = 0; i < n; i++) {
            const uint64_t key = v[i] ^ flip;
            least = key < least ? key : least;
            most = key > most ? key : most;
        }
    }
    *low = least ^ flip, *high = most ^ flip;
}

static inline void close_each(const ac_pixel_map *map, size_t n, uint64_t *u)
{
    for (uint32_t g = 0; g < map->gap_count; g++) {
        const ac_gap gap = map->gaps[g];
        for (size_t i = 0; i < n; i++) u[i] -= u[i] >= gap.start ? gap.length : 0;
    }
}

/* Integers after offset and gaps. */
void ac_sheet_integers(const ac_sheet *s, uint64_t first, size_t n, uint64_t *u)
{
    if (s->ranks) {
        for (size_t i = 0; i < n; i++) u[i] = s->ranks[first + i];
        return;
    }
    load(s, first, n, u);
    for (size_t i = 0; i < n; i++) u[i] -= s->map.offset;
    close_each(&s->map, n, u);
    if (s->rank)
        for (size_t i = 0; i < n; i++) u[i] = s->rank[(uint16_t)u[i]];
}

#define LOAD_WORDS(type)                                                                             \
    {                                                                                                \
        const type *p = (const type *)s->numbers.data + first;                                             \
        for (size_t i = 0; i < n; i++) samples[i] = (uint16_t)((uint16_t)p[i] - (uint16_t)s->map.offset); \
        break;                                                                                       \
    }

void ac_sheet_samples(const ac_sheet *s, uint64_t first, size_t n, uint16_t *samples)
{
    switch (s->numbers.dtype) {
    case AC_U1:
    case AC_B1: LOAD_WORDS(uint8_t)
    case AC_I1: LOAD_WORDS(int8_t)
    case AC_U2: LOAD_WORDS(uint16_t)
    case AC_I2: LOAD_WORDS(int16_t)
    default: {
        uint64_t u[CHUNK];
        for (size_t done = 0; done < n; done += CHUNK) {
            const size_t part = n - done < CHUNK ? n - done : CHUNK;
            ac_sheet_integers(s, first + done, part, u);
            for (size_t i = 0; i < part; i++) samples[done + i] = (uint16_t)(u[i] >> s->low_bits);
        }
        return;
    }
    }
    if (s->rank)
        for (size_t i = 0; i < n; i++) samples[i] = s->rank[samples[i]];
    if (s->low_bits)
        for (size_t i = 0; i < n; i++) samples[i] = (uint16_t)(samples[i] >> s->low_bits);
}

const uint16_t *ac_sheet_as_samples(const ac_sheet *s)
{
    if (s->ranks && !s->low_bits) return s->ranks;
    const int is_word = s->numbers.dtype == AC_U2 || s->numbers.dtype == AC_I2;
    return is_word && !(uint16_t)s->map.offset && !s->rank && !s->low_bits ? s->numbers.data : NULL;
}

/* Whether some thousand elements show that values are used without holes. */
static int looks_dense(const ac_sheet *s)
{
    uint64_t seen[1024] = {0}, v[CHUNK];
    const uint64_t stride = s->count >> SAMPLE_LOG ? s->count >> SAMPLE_LOG : 1, total = (s->count + stride - 1) / stride;
    for (uint64_t first = 0; first < total; first += CHUNK) {
        const size_t n = total - first < CHUNK ? (size_t)(total - first) : CHUNK;
        load_strided(s, first * stride, (size_t)stride, n, v);
        for (size_t i = 0; i < n; i++) {
            const uint32_t u = (uint16_t)(v[i] - s->map.offset);
            seen[u >> 6] |= (uint64_t)1 << (u & 63);
        }
    }
    uint32_t count = 0, steps = 0, least = 65536, most = 0;
    for (uint32_t i = 0; i < 1024; i++) {
        if (!seen[i]) continue;
        count += (uint32_t)__builtin_popcountll(seen[i]);
        steps += (uint32_t)__builtin_popcountll(seen[i] & (seen[i] << 1 | (i ? seen[i - 1] >> 63 : 0)));
        if (least == 65536) least = 64 * i + (uint32_t)__builtin_ctzll(seen[i]);
        most = 64 * i + 63 - (uint32_t)__builtin_clzll(seen[i]);
    }
    return count > 8 && 2 * steps > count - 1 && count * 2 > most - least;
}

static void count_values(const ac_sheet *s, uint32_t *counts)
{
    uint16_t samples[CHUNK];
    for (uint64_t first = 0; first < s->count; first += CHUNK) {
        const size_t n = s->count - first < CHUNK ? (size_t)(s->count - first) : CHUNK;
        ac_sheet_samples(s, first, n, samples);
        for (size_t i = 0; i < n; i++) counts[samples[i]]++;
    }
}

/* Replaces u by its index in a lattice or by its rank among `values`, which are taken over. */
static void use_lattice(ac_sheet *s, const uint16_t *values, uint32_t n, ac_lattice lattice)
{
    s->map.rule = AC_RULE_LATTICE;
    s->map.step = lattice.step, s->map.phase = lattice.phase;
    for (uint32_t i = 0; i < n; i++) s->rank[values[i]] = (uint16_t)ac_lattice_index(lattice, values[i]);
    s->largest = s->rank[values[n - 1]];
}

/* A set of ascending values, which is taken over if that saves more than it costs. */
static int try_set(ac_sheet *s, uint64_t *values, uint32_t n, uint64_t saved, int *is_used)
{
    const uint64_t least = values[0];
    size_t size = 0;
    for (uint32_t i = 0; i < n; i++) values[i] -= least;
    uint8_t *packed = ac_set_pack(values, n, &size);
    *is_used = packed && ac_set_pays(saved, s->count, size);
    if (*is_used) {
        s->map.rule = AC_RULE_SET;
        s->map.offset += least;
        s->map.values = values;
        s->map.value_count = n;
        s->map.packed = packed;
        s->map.packed_size = size;
        s->largest = n - 1;
    } else {
        free(packed);
    }
    return packed ? AC_OK : AC_ERROR_MEMORY;
}

/* A lattice or a value set for integers of 16 bits of which some never occur. */
static int match_set(ac_sheet *s)
{
    if (looks_dense(s)) return AC_OK;
    const uint32_t room = (uint32_t)s->largest + 1; /* no more, for many planes have maps at a time */
    uint32_t *counts = calloc(room, sizeof *counts), n = 0;
    uint16_t *values = malloc(room * sizeof *values), *rank = calloc(room, sizeof *rank);
    uint64_t *members = malloc(room * sizeof *members);
    int status = counts && values && rank && members ? AC_OK : AC_ERROR_MEMORY;
    if (!status) {
        count_values(s, counts);
        for (uint32_t v = 0; v < room; v++) {
            if (!counts[v]) continue;
            rank[v] = (uint16_t)n, members[n] = v, counts[n] = counts[v];
            values[n++] = (uint16_t)v;
        }
        ac_lattice lattice;
        if (n >= 2 && values[n - 1] - values[0] + 1u != n) {
            int is_set = 0;
            const int is_lattice = ac_lattice_fit(values, n, &lattice);
            if (!is_lattice) status = try_set(s, members, n, ac_set_saves(members, n, counts), &is_set);
            if (is_set) memmove(rank, rank + values[0], (room - values[0]) * sizeof *rank), members = NULL;
            if (is_lattice || is_set) s->rank = rank, rank = NULL;
            if (is_lattice) use_lattice(s, values, n, lattice);
        }
    }
    free(counts);
    free(values);
    free(rank);
    free(members);
    return status;
}

/* Values that occur, how often, and where among them they stand. */
typedef struct {
    uint64_t value;
    uint32_t count, rank;
} seen;

typedef struct {
    seen *slots; /* 2^bits of them, more than there are values */
    uint32_t bits, count; /* of values */
    uint64_t *values; /* ascending */
    uint32_t *counts; /* how often each of those occurs */
} census;

static void free_census(census *c)
{
    free(c->slots);
    free(c->values);
    free(c->counts);
}

/* The slot of a value, or the empty one where it belongs. */
static seen *slot_of(const census *c, uint64_t value)
{
    uint64_t at = value * 0x9e3779b97f4a7c15u >> (64 - c->bits);
    while (c->slots[at].count && c->slots[at].value != value) at = (at + 1) & (((uint64_t)1 << c->bits) - 1);
    return &c->slots[at];
}

static int compare_values(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Lists the values that have a slot. */
static int list_values(census *c)
{
    c->values = malloc(c->count * sizeof *c->values);
    c->counts = malloc(c->count * sizeof *c->counts);
    if (!c->values || !c->counts) return AC_ERROR_MEMORY;
    uint32_t at = 0;
    for (uint64_t i = 0; i < (uint64_t)1 << c->bits; i++)
        if (c->slots[i].count) c->values[at++] = c->slots[i].value;
    qsort(c->values, c->count, sizeof *c->values, compare_values);
    for (uint32_t i = 0; i < c->count; i++) {
        seen *slot = slot_of(c, c->values[i]);
        slot->rank = i, c->counts[i] = slot->count;
    }
    return AC_OK;
}

/* The different u of every `stride`-th number, listed if they are at most `most`; else counted up to where that shows. */
static int take_census(const ac_sheet *s, uint64_t stride, uint64_t total, uint32_t most, census *c)
{
    memset(c, 0, sizeof *c);
    while ((uint64_t)1 << c->bits < 2 * ((uint64_t)most + CHUNK)) c->bits++;
    c->slots = calloc((size_t)1 << c->bits, sizeof *c->slots);
    if (!c->slots) return AC_ERROR_MEMORY;
    uint64_t u[CHUNK];
    for (uint64_t first = 0; first < total && c->count <= most; first += CHUNK) {
        const size_t n = total - first < CHUNK ? (size_t)(total - first) : CHUNK;
        load_strided(s, first * stride, (size_t)stride, n, u);
        for (size_t i = 0; i < n; i++) {
            seen *slot = slot_of(c, u[i] - s->map.offset);
            c->count += !slot->count;
            slot->count += slot->count < UINT32_MAX;
            slot->value = u[i] - s->map.offset;
        }
    }
    return c->count <= most ? list_values(c) : AC_OK;
}

/* Whether some thousand numbers show few values, and these not without holes, unless they are floats of few digits. */
static int look_few(const ac_sheet *s, int *few)
{
    const uint64_t stride = s->count >> SAMPLE_LOG ? s->count >> SAMPLE_LOG : 1, total = (s->count + stride - 1) / stride;
    const uint32_t most = (uint32_t)(total * 15 / 16);
    census c;
    const int status = take_census(s, stride, total, most, &c);
    *few = !status && c.count <= most;
    uint32_t steps = 0;
    for (uint32_t i = 1; *few && i < c.count; i++) steps += c.values[i] - c.values[i - 1] == 1;
    *few &= s->map.trailing || c.count <= 8 || 2 * steps <= c.count - 1;
    free_census(&c);
    return status;
}

static uint64_t apart(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

static int64_t steps_bits(uint64_t step) { return ac_log512(1 + (uint32_t)ac_smaller(step, (1u << 30) - 1)); }

/* What ranks save, by how far neighbours are apart in runs of numbers: about 512 times the bits. */
static int64_t ranks_save(const ac_sheet *s, const census *c)
{
    const size_t length = (size_t)ac_smaller(s->count, RUN);
    const uint64_t runs = ac_smaller(RUNS, s->count / length);
    uint32_t low = 0;
    while (s->largest >> low > 65535) low++;
    int64_t saved = 0;
    uint64_t closed[RUN], values[RUN];
    for (uint64_t j = 0; j < runs; j++) {
        const uint64_t first = j * (s->count / runs);
        ac_sheet_integers(s, first, length, closed);
        load(s, first, length, values);
        for (size_t i = 0; i < length; i++) values[i] = slot_of(c, values[i] - s->map.offset)->rank;
        for (size_t i = 1; i < length; i++) {
            const int64_t bits = steps_bits(apart(closed[i], closed[i - 1]));
            saved += (bits > 512 * low ? bits : 512 * low) - steps_bits(apart(values[i], values[i - 1]));
        }
    }
    const int64_t steps = (int64_t)(runs * (length - 1)), whole = saved * 16 / steps;
    return (whole - (saved * 16 % steps < 0)) * (int64_t)s->count >> 4;
}

/* The largest stretch of unused values of the upper 16 bits, among all values if they are known: 1 and a gap if it is worth closing. */
static int find_gap(const ac_sheet *s, const census *all, ac_gap *gap)
{
    uint8_t *used = calloc(65536, 1);
    if (!used) return 0;
    uint32_t shift = 0;
    while (s->largest >> shift > 65535) shift++;
    uint64_t u[CHUNK];
    const uint64_t count = all ? all->count : s->count;
    for (uint64_t first = 0; first < count; first += CHUNK) {
        const size_t n = count - first < CHUNK ? (size_t)(count - first) : CHUNK;
        if (all) {
            memcpy(u, all->values + first, n * sizeof *u);
            close_each(&s->map, n, u);
        } else {
            ac_sheet_integers(s, first, n, u);
        }
        for (size_t i = 0; i < n; i++) used[(uint16_t)(u[i] >> shift)] = 1;
    }
    uint32_t last = 0, widest = 0, before = 0;
    while (!used[last]) last++;
    for (uint32_t v = last + 1; v < 65536; v++) {
        if (!used[v]) continue;
        if (v - last > widest) widest = v - last, before = last;
        last = v;
    }
    free(used);
    if (widest < 4 || (uint64_t)widest * 4 < s->largest >> shift) return 0;
    *gap = (ac_gap){(uint64_t)(before + 1) << shift, (uint64_t)(widest - 1) << shift};
    return 1;
}

/* Brings far-off values (a BLANK, NaNs) next to the rest while the range exceeds 16 bits. `all`: the values that occur, or NULL. */
static void close_gaps(ac_sheet *s, const census *all)
{
    ac_gap gap;
    while (s->largest > 65535 && s->map.gap_count < AC_MAX_GAPS && find_gap(s, all, &gap)) {
        s->map.gaps[s->map.gap_count++] = gap;
        s->largest -= gap.length;
    }
}

/* The ranks of all numbers, whose values are a set. */
static int take_ranks(ac_sheet *s, const census *c)
{
    s->map.gap_count = 0;
    s->ranks = malloc((size_t)s->count * sizeof *s->ranks);
    if (!s->ranks) return AC_ERROR_MEMORY;
    uint64_t u[CHUNK];
    for (uint64_t first = 0; first < s->count; first += CHUNK) {
        const size_t n = s->count - first < CHUNK ? (size_t)(s->count - first) : CHUNK;
        load(s, first, n, u);
        for (size_t i = 0; i < n; i++) s->ranks[first + i] = (uint16_t)slot_of(c, u[i] - s->map.offset)->rank;
    }
    return AC_OK;
}

/* Gaps, or a value set, for integers beyond 16 bits. */
static int match_wide(ac_sheet *s)
{
    const uint32_t most = (uint32_t)ac_smaller(65536, s->count / 2);
    census c = {0};
    int few, is_set = 0, status = look_few(s, &few);
    if (!status && few) status = take_census(s, 1, s->count, most, &c);
    few &= !status && c.count <= most;
    if (!status) close_gaps(s, few ? &c : NULL);
    const int64_t saved = few ? ranks_save(s, &c) : 0;
    if (saved > 0) status = try_set(s, c.values, c.count, (uint64_t)saved, &is_set);
    if (is_set) {
        c.values = NULL;
        status = take_ranks(s, &c);
    }
    free_census(&c);
    return status;
}

int ac_sheet_init(ac_sheet *s, const ac_array *array, const void *data)
{
    memset(s, 0, sizeof *s);
    int status = ac_array_count(array, &s->count);
    if (status) return status;
    s->numbers = ac_numbers_of(array, (void *)data, s->count);
    s->count <<= ac_is_complex(array->dtype);
    s->planes = ac_planes_of(array);
    if (ac_is_float(array->dtype)) s->map.kind = holds_integers(data, s->numbers.dtype, s->count) ? AC_KIND_FLOAT_INTEGER : AC_KIND_FLOAT_BITS;
    if (s->map.kind == AC_KIND_FLOAT_BITS) s->map.trailing = trailing_zeros(data, s->numbers.dtype, s->count);
    uint64_t low, high;
    range_of(s, &low, &high);
    /* Offsets in steps of 16 keep converter patterns (value modulo 16) in place from piece to piece. */
    const uint64_t rounded = low & ~(uint64_t)15;
    s->map.offset = high - rounded <= 65535 ? rounded : low;
    s->largest = high - s->map.offset;
    if (s->largest <= 65535) return match_set(s);
    return match_wide(s);
}

void ac_sheet_free(ac_sheet *s)
{
    ac_pixel_map_free(&s->map);
    free(s->rank);
    free(s->ranks);
}

/* The map's bytes */

size_t ac_pixel_map_bound(const ac_pixel_map *map)
{
    return 3 + AC_MAX_VARINT * (3 + 2 * (size_t)map->gap_count) + map->packed_size + AC_MAX_VARINT;
}

size_t ac_pixel_map_write(const ac_pixel_map *map, uint8_t *out)
{
    uint8_t *p = out;
    *p++ = (uint8_t)(map->kind | map->rule << 4);
    if (map->kind == AC_KIND_FLOAT_BITS) *p++ = map->trailing;
    p += ac_put_signed_varint(p, (int64_t)map->offset);
    p += ac_put_varint(p, map->gap_count);
    for (uint32_t i = 0; i < map->gap_count; i++) {
        p += ac_put_varint(p, map->gaps[i].start);
        p += ac_put_varint(p, map->gaps[i].length);
    }
    if (map->rule == AC_RULE_LATTICE) {
        p += ac_put_varint(p, map->step);
        p += ac_put_varint(p, map->phase);
    }
    if (map->rule == AC_RULE_SET) {
        p += ac_put_varint(p, map->value_count);
        p += ac_put_varint(p, map->packed_size);
        memcpy(p, map->packed, map->packed_size);
        p += map->packed_size;
    }
    return (size_t)(p - out);
}

static void read_set(ac_reader *r, uint64_t most, ac_pixel_map *map)
{
    const size_t start = r->at;
    map->value_count = (uint32_t)ac_take_varint(r, 65536);
    if (map->value_count > most) ac_fail_reader(r, AC_REASON_SET_LARGE, start, map->value_count, most);
    if (!map->value_count) ac_fail_reader(r, AC_REASON_SET, start, 0, 0);
    const uint64_t size = ac_take_varint(r, 1 << 20);
    const uint8_t *packed = ac_take(r, size);
    if (!packed) return;
    map->values = malloc((map->value_count + 1) * sizeof *map->values);
    if (!map->values)
        r->why.status = AC_ERROR_MEMORY;
    else if (!ac_set_unpack(packed, (size_t)size, map->values, map->value_count))
        ac_fail_reader(r, AC_REASON_SET, r->at - size, map->value_count, size);
}

int ac_pixel_map_read(ac_reader *r, int dtype, uint64_t most, ac_pixel_map *map)
{
    memset(map, 0, sizeof *map);
    const size_t start = r->at;
    const uint32_t head = ac_take_byte(r);
    map->kind = head & 15, map->rule = (uint8_t)(head >> 4);
    if (map->kind > AC_KIND_FLOAT_INTEGER || map->rule > AC_RULE_SET) ac_fail_reader(r, AC_REASON_MAP_KIND, start, head, 0);
    if (map->kind == AC_KIND_FLOAT_BITS) map->trailing = (uint8_t)ac_take_byte(r);
    map->offset = (uint64_t)ac_take_signed_varint(r);
    const size_t gaps_at = r->at;
    map->gap_count = (uint32_t)ac_take_varint(r, AC_MAX_GAPS);
    if (map->gap_count && map->rule) ac_fail_reader(r, AC_REASON_MAP_GAPS, gaps_at, map->gap_count, map->rule);
    for (uint32_t i = 0; i < map->gap_count; i++) {
        map->gaps[i].start = ac_take_varint(r, UINT64_MAX);
        map->gaps[i].length = ac_take_varint(r, UINT64_MAX);
    }
    if (map->rule == AC_RULE_LATTICE) {
        map->step = ac_take_varint(r, (uint64_t)1 << 48);
        map->phase = ac_take_varint(r, (uint64_t)1 << 48);
    }
    if (map->rule == AC_RULE_SET) read_set(r, most, map);
    if ((map->kind == AC_KIND_INTEGER) == ac_is_float(dtype)) ac_fail_reader(r, AC_REASON_MAP_OF_TYPE, start, map->kind, (uint64_t)dtype);
    const uint32_t zeros = 8 * (uint32_t)ac_number_bytes(ac_number_dtype(dtype)) - 2;
    if (map->trailing > zeros) ac_fail_reader(r, AC_REASON_MAP_TRAILING, start + 1, map->trailing, zeros);
    if (r->why.status) ac_pixel_map_free(map);
    return r->why.status;
}

void ac_pixel_map_free(ac_pixel_map *map)
{
    free(map->values);
    free(map->packed);
    map->values = NULL;
    map->packed = NULL;
}

/* Decoder */

#define STORE(type, expression)                                            \
    {                                                                      \
        type *p = (type *)out + first;                                     \
        for (size_t i = 0; i < n; i++) p[i * stride] = (type)(expression); \
        return;                                                            \
    }

static inline void store_numbers(void *out, int dtype, int kind, uint64_t first, size_t stride, size_t n, const uint64_t *v)
{
    int exact = 1;
    if (kind == AC_KIND_FLOAT_INTEGER) {
        if (dtype == AC_F2) STORE(uint16_t, half_of((int64_t)v[i], &exact))
        if (dtype == AC_F4) STORE(float, (int32_t)v[i])
        STORE(double, (int32_t)v[i])
    }
    switch (ac_number_bytes(dtype)) {
    case 1: STORE(uint8_t, v[i])
    case 2: STORE(uint16_t, v[i])
    case 4: STORE(uint32_t, v[i])
    default: STORE(uint64_t, v[i])
    }
}

static void store(const ac_numbers *out, int kind, uint64_t first, size_t n, const uint64_t *v)
{
    if (!out->half) {
        store_numbers(out->data, out->dtype, kind, first, 1, n, v);
        return;
    }
    while (n) {
        const uint64_t part = first >= out->half, there = part ? n : ac_smaller(n, out->half - first);
        store_numbers(out->data, out->dtype, kind, 2 * (first - part * out->half) + part, 2, (size_t)there, v);
        first += there, v += there, n -= (size_t)there;
    }
}

/* Integers below 2^31 in magnitude that the type has. */
static int are_floats(int dtype, const uint64_t *u, size_t n)
{
    /* those that need no look: all types have them */
    const uint64_t easy = (uint64_t)1 << (dtype == AC_F2 ? 11 : dtype == AC_F4 ? 24 : 30);
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++) all |= u[i] + easy;
    if (all < 2 * easy) return 1;
    int wrong = 0, exact = 1;
    for (size_t i = 0; i < n; i++) wrong |= u[i] + INT32_MAX > UINT32_MAX - 1;
    if (wrong) return 0;
    if (dtype == AC_F4)
        for (size_t i = 0; i < n; i++) wrong |= (double)(float)(int32_t)u[i] != (double)(int32_t)u[i];
    if (dtype == AC_F2)
        for (size_t i = 0; i < n; i++) half_of((int64_t)u[i], &exact);
    return !wrong && exact;
}

int ac_pixels_restore(const ac_pixel_map *map, const ac_numbers *out, uint64_t *u, size_t n, uint64_t first, ac_refusal *why)
{
    if (map->rule == AC_RULE_LATTICE)
        for (size_t i = 0; i < n; i++) u[i] = (u[i] * map->step + map->phase) >> 32;
    if (map->rule == AC_RULE_SET)
        for (size_t i = 0; i < n; i++) {
            if (u[i] >= map->value_count) return ac_refuse(why, AC_REASON_OUTSIDE_SET, 0, u[i], map->value_count);
            u[i] = map->values[u[i]];
        }
    for (uint32_t g = map->gap_count; g-- > 0;) {
        const ac_gap gap = map->gaps[g];
        for (size_t i = 0; i < n; i++) u[i] += u[i] >= gap.start ? gap.length : 0;
    }
    for (size_t i = 0; i < n; i++) u[i] += map->offset;
    if (map->kind == AC_KIND_FLOAT_INTEGER && !are_floats(out->dtype, u, n)) return ac_refuse(why, AC_REASON_VALUE, 0, (uint64_t)out->dtype, 0);
    if (map->kind == AC_KIND_FLOAT_BITS) {
        const uint32_t trailing = map->trailing, width = 8 * (uint32_t)ac_number_bytes(out->dtype) - trailing;
        for (size_t i = 0; i < n; i++) u[i] = unordered_bits(u[i], width) << trailing;
    }
    store(out, map->kind, first, n, u);
    return AC_OK;
}

int ac_pixels_restore_words(const ac_pixel_map *map, uint16_t *numbers, uint64_t n)
{
    if (map->kind != AC_KIND_INTEGER || map->rule || map->gap_count) return 0;
    const uint16_t offset = (uint16_t)map->offset;
    if (offset)
        for (uint64_t i = 0; i < n; i++) numbers[i] = (uint16_t)(numbers[i] + offset);
    return 1;
}
