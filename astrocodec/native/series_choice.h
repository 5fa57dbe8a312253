/* Series: with which gains earlier columns tell the most. docs/encoder.md section "Series". */
#ifndef AC_SERIES_CHOICE_H
#define AC_SERIES_CHOICE_H

#include "chain.h"

/* The gains that leave the least of a part of the samples of all planes. */
int ac_series_fit(const ac_planes *planes, const uint16_t *samples, ac_chain *chain);

#endif
