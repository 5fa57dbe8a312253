#include "visibility/trellis_lanes.h"

#include <math.h>

#include "exact_doubles.h"
#include "wide_vectors.h"
#include "no_traps.h" /* behind the others */

enum { MOST_STATES = 32 };
#define FAR 1e30f
#define INLINE static inline __attribute__((always_inline))

/* The state from which an integer of a parity leads to `state`. docs/format.md section "Distances". */
INLINE uint32_t before(ac_lane_trellis t, uint32_t state, uint32_t parity)
{
    const uint32_t grid = state / (t.states / 2), rest = state ^ (grid ? t.back : 0) ^ (parity ? t.in : 0);
    return (rest << 1 | grid) & (t.states - 1);
}

/* The nearest even integer, by the float that has no room for a half; |x| is below 2^30. */
static inline double even(double x)
{
    const double large = 0x1.8p53;
    return (x + large) - large;
}

/* Costs are of sums that only grow; from time to time the least is taken off, before they lose bits. */
INLINE void lower(ac_lane_trellis t, float cost[MOST_STATES][AC_LANES], uint32_t n)
{
    float least[AC_LANES];
    for (uint32_t l = 0; l < n; l++) least[l] = cost[0][l];
    for (uint32_t s = 1; s < t.states; s++)
        for (uint32_t l = 0; l < n; l++) least[l] = cost[s][l] < least[l] ? cost[s][l] : least[l];
    for (uint32_t s = 0; s < t.states; s++)
        for (uint32_t l = 0; l < n; l++) cost[s][l] -= least[l];
}

INLINE void forward(ac_lane_trellis t, const double *places, const uint8_t *classes, size_t samples, uint32_t n, uint32_t *ways, float cost[MOST_STATES][AC_LANES])
{
    float next[MOST_STATES][AC_LANES], (*from)[AC_LANES] = cost, (*to)[AC_LANES] = next;
    for (size_t i = 0; i < samples; i++) {
        const double *const place = places + i * n;
        const uint8_t *const class = classes + i * n;
        float d[4][AC_LANES];
        uint32_t way[AC_LANES], others = 0;
        if (i % 16 == 0) lower(t, from, n);
        for (uint32_t l = 0; l < n; l++) others |= class[l], way[l] = 0;
        for (uint32_t l = 0; l < n; l++) {
            const float z = (float)(place[l] - even(place[l]));
            for (int q = 0; q < 4; q++) {
                /* offsets of parity (q & 1) and grid (q >> 1): the distance modulo 2 */
                const float r = z - ((float)(q & 1) + 0.5f * (float)(q >> 1)), a = r < -1 ? r + 2 : r;
                d[q][l] = a * a;
            }
        }
        for (uint32_t s = 0; s < t.states; s++) {
            const float *const c0 = from[before(t, s, 0)], *const c1 = from[before(t, s, 1)], *const d0 = d[s / (t.states / 2) * 2], *const d1 = d0 + AC_LANES;
            for (uint32_t l = 0; l < n; l++) {
                const float a = c0[l] + d0[l], b = c1[l] + d1[l];
                way[l] |= b < a ? (uint32_t)1 << s : 0;
                to[s][l] = b < a ? b : a;
            }
        }
        for (uint32_t s = 0; s < t.states && others; s++)
            for (uint32_t l = 0; l < n; l++) to[s][l] = class[l] == AC_CODED ? to[s][l] : from[s][l];
        for (uint32_t l = 0; l < n; l++) ways[i * n + l] = way[l];
        float(*const last)[AC_LANES] = from;
        from = to, to = last;
    }
    for (uint32_t s = 0; s < t.states && from != cost; s++)
        for (uint32_t l = 0; l < n; l++) cost[s][l] = from[s][l];
}

/* The integers, from the last one on, of the ways that lead to `state`. */
INLINE void back(ac_lane_trellis t, const double *places, const uint8_t *classes, size_t samples, uint32_t n, const uint32_t *ways, uint32_t *state, int32_t *steps)
{
    for (size_t i = samples; i-- > 0;) {
        const size_t at = i * n;
        for (uint32_t l = 0; l < n; l++) {
            const uint32_t is_coded = classes[at + l] == AC_CODED, parity = ways[at + l] >> state[l] & 1, from = before(t, state[l], parity);
            const double half = 0.5 * (int32_t)(from & 1), odd = (int32_t)parity;
            const int32_t step = (int32_t)(even(places[at + l] - half - odd) + odd);
            state[l] = is_coded ? from : state[l];
            steps[at + l] = is_coded ? step : 0;
        }
    }
}

INLINE void run(ac_lane_trellis t, const double *places, const uint8_t *classes, size_t samples, uint32_t n, uint32_t *ways, int32_t *steps)
{
    float cost[MOST_STATES][AC_LANES];
    uint32_t state[AC_LANES] = {0};
    for (uint32_t s = 0; s < t.states; s++)
        for (uint32_t l = 0; l < n; l++) cost[s][l] = s ? FAR : 0;
    forward(t, places, classes, samples, n, ways, cost);
    for (uint32_t l = 0; l < n; l++)
        for (uint32_t s = 1; s < t.states; s++)
            if (cost[s][l] < cost[state[l]][l]) state[l] = s;
    back(t, places, classes, samples, n, ways, state, steps);
}

INLINE void run_either(ac_lane_trellis t, const double *places, const uint8_t *classes, size_t samples, uint32_t n, uint32_t *ways, int32_t *steps)
{
    if (n == AC_LANES && t.states == ac_long_trellis.states)
        run(ac_long_trellis, places, classes, samples, AC_LANES, ways, steps);
    else
        run(t, places, classes, samples, n, ways, steps);
}

static void run_plain(ac_lane_trellis t, const double *places, const uint8_t *classes, size_t samples, uint32_t n, uint32_t *ways, int32_t *steps)
{
    run(t, places, classes, samples, n, ways, steps);
}
static WIDE_VECTORS void run_wide(ac_lane_trellis t, const double *places, const uint8_t *classes, size_t samples, uint32_t n, uint32_t *ways, int32_t *steps)
{
    run_either(t, places, classes, samples, n, ways, steps);
}
static LOOPS_OF_AVX512 void run_widest(ac_lane_trellis t, const double *places, const uint8_t *classes, size_t samples, uint32_t n, uint32_t *ways, int32_t *steps)
{
    run_either(t, places, classes, samples, n, ways, steps);
}

void ac_trellis_lanes(ac_lane_trellis t, const double *places, const uint8_t *classes, size_t samples, uint32_t n, uint32_t *ways, int32_t *steps)
{
    (HAS_AVX512 ? run_widest : HAS_WIDE_VECTORS ? run_wide : run_plain)(t, places, classes, samples, n, ways, steps);
}
