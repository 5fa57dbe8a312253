/* Lattices of floats, from afar: whether the floats of an array stand about evenly, and the line through them. docs/encoder.md section "Lattices". */
#ifndef AC_LATTICE_LOOK_H
#define AC_LATTICE_LOOK_H

#include <stdint.h>

/* Floats of an array, in memory as 4 or 8 bytes. */
typedef struct {
    const void *data;
    uint64_t count;
    int is_double; /* in memory */
    int is_single; /* their values are those of float32 */
} ac_floats;

static inline double ac_float_at(const ac_floats *f, uint64_t i) { return f->is_double ? ((const double *)f->data)[i] : (double)((const float *)f->data)[i]; }
/* Distance of the floats around v, which is not zero. */
double ac_ulp(double v, int is_single);

/* Values about at middle + step * index, as a sample shows them. */
enum { AC_LATTICE_POINTS = 4096 };
typedef struct {
    double step, middle;
    uint32_t count, sampled; /* those of the sample come first */
    double values[AC_LATTICE_POINTS];
    int64_t index[AC_LATTICE_POINTS];
} ac_line;

/* 1 where a sample of the floats is on a line whose step is wider than floats are apart. `is_single` is found out. */
int ac_lattice_look(ac_floats *floats, ac_line *line);

#endif
