#include "visibility/recurrence.h"

#include <stdlib.h>
#include <string.h>

#include "exact_doubles.h"
#include "wide_vectors.h"
#include "no_traps.h" /* behind the others */

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = AC_REC_DEPTH + 1, OLD = AC_REC_LEVELS, BLOCK = 8 };
enum { OFTEN = 4, EARLY = 48, PERIOD = 32 }; /* samples after which weights are solved for: often at first */
static const double FORGET = 31.0 / 32, FADE = 0.75, RIDGE = 0x1p-50, LEAST_RIDGE = 0x1p-1000, MOST = 1e300;

/* How many times before, how many channels beside, whether of the turn before. */
static const struct {
    int8_t times, channels, turns;
} around[AC_REC_TAPS] = {
    {0, 0, 1},                                                                                           /* level 0 */
    {1, 0, 0},  {2, 0, 0},  {3, 0, 0},  {4, 0, 0},                                                       /* 1 */
    {0, -1, 0}, {0, -2, 0}, {1, -1, 0}, {1, 1, 0},                                                       /* 2 */
    {0, -3, 0}, {0, -4, 0}, {1, -2, 0}, {1, 2, 0}, {2, -1, 0}, {2, 1, 0},                                /* 3 */
    {1, -3, 0}, {1, 3, 0},  {2, -2, 0}, {2, 2, 0}, {3, -1, 0}, {3, 1, 0},
};
static const uint8_t level_end[AC_REC_LEVELS] = {1, 5, 9, AC_REC_TAPS};

static void make_plan(ac_rec_plan *p, uint64_t channels, int has_turn, int times)
{
    const int reach = channels >= 16 ? 4 : channels >= 8 ? 2 : channels >= 4 ? 1 : 0;
    *p = (ac_rec_plan){0};
    for (int k = 0, level = 0; level < AC_REC_LEVELS; level++) {
        for (; k < level_end[level]; k++)
            if (around[k].times <= times && around[k].turns <= has_turn && around[k].channels <= reach && around[k].channels >= -reach) p->tap[p->taps++] = (uint8_t)k;
        p->cut[level] = p->taps;
    }
}

int ac_recurrence_start(ac_recurrence *r, const ac_block *b, uint32_t baselines)
{
    *r = (ac_recurrence){.lanes = ac_lanes_of(baselines), .channels = b->channels, .pols = b->pols};
    const size_t n = r->lanes, pols = (size_t)b->pols;
    for (int has_turn = 0; has_turn < 2; has_turn++)
        for (int times = 0; times <= AC_REC_DEPTH; times++) make_plan(&r->plan[has_turn][times], b->channels, has_turn, times);
    r->values = calloc(ROWS * (size_t)b->channels * pols * 2 * n, sizeof(double));
    r->normal = calloc(pols * AC_REC_PAIRS * 2 * n, sizeof(double));
    r->right = calloc(pols * AC_REC_TAPS * 2 * n, sizeof(double));
    r->weights = calloc(pols * AC_REC_SETS * AC_REC_TAPS * 2 * n, sizeof(double));
    r->power = calloc(pols * AC_REC_EXPERTS * n, sizeof(double));
    r->seen = calloc(pols, sizeof *r->seen);
    return r->values && r->normal && r->right && r->weights && r->power && r->seen ? AC_OK : AC_ERROR_MEMORY;
}

void ac_recurrence_end(ac_recurrence *r) { free(r->values), free(r->normal), free(r->right), free(r->weights), free(r->power), free(r->seen); }

INLINE double *value_at(const ac_recurrence *r, uint64_t time, uint64_t turn, uint64_t channel)
{
    return r->values + (size_t)(((time % ROWS) * r->pols + turn) * r->channels + channel) * 2 * r->lanes;
}

INLINE double *weights_of(const ac_recurrence *r, uint64_t turn, uint32_t set, uint32_t tap)
{
    return r->weights + (size_t)((turn * AC_REC_SETS + set) * AC_REC_TAPS + tap) * 2 * r->lanes;
}

