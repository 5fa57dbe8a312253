/* Floats that hold integers: docs/format.md section "Conventions". Whoever includes this relies on IEEE 754 binary32, where every integer
 * below 2^24 in magnitude, every sum of such that stays below, and its exponent and mantissa are exact, whatever the rounding. */
#ifndef AC_EXACT_FLOATS_H
#define AC_EXACT_FLOATS_H

#include <float.h>

#ifdef __FAST_MATH__
#error "astrocodec decodes with floats that must be exact: build it without -ffast-math and -Ofast"
#endif

_Static_assert(FLT_RADIX == 2 && FLT_MANT_DIG == 24 && FLT_MAX_EXP == 128 && sizeof(float) == 4, "float must be IEEE 754 binary32");

#endif
