/* Code lengths: bits that the integer tables give to samples, and their slopes, sixteen samples at a time. Encoder only. */
#ifndef AC_CODE_LENGTHS_H
#define AC_CODE_LENGTHS_H

#include <math.h>

#include "distribution.h"

enum {
    AC_LOCKSTEP = 16,
    AC_FARTHEST_CELL = 4816, /* where the last cell of the longest layout begins */
    AC_OUTSIDE = 8,          /* scale indices beyond either end of the range that are asked for */
    AC_RESIDUES = 256,
    AC_LONGEST_SPLIT = 10    /* values of cells of more than 2^10 are as likely as each other */
};

typedef struct {
    /* By scale index from -AC_OUTSIDE: first table | phase bits << 16 | k << 20 | layout << 24. */
    int32_t scale[AC_SCALES + 2 * AC_OUTSIDE];
    int32_t index[3 * (AC_FARTHEST_CELL + 1)]; /* by layout and cell: index of the half layout */
    float *bits;                               /* by table and symbol: symbol and raw bits, of buckets those above k */
    const uint16_t *cum;                       /* the tables themselves */
    float *log2_of;                            /* of 0 ... AC_TOTAL; 0 has that of 1 */
    int tails, skews;
    /* Of a converter with uneven codes, by area and value modulo 256, in codes: how far the boundary below a value is displaced, and log2
     * of the value's width. part[k]: what of a displacement a cell of 2^k values feels. */
    float displaced[AC_MAX_AREAS][AC_RESIDUES], width_bits[AC_MAX_AREAS][AC_RESIDUES], part[16];
} ac_code_lengths;

int ac_code_lengths_build(const ac_tables *tables, ac_code_lengths *out); /* ac_status; to be freed */
void ac_code_lengths_free(ac_code_lengths *c);
/* Tables of 2^period_bits displacements in 1/64, one for each of the areas. */
void ac_code_lengths_displace(ac_code_lengths *c, const int16_t *tables, int areas, int period_bits);

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

/* From where differences are taken. */
static AC_INLINE int32_t ac_base_of(int32_t loc16, int32_t scale)
{
    const int32_t phase_bits = scale >> 16 & 15, half = scale >> 20 & 15 ? 16 : 8 >> phase_bits;
    return (ac_within(loc16, 0, 65535 * 16 + 15) + half) >> 4;
}

/* What sixteen samples are: values, those by their place in the period, and areas. */
typedef struct {
    const int32_t *sample, *shift, *area;
} ac_samples;

/* Two of a table's cumulative frequencies, which a gather of vectors can load. */
typedef int32_t __attribute__((may_alias)) ac_two;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define AC_FIRST_OF_TWO(v) ((v) >> 16 & 0xffff)
#define AC_SECOND_OF_TWO(v) ((v)&0xffff)
#else
#define AC_FIRST_OF_TWO(v) ((v)&0xffff)
#define AC_SECOND_OF_TWO(v) ((v) >> 16 & 0xffff)
#endif

/* Tables as plain pointers: only so are loops over samples made vectors of. */
typedef struct {
    const float *bits, *log2_of, *part, *displaced, *width_bits;
    const ac_two *cum, *next, *last; /* two frequencies at a time: of a place, and of those behind it */
} ac_pointers;

static inline ac_pointers ac_pointers_of(const ac_code_lengths *c)
{
    const ac_two *cum = (const ac_two *)c->cum;
    return (ac_pointers){c->bits, c->log2_of, c->part, c->displaced[0], c->width_bits[0], cum, cum + 1, cum + 2};
}

static AC_INLINE int32_t ac_core_of(int32_t layout) { return layout == 0 ? 3 : layout == 1 ? 10 : 24; }