/* The taps of a step, and the levels that have all of theirs. */
static void take_taps(const ac_recurrence *r, ac_rec_step *s)
{
    s->plan = &r->plan[s->turn > 0][s->time < AC_REC_DEPTH ? s->time : AC_REC_DEPTH];
    s->levels = 0;
    for (uint32_t level = 0, k = 0; level < AC_REC_LEVELS; level++, s->levels++)
        for (; k < s->plan->cut[level]; k++) {
            const uint32_t i = s->plan->tap[k];
            const int64_t channel = (int64_t)s->channel + around[i].channels;
            if (channel < 0 || channel >= (int64_t)r->channels) return;
            s->tap[k] = value_at(r, s->time - (uint64_t)around[i].times, s->turn - (uint64_t)around[i].turns, (uint64_t)channel);
        }
}

/* Sets that count in a step: levels with all their taps; that before the reset where all levels have. */
INLINE int counts(const ac_rec_step *s, uint32_t set) { return set < s->levels || (set == OLD && s->levels == AC_REC_LEVELS); }

INLINE void predict_body(const ac_recurrence *r, ac_rec_step *s, const uint32_t n)
{
    const double *const power = r->power + s->turn * AC_REC_EXPERTS * n;
    double least[AC_LANES];
    for (uint32_t l = 0; l < n; l++) least[l] = power[l], s->expert[0][0][l] = s->expert[0][1][l] = s->mean[0][l] = s->mean[1][l] = 0;
    for (uint32_t set = 0; set < AC_REC_SETS; set++) {
        if (!counts(s, set)) continue;
        double *const re = s->expert[1 + set][0], *const im = s->expert[1 + set][1];
        const uint32_t taps = s->plan->cut[set < OLD ? set : OLD - 1];
        const double *const p = power + (1 + set) * n;
        for (uint32_t l = 0; l < n; l++) re[l] = im[l] = 0;
        for (uint32_t k = 0; k < taps; k++) {
            const double *const w = weights_of(r, s->turn, set, s->plan->tap[k]), *const u = s->tap[k];
            for (uint32_t l = 0; l < n; l++) {
                re[l] += w[l] * u[l] - w[n + l] * u[n + l];
                im[l] += w[l] * u[n + l] + w[n + l] * u[l];
            }
        }
        for (uint32_t l = 0; l < n; l++) {
            const int is_better = p[l] < least[l];
            least[l] = is_better ? p[l] : least[l];
            s->mean[0][l] = is_better ? re[l] : s->mean[0][l];
            s->mean[1][l] = is_better ? im[l] : s->mean[1][l];
        }
    }
    for (int part = 0; part < 2; part++)
        for (uint32_t l = 0; l < n; l++) s->mean[part][l] = s->mean[part][l] > -MOST && s->mean[part][l] < MOST ? s->mean[part][l] : 0;
}

/* The weights of the best set become those before the reset; normal equations begin anew. */
static void reset(ac_recurrence *r, uint64_t turn)
{
    const size_t n = r->lanes;
    double *const power = r->power + turn * AC_REC_EXPERTS * n;
    for (size_t l = 0; l < n; l++) {
        uint32_t best = OLD;
        for (uint32_t set = 0; set < OLD; set++)
            if (power[(1 + set) * n + l] < power[(1 + best) * n + l]) best = set;
        power[(1 + OLD) * n + l] = power[(1 + best) * n + l];
        for (uint32_t i = 0; i < AC_REC_TAPS * 2; i++) weights_of(r, turn, OLD, 0)[i * n + l] = weights_of(r, turn, best, 0)[i * n + l];
    }
    memset(r->normal + turn * AC_REC_PAIRS * 2 * n, 0, AC_REC_PAIRS * 2 * n * sizeof(double));
    memset(r->right + turn * AC_REC_TAPS * 2 * n, 0, AC_REC_TAPS * 2 * n * sizeof(double));
    r->seen[turn] = 0;
}

/* Normal equations of coded lanes take in the sample. */
INLINE void add_sample(ac_recurrence *r, const ac_rec_step *s, const uint32_t n)
{
    double *normal = r->normal + s->turn * AC_REC_PAIRS * 2 * n, *right = r->right + s->turn * AC_REC_TAPS * 2 * n;
    for (uint32_t a = 0; a < s->plan->taps; a++, right += 2 * n) {
        double x[AC_LANES], y[AC_LANES];
        for (uint32_t l = 0; l < n; l++) x[l] = s->is_coded[l] ? s->tap[a][l] : 0, y[l] = s->is_coded[l] ? s->tap[a][n + l] : 0;
        for (uint32_t b = a; b < s->plan->taps; b++, normal += 2 * n) {
            const double *const u = s->tap[b];
            for (uint32_t l = 0; l < n; l++) {
                normal[l] += x[l] * u[l] + y[l] * u[n + l];
                normal[n + l] += x[l] * u[n + l] - y[l] * u[l];
            }
        }
        for (uint32_t l = 0; l < n; l++) {
            right[l] += x[l] * s->value[0][l] + y[l] * s->value[1][l];
            right[n + l] += x[l] * s->value[1][l] - y[l] * s->value[0][l];
        }
    }
}

