#include "lattice_choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "float_bits.h"
#include "lattice_exact.h"
#include "wide_vectors.h"

/* Rounds in which points are added, the last of them for rules that round each operation. */
enum { ROUNDS = 7, LAST = 2, BATCH = 256, MOST_TRIES = 1 << 19, TRIED_PLANES = 8 /* for a rule of their own */ };

/* Bits of the floats that stand for no value: the first NaN, or 0.0. */
typedef struct {
    uint64_t count, bits;
} null_bits;

/* The integer about which a float is made; INT64_MIN where there is none. */
static inline __attribute__((always_inline)) int64_t nearest_k(const ac_lattice_rule *r, double inverse, double v)
{
    const double t = r->zero_first ? v * inverse - r->zero : (v - r->zero) * inverse, k = floor(t + 0.5);
    return fabs(k) < 9e15 ? (int64_t)k : INT64_MIN;
}

/* How many floats the rule does not give, without zeros and NaNs; the first that are near the lattice become points of the line. */
static inline __attribute__((always_inline)) uint64_t misses_of(const ac_floats *f, const ac_lattice_rule *r, uint64_t most, ac_line *line)
{
    const double inverse = r->divides ? r->scale : 1 / r->scale, step = 1 / inverse;
    uint64_t misses = 0;
    uint32_t added = 0;
    for (uint64_t i = 0; i < f->count && misses <= most; i++) {
        const double v = ac_float_at(f, i);
        const int64_t k = nearest_k(r, inverse, v);
        const double there = ac_lattice_value(r, k);
        if (there == v || v == 0 || v != v) continue;
        misses++;
        if (k == INT64_MIN || added == BATCH || line->count == AC_LATTICE_POINTS || !(fabs(there - v) < 0.05 * step)) continue;
        line->values[line->count] = v, line->index[line->count++] = k - r->origin, added++;
    }
    return misses;
}

static uint64_t count_plain(const ac_floats *f, const ac_lattice_rule *r, uint64_t most, ac_line *line) { return misses_of(f, r, most, line); }
WIDE_VECTORS static uint64_t count_wide(const ac_floats *f, const ac_lattice_rule *r, uint64_t most, ac_line *line) { return misses_of(f, r, most, line); }

/* The rule that gives most of the floats on a line; 0 if there is none that gives more than half. */
static int find_rule(const ac_floats *f, ac_line *line, uint32_t tries, ac_lattice_rule *rule, uint64_t *missed)
{
    int found = 0;
    *missed = f->count / 2;
    for (int round = 0; round < ROUNDS && *missed; round++) {
        /* what rounds once is about right where each operation was rounded, and stands if nothing better is found */
        const int last = round >= ROUNDS - LAST, is_good = *missed < f->count / 256;
        ac_lattice_rule r;
        if (last && is_good && *missed < f->count / 4096) break;
        if (!ac_lattice_exact(line, f->is_single, last, is_good && !last ? tries / 8 : tries, &r)) {
            if (last) break;
            round = ROUNDS - LAST - 1;
            continue;
        }
        const uint32_t points = line->count;
        const uint64_t misses = (HAS_WIDE_VECTORS ? count_wide : count_plain)(f, &r, *missed, line);
        if (misses < *missed) *rule = r, *missed = misses, found = 1;
        if (line->count == points) break;
    }
    return found;
}

/* Whether these are integers, of which the pixel map makes steps. */
static int are_integers(const ac_floats *f, const ac_line *line)
{
    if (line->step < 0.99) return 0;
    for (uint32_t i = 0; i < line->count; i++)
        if (line->values[i] != floor(line->values[i])) return 0;
    for (uint64_t i = 0; i < f->count; i++)
        if (!ac_is_integer(ac_float_at(f, i))) return 0;
    return 1;
}

static uint64_t bits_at(const ac_floats *f, uint64_t i)
{
    uint64_t bits;
    uint32_t low;
    if (f->is_double) {
        memcpy(&bits, (const double *)f->data + i, sizeof bits);
        return bits;
    }
    memcpy(&low, (const float *)f->data + i, sizeof low);
    return low;
}

/* What stands for no value most often: NaNs like the first, or zeros that are not on the lattice. */
static null_bits find_null(const ac_floats *f, const ac_lattice_rule *r)
{
    null_bits nan = {0, 0}, zero = {0, 0};
    for (uint64_t i = 0; i < f->count; i++) {
        const double v = ac_float_at(f, i);
        if (v == v && v != 0) continue;
        const uint64_t bits = bits_at(f, i);
        if (!bits) zero.count++;
        if (v == v) continue;
        if (!nan.count) nan.bits = bits;
        nan.count += bits == nan.bits;
    }
    const int64_t k = nearest_k(r, r->divides ? r->scale : 1 / r->scale, 0);
    if (k != INT64_MIN && ac_lattice_value(r, k) == 0) zero.count = 0;
    return nan.count >= zero.count ? nan : zero;
}

