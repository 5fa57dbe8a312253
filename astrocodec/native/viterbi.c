#include "viterbi.h"

#include <stdlib.h>
#include <string.h>

#include "as_double.h"
#include "quantise_arithmetic.h"
#include "trellis.h"
#include "wide_vectors.h"

/* Rows are taken LANES at a time, each in a lane of its own: they do not depend on each other. */
enum { STATES = 8, LANES = 8, CHUNK = 512, RESET = 32 /* columns after which costs are made small again */ };
#define FAR 1e30f
#define REACH (float)(AC_TRELLIS_REACH - 1e-6)
#define OFF_PATH 0.05f /* what a null costs where p = 1: a trellis that got to state 0 stays there */

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t words __attribute__((vector_size(4 * LANES)));
typedef double doubles __attribute__((vector_size(8 * LANES)));
typedef int64_t longs __attribute__((vector_size(8 * LANES)));
#define PICK(type, bits, mask, a, b) ((type)(((bits)(a) & (mask)) | ((bits)(b) & ~(mask))))
#define CHOOSE(mask, a, b) PICK(floats, words, mask, a, b)
#define WHOLE 6755399441055744.0 /* 1.5 * 2^52: added and taken off again, it rounds to the nearest integer, halves to even */

/* Of the lanes at a column. */
typedef struct {
    double scale[LANES], base[LANES], zero[LANES];
} lanes;

/* LANES rows; [column][lane]. */
typedef struct {
    const ac_quantised *q;
    const ac_array *array;
    const void *data;
    ac_tiling t;
    int is_whole; /* elements are integers: what they are rounded to counts */
    double least, most, none; /* `none`: what stands for none */
    double *place; /* in steps less their base; NAN where the null stands */
    int32_t *way;  /* a bit for each state: from which of two it is reached; later p, and twice the step's parity */
    int32_t *step;
    const ac_quantised_tile *tile[LANES]; /* of the rows' first column */
} rows;

/* The nearest steps of a parity. */
#define NEAREST(t, parity) (2 * (((t) - (parity)) * 0.5 + WHOLE - WHOLE) + (parity))

/* Squared distances for both grids (p) and both parities (b): [2 p + b]. */
static inline __attribute__((always_inline)) void straight_distances(const doubles *place, floats d[4])
{
    const floats r = __builtin_convertvector(*place - 2 * (*place * 0.5 + WHOLE - WHOLE), floats);
    const floats a = CHOOSE(r < 0, -r, r), shifted = r - 0.5f, s = CHOOSE(shifted < 0, -shifted, shifted), b = CHOOSE(s > 1, 2 - s, s);
    const floats away[4] = {a, 1 - a, b, 1 - b}, far = {FAR, FAR, FAR, FAR, FAR, FAR, FAR, FAR};
    for (int i = 0; i < 4; i++) d[i] = CHOOSE(away[i] > REACH, far, away[i] * away[i]);
}

/* Likewise of integers, as the decoder rounds them. */
static inline __attribute__((always_inline)) void whole_distances(const doubles *place, const lanes *at, const ac_curve *curve, floats d[4])
{
    doubles scale, base, zero, none = {0};
    memcpy(&scale, at->scale, sizeof scale), memcpy(&base, at->base, sizeof base), memcpy(&zero, at->zero, sizeof zero);
    const double bend = curve->kind ? curve->bend : 0;
    const doubles y = (*place + base) * scale + zero, above = y - curve->knee, w = PICK(doubles, longs, above > 0, above, none);
    const doubles v = (bend * w) * w + y;
    floats a[4];
    for (int i = 0; i < 4; i++) {
        const double half = 0.5 * (i >> 1);
        const doubles there = (NEAREST(*place - half, i & 1) + half + base) * scale + zero, over = there - curve->knee;
        const doubles bent = PICK(doubles, longs, over > 0, over, none), mean = 1 + bend * (w + bent); /* slope */
        const doubles away = ((bend * bent) * bent + there + WHOLE - WHOLE - v) / (scale * mean);
        a[i] = __builtin_convertvector(PICK(doubles, longs, away < 0, -away, away), floats);
    }
    const floats far = {FAR, FAR, FAR, FAR, FAR, FAR, FAR, FAR};
    for (int i = 0; i < 4; i++) d[i] = CHOOSE((a[i] > REACH) & (a[i] > a[i ^ 1]), far, a[i] * a[i]);
}

