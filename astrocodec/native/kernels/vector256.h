/* 256-bit vectors for predict_simd.h: 16 lanes of 16 bits. */
#include <immintrin.h>

enum { VECTOR_LANES = 16 };
typedef __m256i vec;
#define V(name) _mm256_##name
/* Stages are functions of their own, and what passes between them lies in memory: there are only 16 registers. */
#define STAGE HOT
/* Compilers copy sums about, or put them into memory, unless each round of a loop ends with them in registers. */
#define IN_REGISTER(v) __asm__("" : "+x"(v))
#ifdef VECTOR_VNNI
#define NETWORK "kernels/network_dwords.h"
#define INPUT_LOOP ROLLED
#else
#define NETWORK "kernels/network_words.h"
enum { PACKED = 2 };
#endif

static inline vec v_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline void v_store(void *p, vec v) { _mm256_storeu_si256((__m256i *)p, v); }
static inline vec v_zero(void) { return _mm256_setzero_si256(); }
static inline vec v_and(vec a, vec b) { return _mm256_and_si256(a, b); }
static inline vec v_or(vec a, vec b) { return _mm256_or_si256(a, b); }
static inline vec v_xor(vec a, vec b) { return _mm256_xor_si256(a, b); }
static inline vec v_float_bits(vec v) { return _mm256_castps_si256(_mm256_cvtepi32_ps(v)); }

/* mask lanes are all ones or zero */
static inline vec v_select16(vec mask, vec a, vec b) { return _mm256_blendv_epi8(b, a, mask); }
static inline __m128i v_half(vec v, int half) { return half ? _mm256_extracti128_si256(v, 1) : _mm256_castsi256_si128(v); }
/* the same for one half of a mask of 16-bit lanes and vectors of 32-bit lanes */
static inline vec v_select_half(vec mask, int half, vec a, vec b) { return _mm256_blendv_epi8(b, a, _mm256_cvtepi16_epi32(v_half(mask, half))); }
static inline vec v_above16(vec a, vec b) { return _mm256_cmpgt_epi16(a, b); }
static inline uint32_t v_greater16(vec a, vec b)
{
    const vec m = _mm256_cmpgt_epi16(a, b);
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(v_half(m, 0), v_half(m, 1)));
}

/* 16-bit lanes of one half, widened without sign */
static inline vec v_widen(vec v, int half) { return _mm256_cvtepu16_epi32(v_half(v, half)); }
/* two halves of 32-bit lanes, narrowed with saturation: in order, undoing v_widen */
static inline vec v_narrow(vec first, vec second) { return _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8); }
/* the halves in order from what unpacklo and unpackhi made */
static inline vec v_in_order(vec low, vec high, int half)
{
    return half ? _mm256_permute2x128_si256(low, high, 0x31) : _mm256_permute2x128_si256(low, high, 0x20);
}

/* 32-bit lanes */
typedef __m256 vec_floats;
#define V_ANDNOT _mm256_andnot_si256
static inline vec_floats v_as_floats(vec bits) { return _mm256_castsi256_ps(bits); }
static inline vec v_widen16(const void *p) { return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)); }
static inline vec v_above8(vec a, vec b) { return _mm256_cmpgt_epi8(a, b); }
static inline vec v_above32(vec a, vec b) { return _mm256_cmpgt_epi32(a, b); }
static inline vec v_select32(vec mask, vec a, vec b) { return _mm256_blendv_epi8(b, a, mask); }
static inline vec v_mask16(const void *p) { return _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)p)); }
static inline vec v_lookup32(const uint32_t table[8], vec index) { return _mm256_permutevar8x32_epi32(v_load(table), index); }
/* the even ones of each 128 bits of two vectors */
static inline vec v_even32(vec a, vec b) { return _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88)); }
static inline vec v_low16(vec first, vec second)
{
    const vec low = _mm256_set1_epi32(0xffff);
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(v_and(first, low), v_and(second, low)), 0xd8);
}
static inline void v_store_low16(void *p, vec v) { _mm_storeu_si128((__m128i *)p, _mm_packus_epi32(v_half(v, 0), v_half(v, 1))); } /* of v < 2^16 */
static inline vec v_twice(int64_t low, int64_t high) { return _mm256_setr_epi64x(low, high, low, high); }
/* 16 bytes each from every fourth place */
static inline vec v_sixteens(const void *const p[])
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p[0])), _mm_loadu_si128((const __m128i *)p[4]), 1);
}
static inline uint32_t v_signs32(vec v) { return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(v)); }
#define v_gather32(from, places, scale) _mm256_i32gather_epi32((const int *)(const void *)(from), places, scale)

