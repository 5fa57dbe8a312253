#include "visibility/walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exact_doubles.h"
#include "visibility/walk_lanes.h"
#include "visibility/walk_mixed.h"
#include "no_traps.h" /* behind the others */

static const double FORGET = 511.0 / 512, REMEMBER = 512.0 / 511; /* rounded once */
static const double PRIOR = 1.0 / 32, FLOOR_OF_USUAL = 4, FIRST_SEEN = 16, SEEN_BEFORE = 64, MOST_SEEN = 128, NOTHING = 1.0 / 1024, SMOOTHING = 4, FADE = 15.0 / 16;
/* What a ratio promises before any was seen. */
static const double promise[6] = {97.0 / 128, 110.0 / 128, 124.0 / 128, 137.0 / 128, 155.0 / 128, 181.0 / 128};
static const double bounds[5] = {13.0 / 32, 22.0 / 32, 36.0 / 32, 54.0 / 32, 3};

int ac_walk_start(ac_walk *w, const ac_block *b, uint32_t baselines, int is_predicted, const int8_t *layer)
{
    *w = (ac_walk){.lanes = ac_lanes_of(baselines), .baselines = baselines, .channels = b->channels, .pols = b->pols, .is_predicted = is_predicted, .layer = layer};
    const size_t n = w->lanes, steps = (size_t)(b->channels * b->pols), pols = (size_t)b->pols, sets = AC_EDGES * pols;
    w->distances = calloc(2 * steps * n, sizeof(double));
    w->usual = malloc(2 * pols * n * sizeof(double));
    w->seen = malloc(pols * n * sizeof(double));
    w->quiet = calloc(2 * pols * n, sizeof(double));
    if (!w->distances || !w->usual || !w->seen || !w->quiet) return AC_ERROR_MEMORY;
    for (size_t i = 0; i < 2 * pols * n; i++) w->usual[i] = b->noise;
    for (size_t i = 0; i < pols * n; i++) w->seen[i] = b->kind == AC_LATTICE ? SEEN_BEFORE : FIRST_SEEN;
    for (int part = 0; part < 2; part++)
        for (int i = 0; i < AC_RATIOS; i++) {
            w->found[part][i] = 8 * (promise[i % 6] * promise[i / 6 % 6] * promise[i / 36]);
            w->counted[part][i] = 8;
        }
    if (!is_predicted) return AC_OK;
    w->values = calloc(4 * steps * n, sizeof(double));
    w->predictions = calloc(4 * steps * n, sizeof(double));
    w->power = calloc(pols * AC_EXPERTS * n, sizeof(double));
    w->weights = calloc(sets * AC_TAPS * 2 * n, sizeof(double));
    w->inverse = calloc(sets * AC_PAIRS * 2 * n, sizeof(double));
    w->is_taught = calloc(sets * n, 1);
    w->taught = calloc(sets, sizeof(uint32_t));
    w->joint = layer ? calloc(sets, sizeof *w->joint) : NULL;
    if ((layer && !w->joint) || !w->values || !w->predictions || !w->power || !w->weights || !w->inverse || !w->is_taught || !w->taught) return AC_ERROR_MEMORY;
    const double first = PRIOR / (b->noise * b->noise);
    for (size_t set = 0; set < sets; set++)
        for (size_t a = 0, pair = 0; a < AC_TAPS; pair += AC_TAPS - a, a++)
            for (size_t l = 0; l < n; l++) w->inverse[((set * AC_PAIRS + pair) * 2) * n + l] = first;
    return AC_OK;
}

void ac_walk_end(ac_walk *w)
{
    free(w->values), free(w->predictions), free(w->distances), free(w->usual), free(w->seen), free(w->quiet), free(w->power);
    free(w->weights), free(w->inverse), free(w->is_taught), free(w->taught), free(w->joint);
}

INLINE double sum_over(const double *lane, uint32_t n);

