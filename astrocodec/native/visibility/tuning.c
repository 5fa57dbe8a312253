#include "visibility/tuning.h"

#include <math.h>
#include <stdlib.h>

#include "exact_doubles.h"
#include "visibility/log512.h"
#include "wide_vectors.h"
#include "no_traps.h" /* behind the others */

/* Each operation is rounded by itself: floats are no doubles in between, as they are on s390x by the standard that is asked for. */
#if FLT_EVAL_METHOD == 1
#pragma GCC optimize("excess-precision=fast")
#endif

#define INLINE static inline __attribute__((always_inline))
static const float OF_EIGHTH = 0.0866434f /* log(2) / 8 */, TO_NEXT = 0.0905077f /* 2^(1/8) - 1 */, TINY = 1e-12f;
static const double FAR = 1e9, FIRST_RATE = 0.7, KEPT = 0.9, KEPT_SQUARES = 0.99;
_Static_assert((int)AC_MIX_OUTPUTS == (int)AC_EXPERTS, "an output for each expert but the first, and one for scales");
enum { LESSONS = 2048, MOST_STEPS = 2048, MOST_TURNS = 16, STEPS_A_SHAPE = 256, KNOTS = 13, LEAST_SHARE = 512, SCALES = AC_EXPERTS - 1 };

typedef struct {
    double weight[AC_MIX_SIZE], mean[AC_MIX_SIZE], square[AC_MIX_SIZE], sum[AC_MIX_SIZE];
    float steepness[KNOTS];
} descent;

/* A layer whose biases are those of hidden numbers at their means, which descends faster. */
typedef struct {
    float weight[AC_MIX_SIZE], mean[AC_MIX_HIDDEN];
} centred;

/* How a layer does with a lesson, [part][lane] or [lane]. */
typedef struct {
    float share[AC_EXPERTS][AC_LANES], error[2][AC_LANES], grown[2][AC_LANES], distance[2][AC_LANES];
} outcome;

int ac_tuner_start(ac_tuner *t, uint64_t steps)
{
    const uint64_t share = ((uint64_t)LESSONS << 16) / (steps + 1);
    *t = (ac_tuner){.room = (uint32_t)ac_smaller(steps, LESSONS + LESSONS / 4), .share = (uint32_t)ac_smaller(share, 1 << 16)};
    t->lessons = calloc(t->room + 1, sizeof *t->lessons);
    return t->lessons != NULL;
}

/* Whether no expert is so far off that floats do not hold it, nor its square: slopes then stay finite. */
static int is_near(const ac_step *s, uint32_t lane)
{
    for (int e = 0; e < AC_EXPERTS; e++)
        for (int part = 0; part < 2; part++)
            if (!(fabs(s->expert[e][part][lane] - s->value[part][lane]) < FAR * s->usual[lane])) return 0;
    return 1;
}

void ac_tuner_keep(ac_tuner *t, const ac_walk *w, const ac_step *s, uint64_t i)
{
    if ((uint32_t)(i * 0x9E3779B1u) >> 16 >= t->share || t->count == t->room) return;
    ac_lesson *const to = t->lessons + t->count++;
    for (uint32_t l = 0; l < w->lanes; l++) {
        if (!s->is_coded[l] || !is_near(s, l)) continue;
        to->counts[l] = 1;
        for (int part = 0; part < 2; part++) {
            for (int h = 0; h < AC_MIX_HIDDEN; h++) to->hidden[part][h][l] = (uint8_t)s->hidden[part][h][l];
            for (int e = 0; e < AC_EXPERTS; e++) to->off[e][part][l] = (float)((s->expert[e][part][l] - s->value[part][l]) / s->usual[l]);
            to->scale[part][l] = (float)(s->plain_scale[part][l] / s->usual[l]);
        }
        for (int e = 0; e < AC_EXPERTS; e++) to->share[e][l] = (float)s->share[e][l];
    }
}

/* An output of the layer, of numbers that are not whole. */
INLINE void output(const centred *c, int which, const uint8_t hidden[AC_MIX_HIDDEN][AC_LANES], float least, float *out)
{
    const float *const weight = c->weight + which * AC_MIX_ROW;
    for (int l = 0; l < AC_LANES; l++) out[l] = weight[AC_MIX_HIDDEN];
    for (int h = 0; h < AC_MIX_HIDDEN; h++)
        for (int l = 0; l < AC_LANES; l++) out[l] += weight[h] / 64 * ((float)hidden[h][l] - c->mean[h]);
    for (int l = 0; l < AC_LANES; l++) out[l] = out[l] < least ? least : out[l] > AC_MIX_MOST ? AC_MIX_MOST : out[l];
}

