/* Tuning: a model's weights fitted to the contexts of one frame by Adam (Kingma & Ba 2015, arXiv:1412.6980).
 *
 * Runs in the encoder only, in floating point: what travels is the rounded integers, so nothing here needs to be
 * the same on all processors. The loss is the code length that the integer tables give; its slopes are differences between
 * neighbouring tables, so what is minimised is the size of the stream itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernel.h"
#include "tuning/learner.h"

/* Integer units per unit of a parameter, so that one learning rate serves all; of the linear weights along whitened directions. */
static void scales_of(ac_learner *w, const ac_tune_options *options)
{
    static const float output[AC_OUTPUTS] = {372, 738, 128, 128};
    const ac_parameters *l = &w->at;
    const int h = l->hidden;
    for (int i = 0; i < AC_LINEAR; i++) w->scale[l->linear + i] = 3;
    for (int i = 0; i < h; i++) w->scale[l->b1 + i] = w->scale[l->b2 + i] = 512;
    for (int i = 0; i < AC_INPUTS * h; i++) w->scale[l->w1 + i] = 57;
    for (int i = 0; i < h * h; i++) w->scale[l->w2 + i] = 64;
    for (int k = 0; k < AC_OUTPUTS; k++) {
        w->scale[l->b3 + k] = output[k];
        for (int i = 0; i < h; i++) w->scale[l->w3 + i * AC_OUTPUTS + k] = output[k] / 8;
    }
    for (int i = 0; i < l->count; i++) {
        const int bytes = (i >= l->w1 && i < l->b2) || (i >= l->w2 && i < l->b3), hidden = bytes && i < l->w3;
        w->limit[i] = bytes ? INT8_MAX : INT16_MAX;
        w->charged[i] = bytes ? options->charge : 0;
        w->moves[i] = w->scale[i] > 0 && !(hidden && options->outputs_only);
    }
}

ac_parameters ac_parameters_from(const ac_model *m, float *p)
{
    const ac_parameters at = ac_parameters_of(m->hidden), *l = &at;
    const int h = l->hidden;
    for (int i = 0; i < AC_LINEAR; i++) p[l->linear + i] = m->linear[i];
    for (int j = 0; j < h; j++) {
        p[l->b1 + j] = (float)m->b1[j], p[l->b2 + j] = (float)m->b2[j];
        for (int i = 0; i < AC_INPUTS; i++) p[l->w1 + i * h + j] = m->w1[j * AC_INPUTS + i];
        for (int i = 0; i < h; i++) p[l->w2 + i * h + j] = m->w2[j * h + i];
    }
    for (int k = 0; k < AC_OUTPUTS; k++) {
        p[l->b3 + k] = (float)m->b3[k];
        for (int i = 0; i < h; i++) p[l->w3 + i * AC_OUTPUTS + k] = m->w3[k * h + i];
    }
    return at;
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
    for (int k = 0; k < AC_OUTPUTS; k++)
        for (int i = 0; i < h; i++) *out++ = (uint8_t)(int8_t)lrintf(p[l->w3 + i * AC_OUTPUTS + k]);
}

/* The linear terms are much alike, so that single steps along each of them zigzag. Steps are taken along directions W
 * instead in which they vary alone and by as much as the local loudness: W = L^-1, where L L^T is their covariance.
 * Terms are frozen where a running mean lags so far behind that a single unit of its weight moves the location by about the noise. */
