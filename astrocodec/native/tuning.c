/* Tuning: a model's weights fitted to the contexts of one frame by Adam (Kingma & Ba 2015, arXiv:1412.6980).
 *
 * Runs in the encoder only, in floating point: what travels is the rounded integers, so nothing here needs to be
 * reproducible. The loss is the code length that the integer tables give; its slopes are differences between
 * neighbouring tables, so what is minimised is the size of the stream itself. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "fast-math") /* sums in any order: nothing here reaches a decoder but the rounded weights */
#endif
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "distribution.h"
#include "model.h"
#include "predict.h"

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define VECTORISED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTORISED
#endif
#if defined(__GNUC__)
#define ALWAYS_INLINE __attribute__((always_inline))
#else
#define ALWAYS_INLINE
#endif

enum { MAX_PARAMETERS = AC_LINEAR + AC_MAX_HIDDEN * (2 + AC_INPUTS + AC_MAX_HIDDEN + AC_OUTPUTS) + AC_OUTPUTS };

/* Where each array starts among the parameters; w1 and w2 are kept by input, [input][neuron]. */
typedef struct {
    int hidden, linear, b1, w1, b2, w2, b3, w3, count;
} layout;

static layout layout_of(int h)
{
    layout l = {.hidden = h, .linear = 0, .b1 = AC_LINEAR};
    l.w1 = l.b1 + h;
    l.b2 = l.w1 + AC_INPUTS * h;
    l.w2 = l.b2 + h;
    l.b3 = l.w2 + h * h;
    l.w3 = l.b3 + AC_OUTPUTS;
    l.count = l.w3 + AC_OUTPUTS * h;
    return l;
}

/* Integer units per unit of a parameter, so that one learning rate serves all. The weights of running means act on all the range of
 * the samples and are moved with more care. */
static void scales_of(const layout *l, float *scale, float *limit)
{
    static const float output[AC_OUTPUTS] = {372, 738, 128, 128};
    for (int i = 0; i < l->count; i++) limit[i] = i < l->w1 || (i >= l->b2 && i < l->w2) || (i >= l->b3 && i < l->w3) ? 32767 : 127;
    for (int i = 0; i < AC_LINEAR; i++) scale[l->linear + i] = i < AC_NEIGHBOURS ? 8192 : 256;
    for (int i = 0; i < l->hidden; i++) scale[l->b1 + i] = scale[l->b2 + i] = 512;
    for (int i = 0; i < AC_INPUTS * l->hidden; i++) scale[l->w1 + i] = 57;
    for (int i = 0; i < l->hidden * l->hidden; i++) scale[l->w2 + i] = 64;
    for (int k = 0; k < AC_OUTPUTS; k++) {
        scale[l->b3 + k] = output[k];
        for (int i = 0; i < l->hidden; i++) scale[l->w3 + k * l->hidden + i] = output[k] / 8;
    }
}

static void from_model(const ac_model *m, const layout *l, float *p)
{
    const int h = l->hidden;
    for (int i = 0; i < AC_LINEAR; i++) p[l->linear + i] = m->linear[i];
    for (int j = 0; j < h; j++) {
        p[l->b1 + j] = (float)m->b1[j], p[l->b2 + j] = (float)m->b2[j];
        for (int i = 0; i < AC_INPUTS; i++) p[l->w1 + i * h + j] = m->w1[j * AC_INPUTS + i];
        for (int i = 0; i < h; i++) p[l->w2 + i * h + j] = m->w2[j * h + i];
    }
    for (int k = 0; k < AC_OUTPUTS; k++) {
        p[l->b3 + k] = (float)m->b3[k];
        for (int i = 0; i < h; i++) p[l->w3 + k * h + i] = m->w3[k * h + i];
    }
}

static uint8_t *put_i16(uint8_t *out, float v)
{
    const int i = (int)lrintf(v);
    *out++ = (uint8_t)i;
    *out++ = (uint8_t)(i >> 8);
    return out;
}

