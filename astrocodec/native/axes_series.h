/* Axes: whether an array is coded with the longest one last, rows as series. docs/encoder.md section "Series". */
#ifndef AC_AXES_SERIES_H
#define AC_AXES_SERIES_H

#include "axes_choice.h"

/* The order of axes in which rows are series: the longest axis last; 0 for arrays that are not tried. */
int ac_series_axes(const ac_array *array, ac_axes *axes);
/* Whether the array takes fewer bytes as series in that order than in another one; the sizes are of one way and of the other. */
int ac_series_choose(const ac_array *array, const void *data, const ac_axes *series, const ac_axes *other, ac_size_of as_series, ac_size_of as_planes, void *work,
                     int *is_series);

#endif
