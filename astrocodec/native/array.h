/* Elements of an array. docs/format.md section "Stream". */
#ifndef AC_ARRAY_H
#define AC_ARRAY_H

#include "astrocodec.h"

enum { AC_U1, AC_I1, AC_U2, AC_I2, AC_U4, AC_I4, AC_U8, AC_I8, AC_F4, AC_F8, AC_B1, AC_F2, AC_C8, AC_C16, AC_DTYPES };
#define AC_MAX_ELEMENTS ((uint64_t)1 << 40)

static inline int ac_is_complex(int dtype) { return dtype == AC_C8 || dtype == AC_C16; }
/* Of an element's numbers: a complex one has two. */
static inline int ac_number_dtype(int dtype) { return dtype == AC_C8 ? AC_F4 : dtype == AC_C16 ? AC_F8 : dtype; }
static inline size_t ac_number_bytes(int dtype)
{
    static const uint8_t size[AC_DTYPES] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 1, 2, 4, 8};
    return size[dtype];
}
static inline size_t ac_item_bytes(int dtype) { return ac_number_bytes(dtype) << ac_is_complex(dtype); }
static inline int ac_is_float(int dtype) { return dtype >= AC_F4 && dtype != AC_B1; }

/* Number of elements; 0 where an axis is empty. AC_ERROR_ARGUMENT where dtype or axes are not allowed. */
int ac_array_count(const ac_array *array, uint64_t *count);

static inline uint64_t ac_smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t ac_larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

#endif
