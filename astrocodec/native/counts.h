/* Counts: pieces of few events above a level, coded by what neighbourhoods like a pixel's have held so far.
 * docs/format.md section "Counts". */
#ifndef AC_COUNTS_H
#define AC_COUNTS_H

#include "fault.h"

#define AC_MODE_COUNTS 5

/* Whether a piece holds so few that this mode is worth trying; `thorough`: whether it can be tried at all. 0 or 1. */
int ac_counts_promising(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, int thorough);

/* Of a piece that can be tried. AC_ERROR_SPACE if it does not fit `capacity`. */
int ac_counts_encode(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out, size_t capacity, size_t *length);
/* The sides are right. */
int ac_counts_decode(const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride, ac_refusal *why);
/* As ac_piece_bits, of a piece that decodes to `samples` (rows `width` apart). */
int ac_counts_bits(const uint8_t *in, const uint16_t *samples, uint32_t height, uint32_t width, float *bits, size_t stride, double *header);

#endif
