#include <float.h>
#include <math.h>
#include <string.h>

#include "as_double.h"
#include "bounded_parts.h"
#include "quantise_runs.h"
#include "viterbi.h"
#include "wide_vectors.h"
#include "no_traps.h"

enum { LANES = 8, PARTS = LANES / AC_WIDE_DOUBLES };
#define INLINE static inline __attribute__((always_inline))
#define SHIFT 0.001    /* of the mean, in noises, that no aperture sees; and how many times what is chance */
#define CHANCES 3
#define MOST_KEPT 0.125 /* runs of them, of all elements */

/* Of errors: as they are, in units of the curve's slope, these signed, the largest; what was allowed. They are added up in LANES parts, on all processors alike. */
typedef struct {
    double squares, in_place, shift, largest, widest;
} sums;

typedef double doubles __attribute__((vector_size(8 * AC_WIDE_DOUBLES)));
typedef float floats __attribute__((vector_size(4 * AC_WIDE_DOUBLES)));
typedef int64_t longs __attribute__((vector_size(8 * AC_WIDE_DOUBLES)));
#define PICK(mask, a, b) ((doubles)(((longs)(a) & (mask)) | ((longs)(b) & ~(mask))))
#define LARGER(a, b) PICK((a) > (b), a, b)

/* A run, or what of it is looked at. */
typedef struct {
    const ac_curve *curve;
    int is_relative, is_marked;   /* `is_marked`: some elements may be saturated, or stand for none */
    double straight, more;        /* what errors on a straight lattice may be, and what is added to it whatever the curve */
    double limit, none;
} allowing;

INLINE double sum_of(const doubles v[PARTS])
{
    double sum = 0;
    for (int l = 0; l < LANES; l++) sum += v[l / AC_WIDE_DOUBLES][l % AC_WIDE_DOUBLES];
    return sum;
}

INLINE double largest_of(const doubles v[PARTS])
{
    double largest = 0;
    for (int l = 0; l < LANES; l++) largest = fmax(v[l / AC_WIDE_DOUBLES][l % AC_WIDE_DOUBLES], largest);
    return largest;
}

/* Slopes of a root, and their inverses, in few digits: the slopes a little less than they are, so that no more is allowed than was asked. */
INLINE void take_slopes(const ac_curve *c, const double *v, size_t count, float *slope, float *inverse)
{
    const double knee = c->knee, bend = 4 * c->bend;
    for (size_t i = 0; i < count; i++) slope[i] = (float)(1 + bend * (v[i] > knee ? v[i] - knee : 0));
    for (size_t i = 0; i < count; i++) slope[i] = sqrtf(slope[i]) * (1 - 4 * FLT_EPSILON);
    for (size_t i = 0; i < count; i++) inverse[i] = 1 / slope[i];
}

