#include "visibility/lanes.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "exact_doubles.h"
#include "wide_vectors.h"
#include "no_traps.h" /* behind the others */

#define INLINE static inline __attribute__((always_inline))
/* A body for n lanes, built for all processors and for two kinds of vectors, and there for 32 lanes by themselves. */
#define BODY_OF_LANES(name, ...)                                                                                                                          \
    if (n == AC_LANES)                                                                                                                                    \
        name##_body(__VA_ARGS__, AC_LANES);                                                                                                               \
    else                                                                                                                                                  \
        name##_body(__VA_ARGS__, n)
#define BUILD(name, parameters, ...)                                                                                                                      \
    static WIDE_VECTORS void name##_wide parameters { BODY_OF_LANES(name, __VA_ARGS__); }                                                                 \
    static LOOPS_OF_AVX512 void name##_widest parameters { BODY_OF_LANES(name, __VA_ARGS__); }                                                            \
    void name parameters                                                                                                                                  \
    {                                                                                                                                                     \
        if (HAS_AVX512)                                                                                                                                   \
            name##_widest(__VA_ARGS__, n);                                                                                                                \
        else if (HAS_WIDE_VECTORS)                                                                                                                        \
            name##_wide(__VA_ARGS__, n);                                                                                                                  \
        else                                                                                                                                              \
            name##_body(__VA_ARGS__, n);                                                                                                                  \
    }

INLINE void ac_lanes_dither_body(uint32_t seed, uint64_t first, uint64_t apart, uint32_t *dithers, uint32_t n)
{
    for (uint32_t l = 0; l < n; l++) dithers[l] = ac_dither_at(seed, (uint32_t)first + l * (uint32_t)apart);
}

INLINE void ac_lanes_place_body(const double *numbers, const double *unit, const uint32_t *dithers, uint32_t part, const uint8_t *classes, double *places, uint32_t n)
{
    for (uint32_t l = 0; l < n; l++) {
        const double place = (numbers[l] / unit[l] + (double)(int32_t)(dithers[l] >> 8 * part & 255)) / AC_STEP_PARTS;
        places[l] = classes[l] == AC_CODED ? place : 0;
    }
}

INLINE void ac_lanes_find_body(const ac_lane_trellis *t, const int32_t *steps, const uint32_t *dithers, uint32_t part, uint32_t *state, ac_step *s, ac_lane_sites *sites, uint32_t n)
{
    float size[AC_LANES];
    int32_t off[AC_LANES];
    for (uint32_t l = 0; l < n; l++) {
        const float wide = (float)s->scale[l], least = wide > 16 ? wide : 16;
        size[l] = least < 0x1p36f ? least : 0x1p36f;
    }
    for (uint32_t l = 0; l < n; l++) {
        uint32_t bits;
        memcpy(&bits, size + l, sizeof bits);
        const uint32_t scale = (bits >> 20) - ((127 + 4) << 3), shift = scale >= AC_VIS_SCALES ? (scale - AC_VIS_SCALES) / 8 + 1 : 0;
        const uint32_t half = state[l] & 1, dither = dithers[l] >> 8 * part & 255, eighth = (dither + 128 - 128 * half) >> (5 + shift);
        sites->table[l] = (scale - 8 * shift) * AC_VIS_PLACES + (eighth & 7);
        sites->shift[l] = shift;
        sites->away[l] = (steps[l] >> shift) - (int32_t)(eighth >> 3);
        off[l] = (int32_t)(128 * half) - (int32_t)dither;
    }
    for (uint32_t l = 0; l < n; l++) {
        const uint32_t next = ac_lane_next(t, state[l], (uint32_t)steps[l] & 1);
        state[l] = s->is_coded[l] ? next : state[l];
    }
    for (uint32_t l = 0; l < n; l++) {
        const double units = 256.0 * steps[l] + off[l], v = units * s->unit[l];
        s->value[part][l] = units;
        s->distance[part][l] = fabs(units);
        sites->number[l] = (float)(v > FLT_MAX ? FLT_MAX : v < -FLT_MAX ? -FLT_MAX : v);
    }
}

BUILD(ac_lanes_dither, (uint32_t seed, uint64_t first, uint64_t apart, uint32_t *dithers, uint32_t n), seed, first, apart, dithers)
BUILD(ac_lanes_place, (const double *numbers, const double *unit, const uint32_t *dithers, uint32_t part, const uint8_t *classes, double *places, uint32_t n), numbers, unit, dithers, part,
      classes, places)
BUILD(ac_lanes_find, (const ac_lane_trellis *t, const int32_t *steps, const uint32_t *dithers, uint32_t part, uint32_t *state, ac_step *s, ac_lane_sites *sites, uint32_t n), t, steps, dithers,
      part, state, s, sites)
