/* Floats by their bits: in the order of their values, and half floats as integers. docs/format.md section "Pixels". */
#ifndef AC_FLOAT_BITS_H
#define AC_FLOAT_BITS_H

#include <stdint.h>
#include <string.h>

/* -0.0 just below 0.0, NaNs at the ends. No branches here: signs of noise are no habit. */
static inline uint64_t ac_ordered_bits(uint64_t bits, uint32_t width)
{
    const uint64_t top = (uint64_t)1 << (width - 1), all = top | (top - 1);
    return (bits ^ (top | (0 - (bits >> (width - 1))))) & all;
}

static inline uint64_t ac_unordered_bits(uint64_t ordered, uint32_t width)
{
    const uint64_t top = (uint64_t)1 << (width - 1);
    return ordered ^ (top | ((ordered >> (width - 1) & 1) - 1));
}

/* Whether a float is an integer below 2^31 in magnitude and not -0.0. */
static inline int ac_is_integer(double v)
{
    if (!(v > -2147483648.0 && v < 2147483648.0) || v != (double)(int64_t)v) return 0;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits != (uint64_t)1 << 63;
}

/* Whether a half float is an integer and not -0.0; `value` receives it. */
static inline int ac_half_integer(uint16_t bits, int64_t *value)
{
    const uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (exponent == 31 || bits == 0x8000) return 0;
    /* times 2^up / 2^down */
    const uint32_t scaled = exponent ? 1024 | fraction : fraction, up = exponent > 25 ? exponent - 25 : 0;
    const uint32_t down = exponent > 25 ? 0 : exponent ? 25 - exponent : 24, magnitude = scaled << up >> down;
    if (scaled & ((1u << down) - 1)) return 0;
    *value = bits >> 15 ? -(int64_t)magnitude : (int64_t)magnitude;
    return 1;
}

/* The half float of an integer; 0 in `exact` where there is none. */
static inline uint16_t ac_half_of(int64_t value, int *exact)
{
    uint64_t magnitude = (uint64_t)(value < 0 ? -value : value);
    if (!magnitude) return 0;
    uint32_t exponent = 25;
    for (; magnitude >= 2048 && !(magnitude & 1); magnitude >>= 1) exponent++;
    for (; magnitude < 1024; magnitude <<= 1) exponent--;
    *exact &= magnitude < 2048 && exponent < 31;
    return (uint16_t)((value < 0) << 15 | exponent << 10 | (magnitude & 1023));
}

static inline int64_t ac_half_value(uint16_t bits)
{
    int64_t value = 0;
    ac_half_integer(bits, &value);
    return value;
}

#endif
