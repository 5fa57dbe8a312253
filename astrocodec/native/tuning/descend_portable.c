#if defined(__GNUC__) && !defined(__clang__)
/* Sums in any order: nothing here reaches a decoder but the rounded weights. */
#pragma GCC optimize("O3", "fast-math", "fp-contract=fast", "no-var-tracking-assignments")
#endif
#include <math.h>
#include <string.h>

#include "tuning/learner.h"
#define WIDTH 4
#define DESCENT ac_descent_portable
#include "tuning/descend.h"
