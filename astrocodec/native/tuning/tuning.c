/* Tuning: a model's weights fitted to the contexts of one frame by Adam (Kingma & Ba 2015, arXiv:1412.6980).
 *
 * Runs in the encoder only, in floating point: what travels is the rounded integers, so nothing here needs to be
 * reproducible. The loss is the code length that the integer tables give; its slopes are differences between
 * neighbouring tables, so what is minimised is the size of the stream itself. */
#if defined(__GNUC__) && !defined(__clang__)
/* Sums in any order: nothing here reaches a decoder but the rounded weights. Without vectors O3 would unroll for minutes. */
#if defined(__x86_64__) || defined(__aarch64__)
#pragma GCC optimize("O3", "fast-math", "fp-contract=fast", "no-var-tracking-assignments")
#else
#pragma GCC optimize("O2", "fast-math", "fp-contract=fast", "no-var-tracking-assignments")
#endif
#endif
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuning/backpropagation.h"
#include "tuning/code_lengths.h"
#include "predict.h"

/* Integer units per unit of a parameter, so that one learning rate serves all; of the linear weights along whitened directions. */
static void scales_of(const ac_parameters *l, float *scale, float *limit)
{
    static const float output[AC_OUTPUTS] = {372, 738, 128, 128};
    for (int i = 0; i < l->count; i++) limit[i] = i < l->w1 || (i >= l->b2 && i < l->w2) || (i >= l->b3 && i < l->w3) ? INT16_MAX : INT8_MAX;
    for (int i = 0; i < AC_LINEAR; i++) scale[l->linear + i] = 3;
    for (int i = 0; i < l->hidden; i++) scale[l->b1 + i] = scale[l->b2 + i] = 512;
    for (int i = 0; i < AC_INPUTS * l->hidden; i++) scale[l->w1 + i] = 57;
    for (int i = 0; i < l->hidden * l->hidden; i++) scale[l->w2 + i] = 64;
    for (int k = 0; k < AC_OUTPUTS; k++) {
        scale[l->b3 + k] = output[k];
        for (int i = 0; i < l->hidden; i++) scale[l->w3 + k * l->hidden + i] = output[k] / 8;
    }
}

static void from_model(const ac_model *m, const ac_parameters *l, float *p)
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

static void to_bytes(const ac_parameters *l, const float *p, uint8_t *out)
{
    const int h = l->hidden;
    const uint8_t header[AC_WEIGHTS_HEADER] = AC_WEIGHTS_HEADER_OF(h);
    memcpy(out, header, sizeof header);
    out += sizeof header;
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

typedef struct {
    ac_gradient gradient;
    float p[AC_MAX_PARAMETERS], rounded[AC_MAX_PARAMETERS], sum[AC_MAX_PARAMETERS];
    float mean[AC_MAX_PARAMETERS], square[AC_MAX_PARAMETERS], scale[AC_MAX_PARAMETERS], limit[AC_MAX_PARAMETERS];
    float whiten[AC_LINEAR][AC_LINEAR]; /* lower triangle */
    float base[AC_MAX_PARAMETERS], usual_norm, usual_pull;
    ac_code_lengths lengths;
} workspace;

/* The linear terms are much alike, so that single steps along each of them zigzag. Steps are taken along directions W
 * instead in which they vary alone and by as much as the local loudness: W = L^-1, where L L^T is their covariance.
 * Terms are frozen where a running mean lags so far behind that a single unit of its weight moves the location by about the noise. */
static void whiten_linear(workspace *w, const ac_context *contexts, size_t count, uint8_t *frozen)
{
    enum { N = AC_LINEAR, SAMPLE = 20000 };
    const double coarse = 0.1;
    double covariance[N][N] = {{0}}, l[N][N] = {{0}}, trace = 0;
    for (size_t k = 0; k < count; k += 1 + count / SAMPLE) {
        double x[N];
        for (int i = 0; i < N; i++) x[i] = contexts[k].linear[i] / (512.0 * contexts[k].sum);
        for (int i = 0; i < N; i++)
            for (int j = 0; j <= i; j++) covariance[i][j] += x[i] * x[j];
    }
    const double n = (double)((count - 1) / (1 + count / SAMPLE) + 1);
    for (int i = 0; i < N; i++) {
        frozen[i] = covariance[i][i] > coarse * coarse * n;
        trace += frozen[i] ? 0 : covariance[i][i] / n;
    }
    for (int i = 0; i < N; i++)
        if (frozen[i]) {
            for (int j = 0; j < N; j++) covariance[i > j ? i : j][i > j ? j : i] = 0;
            covariance[i][i] = n;
        }
    const double ridge = 1e-4 * trace / N + 1e-12;
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++) {
            double v = covariance[i][j] / n + (i == j ? ridge : 0);
            for (int k = 0; k < j; k++) v -= l[i][k] * l[j][k];
            l[i][j] = i == j ? sqrt(v) : v / l[j][j];
        }
    for (int c = 0; c < N; c++)
        for (int i = c; i < N; i++) {
            double v = i == c;
            for (int k = c; k < i; k++) v -= l[i][k] * w->whiten[k][c];
            w->whiten[i][c] = (float)(v / l[i][i]);
        }
}

