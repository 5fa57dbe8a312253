#include "undither.h"

#include <stdlib.h>
#include <string.h>

#include "quantise_tables.h"
#include "undither_parts.h"

enum {
    FEWEST_PIXELS = 4096,
    PIXELS_A_LOOK = 1 << 14,
    LEAST_LOOKS = 2,
    MOST_LOOKS = 16,
    NARROWEST = 40,     /* row that is looked at */
    SIDE = 64, ROWS = 8, USUAL_WIDTH = 100, /* of pixels that are looked at in tiles of this width */
    MOST_FITTED = 1 << 16, /* pixels of a tile */
    TRIED_NOISES = 16, /* tiles */
    ROWS_IN_STEPS = 3, FEWEST_STEPS = 5,
    WORK = 16, WORK_OF_TILE = 16, WORK_OF_DOUBLES = 24, /* looks at each pixel for scale and zero, on average and at most; those that are found take 1 to 8 */
    TRIED_TILES = 8, CLEAR = 3,  /* of which so many more tell than do not, or the other way */
    TRIED_PIXELS = 512,
    SEEN_SINGLE = 512,
    SEEN_SPREAD = 64, FAR_SPREADS = 32, /* of the middle half of a tile's numbers: beyond are those that were put in later */
};
#define GOLDEN 0.61803398874989485

/* Rows all over the image, by the golden ratio: tiles mostly begin where the image does, and are whole rows. Those that are 100 pixels wide may begin anywhere in a
 * cut-out, but rows below each other tell much, as their width is known. */
static int look_around(ac_dithered_image *image, uint64_t count, ac_sighting *seen)
{
    static const size_t lengths[] = {256, SIDE, 100, SIDE, 1000, SIDE, SIDE, SIDE};
    const uint64_t height = image->planes.height, rows = image->planes.count * height, width = image->planes.width;
    const uint64_t looks = ac_larger(LEAST_LOOKS, ac_smaller(MOST_LOOKS, 1 + count / PIXELS_A_LOOK));
    for (uint64_t i = 0; i < looks; i++) {
        const double down = GOLDEN * (double)(i + 1), along = GOLDEN * GOLDEN * (double)(i + 1);
        const uint64_t row = ac_smaller((uint64_t)((down - floor(down)) * (double)rows), rows - 1);
        *seen = (ac_sighting){.plane = row / height, .row = row % height, .n = (size_t)ac_smaller(lengths[i % 8], width)};
        if (lengths[i % 8] == SIDE && height >= ROWS) {
            const uint64_t free = width - seen->n, begins = ac_smaller(free, (USUAL_WIDTH - SIDE) / 2);
            seen->column = i < 2 ? begins : (uint64_t)((along - floor(along)) * (double)(free + 1));
            seen->row = ac_smaller(i < 2 ? height / 2 / USUAL_WIDTH * USUAL_WIDTH + begins : seen->row, height - ROWS);
            seen->rows = ROWS, seen->width = USUAL_WIDTH;
        }
        if (i == (width > lengths[0] ? 8 : 4) && height >= ROWS) { /* tiles of 64 x 64 begin where the image does */
            seen->column = (uint64_t)((along - floor(along)) * (double)(width / SIDE)) * SIDE;
            seen->row = ac_smaller(seen->row / SIDE * SIDE, height - ROWS);
            seen->n = (size_t)ac_smaller(SIDE, width), seen->rows = ROWS, seen->width = SIDE;
        }
        if (!ac_undither_may(image, seen)) continue;
        if (!image->dither) image->dither = ac_dither_create();
        if (!image->dither) return 0;
        if (ac_undither_look(image, seen)) return 1;
    }
    return 0;
}

/* Whether some float64 all over the image are those of float32. */
static int are_single(const ac_dithered_image *image, uint64_t count)
{
    const double *x = image->data;
    if (image->array->dtype != AC_F8) return 0;
    for (uint64_t i = 0; i < SEEN_SINGLE; i++) {
        const double v = x[i * (count / SEEN_SINGLE)];
        if (v == v && (!(fabs(v) < 3e38) || (double)(float)v != v)) return 0;
    }
    return 1;
}

/* What the tiles are fitted with. */
typedef struct {
    const ac_dithered_image *image;
    ac_quantised *quantised;
    ac_tiling tiling;
    double *x;
    float *r;
    uint64_t failing; /* elements that are not proven */
    int64_t work;     /* looks at pixels that are left */
    ac_dithered_tile tile;
} fitting;

/* Part of a tile that is in the array. */
typedef struct {
    uint64_t plane, row, column, height, width;
} place;

