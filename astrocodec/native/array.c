#include "array.h"

#include <math.h>

#include "wavefront.h"

enum { TARGET = 512 };

int ac_array_count(const ac_array *array, uint64_t *count)
{
    if (!array || array->dtype < 0 || array->dtype >= AC_DTYPES || array->ndim < 0 || array->ndim > AC_MAX_DIMENSIONS) return AC_ERROR_ARGUMENT;
    uint64_t product = 1;
    int is_empty = 0, is_large = 0;
    for (int i = 0; i < array->ndim; i++) {
        const uint64_t n = array->shape[i];
        if (n > AC_MAX_ELEMENTS) return AC_ERROR_ARGUMENT;
        is_empty |= !n;
        is_large |= n && product > AC_MAX_ELEMENTS / n;
        if (n && !is_large) product *= n;
    }
    if (is_large && !is_empty) return AC_ERROR_ARGUMENT;
    *count = is_empty ? 0 : product;
    return AC_OK;
}

size_t ac_array_size(const ac_array *array)
{
    uint64_t count;
    if (ac_array_count(array, &count) || count * ac_item_bytes(array->dtype) > SIZE_MAX) return SIZE_MAX;
    return (size_t)count * ac_item_bytes(array->dtype);
}

ac_sides ac_sheet_of(const ac_array *array)
{
    ac_sides sheet = {1, 1};
    for (int i = 0; i + 1 < array->ndim; i++) sheet.height *= array->shape[i];
    if (array->ndim) sheet.width = array->shape[array->ndim - 1];
    return sheet;
}

/* Cuts `length` into nearly equal parts of about `wanted`. Where there are several, they are even. */
static uint64_t balanced_side(uint64_t length, uint64_t wanted)
{
    if (wanted > AC_MAX_SIDE) wanted = AC_MAX_SIDE;
    uint64_t count = (uint64_t)nearbyint((double)length / (double)wanted);
    if (!count) count = 1;
    if ((length + count - 1) / count > AC_MAX_SIDE) count++;
    const uint64_t side = (length + count - 1) / count;
    return side + (count > 1 ? side & 1 : 0);
}

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

ac_sides ac_balanced_tile(ac_sides sheet)
{
    const uint64_t area = TARGET * TARGET;
    const ac_sides tile = {balanced_side(sheet.height, larger(TARGET, area / larger(1, sheet.width))),
                           balanced_side(sheet.width, larger(TARGET, area / larger(1, sheet.height)))};
    return tile;
}

ac_sides ac_fitting_tile(ac_sides sheet, const uint32_t *wanted)
{
    const ac_sides tile = wanted ? (ac_sides){wanted[0], wanted[1]} : ac_balanced_tile(sheet);
    return (ac_sides){smaller(smaller(tile.height, sheet.height), AC_MAX_SIDE), smaller(smaller(tile.width, sheet.width), AC_MAX_SIDE)};
}

ac_place ac_tile_place(ac_sides sheet, ac_sides tile, uint64_t index)
{
    const uint64_t across = (sheet.width + tile.width - 1) / tile.width, y = index / across * tile.height, x = index % across * tile.width;
    return (ac_place){y, x, (uint32_t)smaller(tile.height, sheet.height - y), (uint32_t)smaller(tile.width, sheet.width - x)};
}
