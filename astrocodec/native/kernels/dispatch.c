#include "kernels/kernel.h"

#include <stdatomic.h>

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
#elif defined(__aarch64__) && !defined(__AARCH64EB__)
#if defined(__linux__)
#include <sys/auxv.h>

/* HWCAP_ASIMDDP, which older headers lack */
static int has_dot_products(void) { return getauxval(AT_HWCAP) >> 20 & 1; }
#elif defined(__ARM_FEATURE_DOTPROD)
static int has_dot_products(void) { return 1; }
#else
static int has_dot_products(void) { return 0; }
#endif
#endif

static int ask_processor(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (has_avx512()) return AC_SIMD_AVX512;
    if (has_avxvnni()) return AC_SIMD_AVXVNNI;
    if (has_avx2()) return AC_SIMD_AVX2;
#elif defined(__aarch64__) && !defined(__AARCH64EB__)
    return has_dot_products() ? AC_SIMD_NEONDOT : AC_SIMD_NEON;
#endif
    return AC_SIMD_PORTABLE;
}

/* Asked once: the answer takes longer than a small piece, in virtual machines above all. */
static int best_level(void)
{
    static atomic_int best = AC_SIMD_AUTO;
    int found = atomic_load_explicit(&best, memory_order_relaxed);
    if (found == AC_SIMD_AUTO) {
        found = ask_processor();
        atomic_store_explicit(&best, found, memory_order_relaxed);
    }
    return found;
}

const ac_kernel *ac_kernel_of(int simd)
{
    const int best = best_level();
    switch (simd == AC_SIMD_AUTO ? best : simd) {
    case AC_SIMD_PORTABLE: return &ac_kernel_portable;
#if defined(__x86_64__)
    case AC_SIMD_AVX2: return best >= AC_SIMD_AVX2 ? &ac_kernel_avx2 : 0;
    case AC_SIMD_AVXVNNI: return best == AC_SIMD_AVXVNNI || has_avxvnni() ? &ac_kernel_avxvnni : 0;
    case AC_SIMD_AVX512: return best == AC_SIMD_AVX512 ? &ac_kernel_avx512 : 0;
#elif defined(__aarch64__) && !defined(__AARCH64EB__)
    case AC_SIMD_NEON: return &ac_kernel_neon;
    case AC_SIMD_NEONDOT: return best == AC_SIMD_NEONDOT ? &ac_kernel_neondot : 0;
#endif
    default: return 0;
    }
}
