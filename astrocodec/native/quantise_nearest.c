#include <math.h>

#include "as_double.h"
#include "quantise_arithmetic.h"
#include "quantise_runs.h"
#include "wide_vectors.h"
#include "no_traps.h"

#define INLINE static inline __attribute__((always_inline))

int32_t ac_run_step(const ac_run *r, double place, size_t i)
{
    const double k = ac_step_of(r->quantised->arithmetic, r->tile, place), step = (r->random ? k + r->random[i] - 0.5 : k) - r->tile->base;
    return step >= INT32_MIN && step <= INT32_MAX ? (int32_t)rint(step) : 0;
}

/* The nearest steps, 0 where there is none; returns whether these are not all, or some stand for none. */
INLINE int take_nearest(const ac_run *r, const double *v, double none, int32_t *steps)
{
    const double zero = r->tile->zero, inverse = 1 / r->tile->scale, base = r->tile->base;
    const float *random = r->random;
    const size_t n = r->count;
    double place[AC_RUN];
    int bad = 0;
    if (random)
        for (size_t i = 0; i < n; i++) place[i] = (v[i] - zero) * inverse + random[i] - 0.5 - base;
    else
        for (size_t i = 0; i < n; i++) place[i] = (v[i] - zero) * inverse - base;
    for (size_t i = 0; i < n; i++) {
        const int is_step = (place[i] >= INT32_MIN) & (place[i] <= INT32_MAX);
        bad |= !is_step | (v[i] == none);
        steps[i] = (int32_t)rint(is_step ? place[i] : 0);
    }
    return bad;
}

INLINE int nearest(const ac_run *r, const void *data, double none, int32_t *steps)
{
    const ac_curve curve = r->quantised->curve;
    const double variance = r->tile->scale * r->tile->scale / 12;
    double v[AC_RUN];
    ac_as_doubles(r->dtype, data, r->first, r->count, v);
    if (curve.kind == AC_ROOT)
        for (size_t i = 0; i < r->count; i++) v[i] = ac_root_place(&curve, v[i], variance);
    else if (curve.kind == AC_IN_OCTAVES)
        for (size_t i = 0; i < r->count; i++) v[i] = ac_octave_place(&curve, v[i]);
    return take_nearest(r, v, none, steps);
}

static int nearest_plain(const ac_run *r, const void *data, double none, int32_t *steps) { return nearest(r, data, none, steps); }
WIDE_VECTORS static int nearest_wide(const ac_run *r, const void *data, double none, int32_t *steps) { return nearest(r, data, none, steps); }
LOOPS_OF_AVX512 static int nearest_widest(const ac_run *r, const void *data, double none, int32_t *steps) { return nearest(r, data, none, steps); }

void ac_run_nearest(const ac_run *r, const void *data, int32_t *last, int32_t *steps)
{
    const ac_quantised *q = r->quantised;
    const double none = q->has_null ? ac_curve_place(&q->curve, ac_double_of_bits(r->dtype, q->null_bits), r->tile->scale * r->tile->scale / 12) : NAN;
    const int bad = (HAS_AVX512 ? nearest_widest : HAS_WIDE_VECTORS ? nearest_wide : nearest_plain)(r, data, none, steps);
    for (size_t i = 0; bad && i < r->count; i++) {
        if (isfinite(ac_as_double(r->dtype, data, r->first + i))) *last = steps[i]; else steps[i] = *last;
        if (q->has_null && ac_bits_at(r->dtype, data, r->first + i) == q->null_bits) steps[i] = q->null_step;
    }
    if (r->count && !bad) *last = steps[r->count - 1];
}
