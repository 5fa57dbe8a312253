#include "visibility/walk_mixed.h"

#include <math.h>

#include "exact_doubles.h"
#include "visibility/walk_lanes.h"
#include "no_traps.h" /* behind the others */

enum { JOINT = AC_EXPERTS - 1 };
#define FAR 1048576.0

/* Taps behind those that each baseline has weights for; returns how many there are in all. */
INLINE uint32_t take_more(const ac_walk *w, ac_step *s, uint32_t n)
{
    const uint64_t t = s->time, f = s->channel, j = s->turn, channels = w->channels;
    double per_unit[AC_LANES], (*const tap)[2][AC_LANES] = s->tap + s->taps;
    const uint32_t more = j ? 9 : 8;
    for (uint32_t l = 0; l < n; l++) per_unit[l] = 1 / s->unit[l];
    for (uint32_t k = 0; k < more; k++)
        for (int part = 0; part < 2; part++)
            for (uint32_t l = 0; l < n; l++) tap[k][part][l] = 0;
    if (f > 2) ac_take_tap(tap[0], ac_values_at(w, t, f - 3, j), per_unit, n);
    if (f > 3) ac_take_tap(tap[1], ac_values_at(w, t, f - 4, j), per_unit, n);
    if (f > 4) ac_take_tap(tap[2], ac_values_at(w, t, f - 5, j), per_unit, n);
    if (t && f > 1) ac_take_tap(tap[3], ac_values_at(w, t - 1, f - 2, j), per_unit, n);
    if (t && f + 2 < channels) ac_take_tap(tap[4], ac_values_at(w, t - 1, f + 2, j), per_unit, n);
    if (t && f) ac_take_tap(tap[5], ac_predictions_at(w, t - 1, f - 1, j), per_unit, n);
    if (t && f + 1 < channels) ac_take_tap(tap[6], ac_predictions_at(w, t - 1, f + 1, j), per_unit, n);
    if (f > 1) ac_take_tap(tap[7], ac_predictions_at(w, t, f - 2, j), per_unit, n);
    if (j) ac_take_tap(tap[8], ac_values_at(w, t, f, 0), per_unit, n);
    return s->taps + more;
}

/* What the network is told of a part; of part 1, the distance of part 0 is known. */
INLINE void tell(const ac_walk *w, const ac_step *s, uint32_t part, double in[AC_MIX_INPUTS][AC_LANES], uint32_t n)
{
    const double *const power = w->power + s->turn * AC_EXPERTS * n, *const usual = w->usual + 2 * s->turn * n;
    double one[AC_LANES];
    for (uint32_t l = 0; l < n; l++) one[l] = 1;
    const ac_neighbours of = ac_neighbours_of(w, s, one);
    for (uint32_t l = 0; l < n; l++) {
        const double square = s->usual[l] * s->usual[l];
        for (int e = 0; e < AC_EXPERTS; e++) in[e][l] = (power[e * n + l] + AC_RESERVE * square) / square;
        for (int e = 1; e < AC_EXPERTS; e++) { /* how far experts are apart: 2 of 1, 3 of 2, and 3 of 0 */
            const int of_other = e < JOINT ? e : 0, one_of = e < JOINT ? e + 1 : JOINT;
            const double x = s->expert[one_of][0][l] - s->expert[of_other][0][l], y = s->expert[one_of][1][l] - s->expert[of_other][1][l];
            const double apart = (x * x + y * y) / square + 1.0 / 64;
            in[JOINT + e][l] = apart < FAR ? apart : FAR;
        }
        in[7][l] = ac_row_of(&of, l) + 1.0 / 16;
        in[8][l] = ac_column_of(&of, l) + 1.0 / 16;
        in[9][l] = (part ? s->distance[0][l] / usual[l] : of.beside[l]) + 1.0 / 16;
    }
}

