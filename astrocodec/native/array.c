#include "array.h"

int ac_array_count(const ac_array *array, uint64_t *count)
{
    if (!array || array->dtype < 0 || array->dtype >= AC_DTYPES || array->ndim < 0 || array->ndim > AC_MAX_DIMENSIONS) return AC_ERROR_ARGUMENT;
    uint64_t product = 1;
    int is_empty = 0, is_large = 0;
    for (int i = 0; i < array->ndim; i++) {
        const uint64_t n = array->shape[i];
        if (n > AC_MAX_ELEMENTS) return AC_ERROR_ARGUMENT;
        is_empty |= !n;
        is_large |= n && product > AC_MAX_ELEMENTS / n;
        if (n && !is_large) product *= n;
    }
    if (is_large) return AC_ERROR_ARGUMENT; /* of an empty array too: NumPy makes no larger one either */
    *count = is_empty ? 0 : product;
    return AC_OK;
}

size_t ac_array_size(const ac_array *array)
{
    uint64_t count;
    if (ac_array_count(array, &count) || count * ac_item_bytes(array->dtype) > SIZE_MAX) return SIZE_MAX;
    return (size_t)count * ac_item_bytes(array->dtype);
}
