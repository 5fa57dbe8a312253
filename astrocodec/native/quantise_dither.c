#include <stdlib.h>

#include "quantise.h"
#include "wide_vectors.h"

enum { MODULUS = 2147483647, CHAINS = 16 };

static inline uint32_t times(uint64_t a, uint32_t b)
{
    const uint64_t product = a * b;
    const uint32_t folded = (uint32_t)((product & MODULUS) + (product >> 31));
    return folded >= MODULUS ? folded - MODULUS : folded;
}

/* Sixteen numbers at a time are told by the sixteen before, which is quicker than one by one. */
static inline __attribute__((always_inline)) void take_states(uint32_t *states)
{
    uint32_t jump = 1;
    for (int i = 0; i < CHAINS; i++) states[i] = jump = times(jump, 16807);
    for (int i = CHAINS; i < AC_SEEDS; i += CHAINS)
        for (int j = 0; j < CHAINS; j++) states[i + j] = times(states[i + j - CHAINS], jump);
}

static void take_states_plain(uint32_t *states) { take_states(states); }
WIDE_VECTORS static void take_states_wide(uint32_t *states) { take_states(states); }
void ac_dither_states(uint32_t *states) { (HAS_WIDE_VECTORS ? take_states_wide : take_states_plain)(states); }

ac_dither *ac_dither_create(void)
{
    ac_dither *d = malloc(sizeof *d);
    if (!d) return NULL;
    uint32_t before = 0;
    ac_dither_states(d->starts);
    for (int i = 0; i < AC_SEEDS; i++) d->number[i] = (float)((double)d->starts[i] / 2147483647.0);
    for (int i = 0; i < AC_SEEDS; i++) {
        d->starts[i] = (uint32_t)(d->number[i] * 500.0);
        d->before[i] = before;
        before += AC_SEEDS - d->starts[i];
    }
    d->before[AC_SEEDS] = before;
    return d;
}

ac_random_place ac_dither_place(const ac_dither *d, uint32_t seed, uint64_t pixel)
{
    const uint32_t all = d->before[AC_SEEDS];
    const uint32_t index = (uint32_t)((d->before[seed] + pixel % all) % all);
    uint32_t low = index / AC_SEEDS, high = AC_SEEDS; /* no sequence is longer */
    if (index >= d->before[seed] && index < d->before[seed + 1]) low = seed, high = seed + 1;
    while (high - low > 1) {
        const uint32_t middle = (low + high) / 2;
        if (d->before[middle] <= index)
            low = middle;
        else
            high = middle;
    }
    return (ac_random_place){low, d->starts[low] + index - d->before[low]};
}
