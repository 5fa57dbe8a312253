/* Steps: whether floats are found to be made of steps. docs/encoder.md section "Quantise". */
#ifndef AC_STEPS_CHOICE_H
#define AC_STEPS_CHOICE_H

#include "quantise.h"

/* Looks for steps of an array's elements, whose scales and zeros it finds. `steps` stays NULL where there are none, of other types too; else they and what
 * `quantised` owns are to be freed. hints: NULL for none. */
int ac_steps_choose(const ac_array *array, const void *data, const ac_hints *hints, ac_quantised *quantised, int32_t **steps);

#endif
