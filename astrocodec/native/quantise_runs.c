#include "quantise_runs.h"

#include <stdlib.h>

/* The elements of a row of a tile, from column `x` of the whole on. */
static int visit_row(ac_run *r, const ac_tiling *t, const ac_dither *d, uint32_t seed, uint64_t y, uint64_t x, uint64_t count, ac_run_visitor visit, void *work)
{
    ac_random_place place = {0, 0};
    if (d) {
        const uint64_t left = x / t->tile_width * t->tile_width, width = ac_smaller(t->tile_width, t->whole_width - left), all = d->before[AC_SEEDS];
        place = ac_dither_place(d, seed, (y % t->tile_height % all) * (width % all) + (x - left));
    }
    while (count) {
        if (place.at == AC_SEEDS) {
            place.seed = (place.seed + 1) % AC_SEEDS;
            place.at = d->starts[place.seed];
        }
        r->count = (size_t)ac_smaller(count, AC_RUN);
        if (d) {
            r->count = (size_t)ac_smaller(r->count, AC_SEEDS - place.at);
            r->random = d->number + place.at;
            place.at += (uint32_t)r->count;
        }
        const int status = visit(work, r);
        if (status) return status;
        r->first += r->count, r->column += r->count, count -= r->count;
    }
    return AC_OK;
}

int ac_quantise_visit(const ac_quantised *q, const ac_array *array, ac_run_visitor visit, void *work)
{
    const ac_tiling t = ac_quantise_tiling(q, array);
    const int has_randoms = q->dither == AC_DITHER_1 || q->dither == AC_DITHER_2;
    ac_dither *d = has_randoms ? ac_dither_create() : NULL;
    int status = has_randoms && !d ? AC_ERROR_MEMORY : AC_OK;
    ac_run r = {.quantised = q, .dtype = array->dtype};
    for (uint64_t plane = 0; plane < t.planes.count; plane++)
        for (uint64_t y = q->row; y < q->row + t.planes.height && !status; y++) {
            const uint64_t down = y / t.tile_height - q->row / t.tile_height;
            const uint64_t all = plane % AC_SEEDS * (t.all_down % AC_SEEDS) + down % AC_SEEDS; /* rows of tiles before, for the seed */
            uint64_t x = q->column;
            r.column = 0;
            for (uint64_t i = 0; i < t.across && !status; i++) {
                const uint64_t end = ac_smaller((x / t.tile_width + 1) * t.tile_width, q->column + t.planes.width);
                const uint32_t seed = (uint32_t)((q->seed + all % AC_SEEDS * (t.all_across % AC_SEEDS) + i) % AC_SEEDS);
                r.tile = q->tiles + (plane * t.down + down) * t.across + i;
                status = visit_row(&r, &t, d, seed, y, x, end - x, visit, work);
                x = end;
            }
        }
    free(d);
    return status;
}