int ac_walk_next(ac_walk *w, const ac_block *b, uint32_t baselines)
{
    ac_walk next;
    int status = ac_walk_start(&next, b, baselines, w->is_predicted, w->layer);
    ac_joint *const joint = next.joint;
    next.joint = w->joint, w->joint = joint;
    memcpy(next.found, w->found, sizeof w->found);
    memcpy(next.counted, w->counted, sizeof w->counted);
    for (size_t j = 0; !status && j < 2 * b->pols; j++) {
        double sum = 0;
        for (uint32_t l = 0; l < w->baselines; l++) sum += w->usual[j * w->lanes + l];
        for (uint32_t l = 0; l < next.lanes; l++) next.usual[j * next.lanes + l] = sum / w->baselines;
    }
    for (size_t set = 0; !status && w->is_predicted && set < AC_EDGES * b->pols; set++) {
        if (!w->taught[set]) continue;
        next.taught[set] = baselines;
        memset(next.is_taught + set * next.lanes, 1, baselines);
        for (size_t i = set * AC_TAPS * 2; i < (set + 1) * AC_TAPS * 2; i++) {
            const double mean = sum_over(w->weights + i * w->lanes, w->lanes) / w->taught[set];
            for (uint32_t l = 0; l < baselines; l++) next.weights[i * next.lanes + l] = mean;
        }
    }
    ac_walk_end(w);
    *w = next;
    return status;
}

/* A tap a b / c of three others, less where c is no larger than usual distances. */
INLINE void take_ratio(double tap[2][AC_LANES], const double a[2][AC_LANES], const double b[2][AC_LANES], const double c[2][AC_LANES], const double *usual, uint32_t n)
{
    for (uint32_t l = 0; l < n; l++) {
        const double size = (c[0][l] * c[0][l] + c[1][l] * c[1][l]) + SMOOTHING * (usual[l] * usual[l]);
        const double re = a[0][l] * b[0][l] - a[1][l] * b[1][l], im = a[0][l] * b[1][l] + a[1][l] * b[0][l];
        tap[0][l] = (re * c[0][l] + im * c[1][l]) / size;
        tap[1][l] = (im * c[0][l] - re * c[1][l]) / size;
    }
}

INLINE void taps_of(const ac_walk *w, ac_step *s, uint32_t n)
{
    const uint64_t t = s->time, f = s->channel, j = s->turn;
    const double *const usual = s->usual;
    double per_unit[AC_LANES], first[2][AC_LANES], other[2][AC_LANES];
    for (uint32_t l = 0; l < n; l++) per_unit[l] = 1 / s->unit[l];
    for (uint32_t k = 0; k < s->taps; k++)
        for (int part = 0; part < 2; part++)
            for (uint32_t l = 0; l < n; l++) s->tap[k][part][l] = 0;
    if (f) ac_take_tap(s->tap[0], ac_values_at(w, t, f - 1, j), per_unit, n);
    if (f > 1) ac_take_tap(s->tap[1], ac_values_at(w, t, f - 2, j), per_unit, n);
    if (t) ac_take_tap(s->tap[2], ac_values_at(w, t - 1, f, j), per_unit, n);
    if (t && f) ac_take_tap(s->tap[3], ac_values_at(w, t - 1, f - 1, j), per_unit, n);
    if (t && f + 1 < w->channels) ac_take_tap(s->tap[4], ac_values_at(w, t - 1, f + 1, j), per_unit, n);
    if (t && f) take_ratio(s->tap[5], s->tap[0], s->tap[2], s->tap[3], usual, n);
    if (f) ac_take_tap(s->tap[6], ac_predictions_at(w, t, f - 1, j), per_unit, n);
    if (t) ac_take_tap(s->tap[7], ac_predictions_at(w, t - 1, f, j), per_unit, n);
    if (!j) return;
    ac_take_tap(first, ac_values_at(w, t, f, 0), per_unit, n);
    if (f) {
        ac_take_tap(other, ac_values_at(w, t, f - 1, 0), per_unit, n);
        take_ratio(s->tap[8], first, s->tap[0], other, usual, n);
    }
    if (t) {
        ac_take_tap(other, ac_values_at(w, t - 1, f, 0), per_unit, n);
        take_ratio(s->tap[9], first, s->tap[2], other, usual, n);
    }
}

