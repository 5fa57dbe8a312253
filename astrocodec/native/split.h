/* Split: integers <-> samples of 16 bits and low bits that no model can predict. docs/format.md section "Split". */
#ifndef AC_SPLIT_H
#define AC_SPLIT_H

#include "pixels.h"

enum { AC_MAX_LOW_BITS = 48, AC_MAX_PLANES = AC_MAX_LOW_BITS / 8 };

/* Low bits so that the rest fits 16 bits and is not needlessly loud; into sheet->low_bits. */
void ac_choose_low_bits(ac_sheet *sheet);
/* Planes of 8 bits, lowest first, each constant or packed. AC_ERROR_SPACE where they do not fit. */
int ac_low_bits_pack(const ac_sheet *sheet, uint8_t *out, size_t capacity, size_t *length);

typedef struct {
    uint32_t count, bits[AC_MAX_PLANES];
    int is_packed[AC_MAX_PLANES];
    const uint8_t *data[AC_MAX_PLANES];
} ac_planes;
/* Finds the planes of `count` elements; the reader stands behind them then. */
int ac_low_bits_read(ac_reader *reader, uint64_t count, uint32_t low_bits, ac_planes *planes);
/* The low bits of n elements. */
void ac_low_bits_get(const ac_planes *planes, uint64_t first, size_t n, uint64_t *low);

#endif
