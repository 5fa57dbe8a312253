/* Elements of integers up to 32 bits and of floats, by their place in an array. */
#ifndef AC_AS_DOUBLE_H
#define AC_AS_DOUBLE_H

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

#endif
