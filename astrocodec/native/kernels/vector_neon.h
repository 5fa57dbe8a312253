/* NEON vectors for predict_simd.h: 8 lanes of 16 bits. */
#include <arm_neon.h>

enum { VECTOR_LANES = 8 };
typedef uint8x16_t vec;
#define V(name) neon_##name
#define STAGE HOT
/* Compilers copy sums about, or put them into memory, unless each round of a loop ends with them in registers. */
#define IN_REGISTER(v) __asm__("" : "+w"(v))
#ifdef VECTOR_DOT
#define NETWORK "kernels/network_dwords.h"
#define INPUT_LOOP ROLLED
#else
#define NETWORK "kernels/network_words.h"
enum { PACKED = 1 };
#endif

#define S16(v) vreinterpretq_s16_u8(v)
#define U16(v) vreinterpretq_u16_u8(v)
#define S32(v) vreinterpretq_s32_u8(v)
#define U32(v) vreinterpretq_u32_u8(v)
#define S8(v) vreinterpretq_s8_u8(v)
#define OF_S16(v) vreinterpretq_u8_s16(v)
#define OF_U16(v) vreinterpretq_u8_u16(v)
#define OF_S32(v) vreinterpretq_u8_s32(v)
#define OF_U32(v) vreinterpretq_u8_u32(v)
#define OF_S8(v) vreinterpretq_u8_s8(v)

/* What predict_simd.h calls by the names that x86 gives it */
#define NEON1(name, call) static inline vec neon_##name(vec a) { return call; }
#define NEON2(name, call) static inline vec neon_##name(vec a, vec b) { return call; }
#define NEON_SHIFT(name, call) static inline vec neon_##name(vec a, const int n) { return call; }
static inline vec neon_set1_epi8(char x) { return vdupq_n_u8((uint8_t)x); }
static inline vec neon_set1_epi16(short x) { return OF_S16(vdupq_n_s16(x)); }
static inline vec neon_set1_epi32(int32_t x) { return OF_S32(vdupq_n_s32(x)); }
NEON1(abs_epi16, OF_S16(vabsq_s16(S16(a))))
NEON2(min_epi16, OF_S16(vminq_s16(S16(a), S16(b))))
NEON2(max_epi16, OF_S16(vmaxq_s16(S16(a), S16(b))))
NEON2(min_epu16, OF_U16(vminq_u16(U16(a), U16(b))))
NEON2(min_epi32, OF_S32(vminq_s32(S32(a), S32(b))))
NEON2(max_epi32, OF_S32(vmaxq_s32(S32(a), S32(b))))
NEON2(min_epu8, vminq_u8(a, b))
NEON2(max_epi8, OF_S8(vmaxq_s8(S8(a), S8(b))))
NEON2(avg_epu8, vrhaddq_u8(a, b))
NEON2(avg_epu16, OF_U16(vrhaddq_u16(U16(a), U16(b))))
NEON2(add_epi16, OF_S16(vaddq_s16(S16(a), S16(b))))
NEON2(sub_epi16, OF_S16(vsubq_s16(S16(a), S16(b))))
NEON2(adds_epi16, OF_S16(vqaddq_s16(S16(a), S16(b))))
NEON2(subs_epi16, OF_S16(vqsubq_s16(S16(a), S16(b))))
NEON2(subs_epu16, OF_U16(vqsubq_u16(U16(a), U16(b))))
NEON2(add_epi32, OF_S32(vaddq_s32(S32(a), S32(b))))
NEON2(sub_epi32, OF_S32(vsubq_s32(S32(a), S32(b))))
NEON2(mullo_epi16, OF_S16(vmulq_s16(S16(a), S16(b))))
NEON2(mulhi_epi16, OF_S16(vshrq_n_s16(vqdmulhq_s16(S16(a), S16(b)), 1))) /* never both -32768 here */
NEON2(mulhrs_epi16, OF_S16(vqrdmulhq_s16(S16(a), S16(b))))
NEON_SHIFT(slli_epi16, OF_S16(vshlq_s16(S16(a), vdupq_n_s16((short)n))))
NEON_SHIFT(srli_epi16, OF_U16(vshlq_u16(U16(a), vdupq_n_s16((short)-n))))
NEON_SHIFT(srai_epi16, OF_S16(vshlq_s16(S16(a), vdupq_n_s16((short)-n))))
NEON_SHIFT(slli_epi32, OF_S32(vshlq_s32(S32(a), vdupq_n_s32(n))))
NEON_SHIFT(srli_epi32, OF_U32(vshlq_u32(U32(a), vdupq_n_s32(-n))))
NEON_SHIFT(srai_epi32, OF_S32(vshlq_s32(S32(a), vdupq_n_s32(-n))))
NEON2(unpacklo_epi8, vzip1q_u8(a, b))
NEON2(unpackhi_epi8, vzip2q_u8(a, b))
NEON2(unpacklo_epi16, OF_U16(vzip1q_u16(U16(a), U16(b))))
NEON2(unpackhi_epi16, OF_U16(vzip2q_u16(U16(a), U16(b))))
NEON2(packs_epi16, OF_S8(vqmovn_high_s16(vqmovn_s16(S16(a)), S16(b))))
NEON2(packus_epi16, vqmovun_high_s16(vqmovun_s16(S16(a)), S16(b)))
NEON2(packs_epi32, OF_S16(vqmovn_high_s32(vqmovn_s32(S32(a)), S32(b))))
NEON2(madd_epi16, OF_S32(vpaddq_s32(vmull_s16(vget_low_s16(S16(a)), vget_low_s16(S16(b))), vmull_high_s16(S16(a), S16(b)))))

