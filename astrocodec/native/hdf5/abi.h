/* The part of HDF5's binary interface that a filter needs, 1.10 and later, so that no HDF5 header is needed to build. */
#ifndef AC_HDF5_ABI_H
#define AC_HDF5_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t hid_t;
typedef int herr_t, htri_t;
typedef unsigned long long hsize_t;

typedef size_t (*H5Z_func_t)(unsigned flags, size_t count, const unsigned values[], size_t length, size_t *capacity, void **buffer);
typedef struct {
    int version; /* of this struct: 1 */
    int id;
    unsigned encoder_present, decoder_present;
    const char *name;
    htri_t (*can_apply)(hid_t plist, hid_t type, hid_t space);
    herr_t (*set_local)(hid_t plist, hid_t type, hid_t space);
    H5Z_func_t filter;
} H5Z_class2_t;

enum { H5Z_FLAG_REVERSE = 0x0100, H5PL_TYPE_FILTER = 0 };
/* H5T_class_t and H5T_order_t */
enum { H5T_INTEGER = 0, H5T_FLOAT = 1, H5T_BITFIELD = 4, H5T_COMPOUND = 6, H5T_ENUM = 8, H5T_COMPLEX = 11 };
enum { H5T_ORDER_LE = 0, H5T_ORDER_BE = 1, H5D_FILL_VALUE_USER_DEFINED = 2 };

#endif
