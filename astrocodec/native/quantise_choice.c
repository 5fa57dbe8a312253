#include "quantise_choice.h"

/* Here the ways of finding steps are called, one after the other; there is none yet. */
int ac_quantise_choose(const ac_array *array, const void *data, const ac_hints *hints, ac_quantised *quantised, int32_t **steps)
{
    (void)array, (void)data, (void)hints, (void)quantised;
    *steps = NULL;
    return AC_OK;
}
