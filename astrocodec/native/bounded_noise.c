#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "as_double.h"
#include "bounded_parts.h"
#include "lattice_look.h"
#include "noise_blocks.h"
#include "nth.h"
#include "pixel_choice.h"

enum { SOURCE_TILE = 32, LEAST_OF_SOURCE = 3, LOOKED_AT = 4096, FEW_VALUES = 256 };
#define FAR_ABOVE 5.0 /* noises by which elements of sources exceed the level */
#define UNEVEN 1.6    /* ratio of the noise of loud blocks to that of quiet ones from which each has steps of its own */
#define QUIETER 1.3   /* likewise of usual ones to the quietest, which may be a corner that steps of the others would wipe out */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int ac_is_bounded(const ac_bounding *w, uint64_t i, double v)
{
    const ac_bound *b = w->bound;
    return isfinite(v) && !(v >= b->saturation) && !(b->has_blank && ac_bits_at(w->array->dtype, w->data, i) == b->blank);
}

/* Some elements that may differ. */
static size_t take_some(const ac_bounding *w, double some[LOOKED_AT])
{
    size_t n = 0;
    for (uint64_t i = 0; i < w->count; i += w->count / LOOKED_AT + 1) {
        const double v = ac_as_double(w->array->dtype, w->data, i);
        if (ac_is_bounded(w, i, v)) some[n++] = v;
    }
    return n;
}

/* The middle one of some elements, and about what a float of the size of most cannot tell: few are brighter by far. */
void ac_bounding_level(ac_bounding *w)
{
    double some[LOOKED_AT];
    const size_t n = take_some(w, some);
    w->level = n ? ac_nth(some, n, n / 2) : 0;
    const double large = n && !w->is_whole ? fmax(fabs(ac_nth(some, n, n / 20)), fabs(ac_nth(some, n, n - 1 - n / 20))) : 0;
    w->resolution = w->array->dtype == AC_F4 ? large * FLT_EPSILON / 2 : w->array->dtype == AC_F8 ? large * DBL_EPSILON : 0;
}

/* What a few values are apart, if they are multiples of the least of it; 0: they are not. */
static double unit_of_few(const ac_bounding *w, double *origin)
{
    double some[LOOKED_AT], least = INFINITY;
    const size_t n = take_some(w, some);
    size_t values = 0, odd = 0;
    qsort(some, n, sizeof *some, compare);
    for (size_t i = 0; i < n; i++)
        if (!i || some[i] != some[values - 1]) some[values++] = some[i];
    if (values < 2 || values > FEW_VALUES) return 0;
    for (size_t i = 1; i < values; i++) least = fmin(least, some[i] - some[i - 1]);
    for (size_t i = 1; i < values; i++) {
        const double t = (some[i] - some[i - 1]) / least;
        odd += fabs(t - rint(t)) > 0.02 + 4 * w->resolution / least;
    }
    *origin = some[0];
    return odd ? 0 : least;
}

void ac_bounding_unit(ac_bounding *w)
{
    w->unit = 0;
    if (w->is_whole || ac_holds_integers(w->data, w->array->dtype, w->count)) {
        w->unit = 1, w->origin = 0, w->is_exact = 1;
        return;
    }
    ac_floats floats = {w->data, w->count, w->array->dtype == AC_F8, 0};
    ac_line *line = malloc(sizeof *line);
    const int is_line = line && ac_lattice_look(&floats, line);
    w->unit = is_line ? line->step : unit_of_few(w, &w->origin);
    if (is_line) w->origin = line->middle;
    if (w->unit <= 4 * w->resolution) w->unit = 0;
    free(line);
}

/* Tiles, and the noise of each */

static int set_tiles(ac_bounding *w, uint64_t height, uint64_t width)
{
    ac_quantised *q = w->q;
    q->tile_height = height, q->tile_width = width;
    w->t = ac_quantise_tiling(q, w->array);
    q->tile_count = ac_tiling_count(&w->t);
    if (q->tile_count > AC_MAX_TILES) return AC_ERROR_SPACE;
    q->tiles = calloc((size_t)q->tile_count, sizeof *q->tiles);
    w->noise = calloc((size_t)q->tile_count, sizeof *w->noise);
    w->has_source = calloc((size_t)q->tile_count, 1);
    return q->tiles && w->noise && w->has_source ? AC_OK : AC_ERROR_MEMORY;
}

/* The least of a map in each tile, so that the bound holds for all of its elements; where there is none it stays 0. */
static void take_noise(ac_bounding *w)
{
    for (ac_segment s = {0}; ac_next_segment(w, &s);)
        for (size_t i = 0; i < s.count; i++) {
            const double v = w->bound->noise[s.first + i];
            double *of = &w->noise[s.tile];
            if (v > 0 && isfinite(v) && (*of == 0 || v < *of)) *of = v;
        }
}

