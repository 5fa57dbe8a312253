/* gcc knows AVX-VNNI from 11 on, clang from 12 on, the GNU assembler from 2.36 on. Where setup.py finds that they do not, it
 * defines AC_NO_AVXVNNI, and this level is AVX2 once more. */
#if defined(AC_NO_AVXVNNI)
#define KERNEL ac_kernel_avxvnni
#include "kernels/avx2.c"
#elif defined(__x86_64__)
#include "kernels/entropy_tails.h"
#include "kernels/kernel.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,avxvnni,bmi,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,avxvnni,bmi,popcnt")
#endif
#define VECTOR_VNNI
#define KERNEL ac_kernel_avxvnni
#include "kernels/vector256.h"
#include "kernels/predict_simd.h"
#include "kernels/entropy_avx2.h"
#include "kernels/window_sse2.h"
#include "kernels/widths_simd.h"
#include "kernels/loops.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ac_no_avxvnni; /* a translation unit must not be empty */
#endif
