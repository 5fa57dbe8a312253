/* Types of HDF5 -> the codec's, and the shape of chunks. */
#include "hdf5/geometry.h"

#include <string.h>

#include "array.h"

typedef struct {
    int dtype, big_endian;
} number;

static const char *class_name(int class)
{
    static const char *names[] = {"integer", "float", "time", "string", "bit field", "opaque", "compound", "reference", "enum", "variable-length", "array", "complex"};
    return class >= 0 && class < (int)(sizeof names / sizeof *names) ? names[class] : "unknown";
}

/* HDF5's booleans: FALSE = 0 and TRUE = 1, in a byte. */
static int is_boolean(const ac_host *host, hid_t type)
{
    if (host->type_size(type) != 1 || host->type_members(type) != 2) return 0;
    int is_found = 1;
    for (unsigned i = 0; i < 2; i++) {
        uint8_t value = 2;
        char *name = host->member_value(type, i, &value) < 0 ? NULL : host->member_name(type, i);
        is_found &= name && value < 2 && !strcmp(name, value ? "TRUE" : "FALSE");
        if (name) host->free_memory(name);
    }
    return is_found;
}

/* A float of IEEE 754 with so many bits of exponent and fraction, not another one of as many bytes. */
static int is_ieee(const ac_host *host, hid_t type, size_t exponents, size_t fractions)
{
    size_t sign, exponent, exponent_bits, fraction, fraction_bits;
    return host->float_fields(type, &sign, &exponent, &exponent_bits, &fraction, &fraction_bits) >= 0 && sign == exponents + fractions &&
           exponent == fractions && exponent_bits == exponents && fraction == 0 && fraction_bits == fractions &&
           host->float_bias(type) == ((size_t)1 << (exponents - 1)) - 1;
}

/* Bits of any meaning are kept; only their number and order count. Enums other than booleans are integers. */
static int read_number(const ac_host *host, hid_t type, number *out)
{
    const int class = host->type_class(type);
    if (class == H5T_ENUM) {
        const hid_t base = host->type_super(type);
        const int status = base < 0 ? AC_ERROR_ARGUMENT : read_number(host, base, out);
        if (base >= 0) host->type_close(base);
        if (!status && is_boolean(host, type)) out->dtype = AC_B1;
        return status;
    }
    const size_t size = host->type_size(type);
    const int order = host->type_order(type), log2 = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : size == 8 ? 3 : -1;
    const int known = class == H5T_INTEGER || class == H5T_FLOAT || class == H5T_BITFIELD;
    if (!known) return ac_fail(AC_ERROR_ARGUMENT, "type class %s cannot be coded: integers, floats and pairs of them can", class_name(class));
    if (log2 < 0) return ac_fail(AC_ERROR_ARGUMENT, "%s of %zu bytes cannot be coded: 1, 2, 4 and 8 bytes can", class_name(class), size);
    if (log2 > 0 && order != H5T_ORDER_LE && order != H5T_ORDER_BE)
        return ac_fail(AC_ERROR_ARGUMENT, "%s in mixed byte order cannot be coded", class_name(class));
    out->big_endian = log2 > 0 && order == H5T_ORDER_BE;
    out->dtype = 2 * log2 + (class == H5T_INTEGER && host->type_sign(type) == 1);
    if (class == H5T_FLOAT && log2 >= 2) out->dtype = log2 == 2 ? AC_F4 : AC_F8;
    if (class == H5T_FLOAT && log2 == 1 && is_ieee(host, type, 5, 10)) out->dtype = AC_F2;
    return AC_OK;
}

static int read_member(const ac_host *host, hid_t type, unsigned member, number *out, size_t *size)
{
    const hid_t found = host->member_type(type, member);
    if (found < 0) return AC_ERROR_ARGUMENT;
    const int status = host->type_class(found) == H5T_ENUM ? AC_ERROR_ARGUMENT : read_number(host, found, out);
    *size = host->type_size(found);
    host->type_close(found);
    return status;
}

