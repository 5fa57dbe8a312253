#include "axes_choice.h"

#include <stdlib.h>
#include <string.h>

#include "bits_about.h"
#include "pixel_choice.h"
#include "plane_choice.h"
#include "split.h"

enum { LEAST = 4096, FEW = 1 << 13, MANY = 1 << 15, BOXES = 2, ENOUGH = 16, MOST_LONG = 4, ORDERS = 12, TRIED = 3, NEAR = 3, NO_COST = 1 << 30 };

/* A part of the array, which is looked at. */
typedef struct {
    ac_array shape;
    uint64_t start[AC_MAX_DIMENSIONS];
    void *elements;
    uint16_t *samples; /* of complex numbers the real parts, then the imaginary ones */
} box;

typedef struct {
    box boxes[BOXES];
    int count;
    uint16_t *turned, *steps; /* room for the samples of a box */
} look;

static ac_axes as_it_is(void)
{
    ac_axes axes;
    for (int i = 0; i < AC_MAX_DIMENSIONS; i++) axes.of[i] = (uint8_t)i;
    return axes;
}

/* Lengths of a box: the longest axis is halved until it is small enough. */
static ac_array box_shape(const ac_array *array, uint64_t most)
{
    ac_array b = *array;
    uint64_t count;
    while (!ac_array_count(&b, &count) && count > most) {
        int longest = 0;
        for (int i = 1; i < b.ndim; i++)
            if (b.shape[i] > b.shape[longest]) longest = i;
        b.shape[longest] = (b.shape[longest] + 1) / 2;
    }
    return b;
}

static int take_samples(box *b)
{
    ac_sheet sheet;
    int status = ac_sheet_init(&sheet, &b->shape, b->elements);
    if (!status) {
        ac_least_low_bits(&sheet);
        b->samples = malloc((size_t)sheet.count * sizeof *b->samples);
        if (b->samples)
            ac_sheet_samples(&sheet, 0, (size_t)sheet.count, b->samples);
        else
            status = AC_ERROR_MEMORY;
    }
    ac_sheet_free(&sheet);
    return status;
}

/* Boxes of at most so many elements. */
static int take_boxes(look *l, const ac_array *array, const void *data, uint64_t most)
{
    const ac_array shape = box_shape(array, most);
    const ac_axes same = as_it_is();
    const size_t size = ac_array_size(&shape);
    uint64_t count;
    if (ac_array_count(array, &count)) return AC_ERROR_ARGUMENT;
    l->count = count < ENOUGH * most ? 1 : BOXES;
    l->turned = malloc(size + 2 * (size_t)most * sizeof *l->turned);
    l->steps = malloc(2 * (size_t)most * sizeof *l->steps);
    int status = l->turned && l->steps ? AC_OK : AC_ERROR_MEMORY;
    for (int j = 0; j < l->count && !status; j++) {
        box *b = &l->boxes[j];
        b->shape = shape;
        for (int i = 0; i < shape.ndim; i++) b->start[i] = (uint64_t)(2 * j + 1) * (array->shape[i] - shape.shape[i]) / (uint64_t)(2 * l->count);
        b->elements = malloc(size);
        if (!b->elements) return AC_ERROR_MEMORY;
        ac_axes_turn(array, &same, b->start, &shape, data, b->elements);
    }
    return status;
}

static void free_boxes(look *l)
{
    for (int j = 0; j < BOXES; j++) free(l->boxes[j].elements), free(l->boxes[j].samples);
    free(l->turned);
    free(l->steps);
}

