#if defined(__x86_64__)
#include "entropy_tails.h"
#include "kernel.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,popcnt")
#endif
#if !defined(KERNEL) /* by kernel_avxvnni.c */
#define KERNEL ac_kernel_avx2
#endif
#include "vector256.h"
#include "predict_simd.h"
#include "entropy_avx2.h"
#include "window_sse2.h"
#include "kernel_loops.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ac_no_avx2; /* a translation unit must not be empty */
#endif
