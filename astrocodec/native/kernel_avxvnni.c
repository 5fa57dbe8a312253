/* gcc knows AVX-VNNI from 11 on, clang from 12 on, the GNU assembler from 2.36 on. Where setup.py finds that they do not, it
 * defines AC_NO_AVXVNNI, and this level is AVX2 once more. */
#if defined(AC_NO_AVXVNNI)
#define KERNEL ac_kernel_avxvnni
#include "kernel_avx2.c"
#elif defined(__x86_64__)
#include "entropy_tails.h"
#include "kernel.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,avxvnni,bmi,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,avxvnni,bmi,popcnt")
#endif
#define VECTOR_VNNI
#define KERNEL ac_kernel_avxvnni
#include "vector256.h"
#include "predict_simd.h"
#include "entropy_avx2.h"
#include "window_sse2.h"
#include "kernel_loops.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ac_no_avxvnni; /* a translation unit must not be empty */
#endif