/* Errors of a run that all are allowed; 0 where some may not be. Both ways have LANES elements more than `count`. */
INLINE int add_all(const allowing *a, const double *v, const double *again, size_t count, int is_bent, int is_relative, int is_marked, sums *s)
{
    float slope[AC_RUN + LANES], inverse[AC_RUN + LANES];
    const double more = a->more, straight = a->straight, limit = a->limit, none = a->none;
    const longs size = (longs){0} + INT64_MAX;
    doubles squares[PARTS] = {{0}}, in_place[PARTS] = {{0}}, shift[PARTS] = {{0}}, largest[PARTS] = {{0}}, widest[PARTS] = {{0}};
    longs bad = {0};
    if (is_bent) take_slopes(a->curve, v, (count + LANES - 1) / LANES * LANES, slope, inverse);
    for (size_t i = 0; i < count; i += LANES)
        for (size_t p = 0; p < PARTS; p++) {
            const size_t at = i + p * AC_WIDE_DOUBLES;
            doubles given, found, most = {0};
            memcpy(&given, v + at, sizeof given), memcpy(&found, again + at, sizeof found);
            const doubles e = found - given, d = (doubles)((longs)e & size);
            squares[p] += d * d;
            if (is_relative) {
                const doubles magnitude = (doubles)((longs)given & size), share = PICK(magnitude > 0, d / magnitude, d);
                most = straight * magnitude;
                bad |= ~(share <= straight); /* products of denormals are rounded up to what is no bound any more */
                bad |= (longs)given == INT64_MIN; /* -0.0, of which only bits tell whether it is kept */
                largest[p] = LARGER(share, largest[p]);
            } else if (is_bent) {
                floats steep, part;
                memcpy(&steep, slope + at, sizeof steep), memcpy(&part, inverse + at, sizeof part);
                const doubles bent = e * __builtin_convertvector(part, doubles);
                most = straight * __builtin_convertvector(steep, doubles) + more;
                in_place[p] += bent * bent, shift[p] += bent;
                widest[p] = LARGER(most, widest[p]), largest[p] = LARGER(d, largest[p]);
            } else {
                most += straight + more;
                shift[p] += e;
                largest[p] = LARGER(d, largest[p]);
            }
            bad |= ~(d <= most);
            if (is_marked) bad |= ~(given < limit) | (found == none);
        }
    int64_t any = 0;
    for (int l = 0; l < AC_WIDE_DOUBLES; l++) any |= bad[l];
    if (any) return 0;
    s->squares = sum_of(squares), s->shift = sum_of(shift), s->largest = largest_of(largest);
    s->in_place = is_bent ? sum_of(in_place) : s->squares;
    s->widest = is_bent ? largest_of(widest) : straight + more;
    return 1;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

/* The same on a root, by vectors of all LANES. */
AVX512 static int add_bent_avx512(const allowing *a, const double *v, const double *again, size_t count, sums *s)
{
    const __m512d knee = _mm512_set1_pd(a->curve->knee), bend = _mm512_set1_pd(4 * a->curve->bend), zero = _mm512_setzero_pd(), one = _mm512_set1_pd(1);
    const __m512d more = _mm512_set1_pd(a->more), straight = _mm512_set1_pd(a->straight), limit = _mm512_set1_pd(a->limit), none = _mm512_set1_pd(a->none);
    __m512d squares = zero, in_place = zero, shift = zero, largest = zero, widest = zero;
    __mmask8 bad = 0;
    for (size_t i = 0; i < count; i += LANES) {
        const __m512d given = _mm512_loadu_pd(v + i), found = _mm512_loadu_pd(again + i), above = _mm512_sub_pd(given, knee);
        const __m512d from = _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(given, knee, _CMP_GT_OQ), above);
        const __m256 root = _mm256_sqrt_ps(_mm512_cvtpd_ps(_mm512_add_pd(one, _mm512_mul_pd(bend, from))));
        const __m256 slope = _mm256_mul_ps(root, _mm256_set1_ps(1 - 4 * FLT_EPSILON)), inverse = _mm256_div_ps(_mm256_set1_ps(1), slope);
        const __m512d e = _mm512_sub_pd(found, given), d = _mm512_abs_pd(e), bent = _mm512_mul_pd(e, _mm512_cvtps_pd(inverse));
        const __m512d most = _mm512_add_pd(_mm512_mul_pd(straight, _mm512_cvtps_pd(slope)), more);
        squares = _mm512_add_pd(squares, _mm512_mul_pd(d, d)), in_place = _mm512_add_pd(in_place, _mm512_mul_pd(bent, bent)), shift = _mm512_add_pd(shift, bent);
        widest = _mm512_max_pd(most, widest), largest = _mm512_max_pd(d, largest);
        bad |= _mm512_cmp_pd_mask(d, most, _CMP_NLE_UQ) | _mm512_cmp_pd_mask(given, limit, _CMP_NLT_UQ) | _mm512_cmp_pd_mask(found, none, _CMP_EQ_OQ);
    }
    if (bad) return 0;
    doubles parts[5][PARTS];
    _mm512_storeu_pd(parts[0], squares), _mm512_storeu_pd(parts[1], in_place), _mm512_storeu_pd(parts[2], shift);
    _mm512_storeu_pd(parts[3], largest), _mm512_storeu_pd(parts[4], widest);
    *s = (sums){sum_of(parts[0]), sum_of(parts[1]), sum_of(parts[2]), largest_of(parts[3]), largest_of(parts[4])};
    return 1;
}
#else
static int add_bent_avx512(const allowing *a, const double *v, const double *again, size_t count, sums *s) { return add_all(a, v, again, count, 1, 0, 1, s); }
#endif

INLINE int add_run(const allowing *a, const double *v, const double *again, size_t count, sums *s)
{
    if (a->is_relative) return a->is_marked ? add_all(a, v, again, count, 0, 1, 1, s) : add_all(a, v, again, count, 0, 1, 0, s);
    if (a->curve->kind == AC_ROOT) return HAS_AVX512 ? add_bent_avx512(a, v, again, count, s) : add_all(a, v, again, count, 1, 0, 1, s);
    return a->is_marked ? add_all(a, v, again, count, 0, 0, 1, s) : add_all(a, v, again, count, 0, 0, 0, s);
}

