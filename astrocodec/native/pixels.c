#include "pixels.h"

#include <stdlib.h>

#include "float_bits.h"
#include "wide_vectors.h"

enum { CHUNK = 1024 };

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
    if (map->kind == AC_KIND_BINS) { /* their bits as they are */
        switch (dtype) {
        case AC_F2: LOAD(uint16_t, p[i * stride] >> trailing)
        case AC_F4: LOAD(uint32_t, p[i * stride] >> trailing)
        default: LOAD(uint64_t, p[i * stride] >> trailing)
        }
        return;
    }
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
        if (is_ordered) LOAD(uint16_t, ac_ordered_bits(p[i * stride], 16) >> trailing)
        LOAD(uint16_t, ac_half_value(p[i * stride]))
    case AC_F4:
        if (is_ordered && trailing) LOAD(uint32_t, ac_ordered_bits(p[i * stride], 32) >> trailing)
        if (is_ordered) LOAD(uint32_t, ac_ordered_bits(p[i * stride], 32))
        LOAD(float, (int64_t)p[i * stride])
    default:
        if (is_ordered && trailing) LOAD(uint64_t, ac_ordered_bits(p[i * stride], 64) >> trailing)
        if (is_ordered) LOAD(uint64_t, ac_ordered_bits(p[i * stride], 64))
        LOAD(double, (int64_t)p[i * stride])
    }
}

ac_numbers ac_numbers_of(const ac_array *array, void *data, uint64_t count)
{
    return (ac_numbers){data, ac_number_dtype(array->dtype), ac_is_complex(array->dtype) ? count : 0};
}

/* Of bins the bits of their floats. */
static void load(const ac_sheet *s, uint64_t first, size_t stride, size_t n, uint64_t *v)
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

static inline void take_bins(const ac_bins *c, size_t n, uint64_t *v)
{
    uint32_t bits;
    for (size_t i = 0; i < n; i++) v[i] = (uint64_t)ac_bin_of(c, v[i], &bits);
}

WIDE_VECTORS static void take_bins_wide(const ac_bins *c, size_t n, uint64_t *v) { take_bins(c, n, v); }

void ac_sheet_numbers(const ac_sheet *s, uint64_t first, size_t stride, size_t n, uint64_t *v)
{
    load(s, first, stride, n, v);
    if (s->map.kind != AC_KIND_BINS) return;
    const ac_bins bins = ac_map_bins(&s->map, s->numbers.dtype);
    (HAS_WIDE_VECTORS ? take_bins_wide : take_bins)(&bins, n, v);
}

static inline void take_places(const ac_bins *c, size_t n, uint64_t *v, uint64_t *places, uint8_t *bits)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t low;
        const uint64_t number = v[i];
        v[i] = (uint64_t)ac_bin_of(c, number, &low);
        places[i] = number & (((uint64_t)1 << low) - 1);
        bits[i] = (uint8_t)low;
    }
}

WIDE_VECTORS static void take_places_wide(const ac_bins *c, size_t n, uint64_t *v, uint64_t *places, uint8_t *bits) { take_places(c, n, v, places, bits); }

void ac_sheet_places(const ac_sheet *s, uint64_t first, size_t n, uint64_t *u, uint64_t *places, uint8_t *bits)
{
    const ac_bins bins = ac_map_bins(&s->map, s->numbers.dtype);
    load(s, first, 1, n, u);
    (HAS_WIDE_VECTORS ? take_places_wide : take_places)(&bins, n, u, places, bits);
    for (size_t i = 0; i < n; i++) u[i] -= s->map.offset;
    ac_sheet_close_gaps(s, n, u);
}

uint64_t ac_sheet_low_bits(const ac_sheet *s, uint64_t first, size_t n)
{
    if (s->map.kind != AC_KIND_BINS) return (uint64_t)s->low_bits * n;
    const ac_bins bins = ac_map_bins(&s->map, s->numbers.dtype);
    uint64_t v[CHUNK], total = 0;
    for (size_t done = 0; done < n; done += CHUNK) {
        const size_t part = n - done < CHUNK ? n - done : CHUNK;
        load(s, first + done, 1, part, v);
        for (size_t i = 0; i < part; i++) {
            uint32_t low;
            ac_bin_of(&bins, v[i], &low);
            total += low;
        }
    }
    return total;
}

void ac_sheet_close_gaps(const ac_sheet *s, size_t n, uint64_t *u)
{
    for (uint32_t g = 0; g < s->map.gap_count; g++) {
        const ac_gap gap = s->map.gaps[g];
        for (size_t i = 0; i < n; i++) u[i] -= u[i] >= gap.start ? gap.length : 0;
    }
    if (s->unit)
        for (size_t i = 0; i < n; i++) u[i] = (uint32_t)u[i] / (uint32_t)s->unit;
}

