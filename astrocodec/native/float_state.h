/* Float state: how this thread rounds floats, and whether it takes denormals for zeros. Streams count on IEEE 754; libraries that were linked
 * with -ffast-math change it for whole processes. */
#ifndef AC_FLOAT_STATE_H
#define AC_FLOAT_STATE_H

#include <stdint.h>

/* Rounding to the nearest, denormals kept, no traps. Returns what was before. */
uint64_t ac_float_state_standard(void);
void ac_float_state_back(uint64_t before);

#endif
