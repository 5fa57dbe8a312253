/* Numbers of steps. docs/format.md section "Quantise", "Elements". */
#ifndef AC_QUANTISE_ARITHMETIC_H
#define AC_QUANTISE_ARITHMETIC_H

#include <math.h>

#include "quantise.h"

/* To the nearest integer, halves to even; 0 where that is beyond 2^52. */
#define AC_MAX_WHOLE 4503599627370496.0
static inline double ac_whole(double v) { return v >= -AC_MAX_WHOLE && v <= AC_MAX_WHOLE ? rint(v) : 0; }

static inline int ac_divides(int arithmetic) { return arithmetic & AC_WIDE_QUOTIENT; }
static inline int ac_is_single(int arithmetic, int dtype) { return dtype == AC_F4 || arithmetic & AC_SINGLE; }

/* The step of an element, not yet rounded. */
static inline double ac_step_of(int arithmetic, const ac_quantised_tile *t, double v)
{
    const double above = arithmetic & AC_ZERO_FIRST ? v : v - t->zero, k = ac_divides(arithmetic) ? above * t->scale : above / t->scale;
    return arithmetic & AC_ZERO_FIRST ? k - t->zero : k;
}

#endif
