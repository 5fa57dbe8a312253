#include "lattice_choice.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 7, LAST = 2, BATCH = 256, MOST_TRIES = 1 << 19 };

/* The integer about which a float is made; INT64_MIN where there is none. */
static inline int64_t nearest_k(const ac_lattice_rule *r, double inverse, double v)
{
    const double t = r->zero_first ? v * inverse - r->zero : (v - r->zero) * inverse, k = floor(t + 0.5);
    return fabs(k) < 9e15 ? (int64_t)k : INT64_MIN;
}

/* How many floats the rule does not give; the first that are near the lattice become points of the line. */
static uint64_t count_misses(const ac_floats *f, const ac_lattice_rule *r, uint64_t most, ac_line *line)
{
    const double inverse = r->divides ? r->scale : 1 / r->scale, step = 1 / inverse;
    uint64_t misses = 0;
    uint32_t added = 0;
    for (uint64_t i = 0; i < f->count && misses <= most; i++) {
        const double v = ac_float_at(f, i);
        const int64_t k = nearest_k(r, inverse, v);
        const double there = ac_lattice_value(r, k);
        if (there == v) continue;
        misses++;
        if (k == INT64_MIN || added == BATCH || line->count == AC_LATTICE_POINTS || !(fabs(there - v) < 0.05 * step) || v == 0) continue;
        line->values[line->count] = v, line->index[line->count++] = k - r->origin, added++;
    }
    return misses;
}

int ac_lattice_choose(ac_floats *f, ac_line *line, ac_lattice_rule *rule, uint64_t *exceptions)
{
    if (!ac_lattice_look(f, line)) return 0;
    const uint32_t tries = (uint32_t)(f->count < MOST_TRIES ? f->count : MOST_TRIES);
    uint64_t least = f->count / 2;
    int found = 0;
    for (int round = 0; round < ROUNDS && least; round++) {
        /* what rounds once is about right where each operation was rounded, and stands if nothing better is found */
        const int last = round >= ROUNDS - LAST, is_good = least < f->count / 256;
        ac_lattice_rule r;
        if (last && is_good && least < f->count / 4096) break;
        if (!ac_lattice_exact(line, f->is_single, last, is_good && !last ? tries / 8 : tries, &r)) {
            if (last) break;
            round = ROUNDS - LAST - 1;
            continue;
        }
        const uint32_t points = line->count;
        const uint64_t misses = count_misses(f, &r, least, line);
        if (misses < least) *rule = r, least = misses, found = 1;
        if (line->count == points) break;
    }
    *exceptions = least;
    return found;
}
