#include "visibility/steps.h"

#include <math.h>
#include <stdlib.h>

#include "decisions.h"
#include "exact_doubles.h"
#include "visibility/eighths.h"

/* What tells how an exponent differs from the one before. */
typedef struct {
    ac_decision is_other, is_less;
    ac_number by;
} differ;

int ac_steps_take(ac_steps *s, const ac_block *b)
{
    const double first = b->base / AC_STEP_PARTS;
    s->of_baseline = calloc((size_t)(b->baselines * b->pols), sizeof *s->of_baseline);
    s->of_channel = calloc((size_t)(b->channels * b->pols), sizeof *s->of_channel);
    for (int i = -2 * AC_MAX_EXPONENT; i <= 2 * AC_MAX_EXPONENT; i++)
        s->unit[i + 2 * AC_MAX_EXPONENT] = ldexp(first * ldexp(ac_eighths[i & 7], -52), (i - (i & 7)) / 8);
    return s->of_baseline && s->of_channel ? AC_OK : AC_ERROR_MEMORY;
}

void ac_steps_free(ac_steps *s) { free(s->of_baseline), free(s->of_channel); }

static void put(ac_records *out, differ *d, int32_t by)
{
    ac_records_choose(out, &d->is_other, by != 0);
    if (!by) return;
    ac_records_choose(out, &d->is_less, by < 0);
    ac_records_number(out, &d->by, (uint64_t)(by < 0 ? -by : by));
}

/* The exponent behind `before`; beyond what is allowed it stays, and the caller sees that. */
static int32_t get(ac_choices *in, differ *d, int32_t before, int *is_wrong)
{
    if (!ac_choices_take(in, &d->is_other)) return before;
    const int is_less = ac_choices_take(in, &d->is_less);
    const uint64_t by = ac_choices_number(in, &d->by);
    const int64_t now = by > 2 * AC_MAX_EXPONENT ? INT32_MAX : is_less ? before - (int64_t)by : before + (int64_t)by;
    if (now < -AC_MAX_EXPONENT || now > AC_MAX_EXPONENT) {
        *is_wrong = 1;
        return before;
    }
    return (int32_t)now;
}

/* Of what an exponent is coded as the difference: the same polarisation of the baseline before, at first the polarisation before. */
static int32_t before(const ac_steps *s, const ac_block *b, uint64_t i) { return i >= b->pols ? s->of_baseline[i - b->pols] : i ? s->of_baseline[i - 1] : 0; }

/* Likewise of a channel: that of the channel before, changed as in the polarisation before. */
static int32_t before_channel(const ac_steps *s, const ac_block *b, uint64_t i)
{
    const uint64_t pols = b->pols;
    if (i < pols) return i ? s->of_channel[i - 1] : 0;
    const int32_t change = i % pols ? s->of_channel[i - 1] - s->of_channel[i - 1 - pols] : 0, v = s->of_channel[i - pols] + change;
    return v < -AC_MAX_EXPONENT ? -AC_MAX_EXPONENT : v > AC_MAX_EXPONENT ? AC_MAX_EXPONENT : v;
}

uint8_t *ac_steps_pack(const ac_steps *s, const ac_block *b, size_t *length)
{
    ac_records out = {0};
    differ of_baseline = {0}, of_channel = {0};
    for (uint64_t i = 0; i < b->baselines * b->pols; i++) put(&out, &of_baseline, s->of_baseline[i] - before(s, b, i));
    for (uint64_t i = 0; i < b->channels * b->pols; i++) put(&out, &of_channel, s->of_channel[i] - before_channel(s, b, i));
    return ac_records_pack(&out, length);
}

int ac_steps_read(ac_steps *s, const ac_block *b, const uint8_t *data, size_t length, ac_refusal *why)
{
    ac_choices in;
    differ of_baseline = {0}, of_channel = {0};
    int is_wrong = !ac_choices_open(&in, data, length);
    for (uint64_t i = 0; i < b->baselines * b->pols && !is_wrong; i++) s->of_baseline[i] = (int16_t)get(&in, &of_baseline, before(s, b, i), &is_wrong);
    for (uint64_t i = 0; i < b->channels * b->pols && !is_wrong; i++) s->of_channel[i] = (int16_t)get(&in, &of_channel, before_channel(s, b, i), &is_wrong);
    return is_wrong || !ac_choices_end(&in) ? ac_refuse(why, AC_REASON_VISIBILITY_STEPS, 0, length, 0) : AC_OK;
}
