/* Code widths: tables of displaced boundaries fitted to what a model predicts of a frame's samples. Encoder only, in floating point.
 *
 * What is minimised is the code length itself, by Newton's method: of every sample the slope by the displacements of the boundaries on both
 * sides of its cell and, where a cell holds several values, of the value's own. docs/encoder.md section "Code widths". */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuning/learner.h"

enum { RESIDUES = AC_RESIDUES, HELD_BACK_EACH = 8, ITERATIONS = 20, LEAST_CONTEXTS = 16 * AC_LOCKSTEP };
static const float FARTHEST = 63.0f / 64, NARROWEST = 2.0f / 64;
/* Samples that a displacement has to speak for before it counts in full. */
/* Part of the bits that an iteration must gain for another one to follow. */
static const double ENOUGH = 3e-5;
static const double PRIOR = 4;
static const double LONGEST_STEP = 0.4;

/* Bits of samples; where `out` is given, slopes by area. d: displacements in codes by area and residue. */
double ac_width_bits(const float *log2_of, const ac_coded_sample *samples, size_t count, float (*d)[RESIDUES], int period_bits, ac_pulls *out)
{
    double bits = 0;
    for (const ac_coded_sample *s = samples; s < samples + count; s++) {
        const float *own_d = d[s->area], part = s->k < period_bits ? 1 / (float)(1 << s->k) : 0;
        const float part_below = s->moves_below ? part : 0, part_above = s->moves_above ? part : 0;
        const float low = own_d[s->below] * part_below, high = own_d[s->above] * part_above;
        const float before = (float)(s->cum[1] - s->cum[0]), own = (float)(s->cum[2] - s->cum[1]), after = (float)(s->cum[3] - s->cum[2]);
        const float of_high = high > 0 ? after : own, of_low = low > 0 ? own : before;
        const float frequency = fmaxf(own + high * of_high - low * of_low, 1);
        bits += AC_PRECISION - log2_of[(int)(frequency + 0.5f)] + s->plain_bits;
        const uint8_t v = s->value, next = (uint8_t)(v + 1);
        const float width = s->is_split ? fmaxf(1 + own_d[next] - own_d[v], NARROWEST) : 1;
        const float cell = s->is_split ? (float)(1 << s->k) + own_d[s->above] - own_d[s->below] : 1;
        if (s->is_split) bits += log2f(cell / width) - s->k;
        if (!out) continue;
        ac_pulls *p = out + s->area;
        const double up = of_high * part_above / frequency, down = of_low * part_below / frequency;
        p->slope[s->above] += up, p->slope[s->below] -= down;
        p->curvature[s->above] += up * up, p->curvature[s->below] += down * down;
        if (s->k == 0) p->next[s->below] -= up * down;
        if (!s->is_split) continue;
        const double by_width = 1 / width, by_cell = 1 / cell;
        p->slope[next] += by_width, p->slope[v] -= by_width;
        p->curvature[next] += by_width * by_width, p->curvature[v] += by_width * by_width;
        p->next[v] -= by_width * by_width;
        p->slope[s->above] -= by_cell, p->slope[s->below] += by_cell;
    }
    return bits;
}

static void fold(double *of_residue, int period)
{
    for (int v = period; v < RESIDUES; v++) of_residue[v & (period - 1)] += of_residue[v];
}

/* A step of Newton's. Boundaries know those beside them, as in a chain that is open at its ends. */
static void step_of(ac_pulls *p, int period, const float *d, double *step)
{
    double diagonal[RESIDUES], right[RESIDUES];
    fold(p->slope, period), fold(p->curvature, period), fold(p->next, period);
    for (int v = 0; v < period; v++) {
        diagonal[v] = p->curvature[v] + PRIOR;
        right[v] = p->slope[v] - PRIOR * d[v];
    }
    for (int v = 1; v < period; v++) {
        const double part = p->next[v - 1] / diagonal[v - 1];
        diagonal[v] -= part * p->next[v - 1];
        right[v] -= part * right[v - 1];
    }
    for (int v = period - 1; v >= 0; v--) step[v] = (right[v] - (v + 1 < period ? p->next[v] * step[v + 1] : 0)) / diagonal[v];
    for (int v = 0; v < period; v++) step[v] = fmin(fmax(step[v], -LONGEST_STEP), LONGEST_STEP);
}

/* Within what the format allows: a constant moves all boundaries alike, so it is given up first. */
static void keep_allowed(float *d, int period)
{
    float low = d[0], high = d[0];
    for (int v = 1; v < period; v++) low = fminf(low, d[v]), high = fmaxf(high, d[v]);
    const float middle = (low + high) / 2, reach = (high - low) / 2;
    const float by = high > FARTHEST ? fmaxf(middle, high - FARTHEST) : low < -FARTHEST ? fminf(middle, low + FARTHEST) : 0;
    const float moved = reach > FARTHEST ? middle : by;
    for (int v = 0; v < period; v++) d[v] = fminf(fmaxf(d[v] - moved, -FARTHEST), FARTHEST);
    for (int i = 0; i < 2 * period; i++) {
        const int v = i & (period - 1), above = (i + 1) & (period - 1);
        d[above] = fmaxf(d[above], d[v] - 1 + NARROWEST);
    }
}

static void repeat(float *d, int period)
{
    for (int v = period; v < RESIDUES; v++) d[v] = d[v & (period - 1)];
}

