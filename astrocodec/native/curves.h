/* Curves: what the numbers of a lattice become. docs/format.md section "Quantise", "Curves". */
#ifndef AC_CURVES_H
#define AC_CURVES_H

#include <math.h>
#include <stdint.h>

enum { AC_STRAIGHT, AC_ROOT, AC_IN_OCTAVES }; /* kinds */
enum { AC_MAX_OCTAVE_STEPS = 1 << 24, AC_MIN_OCTAVE = -1100, AC_MAX_OCTAVE = 1024 };

#define AC_MAX_PLACE 0x1p52 /* in octaves */

typedef struct {
    int kind;
    double knee, bend;    /* of a root */
    int64_t steps, first; /* of octaves: steps of one, exponent of the lowest */
} ac_curve;

static inline double ac_root_element(const ac_curve *c, double place)
{
    const double above = place - c->knee;
    return above > 0 ? ((c->bend * above) * above + above) + c->knee : place;
}

static inline double ac_octave_element(const ac_curve *c, double place)
{
    const int64_t j = (int64_t)fmin(fabs(place), AC_MAX_PLACE) - 1, octave = j / c->steps + c->first;
    if (j < 0) return 0;
    const double f = (double)(j % c->steps) / (double)c->steps, size = (11.0 / 32 * f + 21.0 / 32) * f + 1;
    return copysign(ldexp(size, (int)(octave < AC_MAX_OCTAVE ? octave : AC_MAX_OCTAVE)), place);
}

static inline double ac_curve_element(const ac_curve *c, double place)
{
    return c->kind == AC_ROOT ? ac_root_element(c, place) : c->kind == AC_IN_OCTAVES ? ac_octave_element(c, place) : place;
}

/* The encoder's way back, not rounded as a decoder does. */
static inline double ac_octave_place(const ac_curve *c, double v)
{
    int exponent;
    const double m = 2 * frexp(fabs(v), &exponent); /* 1 to 2 */
    if (v == 0 || !isfinite(v)) return 0;
    /* 11 f^2 + 21 f + 32 (1 - m) = 0 */
    const double f = (sqrt(21.0 * 21 + 4 * 11 * 32 * (m - 1)) - 21) / 22, place = 1 + ((double)(exponent - 1 - c->first) + f) * (double)c->steps;
    return copysign(place < 0 ? 0 : rint(place), v);
}

/* A place whose errors, of this variance, make elements of which the mean is v: a root makes more of what is above than of what is below. */
static inline double ac_curve_place(const ac_curve *c, double v, double variance)
{
    if (c->kind == AC_IN_OCTAVES) return ac_octave_place(c, v);
    const double above = v - c->knee - c->bend * variance;
    return c->kind == AC_ROOT && above > 0 ? c->knee + (sqrt(1 + 4 * c->bend * above) - 1) / (2 * c->bend) : v;
}

static inline int ac_curve_is_good(const ac_curve *c)
{
    if (c->kind == AC_ROOT) return isfinite(c->knee) && c->bend > 0 && isfinite(c->bend);
    return c->kind != AC_IN_OCTAVES || (c->steps >= 1 && c->steps <= AC_MAX_OCTAVE_STEPS && c->first >= AC_MIN_OCTAVE && c->first <= AC_MAX_OCTAVE);
}

#endif
