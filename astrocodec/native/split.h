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

size_t ac_low_bits_bound(uint64_t count, uint32_t low_bits);
/* Maps and splits a piece in one pass; samples row by row without gaps. Returns how many bytes of low bits there are, at most
 * ac_low_bits_bound; none where sheet->low_bits is 0. */
size_t ac_split(const ac_sheet *sheet, const ac_place *place, uint16_t *samples, uint8_t *low);

typedef struct {
    uint32_t count, bits[AC_MAX_BIT_PLANES];
    int is_packed[AC_MAX_BIT_PLANES];
    const uint8_t *data[AC_MAX_BIT_PLANES];
} ac_bit_planes;
/* Finds the bit planes of `count` numbers; the reader stands behind them then. */
int ac_low_bits_read(ac_reader *reader, uint64_t count, uint32_t low_bits, ac_bit_planes *planes);
/* The low bits of n numbers. */
void ac_low_bits_get(const ac_bit_planes *planes, uint64_t first, size_t n, uint64_t *low);

#endif
