#include "pixel_choice.h"

#include <stdlib.h>
#include <string.h>

#include "find_bins.h"
#include "census.h"
#include "float_bits.h"
#include "log512.h"
#include "valueset.h"
#include "wide_vectors.h"

enum { CHUNK = 1024, SAMPLE_LOG = 13, RUNS = 64, RUN = 4096 /* where a set is weighed */, GAP_LOOKS = 8, WAYS = 4, FEW_COUNTS = 4096 };

/* Whether some are all integers below 2^31 in magnitude, and none is -0.0: in 32 bits there and back. */
#define HOLDS(name, type, bits, top)                                                        \
    static inline int name(const type *p, size_t n)                                         \
    {                                                                                       \
        int all = 1;                                                                        \
        for (size_t i = 0; i < n; i++) {                                                    \
            bits b;                                                                         \
            memcpy(&b, p + i, sizeof b);                                                    \
            const type v = p[i] > (type)-2147483648.0 && p[i] < (type)2147483648.0 ? p[i] : 0; \
            all &= ((type)(int32_t)v == p[i]) & (b != top);                                 \
        }                                                                                   \
        return all;                                                                         \
    }                                                                                       \
    WIDE_VECTORS static int name##_wide(const type *p, size_t n) { return name(p, n); }

HOLDS(holds_singles, float, uint32_t, (uint32_t)1 << 31)
HOLDS(holds_doubles, double, uint64_t, (uint64_t)1 << 63)

static int holds_halves(const uint16_t *p, size_t n)
{
    int64_t value;
    for (size_t i = 0; i < n; i++)
        if (!ac_half_integer(p[i], &value)) return 0;
    return 1;
}

