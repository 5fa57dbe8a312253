#if defined(__aarch64__) && !defined(__AARCH64EB__)
#include "kernels/entropy_plain.h"

#if defined(VECTOR_DOT) && defined(__clang__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#elif defined(VECTOR_DOT)
#pragma GCC target("arch=armv8.2-a+dotprod")
#endif
#if !defined(KERNEL) /* by neondot.c */
#define KERNEL ac_kernel_neon
#endif
#include "kernels/vector_neon.h"
#include "kernels/predict_simd.h"
#include "kernels/entropy_widths.h"
#include "kernels/loops.h"
#if defined(VECTOR_DOT) && defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ac_no_neon; /* a translation unit must not be empty */
#endif