static place place_of_tile(const fitting *f, uint64_t index)
{
    const ac_tiling *t = &f->tiling;
    const ac_quantised *q = f->quantised;
    const uint64_t across = index % t->across, down = index / t->across % t->down;
    const uint64_t top = (q->row / t->tile_height + down) * t->tile_height, left = (q->column / t->tile_width + across) * t->tile_width;
    place p = {index / t->across / t->down, top > q->row ? top - q->row : 0, left > q->column ? left - q->column : 0, 0, 0};
    p.height = ac_smaller(top + t->tile_height - q->row, t->planes.height) - p.row;
    p.width = ac_smaller(left + t->tile_width - q->column, t->planes.width) - p.column;
    return p;
}

/* A tile's numbers, of evenly spread rows where they are more than so many: how many there are. */
static size_t gather(const fitting *f, const place *p, uint64_t room)
{
    const uint64_t every = (p->height * p->width + room - 1) / room, most = ac_smaller(p->width, room);
    size_t n = 0, kept = 0;
    for (uint64_t row = 0; row < p->height; row += every) {
        ac_undither_load(f->image, p->plane, p->row + row, p->column, (size_t)most, f->x + n);
        if (f->quantised->dither) ac_undither_random(f->image->dither, f->quantised, &f->tiling, p->plane, p->row + row, p->column, (size_t)most, f->r + n);
        n += (size_t)most;
    }
    for (size_t i = 0; i < n; i++) {
        if (isnan(f->x[i])) continue;
        f->x[kept] = f->x[i], f->r[kept] = f->quantised->dither ? f->r[i] : 0.5f, kept++;
    }
    return kept;
}

