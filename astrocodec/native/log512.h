/* Logarithms in integers. docs/format.md section "Conventions". */
#ifndef AC_LOG512_H
#define AC_LOG512_H

#include <stdint.h>

static inline int ac_log2_floor(uint32_t v) { return 31 - __builtin_clz(v); } /* v >= 1 */

/* 512 * log2(v), the mantissa taken linearly; v >= 1 */
static inline int32_t ac_log512(uint32_t v)
{
    const int e = ac_log2_floor(v);
    return (e << 9) + (int32_t)(((uint64_t)v << 9 >> e) & 511);
}

static inline uint32_t ac_bit_length(uint32_t v) { return v ? (uint32_t)ac_log2_floor(v) + 1 : 0; }

#endif
