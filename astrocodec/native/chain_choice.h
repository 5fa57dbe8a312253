/* Chains: with which gains earlier planes tell the most. docs/encoder.md section "Chains". */
#ifndef AC_CHAIN_CHOICE_H
#define AC_CHAIN_CHOICE_H

#include "chain.h"
#include "pixels.h"

/* The chain that leaves the least of a sample; `found` is 0 where it leaves no less than there was. */
int ac_chain_fit(const ac_sheet *sheet, const ac_array *array, ac_chain *chain, int *found);

/* That which leaves the differences to the plane before; 0 where there can be none. */
int ac_chain_plain(const ac_planes *planes, const ac_array *array, ac_chain *chain);

#endif
