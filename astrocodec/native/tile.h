/* Tile: one plane of 16-bit samples <-> bytes. docs/format.md section "Tile". */
#ifndef AC_TILE_H
#define AC_TILE_H

#include "wavefront.h"

enum { AC_MODE_CONSTANT = 0, AC_MODE_MODELLED = 1, AC_MODE_RAW = 2, AC_TILE_HEADER = 6, AC_STATES = 32 };

int ac_check_sides(const void *samples, uint32_t height, uint32_t width, size_t stride);
/* What stands above the tile: the median of 64 samples of the first row, and about their mean deviation. */
void ac_choose_start(const uint16_t *row, uint32_t width, uint16_t *level, uint16_t *amplitude);

#endif
