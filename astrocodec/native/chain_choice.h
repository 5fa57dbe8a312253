/* Chains: with which gains earlier planes tell the most. docs/encoder.md section "Chains". */
#ifndef AC_CHAIN_CHOICE_H
#define AC_CHAIN_CHOICE_H

#include "chain.h"
#include "pixels.h"

/* The chain that leaves the least of a sample; `found` is 0 where it leaves no less than there was. */
int ac_chain_fit(const ac_sheet *sheet, const ac_array *array, ac_chain *chain, int *found);

/* That which leaves the differences to the plane before; 0 where there can be none. */
int ac_chain_plain(const ac_planes *planes, const ac_array *array, ac_chain *chain);

/* Parts of such a choice: gains of the level for one of several measures of how much it wanders, of the slope for one of several rules, and
 * the middle of the changes from plane to plane, without the middle change. */
enum { AC_WANDERINGS = 9, AC_SLOPES = 7 };
void ac_chain_set_levels(ac_chain *chain, int wandering);
void ac_chain_set_slopes(ac_chain *chain, int rule);
int ac_chain_noise(const uint16_t *samples, uint64_t planes, size_t size, int32_t *noise);

#endif
