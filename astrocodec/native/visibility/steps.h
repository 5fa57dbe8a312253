/* Steps: the quantisation step of each baseline, polarisation and channel, as exponents. docs/format.md section "Steps of visibilities". */
#ifndef AC_VISIBILITY_STEPS_H
#define AC_VISIBILITY_STEPS_H

#include "visibility/block.h"

/* The step is base * 2^((of_baseline + of_channel) / 8). */
typedef struct {
    int16_t *of_baseline; /* [baseline][pol] */
    int16_t *of_channel;  /* [channel][pol] */
    double unit[4 * AC_MAX_EXPONENT + 1]; /* 1/256 of the step, by exponent + 2 AC_MAX_EXPONENT */
} ac_steps;

/* Room for a block's exponents, all 0. */
int ac_steps_take(ac_steps *steps, const ac_block *block);
void ac_steps_free(ac_steps *steps);
/* To be freed. */
uint8_t *ac_steps_pack(const ac_steps *steps, const ac_block *block, size_t *length);
int ac_steps_read(ac_steps *steps, const ac_block *block, const uint8_t *data, size_t length, ac_refusal *why);

static inline double ac_unit_of(const ac_steps *s, const ac_block *b, uint64_t baseline, uint64_t channel, uint64_t pol)
{
    return s->unit[s->of_baseline[baseline * b->pols + pol] + s->of_channel[channel * b->pols + pol] + 2 * AC_MAX_EXPONENT];
}

#endif
