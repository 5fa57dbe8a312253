/* Logarithms that are the same everywhere: those of an encoder's lengths. */
#ifndef AC_VISIBILITY_LOG512_H
#define AC_VISIBILITY_LOG512_H

#include <stdint.h>

/* 512 log2 to the nearest, bit by bit: the square of a number has twice its logarithm. */
static inline uint32_t ac_log512(uint32_t v)
{
    const uint32_t e = 31 - (uint32_t)__builtin_clz(v);
    uint64_t x = (uint64_t)v << (31 - e);
    uint32_t found = e;
    for (int bit = 0; bit < 10; bit++) {
        x = x * x >> 31;
        const uint32_t is_more = (uint32_t)(x >> 32);
        found = 2 * found + is_more;
        x >>= is_more;
    }
    return (found + 1) >> 1;
}

#endif
