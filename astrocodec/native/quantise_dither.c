#include <stdlib.h>

#include "quantise.h"

ac_dither *ac_dither_create(void)
{
    ac_dither *d = malloc(sizeof *d);
    if (!d) return NULL;
    uint64_t state = 1;
    uint32_t before = 0;
    for (int i = 0; i < AC_SEEDS; i++) {
        state = state * 16807 % 2147483647;
        d->number[i] = (float)((double)state / 2147483647.0);
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
