/* Arrays of every data type made from a seed, for the drivers in this folder. */
#ifndef MAKE_ARRAY_H
#define MAKE_ARRAY_H

#include "array.h"
#include "make_model.h"

enum { ARRAY_KINDS = 11, SERIES = 12, SERIES_PIXELS = 12, ARRAY_ELEMENTS = 1 << 15, FEW_ELEMENTS = 4096, ARRAY_ITEM = 16 };

/* The half float next below `v` in magnitude. */
static inline uint16_t half_bits(double v)
{
    int exponent;
    if (isnan(v)) return 0x7e00;
    const double fraction = frexp(fabs(v), &exponent); /* 0.5 to 1 */
    const uint16_t sign = v < 0 ? 0x8000 : 0;
    if (exponent > 16) return sign | 0x7c00;
    if (exponent < -13) return sign;
    return (uint16_t)(sign | (uint32_t)(exponent + 14) << 10 | ((uint32_t)(fraction * 2048) & 1023));
}

/* A number of about `v`; kind 8 is bits without meaning. */
static inline void put_number(uint8_t *data, int dtype, size_t i, double v)
{
    const int64_t n = isnan(v) || v < -9e18 ? INT64_MIN : v > 9e18 ? INT64_MAX : (int64_t)v;
    switch (dtype) {
    case AC_F2: ((uint16_t *)data)[i] = half_bits(v); break;
    case AC_F4: ((float *)data)[i] = (float)v; break;
    case AC_F8: ((double *)data)[i] = v; break;
    default:
        switch (ac_number_bytes(dtype)) {
        case 1: data[i] = (uint8_t)n; break;
        case 2: ((uint16_t *)data)[i] = (uint16_t)n; break;
        case 4: ((uint32_t *)data)[i] = (uint32_t)n; break;
        default: ((uint64_t *)data)[i] = (uint64_t)n; break;
        }
    }
}

static inline double array_value(int kind, size_t i, double scale, uint64_t *seed)
{
    switch (kind) {
    case 0: return 1000 + scale * random_normal(seed);
    case 1: return floor(1000 + scale * random_normal(seed));
    case 2: return 7;
    case 3: return floor(scale * 1.37 * (random_u32(seed) % 200) + 0.4); /* a lattice */
    case 4: return (random_u32(seed) % 12 + 3) * (random_u32(seed) % 12 + 3) * 97.0;
    case 5: return random_u32(seed) % 20 ? floor(3 + scale * random_normal(seed)) : -2147483648.0; /* blanks */
    case 6: return i % 31 ? floor(scale * random_normal(seed)) * 1048576.0 : 1e18;
    case 7: return random_u32(seed) % 9 ? 0 : random_u32(seed) % 5;
    case 9: return random_u32(seed) % 500 ? scale * random_normal(seed) : random_u32(seed) % 2 ? -0.0 : -1e-40; /* around zero */
    case 10: return i / 37 % 5 ? 9000 + scale * random_normal(seed) : i / 800 % 2 ? NAN : 0; /* blanks of two values */
    case SERIES: return floor(9000 * fmod(0.618 * (double)(i % SERIES_PIXELS), 1) + scale * random_normal(seed));
    default: return 0;
    }
}

/* At most ARRAY_ELEMENTS elements of ARRAY_ITEM bytes into `data`; few in most cases, in some enough for all that the encoder tries of cubes. */
static inline ac_array make_array(uint8_t *data, uint64_t *seed)
{
    const int is_large = random_u32(seed) % 8 == 0;
    ac_array a = {.dtype = random_between(seed, 0, AC_DTYPES - 1), .ndim = is_large ? random_between(seed, 2, 4) : random_between(seed, 0, 3)};
    size_t count = 1;
    for (int i = 0; i < a.ndim; i++) {
        a.shape[i] = random_u32(seed) % 60 ? (uint64_t)random_between(seed, 1, i ? 40 : a.ndim == 1 ? 900 : 50) : 0;
        if (count * a.shape[i] > (is_large ? ARRAY_ELEMENTS : FEW_ELEMENTS)) a.shape[i] = 1;
        count *= a.shape[i];
    }
    const int are_series = is_large && random_u32(seed) % 4 == 0;
    if (are_series) a = (ac_array){a.dtype, 3, {(uint64_t)random_between(seed, 350, 600), 3, SERIES_PIXELS / 3}}, count = SERIES_PIXELS * a.shape[0];
    const int kind = are_series ? SERIES : random_between(seed, 0, ARRAY_KINDS - 1);
    const double scale = pow(2, random_between(seed, 0, 20) / 2.0);
    for (size_t i = 0; i < count << ac_is_complex(a.dtype); i++) put_number(data, ac_number_dtype(a.dtype), i, array_value(kind, i, scale, seed));
    const size_t width = a.ndim ? a.shape[a.ndim - 1] : 1, broken = random_u32(seed) % 3 ? 0 : random_u32(seed) % 9; /* columns, for cuts */
    for (size_t i = 0; i < count << ac_is_complex(a.dtype); i++)
        if (i % width < broken) put_number(data, ac_number_dtype(a.dtype), i, i % width % 2 ? 90 : 9);
    if (kind == 8)
        for (size_t i = 0; i < count * ac_item_bytes(a.dtype); i++) data[i] = (uint8_t)random_u32(seed);
    return a;
}

/* A tuned model's difference: the first linear weight one up, all others as they are. For 16 neurons. */
enum { DELTA_HEAD = 9, DELTA_LENGTH = DELTA_HEAD + 24 };
static inline void make_delta(uint8_t *delta)
{
    uint8_t fingerprint[8];
    memset(delta, 0, DELTA_LENGTH);
    ac_model_fingerprint(ac_model_default(), fingerprint);
    delta[0] = 1;
    memcpy(delta + 1, fingerprint, sizeof fingerprint);
    delta[DELTA_HEAD] = 3 << 4;                                       /* k = 0, then 2 as two ones and a zero */
    for (int bit = 32; bit < 188; bit++) delta[DELTA_HEAD + bit / 8] |= (uint8_t)(1 << bit % 8); /* k = 15 of the other rows */
}

#endif
