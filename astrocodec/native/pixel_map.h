/* Pixel map: how elements became integers, and its bytes. docs/format.md section "Pixels". */
#ifndef AC_PIXEL_MAP_H
#define AC_PIXEL_MAP_H

#include "bins.h"
#include "varint.h"

enum { AC_KIND_INTEGER, AC_KIND_FLOAT_BITS, AC_KIND_FLOAT_INTEGER, AC_KIND_BINS };
enum { AC_RULE_NONE, AC_RULE_LATTICE, AC_RULE_SET };
enum { AC_MAX_GAPS = 8 };
typedef struct {
    uint64_t start, length;
} ac_gap;

typedef struct {
    uint8_t kind, rule;
    uint8_t trailing; /* zeros of floats by their bits, left out */
    uint8_t linear;   /* of bins, as the next */
    uint16_t first_exponent;
    uint32_t gap_count, value_count;
    uint64_t offset, step, phase; /* offset modulo 2^64 */
    ac_gap gaps[AC_MAX_GAPS];
    uint64_t *values; /* of a set, from 0 on; owned */
    uint8_t *packed;  /* while it is written: those, coded; owned */
    size_t packed_size;
} ac_pixel_map;

size_t ac_pixel_map_bound(const ac_pixel_map *map);
size_t ac_pixel_map_write(const ac_pixel_map *map, uint8_t *out);
/* Of numbers of this type, with a set of at most so many values. On failure nothing is owned. */
int ac_pixel_map_read(ac_reader *reader, int dtype, uint64_t most, ac_pixel_map *map);
/* Those of a map of bins. */
static inline ac_bins ac_map_bins(const ac_pixel_map *map, int dtype) { return ac_bins_of(dtype, map->trailing, map->first_exponent, map->linear); }
/* Whether samples are a converter's codes, values or multiples of a whole number; `zero` is then the code of sample 0. */
static inline int ac_pixel_map_codes(const ac_pixel_map *map, int64_t *zero)
{
    if (map->kind == AC_KIND_FLOAT_BITS || map->kind == AC_KIND_BINS || map->gap_count || map->rule > AC_RULE_LATTICE) return 0;
    const int64_t step = map->rule == AC_RULE_LATTICE ? (int64_t)(map->step >> 32) : 1;
    if (map->rule == AC_RULE_LATTICE && (!step || (uint32_t)map->step)) return 0;
    const int64_t first = (int64_t)(map->offset + (map->rule == AC_RULE_LATTICE ? map->phase >> 32 : 0));
    *zero = first / step - (first % step < 0);
    return 1;
}
void ac_pixel_map_free(ac_pixel_map *map);

#endif