/* 2^(x/8), linear between whole numbers; x is within a few hundred of 0. */
INLINE float power_of(float x)
{
    static const float eighths[8] = {1, 1.0905077f, 1.1892071f, 1.2968396f, 1.4142136f, 1.5422108f, 1.6817928f, 1.8340081f};
    const int32_t whole = (int32_t)(x + 1024) - 1024;
    const uint32_t bits = (uint32_t)(127 + (whole >> 3)) << 23;
    float octaves;
    memcpy(&octaves, &bits, sizeof octaves);
    return octaves * eighths[whole & 7] * (1 + (x - (float)whole) * TO_NEXT);
}

INLINE void try_layer(const centred *c, const ac_lesson *s, outcome *o)
{
    float out[AC_LANES], sum[AC_LANES];
    for (int l = 0; l < AC_LANES; l++) sum[l] = o->share[0][l] = s->share[0][l];
    for (int e = 1; e < AC_EXPERTS; e++) {
        output(c, e - 1, s->hidden[0], -AC_MIX_MOST, out);
        for (int l = 0; l < AC_LANES; l++) sum[l] += o->share[e][l] = s->share[e][l] * power_of(out[l]);
    }
    for (int e = 0; e < AC_EXPERTS; e++)
        for (int l = 0; l < AC_LANES; l++) o->share[e][l] /= sum[l] + TINY;
    for (int part = 0; part < 2; part++) {
        output(c, SCALES, s->hidden[part], AC_MIX_LEAST, o->grown[part]);
        for (int l = 0; l < AC_LANES; l++) {
            float r = 0;
            for (int e = 0; e < AC_EXPERTS; e++) r += o->share[e][l] * s->off[e][part][l];
            o->error[part][l] = r;
            o->grown[part][l] += 64;
            o->distance[part][l] = (r < 0 ? -r : r) * 64 / (s->scale[part][l] * o->grown[part][l] + TINY);
        }
    }
}

/* By how much a code grows where a distance does, of both logarithms, for distances of 0, 1/2 ... 6 mean ones: beyond, bits say how far. */
static void steepness_of(uint32_t shape, float steepness[KNOTS])
{
    const uint32_t *const below = shares[shape];
    steepness[0] = 0;
    for (int k = 1; k < KNOTS; k++) {
        const uint32_t *const at = below + 8 * k, nearer = at[-2] - at[-6] + LEAST_SHARE, farther = at[6] - at[2] + LEAST_SHARE;
        steepness[k] = (float)k * ((float)ac_log512(nearer) - (float)ac_log512(farther)) / 512 * 0.6931472f;
    }
    steepness[KNOTS - 1] = 2;
}

INLINE float steepness_at(const float *steepness, float distance)
{
    const float place = 2 * distance;
    if (!(place < KNOTS - 1)) return steepness[KNOTS - 1];
    const int knot = (int)place;
    return steepness[knot] + (place - (float)knot) * (steepness[knot + 1] - steepness[knot]);
}

/* Slopes of the code length along hidden numbers' weights and the bias, of what an output is to be moved by. */
INLINE void add_slopes(const centred *c, float *slope, const uint8_t hidden[AC_MIX_HIDDEN][AC_LANES], const float *by)
{
    for (int h = 0; h <= AC_MIX_HIDDEN; h++) {
        float sum[AC_LANES];
        for (int l = 0; l < AC_LANES; l++) sum[l] = by[l];
        for (int l = 0; h < AC_MIX_HIDDEN && l < AC_LANES; l++) sum[l] = by[l] * ((float)hidden[h][l] - c->mean[h]) / 64;
        for (int half = AC_LANES / 2; half; half /= 2)
            for (int l = 0; l < half; l++) sum[l] += sum[l + half];
        slope[h] += sum[0];
    }
}

INLINE void slopes_body(const centred *c, const float *steepness, const ac_lesson *s, float *slope)
{
    outcome o;
    float of_share[AC_EXPERTS][AC_LANES] = {{0}}, by[AC_LANES];
    try_layer(c, s, &o);
    for (int part = 0; part < 2; part++) {
        for (int l = 0; l < AC_LANES; l++) {
            const float r = o.error[part][l], steep = steepness_at(steepness, o.distance[part][l]), of_error = s->counts[l] * steep * r / (r * r + TINY);
            for (int e = 1; e < AC_EXPERTS; e++) of_share[e][l] += of_error * o.share[e][l] * (s->off[e][part][l] - r) * OF_EIGHTH;
            by[l] = s->counts[l] * (1 - steep) / o.grown[part][l];
        }
        add_slopes(c, slope + SCALES * AC_MIX_ROW, s->hidden[part], by);
    }
    for (int e = 1; e < AC_EXPERTS; e++) add_slopes(c, slope + (e - 1) * AC_MIX_ROW, s->hidden[0], of_share[e]);
}

