/* Walk: what is known of up to 32 baselines before each of its samples, and what the sample then teaches. A step of the walk is one time, channel and
 * polarisation of all baselines, a lane for each. docs/format.md sections "Prediction" and "Scales of distances".
 *
 * All floats are binary64, each operation rounded by itself, in the order in which it is written; lanes do not meet but in sums over them. */
#ifndef AC_VISIBILITY_WALK_H
#define AC_VISIBILITY_WALK_H

#include "visibility/joint.h"
#include "visibility/mixing.h"

enum { AC_TAPS = 10, AC_TAPS_ALONE = 8, AC_PAIRS = AC_TAPS * (AC_TAPS + 1) / 2, AC_EDGES = 3, AC_PLAIN_EXPERTS = 3, AC_EXPERTS = 4, AC_RATIOS = 6 * 6 * 6 };

typedef struct {
    uint32_t lanes, baselines; /* of arrays; that there are */
    uint64_t channels, pols;
    int is_predicted;
    const int8_t *layer; /* the second one of the network that mixes; NULL where none does */
    /* of the last two times, [time & 1][channel][turn]: values and predictions [part][lane], distances over usual ones [lane] */
    double *values, *predictions, *distances;
    double *usual;   /* [turn][part][lane]: running mean of distances */
    double *seen;    /* [turn][lane]: samples it has learnt from, as far as they count */
    double *quiet;   /* [turn][part][lane]: how many of the last distances in a row were next to nothing */
    double *power;   /* [turn][expert][lane]: of what the experts left */
    double *weights; /* [edge][turn][tap][part][lane] */
    double *inverse; /* [edge][turn][pair][part][lane]: upper half of a Hermitian matrix */
    uint8_t *is_taught; /* [edge][turn][lane]: weights that have seen a sample */
    uint32_t *taught;   /* [edge][turn]: of how many lanes */
    ac_joint *joint;    /* [edge][turn]; where a network mixes */
    double found[2][AC_RATIOS], counted[2][AC_RATIOS];
} ac_walk;

/* One step: what it works with. */
typedef struct {
    uint64_t time, channel, turn;
    uint32_t edge, taps, joint_taps;
    const double *unit;        /* 1/256 of each lane's step */
    const uint8_t *is_coded;   /* lanes that have a sample on the lattice */
    double tap[AC_JOINT_TAPS][2][AC_LANES], expert[AC_EXPERTS][2][AC_LANES];
    double usual[AC_LANES];    /* of both parts, before the sample */
    double mean[2][AC_LANES];  /* prediction, in units */
    double scale[AC_LANES];    /* of the part that comes next: the mean distance expected, in units */
    uint16_t ratio[AC_LANES];
    /* Where a network mixes: hidden numbers and outputs, weights of experts, scales before it. */
    int32_t hidden[2][AC_MIX_HIDDEN][AC_LANES], mixing[AC_MIX_OUTPUTS][AC_LANES];
    double share[AC_EXPERTS][AC_LANES], plain_scale[2][AC_LANES];
    double distance[2][AC_LANES]; /* found */
    double value[2][AC_LANES];    /* found, in units */
} ac_step;

int ac_walk_start(ac_walk *walk, const ac_block *block, uint32_t baselines, int is_predicted, const int8_t *layer);
/* The same for the next baselines, who begin with what these have taught on average. */
int ac_walk_next(ac_walk *walk, const ac_block *block, uint32_t baselines);
void ac_walk_end(ac_walk *walk);

/* Sets mean of both parts. */
void ac_walk_predict(const ac_walk *walk, ac_step *step);
/* Sets scale and ratio of a part; for part 1 distance[0] is known. */
void ac_walk_scale(const ac_walk *walk, ac_step *step, uint32_t part);
/* Takes in the distances of a part. */
void ac_walk_learn_scale(ac_walk *walk, const ac_step *step, uint32_t part);
/* Takes in the sample. */
void ac_walk_learn(ac_walk *walk, const ac_step *step);

#endif
