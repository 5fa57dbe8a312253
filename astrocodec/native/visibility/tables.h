/* Tables: how often an integer is so many cells from its mean. docs/format.md section "Distances". */
#ifndef AC_VISIBILITY_TABLES_H
#define AC_VISIBILITY_TABLES_H

#include <stdint.h>

#include "visibility/shares.h"

enum { AC_REACH = 50, AC_TABLE = 2 * AC_REACH + 2, AC_GUESS_BITS = 7 };

/* Of one shape: cumulative frequencies, reaches, and for each 128 quantiles the symbol of the first of them. */
typedef struct {
    uint16_t cumulative[AC_VIS_SCALES][AC_VIS_PLACES][AC_TABLE];
    uint8_t guess[AC_VIS_SCALES][AC_VIS_PLACES][1 << AC_GUESS_BITS];
    uint8_t reach[AC_VIS_SCALES];
} ac_distances;

void ac_distances_make(ac_distances *tables, uint32_t shape);

#endif
