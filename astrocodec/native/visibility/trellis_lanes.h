/* Trellis of lanes: integers of least squared error along the ways that the trellis allows, for many baselines at once. */
#ifndef AC_VISIBILITY_TRELLIS_LANES_H
#define AC_VISIBILITY_TRELLIS_LANES_H

#include "visibility/sample.h"

/* places and steps are [sample][lane]; samples that are not coded are passed over. `ways` has room for one for each. */
void ac_trellis_lanes(ac_lane_trellis trellis, const double *places, const uint8_t *classes, size_t samples, uint32_t lanes, uint32_t *ways, int32_t *steps);

#endif
