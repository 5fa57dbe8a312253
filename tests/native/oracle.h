/* The piece codec pixel by pixel, with nothing done for speed: what the kernels are compared with. */
#ifndef ORACLE_H
#define ORACLE_H

#include "astrocodec.h"

/* With a trellis of `odd`, or -1: without; not of both, a trellis and code widths. */
int oracle_piece_encode(const ac_model *model, ac_width_choice widths, int odd, const uint16_t *samples, uint32_t height, uint32_t width, size_t stride,
                        uint8_t *out, size_t capacity, size_t *length);
int oracle_piece_decode(const ac_model *model, const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride);

#endif
