/* Backpropagation: the network's loss on sixteen samples at a time, and its slopes. Encoder only, in floating point. */
#ifndef AC_BACKPROPAGATION_H
#define AC_BACKPROPAGATION_H

#include <math.h>

#include "tuning/code_lengths.h"
#include "predict.h"

enum { AC_MAX_PARAMETERS = AC_LINEAR + AC_MAX_HIDDEN * (2 + AC_INPUTS + AC_MAX_HIDDEN + AC_OUTPUTS) + AC_OUTPUTS };

/* Where each array starts among the parameters; w1 and w2 are kept by input, [input][neuron]. */
typedef struct {
    int hidden, linear, b1, w1, b2, w2, b3, w3, count;
} ac_parameters;

static inline ac_parameters ac_parameters_of(int h)
{
    ac_parameters l = {.hidden = h, .linear = 0, .b1 = AC_LINEAR};
    l.w1 = l.b1 + h;
    l.b2 = l.w1 + AC_INPUTS * h;
    l.w2 = l.b2 + h;
    l.b3 = l.w2 + h * h;
    l.w3 = l.b3 + AC_OUTPUTS;
    l.count = l.w3 + AC_OUTPUTS * h;
    return l;
}

/* Sixteen contexts, by term. */
typedef struct {
    ac_lanes_i16 input[AC_INPUTS], linear[AC_LINEAR];
    float mean[AC_LANES], sum[AC_LANES], log_sum[AC_LANES], reach[AC_LANES]; /* reach: the neighbours' differences in magnitude, and one */
    int32_t sample[AC_LANES];
} ac_block;

static inline void ac_block_put(ac_block *block, int lane, const ac_context *c)
{
    float reach = 1;
    for (int i = 0; i < AC_INPUTS; i++) block->input[i][lane] = c->input[i];
    for (int i = 0; i < AC_LINEAR; i++) block->linear[i][lane] = c->linear[i];
    for (int i = 0; i < AC_NEIGHBOURS; i++) reach += fabsf((float)c->linear[i]);
    block->mean[lane] = c->mean, block->sum[lane] = c->sum, block->sample[lane] = c->sample;
    block->log_sum[lane] = (float)ac_log512(c->sum), block->reach[lane] = reach;
}

/* Slopes added up over samples: by lane where that is cheaper, else [input][neuron] as the weights are kept. */
typedef struct {
    ac_lanes_f32 linear[AC_LINEAR], b1[AC_MAX_HIDDEN], b2[AC_MAX_HIDDEN], b3[AC_OUTPUTS], w3[AC_OUTPUTS * AC_MAX_HIDDEN];
    float w1[AC_INPUTS * AC_MAX_HIDDEN], w2[AC_MAX_HIDDEN * AC_MAX_HIDDEN];
} ac_gradient;

static inline float ac_lanes_total(const ac_lanes_f32 *v)
{
    float total = 0;
    for (int s = 0; s < AC_LANES; s++) total += (*v)[s];
    return total;
}

static inline void ac_gradient_sum(const ac_gradient *g, const ac_parameters *l, float *sum)
{
    const int h = l->hidden;
    for (int i = 0; i < AC_LINEAR; i++) sum[l->linear + i] = ac_lanes_total(g->linear + i);
    for (int i = 0; i < h; i++) sum[l->b1 + i] = ac_lanes_total(g->b1 + i), sum[l->b2 + i] = ac_lanes_total(g->b2 + i);
    for (int i = 0; i < AC_INPUTS * h; i++) sum[l->w1 + i] = g->w1[i];
    for (int i = 0; i < h * h; i++) sum[l->w2 + i] = g->w2[i];
    for (int i = 0; i < AC_OUTPUTS; i++) sum[l->b3 + i] = ac_lanes_total(g->b3 + i);
    for (int i = 0; i < AC_OUTPUTS * h; i++) sum[l->w3 + i] = ac_lanes_total(g->w3 + i);
}

/* y[o] = bias[o] + sum over i of w[i][o] x[i]; eight sums at a time stay in registers. */
static inline AC_INLINE void ac_dense(const float *w, const float *bias, int inputs, int outputs, const ac_lanes_f32 *x, ac_lanes_f32 *y)
{
    for (int first = 0; first < outputs; first += 8) {
        ac_lanes_f32 sum[8] = {{0}};
        for (int o = 0; o < 8; o++) sum[o] += bias[first + o];
        for (int i = 0; i < inputs; i++)
            for (int o = 0; o < 8; o++) sum[o] += x[i] * w[i * outputs + first + o];
        for (int o = 0; o < 8; o++) y[first + o] = sum[o];
    }
}

