/* Rounds: the baselines of a group, 32 and 32 of them, their classes, and the bytes of these. docs/format.md sections "Groups of baselines" and "Classes of samples". */
#ifndef AC_VISIBILITY_ROUNDS_H
#define AC_VISIBILITY_ROUNDS_H

#include "rans.h"
#include "visibility/block.h"
#include "visibility/steps.h"
#include "visibility/tables.h"

enum { AC_PREDICTED = 1, AC_SHAPE_SHIFT = 1, AC_SHAPE_BITS = 3, AC_HAS_CLASSES = 8, AC_MIXED = 16, AC_GROUP_FLAGS = 31, AC_STATES = 4 };

typedef struct {
    const ac_block *block;
    const ac_steps *steps; /* NULL where there are none */
    uint64_t first;     /* baseline */
    uint64_t baselines;
} ac_group;

/* Some baselines of a group: their classes and steps lie as the walk goes, [time][channel][turn][lane]. */
typedef struct {
    const ac_group *g;
    const ac_block *b;
    uint64_t first;
    uint32_t baselines, lanes;
    uint64_t row, samples; /* of one time; of one baseline */
    double *unit;          /* [channel][turn][lane]; NULL where there are no steps */
    uint8_t *classes;
    int has_classes;
    int32_t *steps; /* of an encoder, [sample][part][lane] */
} ac_round;

/* All of a group's. */
typedef struct {
    ac_round *at;
    size_t count;
} ac_rounds;

static inline uint64_t ac_element_of(const ac_round *k, uint64_t time, uint32_t lane, uint64_t channel, uint64_t turn)
{
    const ac_block *const b = k->b;
    return ((time * b->baselines + k->first + lane) * b->channels + channel) * b->pols + ac_pol_at(b, turn);
}

static inline uint32_t ac_states_of(const ac_rounds *all) { return all->at->lanes < AC_STATES ? all->at->lanes : AC_STATES; }

int ac_rounds_start(ac_rounds *all, const ac_group *group);
void ac_rounds_end(ac_rounds *all);
/* Takes the classes of a round out of the block's. */
void ac_round_take_classes(ac_round *round, const uint8_t *classes);
/* What goes before the states, in room of its own; `length` becomes 0 without memory. Samples that are kept are put into decoded, if there is any. */
uint8_t *ac_rounds_head(const ac_rounds *all, const void *values, void *decoded, size_t *length);
/* The table of classes and the samples that are kept. */
int ac_rounds_read_classes(ac_rounds *all, ac_reader *reader, void *values);

/* The states and words behind the head. */
typedef struct {
    ac_word_reader words;
    uint32_t state[AC_STATES];
} ac_rounds_reader;

/* `layer` is that of the network that mixes, NULL without one. */
typedef int ac_rounds_decoder(const ac_rounds *all, int is_predicted, const int8_t *layer, const ac_distances *tables, ac_rounds_reader *in, void *values, ac_refusal *why);

/* A group, whose samples `decode` takes out of the words. */
int ac_rounds_decode(const ac_group *g, const uint8_t *data, size_t length, ac_distances *tables, uint32_t *made, ac_rounds_decoder *decode, void *values, ac_refusal *why);

#endif
