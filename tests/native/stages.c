/* The encoder's stages one by one, in a form that tests call from Python; see tests/unit/test_native_stages.py. */
#include <stdlib.h>
#include <string.h>

#include "pixel_choice.h"
#include "split.h"
#include "valueset.h"

/* Maps and splits an array of one plane, as one piece. */
int stage_map(int dtype, size_t height, size_t width, const void *data, uint8_t *map, size_t *map_length, uint64_t *u, uint16_t *samples,
              uint64_t *largest, uint32_t *low_bits, uint8_t *low, size_t *low_length)
{
    const ac_array array = {dtype, 2, {height, width}};
    ac_sheet sheet;
    const int status = ac_sheet_init(&sheet, &array, data);
    if (!status) {
        const ac_place all = {0, 0, 0, (uint32_t)(sheet.planes.count * height), (uint32_t)width};
        *map_length = ac_pixel_map_write(&sheet.map, map);
        *largest = sheet.largest;
        ac_sheet_integers(&sheet, 0, (size_t)sheet.count, u);
        ac_choose_low_bits(&sheet);
        *low_bits = sheet.low_bits;
        *low_length = ac_split(&sheet, &all, NULL, samples, low);
    }
    ac_sheet_free(&sheet);
    return status;
}

/* Bits of the floats at the first places of bins. */
static void restore_bins(const ac_pixel_map *map, const ac_numbers *numbers, uint64_t *u, size_t n, ac_refusal *why)
{
    const ac_bins bins = ac_map_bins(map, numbers->dtype);
    if (!ac_pixels_bins(map, numbers->dtype, u, n, why)) return;
    uint32_t width;
    for (size_t i = 0; i < n; i++) u[i] = ac_bin_start(&bins, (int64_t)u[i], &width) << map->trailing;
    ac_pixels_put(numbers, u, n, 0);
}

/* Undoes it; of bins their first floats. */
int stage_restore(int dtype, const uint8_t *map, size_t map_length, uint64_t *u, size_t n, void *out)
{
    const ac_array array = {dtype, 1, {ac_is_complex(dtype) ? n / 2 : n}};
    const ac_numbers numbers = ac_numbers_of(&array, out, array.shape[0]);
    ac_reader reader = {.data = map, .length = map_length};
    ac_pixel_map read;
    if (ac_pixel_map_read(&reader, dtype, UINT64_MAX, &read)) return reader.why.status;
    ac_refusal why = {0};
    if (reader.at != map_length)
        why.status = AC_ERROR_CORRUPT;
    else if (read.kind == AC_KIND_BINS)
        restore_bins(&read, &numbers, u, n, &why);
    else
        ac_pixels_restore(&read, &numbers, u, n, 0, &why);
    ac_pixel_map_free(&read);
    return why.status;
}

int stage_unpack_low(const uint8_t *data, size_t length, size_t count, uint32_t low_bits, uint64_t *low, size_t *used)
{
    ac_reader reader = {.data = data, .length = length};
    const ac_pixel_map map = {.kind = AC_KIND_INTEGER};
    ac_low_bits planes;
    const int status = ac_low_bits_read(&reader, count, &map, low_bits, &planes);
    if (!status) ac_low_bits_get(&planes, count, low);
    *used = reader.at;
    return status;
}

int stage_fit_lattice(const uint16_t *values, uint32_t n, uint64_t *step, uint64_t *phase)
{
    ac_lattice found = {0, 0};
    const int is_found = ac_lattice_fit(values, n, &found);
    *step = found.step, *phase = found.phase;
    return is_found;
}

/* The bytes of a set, if there is room for them, and how many they are. */
void stage_pack_set(const uint64_t *values, uint32_t n, uint8_t *out, size_t room, size_t *length)
{
    uint8_t *packed = ac_set_pack(values, n, length);
    if (packed && *length <= room) memcpy(out, packed, *length);
    free(packed);
}

/* Height and width of the pieces of so many planes, wanted ones or (0) the encoder's choice, with cuts up to a 0; how many there are; and where one of them is. */
void stage_pieces(uint64_t count, uint64_t height, uint64_t width, const uint32_t *wanted, const uint64_t *rows, const uint64_t *columns,
                  uint64_t index, uint64_t *out)
{
    ac_grid grid = {.planes = {count, height, width}};
    for (; *rows; rows++) grid.cuts.rows.at[grid.cuts.rows.count++] = *rows;
    for (; *columns; columns++) grid.cuts.columns.at[grid.cuts.columns.count++] = *columns;
    grid.sides = ac_choose_sides(&grid.planes, wanted[0] ? wanted : NULL, &grid.cuts);
    out[0] = grid.sides.height, out[1] = grid.sides.width, out[2] = ac_piece_count(&grid);
    const ac_place place = ac_piece_place(&grid, index % out[2]);
    out[3] = place.plane, out[4] = place.row, out[5] = place.column, out[6] = place.height, out[7] = place.width;
}

int stage_fits(uint64_t count, uint64_t height, uint64_t width, uint64_t p, uint64_t q)
{
    return ac_sides_fit(&(ac_planes){count, height, width}, (ac_sides){p ? p : height, q ? q : width});
}

uint64_t stage_varint(const uint8_t *data, size_t length, uint64_t most, size_t *used, int *status)
{
    ac_reader reader = {.data = data, .length = length};
    const uint64_t value = ac_take_varint(&reader, most);
    *used = reader.at, *status = reader.why.status;
    return value;
}