/* entry of a table of eight 16-bit values; index 0..7 comes from v_index8 */
static inline vec v_index8(vec index) { return _mm256_add_epi16(_mm256_mullo_epi16(index, _mm256_set1_epi16(0x0202)), _mm256_set1_epi16(0x0100)); }
static inline vec v_lookup8(const int16_t table[8], vec index)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table)), index);
}
/* ac_reciprocal[(v >> 4) & 31]: the low bytes are looked up, the high byte is 1 except in the last entry */
static inline vec v_reciprocal(vec v)
{
    const __m256i low = _mm256_broadcastsi128_si256(_mm_setr_epi8((char)240, (char)225, (char)211, (char)198, (char)186, (char)174, (char)163, (char)152,
                                                                  (char)142, (char)133, 123, 115, 106, 98, 91, 84));
    const __m256i high = _mm256_broadcastsi128_si256(_mm_setr_epi8(77, 70, 63, 57, 51, 45, 40, 35, 29, 24, 20, 15, 11, 6, 2, (char)254));
    const vec i = _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi16(31)), index = _mm256_or_si256(i, _mm256_set1_epi16((short)0x8000));
    const vec byte = _mm256_blendv_epi8(_mm256_shuffle_epi8(low, index), _mm256_shuffle_epi8(high, index), _mm256_cmpgt_epi16(i, _mm256_set1_epi16(15)));
    return _mm256_or_si256(byte, _mm256_andnot_si256(_mm256_cmpeq_epi16(i, _mm256_set1_epi16(31)), _mm256_set1_epi16(256)));
}
/* 2^(16 - e), 3 <= e <= 15: low and high bytes looked up */
static inline vec v_inverse_exp2(vec e)
{
    const __m256i low = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, (char)128, 64, 32, 16, 8, 4, 2));
    const __m256i high = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, (char)128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0));
    return _mm256_or_si256(_mm256_shuffle_epi8(low, e), _mm256_slli_epi16(_mm256_shuffle_epi8(high, e), 8));
}

#ifdef VECTOR_VNNI
static inline vec v_dot16(vec acc, vec a, vec b) { return _mm256_dpwssd_avx_epi32(acc, a, b); }
/* 4 x 4 bytes in each 128 bits */
static inline vec v_transpose8(vec v)
{
    return _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(_mm_setr_epi32(0x0c080400, 0x0d090501, 0x0e0a0602, 0x0f0b0703)));
}
static inline vec v_dot8(vec acc, vec u, vec s) { return _mm256_dpbusd_avx_epi32(acc, u, s); } /* u unsigned, s signed */
#else
static inline vec v_dot16(vec acc, vec a, vec b) { return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b)); }
/* acc + u[0] s[0] + u[1] s[1] for bytes, u 0..127 */
static inline vec v_add_products(vec acc, vec u, vec s) { return _mm256_add_epi16(acc, _mm256_maddubs_epi16(u, s)); }
/* two inputs, the bytes of the one and of the other by eights, become the bytes of 16-bit lanes */
static inline void v_put_pair(vec *to, vec v)
{
    *to = _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(_mm_setr_epi32(0x09010800, 0x0b030a02, 0x0d050c04, 0x0f070e06)));
}
#endif
