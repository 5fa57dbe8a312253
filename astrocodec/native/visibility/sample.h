/* Sample: what stands between a prediction and the integer that is coded. docs/format.md section "Distances". */
#ifndef AC_VISIBILITY_SAMPLE_H
#define AC_VISIBILITY_SAMPLE_H

#include <math.h>
#include <string.h>

#include "visibility/block.h"
#include "visibility/tables.h"

/* The trellis of a lane: bit 0 of a state is the grid of the integer that comes next; bits that the last state and an odd integer change. */
typedef struct {
    uint32_t states, back, in;
} ac_lane_trellis;
static const ac_lane_trellis ac_short_trellis = {8, 5, 2}, ac_long_trellis = {32, 18, 4};
#define AC_LONG_TRELLIS 64 /* samples of a baseline */
static inline ac_lane_trellis ac_trellis_of(const ac_block *b) { return b->times * b->channels * b->pols < AC_LONG_TRELLIS ? ac_short_trellis : ac_long_trellis; }
static inline uint32_t ac_lane_next(const ac_lane_trellis *t, uint32_t state, uint32_t is_odd) { return (state >> 1) ^ (state & 1) * t->back ^ is_odd * t->in; }

/* Where an integer is looked for: its table, cells of 2^shift integers, and the cell of the mean. */
typedef struct {
    uint32_t scale, place, shift;
    int64_t cell;
} ac_site;

#define AC_MAX_MEAN ((double)((int64_t)1 << 45))

/* A prediction in whole units. */
static inline int64_t ac_whole_mean(double mean)
{
    const double m = floor(mean + 0.5), low = m > -AC_MAX_MEAN ? m : -AC_MAX_MEAN;
    return (int64_t)(low < AC_MAX_MEAN ? low : AC_MAX_MEAN);
}

static inline ac_site ac_site_of(int64_t mean, double scale, uint32_t half, uint32_t dither)
{
    const float wide = (float)scale, least = wide > 16 ? wide : 16, s = least < 0x1p36f ? least : 0x1p36f;
    uint32_t bits;
    memcpy(&bits, &s, sizeof bits);
    ac_site site = {.scale = (bits >> 20) - ((127 + 4) << 3)};
    if (site.scale >= AC_VIS_SCALES) {
        site.shift = (site.scale - AC_VIS_SCALES) / 8 + 1;
        site.scale -= 8 * site.shift;
    }
    const int64_t eighth = (mean - 128 * (int64_t)half + (int64_t)dither + 128) >> (5 + site.shift);
    site.place = (uint32_t)eighth & 7;
    site.cell = eighth >> 3;
    return site;
}

static inline int64_t ac_units_of(int64_t step, uint32_t half, uint32_t dither) { return 256 * step + 128 * (int64_t)half - (int64_t)dither; }

#endif