/* The way back: y[i] = sum over o of w[i][o] x[o]. */
static inline AC_INLINE void ac_dense_back(const float *w, int inputs, int outputs, const ac_lanes_f32 *x, ac_lanes_f32 *y)
{
    for (int first = 0; first < inputs; first += 8) {
        ac_lanes_f32 sum[8] = {{0}};
        for (int o = 0; o < outputs; o++)
            for (int i = 0; i < 8; i++) sum[i] += x[o] * w[(first + i) * outputs + o];
        for (int i = 0; i < 8; i++) y[first + i] = sum[i];
    }
}

/* Rows become columns. */
#if defined(__GNUC__) && !defined(__clang__)
/* Swaps blocks of `size` rows and columns across the diagonal; a constant size becomes constant shuffles. */
static inline AC_INLINE void ac_swap_blocks(ac_lanes_f32 *m, int size)
{
    ac_lanes_i32 first, second;
    for (int s = 0; s < AC_LANES; s++) {
        first[s] = s & size ? AC_LANES + (s ^ size) : s;
        second[s] = s & size ? AC_LANES + s : s ^ size;
    }
    for (int i = 0; i < AC_LANES; i++) {
        if (i & size) continue;
        const ac_lanes_f32 low = m[i], high = m[i | size];
        m[i] = __builtin_shuffle(low, high, first), m[i | size] = __builtin_shuffle(low, high, second);
    }
}

static inline AC_INLINE void ac_transpose(ac_lanes_f32 *m)
{
    ac_swap_blocks(m, 1);
    ac_swap_blocks(m, 2);
    ac_swap_blocks(m, 4);
    ac_swap_blocks(m, 8);
}
#else
static inline AC_INLINE void ac_transpose(ac_lanes_f32 *m)
{
    for (int i = 0; i < AC_LANES; i++)
        for (int s = 0; s < i; s++) {
            const float kept = m[i][s];
            m[i][s] = m[s][i];
            m[s][i] = kept;
        }
}
#endif

/* d[i][o] += sum over samples of g[o] x[i]; in vectors of sixteen neurons. */
static inline AC_INLINE void ac_dense_slopes(int inputs, int outputs, const ac_lanes_f32 *g, const ac_lanes_f32 *x, float *d)
{
    for (int group = 0; group < outputs; group += AC_LANES) {
        ac_lanes_f32 turned[AC_LANES];
        for (int o = 0; o < AC_LANES; o++) turned[o] = g[group + o];
        ac_transpose(turned);
        for (int first = 0; first < inputs; first += 8) {
            ac_lanes_f32 sum[8] = {{0}};
            for (int s = 0; s < AC_LANES; s++)
                for (int i = 0; i < 8; i++) sum[i] += turned[s] * ((const float *)(x + first + i))[s];
            for (int i = 0; i < 8; i++)
                for (int o = 0; o < AC_LANES; o++) d[(first + i) * outputs + group + o] += sum[i][o];
        }
    }
}

/* In place a sum becomes the activation, and `open` where it still reacts. */
static inline AC_INLINE void ac_activate(int neurons, ac_lanes_f32 *a, ac_lanes_f32 *open)
{
    for (int j = 0; j < neurons; j++) {
        float *v = (float *)(a + j), *o = (float *)(open + j);
        for (int s = 0; s < AC_LANES; s++) {
            o[s] = v[s] > 0 && v[s] < 8128 ? 1.0f / 64 : 0;
            v[s] = (float)(int32_t)fminf(fmaxf(v[s] * (1.0f / 64), 0), AC_ACTIVATION_MAX);
        }
    }
}

/* One cosmic ray among large differences must not outweigh a thousand ordinary pixels. `usual_pull` follows the upper quartile of the
 * pulls where neighbours differ at all: empty sky around a bright disc says nothing about the disc. */
