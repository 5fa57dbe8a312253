#include "viterbi.h"

#include <stdlib.h>
#include <string.h>

#include "as_double.h"
#include "quantise_arithmetic.h"
#include "trellis.h"

enum { STATES = 8 };
#define FAR 1e30f

/* A row, and what is known of its elements. */
typedef struct {
    double *place; /* in steps less their base; NAN where any will do */
    int8_t *only;  /* parity that the step has, -1: both */
    uint8_t *way;  /* per element a bit for each state: from which of two it is reached */
    int is_whole;  /* elements are integers: what they are rounded to counts */
    const ac_quantised_tile **tile;
} row;

/* The nearest step of a parity. */
static double nearest(double t, int parity) { return 2 * rint((t - parity) / 2) + parity; }

/* Squared distances for both grids (p) and both parities (b): [2 p + b]. */
static void distances(const row *r, uint64_t x, float d[4])
{
    const double place = r->place[x];
    double away[4];
    for (int i = 0; i < 4; i++) {
        const double half = 0.5 * (i >> 1), step = nearest(place - half, i & 1);
        away[i] = step + half - place;
        if (r->is_whole) { /* as the decoder rounds */
            const ac_quantised_tile *t = r->tile[x];
            away[i] = (rint((step + half + t->base) * t->scale + t->zero) - ((place + t->base) * t->scale + t->zero)) / t->scale;
        }
    }
    for (int p = 0; p < 4; p += 2) {
        const double a = fabs(away[p]), b = fabs(away[p + 1]), least = a < b ? a : b;
        d[p] = a > AC_TRELLIS_REACH && a > least ? FAR : (float)(a * a);
        d[p + 1] = b > AC_TRELLIS_REACH && b > least ? FAR : (float)(b * b);
    }
    if (isnan(place)) d[0] = d[1] = d[2] = d[3] = 0;
    if (r->only[x] >= 0) d[!r->only[x]] = d[2 + !r->only[x]] = FAR;
}

/* The state before, of the two that lead to `state` by parity bit 1 ^ `way`. Its p is bit 2 of `state`. */
static inline uint32_t before(uint32_t state, uint32_t way) { return way << 2 | ((state ^ state >> 2) & 1) << 1 | state >> 2; }
static inline uint32_t parity_of(uint32_t state, uint32_t way) { return (state >> 1 & 1) ^ way; }

/* Steps of elements first to end, between two starts of the trellis. */
static void choose(const row *r, uint64_t first, uint64_t end, int32_t *steps)
{
    float cost[STATES] = {0};
    for (int s = 1; s < STATES; s++) cost[s] = FAR;
    for (uint64_t x = first; x < end; x++) {
        float d[4], next[STATES], least = FAR;
        uint32_t way = 0;
        distances(r, x, d);
        for (uint32_t s = 0; s < STATES; s++) {
            const float a = cost[before(s, 0)] + d[(s >> 2) * 2 + parity_of(s, 0)], b = cost[before(s, 1)] + d[(s >> 2) * 2 + parity_of(s, 1)];
            way |= (uint32_t)(b < a) << s;
            next[s] = b < a ? b : a;
            least = next[s] < least ? next[s] : least;
        }
        for (int s = 0; s < STATES; s++) cost[s] = next[s] - least;
        r->way[x] = (uint8_t)way;
    }
    uint32_t state = 0;
    for (uint32_t s = 1; s < STATES; s++)
        if (cost[s] < cost[state]) state = s;
    for (uint64_t x = end; x-- > first;) {
        const uint32_t way = r->way[x] >> state & 1, parity = parity_of(state, way);
        state = before(state, way);
        const double place = isnan(r->place[x]) ? 0 : r->place[x], step = nearest(place - 0.5 * (state & 1), (int)parity);
        steps[x] = step >= INT32_MIN && step <= INT32_MAX ? (int32_t)step : (int32_t)parity;
    }
}

static int take_row(row *r, uint64_t width)
{
    r->place = malloc((size_t)width * sizeof *r->place);
    r->only = malloc((size_t)width);
    r->way = malloc((size_t)width);
    r->tile = malloc((size_t)width * sizeof *r->tile);
    return r->place && r->only && r->way && r->tile ? AC_OK : AC_ERROR_MEMORY;
}

static void free_row(row *r)
{
    free(r->place);
    free(r->only);
    free(r->way);
    free((void *)r->tile);
}

/* Places of a row; what is not finite takes that of the element before, so that it costs nothing to code. */
static void set_row(row *r, const ac_quantised *q, const ac_array *array, const void *data, const ac_tiling *t, uint64_t plane, uint64_t y)
{
    const uint64_t width = t->planes.width, first = (plane * t->planes.height + y) * width;
    const ac_quantised_tile *tiles = q->tiles + (plane * t->down + y / t->tile_height) * t->across;
    double last = 0;
    for (uint64_t x = 0; x < width; x++) {
        const double v = ac_as_double(array->dtype, data, first + x);
        r->tile[x] = tiles + x / t->tile_width;
        r->only[x] = -1;
        if (q->has_null && ac_bits_at(array->dtype, data, first + x) == q->null_bits)
            r->place[x] = NAN, r->only[x] = (int8_t)(q->null_step & 1);
        else
            r->place[x] = last = isfinite(v) ? ac_step_of(q->arithmetic, r->tile[x], ac_curve_place(&q->curve, v)) - r->tile[x]->base : last;
    }
}

int ac_trellis_steps(const ac_quantised *q, const ac_array *array, const void *data, int32_t *steps)
{
    const ac_tiling t = ac_quantise_tiling(q, array);
    const uint64_t width = t.planes.width, run = q->run ? q->run : width;
    row r = {.is_whole = array->dtype != AC_F4 && array->dtype != AC_F8 && !q->curve.kind};
    const int status = take_row(&r, width);
    for (uint64_t i = 0; i < t.planes.count * t.planes.height && !status; i++) {
        int32_t *const out = steps + i * width;
        set_row(&r, q, array, data, &t, i / t.planes.height, i % t.planes.height);
        for (uint64_t x = 0; x < width; x += run) choose(&r, x, ac_smaller(x + run, width), out);
        for (uint64_t x = 0; x < width; x++)
            if (r.only[x] >= 0) out[x] = q->null_step;
    }
    free_row(&r);
    return status;
}