/* The mean of experts, each by its weight. */
INLINE void weigh(ac_step *s, const double *power, uint32_t n)
{
    for (uint32_t l = 0; l < n; l++) {
        double p[AC_EXPERTS], v[AC_EXPERTS], least = 0, sum = 0;
        for (int e = 0; e < AC_EXPERTS; e++) {
            p[e] = power[e * n + l] + AC_RESERVE * (s->usual[l] * s->usual[l]);
            least = !e || p[e] < least ? p[e] : least;
        }
        for (int e = 0; e < AC_EXPERTS; e++) {
            const double ratio = least / p[e], square = ratio * ratio;
            s->share[e][l] = v[e] = square * square * square;
            if (e) v[e] *= ac_mix_factor(s->mixing[e - 1][l]);
            sum = e ? sum + v[e] : v[e];
        }
        for (int part = 0; part < 2; part++) {
            const double mean = ((v[1] * s->expert[1][part][l] + v[2] * s->expert[2][part][l]) + v[3] * s->expert[3][part][l]) / sum;
            s->mean[part][l] = mean > -AC_HUGE && mean < AC_HUGE ? mean : 0;
        }
    }
}

INLINE void ac_mixed_predict_body(const ac_walk *w, ac_step *s, uint32_t n)
{
    const ac_joint *const joint = w->joint + s->edge * w->pols + s->turn;
    double in[AC_MIX_INPUTS][AC_LANES];
    s->joint_taps = take_more(w, s, n);
    for (int part = 0; part < 2; part++)
        for (uint32_t l = 0; l < n; l++) s->expert[JOINT][part][l] = 0;
    for (uint32_t k = 0; k < s->joint_taps; k++) {
        const double re = joint->weight[k][0], im = joint->weight[k][1];
        for (uint32_t l = 0; l < n; l++) {
            const double a = s->tap[k][0][l], b = s->tap[k][1][l];
            s->expert[JOINT][0][l] += re * a - im * b;
            s->expert[JOINT][1][l] += re * b + im * a;
        }
    }
    tell(w, s, 0, in, n);
    ac_mix_first(in, s->hidden[0], n);
    ac_mix_second(w->layer, s->hidden[0], s->mixing, n);
    weigh(s, w->power + s->turn * AC_EXPERTS * n, n);
}

INLINE void ac_mixed_scale_body(const ac_walk *w, ac_step *s, uint32_t part, uint32_t n)
{
    if (part) {
        double in[AC_MIX_INPUTS][AC_LANES];
        tell(w, s, 1, in, n);
        ac_mix_first(in, s->hidden[1], n);
        ac_mix_second(w->layer, s->hidden[1], s->mixing, n);
    }
    for (uint32_t l = 0; l < n; l++) {
        const int32_t number = s->mixing[AC_MIX_OUTPUTS - 1][l];
        s->plain_scale[part][l] = s->scale[l];
        s->scale[l] *= (double)((number < AC_MIX_LEAST ? AC_MIX_LEAST : number) + 64) / 64;
    }
}

INLINE void ac_mixed_learn_body(ac_walk *w, const ac_step *s, uint32_t n)
{
    ac_joint *const joint = w->joint + s->edge * w->pols + s->turn;
    double share[AC_LANES];
    for (uint32_t l = 0; l < n; l++) {
        const double x = s->value[0][l] - s->expert[JOINT][0][l], y = s->value[1][l] - s->expert[JOINT][1][l], usual = s->usual[l];
        const double far = sqrt(x * x + y * y) / (AC_CLIP * usual);
        share[l] = s->is_coded[l] ? 1 / (usual * usual) / (far > 1 ? far : 1) : 0;
    }
    ac_joint_learn(joint, s->joint_taps, s->tap, s->value, share, n);
}

BUILD(, ac_mixed_predict, (const ac_walk *walk, ac_step *step), walk, step)
BUILD(, ac_mixed_scale, (const ac_walk *walk, ac_step *step, uint32_t part), walk, step, part)
BUILD(, ac_mixed_learn, (ac_walk *walk, const ac_step *step), walk, step)