/* Elements and what they became, and LANES more of the last one. */
INLINE void take_both(int dtype, const void *data, const void *elements, uint64_t first, size_t count, double *v, double *again)
{
    ac_as_doubles(dtype, data, first, count, v);
    ac_as_doubles(dtype, elements, 0, count, again);
    const double end = count ? v[count - 1] : 0, last = end < INFINITY && end > -INFINITY ? end : 0;
    for (size_t i = count; i < count + LANES; i++) v[i] = again[i] = last;
}

/* Integers of 16 bits or fewer on a straight lattice: what doubles of them would say. 0 where some may not be allowed. */
#define ADD_INTEGERS(DTYPE, TYPE)                                                                     \
    case DTYPE:                                                                                       \
        for (size_t i = 0; i < count; i++) {                                                          \
            const int32_t e = ((const TYPE *)elements)[i] - ((const TYPE *)data)[first + i];          \
            const uint32_t d = (uint32_t)(e < 0 ? -e : e);                                            \
            shift += e, squares += d * d, largest = d > largest ? d : largest;                        \
        }                                                                                             \
        break;

INLINE int add_integers(const allowing *a, int dtype, const void *data, const void *elements, uint64_t first, size_t count, sums *s)
{
    int32_t shift = 0;
    uint32_t squares = 0, largest = 0; /* squares of FEW at most add up in 32 bits */
    enum { FEW = 2047 };
    _Static_assert((uint64_t)AC_RUN * FEW * FEW <= UINT32_MAX, "squares of a run fit");
    const double most = a->straight + a->more;
    switch (dtype) {
        ADD_INTEGERS(AC_U1, uint8_t)
        ADD_INTEGERS(AC_I1, int8_t)
        ADD_INTEGERS(AC_U2, uint16_t)
        ADD_INTEGERS(AC_I2, int16_t)
    default: return 0;
    }
    if (largest > FEW || largest > most) return 0;
    *s = (sums){squares, squares, shift, largest, most};
    return 1;
}

/* Whether they are these. */
static int are_integers(const allowing *a) { return a->curve->kind == AC_STRAIGHT && !a->is_relative && !a->is_marked; }

static int look_plain(const allowing *a, int dtype, const void *data, const void *elements, uint64_t first, size_t count, double *v, double *again, sums *s)
{
    if (are_integers(a) && add_integers(a, dtype, data, elements, first, count, s)) return 1;
    take_both(dtype, data, elements, first, count, v, again);
    return add_run(a, v, again, count, s);
}
WIDE_VECTORS static int look_wide(const allowing *a, int dtype, const void *data, const void *elements, uint64_t first, size_t count, double *v, double *again,
                                  sums *s)
{
    if (are_integers(a) && add_integers(a, dtype, data, elements, first, count, s)) return 1;
    take_both(dtype, data, elements, first, count, v, again);
    return add_run(a, v, again, count, s);
}

LOOPS_OF_AVX512 static int look_widest(const allowing *a, int dtype, const void *data, const void *elements, uint64_t first, size_t count, double *v, double *again,
                                      sums *s)
{
    if (are_integers(a) && add_integers(a, dtype, data, elements, first, count, s)) return 1;
    take_both(dtype, data, elements, first, count, v, again);
    return add_run(a, v, again, count, s);
}

/* The slope of the curve at an element. */
static inline double slope_at(const ac_curve *c, double v) { return c->kind == AC_ROOT && v > c->knee ? sqrt(1 + 4 * c->bend * (v - c->knee)) : 1; }

static allowing allowed(const ac_bounding *w, const ac_quantised_tile *tile, double noise)
{
    const ac_bound *b = w->bound;
    const int is_relative = b->kind == AC_BOUND_RELATIVE, is_limited = !isnan(b->saturation);
    allowing a = {&w->q->curve, is_relative, is_limited || b->has_blank, ac_allowance(w, noise), 0, is_limited ? b->saturation : INFINITY, NAN};
    if (b->has_blank) a.none = ac_double_of_bits(w->array->dtype, b->blank);
    if (b->kind != AC_BOUND_INCREASE && b->kind != AC_BOUND_ADDED) return a;
    const double reach = w->q->dither == AC_TRELLIS ? AC_TRELLIS_REACH : 0.5, step = tile->scale;
    a.straight = reach * step * (1 + w->q->curve.bend * step * reach);
    a.more = w->is_whole ? 0.5 : 2 * w->resolution;
    return a;
}

typedef struct {
    ac_bounding *w;
    int32_t *steps, last;
    uint32_t state; /* of the trellis */
    void *again;
    ac_loss *loss;
    uint64_t room, used;
} checking;

