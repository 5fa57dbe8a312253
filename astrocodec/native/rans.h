/* rANS: 32-bit states, 16-bit words, 14-bit frequencies. docs/format.md section "rANS". */
#ifndef AC_RANS_H
#define AC_RANS_H

#include "distribution.h"

#define AC_RANS_LOW 65536u

/* Encoding runs backwards: `end` is where the next word goes, minus one. */
static inline void ac_rans_push(uint32_t *state, uint32_t start, uint32_t freq, uint16_t **end)
{
    uint32_t x = *state;
    if (x >> (32 - AC_PRECISION) >= freq) {
        *--*end = (uint16_t)x;
        x >>= 16;
    }
    *state = ((x / freq) << AC_PRECISION) + x % freq + start;
}

static inline void ac_rans_push_raw(uint32_t *state, uint32_t raw, uint32_t bits, uint16_t **end)
{
    uint32_t x = *state;
    if ((uint64_t)x >> (32 - bits)) {
        *--*end = (uint16_t)x;
        x >>= 16;
    }
    *state = (x << bits) | raw;
}

#endif
