#include "undither_parts.h"

enum { CANDIDATES = 4 };

/* Zeros are left out like NaN: with dither 2 they stand for themselves. */
void ac_undither_load(const ac_dithered_image *image, uint64_t plane, uint64_t row, uint64_t column, size_t n, double *x)
{
    const uint64_t first = (plane * image->planes.height + row) * image->planes.width + column;
    for (size_t i = 0; i < n; i++) {
        const double v = image->array->dtype == AC_F4 ? (double)((const float *)image->data)[first + i] : ((const double *)image->data)[first + i];
        x[i] = v != 0 && fabs(v) < 1e300 ? v : NAN;
    }
}

/* Their numbers, in the order of the random numbers, and where these may begin. */
static size_t candidates(const ac_dithered_image *image, const ac_sighting *s, double *x, size_t *n, ac_sorted *sorted, uint16_t *starts)
{
    *n = s->n;
    ac_undither_load(image, s->plane, s->row, s->column, s->n, x);
    for (uint32_t i = 1; i < s->rows; i++) {
        while (*n < i * s->width) x[(*n)++] = NAN;
        ac_undither_load(image, s->plane, s->row + i, s->column, s->n, x + *n);
        *n += s->n;
    }
    ac_undither_sort(x, *n, 1, sorted);
    return ac_undither_starts(image->turns, sorted, starts, CANDIDATES);
}

int ac_undither_may(const ac_dithered_image *image, const ac_sighting *s)
{
    double x[AC_MOST_SORTED];
    ac_sorted sorted;
    uint16_t starts[CANDIDATES];
    size_t n;
    return candidates(image, s, x, &n, &sorted, starts) > 0;
}

int ac_undither_look(const ac_dithered_image *image, ac_sighting *s)
{
    double x[AC_MOST_SORTED];
    ac_sorted sorted;
    uint16_t starts[CANDIDATES];
    size_t n;
    const size_t count = candidates(image, s, x, &n, &sorted, starts);
    /* Other places have numbers that are multiples of these modulo 1, and would do with a fraction of the scale. */
    s->line.scale = 0;
    for (size_t i = 0; i < count; i++) {
        ac_dithered_line line = {0};
        if (starts[i] + n > AC_SEEDS || !ac_undither_line(x, image->dither->number + starts[i], n, 1, &line)) continue;
        if (4 * line.within >= 3 * sorted.count && line.scale > s->line.scale) s->at = starts[i], s->line = line;
    }
    return s->line.scale > 0;
}

void ac_undither_random(const ac_dither *dither, const ac_quantised *q, const ac_tiling *t, uint64_t plane, uint64_t row, uint64_t column, size_t n, float *r)
{
    const uint64_t y = q->row + row, x = q->column + column, left = x / t->tile_width * t->tile_width;
    const uint64_t width = ac_smaller(t->tile_width, t->whole_width - left);
    const uint64_t down = plane * t->all_down + y / t->tile_height - q->row / t->tile_height, across = x / t->tile_width - q->column / t->tile_width;
    const uint32_t seed = (uint32_t)((q->seed + down % AC_SEEDS * (t->all_across % AC_SEEDS) + across) % AC_SEEDS);
    ac_random_place place = ac_dither_place(dither, seed, y % t->tile_height * width + x - left);
    for (size_t i = 0; i < n; i++, place.at++) {
        if (place.at == AC_SEEDS) place.seed = (place.seed + 1) % AC_SEEDS, place.at = dither->starts[place.seed];
        r[i] = dither->number[place.at];
    }
}
