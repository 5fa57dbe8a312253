/* Noise: medians of differences of visibilities, by baseline or by channel. visibility/noise.py says what they are for, and does the same. docs/encoder.md section
 * "Visibilities". */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "visibility/median.h"
#include "wide_vectors.h"
#include "no_traps.h" /* behind the others */

enum { MOST_TAPS = 5, EXACT = 5, TASK = 4 }; /* baselines at once */
#define INLINE static inline __attribute__((always_inline))
#define RAYLEIGH 1.1774100225154747 /* median of |z| of complex noise whose parts have a deviation of 1 */
#define REPEATS 0.2 /* share of differences that are exactly 0, from which on there is no noise */

/* Taps along time, and then along channels. */
typedef struct {
    float time[MOST_TAPS], channel[MOST_TAPS];
    size_t times, channels;
} difference;

static const difference operators[AC_NOISE_OPERATORS] = {
    {{1}, {1, -2, 1}, 1, 3},     {{1}, {1, -4, 6, -4, 1}, 1, 5},   {{1, -1}, {1}, 2, 1},           {{1, -2, 1}, {1}, 3, 1},
    {{1, -1}, {1, -1}, 2, 2},    {{1, -1}, {1, -2, 1}, 2, 3},      {{1, -2, 1}, {1, -2, 1}, 3, 3},
};
/* Those that are exactly 0 where a signal without noise is constant, linear or a sum of what is so. */
static const difference exact[EXACT] = {{{1, -1}, {1}, 2, 1}, {{1}, {1, -1}, 1, 2}, {{1, -2, 1}, {1}, 3, 1}, {{1}, {1, -2, 1}, 1, 3}, {{1, -1}, {1, -1}, 2, 2}};

typedef struct {
    const float *values; /* [time][baseline][channel][pol][part] */
    const uint8_t *flags;
    size_t all_baselines, channels, pols;
    const uint64_t *times, *baselines; /* those that are looked at */
    size_t n_times, n_baselines;
    float scale;    /* a power of two that leaves room for squares */
    uint32_t which; /* operators, a bit for each */
    uint8_t *is_noiseless, *is_known;
    float *medians;
    uint64_t *counts;
    int32_t *pool; /* all magnitudes of one operator */
    const float *noise;
    int32_t *by_channel; /* [channel][pol][baseline][time] */
    int is_short;
} search;

/* Parts of the samples of a baseline and polarisation, [time][channel], NAN where they tell nothing; and room for a row and for magnitudes. */
typedef struct {
    float *re, *im, *between, *row_re, *row_im;
    int32_t *bits;
} plane;

static int take_plane(plane *p, const search *s)
{
    const size_t n = s->n_times * s->channels;
    float *const room = malloc((3 * n + 3 * s->channels) * sizeof *room);
    *p = (plane){.re = room};
    if (room) *p = (plane){room, room + n, room + 2 * n, room + 2 * n + s->channels, room + 2 * n + 2 * s->channels, (int32_t *)(room + 2 * n + 3 * s->channels)};
    return room != NULL;
}

INLINE void load_row(const float *from, const uint8_t *flags, size_t channels, size_t pols, float scale, float *re, float *im)
{
    for (size_t f = 0; f < channels; f++) {
        const float a = from[2 * f * pols], b = from[2 * f * pols + 1];
        const int is_known = fabsf(a) <= FLT_MAX && fabsf(b) <= FLT_MAX && !(a == 0 && b == 0);
        re[f] = is_known ? a * scale : NAN;
        im[f] = is_known ? b * scale : NAN;
    }
    for (size_t f = 0; flags && f < channels; f++)
        if (flags[f * pols]) re[f] = im[f] = NAN;
}

static WIDE_VECTORS void load_row_wide(const float *from, const uint8_t *flags, size_t channels, size_t pols, float scale, float *re, float *im)
{
    if (pols == 4)
        load_row(from, flags, channels, 4, scale, re, im);
    else if (pols == 2)
        load_row(from, flags, channels, 2, scale, re, im);
    else
        load_row(from, flags, channels, pols, scale, re, im);
}

