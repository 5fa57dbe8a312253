/* The encoder's stages one by one, in a form that tests call from Python; see tests/unit/test_native_stages.py. */
#include "split.h"
#include "valueset.h"

/* Maps and splits an array. Returns 0, 1 where the range is too wide, or a status. */
int stage_map(int dtype, size_t height, size_t width, const void *data, uint8_t *map, size_t *map_length, uint64_t *u, uint16_t *samples,
              uint64_t *largest, uint32_t *low_bits, uint8_t *low, size_t low_room, size_t *low_length)
{
    const ac_array array = {dtype, 2, {height, width}};
    ac_sheet sheet;
    int mappable, status = ac_sheet_init(&sheet, &array, data, &mappable);
    if (!status && mappable) {
        *map_length = ac_pixel_map_write(&sheet.map, map);
        *largest = sheet.largest;
        ac_sheet_integers(&sheet, 0, height * width, u);
        ac_choose_low_bits(&sheet);
        *low_bits = sheet.low_bits;
        ac_sheet_samples(&sheet, 0, height * width, samples);
        status = ac_low_bits_pack(&sheet, low, low_room, low_length);
    }
    ac_sheet_free(&sheet);
    return status ? status : !mappable;
}

/* Undoes it. */
int stage_restore(int dtype, const uint8_t *map, size_t map_length, uint64_t *u, size_t n, void *out)
{
    ac_reader reader = {map, map_length, 0, AC_OK};
    ac_pixel_map read;
    int status = ac_pixel_map_read(&reader, &read);
    if (!status && reader.at != map_length) status = AC_ERROR_CORRUPT;
    if (!status) status = ac_pixels_restore(&read, dtype, u, n, out, 0);
    ac_pixel_map_free(&read);
    return status;
}

int stage_unpack_low(const uint8_t *data, size_t length, size_t count, uint32_t low_bits, uint64_t *low, size_t *used)
{
    ac_reader reader = {data, length, 0, AC_OK};
    ac_planes planes;
    const int status = ac_low_bits_read(&reader, count, low_bits, &planes);
    if (!status) ac_low_bits_get(&planes, 0, count, low);
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

void stage_balanced_tile(uint64_t height, uint64_t width, uint64_t *out)
{
    const ac_sides tile = ac_balanced_tile((ac_sides){height, width});
    out[0] = tile.height, out[1] = tile.width;
}

uint64_t stage_varint(const uint8_t *data, size_t length, uint64_t most, size_t *used, int *status)
{
    ac_reader reader = {data, length, 0, AC_OK};
    const uint64_t value = ac_take_varint(&reader, most);
    *used = reader.at, *status = reader.status;
    return value;
}
