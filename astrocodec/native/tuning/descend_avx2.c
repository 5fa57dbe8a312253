#if defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)
/* Sums in any order: nothing here reaches a decoder but the rounded weights. */
#pragma GCC optimize("O3", "fast-math", "fp-contract=fast", "no-var-tracking-assignments")
#endif
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,bmi,bmi2,popcnt")
#endif
#include "tuning/learner.h"
#define WIDTH 8
#define DESCENT ac_descent_avx2
#include "tuning/descend.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ac_no_avx2; /* a translation unit must not be empty */
#endif
