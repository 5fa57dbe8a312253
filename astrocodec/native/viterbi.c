#include "viterbi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "as_double.h"
#include "pixel_choice.h"
#include "quantise_arithmetic.h"
#include "trellis.h"
#include "wide_vectors.h"
#include "no_traps.h"

/* Rows are taken LANES at a time, each in a lane of its own: they do not depend on each other. */
enum { LEAST_FOR_TABLE = 1 << 19, NEAR = 128 /* columns of all lanes that a processor holds near */ };
enum { STATES = 8, LANES = 4 * AC_WIDE_DOUBLES, CHUNK = 512 };
/* How far an element is from an even step, in its pair of steps: -ONE to ONE. Squared distances, up to SQUARE, grow by no more than FAR a column, and any state is three columns
 * behind any other: costs, in units of that of state 0, are below 2^15. */
enum { ONE = 1 << 14, SQUARE = 1 << 12, FAR = SQUARE + SQUARE / 8, UNREACHED = 3 * FAR + 1, IS_NULL = INT16_MIN, OFF_PATH = SQUARE / 20 /* what a null costs where p = 1: a trellis that got to state 0 stays there */ };
enum { PER_UNIT = 64, FEW_UNITS = 2 }; /* parts of an integer in which steps are told; integers in a step, below which their rounding may be all the error there is */
#define REACH (AC_TRELLIS_REACH - 1e-6)
#define WHOLE 6755399441055744.0 /* 1.5 * 2^52: added and taken off again, it rounds to the nearest integer, halves to even */
#define WHOLE_FLOAT 12582912.0f  /* likewise of floats */
/* 1 / ONE and 1 / PER_UNIT, as literals: where floats are doubles between operations (s390x), no quotient multiplies a vector of floats. */
#define OF_ONE 0x1p-14f
#define OF_UNIT 0x1p-6f
#define INLINE static inline __attribute__((always_inline))

typedef int16_t words __attribute__((vector_size(2 * LANES)));
typedef int32_t longs __attribute__((vector_size(4 * LANES)));
typedef float floats __attribute__((vector_size(4 * LANES)));
#define CHOOSE(mask, a, b) (((a) & (mask)) | ((b) & ~(mask)))
#define MAGNITUDE(a) ((a) < 0 ? -(a) : (a))

/* What an integer of 16 bits becomes: its pair's even step, its place in the pair, and how wide a step is there. */
typedef struct {
    int32_t even;
    int16_t place, unit;
} entry;

/* LANES rows; [column][lane]. */
typedef struct {
    const ac_quantised *q;
    const ac_array *array;
    const void *data;
    ac_tiling t;
    int is_whole, is_fine;    /* elements are integers: what they are rounded to counts; some steps are few of them */
    double least, most, none; /* `none`: what stands for none */
    int16_t *place;           /* in a pair of steps; IS_NULL where the null stands; later the step less the pair's even one */
    int16_t *unit;            /* of integers on a curve: a step there */
    uint16_t *way;            /* a bit for each state: from which of two it is reached */
    const ac_quantised_tile *tile[LANES]; /* of the rows' first column */
    entry *table;             /* of all integers of 16 bits, where these are fewer than elements; else NULL */
} rows;

/* Squared distances for both grids (p) and both parities (b): [2 p + b]. */
INLINE void straight_distances(const words *at, words d[4])
{
    const words place = *at;
    const words r = (place + 32) >> 6, negative = r < 0, a = (r ^ negative) - negative; /* of ONE >> 6 */
    const words shifted = r - 128, below = shifted < 0, s = (shifted ^ below) - below, b = CHOOSE(s > 256, 512 - s, s);
    const words away[4] = {a, 256 - a, b, 256 - b}, far = (words){0} + FAR;
    const int16_t reach = (int16_t)(REACH * 256);
    typedef uint16_t squares __attribute__((vector_size(2 * LANES)));
    for (int i = 0; i < 4; i++) d[i] = CHOOSE(away[i] > reach, far, (words)((squares)(away[i] * away[i]) >> 4));
}