/* Looks for scale and zero of the first numbers that were gathered; how many of them stay unproven. */
static size_t fit_numbers(fitting *f, size_t n, double expected, ac_dithered_line *found)
{
    ac_dithered_line line = {expected, 0, 0};
    const int64_t work = f->tile.work = (int64_t)ac_smaller((uint64_t)f->work, (f->tile.is_double ? WORK_OF_DOUBLES : WORK_OF_TILE) * n);
    f->tile.n = n;
    const size_t fails = ac_undither_line(f->x, f->r, n, f->quantised->dither, &line) ? ac_undither_tile(&f->tile, &line, found) : n;
    f->work = work - f->tile.work < f->work ? f->work - (work - f->tile.work) : 0;
    return fails;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Puts numbers that are not far from most to the front; how many they are. */
static size_t part_far(fitting *f, size_t n)
{
    double some[SEEN_SPREAD], lowest, highest;
    size_t near = 0;
    for (size_t i = 0; i < SEEN_SPREAD; i++) some[i] = f->x[i * n / SEEN_SPREAD];
    qsort(some, SEEN_SPREAD, sizeof *some, compare);
    const double first = some[SEEN_SPREAD / 4], last = some[3 * SEEN_SPREAD / 4];
    lowest = first - FAR_SPREADS * (last - first), highest = last + FAR_SPREADS * (last - first);
    for (size_t i = 0; i < n; i++) {
        const double x = f->x[i];
        const float r = f->r[i];
        if (!(x >= lowest && x <= highest)) continue;
        f->x[i] = f->x[near], f->r[i] = f->r[near];
        f->x[near] = x, f->r[near++] = r;
    }
    return near;
}

/* The same of numbers among which some may be fill values or saturated, which fit no line and bend what is fitted to all. */
static size_t fit_most(fitting *f, size_t n, double expected, ac_dithered_line *found)
{
    const size_t fails = fit_numbers(f, n, expected, found);
    if (2 * fails <= n) return fails;
    const size_t near = part_far(f, n);
    ac_dithered_line other;
    if (near == n || 2 * fit_numbers(f, near, expected, &other) > near) return fails;
    f->tile.n = n;
    *found = other;
    return ac_undither_failing(&f->tile, other.scale, other.zero, n);
}

/* Scale and zero of a tile; those of another, to be filled in, where there are none that prove half of it. */
static void fit_tile(fitting *f, uint64_t index)
{
    const place p = place_of_tile(f, index);
    const size_t n = gather(f, &p, MOST_FITTED);
    ac_dithered_line found;
    ac_quantised_tile *out = &f->quantised->tiles[index];
    *out = (ac_quantised_tile){0, 0, 0};
    if (!n) return;
    const size_t fails = fit_most(f, n, index ? f->quantised->tiles[index - 1].scale : 0, &found);
    if (2 * fails <= n) out->scale = found.scale, out->zero = found.zero;
    f->failing += fails * (p.height * p.width) / n;
}

/* Whether some tiles all over the image are proven, by five of six pixels of each: lines also fit what was multiplied or added to afterwards. */
static int are_some_proven(fitting *f)
{
    int more = 0;
    for (uint64_t i = 0; i < TRIED_TILES && more > -CLEAR && more < CLEAR; i++) {
        const place p = place_of_tile(f, (2 * i + 1) * f->quantised->tile_count / (2 * TRIED_TILES));
        const size_t n = gather(f, &p, TRIED_PIXELS);
        ac_dithered_line found;
        if (n) more += 6 * fit_most(f, n, 0, &found) <= n ? 1 : -1;
    }
    return more >= 0;
}

/* Whether the noise that cfitsio found gives a scale next to a tile's, of some level, that proves as many of its pixels; it is taken then. */
static int take_noise(fitting *f, uint64_t index, float level)
{
    ac_quantised_tile *tile = &f->quantised->tiles[index];
    if (!(tile->scale > 0)) return 0;
    size_t n = 0, fails = 0;
    for (int order = 0; order < AC_NOISES; order++) {
        const double scale = ac_noise_scale(tile->scale, order, level);
        if (fabs(scale / tile->scale - 1) > 0x1p-29) continue;
        if (!n) {
            const place p = place_of_tile(f, index);
            n = f->tile.n = gather(f, &p, MOST_FITTED);
            fails = ac_undither_failing(&f->tile, tile->scale, tile->zero, n);
        }
        const double zero = ac_undither_zero(tile->scale, tile->zero, scale);
        if (ac_undither_failing(&f->tile, scale, zero, fails) > fails) continue;
        tile->scale = scale, tile->zero = zero;
        return 1;
    }
    return 0;
}

/* Scales that are a noise's take fewer bytes: with the level with which most of the first ones are. */
static void take_noises(fitting *f)
{
    ac_quantised *q = f->quantised;
    const uint64_t some = ac_smaller(q->tile_count, TRIED_NOISES);
    for (int i = 0; i < AC_NOISE_LEVELS; i++) {
        uint64_t count = 0;
        for (uint64_t j = 0; j < some && count + some - j > some / 2; j++) count += (uint64_t)take_noise(f, j, ac_noise_levels[i]);
        if (2 * count <= some) continue;
        for (uint64_t j = some; j < q->tile_count; j++) take_noise(f, j, ac_noise_levels[i]);
        return;
    }
}

/* Tiles without a scale have that of the one before; the first ones that of the one behind. */
static int fill_in(ac_quantised *q)
{
    uint64_t first = 0;
    while (first < q->tile_count && !(q->tiles[first].scale > 0)) first++;
    if (first == q->tile_count) return 0;
    for (uint64_t i = 0; i < q->tile_count; i++)
        if (!(q->tiles[i].scale > 0)) q->tiles[i] = q->tiles[i < first ? first : i - 1];
    return 1;
}

/* What the zeros and nulls of the array say. */
static void take_meant(const ac_dithered_image *image, uint64_t count, ac_quantised *q)
{
    uint64_t zeros = 0, null = UINT64_MAX;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t bits = 0;
        if (image->array->dtype == AC_F4) {
            uint32_t low;
            memcpy(&low, (const float *)image->data + i, sizeof low);
            bits = low;
            if (null == UINT64_MAX && (low & 0x7fffffff) > 0x7f800000) null = i;
        } else {
            memcpy(&bits, (const double *)image->data + i, sizeof bits);
            if (null == UINT64_MAX && (bits & INT64_MAX) > (uint64_t)0x7ff << 52) null = i;
        }
        zeros += !bits;
        if (null == i) q->null_bits = bits;
    }
    q->has_null = null != UINT64_MAX;
    q->null_step = AC_ZERO_STEP - 1;
    if (q->dither && zeros > 16 + count / 4096) q->dither = AC_DITHER_2;
}

static int fit_all(const ac_dithered_image *image, uint64_t count, ac_quantised *q, int *found)
{
    fitting f = {.image = image, .quantised = q};
    take_meant(image, count, q);
    f.tiling = ac_quantise_tiling(q, image->array);
    q->arithmetic = image->is_single ? AC_SINGLE : AC_WIDE_PRODUCT;
    q->tile_count = ac_tiling_count(&f.tiling);
    if (q->tile_count > AC_MAX_TILES) return AC_OK;
    const size_t room = (size_t)ac_smaller(MOST_FITTED + ac_smaller(f.tiling.planes.width, MOST_FITTED), ac_larger(count, 1));
    q->tiles = calloc((size_t)q->tile_count, sizeof *q->tiles);
    f.x = malloc(room * sizeof *f.x), f.r = malloc(room * sizeof *f.r);
    f.tile = (ac_dithered_tile){f.x, f.r, 0, image->array->dtype == AC_F8 && !image->is_single, 0, malloc(room * AC_DITHERED_ROOM), 0, 0};
    f.work = (int64_t)(WORK * count);
    const int status = q->tiles && f.x && f.r && f.tile.room ? AC_OK : AC_ERROR_MEMORY;
    *found = !status && are_some_proven(&f);
    for (uint64_t i = 0; *found && i < q->tile_count; i++) {
        fit_tile(&f, i);
        *found = 3 * f.failing <= count;
    }
    if (*found) take_noises(&f);
    *found = *found && fill_in(q);
    free(f.x);
    free(f.r);
    free(f.tile.room);
    return status;
}

