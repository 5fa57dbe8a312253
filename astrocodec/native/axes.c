#include "axes.h"

#include <string.h>

enum { BLOCK = 32 };

int ac_axes_read(ac_reader *r, int ndim, ac_axes *axes)
{
    uint32_t seen = 0;
    const uint8_t *of = ac_take(r, (uint64_t)ndim);
    for (int i = 0; of && i < ndim; i++) {
        if (of[i] >= ndim || seen >> of[i] & 1) ac_fail_reader(r, AC_REASON_AXES_ORDER, (uint64_t)i, of[i], (uint64_t)ndim);
        if (r->why.status) return r->why.status;
        seen |= (uint32_t)1 << of[i];
        axes->of[i] = of[i];
    }
    if (r->at != r->length) ac_fail_reader(r, AC_REASON_PARAMETERS_LONG, r->at, r->length, r->at);
    return r->why.status;
}

ac_array ac_axes_turned(const ac_array *array, const ac_axes *axes)
{
    ac_array turned = *array;
    for (int i = 0; i < array->ndim; i++) turned.shape[i] = array->shape[axes->of[i]];
    return turned;
}

/* An axis: so many elements, so many bytes apart on both sides. */
typedef struct {
    uint64_t length, from, to;
} walk;

static inline __attribute__((always_inline)) void copy_items(size_t item, const walk *down, const walk *across, const uint8_t *from, uint8_t *to)
{
    for (uint64_t top = 0; top < down->length; top += BLOCK)
        for (uint64_t left = 0; left < across->length; left += BLOCK)
            for (uint64_t y = top; y < ac_smaller(top + BLOCK, down->length); y++)
                for (uint64_t x = left; x < ac_smaller(left + BLOCK, across->length); x++)
                    memcpy(to + y * down->to + x * across->to, from + y * down->from + x * across->from, item);
}

typedef struct {
    size_t item;
    walk down, across; /* that of the nearest elements where they come from, and where they go to */
} sheet;

static void copy_sheet(const sheet *s, const uint8_t *from, uint8_t *to)
{
    if (s->across.from == s->item && s->across.to == s->item) {
        for (uint64_t y = 0; y < s->down.length; y++) memcpy(to + y * s->down.to, from + y * s->down.from, (size_t)s->across.length * s->item);
        return;
    }
    switch (s->item) {
    case 1: copy_items(1, &s->down, &s->across, from, to); break;
    case 2: copy_items(2, &s->down, &s->across, from, to); break;
    case 4: copy_items(4, &s->down, &s->across, from, to); break;
    case 8: copy_items(8, &s->down, &s->across, from, to); break;
    default: copy_items(16, &s->down, &s->across, from, to);
    }
}

static void copy_each(const walk *axes, int count, const sheet *s, const uint8_t *from, uint8_t *to)
{
    if (!count) {
        copy_sheet(s, from, to);
        return;
    }
    for (uint64_t i = 0; i < axes->length; i++) copy_each(axes + 1, count - 1, s, from + i * axes->from, to + i * axes->to);
}

/* Copies along axes of more than one element, of which there is at least one. */
static void copy(walk *axes, int count, size_t item, const uint8_t *from, uint8_t *to)
{
    sheet s = {item, {1, 0, 0}, axes[0]};
    for (int i = 1; i < count; i++)
        if (axes[i].to < s.across.to) s.across = axes[i];
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (axes[i].to != s.across.to) axes[kept++] = axes[i];
    int nearest = 0;
    for (int i = 1; i < kept; i++)
        if (axes[i].from < axes[nearest].from) nearest = i;
    if (kept) {
        s.down = axes[nearest];
        memmove(axes + nearest, axes + nearest + 1, (size_t)(kept - nearest - 1) * sizeof *axes);
        kept--;
    }
    copy_each(axes, kept, &s, from, to);
}

static void run(const ac_array *array, const ac_axes *order, const uint64_t *start, const ac_array *turned, const uint8_t *from, uint8_t *to, int back)
{
    const size_t item = ac_item_bytes(array->dtype);
    uint64_t own[AC_MAX_DIMENSIONS], step = item, first = 0;
    walk axes[AC_MAX_DIMENSIONS] = {{1, item, item}};
    int count = 0;
    for (int i = array->ndim - 1; i >= 0; i--) {
        own[i] = step;
        if (start) first += start[i] * step;
        step *= array->shape[i];
    }
    step = item;
    for (int i = array->ndim - 1; i >= 0; i--) {
        const uint64_t length = turned->shape[i], there = own[order->of[i]];
        if (length > 1) axes[count++] = back ? (walk){length, step, there} : (walk){length, there, step};
        step *= length;
    }
    copy(axes, count ? count : 1, item, from + first, to);
}

void ac_axes_turn(const ac_array *array, const ac_axes *axes, const uint64_t *start, const ac_array *turned, const void *from, void *to)
{
    run(array, axes, start, turned, from, to, 0);
}

void ac_axes_turn_back(const ac_array *array, const ac_axes *axes, const void *turned, void *to)
{
    const ac_array shape = ac_axes_turned(array, axes);
    run(array, axes, NULL, &shape, turned, to, 1);
}