static inline vec v_load(const void *p) { return vld1q_u8(p); }
static inline void v_store(void *p, vec v) { vst1q_u8(p, v); }
static inline vec v_zero(void) { return vdupq_n_u8(0); }
static inline vec v_and(vec a, vec b) { return vandq_u8(a, b); }
static inline vec v_or(vec a, vec b) { return vorrq_u8(a, b); }
static inline vec v_xor(vec a, vec b) { return veorq_u8(a, b); }
static inline vec v_float_bits(vec v) { return vreinterpretq_u8_f32(vcvtq_f32_s32(S32(v))); }

/* mask lanes are all ones or zero */
static inline vec v_select16(vec mask, vec a, vec b) { return vbslq_u8(mask, a, b); }
/* the same for one half of a mask of 16-bit lanes and vectors of 32-bit lanes */
static inline vec v_select_half(vec mask, int half, vec a, vec b)
{
    const int16x4_t part = half ? vget_high_s16(S16(mask)) : vget_low_s16(S16(mask));
    return vbslq_u8(OF_S32(vmovl_s16(part)), a, b);
}
static inline vec v_above16(vec a, vec b) { return OF_U16(vcgtq_s16(S16(a), S16(b))); }
static inline uint32_t v_greater16(vec a, vec b) { return vmaxvq_u16(vcgtq_s16(S16(a), S16(b))); } /* some bits if any */

/* 16-bit lanes of one half, widened without sign */
static inline vec v_widen(vec v, int half) { return OF_U32(vmovl_u16(half ? vget_high_u16(U16(v)) : vget_low_u16(U16(v)))); }
/* two halves of 32-bit lanes, narrowed with saturation: in order, undoing v_widen */
static inline vec v_narrow(vec first, vec second) { return neon_packs_epi32(first, second); }
/* the halves in order from what unpacklo and unpackhi made */
static inline vec v_in_order(vec low, vec high, int half) { return half ? high : low; }

/* entry of a table of eight 16-bit values; index 0..7 comes from v_index8 */
static inline vec v_index8(vec index) { return OF_U16(vmlaq_u16(vdupq_n_u16(0x0100), U16(index), vdupq_n_u16(0x0202))); }
static inline vec v_lookup8(const int16_t table[8], vec index) { return vqtbl1q_u8(v_load(table), index); }
/* ac_reciprocal[(v >> 4) & 31]: the low bytes are looked up, the high byte is 1 except in the last entry */
static inline vec v_reciprocal(vec v)
{
    static const uint8_t low[32] = {240, 225, 211, 198, 186, 174, 163, 152, 142, 133, 123, 115, 106, 98, 91, 84,
                                    77,  70,  63,  57,  51,  45,  40,  35,  29,  24,  20,  15,  11,  6,  2,  254};
    const uint8x16x2_t table = {{vld1q_u8(low), vld1q_u8(low + 16)}};
    const uint16x8_t i = vandq_u16(vshrq_n_u16(U16(v), 4), vdupq_n_u16(31));
    const uint8x16_t byte = vqtbl2q_u8(table, OF_U16(vorrq_u16(i, vdupq_n_u16(0xff00))));
    return vorrq_u8(byte, OF_U16(vandq_u16(vcltq_u16(i, vdupq_n_u16(31)), vdupq_n_u16(256))));
}
/* 2^(16 - e), 3 <= e <= 15 */
static inline vec v_inverse_exp2(vec e) { return OF_S16(vshlq_s16(vdupq_n_s16(1), vsubq_s16(vdupq_n_s16(16), S16(e)))); }

static inline vec v_dot16(vec acc, vec a, vec b) { return neon_add_epi32(acc, neon_madd_epi16(a, b)); }
#ifdef VECTOR_DOT
/* Written as an instruction since older compilers have the intrinsic only where the whole file may use it; u is 0..127 */
static inline vec v_dot8(vec acc, vec u, vec s)
{
    __asm__("sdot %0.4s, %1.16b, %2.16b" : "+w"(acc) : "w"(u), "w"(s));
    return acc;
}
/* 4 x 4 bytes */
static inline vec v_transpose8(vec v)
{
    static const uint8_t order[16] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    return vqtbl1q_u8(v, vld1q_u8(order));
}
#else
static inline vec v_add_products(vec acc, vec u, vec s) { return OF_S16(vmlaq_s16(S16(acc), S16(u), S16(s))); }
/* eight bytes of one input, eight of the next, become 16-bit lanes */
static inline void v_put_pair(vec *to, vec v)
{
    to[0] = OF_U16(vmovl_u8(vget_low_u8(v)));
    to[AC_GROUP / VECTOR_LANES] = OF_U16(vmovl_high_u8(v));
}
#endif
