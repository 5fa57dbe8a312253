#include <math.h>
#include <string.h>

#include "quantise_arithmetic.h"
#include "quantise_runs.h"
#include "wide_vectors.h"
#include "no_traps.h"

#define WHOLE 6755399441055744.0 /* 1.5 * 2^52: added and taken off again, it rounds to the nearest integer, halves to even, where that is below 2^51 */
#define INLINE static inline __attribute__((always_inline))

/* The operations are those of docs/format.md, one by one; the build forbids to contract them. */
INLINE void take_products(const ac_run *r, const int32_t *steps, double *out)
{
    const ac_quantised_tile t = *r->tile;
    const float *random = r->random;
    const size_t n = r->count;
    if (random)
        for (size_t i = 0; i < n; i++) out[i] = (steps[i] + t.base - random[i] + 0.5) * t.scale + t.zero;
    else
        for (size_t i = 0; i < n; i++) out[i] = (steps[i] + t.base) * t.scale + t.zero;
}

INLINE void take_other_products(const ac_run *r, const int32_t *steps, double *out)
{
    const ac_quantised_tile t = *r->tile;
    const int divided = ac_divides(r->quantised->arithmetic), zero_first = r->quantised->arithmetic & AC_ZERO_FIRST;
    for (size_t i = 0; i < r->count; i++) {
        const double k = steps[i] + t.base, of = zero_first ? k + t.zero : k, scaled = divided ? of / t.scale : of * t.scale;
        out[i] = zero_first ? scaled : scaled + t.zero;
    }
}

INLINE void take_single_products(const ac_run *r, const int32_t *steps, double *out)
{
    const ac_quantised_tile t = *r->tile;
    const float scale = (float)t.scale, zero = (float)t.zero;
    const int divided = ac_divides(r->quantised->arithmetic), zero_first = r->quantised->arithmetic & AC_ZERO_FIRST;
    for (size_t i = 0; i < r->count; i++) {
        const float k = (float)(steps[i] + t.base), of = zero_first ? k + zero : k, scaled = divided ? of / scale : of * scale;
        out[i] = zero_first ? scaled : scaled + zero;
    }
}

INLINE void bend(const ac_curve *given, size_t n, double *v)
{
    const ac_curve curve = *given;
    if (curve.kind == AC_ROOT)
        for (size_t i = 0; i < n; i++) v[i] = ac_root_element(&curve, v[i]);
    else if (curve.kind == AC_IN_OCTAVES)
        for (size_t i = 0; i < n; i++) v[i] = ac_octave_element(&curve, v[i]);
}

/* Rounded and clamped; of 32 bits without a sign as numbers 2^31 less. */
#define CLAMP(v, low, high) ((v) < (low) ? (low) : (v) > (high) ? (high) : (v))
#define ROUND(field, low, high) \
    for (size_t i = 0; i < n; i++) { \
        const double whole = v[i] + WHOLE - WHOLE; \
        out->field[i] = (int32_t)CLAMP(whole, (double)(low), (double)(high)); \
    } \
    return

/* As numbers of the array's type. */
INLINE void round_to_type(const ac_run *r, const double *v, ac_run_elements *out)
{
    const size_t n = r->count;
    switch (r->dtype) {
    case AC_U1: ROUND(u1, 0, UINT8_MAX);
    case AC_I1: ROUND(i1, INT8_MIN, INT8_MAX);
    case AC_U2: ROUND(u2, 0, UINT16_MAX);
    case AC_I2: ROUND(i2, INT16_MIN, INT16_MAX);
    case AC_I4: ROUND(i4, INT32_MIN, INT32_MAX);
    case AC_U4:
        for (size_t i = 0; i < n; i++) {
            const double whole = v[i] + WHOLE - WHOLE - 0x1p31;
            out->u4[i] = (uint32_t)(int32_t)CLAMP(whole, -0x1p31, 0x1p31 - 1) ^ 0x80000000u;
        }
        return;
    case AC_F4:
        for (size_t i = 0; i < n; i++) out->f4[i] = (float)v[i];
        return;
    default:
        if (r->quantised->arithmetic & AC_SINGLE)
            for (size_t i = 0; i < n; i++) out->f8[i] = (double)(float)v[i];
        else
            memcpy(out->f8, v, n * sizeof *v);
    }
}

