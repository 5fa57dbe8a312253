/* A group of lanes whose samples n stand, with a trellis, in the window as 2 n + p. docs/format.md section "Pieces of a trellis". */
#ifndef AC_TRELLIS_LANES_H
#define AC_TRELLIS_LANES_H

#include "kernels/lanes.h"

/* Encoder, before the prediction */
static inline void ac_grids_of_window(ac_lanes *a, uint32_t first) { memcpy(a->grid + first, ac_lanes_samples(a, first), AC_GROUP * sizeof *a->grid); }

/* Encoder: n as they would stand in the window */
static inline void ac_halve_window(const uint16_t *at, uint16_t n[AC_GROUP])
{
    for (int l = 0; l < AC_GROUP; l++) n[l] = (uint16_t)((at[l] ^ AC_BIAS) >> 1 ^ AC_BIAS);
}

/* Decoder: n were decoded, modulo 2^16. */
static inline void ac_double_window(ac_lanes *a, uint32_t first)
{
    uint16_t *at = ac_lanes_samples(a, first), *grid = a->grid + first;
    const int16_t *active = a->active + first;
    for (int l = 0; l < AC_GROUP; l++) {
        const uint16_t n = at[l], s = grid[l], doubled = (uint16_t)((n << 1 | (s & 1)) ^ AC_BIAS);
        grid[l] = (uint16_t)ac_trellis_next(s, (n ^ a->odd) & 1);
        at[l] = (uint16_t)((doubled & active[l]) | (n & ~active[l]));
    }
}

#endif
