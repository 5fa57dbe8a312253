/* Chains: whether earlier planes pay, and with which gains. docs/encoder.md section "Chains". */
#ifndef AC_CHAIN_CHOICE_H
#define AC_CHAIN_CHOICE_H

#include "chain.h"
#include "pixels.h"

/* Sets sheet->low_bits. `left` becomes what a chain leaves of all samples, to be freed, or NULL where planes alone are as small. */
int ac_chain_choose(ac_sheet *sheet, const ac_array *array, const ac_model *model, int flags, ac_chain *chain, uint16_t **left);

#endif