/* Weights of all levels from the normal equations of n lanes from `first` on: one elimination, whose leading parts are those of the levels. */
INLINE void solve_lanes(ac_recurrence *r, const ac_rec_step *s, uint32_t first, const uint32_t n)
{
    const uint32_t taps = s->plan->taps, all = r->lanes;
    const double *const normal = r->normal + s->turn * AC_REC_PAIRS * 2 * all + first, *const right = r->right + s->turn * AC_REC_TAPS * 2 * all + first;
    double u[AC_REC_PAIRS][2][BLOCK], q[AC_REC_TAPS][2][BLOCK], w[AC_REC_TAPS][2][BLOCK], ridge[BLOCK] = {0};
    uint32_t row[AC_REC_TAPS]; /* pair (a, b) is row[a] + b, a <= b */
    for (uint32_t a = 0, pair = 0; a < taps; pair += taps - a, a++) row[a] = pair - a;
    for (uint32_t i = 0; i < taps * (taps + 1) / 2; i++)
        for (uint32_t part = 0; part < 2; part++)
            for (uint32_t l = 0; l < n; l++) u[i][part][l] = normal[(2 * i + part) * all + l];
    for (uint32_t a = 0; a < taps; a++)
        for (uint32_t l = 0; l < n; l++) {
            ridge[l] += u[row[a] + a][0][l];
            q[a][0][l] = right[2 * a * all + l], q[a][1][l] = right[(2 * a + 1) * all + l];
        }
    for (uint32_t l = 0; l < n; l++) ridge[l] = RIDGE * ridge[l] / taps + LEAST_RIDGE;
    for (uint32_t k = 0; k < taps; k++) {
        double (*const of)[2][BLOCK] = u + row[k];
        double inverse[BLOCK];
        for (uint32_t l = 0; l < n; l++) {
            const double pivot = of[k][0][l] + ridge[l];
            inverse[l] = 1 / (pivot > ridge[l] ? pivot : ridge[l]);
        }
        for (uint32_t a = k + 1; a < taps; a++) {
            double x[BLOCK], y[BLOCK];
            double (*const to)[2][BLOCK] = u + row[a];
            for (uint32_t l = 0; l < n; l++) x[l] = of[a][0][l] * inverse[l], y[l] = of[a][1][l] * inverse[l];
            for (uint32_t b = a; b < taps; b++)
                for (uint32_t l = 0; l < n; l++) {
                    to[b][0][l] -= x[l] * of[b][0][l] + y[l] * of[b][1][l];
                    to[b][1][l] -= x[l] * of[b][1][l] - y[l] * of[b][0][l];
                }
            for (uint32_t l = 0; l < n; l++) {
                q[a][0][l] -= x[l] * q[k][0][l] + y[l] * q[k][1][l];
                q[a][1][l] -= x[l] * q[k][1][l] - y[l] * q[k][0][l];
            }
        }
        for (uint32_t a = k + 1; a < taps; a++)
            for (uint32_t l = 0; l < n; l++) of[a][0][l] *= inverse[l], of[a][1][l] *= inverse[l];
        for (uint32_t l = 0; l < n; l++) q[k][0][l] *= inverse[l], q[k][1][l] *= inverse[l];
    }
    for (uint32_t level = 0; level < AC_REC_LEVELS; level++)
        for (uint32_t k = s->plan->cut[level]; k-- > 0;) {
            double *const to = weights_of(r, s->turn, level, s->plan->tap[k]) + first;
            for (uint32_t l = 0; l < n; l++) w[k][0][l] = q[k][0][l], w[k][1][l] = q[k][1][l];
            for (uint32_t b = k + 1; b < s->plan->cut[level]; b++)
                for (uint32_t l = 0; l < n; l++) {
                    const double re = u[row[k] + b][0][l], im = u[row[k] + b][1][l];
                    w[k][0][l] -= re * w[b][0][l] - im * w[b][1][l];
                    w[k][1][l] -= re * w[b][1][l] + im * w[b][0][l];
                }
            for (uint32_t l = 0; l < n; l++) to[l] = w[k][0][l], to[all + l] = w[k][1][l];
        }
}

