#include "decisions.h"

#include <stdlib.h>

void ac_records_add(ac_records *r, uint32_t one)
{
    if (r->count == r->room) {
        const size_t room = 2 * r->room + 256;
        uint32_t *at = realloc(r->at, room * sizeof *at);
        if (!at) {
            r->is_short = 1;
            return;
        }
        r->at = at, r->room = room;
    }
    r->at[r->count++] = one;
}

void ac_records_choose(ac_records *r, ac_decision *d, int is_yes) { ac_records_add(r, ac_record_choice(d, is_yes, AC_HALVED)); }

void ac_records_raw(ac_records *r, uint64_t value, uint32_t left)
{
    for (; left; value >>= 16) {
        const uint32_t bits = left < 16 ? left : 16;
        ac_records_add(r, ac_record_raw((uint32_t)value & ((1u << bits) - 1), bits));
        left -= bits;
    }
}

void ac_records_number(ac_records *r, ac_number *n, uint64_t value)
{
    const uint32_t octave = 63 - (uint32_t)__builtin_clzll(value);
    for (uint32_t i = 0; i < octave; i++) ac_records_choose(r, &n->octaves[i], 1);
    if (octave < AC_OCTAVES) ac_records_choose(r, &n->octaves[octave], 0);
    if (!octave) return;
    ac_records_choose(r, &n->seconds[octave], value >> (octave - 1) & 1);
    ac_records_raw(r, value, octave - 1);
}

uint8_t *ac_records_pack(ac_records *r, size_t *length)
{
    uint8_t *out = NULL;
    if (!r->is_short) {
        /* From the last record to the first: a record makes a word at most, which finds room behind it. */
        uint16_t *const end = r->at ? (uint16_t *)(r->at + r->count) : NULL, *word = end;
        uint32_t state = AC_RANS_LOW;
        while (r->count) ac_push_record(r->at[--r->count], &state, &word);
        const size_t words = (size_t)(end - word);
        *length = 4 + 2 * words;
        out = malloc(*length);
        if (out) ac_put_u32(out, state);
        for (size_t i = 0; out && i < words; i++) ac_put_u16(out + 4 + 2 * i, word[i]);
    }
    free(r->at);
    *r = (ac_records){0};
    return out;
}

int ac_choices_open(ac_choices *c, const uint8_t *data, size_t length)
{
    if (length < 4) return 0;
    *c = (ac_choices){{data + 4, data + length, 0}, ac_get_u32(data)};
    return c->state >= AC_RANS_LOW;
}

uint64_t ac_choices_raw(ac_choices *c, uint32_t bits)
{
    uint64_t value = 0;
    for (uint32_t at = 0; at < bits; at += 16) value |= (uint64_t)ac_pop_bits(bits - at < 16 ? bits - at : 16, &c->state, &c->words) << at;
    return value;
}

uint64_t ac_choices_number(ac_choices *c, ac_number *n)
{
    uint32_t octave = 0;
    while (octave < AC_OCTAVES && ac_choices_take(c, &n->octaves[octave])) octave++;
    if (!octave) return 1;
    const uint64_t top = 2 | (uint64_t)ac_choices_take(c, &n->seconds[octave]);
    return top << (octave - 1) | ac_choices_raw(c, octave - 1);
}