/* Bits of a sample, with displaced boundaries or even ones, without branches. `shape`: first bits of the shape's tables. */
static AC_INLINE float ac_length_of(const int displaced, const ac_code_lengths *c, const ac_pointers *by, const ac_samples *of, int s, int32_t shape,
                                    int32_t loc16, int32_t scale)
{
    int32_t k;
    const int32_t place = shape + ac_place(c, of->sample[s], loc16, scale, &k);
    if (!displaced) return by->bits[place] + (float)k;
    const int32_t core = ac_core_of(scale >> 24), edge = (place & (AC_SYMBOLS - 1)) - 32;
    const int32_t pair = (place - 1) >> 1, odd = -((place - 1) & 1), a = by->cum[pair], b = by->next[pair], e = by->last[pair];
    const int32_t t0 = (odd & AC_SECOND_OF_TWO(a)) | (~odd & AC_FIRST_OF_TWO(a)), t1 = (odd & AC_FIRST_OF_TWO(b)) | (~odd & AC_SECOND_OF_TWO(a));
    const int32_t t2 = (odd & AC_SECOND_OF_TWO(b)) | (~odd & AC_FIRST_OF_TWO(b)), t3 = (odd & AC_FIRST_OF_TWO(e)) | (~odd & AC_SECOND_OF_TWO(b));
    const float before = (float)(t1 - t0), own = (float)(t2 - t1), after = (float)(t3 - t2), part = by->part[k];
    const int32_t table = of->area[s] * AC_RESIDUES, boundary = ac_base_of(loc16, scale) + of->shift[s] + edge * (1 << k);
    const float below = by->displaced[table + (boundary & (AC_RESIDUES - 1))], above = by->displaced[table + ((boundary + (1 << k)) & (AC_RESIDUES - 1))];
    const float low = below * part * (float)((edge > -core) & (edge < core)), high = above * part * (float)((edge + 1 > -core) & (edge + 1 < core));
    const float frequency = own + fmaxf(high, 0) * after + fminf(high, 0) * own - fmaxf(low, 0) * own - fminf(low, 0) * before;
    const float symbol_bits = AC_PRECISION - by->log2_of[(int32_t)(fmaxf(frequency, 1) + 0.5f)];
    /* The values of a cell share its length by their widths; those of tails and of the widest cells are as likely as each other. */
    const float length = 64 + 64 * (above - below) / (float)(1 << k);
    const float share = by->log2_of[(int32_t)(fmaxf(length, 1) + 0.5f)] - 6 - by->width_bits[table + ((of->sample[s] + of->shift[s]) & (AC_RESIDUES - 1))];
    const float plain = by->bits[place] - AC_PRECISION + by->log2_of[t2 - t1];
    const float is_plain = (float)((edge < -core) | (edge >= core) | (k > AC_LONGEST_SPLIT)), is_shared = (1 - is_plain) * (float)(k > 0);
    return symbol_bits + (float)k + is_plain * plain + is_shared * share;
}

/* Outside the range of shapes only what leads back counts: without it an answer that went too far would stay there. */
static AC_INLINE float ac_inward(float slope, float answer, float count)
{
    const float most = answer <= -0.5f ? 0 : 1e9f, least = answer >= count - 0.5f ? 0 : -1e9f;
    return fmaxf(fminf(slope, most), least);
}

static AC_INLINE int32_t ac_nearest_scale(float q) { return AC_OUTSIDE + ac_within((int32_t)(q + 1000.5f) - 1000, 2 - AC_OUTSIDE, AC_SCALES + AC_OUTSIDE - 3); }

/* Bits alone. */
static AC_INLINE void ac_bits_of(const int displaced, const ac_code_lengths *c, const ac_samples *of, const float *loc16, const float *q,
                                 const float *tail, const float *skew, float *out)
{
    const ac_pointers by = ac_pointers_of(c);
    for (int s = 0; s < AC_LOCKSTEP; s++) {
        const float t = fminf(fmaxf(tail[s], 0), (float)(c->tails - 1)), u = fminf(fmaxf(skew[s], 0), (float)(c->skews - 1));
        const int32_t shape = (int32_t)(t + 0.5f) * c->skews + (int32_t)(u + 0.5f);
        out[s] = ac_length_of(displaced, c, &by, of, s, shape * (AC_TABLES_PER_SHAPE * AC_SYMBOLS), (int32_t)loc16[s], c->scale[ac_nearest_scale(q[s])]);
    }
}

/* A sample where its table has it, for the fit of code widths. Residues are of values modulo 256. */
typedef struct {
    uint16_t cum[4];                    /* before its symbol, its own two, behind the next */
    uint8_t below, above, value, area; /* residues of the cell's boundaries and of the sample; its area */
    uint8_t k, plain_bits;             /* bits beside its symbol's that no width changes */
    uint8_t moves_below, moves_above, is_split, unused; /* whether widths move the boundaries, and share out the cell */
} ac_coded_sample;