/* Sum over lanes: halves are added until one is left. */
INLINE double sum_over(const double *lane, uint32_t n)
{
    double sum[AC_LANES];
    for (uint32_t l = 0; l < n; l++) sum[l] = lane[l];
    for (uint32_t half = n / 2; half; half /= 2)
        for (uint32_t l = 0; l < half; l++) sum[l] += sum[l + half];
    return sum[0];
}

INLINE void predict_body(const ac_walk *w, ac_step *s, uint32_t n)
{
    s->edge = !s->time ? 0 : !s->channel ? 1 : 2;
    s->taps = s->turn ? AC_TAPS : AC_TAPS_ALONE;
    const double *const of_parts = w->usual + 2 * s->turn * n;
    for (uint32_t l = 0; l < n; l++) s->usual[l] = (of_parts[l] + of_parts[n + l]) * 0.5;
    for (int part = 0; part < 2; part++)
        for (uint32_t l = 0; l < n; l++) s->mean[part][l] = 0;
    if (!w->is_predicted) return;
    taps_of(w, s, n);
    const size_t set = s->edge * w->pols + s->turn;
    const double *const weights = w->weights + set * AC_TAPS * 2 * n, *const power = w->power + s->turn * AC_EXPERTS * n, *const usual = s->usual;
    const double lanes = w->taught[set] ? w->taught[set] : 1;
    for (int e = 0; e < AC_PLAIN_EXPERTS; e++)
        for (int part = 0; part < 2; part++)
            for (uint32_t l = 0; l < n; l++) s->expert[e][part][l] = 0;
    for (uint32_t k = 0; k < s->taps; k++) {
        const double *const re = weights + 2 * k * n, *const im = re + n;
        const double mean_re = sum_over(re, n) / lanes, mean_im = sum_over(im, n) / lanes;
        for (uint32_t l = 0; l < n; l++) {
            const double a = s->tap[k][0][l], b = s->tap[k][1][l];
            s->expert[1][0][l] += mean_re * a - mean_im * b;
            s->expert[1][1][l] += mean_re * b + mean_im * a;
            s->expert[2][0][l] += re[l] * a - im[l] * b;
            s->expert[2][1][l] += re[l] * b + im[l] * a;
        }
    }
    if (w->layer) return; /* experts are weighed elsewhere */
    for (uint32_t l = 0; l < n; l++) {
        const double reserve = AC_RESERVE * (usual[l] * usual[l]);
        const double p0 = power[l] + reserve, p1 = power[n + l] + reserve, p2 = power[2 * n + l] + reserve;
        const double p = p0 < p1 ? p0 : p1, least = p < p2 ? p : p2;
        const double r0 = least / p0, r1 = least / p1, r2 = least / p2, q0 = r0 * r0, q1 = r1 * r1, q2 = r2 * r2;
        const double v0 = q0 * q0 * q0, v1 = q1 * q1 * q1, v2 = q2 * q2 * q2, sum = (v0 + v1) + v2;
        for (int part = 0; part < 2; part++) {
            const double mean = (v1 * s->expert[1][part][l] + v2 * s->expert[2][part][l]) / sum;
            s->mean[part][l] = mean > -AC_HUGE && mean < AC_HUGE ? mean : 0;
        }
    }
}

INLINE void set_scale_body(const ac_walk *w, ac_step *s, uint32_t part, uint32_t n)
{
    const double *const usual = w->usual + 2 * s->turn * n, *const of_part = usual + part * n;
    double one[AC_LANES];
    for (uint32_t l = 0; l < n; l++) one[l] = 1;
    const ac_neighbours of = ac_neighbours_of(w, s, one);
    for (uint32_t l = 0; l < n; l++) {
        const double row = ac_row_of(&of, l), column = ac_column_of(&of, l), third = part ? s->distance[0][l] / usual[l] : of.beside[l];
        uint32_t i = 0;
        for (int b = 0; b < 5; b++) i += (row > bounds[b]) + 6u * (column > bounds[b]) + 36u * (third > bounds[b]);
        s->ratio[l] = (uint16_t)i;
    }
    for (uint32_t l = 0; l < n; l++) s->scale[l] = of_part[l] * (w->found[part][s->ratio[l]] / w->counted[part][s->ratio[l]]);
}

