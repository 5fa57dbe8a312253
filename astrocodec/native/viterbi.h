/* Viterbi: of trellis-coded quantisation, steps of least squared error along the ways that the trellis allows. docs/encoder.md section "Bounds". */
#ifndef AC_VITERBI_H
#define AC_VITERBI_H

#include "quantise.h"

/* No step is further from its element than this, in units of the scale: beyond, errors are as small as they get. */
#define AC_TRELLIS_REACH 0.75
/* Mean squared error of smooth data, in units of the squared scale. */
#define AC_TRELLIS_VARIANCE (1 / 12.0 / 1.283)

/* The null's step: even, so that a trellis in state 0, where rows begin, stays there as long as nulls follow. */
#define AC_TRELLIS_NULL INT32_MIN

/* Steps of an array by `quantised`, all of which but level and exceptions is given. What is not finite, or has steps outside of the window, has some of an element
 * before. */
typedef struct {
    double least, most;
} ac_window;
int ac_trellis_steps(const ac_quantised *quantised, const ac_array *array, const void *data, const ac_window *window, int32_t *steps);

#endif
