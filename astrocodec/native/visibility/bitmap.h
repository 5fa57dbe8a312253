/* Bitmap: rows of yes and no, each coded as a copy of an earlier one or by what lies around. docs/format.md section "Bitmap". */
#ifndef AC_BITMAP_H
#define AC_BITMAP_H

#include "fault.h"

/* Elements (row, column, depth), each axis of at least 1. Row r - period is the one before of the same kind, such as a baseline at the time before;
 * at most the number of rows. */
typedef struct {
    uint64_t rows, period, columns, depth;
} ac_bitmap;

/* Of bytes of 0 and 1. Returns what is to be freed; NULL without memory. */
uint8_t *ac_bitmap_encode(const ac_bitmap *bitmap, const uint8_t *bits, size_t *length);
/* Bytes of 0 and 1. Places in `why` count from where the data begin. */
int ac_bitmap_decode(const ac_bitmap *bitmap, const uint8_t *data, size_t length, uint8_t *bits, ac_refusal *why);

#endif