INLINE void ac_walk_learn_scale_body(ac_walk *w, const ac_step *s, uint32_t part, uint32_t n)
{
    double *const found = w->found[part], *const counted = w->counted[part], share[AC_LANES];
    const double *const usual = w->usual + (2 * s->turn + part) * n;
    for (uint32_t l = 0; l < n; l++) {
        const double most = 8 * s->scale[l], d = s->distance[part][l];
        share[l] = (d < most ? d : most) / usual[l];
    }
    for (uint32_t l = 0; l < n; l++)
        if (s->is_coded[l]) found[s->ratio[l]] += share[l], counted[s->ratio[l]] += 1;
    for (uint32_t l = 0; l < n; l++)
        if (counted[s->ratio[l]] >= 2048) found[s->ratio[l]] *= 0.5, counted[s->ratio[l]] *= 0.5;
}

/* Recursive least squares: weights of each lane, by what the sample is off theirs. */
INLINE void learn_weights(ac_walk *w, const ac_step *s, uint32_t n)
{
    const size_t set = s->edge * w->pols + s->turn;
    double *const weights = w->weights + set * AC_TAPS * 2 * n, *const inverse = w->inverse + set * AC_PAIRS * 2 * n;
    const double *const usual = s->usual;
    double gain[AC_TAPS][2][AC_LANES], share[AC_LANES], off[2][AC_LANES], fade[AC_LANES];
    const uint32_t taps = s->taps;
    uint32_t row[AC_TAPS];
    for (uint32_t a = 0, pair = 0; a < taps; pair += AC_TAPS - a, a++) row[a] = pair - a; /* pair (a, b) is row[a] + b, a <= b */
    for (uint32_t a = 0; a < taps; a++) {
        for (int part = 0; part < 2; part++)
            for (uint32_t l = 0; l < n; l++) gain[a][part][l] = 0;
        for (uint32_t b = 0; b < taps; b++) {
            const double *const re = inverse + 2 * (a < b ? row[a] + b : row[b] + a) * n, *const im = re + n;
            const double sign = a <= b ? 1 : -1;
            for (uint32_t l = 0; l < n; l++) {
                const double x = s->tap[b][0][l], y = s->tap[b][1][l], z = sign * im[l];
                gain[a][0][l] += re[l] * x + z * y;
                gain[a][1][l] += z * x - re[l] * y;
            }
        }
    }
    for (uint32_t l = 0; l < n; l++) share[l] = 0;
    for (uint32_t a = 0; a < taps; a++)
        for (uint32_t l = 0; l < n; l++) share[l] += s->tap[a][0][l] * gain[a][0][l] - s->tap[a][1][l] * gain[a][1][l];
    for (uint32_t l = 0; l < n; l++) {
        off[0][l] = s->value[0][l] - s->expert[2][0][l], off[1][l] = s->value[1][l] - s->expert[2][1][l];
        const double far = sqrt(off[0][l] * off[0][l] + off[1][l] * off[1][l]) / (AC_CLIP * usual[l]);
        const double all = share[l] + FORGET * (far > 1 ? far : 1);
        const int is_used = s->is_coded[l] && all > 0 && all < 1e300;
        share[l] = is_used ? 1 / all : 0;
        fade[l] = is_used ? REMEMBER : 1;
    }
    for (uint32_t a = 0; a < taps; a++) {
        double *const re = weights + 2 * a * n, *const im = re + n;
        for (uint32_t l = 0; l < n; l++) {
            const double x = gain[a][0][l] * share[l], y = gain[a][1][l] * share[l];
            re[l] += x * off[0][l] - y * off[1][l];
            im[l] += x * off[1][l] + y * off[0][l];
        }
        for (uint32_t b = a; b < taps; b++) {
            double *const p = inverse + 2 * (row[a] + b) * n, *const q = p + n;
            for (uint32_t l = 0; l < n; l++) {
                p[l] = (p[l] - (gain[a][0][l] * gain[b][0][l] + gain[a][1][l] * gain[b][1][l]) * share[l]) * fade[l];
                q[l] = (q[l] - (gain[a][1][l] * gain[b][0][l] - gain[a][0][l] * gain[b][1][l]) * share[l]) * fade[l];
            }
        }
    }
}

