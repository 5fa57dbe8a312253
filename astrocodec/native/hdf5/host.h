/* Host: the functions of the libhdf5 that called. A process may hold several, none of them in the global scope. */
#ifndef AC_HDF5_HOST_H
#define AC_HDF5_HOST_H

#include "hdf5/abi.h"

typedef struct {
    int (*get_chunk)(hid_t plist, int max_ndims, hsize_t *dims);
    herr_t (*get_filter)(hid_t plist, int id, unsigned *flags, size_t *count, unsigned *values, size_t name_size, char *name, unsigned *config);
    int (*count_filters)(hid_t plist);
    int (*filter_at)(hid_t plist, unsigned index, unsigned *flags, size_t *count, unsigned *values, size_t name_size, char *name, unsigned *config);
    herr_t (*modify_filter)(hid_t plist, int id, unsigned flags, size_t count, const unsigned *values);
    int (*type_class)(hid_t type);
    size_t (*type_size)(hid_t type);
    int (*type_order)(hid_t type);
    int (*type_sign)(hid_t type);
    hid_t (*type_super)(hid_t type);
    int (*type_members)(hid_t type);
    hid_t (*member_type)(hid_t type, unsigned member);
    size_t (*member_offset)(hid_t type, unsigned member);
    char *(*member_name)(hid_t type, unsigned member); /* to be freed by free_memory */
    herr_t (*member_value)(hid_t type, unsigned member, void *value);
    herr_t (*float_fields)(hid_t type, size_t *sign, size_t *exponent, size_t *exponent_bits, size_t *fraction, size_t *fraction_bits);
    size_t (*float_bias)(hid_t type);
    size_t (*precision)(hid_t type);
    herr_t (*fill_defined)(hid_t plist, int *status);
    herr_t (*fill_value)(hid_t plist, hid_t type, void *value);
    herr_t (*free_memory)(void *memory);
    herr_t (*type_close)(hid_t type);
} ac_host;

/* What the function that called us was called from: `caller` is __builtin_return_address(0) of a callback. 0: not found. */
int ac_host_find(void *caller, ac_host *out);

/* Memory that the host frees, or that it allocated. */
typedef struct {
    void *(*allocate)(size_t size, int clear);
    void (*release)(void *memory);
} ac_host_memory;

/* The host's functions, or what wraps malloc and free where it has none. */
ac_host_memory ac_host_memory_find(void *caller);

#endif