/* The orders that are tried; returns how many. Axes of one element stand first. */
static int orders_of(const ac_array *array, ac_axes *orders)
{
    uint8_t one[AC_MAX_DIMENSIONS], many[AC_MAX_DIMENSIONS];
    int ones = 0, count = 0, found = 0;
    for (int i = 0; i < array->ndim; i++)
        if (array->shape[i] > 1)
            many[count++] = (uint8_t)i;
        else
            one[ones++] = (uint8_t)i;
    if (count < 2 || count > MOST_LONG) return 0;
    for (int y = 0; y < count; y++)
        for (int x = y + 1; x < count; x++)
            for (int swapped = 0; swapped < (count == MOST_LONG ? 2 : 1); swapped++) {
                uint8_t *of = orders[found++].of;
                memcpy(of, one, (size_t)ones);
                of += ones;
                for (int i = 0; i < count; i++)
                    if (i != y && i != x) *of++ = many[i];
                of[0] = many[y], of[1] = many[x];
                if (swapped) of[-2] ^= of[-1], of[-1] ^= of[-2], of[-2] ^= of[-1];
            }
    return found;
}

/* Planes behind each other, of which `length` are a chain. */
typedef struct {
    uint64_t planes, length, height, width;
} stack;

static stack stack_of(const ac_array *array, uint64_t parts)
{
    uint64_t count;
    stack s = {.height = array->shape[array->ndim - 2], .width = array->shape[array->ndim - 1]};
    if (ac_array_count(array, &count)) return s;
    s.planes = parts * count / (s.height * s.width);
    const uint64_t third = array->ndim > 3 ? array->shape[array->ndim - 3] : 0;
    s.length = third >= 2 ? third : s.planes;
    return s;
}

typedef struct {
    uint64_t bits, values; /* bits: 512 of them are one */
} cost;

static void add_plane(const stack *s, const uint16_t *plane, cost *c)
{
    for (uint64_t y = 1; y < s->height; y++) c->bits += ac_row_bits(plane + y * s->width, plane + (y - 1) * s->width, (size_t)s->width);
    c->values += (s->height - 1) * (s->width - 1);
}

/* Costs of the planes, and of what the one before leaves of each. */
static void add_planes(const stack *s, const uint16_t *samples, uint16_t *steps, cost *alone, cost *left)
{
    const size_t size = (size_t)(s->height * s->width);
    for (uint64_t t = 0; t < s->planes; t++, samples += size) {
        add_plane(s, samples, alone);
        if (!left || t % s->length == 0) continue;
        for (size_t i = 0; i < size; i++) steps[i] = (uint16_t)(samples[i] - samples[i - size] + 32768);
        add_plane(s, steps, left);
    }
}

static uint64_t per_value(const cost *c) { return c->values ? c->bits * 256 / c->values : NO_COST; }

/* What an order costs, by the differences between samples. */
static uint64_t cost_of(const look *l, const ac_axes *axes)
{
    cost alone = {0}, left = {0};
    for (int j = 0; j < l->count; j++) {
        const box *b = &l->boxes[j];
        ac_array shape = b->shape;
        const int is_complex = ac_is_complex(shape.dtype);
        shape.dtype = AC_U2;
        const ac_array turned = ac_axes_turned(&shape, axes);
        uint64_t count;
        if (ac_array_count(&shape, &count)) return NO_COST;
        for (int part = 0; part <= is_complex; part++) ac_axes_turn(&shape, axes, NULL, &turned, b->samples + part * count, l->turned + part * count);
        const stack s = stack_of(&turned, 1 + (uint64_t)is_complex);
        add_planes(&s, l->turned, l->steps, &alone, is_complex ? NULL : &left);
    }
    return ac_smaller(per_value(&alone), per_value(&left));
}

/* Bytes of the boxes in an order. */
static int size_of(const look *l, const ac_axes *axes, ac_size_of size, void *work, uint64_t *bytes)
{
    int status = AC_OK;
    *bytes = 0;
    for (int j = 0; j < l->count && !status; j++) {
        const ac_array turned = ac_axes_turned(&l->boxes[j].shape, axes);
        ac_axes_turn(&l->boxes[j].shape, axes, NULL, &turned, l->boxes[j].elements, l->turned);
        status = size(work, &turned, l->turned, bytes);
    }
    return status;
}

