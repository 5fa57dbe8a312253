#include "bounded.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "as_double.h"
#include "noise_blocks.h"
#include "trellis.h"
#include "viterbi.h"

enum { SOURCE_TILE = 32, FINER = 4, LEAST_OF_SOURCE = 3, MOST_TRIES = 4, LOOKED_AT = 4096 };
#define FAR_ABOVE 5.0   /* noises by which elements of sources exceed the level */
#define UNEVEN 1.6      /* ratio of the noise of loud blocks to that of quiet ones from which each has steps of its own */
#define QUIETER 1.3     /* likewise of usual ones to the quietest, which may be a corner that steps of the others would wipe out */
#define HIDDEN 2.0      /* noises in a step, up to which they are all the dither that is needed */
#define HIDDEN_WAYS 3.0 /* likewise in one of the trellis, whose two grids lie half a step apart */
#define MOST_KEPT 0.125 /* of all elements */

/* What steps are found for. */
typedef struct {
    const ac_bound *bound;
    const ac_array *array;
    const void *data;
    uint64_t count;
    int is_whole; /* elements are integers */
    ac_quantised *q;
    ac_tiling t;
    double *noise; /* of each tile */
    double level, least_noise, resolution;
    int is_protected; /* tiles of sources have finer steps */
    uint8_t *has_source;
} work;