/* The batch's slopes per unit of each parameter, the linear ones along whitened directions. The many 8-bit weights also pay for the
 * bits that their change takes in the stream, which grow like its logarithm. */
static void collect(workspace *w, const ac_parameters *l, int batch, float charge, const uint8_t *frozen)
{
    ac_gradient_sum(&w->gradient, l, w->sum);
    float turned[AC_LINEAR] = {0};
    for (int i = 0; i < l->count; i++)
        if (frozen[i]) w->sum[i] = 0;
    for (int i = 0; i < AC_LINEAR; i++)
        for (int j = 0; j <= i; j++) turned[i] += w->whiten[i][j] * w->sum[l->linear + j];
    memcpy(w->sum + l->linear, turned, sizeof turned);
    for (int i = 0; i < l->count; i++) {
        const float change = w->p[i] - w->base[i], size = fabsf(change);
        w->sum[i] /= (float)batch;
        if (w->limit[i] == INT8_MAX) w->sum[i] += charge * (size < 1 ? change : change / size) / (1 + 0.25f * size);
        w->sum[i] *= w->scale[i];
    }
}

/* Slope clipped, moment estimates, a step. */
static void adam_step(workspace *w, const ac_parameters *l, int step, float rate, const uint8_t *frozen)
{
    float norm = 0;
    for (int i = 0; i < l->count; i++) norm += w->sum[i] * w->sum[i];
    norm = sqrtf(norm);
    w->usual_norm = step ? 0.95f * w->usual_norm + 0.05f * fminf(norm, 3 * w->usual_norm) : norm;
    const float clip = norm > 1.5f * w->usual_norm ? 1.5f * w->usual_norm / norm : 1;
    const float correct1 = 1 / (1 - powf(0.9f, (float)step + 1)), correct2 = 1 / (1 - powf(0.999f, (float)step + 1));
    float by[AC_MAX_PARAMETERS];
    for (int i = 0; i < l->count; i++) {
        const float g = w->sum[i] * clip;
        w->mean[i] = 0.9f * w->mean[i] + 0.1f * g;
        w->square[i] = 0.999f * w->square[i] + 0.001f * g * g;
        by[i] = frozen[i] ? 0 : rate * w->scale[i] * (w->mean[i] * correct1) / (sqrtf(w->square[i] * correct2) + 1e-8f);
    }
    for (int i = 0; i < AC_LINEAR; i++)
        for (int j = 0; j <= i; j++) w->p[l->linear + j] -= by[l->linear + i] * w->whiten[i][j];
    for (int i = l->linear + AC_LINEAR; i < l->count; i++) w->p[i] -= by[i];
    for (int i = 0; i < l->count; i++) w->p[i] = fminf(fmaxf(w->p[i], -w->limit[i]), w->limit[i]);
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return *state = x;
}

/* Contexts in blocks of AC_LANES, drawn at random. */
static ac_block *blocks_of(const ac_context *contexts, size_t count, size_t *blocks, uint64_t *random)
{
    *blocks = (count + AC_LANES - 1) / AC_LANES;
    uint32_t *order = calloc(count, sizeof *order);
    ac_block *out = order ? aligned_alloc(64, *blocks * sizeof *out) : NULL;
    if (out) {
        for (size_t i = 0; i < count; i++) {
            const size_t j = next_random(random) % (i + 1);
            order[i] = order[j];
            order[j] = (uint32_t)i;
        }
        for (size_t i = 0; i < *blocks * AC_LANES; i++) ac_block_put(out + i / AC_LANES, (int)(i % AC_LANES), contexts + order[i % count]);
    }
    free(order);
    return out;
}