static void to_bytes(const layout *l, const float *p, uint8_t *out)
{
    const int h = l->hidden;
    *out++ = 1, *out++ = (uint8_t)h, *out++ = 0, *out++ = 0;
    for (int i = 0; i < AC_LINEAR; i++) out = put_i16(out, p[l->linear + i]);
    for (int j = 0; j < h; j++) out = put_i16(out, p[l->b1 + j]);
    for (int j = 0; j < h; j++)
        for (int i = 0; i < AC_INPUTS; i++) *out++ = (uint8_t)(int8_t)lrintf(p[l->w1 + i * h + j]);
    for (int j = 0; j < h; j++) out = put_i16(out, p[l->b2 + j]);
    for (int j = 0; j < h; j++)
        for (int i = 0; i < h; i++) *out++ = (uint8_t)(int8_t)lrintf(p[l->w2 + i * h + j]);
    for (int k = 0; k < AC_OUTPUTS; k++) out = put_i16(out, p[l->b3 + k]);
    for (int i = 0; i < AC_OUTPUTS * h; i++) *out++ = (uint8_t)(int8_t)lrintf(p[l->w3 + i]);
}

/* Bits that the tables give to a sample. */
static float code_length(const ac_model *m, const float *log2_of, int32_t sample, int32_t loc16, int32_t q, int tail, int skew)
{
    const ac_cell cell = ac_cell_of(ac_clamp(loc16, 0, 65535 * 16 + 15), ac_clamp(q, 0, AC_SCALES - 1), (uint32_t)(tail * m->tables.skews + skew));
    const ac_coded s = ac_symbol_of(sample - cell.base, cell.k, &ac_layouts[cell.layout]);
    const uint16_t *cum = m->tables.cum + (size_t)cell.table * AC_SYMBOLS + s.symbol;
    return AC_PRECISION - log2_of[cum[1] - cum[0]] + s.bits;
}

typedef struct {
    float bits, location, q, tail, skew; /* the loss and its slopes */
} slopes;

static slopes slopes_of(const ac_model *m, const float *log2_of, int32_t sample, float loc16, float q, float tail, float skew)
{
    const int32_t l = (int32_t)floorf(loc16), qi = (int32_t)lrintf(q);
    const int t = ac_clamp((int32_t)lrintf(tail), 0, m->tables.tails - 1), k = ac_clamp((int32_t)lrintf(skew), 0, m->tables.skews - 1);
    const int32_t reach = qi >= 24 ? 4 << ((qi - 24) / 8) : 4;
    slopes s = {.bits = code_length(m, log2_of, sample, l, qi, t, k)};
    s.location = (code_length(m, log2_of, sample, l + reach, qi, t, k) - code_length(m, log2_of, sample, l - reach, qi, t, k)) / (float)(2 * reach);
    s.q = (code_length(m, log2_of, sample, l, qi + 2, t, k) - code_length(m, log2_of, sample, l, qi - 2, t, k)) / 4;
    const int t0 = ac_clamp((int32_t)floorf(tail), 0, m->tables.tails - 2), k0 = ac_clamp((int32_t)floorf(skew), 0, m->tables.skews - 2);
    if (m->tables.tails > 1 && tail > -0.5f && tail < (float)m->tables.tails - 0.5f)
        s.tail = code_length(m, log2_of, sample, l, qi, t0 + 1, k) - code_length(m, log2_of, sample, l, qi, t0, k);
    if (m->tables.skews > 1 && skew > -0.5f && skew < (float)m->tables.skews - 0.5f)
        s.skew = code_length(m, log2_of, sample, l, qi, t, k0 + 1) - code_length(m, log2_of, sample, l, qi, t, k0);
    return s;
}