/* The null's step is even. */
static inline __attribute__((always_inline)) void null_distances(const doubles *place, floats d[4])
{
    for (int l = 0; l < LANES; l++)
        if (isnan((*place)[l])) d[0][l] = 0, d[2][l] = OFF_PATH, d[1][l] = d[3][l] = FAR;
}

/* The state before, of the two that lead to `state` by parity bit 1 ^ `way`. Its p is bit 2 of `state`. */
#define BEFORE(state, way) ((way) << 2 | (((state) ^ (state) >> 2) & 1) << 1 | (state) >> 2)
#define PARITY(state, way) (((state) >> 1 & 1) ^ (way))

static inline __attribute__((always_inline)) void advance(floats cost[STATES], const floats d[4], words *way)
{
    floats next[STATES];
    words ways = {0};
#pragma GCC unroll 8
    for (int s = 0; s < STATES; s++) {
        const floats a = cost[BEFORE(s, 0)] + d[(s >> 2) * 2 + PARITY(s, 0)], b = cost[BEFORE(s, 1)] + d[(s >> 2) * 2 + PARITY(s, 1)];
        const words less = b < a;
        ways |= less & 1 << s;
        next[s] = CHOOSE(less, b, a);
    }
#pragma GCC unroll 8
    for (int s = 0; s < STATES; s++) cost[s] = next[s];
    *way = ways;
}

/* From the start of a run on to its end, and which states are the best there. */
static inline __attribute__((always_inline)) void forward(const rows *r, uint64_t first, uint64_t end, words *best)
{
    floats cost[STATES], d[4];
    lanes at = {{0}, {0}, {0}};
    const ac_curve curve = r->q->curve;
    const floats zero = {0}, far = {FAR, FAR, FAR, FAR, FAR, FAR, FAR, FAR};
    for (int s = 0; s < STATES; s++) cost[s] = s ? far : zero;
    for (uint64_t x = first; x < end; x++) {
        doubles place;
        words way;
        memcpy(&place, r->place + x * LANES, sizeof place);
        if (r->is_whole) {
            for (int l = 0; l < LANES && (x == first || x % r->t.tile_width == 0); l++) {
                const ac_quantised_tile *tile = r->tile[l] + x / r->t.tile_width;
                at.scale[l] = tile->scale, at.base[l] = tile->base, at.zero[l] = tile->zero;
            }
            whole_distances(&place, &at, &curve, d);
        } else {
            straight_distances(&place, d);
        }
        if (r->q->has_null) null_distances(&place, d);
        advance(cost, d, &way);
        memcpy(r->way + x * LANES, &way, sizeof way);
        if (x % RESET) continue;
        floats least = cost[0];
        for (int s = 1; s < STATES; s++) least = CHOOSE(cost[s] < least, cost[s], least);
        for (int s = 0; s < STATES; s++) cost[s] -= least;
    }
    words found = {0};
    floats least = cost[0];
    for (int s = 1; s < STATES; s++) {
        const words less = cost[s] < least;
        found = (less & s) | (found & ~less);
        least = CHOOSE(less, cost[s], least);
    }
    *best = found;
}

static inline __attribute__((always_inline)) void back(const rows *r, uint64_t first, uint64_t end, const words *best)
{
    words state = *best;
    for (uint64_t x = end; x-- > first;) {
        words at;
        doubles place;
        memcpy(&at, r->way + x * LANES, sizeof at);
        memcpy(&place, r->place + x * LANES, sizeof place);
        const words way = at >> state & 1, parity = PARITY(state, way);
        state = BEFORE(state, way);
        const doubles half = __builtin_convertvector(state & 1, doubles) * 0.5, odd = __builtin_convertvector(parity, doubles);
        const doubles step = NEAREST(place - half, odd), limit = PICK(doubles, longs, (step > -2e9) & (step < 2e9), step, odd); /* also where there is none */
        const words steps = __builtin_convertvector(limit, words);
        memcpy(r->step + x * LANES, &steps, sizeof steps);
    }
}

static void run_plain(const rows *r, uint64_t first, uint64_t end)
{
    words best;
    forward(r, first, end, &best);
    back(r, first, end, &best);
}
WIDE_VECTORS static void run_wide(const rows *r, uint64_t first, uint64_t end)
{
    words best;
    forward(r, first, end, &best);
    back(r, first, end, &best);
}

