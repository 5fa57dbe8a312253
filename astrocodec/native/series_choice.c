#include "series_choice.h"

#include <stdlib.h>

#include "chain_choice.h"
#include "log512.h"

enum { FITTED = 1 << 14, FITTED_COLUMNS = 32, MAX_PLACES = 32, LEAST_BASE = 1024 };

/* The first columns of all series, each column behind the other, and what a chain leaves of them. */
typedef struct {
    ac_stack stack;
    uint16_t *samples, *left;
} part;

/* About 512 times the bits, first column aside. */
static uint64_t cost_of(const part *p, int32_t base)
{
    uint64_t cost = 0;
    for (size_t i = (size_t)p->stack.length; i < p->stack.planes * p->stack.length; i++) {
        const int32_t off = (int16_t)(uint16_t)(p->left[i] - base);
        cost += (uint64_t)ac_log512(1 + (uint32_t)(off < 0 ? -off : off));
    }
    return cost;
}

static void consider(const part *p, const ac_chain *chain, ac_chain *best, uint64_t *least)
{
    ac_chain_apply(chain, &p->stack, p->samples, p->left, p->stack.length);
    const uint64_t cost = cost_of(p, chain->base);
    if (cost < *least) *best = *chain, *least = cost;
}

/* Leaves out last places whose level hardly differs from the last one's. */
static void shorten(ac_chain *c)
{
    const ac_gains last = c->places[c->place_count - 1];
    while (c->place_count > 1) {
        const ac_gains *before = &c->places[c->place_count - 2];
        if (before->slope != last.slope || 16 * (before->level - last.level) > last.level) break;
        c->place_count--;
    }
    c->places[c->place_count - 1] = last;
}

static void fit(const part *p, uint64_t columns, int32_t noise, ac_chain *chain)
{
    const int32_t quiet = noise > 1 ? noise : 1;
    uint64_t least = UINT64_MAX;
    *chain = (ac_chain){.scale = 256, .first = 256, .place_count = (uint32_t)ac_smaller(columns - 1, MAX_PLACES)};
    chain->base = (int32_t)ac_smaller(ac_larger(LEAST_BASE, 32 * (uint64_t)quiet), 32768);
    chain->limit = (int32_t)ac_smaller(384 * (uint64_t)quiet, AC_MAX_CHAIN_LIMIT);
    ac_chain c = *chain;
    for (int i = 0; i < AC_WANDERINGS; i++) {
        ac_chain_set_levels(&c, i);
        consider(p, &c, chain, &least);
    }
    c = *chain;
    for (int i = 0; i < AC_SLOPES; i++) {
        ac_chain_set_slopes(&c, i);
        consider(p, &c, chain, &least);
    }
    c = *chain;
    for (int i = 0; i < AC_WANDERINGS; i++) {
        ac_chain_set_levels(&c, i);
        consider(p, &c, chain, &least);
    }
    shorten(chain);
}

int ac_series_fit(const ac_planes *planes, const uint16_t *samples, ac_chain *chain)
{
    const size_t rows = (size_t)(planes->count * planes->height), columns = (size_t)ac_smaller(planes->width, ac_larger(FITTED_COLUMNS, FITTED / rows));
    part p = {.stack = {columns, rows, rows}, .samples = malloc(2 * rows * columns * sizeof *p.samples)};
    if (!p.samples) return AC_ERROR_MEMORY;
    p.left = p.samples + rows * columns;
    for (size_t i = 0; i < rows; i++)
        for (size_t x = 0; x < columns; x++) p.samples[x * rows + i] = samples[i * planes->width + x];
    int32_t noise;
    const int status = ac_chain_noise(p.samples, columns, rows, &noise);
    if (!status) fit(&p, planes->width, noise, chain);
    free(p.samples);
    return status;
}
