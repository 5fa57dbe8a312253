/* Block: a block of visibilities [time, baseline, channel, polarisation], and the groups of baselines that it is coded in.
 * docs/format.md section "Visibilities". */
#ifndef AC_VISIBILITY_BLOCK_H
#define AC_VISIBILITY_BLOCK_H

#include "array.h"
#include "varint.h"

enum {
    AC_LATTICE = 0,  /* kinds: numbers on a dithered trellis */
    AC_INTEGERS = 1, /* multiples of the step, exact */
    AC_FLOATS = 2,   /* floats, exact */
    AC_KINDS = 3
};
/* A walk that predicts holds much for each polarisation: of more there are no predictions. */
enum { AC_MOST_PREDICTED_POLS = 64 };
enum { AC_LANES = 32, AC_MAX_STEP = 1 << 30, AC_STEP_PARTS = 256, AC_MAX_EXPONENT = 1023 };
/* Channels times polarisations: at most; and times lanes of a round, where that is more than one. */
#define AC_MAX_ROW ((uint64_t)1 << 22)
#define AC_MAX_ROUND ((uint64_t)1 << 20)
#define AC_GROUP_SAMPLES ((uint64_t)1 << 19)
/* What a sample is, in the table of classes: on the lattice; 0 + 0i; kept as its bits. */
enum { AC_CODED = 0, AC_ZERO = 1, AC_KEPT = 2, AC_CLASSES = 3 };
/* A stream has a byte for so many samples at least. */
#define AC_SAMPLES_A_BYTE 65536u
/* Samples of a block without data, all of them zeros, at most. */
#define AC_MOST_ZERO ((uint64_t)1 << 25)

typedef struct {
    uint64_t times, baselines, channels, pols; /* product below 2^40 */
    int32_t dtype;
    size_t number_size; /* bytes of a real */
    int32_t kind;
    double base, noise; /* step of exponent 0; mean distance at first, in 1/256 steps */
    uint32_t seed; /* of floats: last bits that none has */
} ac_block;

/* Parameters of codec 96. */
int ac_block_read(ac_block *block, const uint8_t *parameters, size_t length, const ac_array *array, ac_refusal *why);

static inline uint64_t ac_block_samples(const ac_block *b) { return b->times * b->baselines * b->channels * b->pols; }

/* Polarisations are coded with the parallel hands first: 0 3 1 2 of four. */
static inline uint64_t ac_pol_at(const ac_block *b, uint64_t turn)
{
    static const uint8_t of_four[4] = {0, 3, 1, 2};
    return b->pols == 4 ? of_four[turn] : turn;
}

/* Baselines of a round, but for the last. */
static inline uint32_t ac_round_size(const ac_block *b)
{
    uint32_t n = AC_LANES;
    while (n > 1 && n * b->channels * b->pols > AC_MAX_ROUND) n /= 2;
    return n;
}

/* Baselines of a group, but for the last: rounds until there are enough samples to learn from. */
static inline uint64_t ac_group_size(const ac_block *b)
{
    const uint64_t samples = b->times * b->channels * b->pols * ac_round_size(b), rounds = (AC_GROUP_SAMPLES + samples - 1) / samples;
    return ac_smaller(rounds * ac_round_size(b), b->baselines);
}

/* Lanes of a round's arrays: the power of two from its baselines on. */
static inline uint32_t ac_lanes_of(uint32_t baselines)
{
    uint32_t lanes = 1;
    while (lanes < baselines) lanes *= 2;
    return lanes;
}

/* Two bytes for the parts of a sample, by its place in the block. */
static inline uint32_t ac_dither_at(uint32_t seed, uint64_t place)
{
    uint32_t z = (seed + (uint32_t)place) * 0x9E3779B1u;
    z = (z ^ z >> 16) * 0x85EBCA6Bu;
    z = (z ^ z >> 13) * 0xC2B2AE35u;
    return z ^ z >> 16;
}

#endif
