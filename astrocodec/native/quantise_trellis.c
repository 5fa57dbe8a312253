#include "quantise_runs.h"
#include "trellis.h"
#include "wide_vectors.h"

enum { TOGETHER = 64 };
#define INLINE static inline __attribute__((always_inline))

/* Steps of one tile from a state of the trellis on. */
typedef struct {
    const int32_t *steps;
    size_t count;
    double base, scale, zero;
} stretch;

/* The operations are those of docs/format.md, one by one; the build forbids to contract them. */
INLINE void take_plain(const stretch *s, uint32_t *state, double *out)
{
    const double base = s->base, scale = s->scale, zero = s->zero;
    const int32_t *steps = s->steps;
    size_t i = 0;
    for (; i + TOGETHER <= s->count; i += TOGETHER) {
        uint16_t parts[TOGETHER];
        for (size_t j = 0; j < TOGETHER; j++) parts[j] = (uint16_t)steps[i + j];
        ac_trellis_double(parts, 0, state, parts);
        for (size_t j = 0; j < TOGETHER; j++) out[i + j] = (steps[i + j] + base + 0.5 * (parts[j] & 1)) * scale + zero;
    }
    for (; i < s->count; i++) {
        out[i] = (steps[i] + base + 0.5 * (*state & 1)) * scale + zero;
        *state = ac_trellis_next(*state, (uint32_t)steps[i] & 1);
    }
}

static void take_any(const stretch *s, uint32_t *state, double *out) { take_plain(s, state, out); }
WIDE_VECTORS static void take_wide(const stretch *s, uint32_t *state, double *out) { take_plain(s, state, out); }

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

LOOPS_OF_AVX512 static void take_widest(const stretch *s, uint32_t *state, double *out)
{
    const __m512d base = _mm512_set1_pd(s->base), scale = _mm512_set1_pd(s->scale), zero = _mm512_set1_pd(s->zero), half = _mm512_set1_pd(0.5);
    const __m512i one = _mm512_set1_epi32(1);
    size_t i = 0;
    for (; i + TOGETHER <= s->count; i += TOGETHER) {
        uint64_t is_odd = 0;
        for (size_t j = 0; j < TOGETHER; j += 16) is_odd |= (uint64_t)_mm512_test_epi32_mask(_mm512_loadu_si512(s->steps + i + j), one) << j;
        const uint64_t halves = ac_trellis_run(is_odd, state);
        for (size_t j = 0; j < TOGETHER; j += 8) {
            const __m512d k = _mm512_add_pd(_mm512_cvtepi32_pd(_mm256_loadu_si256((const __m256i *)(s->steps + i + j))), base);
            const __m512d there = _mm512_mask_add_pd(k, (__mmask8)(halves >> j), k, half);
            _mm512_storeu_pd(out + i + j, _mm512_add_pd(_mm512_mul_pd(there, scale), zero));
        }
    }
    const stretch rest = {s->steps + i, s->count - i, s->base, s->scale, s->zero};
    take_plain(&rest, state, out + i);
}
#else
static void take_widest(const stretch *s, uint32_t *state, double *out) { take_plain(s, state, out); }
#endif

void ac_run_trellis(const ac_run *r, const int32_t *steps, uint32_t *state, double *out)
{
    const uint64_t period = r->quantised->run ? r->quantised->run : UINT64_MAX;
    uint64_t left = period - r->column % period; /* columns to the next start */
    if (left == period) *state = 0;
    for (size_t i = 0; i < r->count;) {
        if (!left) *state = 0, left = period;
        const stretch s = {steps + i, (size_t)ac_smaller(left, r->count - i), r->tile->base, r->tile->scale, r->tile->zero};
        (HAS_AVX512 ? take_widest : HAS_WIDE_VECTORS ? take_wide : take_any)(&s, state, out + i);
        i += s.count, left -= s.count;
    }
}
