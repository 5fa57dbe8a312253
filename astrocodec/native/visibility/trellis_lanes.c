#include "visibility/trellis_lanes.h"

#include <math.h>

#include "exact_doubles.h"
#include "wide_vectors.h"
#include "no_traps.h" /* behind the others */

enum { STATES = 8 };
#define FAR 1e30f

/* The state before, of the two that lead to `state`, and the parity that leads from it: docs/format.md section "Trellis". */
static inline uint32_t before(uint32_t state, uint32_t way) { return way << 2 | ((state ^ state >> 2) & 1) << 1 | state >> 2; }
static inline uint32_t parity_of(uint32_t state, uint32_t way) { return (state >> 1 & 1) ^ way; }

/* The nearest even integer, by the float that has no room for a half; |x| is below 2^30. */
static inline double even(double x)
{
    const double large = 0x1.8p53;
    return (x + large) - large;
}

/* Costs are of sums that only grow; from time to time the least is taken off, before they lose bits. */
static inline __attribute__((always_inline)) void lower(float cost[STATES][AC_LANES], uint32_t n)
{
    float least[AC_LANES];
    for (uint32_t l = 0; l < n; l++) least[l] = cost[0][l];
    for (int s = 1; s < STATES; s++)
        for (uint32_t l = 0; l < n; l++) least[l] = cost[s][l] < least[l] ? cost[s][l] : least[l];
    for (int s = 0; s < STATES; s++)
        for (uint32_t l = 0; l < n; l++) cost[s][l] -= least[l];
}

static inline __attribute__((always_inline)) void forward(const double *places, const uint8_t *classes, size_t samples, uint32_t n, uint8_t *ways, float cost[STATES][AC_LANES])
{
    float next[STATES][AC_LANES], (*from)[AC_LANES] = cost, (*to)[AC_LANES] = next;
    for (size_t i = 0; i < samples; i++) {
        const double *const place = places + i * n;
        const uint8_t *const class = classes + i * n;
        float d[4][AC_LANES];
        uint8_t way[AC_LANES], others = 0;
        if (i % 16 == 0) lower(from, n);
        for (uint32_t l = 0; l < n; l++) others |= class[l], way[l] = 0;
        for (uint32_t l = 0; l < n; l++) {
            const float z = (float)(place[l] - even(place[l]));
            for (int q = 0; q < 4; q++) {
                /* offsets of parity (q & 1) and grid (q >> 1): the distance modulo 2 */
                const float r = z - ((float)(q & 1) + 0.5f * (float)(q >> 1)), a = r < -1 ? r + 2 : r;
                d[q][l] = a * a;
            }
        }
        for (uint32_t s = 0; s < STATES; s++) {
            const float *const c0 = from[before(s, 0)], *const c1 = from[before(s, 1)];
            const float *const d0 = d[(s >> 2) * 2 + parity_of(s, 0)], *const d1 = d[(s >> 2) * 2 + parity_of(s, 1)];
            for (uint32_t l = 0; l < n; l++) {
                const float a = c0[l] + d0[l], b = c1[l] + d1[l];
                way[l] = (uint8_t)(way[l] | (b < a) << s);
                to[s][l] = b < a ? b : a;
            }
        }
        for (int s = 0; s < STATES && others; s++)
            for (uint32_t l = 0; l < n; l++) to[s][l] = class[l] == AC_CODED ? to[s][l] : from[s][l];
        for (uint32_t l = 0; l < n; l++) ways[i * n + l] = way[l];
        float(*const last)[AC_LANES] = from;
        from = to, to = last;
    }
    for (int s = 0; s < STATES && from != cost; s++)
        for (uint32_t l = 0; l < n; l++) cost[s][l] = from[s][l];
}

static void forward_plain(const double *places, const uint8_t *classes, size_t samples, uint32_t n, uint8_t *ways, float cost[STATES][AC_LANES])
{
    forward(places, classes, samples, n, ways, cost);
}

static WIDE_VECTORS void forward_wide(const double *places, const uint8_t *classes, size_t samples, uint32_t n, uint8_t *ways, float cost[STATES][AC_LANES])
{
    if (n == AC_LANES)
        forward(places, classes, samples, AC_LANES, ways, cost);
    else
        forward(places, classes, samples, n, ways, cost);
}

void ac_trellis_lanes(const double *places, const uint8_t *classes, size_t samples, uint32_t n, uint8_t *ways, int32_t *steps)
{
    float cost[STATES][AC_LANES];
    uint32_t state[AC_LANES] = {0};
    for (uint32_t s = 0; s < STATES; s++)
        for (uint32_t l = 0; l < n; l++) cost[s][l] = s ? FAR : 0;
    (HAS_WIDE_VECTORS ? forward_wide : forward_plain)(places, classes, samples, n, ways, cost);
    for (uint32_t l = 0; l < n; l++)
        for (uint32_t s = 1; s < STATES; s++)
            if (cost[s][l] < cost[state[l]][l]) state[l] = s;
    for (size_t i = samples; i-- > 0;)
        for (uint32_t l = 0; l < n; l++) {
            const size_t at = i * n + l;
            if (classes[at] != AC_CODED) {
                steps[at] = 0;
                continue;
            }
            const uint32_t way = ways[at] >> state[l] & 1, parity = parity_of(state[l], way);
            state[l] = before(state[l], way);
            const double half = 0.5 * (state[l] & 1);
            steps[at] = (int32_t)(even(places[at] - half - parity) + parity);
        }
}