static void load(const search *s, size_t baseline, size_t pol, plane *p)
{
    for (size_t t = 0; t < s->n_times; t++) {
        const size_t at = ((size_t)s->times[t] * s->all_baselines + (size_t)s->baselines[baseline]) * s->channels * s->pols + pol;
        (HAS_WIDE_VECTORS ? load_row_wide : load_row)(s->values + 2 * at, s->flags ? s->flags + at : NULL, s->channels, s->pols, s->scale, p->re + t * s->channels,
                                                      p->im + t * s->channels);
    }
}

INLINE int32_t bits_of(float square)
{
    int32_t bits;
    memcpy(&bits, &square, sizeof bits);
    return square >= 0 ? bits : AC_NO_MAGNITUDE;
}

INLINE float float_of(int32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* row = the sum of `from`, shifted by `by` for each tap, times taps; the order of sums is that of the reference. */
INLINE void add_taps(const float *restrict from, const float *taps, size_t n_taps, size_t by, size_t count, float *restrict row)
{
    for (size_t i = 0; i < count; i++) row[i] = from[i] * taps[0];
    for (size_t k = 1; k < n_taps; k++)
        for (size_t i = 0; i < count; i++) row[i] += from[i + k * by] * taps[k];
}

INLINE void differences(const float *from, const difference *o, size_t channels, float *between, float *row)
{
    add_taps(from, o->time, o->times, channels, channels, between);
    add_taps(between, o->channel, o->channels, 1, channels - o->channels + 1, row);
}

/* Squared magnitudes of the differences that begin at a time, by their bits. */
INLINE void squares_body(const plane *p, const difference *o, size_t channels, size_t t, int32_t *bits)
{
    differences(p->re + t * channels, o, channels, p->between, p->row_re);
    differences(p->im + t * channels, o, channels, p->between, p->row_im);
    for (size_t f = 0; f + o->channels <= channels; f++) {
        bits[f] = bits_of(p->row_re[f] * p->row_re[f] + p->row_im[f] * p->row_im[f]);
    }
}

/* Adds how many differences that begin at a time are known, and how many of those are 0. */
INLINE void zeros_body(const plane *p, const difference *o, size_t channels, size_t t, uint32_t found[2])
{
    differences(p->re + t * channels, o, channels, p->between, p->row_re);
    differences(p->im + t * channels, o, channels, p->between, p->row_im);
    for (size_t f = 0; f + o->channels <= channels; f++) {
        found[0] += p->row_re[f] == p->row_re[f];
        found[1] += (p->row_re[f] == 0) & (p->row_im[f] == 0);
    }
}

static WIDE_VECTORS void squares_wide(const plane *p, const difference *o, size_t channels, size_t t, int32_t *bits) { squares_body(p, o, channels, t, bits); }
static WIDE_VECTORS void zeros_wide(const plane *p, const difference *o, size_t channels, size_t t, uint32_t found[2]) { zeros_body(p, o, channels, t, found); }

static void squares(const plane *p, const difference *o, size_t channels, size_t t, int32_t *bits)
{
    if (HAS_WIDE_VECTORS)
        squares_wide(p, o, channels, t, bits);
    else
        squares_body(p, o, channels, t, bits);
}

static int fits(const search *s, const difference *o) { return s->n_times >= o->times && s->channels >= o->channels; }
static size_t along_time(const search *s, const difference *o) { return s->n_times - o->times + 1; }
static size_t along_channels(const search *s, const difference *o) { return s->channels - o->channels + 1; }

static int is_any_known(const search *s, const plane *p)
{
    for (size_t i = 0; i < s->n_times * s->channels; i++)
        if (p->re[i] == p->re[i]) return 1;
    return 0;
}

/* Whether samples are exactly what those beside them say. */
static int is_noiseless(const search *s, const plane *p)
{
    for (int i = 0; i < EXACT; i++) {
        uint64_t known = 0, zeros = 0;
        if (!fits(s, exact + i)) continue;
        for (size_t t = 0; t < along_time(s, exact + i); t++) {
            uint32_t found[2] = {0, 0};
            if (HAS_WIDE_VECTORS)
                zeros_wide(p, exact + i, s->channels, t, found);
            else
                zeros_body(p, exact + i, s->channels, t, found);
            known += found[0], zeros += found[1];
        }
        if (zeros && (double)zeros >= REPEATS * (double)known) return 1;
    }
    return 0;
}

static float norm_of(const difference *o)
{
    double time = 0, channel = 0;
    for (size_t k = 0; k < o->times; k++) time += (double)o->time[k] * o->time[k];
    for (size_t k = 0; k < o->channels; k++) channel += (double)o->channel[k] * o->channel[k];
    return (float)(sqrt(time * channel) * RAYLEIGH);
}

/* The median of magnitudes whose squares are given, over what noise of 1 gives. */
static float median_of(const search *s, const difference *o, const int32_t *bits, size_t count, uint64_t *known)
{
    float middle[2];
    *known = ac_median(bits, count, middle);
    return *known ? (float)((sqrt(middle[0]) + sqrt(middle[1])) / 2) / norm_of(o) / s->scale : NAN;
}

/* Differences of a baseline and polarisation by all operators that are wanted. */
static void search_plane(const search *s, size_t baseline, size_t pol, plane *p)
{
    const size_t at = baseline * s->pols + pol, all = s->n_baselines * s->pols;
    load(s, baseline, pol, p);
    s->is_noiseless[at] = (uint8_t)is_noiseless(s, p);
    s->is_known[at] = (uint8_t)(!s->is_noiseless[at] && is_any_known(s, p));
    for (int i = 0; i < AC_NOISE_OPERATORS; i++) {
        const difference *const o = operators + i;
        uint64_t known = 0;
        float median = NAN;
        if (!(s->which >> i & 1)) continue;
        if (fits(s, o)) {
            const size_t row = along_channels(s, o), count = row * along_time(s, o);
            int32_t *const bits = s->pool ? s->pool + at * count : p->bits;
            if (s->is_known[at])
                for (size_t t = 0; t < along_time(s, o); t++) squares(p, o, s->channels, t, bits + t * row);
            else
                for (size_t k = 0; k < count; k++) bits[k] = AC_NO_MAGNITUDE;
            median = median_of(s, o, bits, s->is_known[at] ? count : 0, &known);
        }
        s->medians[(size_t)i * all + at] = median, s->counts[(size_t)i * all + at] = known;
    }
}

static void search_baselines(void *work, size_t task)
{
    search *const s = work;
    plane p;
    if (!take_plane(&p, s)) {
        s->is_short = 1; /* only ever set */
        return;
    }
    for (size_t b = task * TASK; b < s->n_baselines && b < (task + 1) * TASK; b++)
        for (size_t j = 0; j < s->pols; j++) search_plane(s, b, j, &p);
    free(p.re);
}

static void run(const ac_parallel *parallel, ac_task task, search *s, size_t count)
{
    if (parallel && count > 1)
        parallel->run(parallel->pool, task, s, count);
    else
        for (size_t i = 0; i < count; i++) task(s, i);
}

static int start(search *s, const ac_array *array, const void *values, const uint8_t *flags, const uint64_t *chosen, const size_t counts[2], float scale)
{
    if (array->dtype != AC_C8 || array->ndim != 4 || !values || !chosen || !counts) return 0;
    *s = (search){.values = values, .flags = flags, .all_baselines = (size_t)array->shape[1], .channels = (size_t)array->shape[2], .pols = (size_t)array->shape[3], .scale = scale};
    s->times = chosen, s->n_times = counts[0], s->baselines = chosen + counts[0], s->n_baselines = counts[1];
    for (size_t i = 0; i < counts[0]; i++)
        if (s->times[i] >= array->shape[0]) return 0;
    for (size_t i = 0; i < counts[1]; i++)
        if (s->baselines[i] >= array->shape[1]) return 0;
    return s->n_times && s->n_baselines && s->channels && s->pols && (uint64_t)s->n_times * s->channels <= AC_MOST_MAGNITUDES;
}

int ac_visibility_differences(const ac_array *array, const void *values, const uint8_t *flags, const uint64_t *chosen, const size_t counts[2], float scale, uint32_t which,
                              uint8_t *is_noiseless, uint8_t *is_known, float *medians, uint64_t *known, float *of_all, const ac_parallel *parallel)
{
    search s;
    if (!start(&s, array, values, flags, chosen, counts, scale)) return AC_ERROR_ARGUMENT;
    if (!is_noiseless || !is_known || !medians || !known) return AC_ERROR_ARGUMENT;
    s.which = which, s.is_noiseless = is_noiseless, s.is_known = is_known, s.medians = medians, s.counts = known;
    size_t pooled = 0;
    if (of_all) { /* of one operator */
        int i = 0;
        while (i < AC_NOISE_OPERATORS && which != 1u << i) i++;
        if (i == AC_NOISE_OPERATORS) return AC_ERROR_ARGUMENT;
        *of_all = NAN;
        if (!fits(&s, operators + i)) return AC_OK;
        pooled = s.n_baselines * s.pols * along_channels(&s, operators + i) * along_time(&s, operators + i);
        if (pooled > AC_MOST_MAGNITUDES) return AC_ERROR_ARGUMENT;
        if (!(s.pool = malloc(pooled * sizeof *s.pool))) return AC_ERROR_MEMORY;
        run(parallel, search_baselines, &s, (s.n_baselines + TASK - 1) / TASK);
        uint64_t count;
        if (!s.is_short) *of_all = median_of(&s, operators + i, s.pool, pooled, &count);
        free(s.pool);
    } else
        run(parallel, search_baselines, &s, (s.n_baselines + TASK - 1) / TASK);
    return s.is_short ? AC_ERROR_MEMORY : AC_OK;
}

/* Squares over those of the noise, by channel. */
static void spread_baselines(void *work, size_t task)
{
    search *const s = work;
    const difference *const o = operators + s->which;
    const size_t row = along_channels(s, o), times = along_time(s, o), of_channel = s->n_baselines * times;
    plane p;
    if (!take_plane(&p, s)) {
        s->is_short = 1;
        return;
    }
    for (size_t b = task * TASK; b < s->n_baselines && b < (task + 1) * TASK; b++)
        for (size_t j = 0; j < s->pols; j++) {
            const float per = 1 / (s->noise[b * s->pols + j] * s->scale), squared = per * per;
            const int is_known = per > 0 && squared <= FLT_MAX;
            if (is_known) load(s, b, j, &p);
            for (size_t t = 0; t < times; t++) {
                int32_t *const to = s->by_channel + j * of_channel + b * times + t;
                if (is_known) squares(&p, o, s->channels, t, p.bits);
                for (size_t f = 0; f < row; f++) to[f * s->pols * of_channel] = is_known ? bits_of(float_of(p.bits[f]) * squared) : AC_NO_MAGNITUDE;
            }
        }
    free(p.re);
}

static void search_channel(void *work, size_t f)
{
    search *const s = work;
    const difference *const o = operators + s->which;
    const size_t of_channel = s->n_baselines * along_time(s, o);
    for (size_t at = f * s->pols; at < (f + 1) * s->pols; at++) s->medians[at] = median_of(s, o, s->by_channel + at * of_channel, of_channel, s->counts + at);
}

int ac_visibility_profile(const ac_array *array, const void *values, const uint8_t *flags, const uint64_t *chosen, const size_t counts[2], float scale, uint32_t which,
                          const float *noise, float *medians, uint64_t *known, const ac_parallel *parallel)
{
    search s;
    if (!start(&s, array, values, flags, chosen, counts, scale) || which >= AC_NOISE_OPERATORS || !noise || !medians || !known || !fits(&s, operators + which))
        return AC_ERROR_ARGUMENT;
    const difference *const o = operators + which;
    const size_t all = s.n_baselines * along_time(&s, o);
    if (all > AC_MOST_MAGNITUDES) return AC_ERROR_ARGUMENT;
    s.which = which, s.noise = noise, s.medians = medians, s.counts = known;
    if (!(s.by_channel = malloc(all * along_channels(&s, o) * s.pols * sizeof *s.by_channel))) return AC_ERROR_MEMORY;
    run(parallel, spread_baselines, &s, (s.n_baselines + TASK - 1) / TASK);
    s.scale = 1; /* noise has it */
    if (!s.is_short) run(parallel, search_channel, &s, along_channels(&s, o));
    free(s.by_channel);
    return s.is_short ? AC_ERROR_MEMORY : AC_OK;
}
