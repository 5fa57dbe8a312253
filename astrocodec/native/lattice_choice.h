/* Lattices of floats: which floats are integers times a step. docs/encoder.md section "Lattices". */
#ifndef AC_LATTICE_CHOICE_H
#define AC_LATTICE_CHOICE_H

#include "lattice_exact.h"

/* 1 where a rule gives nearly all floats. `line`: room. */
int ac_lattice_choose(ac_floats *floats, ac_line *line, ac_lattice_rule *rule, uint64_t *exceptions);

#endif
