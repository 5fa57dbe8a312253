#include "float_state.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum { TRAPS_MASKED = 0x1f80 }; /* all else, rounding and the ways of denormals, is 0 as it should be */

uint64_t ac_float_state_standard(void)
{
    const uint32_t before = _mm_getcsr();
    if ((before & ~0x3fu) != TRAPS_MASKED) _mm_setcsr(TRAPS_MASKED); /* the lowest bits tell of operations that were */
    return before;
}

void ac_float_state_back(uint64_t before)
{
    if (((uint32_t)before & ~0x3fu) != TRAPS_MASKED) _mm_setcsr((uint32_t)before);
}

#elif defined(__aarch64__)

uint64_t ac_float_state_standard(void)
{
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    if (before) __asm__ volatile("msr fpcr, xzr" ::: "memory");
    return before;
}

void ac_float_state_back(uint64_t before)
{
    if (before) __asm__ volatile("msr fpcr, %0" ::"r"(before) : "memory");
}

#else
#include <fenv.h>

uint64_t ac_float_state_standard(void)
{
    const int before = fegetround();
    fesetround(FE_TONEAREST);
    return (uint64_t)before;
}

void ac_float_state_back(uint64_t before) { fesetround((int)before); }

#endif
