#include "visibility/classes.h"

#include "decisions.h"

/* One walk for both directions: exactly one of out and in is there. */
typedef struct {
    ac_records *out;
    ac_choices *in;
    ac_decision is_same[2], is_other[AC_CLASSES * AC_CLASSES * AC_CLASSES], is_kept[AC_CLASSES * AC_CLASSES * AC_CLASSES];
} coder;

static int choose(coder *c, ac_decision *d, int is_yes)
{
    if (c->in) return ac_choices_take(c->in, d);
    ac_records_choose(c->out, d, is_yes);
    return is_yes;
}

/* A row: one baseline at one time. First whether it is that of the time before, which at first is all coded; then sample by sample. */
static void code_row(coder *c, uint8_t *now, const uint8_t *before, uint64_t samples, uint64_t pols, uint32_t lanes, int *was_same)
{
    int is_same = 1;
    for (uint64_t i = 0; i < samples && is_same && c->out; i++) is_same = now[i * lanes] == (before ? before[i * lanes] : AC_CODED);
    is_same = *was_same = choose(c, &c->is_same[*was_same], is_same);
    for (uint64_t i = 0; i < samples; i++) {
        const uint8_t above = before ? before[i * lanes] : AC_CODED;
        if (is_same) {
            now[i * lanes] = above;
            continue;
        }
        const uint32_t left = i >= pols ? now[(i - pols) * lanes] : AC_CODED, beside = i % pols ? now[(i - 1) * lanes] : AC_CODED;
        const uint32_t context = (above * AC_CLASSES + left) * AC_CLASSES + beside;
        const int is_other = choose(c, &c->is_other[context], now[i * lanes] != AC_CODED);
        now[i * lanes] = !is_other ? AC_CODED : choose(c, &c->is_kept[context], now[i * lanes] == AC_KEPT) ? AC_KEPT : AC_ZERO;
    }
}

static void code_all(coder *c, const ac_round_classes *rounds, size_t count, const ac_block *b)
{
    const uint64_t samples = b->channels * b->pols;
    int was_same = 1;
    for (const ac_round_classes *r = rounds; r < rounds + count; r++)
        for (uint64_t t = 0; t < b->times && !(c->in && c->in->words.is_short); t++)
            for (uint32_t l = 0; l < r->baselines; l++) {
                uint8_t *const now = r->at + t * samples * r->lanes + l;
                code_row(c, now, t ? now - samples * r->lanes : NULL, samples, b->pols, r->lanes, &was_same);
            }
}

uint8_t *ac_classes_pack(const ac_round_classes *rounds, size_t count, const ac_block *b, size_t *length)
{
    ac_records out = {0};
    coder c = {.out = &out};
    code_all(&c, rounds, count, b); /* which writes what is there */
    return ac_records_pack(&out, length);
}

int ac_classes_read(const ac_round_classes *rounds, size_t count, const ac_block *b, const uint8_t *data, size_t length, ac_refusal *why)
{
    ac_choices in;
    coder c = {.in = &in};
    if (!ac_choices_open(&in, data, length)) return ac_refuse(why, AC_REASON_VISIBILITY_CLASSES, 0, length, 0);
    code_all(&c, rounds, count, b);
    return ac_choices_end(&in) ? AC_OK : ac_refuse(why, AC_REASON_VISIBILITY_CLASSES, 0, length, 0);
}
