/* Wavefront: the order in which a piece's pixels are coded, and the values outside its edges.
 * docs/format.md section "Wavefront". */
#ifndef AC_WAVEFRONT_H
#define AC_WAVEFRONT_H

#include "predict.h"

enum { AC_MAX_SIDE = 65536, AC_MAX_PIXELS = 1 << 26 };

static inline int ac_check_sides(const void *samples, uint32_t height, uint32_t width, size_t stride)
{
    if (!samples || !height || !width || stride < width) return AC_ERROR_ARGUMENT;
    return height > AC_MAX_SIDE || width > AC_MAX_SIDE || (uint64_t)height * width > AC_MAX_PIXELS ? AC_ERROR_ARGUMENT : AC_OK;
}

/* What stands above the first row: samples, and running means. */
static inline uint16_t ac_virtual_sample(int32_t x, int32_t y, ac_start start)
{
    return (uint16_t)ac_clamp((x + y) & 1 ? start.row + start.amplitude : start.row - start.amplitude, 0, 65535);
}

static inline ac_running ac_virtual_running(ac_start start)
{
    return (ac_running){start.row * 256, start.row * 256, start.amplitude * 362, start.amplitude * 362};
}

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