static int read_pair(const ac_host *host, hid_t type, number *out)
{
    number second;
    size_t size[2];
    const int fits = host->type_members(type) == 2 && !read_member(host, type, 0, out, &size[0]) && !read_member(host, type, 1, &second, &size[1]) &&
                     out->dtype == second.dtype && out->big_endian == second.big_endian && host->member_offset(type, 0) == 0 &&
                     host->member_offset(type, 1) == size[0] && host->type_size(type) == 2 * size[0];
    return fits ? AC_OK : ac_fail(AC_ERROR_ARGUMENT, "a compound type cannot be coded unless it is two equal numbers, such as {r, i} of a complex number");
}

static int read_type(const ac_host *host, hid_t type, number *out, int *pairs)
{
    const int class = host->type_class(type);
    *pairs = class == H5T_COMPOUND || class == H5T_COMPLEX;
    if (class == H5T_COMPOUND) return read_pair(host, type, out);
    if (class != H5T_COMPLEX) return read_number(host, type, out);
    const hid_t base = host->type_super(type);
    const int status = base < 0 ? AC_ERROR_ARGUMENT : read_number(host, base, out);
    if (base >= 0) host->type_close(base);
    return status;
}

int ac_geometry_read(const ac_host *host, hid_t plist, hid_t type, ac_chunk_values *out)
{
    number found;
    hsize_t shape[AC_MAX_DIMENSIONS];
    const int status = read_type(host, type, &found, &out->pairs);
    if (status) return status;
    out->dtype = found.dtype;
    if (out->pairs && (found.dtype == AC_F4 || found.dtype == AC_F8)) {
        out->dtype = found.dtype == AC_F4 ? AC_C8 : AC_C16;
        out->pairs = 0;
    }
    out->big_endian = found.big_endian;
    out->ndim = host->get_chunk(plist, AC_MAX_DIMENSIONS, shape);
    if (out->ndim < 1 || out->ndim > AC_MAX_DIMENSIONS) return ac_fail(AC_ERROR_ARGUMENT, "the dataset is not chunked");
    for (int i = 0; i < out->ndim; i++) out->shape[i] = shape[i];
    return AC_OK;
}

static uint64_t fill_bits(const uint8_t *value, size_t size, int big_endian)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++) bits |= (uint64_t)value[big_endian ? size - 1 - i : i] << 8 * i;
    return bits;
}

static int is_full(uint64_t bits, int count)
{
    const uint64_t all = ((uint64_t)1 << count) - 1;
    return (bits & all) == all;
}

int ac_geometry_bound(const ac_host *host, hid_t plist, hid_t type, ac_chunk_values *v)
{
    const int class = host->type_class(type);
    const size_t size = host->type_size(type);
    const int is_integer = class == H5T_INTEGER && host->precision(type) == 8 * size;
    const int is_float = class == H5T_FLOAT && (size == 4 ? is_ieee(host, type, 8, 23) : size == 8 && is_ieee(host, type, 11, 52));
    if (!ac_chunk_takes_bound(v) || !(is_integer || is_float))
        return ac_fail(AC_ERROR_ARGUMENT, "%s of %zu bytes is coded losslessly only: a bound is kept of integers of 1, 2 and 4 bytes and floats of 4 and 8; leave max_error and noise_increase away", class_name(class), size);
    int defined = 0;
    uint8_t value[8];
    if (v->bound.has_blank || host->fill_defined(plist, &defined) < 0 || defined != H5D_FILL_VALUE_USER_DEFINED) return AC_OK;
    if (host->fill_value(plist, type, value) < 0) return ac_fail(AC_ERROR_ARGUMENT, "the fill value cannot be read");
    v->bound.blank = fill_bits(value, size, v->big_endian);
    v->bound.has_blank = is_integer || !(size == 4 ? is_full(v->bound.blank >> 23, 8) : is_full(v->bound.blank >> 52, 11)); /* NaN is kept anyway */
    return AC_OK;
}