void ac_sheet_integers(const ac_sheet *s, uint64_t first, size_t n, uint64_t *u)
{
    if (s->ranks) {
        for (size_t i = 0; i < n; i++) u[i] = s->ranks[first + i];
        return;
    }
    ac_sheet_numbers(s, first, 1, n, u);
    for (size_t i = 0; i < n; i++) u[i] -= s->map.offset;
    ac_sheet_close_gaps(s, n, u);
    if (s->rank)
        for (size_t i = 0; i < n; i++) u[i] = s->rank[(uint16_t)u[i]];
}

#define LOAD_WORDS(type)                                                                             \
    {                                                                                                \
        const type *p = (const type *)s->numbers.data + first;                                             \
        for (size_t i = 0; i < n; i++) samples[i] = (uint16_t)((uint16_t)p[i] - (uint16_t)s->map.offset); \
        break;                                                                                       \
    }

/* Of 32 bits, which are all that count. */
static inline __attribute__((always_inline)) void take_fours(const uint32_t *p, size_t n, uint32_t offset, uint32_t low_bits, uint16_t *samples)
{
    for (size_t i = 0; i < n; i++) samples[i] = (uint16_t)((p[i] - offset) >> low_bits);
}

static void take_fours_plain(const uint32_t *p, size_t n, uint32_t offset, uint32_t low_bits, uint16_t *samples) { take_fours(p, n, offset, low_bits, samples); }
WIDE_VECTORS static void take_fours_wide(const uint32_t *p, size_t n, uint32_t offset, uint32_t low_bits, uint16_t *samples) { take_fours(p, n, offset, low_bits, samples); }

void ac_sheet_samples(const ac_sheet *s, uint64_t first, size_t n, uint16_t *samples)
{
    const int is_four = s->numbers.dtype == AC_U4 || s->numbers.dtype == AC_I4;
    if (is_four && !s->ranks && !s->rank && !s->map.gap_count && !s->unit) {
        (HAS_WIDE_VECTORS ? take_fours_wide : take_fours_plain)((const uint32_t *)s->numbers.data + first, n, (uint32_t)s->map.offset, s->low_bits, samples);
        return;
    }
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

void ac_sheet_free(ac_sheet *s)
{
    ac_pixel_map_free(&s->map);
    free(s->rank);
    free(s->ranks);
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
        if (dtype == AC_F2) STORE(uint16_t, ac_half_of((int64_t)v[i], &exact))
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
        for (size_t i = 0; i < n; i++) ac_half_of((int64_t)u[i], &exact);
    return !wrong && exact;
}

static void open_gaps(const ac_pixel_map *map, uint64_t *u, size_t n)
{
    for (uint32_t g = map->gap_count; g-- > 0;) {
        const ac_gap gap = map->gaps[g];
        for (size_t i = 0; i < n; i++) u[i] += u[i] >= gap.start ? gap.length : 0;
    }
    for (size_t i = 0; i < n; i++) u[i] += map->offset;
}

/* Bins of integers whose gaps are opened. */
static int are_bins(const ac_bins *c, const uint64_t *u, size_t n, ac_refusal *why)
{
    const uint64_t most = ac_bin_count(c);
    uint64_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t k = u[i] ^ (0 - (u[i] >> 63));
        largest = k > largest ? k : largest;
    }
    if (largest >= most) ac_refuse(why, AC_REASON_BIN, 0, largest, most);
    return largest < most;
}

int ac_pixels_bins(const ac_pixel_map *map, int dtype, uint64_t *u, size_t n, ac_refusal *why)
{
    const ac_bins bins = ac_map_bins(map, dtype);
    open_gaps(map, u, n);
    return are_bins(&bins, u, n, why);
}

void ac_pixels_put(const ac_numbers *out, const uint64_t *bits, size_t n, uint64_t first) { store(out, AC_KIND_INTEGER, first, n, bits); }

int ac_pixels_restore(const ac_pixel_map *map, const ac_numbers *out, uint64_t *u, size_t n, uint64_t first, ac_refusal *why)
{
    if (map->rule == AC_RULE_LATTICE)
        for (size_t i = 0; i < n; i++) u[i] = (u[i] * map->step + map->phase) >> 32;
    if (map->rule == AC_RULE_SET)
        for (size_t i = 0; i < n; i++) {
            if (u[i] >= map->value_count) return ac_refuse(why, AC_REASON_OUTSIDE_SET, 0, u[i], map->value_count);
            u[i] = map->values[u[i]];
        }
    open_gaps(map, u, n);
    if (map->kind == AC_KIND_FLOAT_INTEGER && !are_floats(out->dtype, u, n)) return ac_refuse(why, AC_REASON_VALUE, 0, (uint64_t)out->dtype, 0);
    if (map->kind == AC_KIND_FLOAT_BITS) {
        const uint32_t trailing = map->trailing, width = 8 * (uint32_t)ac_number_bytes(out->dtype) - trailing;
        for (size_t i = 0; i < n; i++) u[i] = ac_unordered_bits(u[i], width) << trailing;
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