/* The steps of all elements; none where too many are not proven. */
static int take_steps(const ac_array *array, const void *data, uint64_t count, ac_quantised *q, int32_t **steps)
{
    *steps = malloc((size_t)count * sizeof **steps);
    const int status = *steps ? ac_quantise_steps(q, array, data, *steps) : AC_ERROR_MEMORY;
    if (!status) return AC_OK;
    free(*steps);
    *steps = NULL;
    return status == AC_ERROR_SPACE ? AC_OK : status;
}

/* Whether a row has few values, all multiples of a step that are no integers; its scale. */
static int is_in_steps(const ac_dithered_image *image, uint64_t row, double *scale)
{
    double x[AC_MOST_SORTED];
    float r[AC_MOST_SORTED];
    ac_sorted sorted;
    ac_dithered_line line = {0};
    const size_t n = (size_t)ac_smaller(image->planes.width, AC_MOST_SORTED);
    size_t given = 0, whole = 0;
    ac_undither_load(image, row / image->planes.height, row % image->planes.height, 0, n, x);
    for (size_t i = 0; i < n; i++) given += !isnan(x[i]), whole += x[i] == rint(x[i]), r[i] = 0.5f;
    ac_undither_sort(x, n, 1, &sorted);
    if (sorted.count < FEWEST_STEPS || 2 * sorted.count > given || whole == given) return 0;
    if (!ac_undither_line(x, r, n, 0, &line) || 10 * line.within < 9 * given) return 0;
    *scale = line.scale;
    return 1;
}

/* Rows have scales of their own, which no power of two relates as those of floats of few bits. */
static int look_at_rows(const ac_dithered_image *image)
{
    const uint64_t rows = image->planes.count * image->planes.height;
    double scales[ROWS_IN_STEPS];
    for (int i = 0; i < ROWS_IN_STEPS; i++) {
        const double down = GOLDEN * (double)(i + 1);
        if (!is_in_steps(image, ac_smaller((uint64_t)((down - floor(down)) * (double)rows), rows - 1), &scales[i])) return 0;
        for (int j = 0; j < i; j++) {
            int exponent;
            const double part = frexp(scales[i] / scales[j], &exponent);
            if (fabs(part - 0.5) < 1e-6 || part > 1 - 1e-6) return 0;
        }
    }
    return 1;
}

int ac_unscale(const ac_array *array, const void *data, ac_quantised *q, int32_t **steps)
{
    uint64_t count;
    ac_dithered_image image = {.array = array, .data = data};
    int found = 0;
    memset(q, 0, sizeof *q);
    *steps = NULL;
    if ((array->dtype != AC_F4 && array->dtype != AC_F8) || ac_array_count(array, &count) || count < FEWEST_PIXELS) return AC_OK;
    image.planes = ac_planes_of(array);
    if (image.planes.width < NARROWEST || !look_at_rows(&image)) return AC_OK;
    image.is_single = are_single(&image, count);
    q->tile_height = 1;
    int status = fit_all(&image, count, q, &found);
    if (!status && found) status = take_steps(array, data, count, q, steps);
    if (!*steps) ac_quantise_free(q);
    return status;
}

int ac_undither(const ac_array *array, const void *data, ac_quantised *q, int32_t **steps)
{
    uint64_t count;
    ac_dithered_image image = {.array = array, .data = data};
    memset(q, 0, sizeof *q);
    *steps = NULL;
    if ((array->dtype != AC_F4 && array->dtype != AC_F8) || ac_array_count(array, &count) || count < FEWEST_PIXELS) return AC_OK;
    image.planes = ac_planes_of(array);
    if (image.planes.width < NARROWEST) return AC_OK;
    uint8_t turns[AC_TURNS];
    int found = 0, status = AC_OK;
    ac_sighting seen;
    ac_undither_turns(turns);
    image.turns = turns;
    image.is_single = are_single(&image, count);
    q->dither = AC_DITHER_1;
    if (look_around(&image, count, &seen) && ac_undither_layout(&image, &seen, q)) status = fit_all(&image, count, q, &found);
    if (!status && found) status = take_steps(array, data, count, q, steps);
    if (!*steps) ac_quantise_free(q);
    free(image.dither);
    return status;
}
