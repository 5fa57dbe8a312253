/* Wavefront: the order in which a tile's pixels are coded, and the values outside its edges.
 * docs/format.md section "Wavefront". */
#ifndef AC_WAVEFRONT_H
#define AC_WAVEFRONT_H

#include "predict.h"

enum { AC_MAX_SIDE = 65536, AC_MAX_PIXELS = 1 << 26 };

typedef struct {
    uint32_t height, width, lanes, period, steps;
} ac_wavefront;

static inline ac_wavefront ac_wavefront_of(uint32_t height, uint32_t width)
{
    const uint32_t lanes = width + 2 * AC_PAD >= 64 * AC_LAG ? 64 : 32;
    const uint32_t row = width + 2 * AC_PAD, period = row > lanes * AC_LAG ? row : lanes * AC_LAG;
    const uint32_t last = height - 1;
    const ac_wavefront w = {height, width, lanes, period, (last / lanes) * period + (last % lanes) * AC_LAG + width + AC_PAD};
    return w;
}

#endif
