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

/* Integer units per unit of a parameter, so that one learning rate serves all; along directions where there are some. Those of the hidden layers' weights are set with these. */
static void scales_of(ac_learner *w, const ac_tune_options *options)
{
    static const float output[AC_OUTPUTS] = {372, 738, 128, 128};
    const ac_parameters *l = &w->at;
    const int h = l->hidden;
    for (int i = 0; i < AC_LINEAR; i++) w->scale[l->linear + i] = 3;
    for (int i = 0; i < h; i++) w->scale[l->b1 + i] = w->scale[l->b2 + i] = 512;
    for (int k = 0; k < AC_OUTPUTS; k++) {
        w->scale[l->b3 + k] = output[k];
        for (int i = 0; i < h; i++) w->scale[l->w3 + i * AC_OUTPUTS + k] = output[k] / 8;
    }
    for (int i = 0; i < l->count; i++) {
        const int bytes = (i >= l->w1 && i < l->b2) || (i >= l->w2 && i < l->b3), hidden = bytes && i < l->w3;
        w->limit[i] = bytes ? INT8_MAX : INT16_MAX;
        w->charged[i] = bytes ? options->charge : 0;
        w->moves[i] = hidden ? !options->outputs_only : w->scale[i] > 0;
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

/* So that both what is learned from and what is held back is some groups, of which the latter are at most so many. */
enum { HELD_BACK = 16384 / AC_LOCKSTEP, LEAST_CONTEXTS = 16 * AC_LOCKSTEP };

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return *state = x;
}

static uint32_t *random_order(size_t count, uint32_t seed)
{
    uint64_t random = 0x9e3779b97f4a7c15u ^ ((uint64_t)seed << 1);
    uint32_t *order = malloc(count * sizeof *order);
    for (size_t i = 0; order && i < count; i++) {
        const size_t j = (next_random(&random) >> 32) * (i + 1) >> 32;
        order[i] = order[j];
        order[j] = (uint32_t)i;
    }
    return order;
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

static void keep_best(ac_learner *w, const float *p)
{
    memcpy(w->best, p, sizeof w->best);
    memcpy(w->best_displaced, w->lengths.displaced, sizeof w->best_displaced);
}

static void to_best(ac_learner *w)
{
    memcpy(w->p, w->best, sizeof w->p);
    memcpy(w->average, w->best, sizeof w->average);
    memcpy(w->lengths.displaced, w->best_displaced, sizeof w->best_displaced);
    memset(w->mean, 0, sizeof w->mean), memset(w->square, 0, sizeof w->square);
    w->taken = 0, w->usual_pull = 0;
}

/* Steps at rates that change evenly; code widths follow. */
static void go(ac_learner *w, const ac_descent *by, int steps, int groups, float from, float to)
{
    enum { FOLLOW = 64 };
    for (int first = 0, end; first < steps; first = end) {
        end = w->displaced && steps - first > 2 * FOLLOW ? first + FOLLOW : steps;
        const float each = (to - from) / (float)steps;
        by->descend(w, end - first, groups, from + each * (float)first, from + each * (float)end);
        if (w->displaced) ac_widths_follow(w, by);
    }
}

/* What weights gain on what is held back; they are kept where that is more than nothing. */
static double look(ac_learner *w, const ac_descent *by, const float *p, double *best)
{
    const double bits = by->held_back_bits(w, p), gained = *best - bits;
    if (gained > 0) *best = bits, keep_best(w, p);
    return gained;
}

/* Rounds at a constant rate while the average of their last steps gains, then twice as many steps at one that falls to nothing. Where the
 * first round gains nothing the rate is too high for these samples, or there is nothing to gain: once more at a lower one. */
static ac_tuned fit(ac_learner *w, const ac_tune_options *options)
{
    static const float FALLING = 2;
    const ac_descent *by = ac_best_descent(options->simd);
    const size_t wanted = ((size_t)options->batch + AC_LOCKSTEP - 1) / AC_LOCKSTEP;
    const int groups = (int)(wanted < w->learned ? wanted : w->learned), constant = (int)((float)options->steps / (1 + FALLING)) + 1;
    const int round = options->round < constant ? options->round : constant, warm = round / 4;
    double best = INFINITY, gained = 0;
    look(w, by, w->p, &best);
    const double first = best;
    ac_tuned tuned = {.start = (float)best};
    float rate = 3 * options->rate;
    for (int attempt = 0; attempt < 2 && gained <= 0; attempt++) {
        rate /= 3;
        to_best(w);
        go(w, by, warm, groups, 0, rate);
        go(w, by, round - warm, groups, rate, rate);
        gained = look(w, by, w->average, &best);
        tuned.steps += round;
    }
    tuned.early = (float)best;
    int rounds = 1;
    for (; gained > options->least * best && (rounds + 1) * round <= constant; rounds++) {
        go(w, by, round, groups, rate, rate);
        gained = look(w, by, w->average, &best);
        tuned.steps += round;
        if (rounds == 1) tuned.early = (float)best;
        if (rounds == 1 && best > options->rival) break;
    }
    if (best < first && best <= options->rival) {
        const int falling = (int)(FALLING * (float)(rounds * round));
        go(w, by, falling, groups, rate, 0);
        look(w, by, w->p, &best);
        tuned.steps += falling;
    }
    to_best(w);
    tuned.end = (float)best;
    return tuned;
}

int ac_tune(const ac_model *base, const ac_model *start, const ac_context *contexts, size_t count, const ac_tune_options *options, uint8_t *weights,
            size_t capacity, ac_tuned *tuned)
{
    if (!base || !start || base->hidden != start->hidden || !contexts || count < LEAST_CONTEXTS || count > UINT32_MAX || !options || !weights || !tuned || options->batch < 1 || options->round < 1) return AC_ERROR_ARGUMENT;
    if (capacity < ac_weights_size(base->hidden)) return AC_ERROR_SPACE;
    if (options->tables && !ac_can_have_widths(contexts, count, options->areas, options->period_bits)) return AC_ERROR_ARGUMENT;
    ac_learner *w = aligned_alloc(64, (sizeof *w + 63) / 64 * 64);
    const size_t all = count / AC_LOCKSTEP;
    uint32_t *order = random_order(all, options->seed);
    int status = AC_ERROR_MEMORY;
    if (w && order) {
        memset(w, 0, sizeof *w);
        status = ac_code_lengths_build(&base->tables, &w->lengths);
    }
    if (status == AC_OK) {
        w->contexts = contexts, w->order = order;
        w->held_back = all / 16 < HELD_BACK ? all / 16 : HELD_BACK;
        w->learned = all - w->held_back;
        w->at = ac_parameters_from(base, w->base);
        ac_parameters_from(start, w->p);
        scales_of(w, options);
        ac_whiten_linear(w, count);
        ac_turn_layers(w, count);
        if (options->tables) {
            ac_code_lengths_displace(&w->lengths, options->tables, options->areas, options->period_bits);
            w->displaced = 1, w->areas = options->areas, w->period_bits = options->period_bits;
        }
        *tuned = fit(w, options);
        float *linear = w->p + w->at.linear, magnitude = 0;
        for (int i = 0; i < AC_LINEAR; i++) magnitude += fabsf(rintf(linear[i]));
        if (magnitude > 64000)
            for (int i = 0; i < AC_LINEAR; i++) linear[i] *= 64000 / magnitude;
        to_bytes(&w->at, w->p, weights);
        ac_code_lengths_free(&w->lengths);
    }
    free(w), free(order);
    return status;
}
