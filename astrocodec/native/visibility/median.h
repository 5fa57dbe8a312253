/* Median: of magnitudes that are not negative, by their bits. */
#ifndef AC_VISIBILITY_MEDIAN_H
#define AC_VISIBILITY_MEDIAN_H

#include <stddef.h>
#include <stdint.h>

enum { AC_NO_MAGNITUDE = 0x7fffffff, AC_MOST_MAGNITUDES = 0x7ffffffe }; /* bits of what is left out; how many there may be */

/* Sets the middle one of floats given by their bits, twice the same, or both of them, and returns how many there are without those left out. */
size_t ac_median(const int32_t *bits, size_t count, float middle[2]);

#endif