static int take_rows(rows *r)
{
    const size_t size = (size_t)r->t.planes.width * LANES;
    r->place = malloc(size * sizeof *r->place);
    r->way = malloc(size * sizeof *r->way);
    r->step = malloc(size * sizeof *r->step);
    return r->place && r->way && r->step ? AC_OK : AC_ERROR_MEMORY;
}

static void free_rows(rows *r)
{
    free(r->place);
    free(r->way);
    free(r->step);
}

/* Places of elements of a row that lie in one tile. */
static int set_places(const rows *r, const ac_quantised_tile *tile, uint64_t first, size_t count, double *place)
{
    const double variance = tile->scale * tile->scale * AC_TRELLIS_VARIANCE, inverse = 1 / tile->scale, least = r->least, most = r->most, none = r->none;
    int bad = 0;
    ac_as_doubles(r->array->dtype, r->data, first, count, place);
    for (size_t i = 0; i < count; i++) bad |= place[i] == none;
    if (r->q->curve.kind)
        for (size_t i = 0; i < count; i++) place[i] = ac_curve_place(&r->q->curve, place[i], variance);
    for (size_t i = 0; i < count; i++) {
        place[i] = (place[i] - tile->zero) * inverse - tile->base;
        bad |= !(place[i] >= least && place[i] <= most);
    }
    return bad;
}

/* Of a row; what is not finite takes that of the element before, so that it costs nothing to code. */
static void set_row(const rows *r, uint64_t row, int l)
{
    const uint64_t width = r->t.planes.width;
    double place[CHUNK], last = 0;
    for (uint64_t x = 0; x < width;) {
        const ac_quantised_tile *tile = r->tile[l] + x / r->t.tile_width;
        const uint64_t first = row * width + x, end = ac_smaller((x / r->t.tile_width + 1) * r->t.tile_width, width);
        const size_t count = (size_t)ac_smaller(end - x, CHUNK);
        if (set_places(r, tile, first, count, place))
            for (size_t i = 0; i < count; i++) {
                const int is_null = r->q->has_null && ac_bits_at(r->array->dtype, r->data, first + i) == r->q->null_bits;
                if (is_null)
                    place[i] = NAN;
                else if (place[i] >= r->least && place[i] <= r->most)
                    last = place[i];
                else
                    place[i] = last;
            }
        last = isnan(place[count - 1]) ? last : place[count - 1];
        double *out = r->place + x * LANES + l;
        for (size_t i = 0; i < count; i++) out[i * LANES] = place[i];
        x += count;
    }
}

static void put_row(const rows *r, uint64_t row, int l, int32_t *steps)
{
    const uint64_t width = r->t.planes.width;
    int32_t *out = steps + row * width;
    for (uint64_t x = 0; x < width; x++) out[x] = r->step[x * LANES + (uint64_t)l];
    for (uint64_t x = 0; r->q->has_null && x < width; x++)
        if (isnan(r->place[x * LANES + (uint64_t)l])) out[x] = AC_TRELLIS_NULL;
}

int ac_trellis_steps(const ac_quantised *q, const ac_array *array, const void *data, const ac_window *window, int32_t *steps)
{
    rows r = {.q = q, .array = array, .data = data, .t = ac_quantise_tiling(q, array), .least = window->least, .most = window->most};
    const uint64_t width = r.t.planes.width, height = r.t.planes.height, all = r.t.planes.count * height, run = q->run ? q->run : width;
    r.is_whole = array->dtype != AC_F4 && array->dtype != AC_F8;
    r.none = q->has_null ? ac_double_of_bits(array->dtype, q->null_bits) : NAN;
    const int status = take_rows(&r);
    for (uint64_t first = 0; first < all && !status; first += LANES) {
        for (int l = 0; l < LANES; l++) {
            const uint64_t row = ac_smaller(first + (uint64_t)l, all - 1); /* lanes that are left do the last one again */
            r.tile[l] = q->tiles + (row / height * r.t.down + row % height / r.t.tile_height) * r.t.across;
            set_row(&r, row, l);
        }
        for (uint64_t x = 0; x < width; x += run) (HAS_WIDE_VECTORS ? run_wide : run_plain)(&r, x, ac_smaller(x + run, width));
        for (int l = 0; l < LANES && first + (uint64_t)l < all; l++) put_row(&r, first + (uint64_t)l, l, steps);
    }
    free_rows(&r);
    return status;
}
