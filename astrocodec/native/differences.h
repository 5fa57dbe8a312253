/* Differences: pieces of few different steps between neighbours, coded by how often each step occurs.
 * docs/format.md section "Differences". */
#ifndef AC_DIFFERENCES_H
#define AC_DIFFERENCES_H

#include "fault.h"

#define AC_MODE_DIFFERENCES 3

/* Whether a few thousand sampled pixels look as if this mode were worth trying; 0 or 1. */
int ac_differences_promising(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride);

/* AC_ERROR_SPACE if the piece does not fit `capacity`. */
int ac_differences_encode(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out, size_t capacity,
                                 size_t *length);
/* The sides are right. */
int ac_differences_decode(const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride, ac_refusal *why);
/* As ac_piece_bits, of a piece that decodes to `samples` (rows `width` apart). */
int ac_differences_bits(const uint8_t *in, size_t length, const uint16_t *samples, uint32_t height, uint32_t width, float *bits, size_t stride,
                        double *header);

#endif
