#include <math.h>
#include <string.h>

#include "as_double.h"
#include "bounded_parts.h"
#include "viterbi.h"
#include "wide_vectors.h"

enum { LANES = 8 };
#define SHIFT 0.001    /* of the mean, in noises, that no aperture sees; and how many times what is chance */
#define CHANCES 3
#define MOST_KEPT 0.125 /* runs of them, of all elements */

/* Of errors, by lanes, so that all processors add them up in one order. */
typedef struct {
    double squares[LANES], in_place[LANES], shift[LANES], largest[LANES], widest[LANES]; /* as they are, in units of the curve's slope, these signed; what was allowed */
} sums;

/* Errors of a segment that all are allowed; 0 where some may not be. `slope` is NULL without a curve, where all of `most` are equal. */
static inline __attribute__((always_inline)) int add_all(const double *v, const double *again, const double *most, const double *slope, double limit, double none,
                                                         size_t count, sums *s)
{
    int bad = 0;
    for (size_t i = 0; i < count; i += LANES)
        for (int l = 0; l < LANES; l++) bad |= !(fabs(again[i + l] - v[i + l]) <= most[slope ? i + l : 0]) | !(v[i + l] < limit) | (again[i + l] == none);
    if (bad) return 0;
    for (size_t i = 0; i < count; i += LANES)
        for (int l = 0; l < LANES; l++) {
            const double e = again[i + l] - v[i + l], in_place = slope ? e / slope[i + l] : e, d = fabs(e), allowed = most[slope ? i + l : 0];
            s->squares[l] += d * d;
            s->in_place[l] += in_place * in_place;
            s->shift[l] += in_place;
            s->largest[l] = d > s->largest[l] ? d : s->largest[l];
            s->widest[l] = allowed > s->widest[l] ? allowed : s->widest[l];
        }
    return 1;
}

static int add_plain(const double *v, const double *again, const double *most, const double *slope, double limit, double none, size_t count, sums *s)
{
    return slope ? add_all(v, again, most, slope, limit, none, count, s) : add_all(v, again, most, NULL, limit, none, count, s);
}
WIDE_VECTORS static int add_wide(const double *v, const double *again, const double *most, const double *slope, double limit, double none, size_t count, sums *s)
{
    return slope ? add_all(v, again, most, slope, limit, none, count, s) : add_all(v, again, most, NULL, limit, none, count, s);
}

/* The slope of the curve at an element. */
static inline double slope_at(const ac_curve *c, double v) { return c->kind == AC_ROOT && v > c->knee ? sqrt(1 + 4 * c->bend * (v - c->knee)) : 1; }

/* What errors on a straight lattice may be, and what is added to it whatever the curve. */
static void allowed(const ac_bounding *w, const ac_quantised_tile *tile, double noise, double *straight, double *more)
{
    const int is_share = w->bound->kind == AC_BOUND_INCREASE || w->bound->kind == AC_BOUND_ADDED;
    *straight = ac_allowance(w, noise), *more = 0;
    if (!is_share) return;
    const double reach = w->q->dither == AC_TRELLIS ? AC_TRELLIS_REACH : 0.5, step = tile->scale;
    *straight = reach * step * (1 + w->q->curve.bend * step * reach);
    *more = w->is_whole ? 0.5 : 2 * w->resolution;
}

typedef struct {
    ac_bounding *w;
    void *again;
    ac_loss *loss;
    uint64_t room, used;
} checking;

/* Of a segment element by element: those that differ by more than they may are kept. */
static int add_each(checking *c, const ac_segment *at, const double *v, const double *found, const double *most, const double *slope, sums *s)
{
    ac_bounding *w = c->w;
    const int dtype = w->array->dtype, is_relative = w->bound->kind == AC_BOUND_RELATIVE;
    const size_t item = ac_number_bytes(dtype);
    for (size_t i = 0; i < at->count; i++) {
        const uint64_t place = at->first + i, bits = ac_bits_at(dtype, w->data, place), there = ac_bits_at(dtype, c->again, place);
        if (bits == there) {
            c->used += (uint64_t)ac_is_bounded(w, place, v[i]);
            continue;
        }
        const double d = fabs(found[i] - v[i]), share = is_relative ? d / fabs(v[i]) : d, in_place = d / slope[i];
        const int is_sign_lost = is_relative && d == 0; /* -0.0 */
        const int is_lost = (w->q->has_null && there == w->q->null_bits) || (w->bound->has_blank && there == w->bound->blank); /* it would read as none */
        /* products of denormals are rounded up to what is no bound any more */
        if (ac_is_bounded(w, place, v[i]) && d <= most[i] && !(is_relative && share > w->bound->value) && !is_sign_lost && !is_lost) {
            s->widest[0] = fmax(s->widest[0], is_relative ? w->bound->value : most[i]);
            s->largest[0] = fmax(s->largest[0], share);
            s->squares[0] += d * d, s->in_place[0] += in_place * in_place, s->shift[0] += found[i] < v[i] ? -in_place : in_place;
            c->used++;
            continue;
        }
        const int status = ac_exception_add(w->q, &c->room, place, bits);
        if (status) return status;
        memcpy((uint8_t *)c->again + place * item, (const uint8_t *)w->data + place * item, item);
    }
    return AC_OK;
}

