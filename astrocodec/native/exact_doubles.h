/* Doubles that decide what is decoded: IEEE 754 binary64, each operation rounded by itself. docs/format.md section "Visibilities". */
#ifndef AC_EXACT_DOUBLES_H
#define AC_EXACT_DOUBLES_H

#include <float.h>

#ifdef __FAST_MATH__
#error "astrocodec decodes visibilities with doubles that must be rounded as IEEE 754 says: build it without -ffast-math and -Ofast"
#endif

_Static_assert(FLT_RADIX == 2 && DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024 && sizeof(double) == 8, "double must be IEEE 754 binary64");
_Static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 1, "doubles must not be held in wider registers: build with SSE2");

#endif