/* `state` is that of a trellis. */
INLINE void restore(const ac_run *r, const int32_t *steps, uint32_t *state, ac_run_elements *out)
{
    const int arithmetic = r->quantised->arithmetic;
    double v[AC_RUN];
    if (r->quantised->dither == AC_TRELLIS)
        ac_run_trellis(r, steps, state, v);
    else if (!(arithmetic & ~AC_SINGLE))
        take_products(r, steps, v);
    else if (arithmetic & AC_OWN_PRODUCT && ac_is_single(arithmetic, r->dtype))
        take_single_products(r, steps, v);
    else
        take_other_products(r, steps, v);
    bend(&r->quantised->curve, r->count, v);
    round_to_type(r, v, out);
}

static void restore_plain(const ac_run *r, const int32_t *steps, uint32_t *state, ac_run_elements *out) { restore(r, steps, state, out); }
WIDE_VECTORS static void restore_wide(const ac_run *r, const int32_t *steps, uint32_t *state, ac_run_elements *out) { restore(r, steps, state, out); }
LOOPS_OF_AVX512 static void restore_widest(const ac_run *r, const int32_t *steps, uint32_t *state, ac_run_elements *out) { restore(r, steps, state, out); }

static void put_number(uint8_t *out, size_t item, uint64_t bits)
{
    const uint32_t four = (uint32_t)bits;
    const uint16_t two = (uint16_t)bits;
    const uint8_t one = (uint8_t)bits;
    memcpy(out, item == 8 ? (const void *)&bits : item == 4 ? (const void *)&four : item == 2 ? (const void *)&two : (const void *)&one, item);
}

/* Elements that steps with a meaning of their own stand for. */
static void put_meant(const ac_run *r, const int32_t *steps, ac_run_elements *out)
{
    const ac_quantised *q = r->quantised;
    const size_t item = ac_number_bytes(r->dtype);
    const int32_t null = q->has_null ? q->null_step : AC_ZERO_STEP, zero = q->dither == AC_DITHER_2 ? AC_ZERO_STEP : null;
    int32_t any = 0;
    for (size_t i = 0; i < r->count; i++) any |= (steps[i] == null) | (steps[i] == zero);
    for (size_t i = 0; any && i < r->count; i++) {
        if (q->has_null && steps[i] == q->null_step)
            put_number(out->bytes + i * item, item, q->null_bits);
        else if (q->dither == AC_DITHER_2 && steps[i] == AC_ZERO_STEP)
            put_number(out->bytes + i * item, item, 0);
    }
}

void ac_run_restore(const ac_run *r, const int32_t *steps, uint32_t *state, ac_run_elements *out)
{
    (HAS_AVX512 ? restore_widest : HAS_WIDE_VECTORS ? restore_wide : restore_plain)(r, steps, state, out);
    if (r->quantised->has_null || r->quantised->dither == AC_DITHER_2) put_meant(r, steps, out);
}

typedef struct {
    const int32_t *steps;
    uint8_t *out;
    uint32_t state; /* of the trellis */
} restoring;

static int restore_there(void *work, const ac_run *r)
{
    restoring *w = work;
    const size_t item = ac_number_bytes(r->dtype);
    int32_t steps[AC_RUN]; /* their place may be that of the elements */
    ac_run_elements found;
    memcpy(steps, w->steps + r->first, r->count * sizeof *steps);
    ac_run_restore(r, steps, &w->state, &found);
    memcpy(w->out + r->first * item, &found, r->count * item);
    return AC_OK;
}

int ac_quantise_restore(const ac_quantised *q, const ac_array *array, const int32_t *steps, void *out)
{
    restoring w = {steps, out, 0};
    const int status = ac_quantise_visit(q, array, restore_there, &w);
    const size_t item = ac_number_bytes(array->dtype);
    for (const ac_exception *e = q->exceptions; !status && e < q->exceptions + q->exception_count; e++)
        for (uint64_t i = e->first; i < e->first + e->length; i++) put_number(w.out + i * item, item, e->bits);
    return status;
}
