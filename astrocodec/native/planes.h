/* Planes: an array's last two axes; and the pieces that they are cut into. docs/format.md section "Planes". */
#ifndef AC_PLANES_H
#define AC_PLANES_H

#include "array.h"

/* Rows and columns of a plane. Numbers of a complex array are the real parts of all planes, then the imaginary ones. */
typedef struct {
    uint64_t count, height, width;
} ac_planes;
/* The array has elements. */
ac_planes ac_planes_of(const ac_array *array);

/* Sides of a piece; more rows than a plane has: whole planes, one below the other. */
typedef struct {
    uint64_t height, width;
} ac_sides;
/* Whether pieces of these sides cut the planes. */
int ac_sides_fit(const ac_planes *planes, ac_sides sides);
/* Where every span of an axis but the first begins. */
enum { AC_MAX_CUTS = 255 };
typedef struct {
    uint32_t count;
    uint64_t at[AC_MAX_CUTS];
} ac_axis_cuts;
typedef struct {
    ac_axis_cuts rows, columns;
} ac_cuts;

/* docs/encoder.md section "Pieces". wanted: height and width, or NULL. */
ac_sides ac_choose_sides(const ac_planes *planes, const uint32_t *wanted, const ac_cuts *cuts);

/* How planes fall into pieces. */
typedef struct {
    ac_planes planes;
    ac_sides sides;
    ac_cuts cuts;
} ac_grid;
uint64_t ac_piece_count(const ac_grid *grid);

/* Where a piece lies: plane, row and column of its first number, how many rows it has, those of several planes together, and columns. */
typedef struct {
    uint64_t plane, row, column;
    uint32_t height, width;
} ac_place;
ac_place ac_piece_place(const ac_grid *grid, uint64_t index);
/* Its first number, counted in the order of the planes. Its rows are a plane's width apart. */
static inline uint64_t ac_place_first(const ac_planes *planes, const ac_place *place)
{
    return (place->plane * planes->height + place->row) * planes->width + place->column;
}

#endif
