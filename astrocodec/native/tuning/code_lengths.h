/* Code lengths: bits that the integer tables give to samples, and their slopes, sixteen samples at a time. Encoder only. */
#ifndef AC_CODE_LENGTHS_H
#define AC_CODE_LENGTHS_H

#include "distribution.h"
#include "tuning/lockstep.h"

enum { AC_FARTHEST_CELL = 4816 }; /* where the last cell of the longest layout begins */

typedef struct {
    int32_t start[AC_SCALES], phase_bits[AC_SCALES]; /* by scale index: first table, log2 of the number of sub-pixel phases */
    int32_t index[3 * (AC_FARTHEST_CELL + 1)];         /* by layout and cell: index of the half layout */
    float *bits;                                     /* by table and symbol: symbol and raw bits, of buckets those above k */
    int tails, skews;
} ac_code_lengths;

int ac_code_lengths_build(const ac_tables *tables, ac_code_lengths *out); /* ac_status; `bits` is the caller's to free */

typedef struct {
    float bits[AC_LANES], location[AC_LANES], q[AC_LANES], tail[AC_LANES], skew[AC_LANES]; /* the loss and its slopes */
} ac_slopes;

static inline AC_INLINE int32_t ac_within(int32_t v, int32_t low, int32_t high) { return v < low ? low : v > high ? high : v; }

static inline AC_INLINE void ac_code_lengths_at(const ac_code_lengths *c, const int32_t *sample, const int32_t *loc16, const int32_t *q,
                                                const int32_t *shape, float *bits)
{
    const float *restrict table_bits = c->bits;
    const int32_t *restrict index = c->index, *restrict start = c->start, *restrict phase_bits = c->phase_bits;
    for (int s = 0; s < AC_LANES; s++) {
        const int32_t scale = ac_within(q[s], 0, AC_SCALES - 1), octave = scale >> 3, pb = phase_bits[scale];
        const int32_t half = octave > 6 ? 16 : 8 >> pb, k = octave > 6 ? octave - 6 : 0, layout = octave < 2 ? 0 : octave < 5 ? 1 : 2;
        const int32_t r = (ac_within(loc16[s], 0, 65535 * 16 + 15) + half) >> (4 - pb);
        const int32_t difference = sample[s] - (r >> pb), cell = (difference ^ (difference >> 31)) >> k;
        const int32_t i = index[layout * (AC_FARTHEST_CELL + 1) + (cell < AC_FARTHEST_CELL ? cell : AC_FARTHEST_CELL)];
        const int32_t table = shape[s] * AC_TABLES_PER_SHAPE + start[scale] + (r & ((1 << pb) - 1));
        bits[s] = table_bits[table * AC_SYMBOLS + (difference < 0 ? 31 - i : 32 + i)] + (float)k;
    }
}

/* Outside the range of shapes only what leads back counts: without it an answer that went too far would stay there. */
static inline AC_INLINE float ac_inward(float slope, float answer, float count)
{
    if (count < 2) return 0;
    return answer <= -0.5f ? fminf(slope, 0) : answer >= count - 0.5f ? fmaxf(slope, 0) : slope;
}

/* Slopes as differences between neighbouring tables: of the location over a span that grows with the scale, of the shape
 * between the two tables that the continuous answer lies between. */
static inline AC_INLINE void ac_slopes_of(const ac_code_lengths *c, const int32_t *sample, const float *loc16, const float *q, const float *tail,
                                          const float *skew, ac_slopes *out)
{
    int32_t l[AC_LANES], qi[AC_LANES], shape[AC_LANES], reach[AC_LANES], moved[AC_LANES], other[AC_LANES];
    float high[AC_LANES], low[AC_LANES], tail_sign[AC_LANES], skew_sign[AC_LANES];
    int32_t other_skew[AC_LANES];
    const int32_t tails = c->tails, skews = c->skews;
    for (int s = 0; s < AC_LANES; s++) {
        l[s] = (int32_t)loc16[s];
        qi[s] = (int32_t)(q[s] + 1000.5f) - 1000;
        const float t = fminf(fmaxf(tail[s], 0), (float)(tails - 1)), k = fminf(fmaxf(skew[s], 0), (float)(skews - 1));
        const int32_t ti = (int32_t)(t + 0.5f), ki = (int32_t)(k + 0.5f);
        const int32_t t_up = ti == 0 ? 1 : ti == tails - 1 ? 0 : t >= (float)ti, k_up = ki == 0 ? 1 : ki == skews - 1 ? 0 : k >= (float)ki;
        shape[s] = ti * skews + ki;
        other[s] = shape[s] + (tails > 1 ? (t_up ? skews : -skews) : 0);
        other_skew[s] = shape[s] + (skews > 1 ? (k_up ? 1 : -1) : 0);
        tail_sign[s] = t_up ? 1.0f : -1.0f;
        skew_sign[s] = k_up ? 1.0f : -1.0f;
        reach[s] = 4 << (qi[s] >= 24 ? (ac_within(qi[s], 0, AC_SCALES - 1) - 24) >> 3 : 0);
    }
    ac_code_lengths_at(c, sample, l, qi, shape, out->bits);
    for (int s = 0; s < AC_LANES; s++) moved[s] = l[s] + reach[s];
    ac_code_lengths_at(c, sample, moved, qi, shape, high);
    for (int s = 0; s < AC_LANES; s++) moved[s] = l[s] - reach[s];
    ac_code_lengths_at(c, sample, moved, qi, shape, low);
    for (int s = 0; s < AC_LANES; s++) out->location[s] = (high[s] - low[s]) / (float)(2 * reach[s]);
    for (int s = 0; s < AC_LANES; s++) moved[s] = qi[s] + 2;
    ac_code_lengths_at(c, sample, l, moved, shape, high);
    for (int s = 0; s < AC_LANES; s++) moved[s] = qi[s] - 2;
    ac_code_lengths_at(c, sample, l, moved, shape, low);
    for (int s = 0; s < AC_LANES; s++) out->q[s] = (high[s] - low[s]) * 0.25f;
    ac_code_lengths_at(c, sample, l, qi, other, high);
    for (int s = 0; s < AC_LANES; s++) out->tail[s] = ac_inward((high[s] - out->bits[s]) * tail_sign[s], tail[s], (float)tails);
    ac_code_lengths_at(c, sample, l, qi, other_skew, high);
    for (int s = 0; s < AC_LANES; s++) out->skew[s] = ac_inward((high[s] - out->bits[s]) * skew_sign[s], skew[s], (float)skews);
}

#endif
