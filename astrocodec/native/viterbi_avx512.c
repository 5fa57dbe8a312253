#include "viterbi_rows.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define INLINE AVX512 static inline __attribute__((always_inline))

static inline __attribute__((always_inline)) int16_t squared_reach(void) { return (int16_t)(REACH * REACH * SQUARE); }

/* The first where the mask is, else the second. */
INLINE __m512i choose(__mmask32 mask, __m512i a, __m512i b) { return _mm512_mask_mov_epi16(b, mask, a); }

/* Squared distances for both grids (p) and both parities (b): [2 p + b]. */
INLINE void straight_distances(__m512i place, __m512i d[4])
{
    const __m512i r = _mm512_srai_epi16(_mm512_add_epi16(place, _mm512_set1_epi16(32)), 6), all = _mm512_set1_epi16(256), twice = _mm512_set1_epi16(512);
    const __m512i a = _mm512_abs_epi16(r), s = _mm512_abs_epi16(_mm512_sub_epi16(r, _mm512_set1_epi16(128)));
    const __m512i b = _mm512_min_epi16(s, _mm512_sub_epi16(twice, s)), reach = _mm512_set1_epi16((int16_t)(REACH * 256)), far = _mm512_set1_epi16(FAR);
    const __m512i away[4] = {a, _mm512_sub_epi16(all, a), b, _mm512_sub_epi16(all, b)};
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        d[i] = choose(_mm512_cmpgt_epi16_mask(away[i], reach), far, _mm512_srli_epi16(_mm512_mullo_epi16(away[i], away[i]), 4));
}

/* 16 lanes of an error in an integer's units, of which `part` is the inverse, squared */
INLINE __m256i squared(__m512 away, __m512 root)
{
    const __m512 whole = _mm512_set1_ps(WHOLE_FLOAT), e = _mm512_mul_ps(_mm512_sub_ps(_mm512_add_ps(away, whole), whole), root);
    return _mm512_cvtepi32_epi16(_mm512_cvttps_epi32(_mm512_mul_ps(e, e)));
}

typedef struct {
    __m512 unit[2], root[2]; /* a step in an integer's units; the root of SQUARE in these */
} steps_of_lanes;

INLINE __m512i joined(__m256i low, __m256i high) { return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1); }

/* Likewise of integers, as the decoder rounds them. With few of them in a step both parities may be far. */
INLINE void whole_distances(__m512i place, const steps_of_lanes *steps, int is_fine, __m512i d[4])
{
    const __m512i a = _mm512_abs_epi16(place), s = _mm512_abs_epi16(_mm512_sub_epi16(place, _mm512_set1_epi16(ONE / 2)));
    /* beyond ONE from the odd step, the one behind is nearer */
    const __m512i b = choose(_mm512_cmpgt_epi16_mask(s, _mm512_set1_epi16(ONE)), _mm512_sub_epi16(_mm512_set1_epi16(2 * ONE - 1), s), s);
    const __m512i away[2] = {a, b}, far = _mm512_set1_epi16(FAR), reach = _mm512_set1_epi16(squared_reach());
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        __m256i near[2], next[2];
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            const __m256i half = h ? _mm512_extracti64x4_epi64(away[i], 1) : _mm512_castsi512_si256(away[i]);
            const __m512 at = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(half)), _mm512_mul_ps(steps->unit[h], _mm512_set1_ps(OF_ONE)));
            near[h] = squared(at, steps->root[h]), next[h] = squared(_mm512_sub_ps(steps->unit[h], at), steps->root[h]);
        }
        const __m512i first = joined(near[0], near[1]), second = joined(next[0], next[1]);
        const __mmask32 less = _mm512_cmplt_epi16_mask(first, second);
        const __mmask32 first_is_far = _mm512_cmpgt_epi16_mask(first, reach), second_is_far = _mm512_cmpgt_epi16_mask(second, reach);
        d[2 * i] = choose(is_fine ? first_is_far & ~less : first_is_far, far, first);
        d[2 * i + 1] = choose(is_fine ? second_is_far & less : second_is_far, far, second);
        if (is_fine) d[2 * i] = _mm512_min_epi16(d[2 * i], far), d[2 * i + 1] = _mm512_min_epi16(d[2 * i + 1], far);
    }
}

/* The null's step is even. */
INLINE void null_distances(__m512i place, __m512i d[4])
{
    const __mmask32 null = _mm512_cmpeq_epi16_mask(place, _mm512_set1_epi16(IS_NULL));
    const __m512i far = _mm512_set1_epi16(FAR);
    d[0] = choose(null, _mm512_setzero_si512(), d[0]), d[1] = choose(null, far, d[1]);
    d[2] = choose(null, _mm512_set1_epi16(OFF_PATH), d[2]), d[3] = choose(null, far, d[3]);
}

INLINE __m512i advance(__m512i cost[STATES], const __m512i d[4])
{
    __m512i next[STATES], ways = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (int s = 0; s < STATES; s++) {
        const __m512i a = _mm512_add_epi16(cost[BEFORE(s, 0)], d[(s >> 2) * 2 + PARITY(s, 0)]), b = _mm512_add_epi16(cost[BEFORE(s, 1)], d[(s >> 2) * 2 + PARITY(s, 1)]);
        ways = _mm512_mask_add_epi16(ways, _mm512_cmplt_epi16_mask(b, a), ways, _mm512_set1_epi16((int16_t)(1 << s)));
        next[s] = _mm512_min_epi16(a, b);
    }
#pragma GCC unroll 8
    for (int s = 0; s < STATES; s++) cost[s] = next[s];
    return ways;
}

