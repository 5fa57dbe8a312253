/* Recurrence: what the samples around one foretell of it, where there is no noise, by least squares of each baseline. docs/format.md section "Recurrences".
 *
 * All floats are binary64, each operation rounded by itself, in the order in which it is written; lanes do not meet. */
#ifndef AC_VISIBILITY_RECURRENCE_H
#define AC_VISIBILITY_RECURRENCE_H

#include "visibility/block.h"

enum { AC_REC_TAPS = 21, AC_REC_LEVELS = 4, AC_REC_SETS = AC_REC_LEVELS + 1, AC_REC_EXPERTS = AC_REC_SETS + 1, AC_REC_DEPTH = 4 };
enum { AC_REC_PAIRS = AC_REC_TAPS * (AC_REC_TAPS + 1) / 2 };

/* Taps that there are in a turn at a time, those of each level first. */
typedef struct {
    uint32_t taps, cut[AC_REC_LEVELS];
    uint8_t tap[AC_REC_TAPS];
} ac_rec_plan;

typedef struct {
    uint32_t lanes;
    uint64_t channels, pols;
    ac_rec_plan plan[2][AC_REC_DEPTH + 1]; /* [whether there is a turn before][times before] */
    double *values;  /* of the last times, [time mod 5][turn][channel][part][lane] */
    double *normal;  /* [turn][pair][part][lane]: upper half of a Hermitian matrix */
    double *right;   /* [turn][tap][part][lane] */
    double *weights; /* [turn][set][tap][part][lane]: of each level; of the best before the last reset */
    double *power;   /* [turn][expert][lane]: what zero and the sets left */
    uint64_t *seen;  /* [turn] */
} ac_recurrence;

/* One step: a time, turn and channel. */
typedef struct {
    uint64_t time, turn, channel;
    const uint8_t *is_coded;
    const ac_rec_plan *plan;
    const double *tap[AC_REC_TAPS];                 /* [part][lane] */
    uint32_t levels;                                /* that have all their taps */
    double expert[AC_REC_EXPERTS][2][AC_LANES];
    double mean[2][AC_LANES], value[2][AC_LANES];   /* predicted; found */
} ac_rec_step;

int ac_recurrence_start(ac_recurrence *rec, const ac_block *block, uint32_t baselines);
void ac_recurrence_end(ac_recurrence *rec);
/* Sets mean. */
void ac_recurrence_predict(const ac_recurrence *rec, ac_rec_step *step);
/* Takes in the sample. */
void ac_recurrence_learn(ac_recurrence *rec, ac_rec_step *step);

#endif
