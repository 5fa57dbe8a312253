/* Sixteen samples in lockstep: one vector of the compiler's, whatever the processor's are. Encoder only. */
#ifndef AC_LOCKSTEP_H
#define AC_LOCKSTEP_H

#include <stdint.h>

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 9
#error "gcc 9 or newer is needed, or clang"
#endif

enum { AC_LANES = 16 };
typedef float ac_lanes_f32 __attribute__((vector_size(4 * AC_LANES)));
typedef int32_t ac_lanes_i32 __attribute__((vector_size(4 * AC_LANES)));
typedef int16_t ac_lanes_i16 __attribute__((vector_size(2 * AC_LANES)));
#define AC_INLINE __attribute__((always_inline))

#endif