/* One sample: loss, and the slopes added to `gradient` (per integer unit of each parameter). */
static inline ALWAYS_INLINE float learn(const int h, const ac_model *m, const layout *l, const float *restrict p, const float *log2_of,
                                        const ac_context *c, float *restrict gradient, float *usual_pull)
{
    float a1[AC_MAX_HIDDEN], a2[AC_MAX_HIDDEN], h1[AC_MAX_HIDDEN], h2[AC_MAX_HIDDEN], o[AC_OUTPUTS];
    for (int j = 0; j < h; j++) a1[j] = p[l->b1 + j];
    for (int i = 0; i < AC_INPUTS; i++) {
        const float x = c->input[i];
        const float *w = p + l->w1 + i * h;
        for (int j = 0; j < h; j++) a1[j] += w[j] * x;
    }
    for (int j = 0; j < h; j++) h1[j] = fminf(fmaxf(floorf(a1[j] * (1.0f / 64)), 0), 127);
    for (int j = 0; j < h; j++) a2[j] = p[l->b2 + j];
    for (int i = 0; i < h; i++) {
        const float *w = p + l->w2 + i * h;
        for (int j = 0; j < h; j++) a2[j] += w[j] * h1[i];
    }
    for (int j = 0; j < h; j++) h2[j] = fminf(fmaxf(floorf(a2[j] * (1.0f / 64)), 0), 127);
    for (int k = 0; k < AC_OUTPUTS; k++) {
        o[k] = p[l->b3 + k];
        for (int i = 0; i < h; i++) o[k] += p[l->w3 + k * h + i] * h2[i];
    }
    float linear = 0;
    for (int i = 0; i < AC_LINEAR; i++) linear += p[l->linear + i] * c->linear[i];
    const float loc16 = c->mean * 16.0f + linear * (1.0f / 512) + c->sum * o[0] * (1.0f / 512) + 0.5f;
    const float q = ((float)ac_log512(c->sum) + o[1] - 256) * (1.0f / 64);
    slopes s = slopes_of(m, log2_of, c->sample, loc16, q, o[2] * (1.0f / 128), o[3] * (1.0f / 128));

    /* One cosmic ray among large differences must not outweigh a thousand ordinary pixels. */
    float reach = 1;
    for (int i = 0; i < AC_LINEAR; i++) reach += fabsf((float)c->linear[i]);
    const float pull = fabsf(s.location) * reach, most = 4 * *usual_pull;
    *usual_pull = *usual_pull > 0 ? *usual_pull + 0.001f * (fminf(pull, most) - *usual_pull) : pull;
    if (pull > most && most > 0) s.location *= most / pull;

    const float g[AC_OUTPUTS] = {s.location * c->sum * (1.0f / 512), s.q * (1.0f / 64), s.tail * (1.0f / 128), s.skew * (1.0f / 128)};
    for (int i = 0; i < AC_LINEAR; i++) gradient[l->linear + i] += s.location * (1.0f / 512) * c->linear[i];
    float g2[AC_MAX_HIDDEN], g1[AC_MAX_HIDDEN];
    for (int j = 0; j < h; j++) g2[j] = g1[j] = 0;
    for (int k = 0; k < AC_OUTPUTS; k++) {
        gradient[l->b3 + k] += g[k];
        for (int i = 0; i < h; i++) {
            gradient[l->w3 + k * h + i] += g[k] * h2[i];
            g2[i] += g[k] * p[l->w3 + k * h + i];
        }
    }
    for (int j = 0; j < h; j++) g2[j] *= a2[j] > 0 && a2[j] < 8128 ? 1.0f / 64 : 0;
    for (int j = 0; j < h; j++) gradient[l->b2 + j] += g2[j];
    for (int i = 0; i < h; i++) {
        const float *w = p + l->w2 + i * h;
        float *d = gradient + l->w2 + i * h, back = 0;
        for (int j = 0; j < h; j++) d[j] += g2[j] * h1[i];
        for (int j = 0; j < h; j++) back += g2[j] * w[j];
        g1[i] = a1[i] > 0 && a1[i] < 8128 ? back * (1.0f / 64) : 0;
    }
    for (int j = 0; j < h; j++) gradient[l->b1 + j] += g1[j];
    for (int i = 0; i < AC_INPUTS; i++) {
        const float x = c->input[i];
        float *d = gradient + l->w1 + i * h;
        for (int j = 0; j < h; j++) d[j] += g1[j] * x;
    }
    return s.bits;
}

/* With a constant number of neurons the loops become straight vector code. */
VECTORISED static float learn_from(const ac_model *m, const layout *l, const float *p, const float *log2_of, const ac_context *c, float *gradient,
                                   float *usual_pull)
{
    return l->hidden == 16 ? learn(16, m, l, p, log2_of, c, gradient, usual_pull) : learn(32, m, l, p, log2_of, c, gradient, usual_pull);
}