static void whiten_linear(ac_learner *w, size_t count)
{
    enum { N = AC_LINEAR, SAMPLE = 20000 };
    const double coarse = 0.1;
    double covariance[N][N] = {{0}}, l[N][N] = {{0}}, trace = 0;
    for (size_t k = 0; k < count; k += 1 + count / SAMPLE) {
        double x[N];
        for (int i = 0; i < N; i++) x[i] = w->contexts[k].linear[i] / (512.0 * w->contexts[k].sum);
        for (int i = 0; i < N; i++)
            for (int j = 0; j <= i; j++) covariance[i][j] += x[i] * x[j];
    }
    const double n = (double)((count - 1) / (1 + count / SAMPLE) + 1);
    for (int i = 0; i < N; i++) {
        if (covariance[i][i] > coarse * coarse * n) w->moves[w->at.linear + i] = 0;
        else trace += covariance[i][i] / n;
    }
    for (int i = 0; i < N; i++)
        if (w->moves[w->at.linear + i] == 0) {
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

/* So that both what is learned from and what is held back is some groups. */
enum { HELD_BACK = 16384, LEAST_CONTEXTS = 16 * AC_LOCKSTEP };

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return *state = x;
}

/* The contexts in random order, where they are read one behind the other. */
static ac_context *shuffled(const ac_context *contexts, size_t count, uint64_t *random)
{
    uint32_t *order = malloc(count * sizeof *order);
    ac_context *out = order ? aligned_alloc(64, (count * sizeof *out + 63) / 64 * 64) : NULL;
    if (out) {
        for (size_t i = 0; i < count; i++) {
            const size_t j = next_random(random) % (i + 1);
            order[i] = order[j];
            order[j] = (uint32_t)i;
        }
        for (size_t i = 0; i < count; i++) out[i] = contexts[order[i]];
    }
    free(order);
    return out;
}

const ac_descent *ac_best_descent(int simd)
{
#if defined(__x86_64__)
#define HAS(name) __builtin_cpu_supports(name)
    const int v3 = HAS("avx2") && HAS("fma") && HAS("bmi") && HAS("bmi2") && HAS("popcnt");
    const int v4 = v3 && HAS("avx512f") && HAS("avx512bw") && HAS("avx512cd") && HAS("avx512dq") && HAS("avx512vl");
    if (v4 && (simd == AC_SIMD_AUTO || simd == AC_SIMD_AVX512)) return &ac_descent_avx512;
    if (v3 && simd != AC_SIMD_PORTABLE) return &ac_descent_avx2;
#endif
    (void)simd;
    return &ac_descent_portable;
}

static void keep_best(ac_learner *w)
{
    memcpy(w->best, w->p, sizeof w->p);
    memcpy(w->best_displaced, w->lengths.displaced, sizeof w->best_displaced);
}

static void to_best(ac_learner *w)
{
    memcpy(w->p, w->best, sizeof w->p);
    memcpy(w->lengths.displaced, w->best_displaced, sizeof w->best_displaced);
}

static void start_again(ac_learner *w)
{
    to_best(w);
    memset(w->mean, 0, sizeof w->mean), memset(w->square, 0, sizeof w->square);
    w->taken = 0, w->usual_pull = 0;
}

enum { FOLLOW = 64 };

/* Rounds, each longer than the one before and from where that one ended, while they gain on what is held back; beyond the steps that are
 * meant while they gain much. Where a round gains nothing,
 * the rate was too high for these samples; where one at a lower rate gains nothing either, there is nothing to gain. Returns the
 * number of steps. */
static int fit(ac_learner *w, const ac_tune_options *options)
{
    const ac_descent *by = ac_best_descent(options->simd);
    const size_t most = w->learned / AC_LOCKSTEP, wanted = ((size_t)options->batch + AC_LOCKSTEP - 1) / AC_LOCKSTEP;
    const int groups = (int)(wanted < most ? wanted : most);
    double best = by->held_back_bits(w, w->p), gained = INFINITY;
    float rate = options->rate;
    int taken = 0, more = options->more;
    keep_best(w);
    for (int left = options->steps, round = options->round; left > 0 && gained > options->least * best; left -= round, round += round + round / 2) {
        if (left < 2 * round) round = left;
        for (int first = 0, end; first < round; first = end) {
            end = w->displaced && round - first > 2 * FOLLOW ? first + FOLLOW : round;
            by->descend(w, first, end, round, groups, rate);
            if (w->displaced) ac_widths_follow(w, by);
        }
        taken += round;
        const double bits = by->held_back_bits(w, w->p);
        gained = best - bits;
        if (bits < best) {
            if (left == round && gained > options->much * best) {
                const int longer = round + round / 2, further = longer < more ? longer : more;
                left += further, more -= further;
            }
            best = bits;
            keep_best(w);
        } else if (rate == options->rate) {
            start_again(w);
            rate /= 3, gained = INFINITY;
        }
    }
    to_best(w);
    return taken;
}

int ac_tune(const ac_model *base, const ac_model *start, const ac_context *contexts, size_t count, const ac_tune_options *options, uint8_t *weights,
            size_t capacity, int32_t *steps)
{
    if (!base || !start || base->hidden != start->hidden || !contexts || count < LEAST_CONTEXTS || count > UINT32_MAX || !options || !weights || !steps || options->batch < 1 || options->round < 1) return AC_ERROR_ARGUMENT;
    if (capacity < ac_weights_size(base->hidden)) return AC_ERROR_SPACE;
    if (options->tables && !ac_can_have_widths(contexts, count, options->areas, options->period_bits)) return AC_ERROR_ARGUMENT;
    uint64_t random = 0x9e3779b97f4a7c15u ^ ((uint64_t)options->seed << 1);
    ac_learner *w = aligned_alloc(64, (sizeof *w + 63) / 64 * 64);
    ac_context *drawn = shuffled(contexts, count, &random);
    int status = AC_ERROR_MEMORY;
    if (w && drawn) {
        memset(w, 0, sizeof *w);
        status = ac_code_lengths_build(&base->tables, &w->lengths);
    }
    if (status == AC_OK) {
        w->contexts = drawn;
        w->held_back = count / 16 < HELD_BACK ? count / 16 / AC_LOCKSTEP * AC_LOCKSTEP : HELD_BACK;
        w->learned = count - w->held_back;
        w->at = ac_parameters_from(base, w->base);
        ac_parameters_from(start, w->p);
        scales_of(w, options);
        whiten_linear(w, count);
        if (options->tables) {
            ac_code_lengths_displace(&w->lengths, options->tables, options->areas, options->period_bits);
            w->displaced = 1, w->areas = options->areas, w->period_bits = options->period_bits;
        }
        *steps = fit(w, options);
        float *linear = w->p + w->at.linear, magnitude = 0;
        for (int i = 0; i < AC_LINEAR; i++) magnitude += fabsf(rintf(linear[i]));
        if (magnitude > 64000)
            for (int i = 0; i < AC_LINEAR; i++) linear[i] *= 64000 / magnitude;
        to_bytes(&w->at, w->p, weights);
        ac_code_lengths_free(&w->lengths);
    }
    free(w), free(drawn);
    return status;
}
