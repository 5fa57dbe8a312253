#include "viterbi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "as_double.h"
#include "pixel_choice.h"
#include "quantise_arithmetic.h"
#include "transpose_words.h"
#include "viterbi_rows.h"
#include "no_traps.h"

enum { LEAST_FOR_TABLE = 1 << 19, CHUNK = 512, TOGETHER = 8 /* rows that are turned into lanes together */ };
#define WHOLE 6755399441055744.0 /* 1.5 * 2^52: added and taken off again, it rounds to the nearest integer, halves to even */
#define INLINE static inline __attribute__((always_inline))

static int take_rows(ac_rows *r)
{
    const size_t width = (size_t)r->t.planes.width, size = width * r->lanes;
    const int is_bent = r->is_whole && r->q->curve.kind;
    r->place = malloc(size * sizeof *r->place);
    r->way = malloc(size * sizeof *r->way);
    r->unit = is_bent ? malloc(size * sizeof *r->unit) : NULL;
    r->some = malloc((is_bent ? 2 : 1) * TOGETHER * width * sizeof *r->some);
    return r->place && r->way && (!is_bent || r->unit) && r->some ? AC_OK : AC_ERROR_MEMORY;
}

static void free_rows(ac_rows *r)
{
    free(r->place);
    free(r->way);
    free(r->unit);
    free(r->some);
    free(r->table);
}

/* Elements of a row that lie in one tile: their pairs' even steps and places in them, and of integers on a curve how wide a step is there. Returns whether some are not
 * finite, stand for none or are outside of the window. */