int ac_is_bound(const ac_bound *b, const ac_array *array)
{
    const int is_kind = b && b->kind >= 0 && b->kind < AC_BOUNDS && b->dither >= AC_DITHER_AUTO && b->dither <= AC_DITHER_ALWAYS;
    return is_kind && b->value > 0 && isfinite(b->value) && b->gain >= 0 && isfinite(b->gain) && b->read_noise >= 0 && isfinite(b->read_noise) &&
           (b->kind != AC_BOUND_RELATIVE || b->value < 1) && ac_is_quantisable(array->dtype);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int is_used(const work *w, uint64_t i, double v)
{
    const ac_bound *b = w->bound;
    return isfinite(v) && !(v >= b->saturation) && !(b->has_blank && ac_bits_at(w->array->dtype, w->data, i) == b->blank);
}

/* The middle one of some elements, and about what a float of their size cannot tell. */
static void set_level(work *w)
{
    double some[LOOKED_AT];
    size_t n = 0;
    for (uint64_t i = 0; i < w->count; i += w->count / LOOKED_AT + 1) {
        const double v = ac_as_double(w->array->dtype, w->data, i);
        if (is_used(w, i, v)) some[n++] = v;
    }
    qsort(some, n, sizeof *some, compare);
    w->level = n ? some[n / 2] : 0;
    const double largest = n ? fmax(fabs(some[0]), fabs(some[n - 1])) : 0;
    w->resolution = w->array->dtype == AC_F4 ? largest * FLT_EPSILON / 2 : w->array->dtype == AC_F8 ? largest * DBL_EPSILON : 0;
}

/* Tiles, and the noise of each */

static int set_tiles(work *w, uint64_t height, uint64_t width)
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

static uint64_t tile_of(const work *w, uint64_t i)
{
    const ac_planes *p = &w->t.planes;
    if (w->q->tile_count == 1) return 0;
    const uint64_t plane = i / (p->height * p->width), y = i / p->width % p->height, x = i % p->width;
    return (plane * w->t.down + y / w->t.tile_height) * w->t.across + x / w->t.tile_width;
}

/* The least of a map in each tile, so that the bound holds for all of its elements; where there is none it stays 0. */
static void take_noise(work *w)
{
    for (uint64_t i = 0; i < w->count; i++) {
        const double v = w->bound->noise[i];
        double *of = &w->noise[tile_of(w, i)];
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
static void spread_noise(work *w, const ac_noise_blocks *b)
{
    for (uint64_t tile = 0; tile < w->q->tile_count; tile++) {
        const uint64_t j = tile % w->t.across, i = tile / w->t.across % w->t.down, plane = tile / w->t.across / w->t.down;
        const uint64_t y = i * w->t.tile_height / AC_NOISE_BLOCK, x = j * w->t.tile_width / AC_NOISE_BLOCK;
        const double v = smooth(b, plane, ac_smaller(y, b->down - 1), ac_smaller(x, b->across - 1));
        w->noise[tile] = v > 0 ? exp2(floor(4 * log2(v)) / 4) : 0;
    }
}

/* Tiles without noise take the least of the others. */
static void fill_noise(work *w)
{
    double least = 0;
    for (uint64_t i = 0; i < w->q->tile_count; i++)
        if (w->noise[i] > 0 && (least == 0 || w->noise[i] < least)) least = w->noise[i];
    for (uint64_t i = 0; i < w->q->tile_count; i++)
        if (w->noise[i] == 0) w->noise[i] = least;
    w->least_noise = least;
}

/* Tiles in which some elements are far above the level. */
static int find_sources(work *w)
{
    uint32_t *count = calloc((size_t)w->q->tile_count, sizeof *count);
    if (!count) return AC_ERROR_MEMORY;
    for (uint64_t i = 0; i < w->count; i++) {
        const uint64_t tile = tile_of(w, i);
        const double v = ac_as_double(w->array->dtype, w->data, i);
        count[tile] += is_used(w, i, v) && v > w->level + FAR_ABOVE * w->noise[tile];
    }
    for (uint64_t i = 0; i < w->q->tile_count; i++) w->has_source[i] = count[i] >= LEAST_OF_SOURCE;
    free(count);
    return AC_OK;
}

static int measure(work *w)
{
    const ac_bound *b = w->bound;
    const ac_unused unused = {b->has_blank, b->blank, b->saturation};
    ac_noise_blocks blocks;
    double least = 0, quiet = 0, middle = 0, loud = 0;
    int status = ac_noise_measure(w->array, w->data, &unused, &blocks);
    if (!status) status = ac_noise_quantile(&blocks, 0, &least);
    if (!status) status = ac_noise_quantile(&blocks, 0.1, &quiet);
    if (!status) status = ac_noise_quantile(&blocks, 0.5, &middle);
    if (!status) status = ac_noise_quantile(&blocks, 0.9, &loud);
    /* with a gain the curve tells where there is more noise */
    const int is_even = (loud <= UNEVEN * quiet && middle <= QUIETER * least) || b->gain > 0;
    const uint64_t side = b->protect ? SOURCE_TILE : is_even ? 0 : AC_NOISE_BLOCK;
    if (!status) status = set_tiles(w, side, side);
    if (!status && is_even)
        for (uint64_t i = 0; i < w->q->tile_count; i++) w->noise[i] = b->gain > 0 ? (quiet > QUIETER * least ? least : quiet) : middle;
    if (!status && !is_even) spread_noise(w, &blocks);
    ac_noise_free(&blocks);
    return status;
}

static int set_noise(work *w)
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

/* Steps, and what is allowed */

/* Octaves whose steps keep a relative bound: they differ by 0.7072 / steps at most, in units of the element. */
static void set_octaves(work *w)
{
    ac_curve *c = &w->q->curve;
    double least = INFINITY;
    for (uint64_t i = 0; i < w->count; i++) {
        const double v = fabs(ac_as_double(w->array->dtype, w->data, i));
        if (v > 0 && v < least) least = v;
    }
    const double lowest = w->array->dtype == AC_F4 ? FLT_MIN : DBL_MIN; /* denormals are kept */
    int exponent;
    frexp(fmax(isfinite(least) ? least : 1, lowest), &exponent);
    const double steps = ceil(0.7072 / 2 / w->bound->value * (1 + w->bound->value)) + 1;
    *c = (ac_curve){.kind = AC_IN_OCTAVES, .steps = (int64_t)fmin(steps, 2.0 * AC_MAX_OCTAVE_STEPS), .first = exponent - 1}; /* no curve has so many */
}

/* With a gain the noise is that of the background, or of reading alone where that is known: from there on it grows. */
static void set_root(work *w)
{
    const ac_bound *b = w->bound;
    double noise = w->least_noise, knee = w->level;
    if (b->read_noise > 0 && b->read_noise < noise) {
        knee = w->level - (noise * noise - b->read_noise * b->read_noise) * b->gain;
        for (uint64_t i = 0; i < w->q->tile_count; i++) w->noise[i] = b->read_noise;
        w->least_noise = noise = b->read_noise;
    }
    w->q->curve = (ac_curve){.kind = AC_ROOT, .knee = knee, .bend = 1 / (4 * b->gain * noise * noise)};
}

/* What an element may differ by in units of a straight lattice; 0: it may not. */
static double allowance(const work *w, double noise)
{
    const ac_bound *b = w->bound;
    return b->kind == AC_BOUND_ABSOLUTE ? b->value : b->kind == AC_BOUND_NOISE ? b->value * noise : 0;
}

static double step_of(const work *w, uint64_t tile)
{
    if (w->bound->kind == AC_BOUND_RELATIVE) return 1; /* the curve's octaves are all there is */
    const double e = allowance(w, w->noise[tile]), finer = w->has_source[tile] ? FINER : 1;
    if (w->bound->kind == AC_BOUND_INCREASE) {
        const double grown = 1 + w->bound->value, unit = w->q->dither == AC_TRELLIS ? AC_TRELLIS_VARIANCE : 1 / 12.0;
        return w->noise[tile] * sqrt((grown * grown - 1) / unit) / finer;
    }
    /* a curve is steeper at the far end of a step than at its element */
    if (w->is_whole && !w->q->curve.kind) return 2 * floor(e / finer) + 1;
    const double rounding = w->is_whole ? 0.5 : w->resolution;
    return 2 * (e / finer - rounding) / (1 + w->q->curve.bend * e) * (1 - 1e-7);
}

/* Sets scales; 0 where nothing can be lost. */
static int set_steps(work *w, double part)
{
    double widest = 0, narrowest = INFINITY;
    const double middle = w->q->curve.kind == AC_IN_OCTAVES ? 0 : ac_curve_place(&w->q->curve, w->level);
    for (uint64_t i = 0; i < w->q->tile_count; i++) {
        const double step = part * step_of(w, i);
        w->q->tiles[i] = (ac_quantised_tile){step, w->is_whole ? rint(middle) : middle, 0}; /* the level itself stays */
        widest = fmax(widest, step), narrowest = fmin(narrowest, step);
    }
    if (w->is_whole && w->q->curve.kind == AC_STRAIGHT) {
        /* finer steps than its own say nothing of an integer */
        for (uint64_t i = 0; i < w->q->tile_count; i++) w->q->tiles[i].scale = fmax(w->q->tiles[i].scale, 1);
        return widest > 1 && isfinite(widest);
    }
    return (narrowest > 2 * w->resolution || w->q->curve.kind == AC_IN_OCTAVES) && isfinite(widest) && narrowest > DBL_MIN;
}

static int wants_dither(const work *w)
{
    const ac_bound *b = w->bound;
    if (b->kind == AC_BOUND_RELATIVE || b->dither == AC_DITHER_NEVER) return 0;
    if (b->dither == AC_DITHER_ALWAYS) return 1;
    for (uint64_t i = 0; i < w->q->tile_count; i++)
        if (w->noise[i] > 0 && step_of(w, i) > (w->q->dither == AC_TRELLIS ? HIDDEN_WAYS : HIDDEN) * w->noise[i]) return 1;
    return 0;
}

static int occurs(const work *w, uint64_t bits)
{
    uint64_t i = 0;
    while (i < w->count && ac_bits_at(w->array->dtype, w->data, i) != bits) i++;
    return i < w->count;
}

/* Whether an element comes back as it is, whatever its step: one of these has a step of its own. */
static void set_null(work *w)
{
    ac_quantised *q = w->q;
    const int dtype = w->array->dtype;
    if (w->bound->has_blank && (w->is_whole || occurs(w, w->bound->blank))) {
        q->has_null = 1, q->null_bits = w->bound->blank;
    } else if (!w->is_whole) {
        for (uint64_t i = 0; i < w->count && !q->has_null; i++)
            if (isnan(ac_as_double(dtype, w->data, i))) q->has_null = 1, q->null_bits = ac_bits_at(dtype, w->data, i);
    }
    if (q->has_null) q->null_step = AC_NULL_STEP;
}

static void set_lattice(work *w, uint64_t run)
{
    ac_quantised *q = w->q;
    if (w->bound->kind == AC_BOUND_RELATIVE)
        set_octaves(w);
    else if (w->bound->gain > 0 && w->bound->kind != AC_BOUND_ABSOLUTE && w->least_noise > 0)
        set_root(w);
    set_null(w);
    if (w->bound->kind == AC_BOUND_INCREASE) q->dither = AC_TRELLIS, q->run = run;
    if (wants_dither(w)) {
        q->dither = AC_DITHER_1, q->run = 0;
        q->seed = ac_crc32c(0, w->data, (size_t)w->count * ac_number_bytes(w->array->dtype)) % AC_SEEDS;
    }
    q->level = q->curve.kind == AC_IN_OCTAVES ? 0 : (float)ac_curve_place(&q->curve, w->level);
    if (!isfinite(q->level)) q->level = 0;
}

/* The slope of the curve at an element. */
static double slope(const ac_curve *c, double v)
{
    return c->kind == AC_ROOT && v > c->knee ? sqrt(1 + 4 * c->bend * (v - c->knee)) : 1;
}

static double allowed(const work *w, const ac_quantised_tile *tile, double noise, double v)
{
    const ac_bound *b = w->bound;
    if (b->kind == AC_BOUND_RELATIVE) return b->value * fabs(v);
    if (b->kind != AC_BOUND_INCREASE) return allowance(w, noise) * slope(&w->q->curve, v);
    const double reach = w->q->dither == AC_TRELLIS ? AC_TRELLIS_REACH : 0.5, step = tile->scale, bent = 1 + w->q->curve.bend * step * reach;
    return reach * step * bent * slope(&w->q->curve, v) + (w->is_whole ? 0.5 : w->resolution);
}

/* Compares elements with those of the steps, and keeps those that differ by more than they may. AC_ERROR_SPACE where these are too many. */
static int check(work *w, void *again, ac_loss *loss)
{
    const int dtype = w->array->dtype, is_relative = w->bound->kind == AC_BOUND_RELATIVE;
    const size_t item = ac_number_bytes(dtype);
    uint64_t room = 0, kept = 0, changed = 0;
    double squares = 0, unit_squares = 0;
    *loss = (ac_loss){w->bound->kind, w->bound->value, 0, 0, w->least_noise, 0, 0};
    for (uint64_t i = 0; i < w->count; i++) {
        const uint64_t bits = ac_bits_at(dtype, w->data, i);
        const double v = ac_as_double(dtype, w->data, i), difference = fabs(ac_as_double(dtype, again, i) - v);
        if (bits == ac_bits_at(dtype, again, i)) {
            changed += is_used(w, i, v);
            continue;
        }
        const uint64_t tile = tile_of(w, i);
        const ac_quantised_tile *of = &w->q->tiles[tile];
        const double most = allowed(w, of, w->noise[tile], v);
        const int is_sign_lost = is_relative && difference == 0; /* -0.0 */
        const uint64_t now = ac_bits_at(dtype, again, i);
        const int is_lost = (w->q->has_null && now == w->q->null_bits) || (w->bound->has_blank && now == w->bound->blank); /* it would read as none */
        const double share = is_relative ? difference / fabs(v) : difference;
        /* products of denormals are rounded up to what is no bound any more */
        if (is_used(w, i, v) && difference <= most && !(is_relative && share > w->bound->value) && !is_sign_lost && !is_lost) {
            const double in_steps = difference / (of->scale * slope(&w->q->curve, v));
            loss->bound = fmax(loss->bound, is_relative ? w->bound->value : most);
            loss->found = fmax(loss->found, share);
            squares += difference * difference, unit_squares += in_steps * in_steps;
            changed++;
            continue;
        }
        kept++;
        const int status = ac_exception_add(w->q, &room, i, bits);
        if (status) return status;
        memcpy((uint8_t *)again + i * item, (const uint8_t *)w->data + i * item, item);
    }
    if (changed) loss->variance = squares / (double)changed, loss->unit_variance = is_relative ? 0 : unit_squares / (double)changed;
    loss->bound = fmax(loss->bound, loss->found);
    if (loss->variance == 0) return AC_ERROR_SPACE; /* the elements as they are take no more */
    return (double)kept > MOST_KEPT * (double)w->count + 64 || !isfinite(loss->variance) || !isfinite(loss->bound) ? AC_ERROR_SPACE : AC_OK;
}

static int find(work *w, int32_t *steps, void *again, ac_loss *loss)
{
    ac_quantised *q = w->q;
    double part = 1;
    for (int tries = 0; tries < MOST_TRIES; tries++) {
        if (!set_steps(w, part)) return AC_ERROR_SPACE;
        ac_quantise_base(q);
        q->exception_count = 0;
        free(q->exceptions);
        q->exceptions = NULL;
        int status = q->dither == AC_TRELLIS ? ac_trellis_steps(q, w->array, w->data, steps) : ac_quantise_nearest(q, w->array, w->data, steps);
        if (!status) status = ac_quantise_restore(q, w->array, steps, again);
        if (!status) status = check(w, again, loss);
        if (status || !w->is_whole || w->bound->kind != AC_BOUND_INCREASE) return status;
        /* rounding of integers adds to what the steps do */
        const double grown = 1 + w->bound->value, wanted = (grown * grown - 1) * w->least_noise * w->least_noise;
        if (loss->variance <= 1.01 * wanted || w->q->curve.kind || w->q->tile_count > w->t.planes.count) return AC_OK;
        part *= 0.99 * sqrt(wanted / loss->variance);
    }
    return AC_OK;
}

/* 2 n + p of steps of a trellis, as far as an integer holds it. */
static void double_steps(const ac_quantised *q, const ac_array *array, int32_t *steps)
{
    const ac_planes p = ac_planes_of(array);
    for (uint64_t row = 0; row < p.count * p.height; row++) {
        uint32_t state = 0;
        for (uint64_t x = 0; x < p.width; x++) {
            int32_t *at = steps + row * p.width + x;
            if (q->run && x % q->run == 0) state = 0;
            const uint32_t half = state & 1;
            state = ac_trellis_next(state, (uint32_t)*at & 1);
            if (*at > INT32_MIN / 2 && *at < INT32_MAX / 2) *at = 2 * *at + (int32_t)half;
        }
    }
}

int ac_bounded_codes(const ac_array *array, const void *data, const ac_bound *bound, int32_t *codes)
{
    ac_quantised q;
    int32_t *steps;
    void *elements;
    ac_loss loss;
    if (!ac_is_bound(bound, array) || !data || !codes) return AC_ERROR_ARGUMENT;
    int status = ac_bounded_steps(bound, array, data, 0, &q, &steps, &elements, &loss);
    if (!status && !steps) status = AC_ERROR_SPACE;
    if (!status) {
        if (q.dither == AC_TRELLIS) double_steps(&q, array, steps);
        uint64_t count;
        ac_array_count(array, &count);
        memcpy(codes, steps, (size_t)count * sizeof *codes);
    }
    ac_quantise_free(&q);
    free(steps);
    free(elements);
    return status;
}

int ac_bounded_steps(const ac_bound *bound, const ac_array *array, const void *data, uint64_t run, ac_quantised *q, int32_t **steps, void **elements,
                     ac_loss *loss)
{
    work w = {.bound = bound, .array = array, .data = data, .q = q};
    *q = (ac_quantised){0};
    *steps = NULL, *elements = NULL;
    int status = ac_array_count(array, &w.count);
    if (status || !w.count) return status;
    w.is_whole = array->dtype != AC_F4 && array->dtype != AC_F8;
    set_level(&w);
    status = set_noise(&w);
    const int is_known = bound->kind == AC_BOUND_ABSOLUTE || bound->kind == AC_BOUND_RELATIVE || w.least_noise > 0;
    if (!status && is_known) {
        *steps = malloc((size_t)w.count * sizeof **steps);
        *elements = malloc(ac_array_size(array));
        status = *steps && *elements ? AC_OK : AC_ERROR_MEMORY;
        if (!status) {
            set_lattice(&w, run);
            status = ac_curve_is_good(&q->curve) ? find(&w, *steps, *elements, loss) : AC_ERROR_SPACE;
        }
    }
    free(w.noise);
    free(w.has_source);
    if (status) {
        free(*steps);
        free(*elements);
        *steps = NULL, *elements = NULL;
    }
    return status == AC_ERROR_SPACE ? AC_OK : status;
}
