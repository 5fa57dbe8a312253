/* Code lengths: bits that the integer tables give to samples, and their slopes, sixteen samples at a time. Encoder only. */
#ifndef AC_CODE_LENGTHS_H
#define AC_CODE_LENGTHS_H

#include <math.h>

#include "distribution.h"

enum {
    AC_LOCKSTEP = 16,
    AC_FARTHEST_CELL = 4816, /* where the last cell of the longest layout begins */
    AC_OUTSIDE = 8           /* scale indices beyond either end of the range that are asked for */
};

typedef struct {
    /* By scale index from -AC_OUTSIDE: first table | phase bits << 16 | k << 20 | layout << 24. */
    int32_t scale[AC_SCALES + 2 * AC_OUTSIDE];
    int32_t index[3 * (AC_FARTHEST_CELL + 1)]; /* by layout and cell: index of the half layout */
    float *bits;                               /* by table and symbol: symbol and raw bits, of buckets those above k */
    int tails, skews;
} ac_code_lengths;

int ac_code_lengths_build(const ac_tables *tables, ac_code_lengths *out); /* ac_status; `bits` is the caller's to free */

typedef struct {
    float location[AC_LOCKSTEP], q[AC_LOCKSTEP], tail[AC_LOCKSTEP], skew[AC_LOCKSTEP];
} ac_slopes;

#define AC_INLINE inline __attribute__((always_inline))

static AC_INLINE int32_t ac_within(int32_t v, int32_t low, int32_t high) { return v < low ? low : v > high ? high : v; }

/* Where a sample's code length stands within a shape's tables, and its raw bits below those. */
static AC_INLINE int32_t ac_place(const ac_code_lengths *c, int32_t sample, int32_t loc16, int32_t scale, int32_t *k)
{
    const int32_t phase_bits = scale >> 16 & 15, layout = scale >> 24;
    *k = scale >> 20 & 15;
    const int32_t half = *k ? 16 : 8 >> phase_bits, r = (ac_within(loc16, 0, 65535 * 16 + 15) + half) >> (4 - phase_bits);
    const int32_t difference = sample - (r >> phase_bits), negative = difference >> 31, cell = (difference ^ negative) >> *k;
    const int32_t i = c->index[layout * (AC_FARTHEST_CELL + 1) + (cell < AC_FARTHEST_CELL ? cell : AC_FARTHEST_CELL)];
    return ((scale & 0xffff) + (r & ((1 << phase_bits) - 1))) * AC_SYMBOLS + 32 + (i ^ negative);
}

/* Outside the range of shapes only what leads back counts: without it an answer that went too far would stay there. */
static AC_INLINE float ac_inward(float slope, float answer, float count)
{
    const float most = answer <= -0.5f ? 0 : 1e9f, least = answer >= count - 0.5f ? 0 : -1e9f;
    return fmaxf(fminf(slope, most), least);
}

static AC_INLINE int32_t ac_nearest_scale(float q) { return AC_OUTSIDE + ac_within((int32_t)(q + 1000.5f) - 1000, 2 - AC_OUTSIDE, AC_SCALES + AC_OUTSIDE - 3); }

/* Bits alone. */
static AC_INLINE void ac_bits_of(const ac_code_lengths *c, const int32_t *sample, const float *loc16, const float *q, const float *tail,
                                 const float *skew, float *out)
{
    const float *restrict bits = c->bits;
    for (int s = 0; s < AC_LOCKSTEP; s++) {
        const float t = fminf(fmaxf(tail[s], 0), (float)(c->tails - 1)), u = fminf(fmaxf(skew[s], 0), (float)(c->skews - 1));
        const int32_t shape = (int32_t)(t + 0.5f) * c->skews + (int32_t)(u + 0.5f);
        int32_t k;
        const int32_t place = ac_place(c, sample[s], (int32_t)loc16[s], c->scale[ac_nearest_scale(q[s])], &k);
        out[s] = bits[shape * (AC_TABLES_PER_SHAPE * AC_SYMBOLS) + place] + (float)k;
    }
}

/* Slopes as differences between neighbouring tables: of the location over a span that grows with the scale, of the shape
 * between the two tables that the continuous answer lies between. */
static AC_INLINE void ac_slopes_of(const ac_code_lengths *c, const int32_t *sample, const float *loc16, const float *q, const float *tail,
                                   const float *skew, ac_slopes *out)
{
    enum { SHAPE = AC_TABLES_PER_SHAPE * AC_SYMBOLS };
    const float *restrict bits = c->bits;
    const int32_t tails = c->tails, skews = c->skews, tail_step = tails > 1 ? skews * SHAPE : 0, skew_step = skews > 1 ? SHAPE : 0;
    int32_t at[AC_LOCKSTEP], tailed[AC_LOCKSTEP], skewed[AC_LOCKSTEP];
    float tail_sign[AC_LOCKSTEP], skew_sign[AC_LOCKSTEP];
    for (int s = 0; s < AC_LOCKSTEP; s++) {
        const float t = fminf(fmaxf(tail[s], 0), (float)(tails - 1)), u = fminf(fmaxf(skew[s], 0), (float)(skews - 1));
        const int32_t ti = (int32_t)(t + 0.5f), ui = (int32_t)(u + 0.5f);
        const int32_t t_up = 2 * ((ti == 0) | ((ti != tails - 1) & (t >= (float)ti))) - 1, u_up = 2 * ((ui == 0) | ((ui != skews - 1) & (u >= (float)ui))) - 1;
        at[s] = (ti * skews + ui) * SHAPE;
        tailed[s] = t_up * tail_step, skewed[s] = u_up * skew_step;
        tail_sign[s] = (float)t_up, skew_sign[s] = (float)u_up;
    }
    for (int s = 0; s < AC_LOCKSTEP; s++) {
        const int32_t l = (int32_t)loc16[s], qi = ac_nearest_scale(q[s]), reach = 4 << (ac_within(qi - AC_OUTSIDE - 24, 0, AC_SCALES - 25) >> 3);
        const int32_t scale = c->scale[qi];
        int32_t k, k_narrow, k_wide;
        const int32_t place = at[s] + ac_place(c, sample[s], l, scale, &k);
        const float here = bits[place];
        const float right = bits[at[s] + ac_place(c, sample[s], l + reach, scale, &k)];
        const float left = bits[at[s] + ac_place(c, sample[s], l - reach, scale, &k)];
        const float wide = bits[at[s] + ac_place(c, sample[s], l, c->scale[qi + 2], &k_wide)];
        const float narrow = bits[at[s] + ac_place(c, sample[s], l, c->scale[qi - 2], &k_narrow)];
        out->location[s] = (right - left) / (float)(2 * reach);
        out->q[s] = (wide - narrow + (float)(k_wide - k_narrow)) * 0.25f;
        out->tail[s] = ac_inward((bits[place + tailed[s]] - here) * tail_sign[s], tail[s], (float)tails);
        out->skew[s] = ac_inward((bits[place + skewed[s]] - here) * skew_sign[s], skew[s], (float)skews);
    }
}

#endif
