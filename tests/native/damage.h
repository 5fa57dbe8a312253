/* Damage for the fuzzers. */
#ifndef DAMAGE_H
#define DAMAGE_H

#include "make_model.h"

/* Returns the new length; up to 6 bytes more. */
static inline size_t damage(uint8_t *p, size_t n, uint64_t *seed)
{
    for (int times = random_between(seed, 1, 3); times > 0; times--)
        switch (random_u32(seed) % 8) {
        case 0: p[random_u32(seed) % n] ^= (uint8_t)(1u << random_u32(seed) % 8); break;
        case 1: p[random_u32(seed) % n] = (uint8_t)random_u32(seed); break;
        case 2: n = random_u32(seed) % n + 1; break;
        case 3: n -= n > 2 ? 2 : 0; break;
        case 4: p[n] = (uint8_t)random_u32(seed), p[n + 1] = 0, n += 1 + random_u32(seed) % 2; break;
        case 5: p[random_u32(seed) % (n < 8 ? n : 8)] = (uint8_t)random_between(seed, 0, 6); break;
        case 6:
            for (size_t i = random_u32(seed) % n; i < n; i++) p[i] = (uint8_t)random_u32(seed);
            break;
        default: memset(p + n / 2, (int)(random_u32(seed) % 2) * 255, n - n / 2); break;
        }
    return n;
}

#endif
