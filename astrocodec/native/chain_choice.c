#include "chain_choice.h"

#include <stdlib.h>
#include <string.h>

#include "bits_about.h"

enum {
    LEAST_PIXELS = 4096,
    MAX_PLANES = 16,
    MAX_ROWS = 16,
    MAX_COLUMNS = 64,
    MAX_PLACES = 32,
    SCALES = 6,
    COUNTS = 131071
};
/* How much a level wanders from plane to plane against the noise of a sample, in 1/65536; the last: without measure. */
static const uint32_t wanderings[AC_WANDERINGS] = {1 << 8, 1 << 11, 1 << 13, 1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 30};
static const int32_t slope_rules[AC_SLOPES] = {1, 2, 4, 8, 16, 32, 0}, scales[SCALES] = {248, 240, 224, 192, 160, 128};

/* Pairs of rows of the first planes, each plane behind the other, and what a chain leaves of them. */
typedef struct {
    uint64_t planes;
    size_t rows, columns, size; /* pairs of rows; size: of a plane */
    uint16_t *samples, *left;
    int32_t *steps;
    uint32_t *counts; /* of steps */
} sample;

static int take_sample(const ac_sheet *sheet, uint64_t length, sample *s)
{
    const ac_planes *p = &sheet->planes;
    s->planes = ac_smaller(length, MAX_PLANES);
    s->rows = (size_t)ac_smaller(ac_smaller(p->height - 1, MAX_ROWS), ac_larger(4, p->height * p->width >> 11));
    s->columns = (size_t)ac_smaller(p->width, MAX_COLUMNS);
    s->size = 2 * s->rows * s->columns;
    s->samples = malloc(2 * (size_t)s->planes * s->size * sizeof *s->samples);
    s->steps = malloc((size_t)s->planes * s->size * sizeof *s->steps);
    s->counts = malloc(COUNTS * sizeof *s->counts);
    if (!s->samples || !s->steps || !s->counts) return AC_ERROR_MEMORY;
    s->left = s->samples + s->planes * s->size;
    uint16_t *to = s->samples;
    for (uint64_t t = 0; t < s->planes; t++)
        for (uint64_t i = 0; i < s->rows; i++) {
            const uint64_t y = i * (p->height - 1) / s->rows, x = (37 * i % 64) * (p->width - s->columns) / 64;
            for (uint64_t row = y; row < y + 2; row++, to += s->columns) ac_sheet_samples(sheet, (t * p->height + row) * p->width + x, s->columns, to);
        }
    return AC_OK;
}

/* Value that half of the others are not below; all within -65535 ... 65535. */
static int32_t middle(const int32_t *values, size_t n, uint32_t *counts)
{
    memset(counts, 0, COUNTS * sizeof *counts);
    for (size_t i = 0; i < n; i++) counts[values[i] + 65535]++;
    size_t below = 0;
    int32_t at = 0;
    while (below + counts[at] <= n / 2) below += counts[at++];
    return at - 65535;
}

/* With room for n changes and for their counts. */
static int32_t noise_of(const uint16_t *samples, size_t size, size_t n, int32_t *steps, uint32_t *counts)
{
    for (size_t i = 0; i < n; i++) steps[i] = samples[i + size] - samples[i];
    const int32_t common = middle(steps, n, counts);
    for (size_t i = 0; i < n; i++) {
        const int32_t off = steps[i] < common ? common - steps[i] : steps[i] - common;
        steps[i] = off < 65535 ? off : 65535; /* most are nearer, so that the middle is too */
    }
    return middle(steps, n, counts);
}

int ac_chain_noise(const uint16_t *samples, uint64_t planes, size_t size, int32_t *noise)
{
    const size_t n = (size_t)(planes - 1) * size;
    int32_t *steps = malloc(n * sizeof *steps);
    uint32_t *counts = malloc(COUNTS * sizeof *counts);
    const int status = steps && counts ? AC_OK : AC_ERROR_MEMORY;
    if (!status) *noise = noise_of(samples, size, n, steps, counts);
    free(steps);
    free(counts);
    return status;
}

/* About 512 times the bits of the second rows, first plane aside. */
static uint64_t cost_of(const sample *s, const uint16_t *left)
{
    uint64_t cost = 0;
    const uint16_t *north = left + s->size;
    for (uint64_t pair = s->rows; pair < s->planes * s->rows; pair++, north += 2 * s->columns)
        cost += ac_row_bits(north + s->columns, north, s->columns);
    return cost;
}

