/* Planes: whether they are a chain, have maps of their own, or neither. docs/encoder.md section "Planes". */
#ifndef AC_PLANE_CHOICE_H
#define AC_PLANE_CHOICE_H

#include "chain.h"
#include "plane_maps.h"

typedef struct {
    ac_chain chain;
    uint16_t *left;       /* what the chain or the series leave of all samples; NULL where there is neither */
    uint8_t *series;      /* the section, where rows are series; else NULL */
    size_t series_length;
    ac_sheet *each;       /* planes that share no pieces, each by itself; NULL where they are one */
    uint64_t count;       /* of planes */
    uint8_t *maps;        /* section for those */
    size_t maps_length;
} ac_plane_choice;

/* Sets sheet->low_bits. So many planes share a piece. To be freed, also after a failure. */
int ac_planes_choose(ac_sheet *sheet, const ac_array *array, uint64_t together, const ac_model *model, int flags, ac_plane_choice *choice);
/* The same where planes are to be differences to the one before: a chain, where there are several planes of real numbers. */
int ac_planes_subtract(ac_sheet *sheet, const ac_array *array, ac_plane_choice *choice);
/* The same where rows are to be series, of real numbers. */
int ac_planes_as_series(ac_sheet *sheet, ac_plane_choice *choice);
/* Whether most planes have sets or lattices of their own, which pay only in whole planes. */
int ac_planes_are_sparser(const ac_array *array, const void *data, int *sparser);
void ac_plane_choice_free(ac_plane_choice *choice);

#endif
