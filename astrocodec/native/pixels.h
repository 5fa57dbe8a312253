/* Pixels: elements of any data type <-> integers u >= 0 in the same order. docs/format.md section "Pixels". */
#ifndef AC_PIXELS_H
#define AC_PIXELS_H

#include "pixel_map.h"
#include "planes.h"

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
    int by_bits;     /* floats stay their bits */
    uint64_t unit;   /* rule 1, beyond 16 bits: what all u are multiples of; else 0 */
    uint16_t *rank;  /* rules 1 and 2: what takes the place of u below 65536; owned */
    uint16_t *ranks; /* rule 2, where some u are larger: those of all numbers; owned */
} ac_sheet;

/* Whether its numbers are more than samples. */
static inline int ac_has_low_bits(const ac_sheet *sheet) { return sheet->low_bits || sheet->map.kind == AC_KIND_BINS; }
void ac_sheet_free(ac_sheet *sheet);
/* Every `stride`-th number from `first` on, as 64 bits: two's complement, or the bits of floats in order, or their bins. */
void ac_sheet_numbers(const ac_sheet *sheet, uint64_t first, size_t stride, size_t n, uint64_t *numbers);
/* The integers of u without their offset, of which ranks are not known: what lies behind the map's gaps is lowered, and multiples are counted. */
void ac_sheet_close_gaps(const ac_sheet *sheet, size_t n, uint64_t *u);
/* The integers of n numbers. */
void ac_sheet_integers(const ac_sheet *sheet, uint64_t first, size_t n, uint64_t *u);
/* The same without their low bits. */
void ac_sheet_samples(const ac_sheet *sheet, uint64_t first, size_t n, uint16_t *samples);
/* Of bins: integers, and the places in them with the bits that they take. */
void ac_sheet_places(const ac_sheet *sheet, uint64_t first, size_t n, uint64_t *u, uint64_t *places, uint8_t *bits);
/* Low bits of n numbers together. */
uint64_t ac_sheet_low_bits(const ac_sheet *sheet, uint64_t first, size_t n);
/* The array itself where its elements are the samples, else NULL. */
const uint16_t *ac_sheet_as_samples(const ac_sheet *sheet);

/* Undoes the map for n integers, which are overwritten. `first` is the place of the first number. */
int ac_pixels_restore(const ac_pixel_map *map, const ac_numbers *out, uint64_t *u, size_t n, uint64_t first, ac_refusal *why);
/* Integers, which are overwritten, to bins that there are; 0 if one is none. */
int ac_pixels_bins(const ac_pixel_map *map, int dtype, uint64_t *u, size_t n, ac_refusal *why);
/* Stores numbers by their bits. */
void ac_pixels_put(const ac_numbers *out, const uint64_t *bits, size_t n, uint64_t first);
/* Undoes a map in place for numbers of two bytes whose map is an offset alone; 0 if it is another map. */
int ac_pixels_restore_words(const ac_pixel_map *map, uint16_t *numbers, uint64_t n);

#endif
