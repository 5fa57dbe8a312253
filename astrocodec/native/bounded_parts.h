/* What the files that find steps within a bound share. docs/encoder.md section "Bounds". */
#ifndef AC_BOUNDED_PARTS_H
#define AC_BOUNDED_PARTS_H

#include "loss.h"
#include "quantise.h"

/* What steps are found for. */
typedef struct {
    const ac_bound *bound;
    const ac_array *array;
    const void *data;
    uint64_t count;
    int is_whole;       /* elements are integers */
    ac_quantised *q;
    ac_tiling t;
    double *noise;      /* of each tile, in steps' unit where a curve is */
    double level, level_noise, least_noise, resolution; /* `level_noise`: that of the level, with a gain */
    double unit, origin; /* elements are multiples of it away from there; 0: they are not */
    int is_exact;        /* these multiples are numbers of the type */
    double shift;        /* of the mean by the steps last tried, in noises */
    int is_shifted;      /* by more than chance */
    int must_dither;
    double part;         /* of what is allowed */
    int is_protected;    /* tiles of sources have finer steps */
    uint8_t *has_source;
} ac_bounding;

/* Elements of one row and one tile beside each other. */
enum { AC_SEGMENT = 512 };
typedef struct {
    uint64_t first, tile, left, row; /* `left`: of the row behind it */
    size_t count;
} ac_segment;
/* The next one; the first of an array behind a zeroed one. 0 where there is none. */
static inline int ac_next_segment(const ac_bounding *w, ac_segment *s)
{
    const ac_tiling *t = &w->t;
    const uint64_t at = s->first + s->count;
    if (at >= w->count) return 0;
    if (!s->left) s->row = at / t->planes.width, s->left = t->planes.width;
    const uint64_t x = t->planes.width - s->left, across = x / t->tile_width, end = ac_smaller((across + 1) * t->tile_width, t->planes.width);
    const uint64_t plane = s->row / t->planes.height, y = s->row % t->planes.height;
    s->first = at, s->count = (size_t)ac_smaller(end - x, AC_SEGMENT), s->left -= s->count;
    s->tile = (plane * t->down + y / t->tile_height) * t->across + across;
    return 1;
}

/* Whether an element may differ from what it is. */
int ac_is_bounded(const ac_bounding *w, uint64_t i, double v);

/* Level and resolution, then tiles, their noise and sources. */
void ac_bounding_level(ac_bounding *w);
int ac_bounding_noise(ac_bounding *w);
/* Whether elements are multiples of a unit. */
void ac_bounding_unit(ac_bounding *w);

/* What an element may differ by in units of a straight lattice; 0: it may not. */
double ac_allowance(const ac_bounding *w, double noise);
/* Takes the nearest steps, where those of a trellis are not given, and elements of them, compares these with what they were, and keeps those that differ by more
 * than they may. AC_ERROR_SPACE where these are too many. */
int ac_bounding_check(ac_bounding *w, int32_t *steps, void *again, ac_loss *loss);

#endif
