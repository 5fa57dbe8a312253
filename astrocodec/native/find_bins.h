/* Bins: whether floats are coded by them, and how wide they are. docs/encoder.md section "Bins". */
#ifndef AC_FIND_BINS_H
#define AC_FIND_BINS_H

#include "pixels.h"

/* A map by bins for a sheet of floats by their bits, and how many bits it saves by estimate, in 1/512 a number; 0 where it saves none. */
int32_t ac_find_bins(const ac_sheet *sheet, ac_pixel_map *map);

#endif
