/* Joint weights: least squares over all baselines of a round at once, of more taps than each could learn by itself. docs/format.md section "Joint weights". */
#ifndef AC_VISIBILITY_JOINT_H
#define AC_VISIBILITY_JOINT_H

#include "visibility/block.h"

enum { AC_JOINT_TAPS = 19, AC_JOINT_SUMS = 8 };

/* What a set of weights has seen. */
typedef struct {
    double sum[2][AC_JOINT_TAPS][AC_JOINT_TAPS + 1][AC_JOINT_SUMS]; /* [part][tap][tap, or the value][some lanes]: of the conjugate of the first times the second; upper half */
    double weight[AC_JOINT_TAPS][2];
    uint64_t steps;
} ac_joint;

/* Takes in a step: `share` is how much each lane counts. */
void ac_joint_learn(ac_joint *joint, uint32_t taps, const double tap[][2][AC_LANES], const double value[2][AC_LANES], const double *share, uint32_t lanes);

#endif