INLINE void set_units(steps_of_lanes *steps, int half, __m512 unit)
{
    steps->unit[half] = unit, steps->root[half] = _mm512_mul_ps(_mm512_div_ps(_mm512_set1_ps(1), unit), _mm512_set1_ps(64));
}

/* Of integers: a step in their units, in all lanes, from a tile's first column on. */
INLINE void take_units(const ac_rows *r, uint64_t x, steps_of_lanes *steps)
{
    float unit[MOST_LANES];
    for (int l = 0; l < MOST_LANES; l++) unit[l] = (float)r->tile[l][x / r->t.tile_width].scale;
    for (int h = 0; h < 2; h++) set_units(steps, h, _mm512_loadu_ps(unit + 16 * h));
}

/* Likewise on a curve, in each column. */
INLINE void take_bent_units(const int16_t *units, steps_of_lanes *steps)
{
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        const __m256i parts = _mm256_loadu_si256((const __m256i *)(units + 16 * h));
        set_units(steps, h, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(parts)), _mm512_set1_ps(OF_UNIT)));
    }
}

/* From the start of a run on to its end, and which states are the best there. */
INLINE __m512i forward(const ac_rows *r, uint64_t first, uint64_t end, int is_whole, int is_bent, int is_fine, int has_null)
{
    __m512i cost[STATES], d[4];
    steps_of_lanes steps = {{_mm512_setzero_ps(), _mm512_setzero_ps()}, {_mm512_setzero_ps(), _mm512_setzero_ps()}};
    for (int s = 0; s < STATES; s++) cost[s] = _mm512_set1_epi16((int16_t)(s ? UNREACHED : 0));
    for (uint64_t x = first; x < end; x++) {
        const __m512i place = _mm512_loadu_si512(r->place + x * MOST_LANES);
        if (is_bent)
            take_bent_units(r->unit + x * MOST_LANES, &steps);
        else if (is_whole && (x == first || x % r->t.tile_width == 0))
            take_units(r, x, &steps);
        if (is_whole) whole_distances(place, &steps, is_fine, d); else straight_distances(place, d);
        if (has_null) null_distances(place, d);
        _mm512_storeu_si512(r->way + x * MOST_LANES, advance(cost, d));
        if (x & 1) continue;
        const __m512i zero = cost[0];
#pragma GCC unroll 8
        for (int s = 0; s < STATES; s++) cost[s] = _mm512_sub_epi16(cost[s], zero);
    }
    __m512i best = _mm512_setzero_si512(), least = cost[0];
    for (int s = 1; s < STATES; s++) {
        best = choose(_mm512_cmplt_epi16_mask(cost[s], least), _mm512_set1_epi16((int16_t)s), best);
        least = _mm512_min_epi16(cost[s], least);
    }
    return best;
}

/* From the end back: which step of its pair's each is. Bits of states are masks. */
INLINE void back(const ac_rows *r, uint64_t first, uint64_t end, int has_null, __m512i best)
{
    const __m512i up = _mm512_set1_epi16(1), two = _mm512_set1_epi16(2), half = _mm512_set1_epi16(ONE / 2), zero = _mm512_setzero_si512();
    __mmask32 s0 = _mm512_test_epi16_mask(best, up), s1 = _mm512_test_epi16_mask(best, two), s2 = _mm512_test_epi16_mask(best, _mm512_set1_epi16(4));
    __m512i one = _mm512_sllv_epi16(up, best);
    for (uint64_t x = end; x-- > first;) {
        const __m512i place = _mm512_loadu_si512(r->place + x * MOST_LANES);
        const __mmask32 way = _mm512_test_epi16_mask(_mm512_loadu_si512(r->way + x * MOST_LANES), one), odd = s1 ^ way, is_half = s2; /* of the element, and the state before */
        s1 = s0 ^ s2, s0 = s2, s2 = way;
        one = choose(s0, two, up), one = _mm512_mask_slli_epi16(one, s1, one, 2), one = _mm512_mask_slli_epi16(one, s2, one, 4);
        const __mmask32 below = _mm512_cmplt_epi16_mask(place, choose(is_half, half, zero)), lower = is_half & _mm512_cmplt_epi16_mask(place, _mm512_sub_epi16(zero, half));
        __m512i step = _mm512_maskz_mov_epi16(lower & ~odd, _mm512_set1_epi16(-2));
        step = choose(odd, choose(below, _mm512_set1_epi16(-1), up), step);
        if (has_null) step = choose(_mm512_cmpeq_epi16_mask(place, _mm512_set1_epi16(IS_NULL)), place, step);
        _mm512_storeu_si512(r->place + x * MOST_LANES, step);
    }
}

AVX512 void ac_rows_path_avx512(const ac_rows *r, uint64_t first, uint64_t end)
{
    const int has_null = r->q->has_null;
    __m512i best;
    if (r->unit)
        best = forward(r, first, end, 1, 1, 1, has_null);
    else if (r->is_whole && r->is_fine)
        best = forward(r, first, end, 1, 0, 1, has_null);
    else if (r->is_whole)
        best = forward(r, first, end, 1, 0, 0, has_null);
    else if (has_null)
        best = forward(r, first, end, 0, 0, 0, 1);
    else
        best = forward(r, first, end, 0, 0, 0, 0);
    back(r, first, end, has_null, best);
}
#else
void ac_rows_path_avx512(const ac_rows *rows, uint64_t first, uint64_t end) { ac_rows_path(rows, first, end); }
#endif
