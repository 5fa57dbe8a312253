#include "planes.h"

#include "wavefront.h"

enum { TARGET = 512, AREA = TARGET * TARGET };

static uint64_t parts(uint64_t length, uint64_t side) { return (length + side - 1) / side; }

ac_planes ac_planes_of(const ac_array *array)
{
    ac_planes planes = {ac_is_complex(array->dtype) ? 2 : 1, 1, 1};
    for (int i = 0; i + 2 < array->ndim; i++) planes.count *= array->shape[i];
    if (array->ndim > 1) planes.height = array->shape[array->ndim - 2];
    if (array->ndim) planes.width = array->shape[array->ndim - 1];
    return planes;
}

int ac_sides_fit(const ac_planes *planes, ac_sides sides)
{
    const uint64_t p = sides.height, q = sides.width;
    if (!p || !q || p > AC_MAX_SIDE || q > AC_MAX_SIDE || p * q > AC_MAX_PIXELS || q > planes->width) return 0;
    return p <= planes->height || (q == planes->width && p % planes->height == 0 && p / planes->height <= planes->count);
}

/* Cuts `length` into nearly equal parts of about `wanted`. Where there are several, they are even. */
static uint64_t balanced_side(uint64_t length, uint64_t wanted)
{
    if (wanted > AC_MAX_SIDE) wanted = AC_MAX_SIDE;
    uint64_t count = length / wanted;
    const uint64_t rest = 2 * (length % wanted);
    if (rest > wanted || (rest == wanted && count & 1)) count++; /* to the nearest, of two the even one */
    if (!count) count = 1;
    if (parts(length, count) > AC_MAX_SIDE) count++;
    const uint64_t side = parts(length, count);
    return side + (count > 1 ? side & 1 : 0);
}

static ac_sides wanted_sides(const ac_planes *planes, const uint32_t *wanted)
{
    const uint64_t h = ac_smaller(wanted[0], AC_MAX_SIDE), w = ac_smaller(wanted[1], AC_MAX_SIDE), together = ac_smaller(h / planes->height, planes->count);
    if (w >= planes->width && together >= 2) return (ac_sides){together * planes->height, planes->width};
    return (ac_sides){ac_smaller(h, planes->height), ac_smaller(w, planes->width)};
}

/* Where span i ends. */
static uint64_t span_end(uint64_t length, const ac_axis_cuts *cuts, uint32_t i) { return i < cuts->count ? cuts->at[i] : length; }

/* The longest that suits a span. */
static uint64_t balanced_sides(uint64_t length, uint64_t wanted, const ac_axis_cuts *cuts)
{
    uint64_t side = 0;
    for (uint32_t i = 0; i <= cuts->count; i++)
        side = ac_larger(side, balanced_side(span_end(length, cuts, i) - (i ? cuts->at[i - 1] : 0), wanted));
    return side;
}

ac_sides ac_choose_sides(const ac_planes *planes, const uint32_t *wanted, const ac_cuts *cuts)
{
    if (wanted) return wanted_sides(planes, wanted);
    const uint64_t n = planes->count, h = planes->height, w = planes->width;
    if (n >= 2 && !(cuts->rows.count + cuts->columns.count) && h <= AREA && w <= AREA && 2 * h * w <= AREA && h <= AC_MAX_SIDE / 2 && w <= AC_MAX_SIDE) {
        const uint64_t most = ac_smaller(ac_smaller(AREA / (h * w), AC_MAX_SIDE / h), n);
        return (ac_sides){parts(n, parts(n, most)) * h, w};
    }
    return (ac_sides){balanced_sides(h, ac_larger(TARGET, AREA / w), &cuts->rows), balanced_sides(w, ac_larger(TARGET, AREA / h), &cuts->columns)};
}

static uint64_t strip_count(uint64_t length, uint64_t side, const ac_axis_cuts *cuts)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i <= cuts->count; i++) count += parts(span_end(length, cuts, i) - (i ? cuts->at[i - 1] : 0), side);
    return count;
}

/* Where a strip begins, and its size. */
static uint64_t strip_at(uint64_t length, uint64_t side, const ac_axis_cuts *cuts, uint64_t index, uint32_t *size)
{
    uint64_t start = 0, end = span_end(length, cuts, 0);
    for (uint32_t i = 0; index >= parts(end - start, side);) {
        index -= parts(end - start, side);
        start = end, end = span_end(length, cuts, ++i);
    }
    start += index * side;
    *size = (uint32_t)ac_smaller(side, end - start);
    return start;
}

uint64_t ac_piece_count(const ac_grid *g)
{
    if (g->sides.height > g->planes.height) return parts(g->planes.count, g->sides.height / g->planes.height);
    return g->planes.count * strip_count(g->planes.height, g->sides.height, &g->cuts.rows) * strip_count(g->planes.width, g->sides.width, &g->cuts.columns);
}

ac_place ac_piece_place(const ac_grid *g, uint64_t index)
{
    const ac_planes *planes = &g->planes;
    if (g->sides.height > planes->height) {
        const uint64_t together = g->sides.height / planes->height, first = index * together;
        return (ac_place){first, 0, 0, (uint32_t)(ac_smaller(together, planes->count - first) * planes->height), (uint32_t)planes->width};
    }
    const uint64_t across = strip_count(planes->width, g->sides.width, &g->cuts.columns);
    const uint64_t each = across * strip_count(planes->height, g->sides.height, &g->cuts.rows), within = index % each;
    ac_place place = {.plane = index / each};
    place.row = strip_at(planes->height, g->sides.height, &g->cuts.rows, within / across, &place.height);
    place.column = strip_at(planes->width, g->sides.width, &g->cuts.columns, within % across, &place.width);
    return place;
}
