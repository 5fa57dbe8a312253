#include "steps_choice.h"

#include "lattice_choice.h"
#include "pixel_choice.h"
#include "undither.h"

/* The ways of finding steps, one after the other. Of integers pixel maps make steps. */
int ac_steps_choose(const ac_array *array, const void *data, const ac_hints *hints, ac_quantised *quantised, int32_t **steps)
{
    (void)hints;
    static int (*const ways[])(const ac_array *, const void *, ac_quantised *, int32_t **) = {ac_undither, ac_lattice_choose, ac_unscale};
    uint64_t count;
    int status = AC_OK;
    *steps = NULL;
    if ((array->dtype != AC_F4 && array->dtype != AC_F8) || ac_array_count(array, &count) || ac_holds_integers(data, array->dtype, count)) return AC_OK;
    for (size_t i = 0; i < sizeof ways / sizeof *ways && !status && !*steps; i++) status = ways[i](array, data, quantised, steps);
    return status;
}