/* Those that are cheaper than the array's by half a percent and not far from the cheapest, which is the first; returns how many, at most TRIED. */
static int cheaper_orders(const look *l, const ac_axes *orders, int count, ac_axes *found)
{
    const ac_axes same = as_it_is();
    const uint64_t given = cost_of(l, &same);
    uint64_t costs[TRIED + 1];
    int kept = 0;
    for (int i = 0; i < count; i++) {
        const uint64_t cost = memcmp(orders[i].of, same.of, (size_t)l->boxes[0].shape.ndim) ? cost_of(l, &orders[i]) : given;
        if (200 * cost >= 199 * given) continue;
        int at = kept;
        for (; at && cost < costs[at - 1]; at--) costs[at] = costs[at - 1], found[at] = found[at - 1];
        costs[at] = cost, found[at] = orders[i];
        kept += kept < TRIED;
    }
    while (kept && 32 * costs[kept - 1] > 33 * costs[0]) kept--;
    return kept;
}

/* The order in which the boxes take the fewest bytes; `turned` is set where that is less than 99 % of those as they are. */
static int try_orders(const look *l, const ac_axes *orders, int count, ac_size_of size, void *work, ac_axes *best, int *turned)
{
    const ac_axes same = as_it_is();
    uint64_t given = 0, least = UINT64_MAX;
    int status = size_of(l, &same, size, work, &given);
    for (int i = 0; i < count && !status; i++) {
        uint64_t bytes;
        status = size_of(l, &orders[i], size, work, &bytes);
        if (bytes < least) least = bytes, *best = orders[i];
    }
    *turned = !status && 100 * least < 99 * given;
    return status;
}

/* Whether whole planes in an order have sets or lattices of their own: neighbours in the middle are looked at. */
static int are_sparser(const ac_array *array, const void *data, const ac_axes *axes, int *sparser)
{
    ac_array near = ac_axes_turned(array, axes);
    uint64_t start[AC_MAX_DIMENSIONS] = {0};
    for (int i = 0; i < array->ndim - 2; i++) {
        const uint64_t length = near.shape[i];
        near.shape[i] = ac_smaller(length, NEAR);
        start[axes->of[i]] = (length - near.shape[i]) / 2;
    }
    void *elements = malloc(ac_array_size(&near));
    if (!elements) return AC_ERROR_MEMORY;
    ac_axes_turn(array, axes, start, &near, data, elements);
    const int status = ac_planes_are_sparser(&near, elements, sparser);
    free(elements);
    return status;
}

/* Whether that is so in the array's own order alone, so that boxes, which cut planes, do not tell what these take. */
static int are_sparser_as_they_are(const ac_array *array, const void *data, const ac_axes *turned, int *sparser)
{
    const ac_axes same = as_it_is();
    int other = 0, status = are_sparser(array, data, &same, sparser);
    if (!status && *sparser) status = are_sparser(array, data, turned, &other);
    *sparser &= !other;
    return status;
}

int ac_axes_choose(const ac_array *array, const void *data, ac_size_of size, void *work, ac_axes *axes, int *turned)
{
    ac_axes orders[ORDERS], tried[TRIED + 1];
    uint64_t count;
    const int known = orders_of(array, orders);
    *turned = 0;
    if (!known || ac_array_count(array, &count) || count < LEAST) return AC_OK;
    if (known == 1 && array->shape[array->ndim - 1] > 1 && array->shape[array->ndim - 2] > 1) return AC_OK; /* an image */
    look few = {.count = 0}, many = {.count = 0};
    int cheaper = 0, sparser = 0, status = take_boxes(&few, array, data, FEW);
    for (int j = 0; j < few.count && !status; j++) status = take_samples(&few.boxes[j]);
    if (!status) cheaper = cheaper_orders(&few, orders, known, tried);
    if (!status && cheaper) status = take_boxes(&many, array, data, MANY);
    if (!status && cheaper) status = try_orders(&many, tried, cheaper, size, work, axes, turned);
    if (!status && *turned) status = are_sparser_as_they_are(array, data, axes, &sparser);
    *turned &= !sparser;
    free_boxes(&few);
    free_boxes(&many);
    return status;
}