#define SLOPES (const centred *c, const float *steepness, const ac_lesson *s, float *slope)
static WIDE_VECTORS void slopes_wide SLOPES { slopes_body(c, steepness, s, slope); }
static LOOPS_OF_AVX512 void slopes_widest SLOPES { slopes_body(c, steepness, s, slope); }
static void slopes_of SLOPES
{
    if (HAS_AVX512)
        slopes_widest(c, steepness, s, slope);
    else if (HAS_WIDE_VECTORS)
        slopes_wide(c, steepness, s, slope);
    else
        slopes_body(c, steepness, s, slope);
}

/* The shape that codes some lessons best. */
static uint32_t shape_of(const centred *c, const ac_tuner *t)
{
    uint64_t length[AC_VIS_SHAPES] = {0};
    uint32_t best = 0;
    for (uint32_t k = 0; k < t->count; k += 1 + t->count / 32) {
        outcome o;
        try_layer(c, t->lessons + k, &o);
        for (int i = 0; i < 2 * AC_LANES; i++) {
            const float place = 16 * o.distance[i / AC_LANES][i % AC_LANES];
            const int knot = place < AC_VIS_SHARES - 2 ? (int)place : AC_VIS_SHARES - 2;
            for (uint32_t shape = 0; shape < AC_VIS_SHAPES && t->lessons[k].counts[i % AC_LANES] > 0; shape++)
                length[shape] += 24 * 512 - ac_log512(shares[shape][knot + 1] - shares[shape][knot] + LEAST_SHARE / 4);
        }
    }
    for (uint32_t shape = 1; shape < AC_VIS_SHAPES; shape++)
        if (length[shape] < length[best]) best = shape;
    return best;
}

/* A step along slopes, each over the root of its mean square (Kingma and Ba 2015). */
static void descend(descent *d, const float *slope, double rate)
{
    for (int i = 0; i < AC_MIX_SIZE; i++) {
        const double g = slope[i];
        d->mean[i] = KEPT * d->mean[i] + (1 - KEPT) * g;
        d->square[i] = KEPT_SQUARES * d->square[i] + (1 - KEPT_SQUARES) * g * g;
        const double next = d->weight[i] - rate * d->mean[i] / sqrt(d->square[i] + 1e-12);
        d->weight[i] = next > 127 ? 127 : next < -127 ? -127 : next;
    }
}

static void find_means(const ac_tuner *t, centred *c)
{
    double sum[AC_MIX_HIDDEN] = {0}, count = 1;
    for (uint32_t k = 0; k < t->count; k++)
        for (int l = 0; l < AC_LANES; l++) {
            count += t->lessons[k].counts[l] > 0;
            for (int h = 0; h < AC_MIX_HIDDEN; h++) sum[h] += t->lessons[k].hidden[0][h][l]; /* 0 where there is none */
        }
    for (int h = 0; h < AC_MIX_HIDDEN; h++) c->mean[h] = (float)(sum[h] / count);
}

void ac_tuner_end(const ac_tuner *t, int8_t layer[AC_MIX_SIZE])
{
    descent d = {.steepness = {0}};
    centred c = {{0}, {0}};
    const uint32_t steps = (uint32_t)ac_smaller(MOST_STEPS, MOST_TURNS * (uint64_t)t->count), first = steps / 2;
    uint64_t random = 1;
    find_means(t, &c);
    for (uint32_t i = 0; i < steps; i++) {
        float slope[AC_MIX_SIZE] = {0};
        if (i % STEPS_A_SHAPE == 0) steepness_of(shape_of(&c, t), d.steepness);
        random = random * 6364136223846793005u + 1442695040888963407u; /* Knuth's, of MMIX */
        slopes_of(&c, d.steepness, t->lessons + (random >> 33) % t->count, slope);
        descend(&d, slope, FIRST_RATE * (steps - i) / steps);
        for (int k = 0; k < AC_MIX_SIZE; k++) c.weight[k] = (float)d.weight[k], d.sum[k] += i >= first ? d.weight[k] : 0;
    }
    for (int o = 0; steps && o < AC_MIX_OUTPUTS; o++) {
        const double *const sum = d.sum + o * AC_MIX_ROW;
        double bias = sum[AC_MIX_HIDDEN] / (steps - first);
        for (int h = 0; h < AC_MIX_HIDDEN; h++) bias -= rint(sum[h] / (steps - first)) * c.mean[h] / 64;
        for (int h = 0; h <= AC_MIX_HIDDEN; h++) {
            const double whole = rint(h < AC_MIX_HIDDEN ? sum[h] / (steps - first) : bias);
            layer[o * AC_MIX_ROW + h] = (int8_t)(whole > 127 ? 127 : whole < -127 ? -127 : whole);
        }
    }
}