/* Of a run element by element: those that differ by more than they may are kept. */
static int add_each(checking *c, const ac_run *at, const allowing *a, const double *v, const double *found, sums *s)
{
    ac_bounding *w = c->w;
    const int dtype = w->array->dtype, is_relative = a->is_relative;
    const size_t item = ac_number_bytes(dtype);
    for (size_t i = 0; i < at->count; i++) {
        const uint64_t place = at->first + i, bits = ac_bits_at(dtype, w->data, place), there = ac_bits_at(dtype, c->again, place);
        if (bits == there) {
            c->used += (uint64_t)ac_is_bounded(w, place, v[i]);
            continue;
        }
        const double d = fabs(found[i] - v[i]), share = is_relative ? d / fabs(v[i]) : d, slope = slope_at(a->curve, v[i]), in_place = d / slope;
        const double most = is_relative ? a->straight * fabs(v[i]) : a->straight * slope + a->more;
        const int is_sign_lost = is_relative && d == 0; /* -0.0 */
        const int is_lost = (w->q->has_null && there == w->q->null_bits) || (w->bound->has_blank && there == w->bound->blank); /* it would read as none */
        /* products of denormals are rounded up to what is no bound any more */
        if (ac_is_bounded(w, place, v[i]) && d <= most && !(is_relative && share > w->bound->value) && !is_sign_lost && !is_lost) {
            s->widest = fmax(s->widest, is_relative ? w->bound->value : most);
            s->largest = fmax(s->largest, share);
            s->squares += d * d, s->in_place += in_place * in_place, s->shift += found[i] < v[i] ? -in_place : in_place;
            c->used++;
            continue;
        }
        const int status = ac_exception_add(w->q, &c->room, place, bits);
        if (status) return status;
        memcpy((uint8_t *)c->again + place * item, (const uint8_t *)w->data + place * item, item);
    }
    return AC_OK;
}

static int check_there(void *work, const ac_run *r)
{
    checking *c = work;
    ac_bounding *w = c->w;
    const uint64_t tile = (uint64_t)(r->tile - w->q->tiles);
    const double noise = w->noise[tile], scale = r->tile->scale;
    const size_t item = ac_number_bytes(r->dtype);
    double v[AC_RUN + LANES], again[AC_RUN + LANES];
    ac_run_elements found;
    if (w->q->dither != AC_TRELLIS) ac_run_nearest(r, w->data, &c->last, c->steps + r->first);
    ac_run_restore(r, c->steps + r->first, &c->state, &found);
    memcpy((uint8_t *)c->again + r->first * item, &found, r->count * item);
    const allowing a = allowed(w, r->tile, noise);
    sums s = {0, 0, 0, 0, 0};
    int status = AC_OK;
    if ((HAS_AVX512 ? look_widest : HAS_WIDE_VECTORS ? look_wide : look_plain)(&a, r->dtype, w->data, &found, r->first, r->count, v, again, &s))
        c->used += r->count;
    else
        status = add_each(c, r, &a, v, again, &s);
    c->loss->bound = fmax(c->loss->bound, s.widest), c->loss->found = fmax(c->loss->found, s.largest);
    c->loss->variance += s.squares;
    if (!a.is_relative) c->loss->unit_variance += s.in_place / scale / scale;
    if (!a.is_relative && noise > 0) c->loss->share += s.in_place / noise / noise, w->shift += s.shift / noise;
    return status;
}

int ac_bounding_check(ac_bounding *w, int32_t *steps, void *again, ac_loss *loss)
{
    checking c = {.w = w, .steps = steps, .again = again, .loss = loss};
    *loss = (ac_loss){.kind = w->bound->kind, .asked = w->bound->value, .noise = w->least_noise};
    w->shift = 0;
    const int status = ac_quantise_visit(w->q, w->array, check_there, &c);
    if (status) return status;
    const double used = c.used ? (double)c.used : 1;
    loss->variance /= used, loss->unit_variance /= used, loss->share /= used, w->shift /= used;
    w->is_shifted = fabs(w->shift) > SHIFT + CHANCES * sqrt(loss->share / used);
    loss->bound = fmax(loss->bound, loss->found);
    const int is_finite = isfinite(loss->variance) && isfinite(loss->bound) && isfinite(loss->share);
    if (loss->variance == 0) return AC_ERROR_SPACE; /* the elements as they are take no more */
    return (double)w->q->exception_count > MOST_KEPT * (double)w->count + 64 || !is_finite ? AC_ERROR_SPACE : AC_OK;
}
