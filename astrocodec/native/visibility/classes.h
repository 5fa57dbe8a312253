/* Classes: which samples of a group are coded on the lattice, which are zeros, which are kept. docs/format.md section "Classes of samples". */
#ifndef AC_VISIBILITY_CLASSES_H
#define AC_VISIBILITY_CLASSES_H

#include "visibility/block.h"

/* Of the baselines of a round: [time][channel][turn][lane], of lanes that have no baseline AC_ZERO. */
typedef struct {
    uint8_t *at;
    uint32_t baselines, lanes;
} ac_round_classes;

uint8_t *ac_classes_pack(const ac_round_classes *rounds, size_t count, const ac_block *block, size_t *length);
int ac_classes_read(const ac_round_classes *rounds, size_t count, const ac_block *block, const uint8_t *data, size_t length, ac_refusal *why);

#endif
