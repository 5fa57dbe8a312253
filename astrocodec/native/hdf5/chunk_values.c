/* Filter values <-> what they say. docs/hdf5.md section "Filter values". */
#include <string.h>

#include "array.h"
#include "hdf5/chunk.h"

enum { VERSION, OPTIONS, COUNT, CODEC, TYPE, AXES, FINGERPRINT, FIXED = FINGERPRINT + 2, LEAST = FIXED + 2, SHORT_FORM = 2, PACKED = 4 };

uint64_t ac_chunk_values_size(const ac_chunk_values *v)
{
    if (!v->ndim) return 0;
    uint64_t size = (uint64_t)ac_item_bytes(v->dtype) << v->pairs;
    for (int i = 0; i < v->ndim; i++) size *= v->shape[i];
    return size;
}

int ac_has_fingerprint(const ac_chunk_values *v)
{
    static const uint8_t none[sizeof v->fingerprint];
    return memcmp(v->fingerprint, none, sizeof none) != 0;
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

static void unpack(const unsigned *values, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(values[i / PACKED] >> 8 * (i % PACKED));
}

static size_t pack(const uint8_t *bytes, size_t length, unsigned *values)
{
    const size_t packed = (length + PACKED - 1) / PACKED;
    memset(values, 0, packed * sizeof *values);
    for (size_t i = 0; i < length; i++) values[i / PACKED] |= (unsigned)bytes[i] << 8 * (i % PACKED);
    return packed;
}

static size_t contradiction(ac_refusal *why, size_t at, uint64_t found)
{
    ac_refuse(why, AC_REASON_VALUES, at, found, 0);
    return 0;
}

/* Type and lengths of the axes. Returns where the tuned model stands, 0 for a contradiction. */
static size_t read_array(const unsigned *values, size_t count, ac_chunk_values *out, ac_refusal *why)
{
    const unsigned type = values[TYPE], ndim = values[AXES], each = type & AC_CHUNK_WIDE ? 2 : 1;
    out->big_endian = (type & AC_CHUNK_BIG_ENDIAN) != 0;
    out->pairs = (type & AC_CHUNK_PAIRS) != 0;
    /* the stream of pairs has an axis more */
    if (ndim + (unsigned)out->pairs > AC_MAX_DIMENSIONS || count < FIXED + (size_t)each * ndim + 2) return contradiction(why, AXES, ndim);
    if (type >> 11 || (type & 255) >= AC_DTYPES || (out->pairs && ac_is_complex((int)(type & 255)))) return contradiction(why, TYPE, type);
    out->dtype = (int32_t)(type & 255);
    out->ndim = (int32_t)ndim;
    uint64_t left = (uint64_t)1 << 40; /* no chunk is larger, so that sizes cannot overflow */
    for (unsigned i = 0; i < ndim; i++) {
        const size_t at = FIXED + (size_t)each * i;
        out->shape[i] = values[at] | (each == 2 ? (uint64_t)values[at + 1] << 32 : 0);
        if (out->shape[i] == 0 || out->shape[i] > left) return contradiction(why, at, values[at]);
        left /= out->shape[i];
    }
    return FIXED + (size_t)each * ndim;
}

int ac_chunk_values_read(const unsigned *values, size_t count, ac_chunk_values *out, ac_refusal *why)
{
    memset(out, 0, sizeof *out);
    memset(why, 0, sizeof *why);
    out->codec = AC_CAUSAL;
    if (count == 0) return AC_OK;
    if (values[VERSION] > AC_CHUNK_LAYOUT) return ac_refuse(why, AC_REASON_VALUES_VERSION, VERSION, values[VERSION], AC_CHUNK_LAYOUT);
    if (count > OPTIONS) out->options = values[OPTIONS];
    if (count <= SHORT_FORM) return AC_OK;
    if (values[VERSION] == 0) return ac_refuse(why, AC_REASON_VALUES, VERSION, 0, 0);
    const size_t n = values[COUNT];
    if (n < LEAST || n > AC_CHUNK_MAX_VALUES || n > count) return ac_refuse(why, AC_REASON_VALUES_COUNT, COUNT, n, count);
    if (values[n - 1] != checksum(values, n - 1)) return ac_refuse(why, AC_REASON_VALUES_CHECKSUM, n - 1, values[n - 1], 0);
    out->codec = (int32_t)(values[CODEC] & INT32_MAX);
    unpack(values + FINGERPRINT, out->fingerprint, sizeof out->fingerprint);
    const size_t at = read_array(values, n, out, why);
    if (!at) return why->status;
    const size_t length = values[at];
    if (length > AC_CHUNK_MAX_DELTA || n < at + 1 + (length + PACKED - 1) / PACKED + 1) return ac_refuse(why, AC_REASON_VALUES, at, length, 0);
    out->delta_length = length;
    unpack(values + at + 1, out->delta, length);
    return AC_OK;
}

int ac_fail_values(ac_fault *fault, const ac_refusal *why)
{
    ac_fault own = {0};
    char text[256];
    if (!fault) fault = &own;
    ac_fault_take(fault, why, 0);
    fault->part = AC_IN_VALUES;
    fault->index = why->at;
    ac_fault_text(fault, text, sizeof text);
    return ac_fail(why->status, "%s", text);
}

size_t ac_chunk_values_write(const ac_chunk_values *v, unsigned out[AC_CHUNK_MAX_VALUES])
{
    const size_t room = AC_CHUNK_MAX_VALUES - FIXED - 2 - (v->delta_length + PACKED - 1) / PACKED;
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
    out[VERSION] = AC_CHUNK_LAYOUT;
    out[OPTIONS] = v->options;
    out[CODEC] = (unsigned)v->codec;
    out[TYPE] = (unsigned)v->dtype | (v->big_endian ? AC_CHUNK_BIG_ENDIAN : 0) | (v->pairs ? AC_CHUNK_PAIRS : 0) | (each == 2 ? AC_CHUNK_WIDE : 0);
    out[AXES] = (unsigned)ndim;
    pack(v->fingerprint, sizeof v->fingerprint, out + FINGERPRINT);
    for (size_t i = 0; i < ndim; i++) {
        out[n++] = (unsigned)shape[i];
        if (each == 2) out[n++] = (unsigned)(shape[i] >> 32);
    }
    out[n++] = (unsigned)v->delta_length;
    n += pack(v->delta, v->delta_length, out + n);
    out[COUNT] = (unsigned)(n + 1);
    out[n] = checksum(out, n);
    return n + 1;
}
