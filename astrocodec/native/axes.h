/* Axes: an array <-> the same in another order of axes. docs/format.md section "Order of axes". */
#ifndef AC_AXES_H
#define AC_AXES_H

#include "array.h"
#include "varint.h"

/* Axis i of the turned array is axis of[i] of the array. */
typedef struct {
    uint8_t of[AC_MAX_DIMENSIONS];
} ac_axes;

/* The reader holds the section alone, a byte for each axis. */
int ac_axes_read(ac_reader *reader, int ndim, ac_axes *axes);
/* Type and shape of the turned array. */
ac_array ac_axes_turned(const ac_array *array, const ac_axes *axes);
/* Copies the box of `turned`'s shape that begins at `start`, an index of the array. */
void ac_axes_turn(const ac_array *array, const ac_axes *axes, const uint64_t *start, const ac_array *turned, const void *from, void *to);
/* Copies a whole turned array back. */
void ac_axes_turn_back(const ac_array *array, const ac_axes *axes, const void *turned, void *to);

#endif
