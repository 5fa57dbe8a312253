/* Elements of an array, and its shape as a sheet of rows. docs/format.md sections "Stream" and "Tiles". */
#ifndef AC_ARRAY_H
#define AC_ARRAY_H

#include "astrocodec.h"

enum { AC_U1, AC_I1, AC_U2, AC_I2, AC_U4, AC_I4, AC_U8, AC_I8, AC_F4, AC_F8, AC_DTYPES };
#define AC_MAX_ELEMENTS ((uint64_t)1 << 40)

static inline size_t ac_item_bytes(int dtype) { return dtype == AC_F4 ? 4 : dtype == AC_F8 ? 8 : (size_t)1 << dtype / 2; }
static inline int ac_is_float(int dtype) { return dtype >= AC_F4; }
static inline int ac_is_signed(int dtype) { return dtype < AC_F4 && dtype & 1; }

/* Number of elements; 0 where an axis is empty. AC_ERROR_ARGUMENT where dtype or axes are not allowed. */
int ac_array_count(const ac_array *array, uint64_t *count);

/* Leading axes are stacked along y. */
typedef struct {
    uint64_t height, width;
} ac_sides;
ac_sides ac_sheet_of(const ac_array *array);

/* Tile of about 512 x 512 that leaves no narrow ones at the edges; and a wanted tile cut to the sheet. */
ac_sides ac_balanced_tile(ac_sides sheet);
ac_sides ac_fitting_tile(ac_sides sheet, const uint32_t *wanted);

static inline uint64_t ac_tile_count(ac_sides sheet, ac_sides tile)
{
    return ((sheet.height + tile.height - 1) / tile.height) * ((sheet.width + tile.width - 1) / tile.width);
}

/* Where a tile lies: its first row and column, and its sides. */
typedef struct {
    uint64_t y, x;
    uint32_t height, width;
} ac_place;
ac_place ac_tile_place(ac_sides sheet, ac_sides tile, uint64_t index);

#endif
