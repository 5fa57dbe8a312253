/* Filter values <-> what they say. docs/hdf5.md section "Filter values". */
#include <string.h>

#include "hdf5/chunk.h"

enum { FIXED = 4, SHORT_FORM = 2, PACKED = 4 };

int ac_item_size(int dtype)
{
    static const uint8_t size[] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8};
    return dtype >= 0 && dtype < (int)sizeof size ? size[dtype] : 0;
}

uint64_t ac_chunk_values_size(const ac_chunk_values *v)
{
    if (!v->ndim) return 0;
    uint64_t size = (uint64_t)ac_item_size(v->dtype) << v->pairs;
    for (int i = 0; i < v->ndim; i++) size *= v->shape[i];
    return size;
}

static uint32_t checksum(const unsigned *values, size_t count)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t bytes[4] = {(uint8_t)values[i], (uint8_t)(values[i] >> 8), (uint8_t)(values[i] >> 16), (uint8_t)(values[i] >> 24)};
        crc = ac_crc32c(crc, bytes, sizeof bytes);
    }
    return crc;
}

static int contradiction(void)
{
    return ac_fail(AC_ERROR_CORRUPT, "the values of the filter contradict each other: the dataset's header is damaged");
}

int ac_chunk_values_read(const unsigned *values, size_t count, ac_chunk_values *out)
{
    memset(out, 0, sizeof *out);
    if (count == 0) return AC_OK;
    if (values[0] > AC_CHUNK_LAYOUT)
        return ac_fail(AC_ERROR_VERSION, "the dataset needs a newer astrocodec: its filter values are of version %u, this one reads %d", values[0],
                       AC_CHUNK_LAYOUT);
    if (count > 1) out->options = values[1];
    if (count <= SHORT_FORM) return AC_OK;
    if (values[0] == 0 || count < FIXED + 2 || count > AC_CHUNK_MAX_VALUES || values[count - 1] != checksum(values, count - 1)) return contradiction();
    const unsigned type = values[2], ndim = values[3], each = type & AC_CHUNK_WIDE ? 2 : 1;
    const size_t at = FIXED + (size_t)each * ndim;
    if (ndim > AC_MAX_DIMENSIONS || count < at + 2 || type >> 11 || !ac_item_size((int)(type & 255))) return contradiction();
    out->dtype = (int32_t)(type & 255);
    out->big_endian = (type & AC_CHUNK_BIG_ENDIAN) != 0;
    out->pairs = (type & AC_CHUNK_PAIRS) != 0;
    out->ndim = (int32_t)ndim;
    if (ndim + (unsigned)out->pairs > AC_MAX_DIMENSIONS) return contradiction(); /* the stream has an axis more */
    uint64_t left = (uint64_t)1 << 44; /* no chunk is larger, so that sizes cannot overflow */
    for (unsigned i = 0; i < ndim; i++) {
        out->shape[i] = values[FIXED + each * i] | (each == 2 ? (uint64_t)values[FIXED + each * i + 1] << 32 : 0);
        if (out->shape[i] == 0 || out->shape[i] > left) return contradiction();
        left /= out->shape[i];
    }
    const size_t length = values[at], packed = (length + PACKED - 1) / PACKED;
    if (length > AC_CHUNK_MAX_DELTA || count != at + 1 + packed + 1) return contradiction();
    out->delta_length = length;
    for (size_t i = 0; i < length; i++) out->delta[i] = (uint8_t)(values[at + 1 + i / PACKED] >> 8 * (i % PACKED));
    return AC_OK;
}

size_t ac_chunk_values_write(const ac_chunk_values *v, unsigned out[AC_CHUNK_MAX_VALUES])
{
    const size_t packed = (v->delta_length + PACKED - 1) / PACKED, room = AC_CHUNK_MAX_VALUES - FIXED - 2 - packed;
    uint64_t shape[AC_MAX_DIMENSIONS];
    size_t ndim = (size_t)v->ndim, each, n = FIXED;
    memcpy(shape, v->shape, sizeof shape);
    for (;;) {
        each = 1;
        for (size_t i = 0; i < ndim; i++)
            if (shape[i] >> 32) each = 2;
        /* planes of pairs are one more axis of the stream */
        if (ndim < 2 || (ndim * each <= room && ndim + (size_t)v->pairs <= AC_MAX_DIMENSIONS)) break;
        shape[1] *= shape[0];
        memmove(shape, shape + 1, --ndim * sizeof *shape);
    }
    out[0] = AC_CHUNK_LAYOUT;
    out[1] = v->options;
    out[2] = (unsigned)v->dtype | (v->big_endian ? AC_CHUNK_BIG_ENDIAN : 0) | (v->pairs ? AC_CHUNK_PAIRS : 0) | (each == 2 ? AC_CHUNK_WIDE : 0);
    out[3] = (unsigned)ndim;
    for (size_t i = 0; i < ndim; i++) {
        out[n++] = (unsigned)shape[i];
        if (each == 2) out[n++] = (unsigned)(shape[i] >> 32);
    }
    out[n++] = (unsigned)v->delta_length;
    for (size_t i = 0; i < packed; i++) out[n + i] = 0;
    for (size_t i = 0; i < v->delta_length; i++) out[n + i / PACKED] |= (unsigned)v->delta[i] << 8 * (i % PACKED);
    n += packed;
    out[n] = checksum(out, n);
    return n + 1;
}
