/* Trellis: of integers a step apart, which of two grids half a step apart each stands on. docs/format.md section "Trellis". */
#ifndef AC_TRELLIS_H
#define AC_TRELLIS_H

#include <stdint.h>

/* Bit 0 of a state is p, the grid of the integer that comes next; is_odd: of that integer plus `odd`. */
static inline uint32_t ac_trellis_next(uint32_t state, uint32_t is_odd) { return (state >> 1) ^ (state & 1) * 5u ^ is_odd * 2u; }

/* p of 64 integers at once, the first one's in bit 0, by their is_odd. With b and p as polynomials over GF(2) in the delay D, ac_trellis_next says
 * (1 + D + D^3) p = state + D^2 b, and the inverse of 1 + D + D^3 modulo D^64 is its 63rd power: the product of its squares' squares. */
static inline uint64_t ac_trellis_run(uint64_t is_odd, uint32_t *state)
{
    uint64_t p = is_odd << 2 ^ *state;
    for (int delay = 1; delay < 64; delay *= 2) p ^= p << delay ^ (3 * delay < 64 ? p << (3 * delay) : 0);
    *state = (uint32_t)((p >> 63 ^ p >> 61 ^ is_odd >> 62) & 1) | (uint32_t)((p >> 62 ^ is_odd >> 63) & 1) << 1 | (uint32_t)(p >> 63) << 2;
    return p;
}

#endif
