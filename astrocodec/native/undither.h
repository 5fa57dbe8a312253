/* Undither: floats that fpack quantised, told from their values. docs/encoder.md section "Quantise". */
#ifndef AC_UNDITHER_H
#define AC_UNDITHER_H

#include "quantise.h"

/* How an array's floats were made of steps, if most of them were: all but level and exceptions, which ac_quantise_steps finds; to be freed if `found`. The array has
 * elements. */
int ac_undither(const ac_array *array, const void *data, ac_quantised *quantised, int *found);

#endif
