#if defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)
/* Sums in any order: nothing here reaches a decoder but the rounded weights. Without vectors O3 would unroll for minutes. */
#if defined(__x86_64__) || defined(__aarch64__)
#pragma GCC optimize("O3", "fast-math", "fp-contract=fast", "no-var-tracking-assignments")
#else
#pragma GCC optimize("O2", "fast-math", "fp-contract=fast", "no-var-tracking-assignments")
#endif
#endif
#include <math.h>
#include <string.h>

#include "tuning/learner.h"
#define WIDTH 4
#define DESCENT ac_descent_portable
#include "tuning/descend.h"
