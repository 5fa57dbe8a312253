/* Trellis: of integers a step apart, which of two grids half a step apart each stands on. docs/format.md section "Trellis". */
#ifndef AC_TRELLIS_H
#define AC_TRELLIS_H

#include <stdint.h>
#include <string.h>

/* Bit 0 of a state is p, the grid of the integer that comes next; is_odd: of that integer plus `odd`. */
static inline uint32_t ac_trellis_next(uint32_t state, uint32_t is_odd) { return (state >> 1) ^ (state & 1) * 5u ^ is_odd * 2u; }

/* p of 64 integers at once, the first one's in bit 0, by their is_odd. With b and p as polynomials over GF(2) in the delay D, ac_trellis_next says
 * (1 + D + D^3) p = state + D^2 b, and the inverse of 1 + D + D^3 modulo D^64 is its 63rd power: the product of its squares' squares. What the state adds is told by the
 * inverse itself, so that integers need not wait for those before. */
#define AC_TRELLIS_INVERSE UINT64_C(0x972e5cb972e5cb97)
static inline uint64_t ac_trellis_run(uint64_t is_odd, uint32_t *state)
{
    const uint64_t from = *state, inverse = AC_TRELLIS_INVERSE;
    uint64_t p = is_odd << 2;
    for (int delay = 1; delay < 64; delay *= 2) p ^= p << delay ^ (3 * delay < 64 ? p << (3 * delay) : 0);
    p ^= (inverse & -(from & 1)) ^ (inverse << 1 & -(from >> 1 & 1)) ^ (inverse << 2 & -(from >> 2));
    *state = (uint32_t)((p >> 63 ^ p >> 61 ^ is_odd >> 62) & 1) | (uint32_t)((p >> 62 ^ is_odd >> 63) & 1) << 1 | (uint32_t)(p >> 63) << 2;
    return p;
}

typedef uint16_t ac_eight __attribute__((vector_size(16))); /* integers */
static const ac_eight ac_eight_places[2] = {{1, 2, 4, 8, 16, 32, 64, 128}, {256, 512, 1024, 2048, 4096, 8192, 16384, 32768}};

/* Bit by bit, whether each of 16 integers is odd */
static inline uint64_t ac_odd_integers(const uint16_t *integers)
{
    ac_eight v[2];
    uint64_t half[2];
    memcpy(v, integers, sizeof v);
    const ac_eight bits = (-(v[0] & 1) & ac_eight_places[0]) | (-(v[1] & 1) & ac_eight_places[1]);
    memcpy(half, &bits, sizeof half);
    half[0] |= half[1];
    half[0] |= half[0] >> 32;
    return (half[0] | half[0] >> 16) & 65535;
}

/* 2 n + p of 16 integers, p from the bits of `grids` */
static inline void ac_double_integers(const uint16_t *integers, uint16_t grids, uint16_t *out)
{
    ac_eight v[2];
    memcpy(v, integers, sizeof v);
    for (int i = 0; i < 2; i++) v[i] = v[i] + v[i] - (ac_eight)((grids & ac_eight_places[i]) != 0);
    memcpy(out, v, sizeof v);
}

/* 2 n + p of 64 integers n, which are those plus `odd`. */
static inline void ac_trellis_double(const uint16_t integers[64], int odd, uint32_t *state, uint16_t out[64])
{
    uint64_t is_odd = odd ? UINT64_MAX : 0;
    for (int i = 0; i < 64; i += 16) is_odd ^= ac_odd_integers(integers + i) << i;
    const uint64_t grids = ac_trellis_run(is_odd, state);
    for (int i = 0; i < 64; i += 16) ac_double_integers(integers + i, (uint16_t)(grids >> i), out + i);
}

#endif
