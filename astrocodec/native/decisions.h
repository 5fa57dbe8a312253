/* Decisions: choices between no and yes whose frequencies follow what they were before, coded with one rANS state; and tables of them.
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

/* Tables: choices, numbers and raw bits one after the other, whose decisions are halved at 255. */
enum { AC_HALVED = 255, AC_OCTAVES = 63 };

/* Numbers from 1 on: an octave, the bit below its highest, and raw bits. */
typedef struct {
    ac_decision octaves[AC_OCTAVES], seconds[AC_OCTAVES + 1];
} ac_number;

/* A table while it is written; what failed for want of memory is noted. */
typedef struct {
    uint32_t *at;
    size_t count, room;
    int is_short;
} ac_records;
void ac_records_add(ac_records *records, uint32_t record); /* of ac_record_choice or ac_record_raw */
void ac_records_choose(ac_records *records, ac_decision *decision, int is_yes);
void ac_records_raw(ac_records *records, uint64_t value, uint32_t bits);
void ac_records_number(ac_records *records, ac_number *number, uint64_t value);
/* State and words, to be freed; NULL without memory. The records are used up. */
uint8_t *ac_records_pack(ac_records *records, size_t *length);

/* A table that is read; past its end everything is some number, and ac_choices_end says so. */
typedef struct {
    ac_word_reader words;
    uint32_t state;
} ac_choices;
/* 0 where the bytes are none. */
int ac_choices_open(ac_choices *choices, const uint8_t *data, size_t length);
static inline int ac_choices_take(ac_choices *c, ac_decision *d) { return ac_pop_choice(d, AC_HALVED, &c->state, &c->words); }
uint64_t ac_choices_raw(ac_choices *choices, uint32_t bits);
uint64_t ac_choices_number(ac_choices *choices, ac_number *number);
/* Whether all was there, and nothing is left. */
static inline int ac_choices_end(const ac_choices *c) { return !c->words.is_short && c->words.next == c->words.end && c->state == AC_RANS_LOW; }

#endif
