/* Variable-length integers: 7 bits a byte, least significant first; and reading them without leaving the buffer.
 * docs/format.md section "Conventions". */
#ifndef AC_VARINT_H
#define AC_VARINT_H

#include "fault.h"

enum { AC_MAX_VARINT = 10 };

static inline size_t ac_put_varint(uint8_t *out, uint64_t value)
{
    size_t n = 0;
    for (; value >= 128; value >>= 7) out[n++] = (uint8_t)(value | 128);
    out[n++] = (uint8_t)value;
    return n;
}

static inline size_t ac_varint_size(uint64_t value)
{
    size_t n = 1;
    for (; value >= 128; value >>= 7) n++;
    return n;
}

/* Signed numbers in zigzag, so that small magnitudes are short. */
static inline size_t ac_put_signed_varint(uint8_t *out, int64_t value)
{
    return ac_put_varint(out, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

/* After the first failure `why` stays as it is, and everything read is 0. */
typedef struct {
    const uint8_t *data;
    size_t length, at;
    ac_refusal why;
} ac_reader;

static inline uint64_t ac_fail_reader(ac_reader *r, int reason, uint64_t at, uint64_t found, uint64_t allowed)
{
    ac_refuse(&r->why, reason, at, found, allowed);
    return 0;
}

/* The next bytes, NULL where fewer are left. */
static inline const uint8_t *ac_take(ac_reader *r, uint64_t count)
{
    if (count > r->length - r->at) ac_fail_reader(r, AC_REASON_CUT, r->at, count, r->length - r->at);
    if (r->why.status) return NULL;
    r->at += (size_t)count;
    return r->data + r->at - count;
}

static inline uint32_t ac_take_byte(ac_reader *r)
{
    const uint8_t *p = ac_take(r, 1);
    return p ? *p : 0;
}

/* At most `most`, in the shortest form. */
static inline uint64_t ac_take_varint(ac_reader *r, uint64_t most)
{
    const size_t start = r->at;
    uint64_t value = 0;
    uint32_t byte = 128, shift = 0;
    for (; byte & 128; shift += 7) {
        if (shift > 63) return ac_fail_reader(r, AC_REASON_NUMBER, start, 0, most);
        byte = ac_take_byte(r);
        if (r->why.status) return 0;
        if (shift == 63 && byte > 1) return ac_fail_reader(r, AC_REASON_NUMBER, start, 0, most);
        value |= (uint64_t)(byte & 127) << shift;
    }
    return value > most || (!byte && shift > 7) ? ac_fail_reader(r, AC_REASON_NUMBER, start, value, most) : value;
}

static inline int64_t ac_take_signed_varint(ac_reader *r)
{
    const uint64_t value = ac_take_varint(r, UINT64_MAX);
    return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

#endif
