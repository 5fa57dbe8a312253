/* Series: samples of rows that are series in time <-> what is left of them once earlier columns have told what they can. docs/format.md
 * section "Series". */
#ifndef AC_SERIES_H
#define AC_SERIES_H

#include "chain.h"

typedef struct {
    ac_chain chain; /* of columns */
    uint32_t bits;  /* of a start */
    const uint8_t *starts;
    size_t starts_length; /* in bytes */
} ac_series;

/* The section; `out` is to be freed. The samples are those of all planes. */
int ac_series_write(const ac_chain *chain, const ac_planes *planes, const uint16_t *samples, uint8_t **out, size_t *length);
/* The reader holds the section alone, whose bytes must stay. */
int ac_series_read(ac_reader *reader, const ac_planes *planes, ac_series *series);

/* What is left of samples; `left` may be `samples`. */
int ac_series_apply(const ac_chain *chain, const ac_planes *planes, const uint16_t *samples, uint16_t *left);
/* Undoes ac_series_apply in place. */
int ac_series_undo(const ac_series *series, const ac_planes *planes, uint16_t *samples);

#endif
