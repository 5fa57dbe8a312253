#include "census.h"

#include <stdlib.h>
#include <string.h>

#include "radix_sort.h"

enum { CHUNK = 1024 };

void ac_census_free(ac_census *c)
{
    free(c->slots);
    free(c->values);
    free(c->counts);
}

/* Lists the values that have a slot. */
static int list_values(ac_census *c)
{
    c->values = malloc(2 * c->count * sizeof *c->values); /* half of it is room */
    c->counts = malloc(c->count * sizeof *c->counts);
    if (!c->values || !c->counts) return AC_ERROR_MEMORY;
    uint32_t at = 0;
    for (uint64_t i = 0; i < (uint64_t)1 << c->bits; i++)
        if (c->slots[i].count) c->values[at++] = c->slots[i].value;
    ac_radix_sort(c->values, c->values + c->count, c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        ac_seen *slot = ac_census_slot(c, c->values[i]);
        slot->rank = i, c->counts[i] = slot->count;
    }
    return AC_OK;
}

int ac_census_take(const ac_sheet *s, uint64_t stride, uint64_t total, uint32_t most, ac_census *c)
{
    memset(c, 0, sizeof *c);
    while ((uint64_t)2 << c->bits < 3 * ((uint64_t)most + CHUNK)) c->bits++; /* two thirds are taken at most */
    c->slots = calloc((size_t)1 << c->bits, sizeof *c->slots);
    if (!c->slots) return AC_ERROR_MEMORY;
    uint64_t u[CHUNK];
    for (uint64_t first = 0; first < total && c->count <= most; first += CHUNK) {
        const size_t n = total - first < CHUNK ? (size_t)(total - first) : CHUNK;
        ac_sheet_numbers(s, first * stride, (size_t)stride, n, u);
        for (size_t i = 0; i < n; i++) {
            ac_seen *slot = ac_census_slot(c, u[i] - s->map.offset);
            c->count += !slot->count;
            slot->count += slot->count < UINT32_MAX;
            slot->value = u[i] - s->map.offset;
        }
    }
    return c->count <= most ? list_values(c) : AC_OK;
}
