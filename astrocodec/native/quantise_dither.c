#include <stdlib.h>

#include "quantise.h"

enum { MODULUS = 2147483647, CHAINS = 8 };

static uint32_t times(uint64_t a, uint32_t b)
{
    const uint64_t product = a * b;
    const uint32_t folded = (uint32_t)((product & MODULUS) + (product >> 31));
    return folded >= MODULUS ? folded - MODULUS : folded;
}

/* Eight numbers at a time are told by the eight before, which is quicker than one by one. */
void ac_dither_states(uint32_t *states)
{
    uint32_t jump = 1;
    for (int i = 0; i < CHAINS; i++) states[i] = jump = times(jump, 16807);
    for (int i = CHAINS; i < AC_SEEDS; i++) states[i] = times(states[i - CHAINS], jump);
}

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