int ac_holds_integers(const void *data, int dtype, uint64_t count)
{
    for (uint64_t first = 0; first < count; first += CHUNK) {
        const size_t n = (size_t)ac_smaller(CHUNK, count - first);
        const int all = dtype == AC_F2   ? holds_halves((const uint16_t *)data + first, n)
                        : dtype == AC_F4 ? (HAS_WIDE_VECTORS ? holds_singles_wide : holds_singles)((const float *)data + first, n)
                                         : (HAS_WIDE_VECTORS ? holds_doubles_wide : holds_doubles)((const double *)data + first, n);
        if (!all) return 0;
    }
    return 1;
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

static inline void integers_range(const int32_t *p, uint64_t n, int32_t *low, int32_t *high)
{
    int32_t least = p[0], most = p[0];
    for (uint64_t i = 1; i < n; i++) {
        least = p[i] < least ? p[i] : least;
        most = p[i] > most ? p[i] : most;
    }
    *low = least, *high = most;
}

WIDE_VECTORS static void integers_range_wide(const int32_t *p, uint64_t n, int32_t *low, int32_t *high) { integers_range(p, n, low, high); }

void ac_integers_range(const int32_t *p, uint64_t n, int32_t *low, int32_t *high) { (HAS_WIDE_VECTORS ? integers_range_wide : integers_range)(p, n, low, high); }

/* The least and the greatest of floats, as integers in the order of their values that have the sign of these. */
#define FLOAT_RANGE(name, integer, shift, all)                                                  \
    static inline void name(const integer *p, uint64_t n, int64_t *low, int64_t *high)          \
    {                                                                                           \
        integer least = all, most = -all - 1;                                                   \
        for (uint64_t i = 0; i < n; i++) {                                                      \
            const integer v = p[i] ^ (p[i] >> shift & all);                                     \
            least = v < least ? v : least;                                                      \
            most = v > most ? v : most;                                                         \
        }                                                                                       \
        *low = least, *high = most;                                                             \
    }                                                                                           \
    WIDE_VECTORS static void name##_wide(const integer *p, uint64_t n, int64_t *low, int64_t *high) { name(p, n, low, high); }

FLOAT_RANGE(singles_range, int32_t, 31, INT32_MAX)
FLOAT_RANGE(doubles_range, int64_t, 63, INT64_MAX)

/* The number of a float that such an integer tells. */
static uint64_t number_of_bits(const ac_sheet *s, int64_t ordered)
{
    const int is_single = s->numbers.dtype == AC_F4;
    ac_sheet one = *s;
    uint64_t number;
    const uint64_t bits = (uint64_t)(ordered ^ (ordered >> 63 & INT64_MAX));
    const uint32_t narrow = (uint32_t)(ordered ^ (ordered >> 63 & INT32_MAX));
    one.numbers.data = is_single ? (void *)&narrow : (void *)&bits, one.numbers.half = 0;
    ac_sheet_numbers(&one, 0, 1, 1, &number);
    return number;
}

static void range_of_halves(const ac_sheet *s, uint64_t *low, uint64_t *high)
{
    const uint64_t flip = s->map.kind == AC_KIND_FLOAT_INTEGER ? (uint64_t)1 << 63 : 0;
    uint64_t v[CHUNK], least = UINT64_MAX, most = 0;
    for (uint64_t first = 0; first < s->count; first += CHUNK) {
        const size_t n = s->count - first < CHUNK ? (size_t)(s->count - first) : CHUNK;
        ac_sheet_numbers(s, first, 1, n, v);
        for (size_t i = 0; i < n; i++) {
            const uint64_t key = v[i] ^ flip;
            least = key < least ? key : least;
            most = key > most ? key : most;
        }
    }
    *low = least ^ flip, *high = most ^ flip;
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
    if (s->numbers.dtype == AC_I4) {
        int32_t least, most;
        ac_integers_range(s->numbers.data, s->count, &least, &most);
        *low = (uint64_t)least, *high = (uint64_t)most;
        return;
    }
    switch (s->numbers.dtype) {
    case AC_U1:
    case AC_B1: RANGE(uint8_t)
    case AC_I1: RANGE(int8_t)
    case AC_U4: RANGE(uint32_t)
    case AC_U8: RANGE(uint64_t)
    case AC_I8: RANGE(int64_t)
    default: break;
    }
    int64_t least, most;
    switch (s->numbers.dtype) {
    case AC_F2:
        range_of_halves(s, low, high);
        return;
    case AC_F4: (HAS_WIDE_VECTORS ? singles_range_wide : singles_range)(s->numbers.data, s->count, &least, &most); break;
    default: (HAS_WIDE_VECTORS ? doubles_range_wide : doubles_range)(s->numbers.data, s->count, &least, &most); break;
    }
    *low = number_of_bits(s, least), *high = number_of_bits(s, most);
}

/* Whether some thousand elements show that values are used without holes. */
static int looks_dense(const ac_sheet *s)
{
    uint64_t seen[1024] = {0}, v[CHUNK];
    const uint64_t stride = s->count >> SAMPLE_LOG ? s->count >> SAMPLE_LOG : 1, total = (s->count + stride - 1) / stride;
    for (uint64_t first = 0; first < total; first += CHUNK) {
        const size_t n = total - first < CHUNK ? (size_t)(total - first) : CHUNK;
        ac_sheet_numbers(s, first * stride, (size_t)stride, n, v);
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

/* Few values repeat one after the other, and a count must not wait for the one before: they have several. */
static void count_values(const ac_sheet *s, uint32_t *counts)
{
    uint32_t other[WAYS - 1][FEW_COUNTS];
    const int is_few = s->largest < FEW_COUNTS && s->count >= 16 * FEW_COUNTS;
    if (is_few) memset(other, 0, sizeof other);
    uint32_t *const way[WAYS] = {counts, is_few ? other[0] : counts, is_few ? other[1] : counts, is_few ? other[2] : counts};
    uint16_t samples[CHUNK];
    for (uint64_t first = 0; first < s->count; first += CHUNK) {
        const size_t n = s->count - first < CHUNK ? (size_t)(s->count - first) : CHUNK;
        ac_sheet_samples(s, first, n, samples);
        size_t i = 0;
        for (; i + WAYS <= n; i += WAYS)
            for (size_t k = 0; k < WAYS; k++) way[k][samples[i + k]]++;
        for (; i < n; i++) counts[samples[i]]++;
    }
    for (size_t v = 0; v <= s->largest && is_few; v++) counts[v] += other[0][v] + other[1][v] + other[2][v];
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

/* Whether some thousand numbers show few values, and these not without holes, unless they are floats of few digits. */
static int look_few(const ac_sheet *s, int *few)
{
    const uint64_t stride = s->count >> SAMPLE_LOG ? s->count >> SAMPLE_LOG : 1, total = (s->count + stride - 1) / stride;
    const uint32_t most = (uint32_t)(total * 15 / 16);
    ac_census c;
    const int status = ac_census_take(s, stride, total, most, &c);
    *few = !status && c.count <= most;
    uint32_t steps = 0;
    for (uint32_t i = 1; *few && i < c.count; i++) steps += c.values[i] - c.values[i - 1] == 1;
    *few &= s->map.trailing || c.count <= 8 || 2 * steps <= c.count - 1;
    ac_census_free(&c);
    return status;
}

static uint64_t apart(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

static int64_t steps_bits(uint64_t step) { return ac_log512(1 + (uint32_t)ac_smaller(step, (1u << 30) - 1)); }

/* What ranks save, by how far neighbours are apart in runs of numbers: about 512 times the bits. */
static int64_t ranks_save(const ac_sheet *s, const ac_census *c)
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
        ac_sheet_numbers(s, first, 1, length, values);
        for (size_t i = 0; i < length; i++) values[i] = ac_census_slot(c, values[i] - s->map.offset)->rank;
        for (size_t i = 1; i < length; i++) {
            const int64_t bits = steps_bits(apart(closed[i], closed[i - 1]));
            saved += (bits > 512 * low ? bits : 512 * low) - steps_bits(apart(values[i], values[i - 1]));
        }
    }
    const int64_t steps = (int64_t)(runs * (length - 1)), whole = saved * 16 / steps;
    return (whole - (saved * 16 % steps < 0)) * (int64_t)s->count >> 4;
}

/* Whether some numbers show that no stretch of a quarter of the upper 16 bits is unused: it would hold seven whole ones of 64 parts of 2^16. */
static int is_without_gap(const ac_sheet *s, uint32_t shift)
{
    uint64_t u[CHUNK], parts = 1 | UINT64_MAX << (s->largest >> shift >> 10); /* those behind do not count */
    for (uint64_t look = 0; look < GAP_LOOKS; look++) {
        const uint64_t first = look * (s->count / GAP_LOOKS);
        const size_t n = (size_t)ac_smaller(CHUNK, s->count - first);
        ac_sheet_integers(s, first, n, u);
        for (size_t i = 0; i < n; i++) parts |= (uint64_t)1 << ((u[i] >> shift >> 10) & 63);
        uint64_t empty = ~parts;
        empty &= empty >> 1, empty &= empty >> 2, empty &= empty >> 3; /* of 2, 4, 7 */
        if (!empty) return 1;
    }
    return 0;
}

/* The largest stretch of unused values of the upper 16 bits, among all values if they are known: 1 and a gap if it is worth closing. */
static int find_gap(const ac_sheet *s, const ac_census *all, ac_gap *gap)
{
    uint32_t shift = 0;
    while (s->largest >> shift > 65535) shift++;
    if (!all && is_without_gap(s, shift)) return 0;
    uint8_t *used = calloc(65536, 1);
    if (!used) return 0;
    uint64_t u[CHUNK];
    const uint64_t count = all ? all->count : s->count;
    for (uint64_t first = 0; first < count; first += CHUNK) {
        const size_t n = count - first < CHUNK ? (size_t)(count - first) : CHUNK;
        if (all) {
            memcpy(u, all->values + first, n * sizeof *u);
            ac_sheet_close_gaps(s, n, u);
        } else {
            ac_sheet_integers(s, first, n, u);
        }
        for (size_t i = 0; i < n; i++) used[(uint16_t)(u[i] >> shift)] = 1;
    }
    uint32_t last = 0, widest = 0, before = 0;
    while (!used[last]) last++;
    for (uint32_t v = last + 1; v < 65536; v++) {
        uint64_t eight;
        memcpy(&eight, used + (v & ~7u), sizeof eight);
        if (!eight) v |= 7;
        if (!used[v]) continue;
        if (v - last > widest) widest = v - last, before = last;
        last = v;
    }
    free(used);
    if (widest < 4 || (uint64_t)widest * 4 < s->largest >> shift) return 0;
    const uint64_t unit = s->unit ? s->unit : 1;
    *gap = (ac_gap){((uint64_t)(before + 1) << shift) * unit, ((uint64_t)(widest - 1) << shift) * unit};
    return 1;
}

/* Brings far-off values (a BLANK, NaNs) next to the rest while the range exceeds 16 bits. `all`: the values that occur, or NULL. */
static void close_gaps(ac_sheet *s, const ac_census *all)
{
    ac_gap gap;
    while (s->largest > 65535 && s->map.gap_count < AC_MAX_GAPS && find_gap(s, all, &gap)) {
        s->map.gaps[s->map.gap_count++] = gap;
        s->largest -= s->unit ? gap.length / s->unit : gap.length;
    }
}

static uint64_t divisor(uint64_t a, uint64_t b)
{
    while (b) {
        const uint64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

/* The least and the greatest of some numbers, and what the others are apart in common; `one`: one of those. */
static uint64_t common_divisor(const ac_sheet *s, uint64_t *one)
{
    const uint64_t stride = s->count >> SAMPLE_LOG ? s->count >> SAMPLE_LOG : 1, total = (s->count + stride - 1) / stride;
    uint64_t u[CHUNK], least = UINT64_MAX, most = 0, common = 0;
    int known = 0;
    for (int again = 0; again < 2; again++)
        for (uint64_t first = 0; first < total && common != 1; first += CHUNK) {
            const size_t n = total - first < CHUNK ? (size_t)(total - first) : CHUNK;
            ac_sheet_numbers(s, first * stride, (size_t)stride, n, u);
            for (size_t i = 0; i < n && common != 1; i++) {
                const uint64_t v = u[i] - s->map.offset;
                if (!again) {
                    least = v < least ? v : least, most = v > most ? v : most;
                } else if (v != least && v != most) {
                    if (!known++) *one = v;
                    common = divisor(apart(v, *one), common);
                }
            }
        }
    return common;
}

/* Numbers that are multiples of a unit from one another but for the least or the greatest value, which gaps bring into step. */
static void match_unit(ac_sheet *s)
{
    uint64_t one = 0;
    const uint64_t unit = common_divisor(s, &one), top = s->largest;
    if (unit < 2 || unit > UINT32_MAX) return;
    const int low = one % unit != 0, high = apart(top, one) % unit != 0; /* whether those are out of step */
    uint64_t u[CHUNK], second = top, last = 0;
    for (uint64_t first = 0; first < s->count; first += CHUNK) {
        const size_t n = s->count - first < CHUNK ? (size_t)(s->count - first) : CHUNK;
        ac_sheet_numbers(s, first, 1, n, u);
        for (size_t i = 0; i < n; i++) {
            const uint64_t v = u[i] - s->map.offset;
            if ((low && !v) || (high && v == top)) continue;
            if (apart(v, one) % unit) return;
            second = v < second ? v : second, last = v > last ? v : last;
        }
    }
    /* of a greatest value that is out of step the distance is from the last that is not */
    const uint64_t closed = low ? second - unit : 0;
    if ((low && second <= unit) || (high && top - last <= unit)) return;
    const uint64_t largest = (high ? last + unit : top) - closed;
    if (largest > UINT32_MAX) return;
    s->map.rule = AC_RULE_LATTICE;
    s->map.step = unit << 32, s->map.phase = 0, s->unit = unit;
    if (low) s->map.gaps[s->map.gap_count++] = (ac_gap){1, closed};
    if (high) s->map.gaps[s->map.gap_count++] = (ac_gap){last - closed + 1, top - last - unit};
    s->largest = largest / unit;
}

/* The ranks of all numbers, whose values are a set. */
static int take_ranks(ac_sheet *s, const ac_census *c)
{
    s->map.gap_count = 0;
    s->ranks = malloc((size_t)s->count * sizeof *s->ranks);
    if (!s->ranks) return AC_ERROR_MEMORY;
    uint64_t u[CHUNK];
    for (uint64_t first = 0; first < s->count; first += CHUNK) {
        const size_t n = s->count - first < CHUNK ? (size_t)(s->count - first) : CHUNK;
        ac_sheet_numbers(s, first, 1, n, u);
        for (size_t i = 0; i < n; i++) s->ranks[first + i] = (uint16_t)ac_census_slot(c, u[i] - s->map.offset)->rank;
    }
    return AC_OK;
}

/* A unit, gaps, or a value set, for integers beyond 16 bits. */
static int match_wide(ac_sheet *s)
{
    const uint32_t most = (uint32_t)ac_smaller(65536, s->count / 2);
    ac_census c = {0};
    if (s->map.kind != AC_KIND_FLOAT_BITS) match_unit(s);
    int few, is_set = 0, status = look_few(s, &few);
    if (!status && few) status = ac_census_take(s, 1, s->count, most, &c);
    few &= !status && c.count <= most;
    if (!status) close_gaps(s, few ? &c : NULL);
    const int64_t saved = few ? ranks_save(s, &c) : 0;
    if (saved > 0) status = try_set(s, c.values, c.count, (uint64_t)saved, &is_set);
    if (is_set) {
        c.values = NULL;
        status = take_ranks(s, &c);
    }
    ac_census_free(&c);
    return status;
}

/* Bins in place of the bits of floats where that saves something and they are few enough. `low` and `high` are the range of these. */
static void match_bins(ac_sheet *s, uint64_t low, uint64_t high)
{
    ac_sheet bins = *s;
    if (s->count < 2 || ac_find_bins(s, &bins.map) <= 0) return;
    for (;; bins.map.linear -= bins.map.linear > 1 ? 2 : 1) { /* a rare number may be far off */
        const ac_bins c = ac_map_bins(&bins.map, s->numbers.dtype);
        uint32_t bits;
        const int64_t first = ac_bin_of(&c, ac_unordered_bits(low, c.sign + 1), &bits), last = ac_bin_of(&c, ac_unordered_bits(high, c.sign + 1), &bits);
        bins.map.gap_count = 0;
        bins.map.offset = (uint64_t)first;
        bins.largest = (uint64_t)last - (uint64_t)first;
        close_gaps(&bins, NULL);
        if (bins.largest <= 65535 || !bins.map.linear) break;
    }
    if (bins.largest <= 65535) *s = bins;
}

static int start(ac_sheet *s, const ac_array *array, const void *data)
{
    memset(s, 0, sizeof *s);
    const int status = ac_array_count(array, &s->count);
    if (status) return status;
    s->numbers = ac_numbers_of(array, (void *)data, s->count);
    s->count <<= ac_is_complex(array->dtype);
    s->planes = ac_planes_of(array);
    return AC_OK;
}

int ac_sheet_init_plain(ac_sheet *s, const ac_array *array, const void *data)
{
    uint64_t low, high;
    const int status = start(s, array, data);
    if (status) return status;
    range_of(s, &low, &high);
    s->map.offset = low, s->largest = high - low;
    return s->largest <= 65535 ? AC_OK : AC_ERROR_SPACE;
}

int ac_sheet_init(ac_sheet *s, const ac_array *array, const void *data) { return ac_sheet_init_as(s, array, data, 0); }

int ac_sheet_init_as(ac_sheet *s, const ac_array *array, const void *data, int by_bits)
{
    int status = start(s, array, data);
    if (status) return status;
    s->by_bits = by_bits;
    if (ac_is_float(array->dtype)) s->map.kind = ac_holds_integers(data, s->numbers.dtype, s->count) ? AC_KIND_FLOAT_INTEGER : AC_KIND_FLOAT_BITS;
    if (s->map.kind == AC_KIND_FLOAT_BITS) s->map.trailing = trailing_zeros(data, s->numbers.dtype, s->count);
    uint64_t low, high;
    range_of(s, &low, &high);
    /* Offsets in steps of 16 keep converter patterns (value modulo 16) in place from piece to piece. */
    const uint64_t rounded = low & ~(uint64_t)15;
    s->map.offset = high - rounded <= 65535 ? rounded : low;
    s->largest = high - s->map.offset;
    status = s->largest <= 65535 ? match_set(s) : match_wide(s);
    if (!status && !by_bits && s->map.kind == AC_KIND_FLOAT_BITS && s->map.rule == AC_RULE_NONE) match_bins(s, low, high);
    return status;
}
