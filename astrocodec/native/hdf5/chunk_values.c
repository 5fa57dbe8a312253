/* Filter values <-> what they say. docs/hdf5.md section "Filter values". */
#include <math.h>
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

/* Numbers of a bound take two values each, the lower half first. */
enum { BOUND_NUMBERS = 4, BOUND_ROOM = AC_CHUNK_MAX_VALUES - FIXED - 6 }; /* with the model; axes and a blank fit too */

static int bound_length(unsigned what)
{
    int length = 3;
    for (unsigned bit = AC_CHUNK_HAS_GAIN; bit <= AC_CHUNK_HAS_BLANK; bit <<= 1) length += what & bit ? 2 : 0;
    return length;
}

static uint64_t read_bits(const unsigned *values) { return values[0] | (uint64_t)values[1] << 32; }

static double read_double(const unsigned *values)
{
    const uint64_t bits = read_bits(values);
    double found;
    memcpy(&found, &bits, sizeof found);
    return found;
}

static void write_double(double number, unsigned *values)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    values[0] = (unsigned)bits, values[1] = (unsigned)(bits >> 32);
}

static int is_positive(double number) { return number > 0 && isfinite(number); }

int ac_chunk_takes_bound(const ac_chunk_values *v)
{
    return v->codec == AC_CAUSAL && !v->pairs && (v->dtype < AC_U8 || v->dtype == AC_F4 || v->dtype == AC_F8);
}

/* The read noise stands in electrons, as the gain does. */
static int read_bound(const unsigned *values, size_t length, ac_chunk_values *out)
{
    const unsigned what = length ? values[0] : 0;
    const int is_known = !(what & ~(unsigned)AC_CHUNK_BOUND_BITS) && (what & 255) < AC_BOUNDS;
    const int is_sound = is_known && (what & (AC_CHUNK_HAS_DITHER | AC_CHUNK_DITHER)) != AC_CHUNK_DITHER;
    if (!is_sound || length < (size_t)bound_length(what)) return 0;
    double numbers[BOUND_NUMBERS] = {read_double(values + 1), 0, 0, NAN};
    size_t at = 3;
    for (unsigned bit = AC_CHUNK_HAS_GAIN, i = 1; i < BOUND_NUMBERS; bit <<= 1, i++)
        if (what & bit) numbers[i] = read_double(values + at), at += 2;
    ac_bound *b = &out->bound;
    b->kind = (int32_t)(what & 255);
    b->dither = what & AC_CHUNK_HAS_DITHER ? (what & AC_CHUNK_DITHER ? AC_DITHER_ALWAYS : AC_DITHER_NEVER) : AC_DITHER_AUTO;
    b->protect = (what & AC_CHUNK_PROTECT) != 0;
    b->has_blank = (what & AC_CHUNK_HAS_BLANK) != 0;
    b->blank = b->has_blank ? read_bits(values + at) : 0;
    b->value = numbers[0], b->gain = numbers[1], b->saturation = numbers[3];
    const int has_gain = (what & AC_CHUNK_HAS_GAIN) != 0, has_noise = (what & AC_CHUNK_HAS_READ_NOISE) != 0;
    const int asks_noise = b->kind == AC_BOUND_NOISE || b->kind == AC_BOUND_INCREASE;
    b->read_noise = has_noise ? numbers[2] / b->gain : 0;
    return is_positive(b->value) && (b->kind != AC_BOUND_RELATIVE || b->value < 1) && (!has_gain || (asks_noise && is_positive(b->gain))) &&
           (!has_noise || (has_gain && is_positive(numbers[2]) && is_positive(b->read_noise))) && (!(what & AC_CHUNK_HAS_SATURATION) || !isnan(b->saturation)) &&
           out->codec == AC_CAUSAL && !(out->options & AC_CHUNK_RESIDUALS);
}

static size_t write_bound(const ac_bound *b, unsigned *values)
{
    const double numbers[BOUND_NUMBERS] = {b->value, b->gain, b->read_noise * b->gain, b->saturation};
    const int has[BOUND_NUMBERS] = {1, b->gain > 0, b->read_noise > 0, !isnan(b->saturation)};
    unsigned what = (unsigned)b->kind | (b->protect ? AC_CHUNK_PROTECT : 0) | (b->has_blank ? AC_CHUNK_HAS_BLANK : 0);
    if (b->dither != AC_DITHER_AUTO) what |= AC_CHUNK_HAS_DITHER | (b->dither ? AC_CHUNK_DITHER : 0);
    size_t at = 1;
    for (int i = 0; i < BOUND_NUMBERS; i++) {
        if (!has[i]) continue;
        if (i) what |= (unsigned)AC_CHUNK_HAS_GAIN << (i - 1);
        write_double(numbers[i], values + at);
        at += 2;
    }
    if (b->has_blank) values[at] = (unsigned)b->blank, values[at + 1] = (unsigned)(b->blank >> 32), at += 2;
    values[0] = what;
    return at;
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
    if (count <= SHORT_FORM) return out->options & AC_CHUNK_BOUNDED ? ac_refuse(why, AC_REASON_VALUES, OPTIONS, out->options, 0) : AC_OK;
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
    const size_t behind = at + 1 + (length + PACKED - 1) / PACKED;
    const int is_bounded = (out->options & AC_CHUNK_BOUNDED) != 0;
    if (is_bounded && (!read_bound(values + behind, n - 1 - behind, out) || behind - at - 1 + (size_t)bound_length(values[behind] & ~(unsigned)AC_CHUNK_HAS_BLANK) > BOUND_ROOM))
        return ac_refuse(why, AC_REASON_VALUES, behind, values[behind], 0);
    if (is_bounded && out->ndim && !ac_chunk_takes_bound(out)) return ac_refuse(why, AC_REASON_VALUES, TYPE, values[TYPE], 0);
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
    unsigned bound[2 * BOUND_NUMBERS + 3];
    const size_t bounds = v->options & AC_CHUNK_BOUNDED ? write_bound(&v->bound, bound) : 0;
    const size_t room = AC_CHUNK_MAX_VALUES - FIXED - 2 - (v->delta_length + PACKED - 1) / PACKED - bounds;
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
    memcpy(out + n, bound, bounds * sizeof *bound);
    n += bounds;
    out[COUNT] = (unsigned)(n + 1);
    out[n] = checksum(out, n);
    return n + 1;
}
