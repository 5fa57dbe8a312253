/* Loops over the lanes of a walk: bodies that are built for any number of lanes, for all processors and for two kinds of vectors, and there for 32 lanes by
 * themselves; and where what has been found before lies. */
#ifndef AC_VISIBILITY_WALK_LANES_H
#define AC_VISIBILITY_WALK_LANES_H

#include "visibility/walk.h"

#include "wide_vectors.h"

#define INLINE static inline __attribute__((always_inline))
#define BODY_OF_LANES(name, ...)                                                                                                                          \
    if (walk->lanes == AC_LANES)                                                                                                                          \
        name##_body(__VA_ARGS__, AC_LANES);                                                                                                               \
    else                                                                                                                                                  \
        name##_body(__VA_ARGS__, walk->lanes)
#define BUILD(linkage, name, parameters, ...)                                                                                                             \
    static WIDE_VECTORS void name##_wide parameters { BODY_OF_LANES(name, __VA_ARGS__); }                                                                 \
    static LOOPS_OF_AVX512 void name##_widest parameters { BODY_OF_LANES(name, __VA_ARGS__); }                                                            \
    linkage void name parameters                                                                                                                          \
    {                                                                                                                                                     \
        if (HAS_AVX512)                                                                                                                                   \
            name##_widest(__VA_ARGS__);                                                                                                                   \
        else if (HAS_WIDE_VECTORS)                                                                                                                        \
            name##_wide(__VA_ARGS__);                                                                                                                     \
        else                                                                                                                                              \
            name##_body(__VA_ARGS__, walk->lanes);                                                                                                        \
    }

/* Predictions beyond are none; what of usual squared distances is added to powers; how many usual distances a sample may be off before it counts less. */
#define AC_HUGE 1e30
#define AC_RESERVE (1.0 / 64)
#define AC_CLIP 3.0

INLINE size_t ac_place_of(const ac_walk *w, uint64_t time, uint64_t channel, uint64_t turn)
{
    return (size_t)(((time & 1) * w->channels + channel) * w->pols + turn) * w->lanes;
}

INLINE const double *ac_values_at(const ac_walk *w, uint64_t time, uint64_t channel, uint64_t turn) { return w->values + 2 * ac_place_of(w, time, channel, turn); }
INLINE const double *ac_predictions_at(const ac_walk *w, uint64_t time, uint64_t channel, uint64_t turn) { return w->predictions + 2 * ac_place_of(w, time, channel, turn); }

/* A tap that is a value or prediction, in units. */
INLINE void ac_take_tap(double tap[2][AC_LANES], const double *from, const double *per_unit, uint32_t n)
{
    for (int part = 0; part < 2; part++)
        for (uint32_t l = 0; l < n; l++) tap[part][l] = from[part * n + l] * per_unit[l];
}

/* Distances over usual ones of neighbours, [lane]; 1 before there are any. */
typedef struct {
    const double *left, *left2, *up, *up_left, *up_right, *beside;
} ac_neighbours;

INLINE ac_neighbours ac_neighbours_of(const ac_walk *w, const ac_step *s, const double *one)
{
    const uint64_t t = s->time, f = s->channel, j = s->turn;
    ac_neighbours of;
#define DISTANCE(time, channel, turn) (w->distances + ac_place_of(w, time, channel, turn))
    of.left = f ? DISTANCE(t, f - 1, j) : one, of.left2 = f > 1 ? DISTANCE(t, f - 2, j) : of.left;
    of.up = t ? DISTANCE(t - 1, f, j) : one, of.up_left = t && f ? DISTANCE(t - 1, f - 1, j) : of.up;
    of.up_right = t && f + 1 < w->channels ? DISTANCE(t - 1, f + 1, j) : of.up;
    of.beside = j ? DISTANCE(t, f, j - 1) : one;
#undef DISTANCE
    return of;
}

INLINE double ac_row_of(const ac_neighbours *of, uint32_t l) { return 0.75 * of->left[l] + 0.25 * of->left2[l]; }
INLINE double ac_column_of(const ac_neighbours *of, uint32_t l) { return 0.5 * of->up[l] + 0.25 * (of->up_left[l] + of->up_right[l]); }

#endif