static AC_INLINE void ac_cells_of(const ac_code_lengths *c, const ac_samples *of, const float *loc16, const float *q, const float *tail,
                                  const float *skew, ac_coded_sample *out)
{
    for (int s = 0; s < AC_LOCKSTEP; s++) {
        const float t = fminf(fmaxf(tail[s], 0), (float)(c->tails - 1)), u = fminf(fmaxf(skew[s], 0), (float)(c->skews - 1));
        const int32_t shape = (int32_t)(t + 0.5f) * c->skews + (int32_t)(u + 0.5f), scale = c->scale[ac_nearest_scale(q[s])];
        int32_t k;
        const int32_t place = shape * (AC_TABLES_PER_SHAPE * AC_SYMBOLS) + ac_place(c, of->sample[s], (int32_t)loc16[s], scale, &k);
        const int32_t core = ac_core_of(scale >> 24), edge = (place & (AC_SYMBOLS - 1)) - 32, is_core = (edge >= -core) & (edge < core);
        const int32_t below = ac_base_of((int32_t)loc16[s], scale) + of->shift[s] + edge * (1 << k);
        const uint16_t *cum = c->cum + place;
        const int is_split = is_core && k > 0 && k <= AC_LONGEST_SPLIT;
        const float own = AC_PRECISION - c->log2_of[cum[1] - cum[0]];
        out[s] = (ac_coded_sample){
            .cum = {cum[-1], cum[0], cum[1], cum[2]},
            .below = (uint8_t)below,
            .above = (uint8_t)(below + (1 << k)),
            .value = (uint8_t)(of->sample[s] + of->shift[s]),
            .area = (uint8_t)of->area[s],
            .k = (uint8_t)k,
            .plain_bits = (uint8_t)(c->bits[place] - own + (float)k + 0.5f),
            .moves_below = edge > -core && edge < core,
            .moves_above = edge + 1 > -core && edge + 1 < core,
            .is_split = (uint8_t)is_split,
        };
    }
}

/* Slopes as differences between neighbouring tables: of the location over a span that grows with the scale, of the shape
 * between the two tables that the continuous answer lies between. */
static AC_INLINE void ac_slopes_of(const int displaced, const ac_code_lengths *c, const ac_samples *of, const float *loc16, const float *q,
                                   const float *tail, const float *skew, ac_slopes *out)
{
    enum { SHAPE = AC_TABLES_PER_SHAPE * AC_SYMBOLS };
    const ac_pointers by = ac_pointers_of(c);
    const int32_t tails = c->tails, skews = c->skews, tail_step = tails > 1 ? skews * SHAPE : 0, skew_step = skews > 1 ? SHAPE : 0;
    int32_t at[AC_LOCKSTEP], tailed[AC_LOCKSTEP], skewed[AC_LOCKSTEP];
    float tail_sign[AC_LOCKSTEP], skew_sign[AC_LOCKSTEP];
    for (int s = 0; s < AC_LOCKSTEP; s++) {
        const float t = fminf(fmaxf(tail[s], 0), (float)(tails - 1)), u = fminf(fmaxf(skew[s], 0), (float)(skews - 1));
        const int32_t ti = (int32_t)(t + 0.5f), ui = (int32_t)(u + 0.5f);
        const int32_t t_up = 2 * ((ti == 0) | ((ti != tails - 1) & (t >= (float)ti))) - 1, u_up = 2 * ((ui == 0) | ((ui != skews - 1) & (u >= (float)ui))) - 1;
        at[s] = (ti * skews + ui) * SHAPE;
        tailed[s] = at[s] + t_up * tail_step, skewed[s] = at[s] + u_up * skew_step;
        tail_sign[s] = (float)t_up, skew_sign[s] = (float)u_up;
    }
    for (int s = 0; s < AC_LOCKSTEP; s++) {
        const int32_t l = (int32_t)loc16[s], qi = ac_nearest_scale(q[s]), reach = 4 << (ac_within(qi - AC_OUTSIDE - 24, 0, AC_SCALES - 25) >> 3);
        const int32_t scale = c->scale[qi];
        const float here = ac_length_of(displaced, c, &by, of, s, at[s], l, scale);
        const float right = ac_length_of(displaced, c, &by, of, s, at[s], l + reach, scale), left = ac_length_of(displaced, c, &by, of, s, at[s], l - reach, scale);
        const float wide = ac_length_of(displaced, c, &by, of, s, at[s], l, c->scale[qi + 2]), narrow = ac_length_of(displaced, c, &by, of, s, at[s], l, c->scale[qi - 2]);
        const float other_tail = ac_length_of(displaced, c, &by, of, s, tailed[s], l, scale), other_skew = ac_length_of(displaced, c, &by, of, s, skewed[s], l, scale);
        out->location[s] = (right - left) / (float)(2 * reach);
        out->q[s] = (wide - narrow) * 0.25f;
        out->tail[s] = ac_inward((other_tail - here) * tail_sign[s], tail[s], (float)tails);
        out->skew[s] = ac_inward((other_skew - here) * skew_sign[s], skew[s], (float)skews);
    }
}

#endif