/* While a network learns, widths follow it: a part of a step of Newton's from what the last samples say, by what all so far know. */
void ac_widths_follow(ac_learner *w, const ac_descent *by)
{
    enum { GROUPS = 512 };
    static const double KEPT = 0.85;
    const int period = 1 << w->period_bits;
    const size_t groups = w->learned < GROUPS ? w->learned : GROUPS, count = groups * AC_LOCKSTEP;
    ac_coded_sample *samples = malloc(count * sizeof *samples);
    if (!samples) return;
    if (w->width_next + groups > w->learned) w->width_next = 0;
    by->cells(w, w->width_next, groups, samples);
    w->width_next += groups;
    for (int a = 0; a < w->areas; a++)
        for (int v = 0; v < RESIDUES; v++) w->pulls[a].slope[v] = 0, w->pulls[a].curvature[v] *= KEPT, w->pulls[a].next[v] *= KEPT;
    ac_width_bits(w->lengths.log2_of, samples, count, w->lengths.displaced, w->period_bits, w->pulls);
    for (int a = 0; a < w->areas; a++) {
        ac_pulls folded = w->pulls[a];
        double step[RESIDUES];
        float *d = w->lengths.displaced[a];
        step_of(&folded, period, d, step);
        for (int v = 0; v < period; v++) d[v] += (float)step[v];
        keep_allowed(d, period);
        repeat(d, period);
        for (int v = 0; v < RESIDUES; v++) w->lengths.width_bits[a][v] = log2f(fmaxf(1 + d[(v + 1) & (RESIDUES - 1)] - d[v], NARROWEST));
    }
    free(samples);
}

typedef struct {
    float now[AC_MAX_AREAS][RESIDUES], tried[AC_MAX_AREAS][RESIDUES];
    ac_pulls by_area[AC_MAX_AREAS];
    double step[AC_MAX_AREAS][RESIDUES];
} fitting;

static void fit(fitting *f, const float *log2_of, const ac_coded_sample *samples, size_t count, int areas, int period_bits)
{
    const int period = 1 << period_bits;
    double bits = INFINITY;
    float length = 1;
    for (int i = 0; i < ITERATIONS; i++) {
        memset(f->by_area, 0, sizeof f->by_area);
        const double now = ac_width_bits(log2_of, samples, count, f->tried, period_bits, f->by_area);
        const double gained = bits - now;
        if (now < bits) {
            bits = now, length = 1;
            memcpy(f->now, f->tried, sizeof f->now);
            if (gained < ENOUGH * bits) break;
            for (int a = 0; a < areas; a++) step_of(f->by_area + a, period, f->now[a], f->step[a]);
        } else {
            length /= 2;
            if (length < 0.05f) break;
        }
        for (int a = 0; a < areas; a++) {
            for (int v = 0; v < period; v++) f->tried[a][v] = f->now[a][v] + length * (float)f->step[a][v];
            keep_allowed(f->tried[a], period);
            repeat(f->tried[a], period);
        }
    }
}

int ac_can_have_widths(const ac_context *contexts, size_t count, int areas, int period_bits)
{
    if (areas < 1 || areas > AC_MAX_AREAS || period_bits < 1 || period_bits > 8) return 0;
    for (size_t i = 0; i < count; i++)
        if (contexts[i].area >= areas) return 0;
    return 1;
}

int ac_learn_widths(const ac_model *model, const ac_context *contexts, size_t count, int32_t areas, int32_t period_bits, int32_t simd, int16_t *tables,
                    double bits[2])
{
    if (!model || !contexts || count < LEAST_CONTEXTS || !tables || !bits || !ac_can_have_widths(contexts, count, areas, period_bits)) return AC_ERROR_ARGUMENT;
    count = count / AC_LOCKSTEP * AC_LOCKSTEP;
    ac_learner *w = aligned_alloc(64, (sizeof *w + 63) / 64 * 64);
    ac_coded_sample *samples = malloc(count * sizeof *samples), *held_back = malloc((count / HELD_BACK_EACH + 1) * sizeof *held_back);
    fitting *f = calloc(1, sizeof *f);
    int status = AC_ERROR_MEMORY;
    if (w && samples && held_back && f) {
        memset(w, 0, sizeof *w);
        status = ac_code_lengths_build(&model->tables, &w->lengths);
    }
    if (status == AC_OK) {
        const int period = 1 << period_bits;
        w->at = ac_parameters_from(model, w->p);
        w->contexts = contexts;
        ac_best_descent(simd)->cells(w, 0, count / AC_LOCKSTEP, samples);
        size_t learned = 0, held = 0;
        for (size_t i = 0; i < count; i++) {
            if (i % HELD_BACK_EACH == HELD_BACK_EACH - 1) held_back[held++] = samples[i];
            else samples[learned++] = samples[i];
        }
        bits[0] = ac_width_bits(w->lengths.log2_of, held_back, held, f->now, period_bits, NULL) / (double)held;
        for (int a = 0; a < areas; a++) {
            for (int v = 0; v < period; v++) f->tried[a][v] = (float)tables[a * period + v] / 64;
            keep_allowed(f->tried[a], period);
            repeat(f->tried[a], period);
        }
        fit(f, w->lengths.log2_of, samples, learned, areas, period_bits);
        for (int a = 0; a < areas; a++) {
            for (int v = 0; v < period; v++) {
                tables[a * period + v] = (int16_t)lrintf(64 * f->now[a][v]);
                f->now[a][v] = (float)tables[a * period + v] / 64;
            }
            repeat(f->now[a], period);
        }
        bits[1] = ac_width_bits(w->lengths.log2_of, held_back, held, f->now, period_bits, NULL) / (double)held;
        ac_code_lengths_free(&w->lengths);
    }
    free(w), free(samples), free(held_back), free(f);
    return status;
}