static uint8_t arithmetic_of(const ac_floats *f, const ac_lattice_rule *r)
{
    const int own = r->rounds_each && f->is_single ? AC_OWN_PRODUCT : AC_WIDE_PRODUCT; /* a double's own product is the wide one */
    return (uint8_t)(own | (r->divides ? AC_WIDE_QUOTIENT : 0) | (r->zero_first ? AC_ZERO_FIRST : 0) | (f->is_double && f->is_single ? AC_SINGLE : 0));
}

/* Floats of a part of an array. */
static ac_floats part_of(const ac_array *array, const void *data, uint64_t first, uint64_t count)
{
    const int is_double = array->dtype == AC_F8;
    return (ac_floats){(const uint8_t *)data + first * (is_double ? sizeof(double) : sizeof(float)), count, is_double, 0};
}

/* One rule for all; 0 if there is none. */
static int choose_one(const ac_array *array, const void *data, uint64_t count, ac_line *line, ac_quantised *q)
{
    ac_floats all = part_of(array, data, 0, count);
    ac_lattice_rule r;
    uint64_t missed;
    if (!ac_lattice_look(&all, line) || are_integers(&all, line)) return 0;
    if (!find_rule(&all, line, (uint32_t)(count < MOST_TRIES ? count : MOST_TRIES), &r, &missed)) return 0;
    const null_bits null = find_null(&all, &r);
    q->arithmetic = arithmetic_of(&all, &r);
    q->tiles[0] = (ac_quantised_tile){r.scale, r.zero, 0};
    q->has_null = null.count != 0, q->null_bits = null.bits;
    return 1;
}

/* A rule for each plane, all of one kind; 0 where none of the first ones has one. */
static int choose_each(const ac_array *array, const void *data, const ac_planes *planes, ac_line *line, ac_quantised *q)
{
    const uint64_t size = planes->height * planes->width;
    ac_floats middle = part_of(array, data, planes->count / 2 * size, size);
    if (!ac_lattice_look(&middle, line) || are_integers(&middle, line)) return 0;
    uint64_t found = 0;
    for (uint64_t t = 0; t < planes->count; t++) {
        if (!found && t == TRIED_PLANES) return 0;
        ac_floats plane = part_of(array, data, t * size, size);
        ac_lattice_rule r;
        uint64_t missed;
        q->tiles[t] = t ? q->tiles[t - 1] : (ac_quantised_tile){1, 0, 0};
        if (!ac_lattice_look(&plane, line) || !find_rule(&plane, line, 0, &r, &missed)) continue;
        if (found && arithmetic_of(&plane, &r) != q->arithmetic) continue;
        const null_bits null = found ? (null_bits){0, 0} : find_null(&plane, &r);
        if (null.count) q->has_null = 1, q->null_bits = null.bits;
        q->arithmetic = arithmetic_of(&plane, &r);
        q->tiles[t] = (ac_quantised_tile){r.scale, r.zero, 0};
        found++;
    }
    q->tile_count = planes->count;
    return found > 1;
}

/* More than a few percent of runs that no step gives cost more than steps save. */
static int is_worth(const ac_quantised *q, uint64_t count) { return q->exception_count < count / 16 + 1; }

int ac_lattice_choose(const ac_array *array, const void *data, ac_quantised *q, int32_t **steps)
{
    uint64_t count;
    *steps = NULL;
    if ((array->dtype != AC_F4 && array->dtype != AC_F8) || ac_array_count(array, &count) || !count) return AC_OK;
    const ac_planes planes = ac_planes_of(array);
    const uint64_t each = planes.count <= AC_MAX_TILES ? planes.count : 1;
    memset(q, 0, sizeof *q);
    ac_line *line = malloc(sizeof *line);
    q->tiles = malloc((size_t)each * sizeof *q->tiles);
    q->tile_count = 1, q->null_step = AC_NULL_STEP;
    int status = line && q->tiles ? AC_OK : AC_ERROR_MEMORY;
    int found = !status && choose_one(array, data, count, line, q);
    if (found && each > 1) /* the same of all planes */
        for (q->tile_count = each; --q->tile_count;) q->tiles[q->tile_count] = q->tiles[0];
    if (!status && !found && each > 1) found = choose_each(array, data, &planes, line, q);
    q->tile_count = each;
    free(line);
    if (found) {
        *steps = malloc((size_t)count * sizeof **steps);
        status = *steps ? ac_quantise_steps(q, array, data, *steps) : AC_ERROR_MEMORY;
    }
    if (status == AC_ERROR_SPACE || (*steps && !status && !is_worth(q, count))) {
        free(*steps);
        *steps = NULL, status = AC_OK;
    }
    if (!*steps) ac_quantise_free(q);
    return status;
}
