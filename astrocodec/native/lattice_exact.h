/* Lattices of floats, exactly: the operations that made them, and their numbers. docs/encoder.md section "Lattices". */
#ifndef AC_LATTICE_EXACT_H
#define AC_LATTICE_EXACT_H

#include "lattice_look.h"

/* A float is k * scale + zero or (k + zero) * scale, rounded to its type in the end or after each operation; or the same divided by the scale. */
typedef struct {
    int divides, zero_first, rounds_each;
    int is_single;
    double scale, zero;
    int64_t origin; /* k of index 0 */
} ac_lattice_rule;

static inline double ac_lattice_rounded(const ac_lattice_rule *r, double v) { return r->is_single && r->rounds_each ? (double)(float)v : v; }

/* In double also what rounds as float32 does: a double has more than twice the digits. */
static inline double ac_lattice_value(const ac_lattice_rule *r, int64_t k)
{
    double v = (double)k;
    if (r->zero_first) v = ac_lattice_rounded(r, v + r->zero);
    v = r->divides ? v / r->scale : v * r->scale;
    if (!r->zero_first) v = ac_lattice_rounded(r, v) + r->zero;
    return r->is_single ? (double)(float)v : v;
}

/* 1 where a rule gives all points of the line but for a sixteenth. Rules that round once are left out with `rounds_each`; of those that
 * do not, at most about so many are tried. */
int ac_lattice_exact(const ac_line *line, int is_single, int rounds_each, uint32_t tries, ac_lattice_rule *rule);

#endif
