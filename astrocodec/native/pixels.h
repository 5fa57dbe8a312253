/* Pixels: elements of any data type <-> integers u >= 0 in the same order. docs/format.md section "Pixels". */
#ifndef AC_PIXELS_H
#define AC_PIXELS_H

#include "planes.h"
#include "varint.h"

enum { AC_KIND_INTEGER, AC_KIND_FLOAT_BITS, AC_KIND_FLOAT_INTEGER };
enum { AC_RULE_NONE, AC_RULE_LATTICE, AC_RULE_SET };
enum { AC_MAX_GAPS = 8 };
typedef struct {
    uint64_t start, length;
} ac_gap;

typedef struct {
    uint8_t kind, rule;
    uint8_t trailing; /* zeros of floats in order, left out */
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
/* Whether samples are a converter's codes, values or multiples of a whole number; `zero` is then the code of sample 0. */
static inline int ac_pixel_map_codes(const ac_pixel_map *map, int64_t *zero)
{
    if (map->kind == AC_KIND_FLOAT_BITS || map->gap_count || map->rule > AC_RULE_LATTICE) return 0;
    const int64_t step = map->rule == AC_RULE_LATTICE ? (int64_t)(map->step >> 32) : 1;
    if (map->rule == AC_RULE_LATTICE && (!step || (uint32_t)map->step)) return 0;
    const int64_t first = (int64_t)(map->offset + (map->rule == AC_RULE_LATTICE ? map->phase >> 32 : 0));
    *zero = first / step - (first % step < 0);
    return 1;
}
void ac_pixel_map_free(ac_pixel_map *map);

/* The numbers of an array, in the order of its planes. */
typedef struct {
    void *data;
    int dtype;     /* of a number */
    uint64_t half; /* of a complex array: so many real parts, then the imaginary ones; else 0 */
} ac_numbers;
ac_numbers ac_numbers_of(const ac_array *array, void *data, uint64_t count);

/* An array while it is encoded: its numbers, which are not written to, and the map that was chosen for them. */
typedef struct {
    ac_numbers numbers;
    uint64_t count; /* of numbers */
    ac_planes planes;
    ac_pixel_map map;
    uint64_t largest; /* of the integers */
    uint32_t low_bits;
    uint16_t *rank;  /* rules 1 and 2: what takes the place of u below 65536; owned */
    uint16_t *ranks; /* rule 2, where some u are larger: those of all numbers; owned */
} ac_sheet;

/* Chooses the map. The array is not empty. */
int ac_sheet_init(ac_sheet *sheet, const ac_array *array, const void *data);
void ac_sheet_free(ac_sheet *sheet);
/* The integers of n numbers. */
void ac_sheet_integers(const ac_sheet *sheet, uint64_t first, size_t n, uint64_t *u);
/* The same without their low bits. */
void ac_sheet_samples(const ac_sheet *sheet, uint64_t first, size_t n, uint16_t *samples);
/* The array itself where its elements are the samples, else NULL. */
const uint16_t *ac_sheet_as_samples(const ac_sheet *sheet);

/* Least and greatest of n words under `flip`, which makes them unsigned. */
void ac_words_range(const uint16_t *p, uint64_t n, uint16_t flip, uint16_t *low, uint16_t *high);

/* Undoes the map for n integers, which are overwritten. `first` is the place of the first number. */
int ac_pixels_restore(const ac_pixel_map *map, const ac_numbers *out, uint64_t *u, size_t n, uint64_t first, ac_refusal *why);
/* The same in place for numbers of two bytes whose map is an offset alone; 0 if it is another map. */
int ac_pixels_restore_words(const ac_pixel_map *map, uint16_t *numbers, uint64_t n);

#endif