/* With a constant number of neurons the loops become straight vector code; once for each of the processor's vectors. */
typedef void learner(workspace *w, const ac_parameters *l, const ac_block *block);
#define LEARNER(name)                                                                                                 \
    static void name(workspace *w, const ac_parameters *l, const ac_block *block)                                     \
    {                                                                                                                 \
        if (l->hidden == 16) ac_learn(16, l, w->rounded, &w->lengths, block, &w->gradient, &w->usual_pull);           \
        else ac_learn(32, l, w->rounded, &w->lengths, block, &w->gradient, &w->usual_pull);                           \
    }

LEARNER(learn)
#if defined(__x86_64__) && defined(__GNUC__)
/* x86-64-v3 and v4 by their parts: gcc knows these names from 11 on only, clones for them from 12 on. */
#define V3 "avx2,fma,bmi,bmi2,popcnt"
#define V4 V3 ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl"
__attribute__((target(V3))) LEARNER(learn_v3)
__attribute__((target(V4))) LEARNER(learn_v4)

static learner *best_learner(void)
{
#define HAS(name) __builtin_cpu_supports(name)
    const int v3 = HAS("avx2") && HAS("fma") && HAS("bmi") && HAS("bmi2") && HAS("popcnt");
    const int v4 = v3 && HAS("avx512f") && HAS("avx512bw") && HAS("avx512cd") && HAS("avx512dq") && HAS("avx512vl");
    return v4 ? learn_v4 : v3 ? learn_v3 : learn;
}
#else
static learner *best_learner(void) { return learn; }
#endif

static void descend(workspace *w, const ac_parameters *l, const ac_block *blocks, size_t count, const ac_tune_options *options,
                    const uint8_t *frozen)
{
    const int per_step = (options->batch + AC_LANES - 1) / AC_LANES;
    learner *const learn_from = best_learner();
    size_t next = 0;
    for (int step = 0; step < options->steps; step++) {
        const float t = (float)step / (float)options->steps, warm = t < 0.05f ? t / 0.05f : 0.5f * (1 + cosf(3.14159265f * (t - 0.05f) / 0.95f));
        for (int i = 0; i < l->count; i++) w->rounded[i] = rintf(w->p[i]);
        memset(&w->gradient, 0, sizeof w->gradient);
        for (int b = 0; b < per_step; b++) learn_from(w, l, blocks + next++ % count);
        collect(w, l, per_step * AC_LANES, options->charge, frozen);
        adam_step(w, l, step, options->rate * (warm + 0.002f), frozen);
    }
}

int ac_tune(const ac_model *model, const ac_context *contexts, size_t count, const ac_tune_options *options, uint8_t *weights, size_t capacity)
{
    if (!model || !contexts || !count || count > UINT32_MAX || !options || !weights || options->batch < 1 || options->steps < 1) return AC_ERROR_ARGUMENT;
    const ac_parameters l = ac_parameters_of(model->hidden);
    if (capacity < ac_weights_size(model->hidden)) return AC_ERROR_SPACE;
    uint64_t random = 0x9e3779b97f4a7c15u ^ ((uint64_t)options->seed << 1);
    size_t blocks_count;
    workspace *w = aligned_alloc(64, (sizeof *w + 63) / 64 * 64);
    uint8_t *frozen = calloc((size_t)l.count, 1);
    ac_block *blocks = blocks_of(contexts, count, &blocks_count, &random);
    int status = AC_ERROR_MEMORY;
    if (w && frozen && blocks) {
        memset(w, 0, sizeof *w);
        status = ac_code_lengths_build(&model->tables, &w->lengths);
    }
    if (status == AC_OK) {
        from_model(model, &l, w->p);
        memcpy(w->base, w->p, sizeof w->p);
        scales_of(&l, w->scale, w->limit);
        if (options->outputs_only) memset(frozen + l.w1, 1, (size_t)(AC_INPUTS * l.hidden)), memset(frozen + l.w2, 1, (size_t)(l.hidden * l.hidden));
        whiten_linear(w, contexts, count, frozen + l.linear);
        descend(w, &l, blocks, blocks_count, options, frozen);
        float magnitude = 0;
        for (int i = 0; i < AC_LINEAR; i++) magnitude += fabsf(rintf(w->p[l.linear + i]));
        if (magnitude > 64000)
            for (int i = 0; i < AC_LINEAR; i++) w->p[l.linear + i] *= 64000 / magnitude;
        to_bytes(&l, w->p, weights);
        free(w->lengths.bits);
    }
    free(w), free(frozen), free(blocks);
    return status;
}