typedef struct {
    float p[MAX_PARAMETERS], rounded[MAX_PARAMETERS], gradient[MAX_PARAMETERS];
    float mean[MAX_PARAMETERS], square[MAX_PARAMETERS], scale[MAX_PARAMETERS], limit[MAX_PARAMETERS];
    float log2_of[AC_TOTAL + 1], usual_norm, usual_pull;
} workspace;

/* Slope clipped, moment estimates, a step. */
static void adam_step(workspace *w, const layout *l, int step, float rate, const uint8_t *frozen)
{
    float norm = 0;
    for (int i = 0; i < l->count; i++) {
        w->gradient[i] *= w->scale[i];
        norm += w->gradient[i] * w->gradient[i];
    }
    norm = sqrtf(norm);
    w->usual_norm = step ? 0.95f * w->usual_norm + 0.05f * fminf(norm, 3 * w->usual_norm) : norm;
    const float clip = norm > 1.5f * w->usual_norm ? 1.5f * w->usual_norm / norm : 1;
    const float correct1 = 1 - powf(0.9f, (float)step + 1), correct2 = 1 - powf(0.999f, (float)step + 1);
    for (int i = 0; i < l->count; i++) {
        if (frozen[i]) continue;
        const float g = w->gradient[i] * clip;
        w->mean[i] = 0.9f * w->mean[i] + 0.1f * g;
        w->square[i] = 0.999f * w->square[i] + 0.001f * g * g;
        const float v = w->p[i] - rate * w->scale[i] * (w->mean[i] / correct1) / (sqrtf(w->square[i] / correct2) + 1e-8f);
        w->p[i] = fminf(fmaxf(v, -w->limit[i]), w->limit[i]);
    }
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return *state = x;
}

int ac_tune(const ac_model *model, const ac_context *contexts, size_t count, const ac_tune_options *options, uint8_t *weights, size_t capacity)
{
    if (!model || !contexts || !count || !options || !weights || options->batch < 1 || options->steps < 1) return AC_ERROR_ARGUMENT;
    const layout l = layout_of(model->hidden);
    const size_t size = (size_t)(4 + 2 * AC_LINEAR + model->hidden * (4 + AC_INPUTS + model->hidden + AC_OUTPUTS) + 2 * AC_OUTPUTS);
    if (capacity < size) return AC_ERROR_SPACE;
    workspace *w = calloc(1, sizeof *w);
    uint8_t *frozen = calloc((size_t)l.count, 1);
    if (!w || !frozen) {
        free(w), free(frozen);
        return AC_ERROR_MEMORY;
    }
    from_model(model, &l, w->p);
    scales_of(&l, w->scale, w->limit);
    if (options->outputs_only) memset(frozen + l.w1, 1, (size_t)(AC_INPUTS * l.hidden)), memset(frozen + l.w2, 1, (size_t)(l.hidden * l.hidden));
    for (int f = 1; f <= AC_TOTAL; f++) w->log2_of[f] = log2f((float)f);
    uint64_t random = 0x9e3779b97f4a7c15u ^ ((uint64_t)options->seed << 1);
    for (int step = 0; step < options->steps; step++) {
        const float t = (float)step / (float)options->steps, warm = t < 0.05f ? t / 0.05f : 0.5f * (1 + cosf(3.14159265f * (t - 0.05f) / 0.95f));
        for (int i = 0; i < l.count; i++) w->rounded[i] = rintf(w->p[i]);
        memset(w->gradient, 0, sizeof w->gradient);
        for (int b = 0; b < options->batch; b++)
            learn_from(model, &l, w->rounded, w->log2_of, contexts + next_random(&random) % count, w->gradient, &w->usual_pull);
        for (int i = 0; i < l.count; i++) w->gradient[i] /= (float)options->batch;
        adam_step(w, &l, step, options->rate * (warm + 0.002f), frozen);
    }
    float magnitude = 0;
    for (int i = 0; i < AC_LINEAR; i++) magnitude += fabsf(rintf(w->p[l.linear + i]));
    if (magnitude > 64000)
        for (int i = 0; i < AC_LINEAR; i++) w->p[l.linear + i] *= 64000 / magnitude;
    to_bytes(&l, w->p, weights);
    free(w);
    free(frozen);
    return AC_OK;
}
