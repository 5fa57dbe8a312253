/* rANS: 32-bit states, 16-bit words, 14-bit frequencies. docs/format.md section "rANS". */
#ifndef AC_RANS_H
#define AC_RANS_H

#include "bytes.h"
#include "distribution.h"
#include "fault.h"

#define AC_RANS_LOW 65536u

/* The states that stand in a piece from byte `at` on. */
static inline int ac_states_read(const uint8_t *in, size_t at, uint32_t count, uint32_t *state, ac_refusal *why)
{
    for (uint32_t i = 0; i < count; i++) {
        state[i] = ac_get_u32(in + at + 4 * i);
        if (state[i] < AC_RANS_LOW) return ac_refuse(why, AC_REASON_STATE, at + 4 * i, state[i], AC_RANS_LOW);
    }
    return AC_OK;
}

/* A piece of `length` bytes ends with all states where encoding began and no bytes left. */
static inline int ac_states_end(const uint32_t *state, uint32_t count, size_t left, size_t length, ac_refusal *why)
{
    for (uint32_t i = 0; i < count; i++)
        if (state[i] != AC_RANS_LOW) return ac_refuse(why, AC_REASON_LAST_STATE, length, state[i], AC_RANS_LOW);
    return left ? ac_refuse(why, AC_REASON_WORDS_LEFT, length - left, left, 0) : AC_OK;
}

typedef struct {
    const uint8_t *next, *end;
    int is_short; /* of words */
} ac_word_reader;

static inline uint32_t ac_refill(uint32_t x, ac_word_reader *in)
{
    if (x >= AC_RANS_LOW) return x;
    if (in->end - in->next < 2) {
        in->is_short = 1;
        return x | AC_RANS_LOW;
    }
    x = x << 16 | ac_get_u16(in->next);
    in->next += 2;
    return x;
}

/* Encoding runs backwards: `end` is where the next word goes, minus one. */
static inline void ac_rans_push(uint32_t *state, uint32_t start, uint32_t freq, uint16_t **end)
{
    uint32_t x = *state;
    if (x >> (32 - AC_PRECISION) >= freq) {
        *--*end = (uint16_t)x;
        x >>= 16;
    }
    *state = ((x / freq) << AC_PRECISION) + x % freq + start;
}

static inline void ac_rans_push_raw(uint32_t *state, uint32_t raw, uint32_t bits, uint16_t **end)
{
    uint32_t x = *state;
    if ((uint64_t)x >> (32 - bits)) {
        *--*end = (uint16_t)x;
        x >>= 16;
    }
    *state = (x << bits) | raw;
}

/* A share of `share` from `start` on, of 2^bits, 0 to 16. */
static inline void ac_rans_push_share(uint32_t *state, uint32_t start, uint32_t share, uint32_t bits, uint16_t **end)
{
    uint32_t x = *state;
    if ((uint64_t)x >> (32 - bits) >= share) {
        *--*end = (uint16_t)x;
        x >>= 16;
    }
    *state = ((x / share) << bits) + x % share + start;
}

#endif