INLINE int set_places(const ac_rows *r, const ac_quantised_tile *tile, uint64_t first, size_t count, int32_t *even, int16_t *place, int16_t *unit)
{
    const ac_curve curve = r->q->curve;
    const double scale = tile->scale, zero = tile->zero, base = tile->base, variance = scale * scale * AC_TRELLIS_VARIANCE, inverse = 1 / scale;
    const double least = r->least, most = r->most, none = r->none;
    double v[CHUNK];
    int bad = 0;
    ac_as_doubles(r->array->dtype, r->data, first, count, v);
    for (size_t i = 0; i < count; i++) bad |= v[i] == none;
    if (curve.kind == AC_ROOT)
        for (size_t i = 0; i < count; i++) v[i] = ac_root_place(&curve, v[i], variance);
    for (size_t i = 0; unit && i < count; i++) {
        const double wide = PER_UNIT * scale * (v[i] > curve.knee ? 1 + 2 * curve.bend * (v[i] - curve.knee) : 1);
        unit[i] = (int16_t)(int32_t)(wide < INT16_MAX ? wide > 1 ? wide : 1 : INT16_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const double there = (v[i] - zero) * inverse - base;
        const int is_in = (there >= least) & (there <= most);
        const double at = is_in ? there : 0, pair = at * 0.5 + WHOLE - WHOLE;
        bad |= !is_in;
        even[i] = 2 * (int32_t)pair;
        place[i] = (int16_t)(int32_t)((at - 2 * pair) * ONE + WHOLE - WHOLE);
    }
    return bad;
}

static int set_plain(const ac_rows *r, const ac_quantised_tile *tile, uint64_t first, size_t count, int32_t *even, int16_t *place, int16_t *unit)
{
    return set_places(r, tile, first, count, even, place, unit);
}
WIDE_VECTORS static int set_wide(const ac_rows *r, const ac_quantised_tile *tile, uint64_t first, size_t count, int32_t *even, int16_t *place, int16_t *unit)
{
    return set_places(r, tile, first, count, even, place, unit);
}
LOOPS_OF_AVX512 static int set_widest(const ac_rows *r, const ac_quantised_tile *tile, uint64_t first, size_t count, int32_t *even, int16_t *place, int16_t *unit)
{
    return set_places(r, tile, first, count, even, place, unit);
}
static int set(const ac_rows *r, const ac_quantised_tile *tile, uint64_t first, size_t count, int32_t *even, int16_t *place, int16_t *unit)
{
    return (HAS_AVX512 ? set_widest : HAS_WIDE_VECTORS ? set_wide : set_plain)(r, tile, first, count, even, place, unit);
}

/* Where an element is, of a few that are looked at one by one. */
static int is_in_window(const ac_rows *r, const ac_quantised_tile *tile, uint64_t at)
{
    const double v = ac_as_double(r->array->dtype, r->data, at), variance = tile->scale * tile->scale * AC_TRELLIS_VARIANCE;
    const double there = (ac_curve_place(&r->q->curve, v, variance) - tile->zero) * (1 / tile->scale) - tile->base;
    return there >= r->least && there <= r->most;
}

/* Whether all tiles have the same steps. */
static int has_one_step(const ac_quantised *q)
{
    for (uint64_t i = 1; i < q->tile_count; i++)
        if (q->tiles[i].scale != q->tiles[0].scale || q->tiles[i].zero != q->tiles[0].zero) return 0;
    return 1;
}

/* The table, as far as it pays: of the integers that occur, all of which have a step. */
static void take_table(ac_rows *r, uint64_t count)
{
    const int is_signed = r->array->dtype == AC_I2;
    if ((r->array->dtype != AC_U2 && !is_signed) || r->q->has_null || count < LEAST_FOR_TABLE || !has_one_step(r->q)) return;
    uint16_t least, most;
    ac_words_range(r->data, count, is_signed ? 0x8000 : 0, &least, &most);
    r->table = malloc(65536 * sizeof *r->table);
    for (uint32_t first = least; r->table && first <= most; first += CHUNK) {
        uint16_t words[CHUNK];
        int32_t even[CHUNK];
        int16_t place[CHUNK], unit[CHUNK];
        const size_t n = (size_t)ac_smaller(CHUNK, (uint64_t)most + 1 - first);
        for (size_t i = 0; i < n; i++) words[i] = (uint16_t)((first + i) ^ (is_signed ? 0x8000 : 0));
        ac_rows some = *r;
        some.data = words;
        if (set(&some, r->q->tiles, 0, n, even, place, r->unit ? unit : NULL)) {
            free(r->table);
            r->table = NULL;
            return;
        }
        for (size_t i = 0; i < n; i++) r->table[words[i]] = (ac_row_entry){even[i], place[i], r->unit ? unit[i] : 0};
    }
}

/* Of a row, by the table. */
static void look_up(const ac_rows *r, uint64_t row, int32_t *even, int16_t *place, int16_t *unit)
{
    const uint64_t width = r->t.planes.width;
    const uint16_t *words = (const uint16_t *)r->data + row * width;
    for (uint64_t x = 0; x < width; x++) {
        const ac_row_entry e = r->table[words[x]];
        even[x] = e.even, place[x] = e.place;
        if (unit) unit[x] = e.unit;
    }
}

/* Of a row; what is not finite takes that of the element before, so that it costs nothing to code. */
static void set_row(const ac_rows *r, uint64_t row, const ac_quantised_tile *tiles, int32_t *even, int16_t *place, int16_t *unit)
{
    const uint64_t width = r->t.planes.width;
    int16_t last = 0;
    int32_t last_even = 0;
    for (uint64_t x = 0; x < width;) {
        const ac_quantised_tile *tile = tiles + x / r->t.tile_width;
        const uint64_t first = row * width + x, end = ac_smaller((x / r->t.tile_width + 1) * r->t.tile_width, width);
        const size_t count = (size_t)ac_smaller(end - x, CHUNK);
        const int bad = set(r, tile, first, count, even, place, unit);
        for (size_t i = 0; bad && i < count; i++) {
            const int is_null = r->q->has_null && ac_bits_at(r->array->dtype, r->data, first + i) == r->q->null_bits;
            if (!is_null && is_in_window(r, tile, first + i)) last = place[i], last_even = even[i];
            else place[i] = is_null ? IS_NULL : last, even[i] = last_even;
        }
        if (!bad) last = place[count - 1], last_even = even[count - 1];
        x += count, even += count, place += count;
        if (unit) unit += count;
    }
}

/* From rows of words, so many beside each other, to some lanes. */
static void to_lanes(const int16_t *from, uint64_t width, size_t lanes, int16_t *to)
{
    uint64_t x = 0;
    for (; x + TOGETHER <= width; x += TOGETHER) ac_transpose_words(from + x, width, to + x * lanes, lanes);
    for (; x < width; x++)
        for (size_t l = 0; l < TOGETHER; l++) to[x * lanes + l] = from[l * width + x];
}

/* What was found of some lanes is added to the even steps of their rows, of which there are `count`. */
INLINE void add_found(const ac_rows *r, const int16_t *found, size_t count, int32_t *steps)
{
    const uint64_t width = r->t.planes.width;
    uint64_t x = 0;
    for (; x + TOGETHER <= width; x += TOGETHER) {
        int16_t some[TOGETHER][TOGETHER];
        ac_transpose_words(found + x * r->lanes, r->lanes, some[0], TOGETHER);
        for (size_t l = 0; l < count; l++)
            for (size_t i = 0; i < TOGETHER; i++) steps[l * width + x + i] += some[l][i];
    }
    for (; x < width; x++)
        for (size_t l = 0; l < count; l++) steps[l * width + x] += found[x * r->lanes + l];
    for (size_t l = 0; r->q->has_null && l < count; l++)
        for (x = 0; x < width; x++)
            if (found[x * r->lanes + l] == IS_NULL) steps[l * width + x] = AC_TRELLIS_NULL;
}

static void put_plain(const ac_rows *r, const int16_t *found, size_t count, int32_t *steps) { add_found(r, found, count, steps); }
WIDE_VECTORS static void put_wide(const ac_rows *r, const int16_t *found, size_t count, int32_t *steps) { add_found(r, found, count, steps); }

/* As many rows as there are lanes from the given one on; lanes that are left do the last one of all again. */
static void take_steps(ac_rows *r, uint64_t first, uint64_t all, int32_t *steps)
{
    const uint64_t width = r->t.planes.width, height = r->t.planes.height, run = r->q->run ? r->q->run : width;
    int16_t *units = r->unit ? r->some + TOGETHER * width : NULL;
    for (size_t l = 0; l < r->lanes; l++) {
        const uint64_t row = ac_smaller(first + l, all - 1), i = l % TOGETHER * width;
        r->tile[l] = r->q->tiles + (row / height * r->t.down + row % height / r->t.tile_height) * r->t.across;
        if (r->table)
            look_up(r, row, steps + row * width, r->some + i, units ? units + i : NULL);
        else
            set_row(r, row, r->tile[l], steps + row * width, r->some + i, units ? units + i : NULL);
        if (l % TOGETHER < TOGETHER - 1) continue;
        to_lanes(r->some, width, r->lanes, r->place + l + 1 - TOGETHER);
        if (units) to_lanes(units, width, r->lanes, r->unit + l + 1 - TOGETHER);
    }
    for (uint64_t x = 0; x < width; x += run) (r->lanes == MOST_LANES ? ac_rows_path_avx512 : ac_rows_path)(r, x, ac_smaller(x + run, width));
    for (size_t l = 0; l < r->lanes && first + l < all; l += TOGETHER)
        (HAS_WIDE_VECTORS ? put_wide : put_plain)(r, r->place + l, (size_t)ac_smaller(TOGETHER, all - first - l), steps + (first + l) * width);
}

int ac_trellis_steps(const ac_quantised *q, const ac_array *array, const void *data, const ac_window *window, int32_t *steps)
{
    ac_rows r = {.q = q, .array = array, .data = data, .t = ac_quantise_tiling(q, array), .least = window->least, .most = window->most};
    const uint64_t all = r.t.planes.count * r.t.planes.height;
    r.is_whole = array->dtype != AC_F4 && array->dtype != AC_F8;
    r.none = q->has_null ? ac_double_of_bits(array->dtype, q->null_bits) : NAN;
    for (uint64_t i = 0; i < q->tile_count; i++) r.is_fine |= q->tiles[i].scale < FEW_UNITS;
    r.lanes = HAS_AVX512 && all > FEW_LANES ? MOST_LANES : FEW_LANES;
    const int status = take_rows(&r);
    if (!status) take_table(&r, all * r.t.planes.width);
    for (uint64_t first = 0; first < all && !status; first += r.lanes) take_steps(&r, first, all, steps);
    free_rows(&r);
    return status;
}
