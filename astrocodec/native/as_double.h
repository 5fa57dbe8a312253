/* Elements of integers up to 32 bits and of floats, by their place in an array. */
#ifndef AC_AS_DOUBLE_H
#define AC_AS_DOUBLE_H

#include <string.h>

#include "array.h"

static inline double ac_as_double(int dtype, const void *data, uint64_t i)
{
    switch (dtype) {
    case AC_U1: return ((const uint8_t *)data)[i];
    case AC_I1: return ((const int8_t *)data)[i];
    case AC_U2: return ((const uint16_t *)data)[i];
    case AC_I2: return ((const int16_t *)data)[i];
    case AC_U4: return ((const uint32_t *)data)[i];
    case AC_I4: return ((const int32_t *)data)[i];
    case AC_F4: return ((const float *)data)[i];
    default: return ((const double *)data)[i];
    }
}

static inline uint64_t ac_bits_at(int dtype, const void *data, uint64_t i)
{
    switch (ac_number_bytes(dtype)) {
    case 1: return ((const uint8_t *)data)[i];
    case 2: return ((const uint16_t *)data)[i];
    case 4: return ((const uint32_t *)data)[i];
    default: return ((const uint64_t *)data)[i];
    }
}

static inline double ac_double_of_bits(int dtype, uint64_t bits)
{
    const uint8_t one = (uint8_t)bits;
    const uint16_t two = (uint16_t)bits;
    const uint32_t four = (uint32_t)bits;
    const size_t size = ac_number_bytes(dtype);
    return ac_as_double(dtype, size == 1 ? (const void *)&one : size == 2 ? (const void *)&two : size == 4 ? (const void *)&four : (const void *)&bits, 0);
}

/* So many from one on. */
static inline __attribute__((always_inline)) void ac_as_doubles(int dtype, const void *data, uint64_t first, size_t count, double *out)
{
#define AS_DOUBLES(DTYPE, TYPE)                                                                  \
    case DTYPE:                                                                                  \
        for (size_t i = 0; i < count; i++) out[i] = (double)((const TYPE *)data)[first + i]; \
        return;
    switch (dtype) {
        AS_DOUBLES(AC_U1, uint8_t)
        AS_DOUBLES(AC_I1, int8_t)
        AS_DOUBLES(AC_U2, uint16_t)
        AS_DOUBLES(AC_I2, int16_t)
        AS_DOUBLES(AC_U4, uint32_t)
        AS_DOUBLES(AC_I4, int32_t)
        AS_DOUBLES(AC_F4, float)
    default: memcpy(out, (const double *)data + first, count * sizeof *out);
    }
#undef AS_DOUBLES
}

#endif
