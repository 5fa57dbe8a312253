#include "kernels/kernel.h"

#if defined(__x86_64__)
#include <cpuid.h>

static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt"); }

/* __builtin_cpu_supports of older compilers does not know AVX-VNNI: leaf 7, subleaf 1, bit 4 of eax. */
static int has_avxvnni(void)
{
    unsigned a, b, c, d;
    return has_avx2() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

static int has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}
#endif

int ac_simd_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (has_avx512()) return AC_SIMD_AVX512;
    if (has_avxvnni()) return AC_SIMD_AVXVNNI;
    if (has_avx2()) return AC_SIMD_AVX2;
#endif
    return AC_SIMD_PORTABLE;
}

const ac_kernel *ac_kernel_of(int simd)
{
    switch (simd == AC_SIMD_AUTO ? ac_simd_best() : simd) {
    case AC_SIMD_PORTABLE: return &ac_kernel_portable;
#if defined(__x86_64__)
    case AC_SIMD_AVX2: return has_avx2() ? &ac_kernel_avx2 : 0;
    case AC_SIMD_AVXVNNI: return has_avxvnni() ? &ac_kernel_avxvnni : 0;
    case AC_SIMD_AVX512: return has_avx512() ? &ac_kernel_avx512 : 0;
#endif
    default: return 0;
    }
}
