/* Split: integers of a piece <-> 16-bit samples and the low bits before them. docs/format.md section "Split". */
#ifndef AC_SPLIT_H
#define AC_SPLIT_H

#include "pixels.h"

enum { AC_MAX_LOW_BITS = 48, AC_MAX_BIT_PLANES = AC_MAX_LOW_BITS / 8 };

/* Sets sheet->low_bits: bits that do not fit 16. */
void ac_least_low_bits(ac_sheet *sheet);
/* The same, and those that are noise to the last. */
void ac_choose_low_bits(ac_sheet *sheet);

/* Numbers of a piece that lie one behind the other: rows, or all of it. */
typedef struct {
    uint64_t first, rows, step;
    size_t length;
} ac_runs;
ac_runs ac_runs_of(const ac_planes *planes, const ac_place *place);

/* Room for the low bits of so many numbers. */
size_t ac_low_bits_bound(const ac_sheet *sheet, uint64_t count);
/* Maps and splits a piece in one pass; samples row by row without gaps. Where there is a mask, numbers that it marks have no low bits. Returns how many
 * bytes of low bits there are, at most ac_low_bits_bound. */
size_t ac_split(const ac_sheet *sheet, const ac_place *place, const uint8_t *mask, uint16_t *samples, uint8_t *low);

typedef struct {
    uint32_t count, bits[AC_MAX_BIT_PLANES];
    int is_packed[AC_MAX_BIT_PLANES];
    const uint8_t *data[AC_MAX_BIT_PLANES];
} ac_bit_planes;
/* Low bits of a piece: bit planes, or places in bins. */
typedef struct {
    ac_bit_planes planes;
    const uint8_t *places;
    size_t length;
    uint64_t at; /* of the number, or of the bit of a place, that is next */
} ac_low_bits;
/* Finds the low bits of `count` numbers; the reader stands behind them then. */
int ac_low_bits_read(ac_reader *reader, uint64_t count, const ac_pixel_map *map, uint32_t low_bits, ac_low_bits *low);
/* The low bits of the next n numbers, of bit planes. */
void ac_low_bits_get(ac_low_bits *low, size_t n, uint64_t *bits);
/* Adds the places of the next n numbers, which take so many bits, to the first floats of their bins. */
int ac_places_add(ac_low_bits *low, size_t n, const uint8_t *bits, uint64_t *floats, ac_refusal *why);
/* After the last place. */
int ac_places_end(const ac_low_bits *low, ac_refusal *why);

#endif