INLINE void solve(ac_recurrence *r, const ac_rec_step *s, const uint32_t n)
{
    if (n >= BLOCK)
        for (uint32_t first = 0; first < n; first += BLOCK) solve_lanes(r, s, first, BLOCK);
    else
        solve_lanes(r, s, 0, n);
}

static void forget(ac_recurrence *r, const ac_rec_step *s)
{
    const uint32_t n = r->lanes, taps = s->plan->taps;
    double *const normal = r->normal + s->turn * AC_REC_PAIRS * 2 * n, *const right = r->right + s->turn * AC_REC_TAPS * 2 * n;
    for (uint32_t i = 0; i < taps * (taps + 1) * n; i++) normal[i] *= FORGET;
    for (uint32_t i = 0; i < taps * 2 * n; i++) right[i] *= FORGET;
}

INLINE void learn_body(ac_recurrence *r, ac_rec_step *s, const uint32_t n)
{
    double *const power = r->power + s->turn * AC_REC_EXPERTS * n;
    double *const kept = value_at(r, s->time, s->turn, s->channel);
    for (uint32_t e = 0; e < AC_REC_EXPERTS; e++) {
        if (e && !counts(s, e - 1)) continue;
        for (uint32_t l = 0; l < n; l++) {
            const double x = s->value[0][l] - s->expert[e][0][l], y = s->value[1][l] - s->expert[e][1][l], next = power[e * n + l] * FADE + (x * x + y * y), least = next < MOST ? next : MOST;
            power[e * n + l] = s->is_coded[l] ? least : power[e * n + l];
        }
    }
    for (int part = 0; part < 2; part++)
        for (uint32_t l = 0; l < n; l++) {
            s->value[part][l] = s->is_coded[l] ? s->value[part][l] : s->mean[part][l];
            kept[part * n + l] = s->value[part][l];
        }
    if (s->levels < AC_REC_LEVELS || !s->plan->taps) return;
    if (r->seen[s->turn] >= EARLY && s->channel % 2) return; /* every other one tells enough */
    add_sample(r, s, n);
    const uint64_t seen = ++r->seen[s->turn];
    if (seen % PERIOD && !(seen < EARLY && seen % OFTEN == 0)) return;
    solve(r, s, n);
    if (seen % PERIOD == 0) forget(r, s);
}

/* Built three times: for all processors, for vectors of AVX2, and, by gcc, for those of AVX-512. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDEST_VECTORS __attribute__((target("avx512f,avx512dq,avx512vl,prefer-vector-width=512")))
#define HAS_WIDEST_VECTORS (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
#else
#define WIDEST_VECTORS
#define HAS_WIDEST_VECTORS 0
#endif
#define BODY(name, ...) (rec->lanes == AC_LANES ? name##_body(__VA_ARGS__, AC_LANES) : name##_body(__VA_ARGS__, rec->lanes))
#define BUILD(name, parameters, ...)                                                                      \
    static WIDEST_VECTORS void name##_widest parameters { BODY(name, __VA_ARGS__); }                      \
    static WIDE_VECTORS void name##_wide parameters { BODY(name, __VA_ARGS__); }                          \
    static void name##_any parameters { BODY(name, __VA_ARGS__); }                                        \
    static void name parameters                                                                           \
    {                                                                                                     \
        (HAS_WIDEST_VECTORS ? name##_widest : HAS_WIDE_VECTORS ? name##_wide : name##_any)(__VA_ARGS__);  \
    }
BUILD(predict, (const ac_recurrence *rec, ac_rec_step *step), rec, step)
BUILD(learn, (ac_recurrence *rec, ac_rec_step *step), rec, step)

void ac_recurrence_predict(const ac_recurrence *rec, ac_rec_step *step)
{
    take_taps(rec, step);
    predict(rec, step);
}

void ac_recurrence_learn(ac_recurrence *rec, ac_rec_step *step)
{
    learn(rec, step);
    const uint64_t next = step->time + 1; /* taps of one more time */
    if (step->channel + 1 == rec->channels && next <= AC_REC_DEPTH) reset(rec, step->turn);
}