static int check_segment(checking *c, const ac_segment *at)
{
    ac_bounding *w = c->w;
    const int dtype = w->array->dtype, is_relative = w->bound->kind == AC_BOUND_RELATIVE;
    const ac_quantised_tile *tile = &w->q->tiles[at->tile];
    const size_t n = at->count, all = (n + LANES - 1) / LANES * LANES;
    double v[AC_SEGMENT], again[AC_SEGMENT], most[AC_SEGMENT], slope[AC_SEGMENT], straight, more;
    ac_as_doubles(dtype, w->data, at->first, n, v);
    ac_as_doubles(dtype, c->again, at->first, n, again);
    allowed(w, tile, w->noise[at->tile], &straight, &more);
    for (size_t i = n; i < all; i++) v[i] = again[i] = v[n - 1] < INFINITY && v[n - 1] > -INFINITY ? v[n - 1] : 0;
    const int is_bent = w->q->curve.kind == AC_ROOT;
    if (is_bent)
        for (size_t i = 0; i < all; i++) slope[i] = slope_at(&w->q->curve, v[i]), most[i] = straight * slope[i] + more;
    else
        for (size_t i = 0; i < all; i++) slope[i] = 1, most[i] = is_relative ? straight * fabs(v[i]) : straight + more;
    const double limit = isnan(w->bound->saturation) ? INFINITY : w->bound->saturation;
    const double none = w->bound->has_blank ? ac_double_of_bits(dtype, w->bound->blank) : NAN;
    sums s = {{0}, {0}, {0}, {0}, {0}};
    int status = AC_OK;
    if (!is_relative && (HAS_WIDE_VECTORS ? add_wide : add_plain)(v, again, most, is_bent ? slope : NULL, limit, none, all, &s))
        c->used += n;
    else
        status = add_each(c, at, v, again, most, slope, &s);
    double in_place = 0, shift = 0;
    for (int l = 0; l < LANES; l++) {
        c->loss->bound = fmax(c->loss->bound, s.widest[l]), c->loss->found = fmax(c->loss->found, s.largest[l]);
        c->loss->variance += s.squares[l], in_place += s.in_place[l], shift += s.shift[l];
    }
    const double noise = w->noise[at->tile];
    if (!is_relative) c->loss->unit_variance += in_place / tile->scale / tile->scale;
    if (!is_relative && noise > 0) c->loss->share += in_place / noise / noise, w->shift += shift / noise;
    return status;
}

int ac_bounding_check(ac_bounding *w, void *again, ac_loss *loss)
{
    checking c = {.w = w, .again = again, .loss = loss};
    *loss = (ac_loss){.kind = w->bound->kind, .asked = w->bound->value, .noise = w->least_noise};
    w->shift = 0;
    for (ac_segment s = {0}; ac_next_segment(w, &s);) {
        const int status = check_segment(&c, &s);
        if (status) return status;
    }
    const double used = c.used ? (double)c.used : 1;
    loss->variance /= used, loss->unit_variance /= used, loss->share /= used, w->shift /= used;
    w->is_shifted = fabs(w->shift) > SHIFT + CHANCES * sqrt(loss->share / used);
    loss->bound = fmax(loss->bound, loss->found);
    const int is_finite = isfinite(loss->variance) && isfinite(loss->bound) && isfinite(loss->share);
    if (loss->variance == 0) return AC_ERROR_SPACE; /* the elements as they are take no more */
    return (double)w->q->exception_count > MOST_KEPT * (double)w->count + 64 || !is_finite ? AC_ERROR_SPACE : AC_OK;
}
