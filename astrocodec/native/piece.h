/* Tile: one plane of 16-bit samples <-> bytes. docs/format.md section "Tile". */
#ifndef AC_TILE_H
#define AC_TILE_H

#include "fault.h"
#include "wavefront.h"

enum { AC_MODE_CONSTANT = 0, AC_MODE_MODELLED = 1, AC_MODE_RAW = 2, AC_TILE_HEADER = 8, AC_STATES = 32 };

/* ac_tile_decode, whose arguments are right. */
int ac_tile_decode_or_say(const ac_model *model, const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride,
                          int simd, ac_refusal *why);
/* What stands above the tile: the median of 64 samples of the first row, and about their mean deviation; and the floor
 * from which signal counts: the ninth smallest of 256 samples of the whole tile. */
ac_start ac_choose_start(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride);

#endif
