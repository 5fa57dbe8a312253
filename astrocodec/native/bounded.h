/* Bounded loss: elements become steps, each within a bound of its element, which is checked. docs/encoder.md section "Bounds". */
#ifndef AC_BOUNDED_H
#define AC_BOUNDED_H

#include "loss.h"
#include "quantise.h"

/* Whether a bound may be asked for of an array. */
int ac_is_bound(const ac_bound *bound, const ac_array *array);

/* Steps of an array, and how they make elements that keep the bound; `run` is the columns of a piece. `steps` is NULL, and nothing else said, where nothing is
 * to be lost: no noise was found, the bound is below what the type can tell, or too many elements would need exceptions. All is to be freed. */
int ac_bounded_steps(const ac_bound *bound, const ac_array *array, const void *data, uint64_t run, ac_quantised *quantised, int32_t **steps, void **elements,
                     ac_loss *loss);

#endif
