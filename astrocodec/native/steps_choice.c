#include "steps_choice.h"

#include "lattice_choice.h"
#include "undither.h"

/* The ways of finding steps, one after the other. */
int ac_steps_choose(const ac_array *array, const void *data, const ac_hints *hints, ac_quantised *quantised, int32_t **steps)
{
    (void)hints;
    static int (*const ways[])(const ac_array *, const void *, ac_quantised *, int32_t **) = {ac_undither, ac_lattice_choose, ac_unscale};
    int status = AC_OK;
    *steps = NULL;
    for (size_t i = 0; i < sizeof ways / sizeof *ways && !status && !*steps; i++) status = ways[i](array, data, quantised, steps);
    return status;
}