typedef struct {
    ac_chain chain;
    uint64_t cost;
} candidate;

static void consider(const sample *s, const ac_chain *chain, candidate *best)
{
    ac_chain whole = *chain;
    whole.period = 0;
    const ac_stack stack = {s->planes, s->size, s->size};
    ac_chain_apply(&whole, &stack, s->samples, s->left, s->size);
    const uint64_t cost = cost_of(s, s->left);
    if (cost < best->cost) *best = (candidate){*chain, cost};
}

/* Those of the best estimate where the level wanders so much. */
void ac_chain_set_levels(ac_chain *c, int index)
{
    const uint64_t wandering = wanderings[index];
    uint64_t known = 65536;
    for (uint32_t i = 0; i < c->place_count; i++) {
        known = ((known + wandering) << 16) / (known + wandering + 65536);
        c->places[i].level = (int32_t)ac_smaller(256, ac_larger(1, (known + 128) >> 8));
    }
}

/* The same everywhere, or those of a mean. */
void ac_chain_set_slopes(ac_chain *c, int index)
{
    const int32_t rule = slope_rules[index];
    for (uint32_t i = 0; i < c->place_count; i++) c->places[i].slope = rule ? rule : (int32_t)ac_smaller(255, 256 / (i + 1));
}

/* The chain that leaves the least of the sample; 0 where that is no less than the samples themselves cost. */
static int fit(sample *s, uint64_t length, ac_chain *chain)
{
    const int32_t noise = noise_of(s->samples, s->size, (size_t)(s->planes - 1) * s->size, s->steps, s->counts), room = noise < 1024 ? 32 * noise : 32768;
    for (size_t i = 0; i < s->size; i++) s->steps[i] = s->samples[i];
    chain->base = (int32_t)ac_smaller(ac_larger((uint64_t)middle(s->steps, s->size, s->counts), (uint64_t)room), (uint64_t)(65535 - room));
    chain->limit = (int32_t)ac_smaller(192 * ac_larger((uint64_t)noise, 1), AC_MAX_CHAIN_LIMIT);
    chain->scale = 256, chain->first = 128;
    chain->place_count = (uint32_t)ac_smaller(length - 1, MAX_PLACES);
    candidate best = {*chain, UINT64_MAX};
    for (int i = 0; i < AC_WANDERINGS; i++) {
        ac_chain c = *chain;
        ac_chain_set_levels(&c, i);
        consider(s, &c, &best);
    }
    if (best.cost >= cost_of(s, s->samples)) return 0;
    ac_chain c = best.chain;
    for (int i = 0; i < AC_SLOPES; i++) {
        ac_chain_set_slopes(&c, i);
        consider(s, &c, &best);
    }
    c = best.chain;
    for (int i = 0; i < SCALES; i++) {
        c.scale = scales[i];
        consider(s, &c, &best);
    }
    *chain = best.chain;
    while (chain->place_count > 1 && !memcmp(&chain->places[chain->place_count - 1], &chain->places[chain->place_count - 2], sizeof *chain->places))
        chain->place_count--;
    return 1;
}

/* The third axis from the end, where a fourth says that it is one of several. */
static uint64_t period_of(const ac_array *array, const ac_planes *planes)
{
    const uint64_t third = array->ndim > 3 ? array->shape[array->ndim - 3] : 0;
    return third >= 2 && third < planes->count ? third : 0;
}

int ac_chain_fit(const ac_sheet *sheet, const ac_array *array, ac_chain *chain, int *found)
{
    const ac_planes *p = &sheet->planes;
    *found = 0;
    if (ac_is_complex(array->dtype) || p->count < 2 || p->height < 2 || p->width < 2 || sheet->count < LEAST_PIXELS) return AC_OK;
    memset(chain, 0, sizeof *chain);
    chain->period = period_of(array, p);
    const uint64_t length = chain->period ? chain->period : p->count;
    sample s = {0};
    const int status = take_sample(sheet, length, &s);
    *found = !status && fit(&s, length, chain);
    free(s.samples);
    free(s.steps);
    free(s.counts);
    return status;
}

int ac_chain_plain(const ac_planes *planes, const ac_array *array, ac_chain *chain)
{
    *chain = (ac_chain){.base = 32768, .limit = AC_MAX_CHAIN_LIMIT, .scale = 256, .first = 256, .place_count = 1, .places = {{256, 0}}};
    chain->period = period_of(array, planes);
    return planes->count > 1 && !ac_is_complex(array->dtype);
}
