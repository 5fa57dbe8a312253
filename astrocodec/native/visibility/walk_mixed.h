/* Walk that a network mixes: a further expert, whose weights all baselines share, and a network that weighs experts and corrects scales. docs/format.md sections
 * "Joint weights" and "Mixing". */
#ifndef AC_VISIBILITY_WALK_MIXED_H
#define AC_VISIBILITY_WALK_MIXED_H

#include "visibility/walk.h"

/* Sets the mean of both parts; the other experts are set. */
void ac_mixed_predict(const ac_walk *walk, ac_step *step);
/* Corrects the scale of a part. */
void ac_mixed_scale(const ac_walk *walk, ac_step *step, uint32_t part);
/* Takes in the sample. */
void ac_mixed_learn(ac_walk *walk, const ac_step *step);

#endif
