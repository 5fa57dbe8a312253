/* Lanes: what needs no prediction, of all baselines of a round at once. docs/format.md section "Distances". */
#ifndef AC_VISIBILITY_LANES_H
#define AC_VISIBILITY_LANES_H

#include "visibility/sample.h"
#include "visibility/walk.h"

/* Where the integers of a part are found, predictions being 0. */
typedef struct {
    uint32_t table[AC_LANES], shift[AC_LANES];
    int32_t away[AC_LANES]; /* cells from that of the mean */
    float number[AC_LANES];
} ac_lane_sites;

/* Dithers of samples that lie `apart`. */
void ac_lanes_dither(uint32_t seed, uint64_t first, uint64_t apart, uint32_t *dithers, uint32_t lanes);
/* Numbers as places on the lattice; 0 of those that are not coded. */
void ac_lanes_place(const double *numbers, const double *unit, const uint32_t *dithers, uint32_t part, const uint8_t *classes, double *places, uint32_t lanes);
/* Sites of integers, and what they are off 0; states of those that are coded go on. */
void ac_lanes_find(const ac_lane_trellis *trellis, const int32_t *steps, const uint32_t *dithers, uint32_t part, uint32_t *state, ac_step *step, ac_lane_sites *sites,
                   uint32_t lanes);

#endif