/* Likewise of integers, as the decoder rounds them: a step is so many of their units, of which `part` is the inverse. With few of them both parities may be far. */
INLINE void whole_distances(const words *at, const floats *unit, const floats *part, int is_fine, words d[4])
{
    const words place = *at, negative = place < 0, a = (place ^ negative) - negative;
    const words shifted = place - ONE / 2, below = shifted < 0, s = (shifted ^ below) - below, b = CHOOSE(s > ONE, 2 * ONE - 1 - s, s);
    const words away[2] = {a, b}, far = (words){0} + FAR;
    const floats to_units = *unit * OF_ONE, root = *part * 64; /* of SQUARE */
    const int16_t reach = (int16_t)(REACH * REACH * SQUARE);
    for (int i = 0; i < 4; i += 2) {
        const floats near = __builtin_convertvector(__builtin_convertvector(away[i / 2], longs), floats) * to_units;
        const floats e[2] = {(near + WHOLE_FLOAT - WHOLE_FLOAT) * root, (*unit - near + WHOLE_FLOAT - WHOLE_FLOAT) * root};
        for (int j = 0; j < 2; j++) d[i + j] = __builtin_convertvector(__builtin_convertvector(e[j] * e[j], longs), words);
        const words first = d[i], second = d[i + 1], less = first < second;
        d[i] = CHOOSE(is_fine ? (first > reach) & ~less : first > reach, far, first);
        d[i + 1] = CHOOSE(is_fine ? (second > reach) & less : second > reach, far, second);
        for (int j = i; is_fine && j < i + 2; j++) d[j] = CHOOSE(d[j] > FAR, far, d[j]);
    }
}

/* The null's step is even. */
INLINE void null_distances(const words *place, words d[4])
{
    const words null = *place == IS_NULL, none = {0}, far = none + FAR, off = none + OFF_PATH;
    d[0] = CHOOSE(null, none, d[0]), d[1] = CHOOSE(null, far, d[1]), d[2] = CHOOSE(null, off, d[2]), d[3] = CHOOSE(null, far, d[3]);
}

/* The state before, of the two that lead to `state` by parity bit 1 ^ `way`. Its p is bit 2 of `state`. */
#define BEFORE(state, way) ((way) << 2 | (((state) ^ (state) >> 2) & 1) << 1 | (state) >> 2)
#define PARITY(state, way) (((state) >> 1 & 1) ^ (way))

INLINE void advance(words cost[STATES], const words d[4], words *way)
{
    words next[STATES], ways = {0};
#pragma GCC unroll 8
    for (int s = 0; s < STATES; s++) {
        const words a = cost[BEFORE(s, 0)] + d[(s >> 2) * 2 + PARITY(s, 0)], b = cost[BEFORE(s, 1)] + d[(s >> 2) * 2 + PARITY(s, 1)];
        const words less = b < a;
        ways |= less & (int16_t)(1 << s);
        next[s] = CHOOSE(less, b, a);
    }
#pragma GCC unroll 8
    for (int s = 0; s < STATES; s++) cost[s] = next[s];
    *way = ways;
}

/* Of integers: a step in their units, in all lanes, from a tile's first column on. */
INLINE void take_units(const rows *r, uint64_t x, floats *unit)
{
    for (int l = 0; l < LANES; l++) (*unit)[l] = (float)r->tile[l][x / r->t.tile_width].scale;
}

/* From the start of a run on to its end, and which states are the best there. */
INLINE void forward(const rows *r, uint64_t first, uint64_t end, int is_whole, int is_bent, int is_fine, int has_null, words *found)
{
    words cost[STATES], d[4], way;
    floats unit = {0}, part = {0};
    for (int s = 0; s < STATES; s++) cost[s] = (words){0} + (int16_t)(s ? UNREACHED : 0);
    for (uint64_t x = first; x < end; x++) {
        words place;
        memcpy(&place, r->place + x * LANES, sizeof place);
        if (is_bent) {
            words parts;
            memcpy(&parts, r->unit + x * LANES, sizeof parts);
            unit = __builtin_convertvector(__builtin_convertvector(parts, longs), floats) * OF_UNIT, part = 1 / unit;
        } else if (is_whole && (x == first || x % r->t.tile_width == 0)) {
            take_units(r, x, &unit);
            part = 1 / unit;
        }
        if (is_whole) whole_distances(&place, &unit, &part, is_fine, d); else straight_distances(&place, d);
        if (has_null) null_distances(&place, d);
        advance(cost, d, &way);
        memcpy(r->way + x * LANES, &way, sizeof way);
        if (x & 1) continue;
        const words zero = cost[0];
        for (int s = 0; s < STATES; s++) cost[s] -= zero;
    }
    words best = {0}, least = cost[0];
    for (int s = 1; s < STATES; s++) {
        const words less = cost[s] < least;
        best = CHOOSE(less, (words){0} + (int16_t)s, best);
        least = CHOOSE(less, cost[s], least);
    }
    *found = best;
}

