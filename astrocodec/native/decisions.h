/* Decisions: choices between no and yes whose frequencies follow what they were before, coded with one rANS state.
 * docs/format.md section "Decisions". */
#ifndef AC_DECISIONS_H
#define AC_DECISIONS_H

#include "rans.h"

/* How often a decision was no, how often yes. */
typedef struct {
    uint16_t no, yes;
} ac_decision;

static inline uint32_t ac_frequency_of_no(ac_decision d) { return 1 + 16382 * (5u * d.no + 2) / (5u * ((uint32_t)d.no + d.yes) + 4); }

/* Past `most` times both numbers are halved. */
static inline void ac_learn(ac_decision *d, int is_yes, uint32_t most)
{
    if (is_yes)
        d->yes++;
    else
        d->no++;
    if ((uint32_t)d->no + d->yes < most) return;
    d->no = (uint16_t)((d->no + 1) >> 1);
    d->yes = (uint16_t)((d->yes + 1) >> 1);
}

/* What an encoder keeps, since it codes from the last to the first: the frequency of no, and YES; raw bits are RAW, their number, and the bits in front. */
enum { AC_YES = 1u << 14, AC_RAW = 1u << 15 };

static inline uint32_t ac_record_choice(ac_decision *d, int is_yes, uint32_t most)
{
    const uint32_t record = ac_frequency_of_no(*d) | (is_yes ? AC_YES : 0);
    ac_learn(d, is_yes, most);
    return record;
}

static inline uint32_t ac_record_raw(uint32_t value, uint32_t bits) { return value << 16 | AC_RAW | bits; }

static inline void ac_push_record(uint32_t record, uint32_t *state, uint16_t **word)
{
    const uint32_t no = record & (AC_YES - 1);
    if (record & AC_RAW)
        ac_rans_push_raw(state, record >> 16, record & 31, word);
    else if (record & AC_YES)
        ac_rans_push(state, no, AC_TOTAL - no, word);
    else
        ac_rans_push(state, 0, no, word);
}

static inline int ac_pop_choice(ac_decision *d, uint32_t most, uint32_t *state, ac_word_reader *in)
{
    const uint32_t no = ac_frequency_of_no(*d), slot = *state & (AC_TOTAL - 1);
    const int is_yes = slot >= no;
    *state = ac_refill((is_yes ? AC_TOTAL - no : no) * (*state >> AC_PRECISION) + slot - (is_yes ? no : 0), in);
    ac_learn(d, is_yes, most);
    return is_yes;
}

static inline uint32_t ac_pop_bits(uint32_t count, uint32_t *state, ac_word_reader *in)
{
    const uint32_t raw = *state & ((1u << count) - 1);
    *state = ac_refill(*state >> count, in);
    return raw;
}

#endif
