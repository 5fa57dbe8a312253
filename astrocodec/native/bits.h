/* Bits in bytes, least significant first, and Golomb-Rice codes among them. docs/format.md section "Conventions". */
#ifndef AC_BITS_H
#define AC_BITS_H

#include <stddef.h>
#include <stdint.h>

/* What lies behind the end reads as 0, and `is_short` then says so. */
typedef struct {
    const uint8_t *data;
    size_t length, at; /* bytes; bits read */
    int is_short;
} ac_bit_reader;

static inline uint64_t ac_take_bits(ac_bit_reader *b, uint32_t count)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < count; i++, b->at++) {
        if (b->at >> 3 >= b->length) {
            b->is_short = 1;
            return 0;
        }
        value |= (uint64_t)(b->data[b->at >> 3] >> (b->at & 7) & 1) << i;
    }
    return value;
}

/* The quotient in ones, a zero, k bits. */
static inline uint64_t ac_take_rice(ac_bit_reader *b, uint32_t k)
{
    uint64_t quotient = 0;
    while (ac_take_bits(b, 1)) quotient++;
    return quotient << k | ac_take_bits(b, k);
}

/* A row of differences begins with k; this one: it has none. */
enum { AC_NO_DIFFERENCE = 15 };

/* The signed number that 0, 1, 2, 3, ... stand for: 0, -1, 1, -2, ... */
static inline int64_t ac_unfolded(uint64_t z) { return z & 1 ? -(int64_t)((z + 1) >> 1) : (int64_t)(z >> 1); }

/* Goes on to the next whole byte: 0 where a bit on the way is set. */
static inline int ac_take_padding(ac_bit_reader *b) { return !ac_take_bits(b, (uint32_t)(-b->at & 7)); }

/* Writes nothing beyond its capacity, and `is_full` then says so. */
typedef struct {
    uint8_t *out;
    size_t capacity, at; /* bytes; bits written */
    int is_full;
} ac_bit_writer;

static inline void ac_put_bits(ac_bit_writer *b, uint64_t value, uint32_t count)
{
    for (; count; count--, value >>= 1, b->at++) {
        if (b->at >> 3 >= b->capacity) {
            b->is_full = 1;
            return;
        }
        if (!(b->at & 7)) b->out[b->at >> 3] = 0;
        b->out[b->at >> 3] |= (uint8_t)((value & 1) << (b->at & 7));
    }
}

static inline void ac_put_rice(ac_bit_writer *b, uint32_t k, uint32_t value)
{
    for (uint32_t i = value >> k; i; i--) ac_put_bits(b, 1, 1);
    ac_put_bits(b, 0, 1);
    ac_put_bits(b, value, k);
}

static inline size_t ac_bytes_of_bits(size_t bits) { return (bits + 7) / 8; }

/* The running mean that k follows where numbers are alike. */
typedef struct {
    uint64_t total, n;
} ac_rice_mean;

static const ac_rice_mean ac_rice_start = {8, 1};

static inline uint32_t ac_rice_parameter(const ac_rice_mean *m)
{
    uint32_t k = 0;
    while (m->n << k < m->total) k++;
    return k;
}

static inline void ac_rice_update(ac_rice_mean *m, uint64_t value)
{
    m->total += value;
    if (++m->n < 32) return;
    m->total = (m->total + 1) >> 1;
    m->n = 16;
}

/* As many ones say that 16 bits follow: one number far above the mean must not cost a bit for each of its steps. */
enum { AC_RICE_LONG = 16 };

static inline void ac_put_running(ac_bit_writer *b, ac_rice_mean *m, uint32_t value)
{
    const uint32_t k = ac_rice_parameter(m);
    if (value >> k < AC_RICE_LONG) {
        ac_put_rice(b, k, value);
    } else {
        ac_put_bits(b, (1u << AC_RICE_LONG) - 1, AC_RICE_LONG);
        ac_put_bits(b, value, 16);
    }
    ac_rice_update(m, value);
}

static inline uint32_t ac_take_running(ac_bit_reader *b, ac_rice_mean *m)
{
    const uint32_t k = ac_rice_parameter(m);
    uint32_t ones = 0;
    while (ones < AC_RICE_LONG && ac_take_bits(b, 1)) ones++;
    const uint32_t value = ones == AC_RICE_LONG ? (uint32_t)ac_take_bits(b, 16) : ones << k | (uint32_t)ac_take_bits(b, k);
    ac_rice_update(m, value);
    return value;
}

#endif