/* From the end back: which step of its pair's each is. Bits of states are masks. */
INLINE void back(const rows *r, uint64_t first, uint64_t end, const words *found)
{
    const words best = *found;
    words s0 = -(best & 1), s1 = -(best >> 1 & 1), s2 = -(best >> 2 & 1), one = {0};
    for (int s = 0; s < STATES; s++) one |= (best == (int16_t)s) & (int16_t)(1 << s);
    for (uint64_t x = end; x-- > first;) {
        words at, place;
        memcpy(&at, r->way + x * LANES, sizeof at), memcpy(&place, r->place + x * LANES, sizeof place);
        const words way = (at & one) != 0, odd = s1 ^ way, is_half = s2; /* of the element, and the state before */
        s1 = s0 ^ s2, s0 = s2, s2 = way;
        const words low = 1 - s0, two = CHOOSE(s1, low << 2, low);
        one = CHOOSE(s2, two << 4, two);
        const words below = CHOOSE(is_half, place < (words){0} + ONE / 2, place < 0), even = is_half & (place < -ONE / 2) & -2;
        const words step = CHOOSE(odd, 1 + 2 * below, even), kept = CHOOSE(place == IS_NULL, place, step);
        memcpy(r->place + x * LANES, &kept, sizeof kept);
    }
}

INLINE void take_run(const rows *r, uint64_t first, uint64_t end)
{
    words best;
    if (r->unit)
        forward(r, first, end, 1, 1, 1, r->q->has_null, &best);
    else if (r->is_whole && r->is_fine)
        forward(r, first, end, 1, 0, 1, r->q->has_null, &best);
    else if (r->is_whole)
        forward(r, first, end, 1, 0, 0, r->q->has_null, &best);
    else if (r->q->has_null)
        forward(r, first, end, 0, 0, 0, 1, &best);
    else
        forward(r, first, end, 0, 0, 0, 0, &best);
    back(r, first, end, &best);
}

static void run_plain(const rows *r, uint64_t first, uint64_t end) { take_run(r, first, end); }
WIDE_VECTORS static void run_wide(const rows *r, uint64_t first, uint64_t end) { take_run(r, first, end); }

static int take_rows(rows *r)
{
    const size_t size = (size_t)r->t.planes.width * LANES;
    const int is_bent = r->is_whole && r->q->curve.kind;
    r->place = malloc(size * sizeof *r->place);
    r->way = malloc(size * sizeof *r->way);
    r->unit = is_bent ? malloc(size * sizeof *r->unit) : NULL;
    return r->place && r->way && (!is_bent || r->unit) ? AC_OK : AC_ERROR_MEMORY;
}

static void free_rows(rows *r)
{
    free(r->place);
    free(r->way);
    free(r->unit);
    free(r->table);
}

/* Elements of a row that lie in one tile: their pairs' even steps and places in them, and of integers on a curve how wide a step is there. Returns whether some are not
 * finite, stand for none or are outside of the window. */
INLINE int set_places(const rows *r, const ac_quantised_tile *tile, uint64_t first, size_t count, int32_t *even, int16_t *place, int16_t *unit)
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

static int set_plain(const rows *r, const ac_quantised_tile *tile, uint64_t first, size_t count, int32_t *even, int16_t *place, int16_t *unit)
{
    return set_places(r, tile, first, count, even, place, unit);
}
WIDE_VECTORS static int set_wide(const rows *r, const ac_quantised_tile *tile, uint64_t first, size_t count, int32_t *even, int16_t *place, int16_t *unit)
{
    return set_places(r, tile, first, count, even, place, unit);
}

/* Where an element is, of a few that are looked at one by one. */
static int is_in_window(const rows *r, const ac_quantised_tile *tile, uint64_t at)
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
static void take_table(rows *r, uint64_t count)
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
        rows some = *r;
        some.data = words;
        if ((HAS_WIDE_VECTORS ? set_wide : set_plain)(&some, r->q->tiles, 0, n, even, place, r->unit ? unit : NULL)) {
            free(r->table);
            r->table = NULL;
            return;
        }
        for (size_t i = 0; i < n; i++) r->table[words[i]] = (entry){even[i], place[i], r->unit ? unit[i] : 0};
    }
}

/* Of some columns of a row, by the table. */
static void look_up(const rows *r, uint64_t row, size_t lane, uint64_t first, uint64_t end, int32_t *steps)
{
    const uint16_t *words = (const uint16_t *)r->data + row * r->t.planes.width;
    int16_t *place = r->place + lane, *unit = r->unit ? r->unit + lane : NULL;
    int32_t *even = steps + row * r->t.planes.width;
    for (uint64_t x = first; x < end; x++) {
        const entry e = r->table[words[x]];
        even[x] = e.even, place[x * LANES] = e.place;
        if (unit) unit[x * LANES] = e.unit;
    }
}

