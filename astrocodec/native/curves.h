/* Curves: what the numbers of a lattice become. docs/format.md section "Quantise", "Curves". */
#ifndef AC_CURVES_H
#define AC_CURVES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Also into functions that are built for other vectors. */
#define AC_IN_LOOPS static inline __attribute__((always_inline))

enum { AC_STRAIGHT, AC_ROOT, AC_IN_OCTAVES }; /* kinds */
enum { AC_MAX_OCTAVE_STEPS = 1 << 24, AC_MIN_OCTAVE = -1100, AC_MAX_OCTAVE = 1024 };

#define AC_MAX_PLACE 0x1p52 /* in octaves */

typedef struct {
    int kind;
    double knee, bend;    /* of a root */
    int64_t steps, first; /* of octaves: steps of one, exponent of the lowest */
} ac_curve;

/* Of a normal number. */
AC_IN_LOOPS double ac_two_to(int32_t exponent)
{
    const int64_t bits = (int64_t)(exponent + 1023) << 52;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

AC_IN_LOOPS double ac_root_element(const ac_curve *c, double place)
{
    const double above = place - c->knee;
    return above > 0 ? ((c->bend * above) * above + above) + c->knee : place;
}

/* Without a branch, so that loops of it are made of vectors. */
AC_IN_LOOPS double ac_octave_element(const ac_curve *c, double place)
{
    const double size = fabs(place), j = floor(size < AC_MAX_PLACE ? size : AC_MAX_PLACE) - 1, steps = (double)c->steps, octave = floor(j / steps);
    const double f = (j - octave * steps) / steps, exponent = octave + (double)c->first;
    /* two factors, of which the first is exact */
    const int32_t all = (int32_t)(exponent < AC_MAX_OCTAVE ? exponent : AC_MAX_OCTAVE), half = all >> 1;
    const double found = ((11.0 / 32 * f + 21.0 / 32) * f + 1) * ac_two_to(half) * ac_two_to(all - half);
    return j < 0 ? 0 : copysign(found, place);
}

AC_IN_LOOPS double ac_curve_element(const ac_curve *c, double place)
{
    return c->kind == AC_ROOT ? ac_root_element(c, place) : c->kind == AC_IN_OCTAVES ? ac_octave_element(c, place) : place;
}

/* The encoder's way back, not rounded as a decoder does. */
AC_IN_LOOPS double ac_octave_place(const ac_curve *c, double v)
{
    const double size = fabs(v), steps = (double)c->steps;
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    const uint64_t parts = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff0000000000000);
    double m; /* 1 to 2 */
    memcpy(&m, &parts, sizeof m);
    /* 11 f^2 + 21 f + 32 (1 - m) = 0 */
    const double f = (sqrt(21.0 * 21 + 4 * 11 * 32 * (m - 1)) - 21) * (1.0 / 22), exponent = (double)(int32_t)(bits >> 52) - 1023;
    const double place = 1 + (exponent - (double)c->first + f) * steps;
    return copysign(place < 0 || !(size > 0 && size < INFINITY) ? 0 : rint(place), v);
}

/* A place whose errors, of this variance, make elements of which the mean is v: a root makes more of what is above than of what is below. */
AC_IN_LOOPS double ac_root_place(const ac_curve *c, double v, double variance)
{
    const double above = v - c->knee - c->bend * variance, root = sqrt(1 + 4 * c->bend * (above > 0 ? above : 0));
    return above > 0 ? c->knee + (root - 1) * (0.5 / c->bend) : v;
}

AC_IN_LOOPS double ac_curve_place(const ac_curve *c, double v, double variance)
{
    return c->kind == AC_IN_OCTAVES ? ac_octave_place(c, v) : c->kind == AC_ROOT ? ac_root_place(c, v, variance) : v;
}

static inline int ac_curve_is_good(const ac_curve *c)
{
    if (c->kind == AC_ROOT) return isfinite(c->knee) && c->bend > 0 && isfinite(c->bend);
    return c->kind != AC_IN_OCTAVES || (c->steps >= 1 && c->steps <= AC_MAX_OCTAVE_STEPS && c->first >= AC_MIN_OCTAVE && c->first <= AC_MAX_OCTAVE);
}

#endif
