/* Bins: the bin of a float, equally wide around zero and growing far off, and its place in it. docs/format.md section "Bins". */
#ifndef AC_BINS_H
#define AC_BINS_H

#include "array.h"

enum { AC_MAX_LINEAR = 15 };
/* Of floats by their bits less the trailing zeros. */
typedef struct {
    uint32_t fraction, exponents; /* bits of the fraction, number of exponents */
    uint32_t first, linear;       /* exponent of the width of a bin; octaves from there on in which bins are as wide */
    uint32_t whole;               /* bits of a float in bin 0, but for its sign */
    uint32_t sign;                /* the bit where that stands */
} ac_bins;

/* At most as many trailing zeros as a fraction has bits. */
static inline ac_bins ac_bins_of(int dtype, uint32_t trailing, uint32_t first, uint32_t linear)
{
    const uint32_t width = 8 * (uint32_t)ac_number_bytes(dtype), fraction = width == 16 ? 10 : width == 32 ? 23 : 52, p = fraction - trailing;
    const uint64_t most = ((uint64_t)first << p) - 1; /* in bin 0 */
    return (ac_bins){p, 1u << (width - 1 - fraction), first, linear, most ? 64 - (uint32_t)__builtin_clzll(most) : 0, width - trailing - 1};
}

/* Whether floats have them. */
static inline int ac_are_bins(int dtype, uint32_t trailing, uint32_t first, uint32_t linear)
{
    const ac_bins all = ac_bins_of(dtype, 0, 1, 0);
    return linear <= AC_MAX_LINEAR && trailing + linear <= all.fraction && first && first + linear < all.exponents;
}

/* How many bins of one sign there are. */
static inline uint64_t ac_bin_count(const ac_bins *c) { return (uint64_t)(c->exponents - c->first - c->linear + 1) << c->linear; }

/* The bin of a float, counted from 0 up for a clear sign and from -1 down for a set one; `low`: how many bits its place takes. */
static inline int64_t ac_bin_of(const ac_bins *c, uint64_t bits, uint32_t *low)
{
    const uint64_t one = (uint64_t)1 << c->fraction, magnitude = bits & (((uint64_t)1 << c->sign) - 1);
    const int32_t octave = (int32_t)(magnitude >> c->fraction) - (int32_t)c->first, is_small = octave < 0;
    const int32_t steps = is_small ? 0 : octave < (int32_t)c->linear ? octave : (int32_t)c->linear;
    const uint32_t n = c->fraction - (uint32_t)steps;
    const uint64_t bin = (((magnitude & (one - 1)) | one) >> n) + ((uint64_t)(octave - steps) << c->linear);
    *low = is_small ? c->whole : n;
    return (int64_t)((is_small ? 0 : bin) ^ (0 - (bits >> c->sign & 1)));
}

/* The first float of a bin that there is; `low`: how many bits a place in it takes. */
static inline uint64_t ac_bin_start(const ac_bins *c, int64_t bin, uint32_t *low)
{
    const uint64_t is_negative = (uint64_t)bin >> 63, k = (uint64_t)bin ^ (0 - is_negative), is_whole = 0 - (uint64_t)!k;
    const uint32_t octave = 63 - (uint32_t)__builtin_clzll(k | 1), steps = octave < c->linear ? octave : c->linear, n = c->fraction - steps;
    const uint64_t start = (((uint64_t)c->first + steps) << c->fraction) + ((k - ((uint64_t)1 << steps)) << n);
    *low = k ? n : c->whole;
    return is_negative << c->sign | (start & ~is_whole);
}

#endif