/* Of a row; what is not finite takes that of the element before, so that it costs nothing to code. `steps` gets even steps. */
static void set_row(const rows *r, uint64_t row, size_t lane, int32_t *steps)
{
    const uint64_t width = r->t.planes.width;
    int16_t place[CHUNK], unit[CHUNK], last = 0;
    int32_t last_even = 0;
    for (uint64_t x = 0; x < width;) {
        const ac_quantised_tile *tile = r->tile[lane] + x / r->t.tile_width;
        const uint64_t first = row * width + x, end = ac_smaller((x / r->t.tile_width + 1) * r->t.tile_width, width);
        const size_t count = (size_t)ac_smaller(end - x, CHUNK);
        int32_t *even = steps + first;
        const int bad = (HAS_WIDE_VECTORS ? set_wide : set_plain)(r, tile, first, count, even, place, r->unit ? unit : NULL);
        for (size_t i = 0; bad && i < count; i++) {
            const int is_null = r->q->has_null && ac_bits_at(r->array->dtype, r->data, first + i) == r->q->null_bits;
            if (!is_null && is_in_window(r, tile, first + i)) last = place[i], last_even = even[i];
            else place[i] = is_null ? IS_NULL : last, even[i] = last_even;
        }
        if (!bad) last = place[count - 1], last_even = even[count - 1];
        int16_t *to = r->place + x * LANES + lane, *units = r->unit ? r->unit + x * LANES + lane : NULL;
        for (size_t i = 0; i < count; i++) to[i * LANES] = place[i];
        for (size_t i = 0; units && i < count; i++) units[i * LANES] = unit[i];
        x += count;
    }
}

static void put_steps(const rows *r, uint64_t row, size_t lane, uint64_t first, uint64_t end, int32_t *steps)
{
    int32_t *out = steps + row * r->t.planes.width;
    const int16_t *found = r->place + lane;
    for (uint64_t x = first; x < end; x++) out[x] += found[x * LANES];
    for (uint64_t x = first; r->q->has_null && x < end; x++)
        if (found[x * LANES] == IS_NULL) out[x] = AC_TRELLIS_NULL;
}

/* LANES rows from the given one on; lanes that are left do the last one of all again. */
static void take_steps(rows *r, uint64_t first, uint64_t all, int32_t *steps)
{
    const uint64_t width = r->t.planes.width, height = r->t.planes.height, run = r->q->run ? r->q->run : width;
    uint64_t row[LANES];
    for (size_t l = 0; l < LANES; l++) {
        row[l] = ac_smaller(first + l, all - 1);
        r->tile[l] = r->q->tiles + (row[l] / height * r->t.down + row[l] % height / r->t.tile_height) * r->t.across;
        if (!r->table) set_row(r, row[l], l, steps);
    }
    for (uint64_t x = 0; r->table && x < width; x += NEAR)
        for (size_t l = 0; l < LANES; l++) look_up(r, row[l], l, x, ac_smaller(x + NEAR, width), steps);
    for (uint64_t x = 0; x < width; x += run) (HAS_WIDE_VECTORS ? run_wide : run_plain)(r, x, ac_smaller(x + run, width));
    for (uint64_t x = 0; x < width; x += NEAR)
        for (size_t l = 0; l < LANES && first + l < all; l++) put_steps(r, row[l], l, x, ac_smaller(x + NEAR, width), steps);
}

int ac_trellis_steps(const ac_quantised *q, const ac_array *array, const void *data, const ac_window *window, int32_t *steps)
{
    rows r = {.q = q, .array = array, .data = data, .t = ac_quantise_tiling(q, array), .least = window->least, .most = window->most};
    const uint64_t all = r.t.planes.count * r.t.planes.height;
    r.is_whole = array->dtype != AC_F4 && array->dtype != AC_F8;
    r.none = q->has_null ? ac_double_of_bits(array->dtype, q->null_bits) : NAN;
    for (uint64_t i = 0; i < q->tile_count; i++) r.is_fine |= q->tiles[i].scale < FEW_UNITS;
    const int status = take_rows(&r);
    if (!status) take_table(&r, all * r.t.planes.width);
    for (uint64_t first = 0; first < all && !status; first += LANES) take_steps(&r, first, all, steps);
    free_rows(&r);
    return status;
}
