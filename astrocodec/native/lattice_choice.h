/* Lattices of floats: which floats are integers times a step, for a whole array or for each plane. docs/encoder.md section "Lattices". */
#ifndef AC_LATTICE_CHOICE_H
#define AC_LATTICE_CHOICE_H

#include "quantise.h"

/* Looks for steps of an array's elements, whose scales and zeros it finds. `steps` stays NULL where there are none; else they and what
 * `quantised` owns are to be freed. */
int ac_lattice_choose(const ac_array *array, const void *data, ac_quantised *quantised, int32_t **steps);

#endif
