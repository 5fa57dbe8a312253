/* Descend: Adam (Kingma & Ba 2015, arXiv:1412.6980) along the slopes of backpropagation.h. Compiled once for each kind of vectors. */
#include "tuning/backpropagation.h"

/* The sixteen contexts of a group. Those of the next one are fetched meanwhile. */
static AC_INLINE const ac_context *group_of(const ac_learner *w, size_t i)
{
    const ac_context *next = w->contexts + SAMPLES * (size_t)w->order[i + 1 < w->learned + w->held_back ? i + 1 : 0];
    for (int s = 0; s < SAMPLES; s++) __builtin_prefetch(next + s), __builtin_prefetch(next[s].linear + AC_LINEAR);
    return w->contexts + SAMPLES * (size_t)w->order[i];
}

/* With a constant number of neurons loops become straight vector code. */
static void learn_batch(ac_learner *w, size_t first, int groups)
{
    for (int i = 0; i < groups; i++, first++) {
        const ac_context *contexts = group_of(w, first);
        if (w->at.hidden == 16 && !w->displaced) learn(16, 0, w, contexts);
        else if (w->at.hidden == 16) learn(16, 1, w, contexts);
        else if (!w->displaced) learn(32, 0, w, contexts);
        else learn(32, 1, w, contexts);
    }
}

static void round_parameters(ac_learner *w, const float *p)
{
    const int h = w->at.hidden;
    for (int i = 0; i < w->at.count; i++) w->rounded[i] = (float)(int32_t)(p[i] + (p[i] < 0 ? -0.5f : 0.5f));
    const float *w2 = w->rounded + w->at.w2, *w3 = w->rounded + w->at.w3;
    for (int i = 0; i < h; i++) {
        for (int j = 0; j < h; j++) w->turned2[j * h + i] = w2[i * h + j];
        for (int k = 0; k < AC_OUTPUTS; k++) w->turned3[k * h + i] = w3[i * AC_OUTPUTS + k];
    }
}

/* Bits a held-back sample takes on average. */
static double held_back_bits(ac_learner *w, const float *p)
{
    double bits = 0;
    round_parameters(w, p);
    for (size_t i = 0; i < w->held_back; i++) {
        const ac_context *c = group_of(w, w->learned + i);
        if (w->at.hidden == 16) bits += w->displaced ? bits_of(16, 1, w, c) : bits_of(16, 0, w, c);
        else bits += w->displaced ? bits_of(32, 1, w, c) : bits_of(32, 0, w, c);
    }
    return bits / (double)(w->held_back * SAMPLES);
}

/* Where contexts' samples stand in the tables of the model that `w->p` is. */
static void cells(ac_learner *w, size_t first, size_t groups, ac_coded_sample *out)
{
    round_parameters(w, w->p);
    for (size_t i = 0; i < groups; i++, out += SAMPLES) {
        const ac_context *c = w->order ? group_of(w, first + i) : w->contexts + SAMPLES * (first + i);
        if (w->at.hidden == 16) cells_of(16, w, c, out);
        else cells_of(32, w, c, out);
    }
}

/* Slopes by the weights of a layer, as slopes by what they are along its directions. A constant part of the inputs is left to the bias. */
static AC_INLINE void slopes_along(const ac_directions *by, const int inputs, const int h, float *restrict slopes, const float *restrict of_bias)
{
    _Alignas(64) float centred[AC_INPUTS * AC_MAX_HIDDEN];
    static const _Alignas(64) float none[AC_MAX_HIDDEN];
    for (int i = 0; i < inputs; i++)
        for (int j = 0; j < h; j++) centred[i * h + j] = slopes[i * h + j] - by->mean[i] * of_bias[j];
    product(inputs, inputs, h, by->along, inputs, 1, centred, none, 0, slopes);
}

/* Steps along directions, as steps of weights and biases. */
static AC_INLINE void steps_of(const ac_directions *by, const int inputs, const int h, float *restrict steps, float *restrict of_bias)
{
    _Alignas(64) float along[AC_INPUTS * AC_MAX_HIDDEN];
    static const _Alignas(64) float none[AC_MAX_HIDDEN];
    memcpy(along, steps, (size_t)(inputs * h) * sizeof *along);
    product(inputs, inputs, h, by->along, 1, inputs, along, none, 0, steps);
    for (int i = 0; i < inputs; i++)
        for (int j = 0; j < h; j++) of_bias[j] -= by->mean[i] * steps[i * h + j];
}

/* The batch's slopes per unit of each parameter, along directions. The many 8-bit weights also pay for the bits that their change takes in the
 * stream, which grow like its logarithm. */
static AC_INLINE void collect(ac_learner *w, const int h, int samples)
{
    float *d = w->gradient, turned[AC_TERMS] = {0};
    const ac_parameters *l = &w->at;
    const float part = 1 / (float)samples;
    for (int i = 0; i < AC_TERMS; i++)
        for (int j = 0; j <= i; j++) turned[i] += w->whiten[i][j] * d[j] * w->moves[j];
    memcpy(d, turned, sizeof turned);
    for (int i = 0; i < l->count; i++) {
        const float change = w->p[i] - w->base[i], size = fabsf(change);
        d[i] = d[i] * part + w->charged[i] * (size < 1 ? change : change / size) / (1 + 0.25f * size);
    }
    slopes_along(&w->layers[0], AC_INPUTS, h, d + l->w1, d + l->b1);
    slopes_along(&w->layers[1], h, h, d + l->w2, d + l->b2);
    for (int i = 0; i < l->count; i++) d[i] *= w->moves[i] * w->scale[i];
}

