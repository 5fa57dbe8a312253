/* Tuning: the second layer of the network that mixes, by descent along samples of a group. docs/encoder.md section "Visibilities". */
#ifndef AC_VISIBILITY_TUNING_H
#define AC_VISIBILITY_TUNING_H

#include "visibility/tables.h"
#include "visibility/walk.h"

/* What a step teaches: in usual distances, [lane]. */
typedef struct {
    uint8_t hidden[2][AC_MIX_HIDDEN][AC_LANES];
    float share[AC_EXPERTS][AC_LANES], off[AC_EXPERTS][2][AC_LANES], scale[2][AC_LANES];
    float counts[AC_LANES]; /* 1 of lanes that have a sample, otherwise 0 */
} ac_lesson;

typedef struct {
    ac_lesson *lessons; /* to be freed */
    uint32_t count, room, share; /* of all steps that are kept, in 2^-16 */
} ac_tuner;

/* For so many steps, of which some are kept. Returns 0 without memory. */
int ac_tuner_start(ac_tuner *tuner, uint64_t steps);
/* Keeps, or does not, what step number i of a round teaches; a walk with a layer of zeros has predicted it. */
void ac_tuner_keep(ac_tuner *tuner, const ac_walk *walk, const ac_step *step, uint64_t i);
/* The layer that suits what was kept. */
void ac_tuner_end(const ac_tuner *tuner, int8_t layer[AC_MIX_SIZE]);

#endif
