/* Census: which numbers an array has, of whatever range. */
#ifndef AC_CENSUS_H
#define AC_CENSUS_H

#include "pixels.h"

/* Values that occur, how often, and where among them they stand. */
typedef struct {
    uint64_t value;
    uint32_t count, rank;
} ac_seen;

typedef struct {
    ac_seen *slots; /* 2^bits of them, more than there are values */
    uint32_t bits, count; /* of values */
    uint64_t *values; /* ascending */
    uint32_t *counts; /* how often each of those occurs */
} ac_census;

/* The different u of every `stride`-th number, listed if they are at most `most`; else counted up to where that shows. */
int ac_census_take(const ac_sheet *sheet, uint64_t stride, uint64_t total, uint32_t most, ac_census *census);
/* The slot of a value, or the empty one where it belongs. */
static inline ac_seen *ac_census_slot(const ac_census *c, uint64_t value)
{
    uint64_t at = value * 0x9e3779b97f4a7c15u >> (64 - c->bits);
    while (c->slots[at].count && c->slots[at].value != value) at = (at + 1) & (((uint64_t)1 << c->bits) - 1);
    return &c->slots[at];
}

void ac_census_free(ac_census *census);

#endif
