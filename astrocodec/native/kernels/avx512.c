#if defined(__x86_64__)
#include "kernels/entropy_tails.h"
#include "kernels/kernel.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,bmi,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,bmi,popcnt")
#endif
#define KERNEL ac_kernel_avx512
#include "kernels/vector512.h"
#include "kernels/predict_simd.h"
#include "kernels/entropy_avx512.h"
#include "kernels/window_sse2.h"
#include "kernels/widths_simd.h"
#include "kernels/loops.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ac_no_avx512; /* a translation unit must not be empty */
#endif
