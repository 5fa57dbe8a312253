/* Undither: floats that fpack quantised, told from their values. docs/encoder.md section "Quantise". */
#ifndef AC_UNDITHER_H
#define AC_UNDITHER_H

#include "quantise.h"

/* Looks for the steps that an array's floats were made of, row by row or tile by tile. `steps` stays NULL where there are none; else they and what `quantised` owns are
 * to be freed. */
int ac_undither(const ac_array *array, const void *data, ac_quantised *quantised, int32_t **steps);

/* The same for rows without dither, each of which has a scale of its own. */
int ac_unscale(const ac_array *array, const void *data, ac_quantised *quantised, int32_t **steps);

#endif
