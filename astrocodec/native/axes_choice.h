/* Axes: in which order an array is coded. docs/encoder.md section "Order of axes". */
#ifndef AC_AXES_CHOICE_H
#define AC_AXES_CHOICE_H

#include "axes.h"

/* Adds the bytes of an array's stream. */
typedef int (*ac_size_of)(void *work, const ac_array *array, const void *data, uint64_t *bytes);

/* `turned` is 0 where the order is that of the array. */
int ac_axes_choose(const ac_array *array, const void *data, ac_size_of size, void *work, ac_axes *axes, int *turned);

#endif
