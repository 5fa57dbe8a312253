#include "steps_choice.h"

#include "lattice_choice.h"
#include "undither.h"

/* The ways of finding steps, one after the other. */
int ac_steps_choose(const ac_array *array, const void *data, const ac_hints *hints, ac_quantised *quantised, int32_t **steps)
{
    (void)hints;
    const int status = ac_undither(array, data, quantised, steps);
    return status || *steps ? status : ac_lattice_choose(array, data, quantised, steps);
}
