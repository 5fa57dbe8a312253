/* 512-bit vectors for predict_simd.h: 32 lanes of 16 bits. */
#include <immintrin.h>

enum { VECTOR_LANES = 32 };
typedef __m512i vec;
#define V(name) _mm512_##name
#define STAGE INLINE
#define IN_REGISTER(v) (void)(v)
#define NETWORK "kernels/network_dwords.h"
#define INPUT_LOOP UNROLL

static inline vec v_load(const void *p) { return _mm512_loadu_si512(p); }
static inline void v_store(void *p, vec v) { _mm512_storeu_si512(p, v); }
static inline vec v_zero(void) { return _mm512_setzero_si512(); }
static inline vec v_and(vec a, vec b) { return _mm512_and_si512(a, b); }
static inline vec v_or(vec a, vec b) { return _mm512_or_si512(a, b); }
static inline vec v_xor(vec a, vec b) { return _mm512_xor_si512(a, b); }
static inline vec v_float_bits(vec v) { return _mm512_castps_si512(_mm512_cvtepi32_ps(v)); }

/* mask lanes are all ones or zero */
static inline vec v_select16(vec mask, vec a, vec b) { return _mm512_mask_blend_epi16(_mm512_movepi16_mask(mask), b, a); }
/* the same for one half of a mask of 16-bit lanes and vectors of 32-bit lanes */
static inline vec v_select_half(vec mask, int half, vec a, vec b)
{
    const __mmask32 m = _mm512_movepi16_mask(mask);
    return _mm512_mask_blend_epi32((__mmask16)(half ? m >> 16 : m), b, a);
}
static inline vec v_above16(vec a, vec b) { return _mm512_movm_epi16(_mm512_cmpgt_epi16_mask(a, b)); }
static inline uint32_t v_greater16(vec a, vec b) { return _mm512_cmpgt_epi16_mask(a, b); }

/* 16-bit lanes of one half, widened without sign */
static inline vec v_widen(vec v, int half)
{
    return _mm512_cvtepu16_epi32(half ? _mm512_extracti64x4_epi64(v, 1) : _mm512_castsi512_si256(v));
}
/* two halves of 32-bit lanes, narrowed with saturation: in order, undoing v_widen */
static inline vec v_narrow(vec first, vec second)
{
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), _mm512_packs_epi32(first, second));
}
/* the halves in order from what unpacklo and unpackhi made */
static inline vec v_in_order(vec low, vec high, int half)
{
    return _mm512_permutex2var_epi64(low, half ? _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15) : _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), high);
}

/* 32-bit lanes */
typedef __m512 vec_floats;
#define V_ANDNOT _mm512_andnot_si512
static inline vec_floats v_as_floats(vec bits) { return _mm512_castsi512_ps(bits); }
static inline vec v_widen16(const void *p) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)); }
static inline vec v_above8(vec a, vec b) { return _mm512_movm_epi8(_mm512_cmpgt_epi8_mask(a, b)); }
static inline vec v_above32(vec a, vec b) { return _mm512_movm_epi32(_mm512_cmpgt_epi32_mask(a, b)); }
static inline vec v_select32(vec mask, vec a, vec b) { return _mm512_ternarylogic_epi32(mask, a, b, 0xca); }
static inline vec v_mask16(const void *p) { return _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)p)); }
static inline vec v_lookup32(const uint32_t table[8], vec index)
{
    return _mm512_permutexvar_epi32(index, _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)table)));
}
/* the even ones of each 128 bits of two vectors */
static inline vec v_even32(vec a, vec b) { return _mm512_castps_si512(_mm512_shuffle_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), 0x88)); }
static inline vec v_low16(vec first, vec second)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi32_epi16(first)), _mm512_cvtepi32_epi16(second), 1);
}
static inline void v_store_low16(void *p, vec v) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(v)); }
static inline vec v_twice(int64_t low, int64_t high) { return _mm512_set4_epi64(high, low, high, low); }
/* 16 bytes each from every fourth place */
static inline vec v_sixteens(const void *const p[])
{
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p[0])), _mm_loadu_si128((const __m128i *)p[4]), 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p[8])), _mm_loadu_si128((const __m128i *)p[12]), 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
static inline uint32_t v_signs32(vec v) { return _mm512_movepi32_mask(v); }
#define v_gather32(from, places, scale) _mm512_i32gather_epi32(places, (const void *)(from), scale)

/* entry of a table of eight 16-bit values; index 0..7 comes from v_index8 */
static inline vec v_index8(vec index) { return index; }
static inline vec v_lookup8(const int16_t table[8], vec index)
{
    return _mm512_permutexvar_epi16(index, _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)table)));
}
/* ac_reciprocal[(v >> 4) & 31] */
static inline vec v_reciprocal(vec v) { return _mm512_permutexvar_epi16(_mm512_srli_epi16(v, 4), v_load(ac_reciprocal)); }
/* 2^(16 - e), 3 <= e <= 15 */
static inline vec v_inverse_exp2(vec e) { return _mm512_sllv_epi16(_mm512_set1_epi16(1), _mm512_sub_epi16(_mm512_set1_epi16(16), e)); }

static inline vec v_dot16(vec acc, vec a, vec b) { return _mm512_dpwssd_epi32(acc, a, b); }
/* 4 x 4 bytes in each 128 bits */
static inline vec v_transpose8(vec v)
{
    return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(_mm_setr_epi32(0x0c080400, 0x0d090501, 0x0e0a0602, 0x0f0b0703)));
}
static inline vec v_dot8(vec acc, vec u, vec s) { return _mm512_dpbusd_epi32(acc, u, s); } /* u unsigned, s signed */