/* Slope clipped, moment estimates, a step. */
static AC_INLINE void adam_step(ac_learner *w, const int h, float rate)
{
    enum { AVERAGED = 100 };
    const ac_parameters *l = &w->at;
    const int count = l->count;
    _Alignas(64) float by[AC_MAX_PARAMETERS];
    float norm = 0, turned[AC_TERMS] = {0};
    for (int i = 0; i < count; i++) norm += w->gradient[i] * w->gradient[i];
    norm = sqrtf(norm);
    w->usual_norm = w->taken ? 0.95f * w->usual_norm + 0.05f * fminf(norm, 3 * w->usual_norm) : norm;
    const float clip = norm > 1.5f * w->usual_norm ? 1.5f * w->usual_norm / norm : 1;
    const float correct1 = 1 / (1 - powf(0.9f, (float)w->taken + 1)), correct2 = 1 / (1 - powf(0.999f, (float)w->taken + 1));
    w->taken++;
    for (int i = 0; i < count; i++) {
        const float g = w->gradient[i] * clip;
        w->mean[i] = 0.9f * w->mean[i] + 0.1f * g;
        w->square[i] = 0.999f * w->square[i] + 0.001f * g * g;
        by[i] = w->moves[i] * rate * w->scale[i] * (w->mean[i] * correct1) / (sqrtf(w->square[i] * correct2) + 1e-8f);
    }
    for (int i = 0; i < AC_TERMS; i++)
        for (int j = 0; j <= i; j++) turned[j] += by[i] * w->whiten[i][j];
    memcpy(by, turned, sizeof turned);
    steps_of(&w->layers[0], AC_INPUTS, h, by + l->w1, by + l->b1);
    steps_of(&w->layers[1], h, h, by + l->w2, by + l->b2);
    for (int i = 0; i < count; i++) {
        w->p[i] = fminf(fmaxf(w->p[i] - by[i], -w->limit[i]), w->limit[i]);
        w->average[i] += (w->p[i] - w->average[i]) / AVERAGED;
    }
}

/* Vector kernels sum half a row in 16 bits, in the first half with the bias: what could grow larger than that is shrunk. Some room is left
 * for rounding. */
static AC_INLINE void keep_sums(const int outputs, int inputs, float *restrict weights, const float *restrict bias, float lowest, float highest)
{
    enum { MOST = 32000 };
    for (int half = 0; half < 2; half++) {
        float low[AC_MAX_HIDDEN] = {0}, high[AC_MAX_HIDDEN] = {0}, *rows = weights + half * (inputs / 2) * outputs;
        for (int i = 0; i < inputs / 2; i++)
            for (int j = 0; j < outputs; j++) {
                const float first = rows[i * outputs + j] * lowest, last = rows[i * outputs + j] * highest;
                low[j] += fminf(first, last), high[j] += fmaxf(first, last);
            }
        int fits = 1;
        for (int j = 0; j < outputs; j++) {
            const float b = half ? 0 : bias[j];
            low[j] = fminf((MOST + b) / fmaxf(-low[j], 1), 1), high[j] = fminf((MOST - b) / fmaxf(high[j], 1), 1);
            if (lowest < 0) low[j] = high[j] = fminf(low[j], high[j]);
            fits &= (low[j] >= 1) & (high[j] >= 1);
        }
        if (fits) continue;
        for (int i = 0; i < inputs / 2; i++)
            for (int j = 0; j < outputs; j++) rows[i * outputs + j] *= rows[i * outputs + j] > 0 ? high[j] : low[j];
    }
}

static AC_INLINE void keep_all_sums(ac_learner *w, const int h)
{
    const ac_parameters *l = &w->at;
    keep_sums(h, AC_INPUTS, w->p + l->w1, w->p + l->b1, -AC_INPUT_MAX, AC_INPUT_MAX);
    keep_sums(h, h, w->p + l->w2, w->p + l->b2, 0, AC_ACTIVATION_MAX);
    keep_sums(AC_OUTPUTS, h, w->p + l->w3, w->p + l->b3, 0, AC_ACTIVATION_MAX);
}

static void descend(ac_learner *w, int steps, int groups, float from, float to)
{
    for (int step = 0; step < steps; step++) {
        const float rate = from + (to - from) * ((float)step + 0.5f) / (float)steps;
        round_parameters(w, w->p);
        memset(w->gradient, 0, sizeof w->gradient);
        if (w->next + (size_t)groups > w->learned) w->next = 0;
        learn_batch(w, w->next, groups);
        w->next += (size_t)groups;
        if (w->at.hidden == 16) {
            collect(w, 16, groups * SAMPLES);
            adam_step(w, 16, rate);
            keep_all_sums(w, 16);
        } else {
            collect(w, 32, groups * SAMPLES);
            adam_step(w, 32, rate);
            keep_all_sums(w, 32);
        }
    }
}

const ac_descent DESCENT = {descend, held_back_bits, cells};
