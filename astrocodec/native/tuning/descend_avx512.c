#if defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)
/* Sums in any order: nothing here reaches a decoder but the rounded weights. */
#pragma GCC optimize("O3", "fast-math", "fp-contract=fast", "no-var-tracking-assignments")
#endif
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,bmi,bmi2,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")
#endif
#include "tuning/learner.h"
#define WIDTH 16
#define DESCENT ac_descent_avx512
#include "tuning/descend.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ac_no_avx512; /* a translation unit must not be empty */
#endif