static inline AC_INLINE void ac_limit_pull(const ac_block *block, float *slope, float *usual_pull)
{
    float pull[AC_LANES], total = 0, above = 0, active = 0;
    for (int s = 0; s < AC_LANES; s++) {
        const float counts = block->sum[s] > 10 ? 1.0f : 0.0f;
        pull[s] = fabsf(slope[s]) * block->reach[s];
        active += counts;
        total += counts * pull[s];
        above += pull[s] > *usual_pull ? counts : 0.0f;
    }
    if (active > 0) *usual_pull = *usual_pull > 0 ? *usual_pull * (1 + 0.02f * (above / active - 0.25f)) : total / active;
    const float most = 4 * *usual_pull;
    for (int s = 0; s < AC_LANES; s++) slope[s] *= pull[s] > most && most > 0 ? most / pull[s] : 1;
}

/* Sixteen samples: the slopes of the loss are added to `gradient` (per integer unit of each parameter). */
static inline AC_INLINE void ac_learn(const int h, const ac_parameters *l, const float *restrict p, const ac_code_lengths *lengths,
                                      const ac_block *block, ac_gradient *restrict gradient, float *usual_pull)
{
    ac_lanes_f32 input[AC_INPUTS], terms[AC_LINEAR];
    for (int i = 0; i < AC_INPUTS; i++) input[i] = __builtin_convertvector(block->input[i], ac_lanes_f32);
    for (int i = 0; i < AC_LINEAR; i++) terms[i] = __builtin_convertvector(block->linear[i], ac_lanes_f32);
    ac_lanes_f32 h1[AC_MAX_HIDDEN], h2[AC_MAX_HIDDEN], open1[AC_MAX_HIDDEN], open2[AC_MAX_HIDDEN], linear = {0};
    ac_lanes_f32 g1[AC_MAX_HIDDEN], g2[AC_MAX_HIDDEN], o[AC_OUTPUTS], g[AC_OUTPUTS];
    ac_dense(p + l->w1, p + l->b1, AC_INPUTS, h, input, h1);
    ac_activate(h, h1, open1);
    ac_dense(p + l->w2, p + l->b2, h, h, h1, h2);
    ac_activate(h, h2, open2);
    for (int k = 0; k < AC_OUTPUTS; k++) {
        o[k] = (ac_lanes_f32){0} + p[l->b3 + k];
        for (int i = 0; i < h; i++) o[k] += h2[i] * p[l->w3 + k * h + i];
    }
    for (int i = 0; i < AC_LINEAR; i++) linear += terms[i] * p[l->linear + i];

    float location[AC_LANES], q[AC_LANES], tail[AC_LANES], skew[AC_LANES];
    for (int s = 0; s < AC_LANES; s++) {
        location[s] = fminf(fmaxf(block->mean[s] * 16 + (linear[s] + block->sum[s] * o[0][s]) * (1.0f / 512) + 0.5f, 0), 65535 * 16 + 15);
        q[s] = fminf(fmaxf((block->log_sum[s] + o[1][s] - 256) * (1.0f / 64), -8), AC_SCALES + 8);
        tail[s] = o[2][s] * (1.0f / 128);
        skew[s] = o[3][s] * (1.0f / 128);
    }
    ac_slopes slopes;
    ac_slopes_of(lengths, block->sample, location, q, tail, skew, &slopes);
    ac_limit_pull(block, slopes.location, usual_pull);
    for (int s = 0; s < AC_LANES; s++) {
        slopes.location[s] *= 1.0f / 512;
        g[0][s] = slopes.location[s] * block->sum[s];
        g[1][s] = slopes.q[s] * (1.0f / 64);
        g[2][s] = slopes.tail[s] * (1.0f / 128);
        g[3][s] = slopes.skew[s] * (1.0f / 128);
    }
    ac_lanes_f32 pull;
    for (int s = 0; s < AC_LANES; s++) pull[s] = slopes.location[s];
    for (int i = 0; i < AC_LINEAR; i++) gradient->linear[i] += pull * terms[i];
    for (int i = 0; i < h; i++) g2[i] = (ac_lanes_f32){0};
    for (int k = 0; k < AC_OUTPUTS; k++) {
        gradient->b3[k] += g[k];
        for (int i = 0; i < h; i++) {
            gradient->w3[k * h + i] += g[k] * h2[i];
            g2[i] += g[k] * p[l->w3 + k * h + i];
        }
    }
    for (int i = 0; i < h; i++) gradient->b2[i] += g2[i] *= open2[i];
    ac_dense_slopes(h, h, g2, h1, gradient->w2);
    ac_dense_back(p + l->w2, h, h, g2, g1);
    for (int i = 0; i < h; i++) gradient->b1[i] += g1[i] *= open1[i];
    ac_dense_slopes(AC_INPUTS, h, g1, input, gradient->w1);
}

#endif
