/* Pixels: which map an array gets. docs/encoder.md section "Pixels". */
#ifndef AC_PIXEL_CHOICE_H
#define AC_PIXEL_CHOICE_H

#include "pixels.h"

/* Chooses the map. The array is not empty. */
int ac_sheet_init(ac_sheet *sheet, const ac_array *array, const void *data);
/* The same without bins where `by_bits`. */
int ac_sheet_init_as(ac_sheet *sheet, const ac_array *array, const void *data, int by_bits);
/* Of integers as they are, 65536 different ones at most. */
int ac_sheet_init_plain(ac_sheet *sheet, const ac_array *array, const void *data);
/* Whether floats (f2, f4, f8) are all integers below 2^31 in magnitude, and none is -0.0. */
int ac_holds_integers(const void *data, int dtype, uint64_t count);
/* Least and greatest of n words under `flip`, which makes them unsigned. */
void ac_words_range(const uint16_t *p, uint64_t n, uint16_t flip, uint16_t *low, uint16_t *high);
/* Of n integers, at least one. */
void ac_integers_range(const int32_t *p, uint64_t n, int32_t *low, int32_t *high);

#endif