INLINE void learn_body(ac_walk *w, const ac_step *s, uint32_t n)
{
    const size_t at = ac_place_of(w, s->time, s->channel, s->turn), set = s->edge * w->pols + s->turn;
    double *const distances = w->distances + at;
    if (w->is_predicted) {
        const double *const usual = s->usual;
        double *const power = w->power + s->turn * AC_EXPERTS * n, *const values = w->values + 2 * at, *const predictions = w->predictions + 2 * at;
        for (int part = 0; part < 2; part++)
            for (uint32_t l = 0; l < n; l++) {
                predictions[part * n + l] = s->mean[part][l] * s->unit[l];
                values[part * n + l] = (s->is_coded[l] ? s->value[part][l] : s->mean[part][l]) * s->unit[l];
            }
        for (int e = 0; e < (w->layer ? AC_EXPERTS : AC_PLAIN_EXPERTS); e++)
            for (uint32_t l = 0; l < n; l++) {
                const double x = s->value[0][l] - s->expert[e][0][l], y = s->value[1][l] - s->expert[e][1][l];
                const double square = x * x + y * y, most = 64 * (usual[l] * usual[l]), kept = power[e * n + l] * FADE + (square < most ? square : most);
                power[e * n + l] = s->is_coded[l] ? kept : power[e * n + l];
            }
        learn_weights(w, s, n);
        for (uint32_t l = 0; l < n; l++) {
            uint8_t *const is_taught = w->is_taught + set * n + l;
            w->taught[set] += s->is_coded[l] && !*is_taught;
            *is_taught |= s->is_coded[l];
        }
    }
    double *const seen = w->seen + s->turn * n;
    for (uint32_t l = 0; l < n; l++) distances[l] = 0;
    for (int part = 0; part < 2; part++) {
        double *const usual = w->usual + (2 * s->turn + part) * n, *const quiet = w->quiet + (2 * s->turn + part) * n;
        for (uint32_t l = 0; l < n; l++) {
            const double u = usual[l], d = s->distance[part][l], most = 8 * u, kept = d < most ? d : most;
            const double run = d < NOTHING * u ? quiet[l] + 1 : 0, next = run > 1 ? u * 0.5 : u + (kept - u) / seen[l], risen = next > FLOOR_OF_USUAL ? next : FLOOR_OF_USUAL;
            distances[l] += s->is_coded[l] ? d / u * 0.5 : 0.5;
            usual[l] = s->is_coded[l] ? risen : u;
            quiet[l] = s->is_coded[l] ? run : quiet[l];
        }
    }
    for (uint32_t l = 0; l < n; l++) seen[l] += s->is_coded[l] && seen[l] < MOST_SEEN;
}

BUILD(static, predict, (const ac_walk *walk, ac_step *step), walk, step)
BUILD(static, set_scale, (const ac_walk *walk, ac_step *step, uint32_t part), walk, step, part)
BUILD(static, learn, (ac_walk *walk, const ac_step *step), walk, step)
BUILD(, ac_walk_learn_scale, (ac_walk *walk, const ac_step *step, uint32_t part), walk, step, part)

void ac_walk_predict(const ac_walk *w, ac_step *s)
{
    predict(w, s);
    if (w->layer) ac_mixed_predict(w, s);
}

void ac_walk_scale(const ac_walk *w, ac_step *s, uint32_t part)
{
    set_scale(w, s, part);
    if (w->layer) ac_mixed_scale(w, s, part);
}

void ac_walk_learn(ac_walk *w, const ac_step *s)
{
    learn(w, s);
    if (w->layer) ac_mixed_learn(w, s);
}