/* The middle one of a block's noise and those around it. */
static double smooth(const ac_noise_blocks *b, uint64_t plane, uint64_t i, uint64_t j)
{
    double some[9];
    size_t n = 0;
    for (uint64_t y = i ? i - 1 : 0; y < ac_smaller(i + 2, b->down); y++)
        for (uint64_t x = j ? j - 1 : 0; x < ac_smaller(j + 2, b->across); x++) {
            const double v = b->noise[(plane * b->down + y) * b->across + x];
            if (v > 0) some[n++] = v;
        }
    qsort(some, n, sizeof *some, compare);
    const double own = b->noise[(plane * b->down + i) * b->across + j], middle = n ? some[n / 2] : 0;
    return own > 0 && own < middle ? own : middle;
}

/* Noise of tiles by that of the blocks that they lie in, in quarters of an octave, rounded down. */
static void spread_noise(ac_bounding *w, const ac_noise_blocks *b)
{
    for (uint64_t tile = 0; tile < w->q->tile_count; tile++) {
        const uint64_t j = tile % w->t.across, i = tile / w->t.across % w->t.down, plane = tile / w->t.across / w->t.down;
        const uint64_t y = i * w->t.tile_height / AC_NOISE_BLOCK, x = j * w->t.tile_width / AC_NOISE_BLOCK;
        const double v = smooth(b, plane, ac_smaller(y, b->down - 1), ac_smaller(x, b->across - 1));
        w->noise[tile] = v > 0 ? exp2(floor(4 * log2(v)) / 4) : 0;
    }
}

/* Tiles without noise take the least of the others. */
static void fill_noise(ac_bounding *w)
{
    double least = 0;
    for (uint64_t i = 0; i < w->q->tile_count; i++)
        if (w->noise[i] > 0 && (least == 0 || w->noise[i] < least)) least = w->noise[i];
    for (uint64_t i = 0; i < w->q->tile_count; i++)
        if (w->noise[i] == 0) w->noise[i] = least;
    w->least_noise = least;
}

/* Tiles in which some elements are far above the level. */
static int find_sources(ac_bounding *w)
{
    uint32_t *count = calloc((size_t)w->q->tile_count, sizeof *count);
    if (!count) return AC_ERROR_MEMORY;
    for (ac_segment s = {0}; ac_next_segment(w, &s);) {
        const double above = w->level + FAR_ABOVE * w->noise[s.tile];
        for (uint64_t i = s.first; i < s.first + s.count; i++) {
            const double v = ac_as_double(w->array->dtype, w->data, i);
            count[s.tile] += v > above && ac_is_bounded(w, i, v);
        }
    }
    for (uint64_t i = 0; i < w->q->tile_count; i++) w->has_source[i] = count[i] >= LEAST_OF_SOURCE;
    free(count);
    return AC_OK;
}

static int measure(ac_bounding *w)
{
    const ac_bound *b = w->bound;
    const ac_unused unused = {b->has_blank, b->blank, b->saturation};
    ac_noise_blocks blocks;
    double least = 0, quiet = 0, middle = 0, loud = 0, mean = 0; /* `mean`: by which one variance everywhere is the asked share in the mean */
    int status = ac_noise_measure(w->array, w->data, &unused, &blocks);
    if (!status) status = ac_noise_quantile(&blocks, 0, &least);
    if (!status) status = ac_noise_quantile(&blocks, 0.1, &quiet);
    if (!status) status = ac_noise_quantile(&blocks, 0.5, &middle);
    if (!status) status = ac_noise_quantile(&blocks, 0.9, &loud);
    if (!status) status = ac_noise_mean(&blocks, &mean);
    /* with a gain the curve tells where there is more noise; what is absolute is the same everywhere */
    const int is_one = b->gain > 0 || b->kind == AC_BOUND_ABSOLUTE || b->kind == AC_BOUND_ADDED;
    const int is_even = is_one || (loud <= UNEVEN * quiet && middle <= QUIETER * least);
    const uint64_t side = b->protect ? SOURCE_TILE : is_even ? 0 : AC_NOISE_BLOCK;
    if (!status) status = set_tiles(w, side, side);
    if (!status && is_even) {
        w->level_noise = middle;
        if (b->gain > 0) mean = quiet > QUIETER * least ? least : fmin(fmax(mean, quiet), middle);
        for (uint64_t i = 0; i < w->q->tile_count; i++) w->noise[i] = mean;
    }
    if (!status && !is_even) spread_noise(w, &blocks);
    ac_noise_free(&blocks);
    return status;
}

int ac_bounding_noise(ac_bounding *w)
{
    const ac_bound *b = w->bound;
    int status = AC_OK;
    if (b->noise) {
        status = set_tiles(w, SOURCE_TILE, SOURCE_TILE);
        if (!status) take_noise(w);
    } else if (b->kind == AC_BOUND_RELATIVE) {
        status = set_tiles(w, 0, 0);
    } else {
        status = measure(w);
    }
    if (status) return status;
    fill_noise(w);
    w->is_protected = b->protect && b->kind != AC_BOUND_RELATIVE;
    return w->is_protected ? find_sources(w) : AC_OK;
}
