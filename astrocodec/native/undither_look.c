#include "undither_parts.h"

enum { CANDIDATES = 4 };

void ac_undither_load(const ac_dithered_image *image, uint64_t plane, uint64_t row, uint64_t column, size_t n, double *x)
{
    const uint64_t first = (plane * image->planes.height + row) * image->planes.width + column;
    if (image->array->dtype == AC_F4)
        for (size_t i = 0; i < n; i++) x[i] = (double)((const float *)image->data)[first + i];
    else
        for (size_t i = 0; i < n; i++) x[i] = ((const double *)image->data)[first + i];
}

int ac_undither_look(const ac_dithered_image *image, ac_sighting *s)
{
    double x[AC_MOST_SORTED];
    ac_sorted sorted;
    uint16_t starts[CANDIDATES];
    ac_undither_load(image, s->plane, s->row, s->column, s->n, x);
    ac_undither_sort(x, s->n, 1, &sorted);
    const size_t count = ac_undither_starts(image->turns, &sorted, starts, CANDIDATES);
    for (size_t i = 0; i < count; i++) {
        if (starts[i] + s->n > AC_SEEDS) continue;
        s->at = starts[i];
        if (ac_undither_line(x, image->dither->number + s->at, s->n, 1, &s->line) && 10 * s->line.within >= 9 * sorted.count) return 1;
    }
    return 0;
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
