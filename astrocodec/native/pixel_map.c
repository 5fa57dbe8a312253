#include "pixel_map.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "valueset.h"

size_t ac_pixel_map_bound(const ac_pixel_map *map)
{
    return 4 + AC_MAX_VARINT * (4 + 2 * (size_t)map->gap_count) + map->packed_size + AC_MAX_VARINT;
}

size_t ac_pixel_map_write(const ac_pixel_map *map, uint8_t *out)
{
    uint8_t *p = out;
    *p++ = (uint8_t)(map->kind | map->rule << 4);
    if (map->kind & AC_KIND_FLOAT_BITS) *p++ = map->trailing;
    if (map->kind == AC_KIND_BINS) {
        p += ac_put_varint(p, map->first_exponent);
        *p++ = map->linear;
    }
    p += ac_put_signed_varint(p, (int64_t)map->offset);
    p += ac_put_varint(p, map->gap_count);
    for (uint32_t i = 0; i < map->gap_count; i++) {
        p += ac_put_varint(p, map->gaps[i].start);
        p += ac_put_varint(p, map->gaps[i].length);
    }
    if (map->rule == AC_RULE_LATTICE) {
        p += ac_put_varint(p, map->step);
        p += ac_put_varint(p, map->phase);
    }
    if (map->rule == AC_RULE_SET) {
        p += ac_put_varint(p, map->value_count);
        p += ac_put_varint(p, map->packed_size);
        memcpy(p, map->packed, map->packed_size);
        p += map->packed_size;
    }
    return (size_t)(p - out);
}

static void read_set(ac_reader *r, uint64_t most, ac_pixel_map *map)
{
    const size_t start = r->at;
    map->value_count = (uint32_t)ac_take_varint(r, 65536);
    if (map->value_count > most) ac_fail_reader(r, AC_REASON_SET_LARGE, start, map->value_count, most);
    if (!map->value_count) ac_fail_reader(r, AC_REASON_SET, start, 0, 0);
    const uint64_t size = ac_take_varint(r, 1 << 20);
    const uint8_t *packed = ac_take(r, size);
    if (!packed) return;
    map->values = malloc((map->value_count + 1) * sizeof *map->values);
    if (!map->values)
        r->why.status = AC_ERROR_MEMORY;
    else if (!ac_set_unpack(packed, (size_t)size, map->values, map->value_count))
        ac_fail_reader(r, AC_REASON_SET, r->at - size, map->value_count, size);
}

int ac_pixel_map_read(ac_reader *r, int dtype, uint64_t most, ac_pixel_map *map)
{
    memset(map, 0, sizeof *map);
    const size_t start = r->at;
    const uint32_t head = ac_take_byte(r);
    map->kind = head & 15, map->rule = (uint8_t)(head >> 4);
    if (map->kind > AC_KIND_BINS || map->rule > AC_RULE_SET || (map->kind == AC_KIND_BINS && map->rule)) ac_fail_reader(r, AC_REASON_MAP_KIND, start, head, 0);
    if (map->kind & AC_KIND_FLOAT_BITS) map->trailing = (uint8_t)ac_take_byte(r);
    const size_t bins_at = r->at;
    if (map->kind == AC_KIND_BINS) {
        map->first_exponent = (uint16_t)ac_take_varint(r, 2047);
        map->linear = (uint8_t)ac_take_byte(r);
    }
    map->offset = (uint64_t)ac_take_signed_varint(r);
    const size_t gaps_at = r->at;
    map->gap_count = (uint32_t)ac_take_varint(r, AC_MAX_GAPS);
    if (map->gap_count && map->rule == AC_RULE_SET) ac_fail_reader(r, AC_REASON_MAP_GAPS, gaps_at, map->gap_count, map->rule);
    for (uint32_t i = 0; i < map->gap_count; i++) {
        map->gaps[i].start = ac_take_varint(r, UINT64_MAX);
        map->gaps[i].length = ac_take_varint(r, UINT64_MAX);
    }
    if (map->rule == AC_RULE_LATTICE) {
        map->step = ac_take_varint(r, UINT64_MAX);
        map->phase = ac_take_varint(r, (uint64_t)1 << 48);
    }
    if (map->rule == AC_RULE_SET) read_set(r, most, map);
    if ((map->kind == AC_KIND_INTEGER) == ac_is_float(dtype)) ac_fail_reader(r, AC_REASON_MAP_OF_TYPE, start, map->kind, (uint64_t)dtype);
    const uint32_t zeros = 8 * (uint32_t)ac_number_bytes(ac_number_dtype(dtype)) - 2;
    if (map->trailing > zeros) ac_fail_reader(r, AC_REASON_MAP_TRAILING, start + 1, map->trailing, zeros);
    if (map->kind == AC_KIND_BINS && !r->why.status && !ac_are_bins(ac_number_dtype(dtype), map->trailing, map->first_exponent, map->linear)) ac_fail_reader(r, AC_REASON_BINS, bins_at, map->first_exponent, map->linear);
    if (r->why.status) ac_pixel_map_free(map);
    return r->why.status;
}

void ac_pixel_map_free(ac_pixel_map *map)
{
    free(map->values);
    free(map->packed);
    map->values = NULL;
    map->packed = NULL;
}
