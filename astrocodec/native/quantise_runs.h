/* Runs: elements beside each other of one row and one tile, as stage Quantise works on them. */
#ifndef AC_QUANTISE_RUNS_H
#define AC_QUANTISE_RUNS_H

#include "quantise.h"

enum { AC_RUN = 512 }; /* elements at most */

typedef struct {
    const ac_quantised *quantised;
    int dtype;
    const ac_quantised_tile *tile;
    const float *random; /* NULL without dither of FITS */
    uint64_t column;     /* of the array's planes */
    uint64_t first;
    size_t count;
} ac_run;

typedef union {
    uint8_t u1[AC_RUN];
    int8_t i1[AC_RUN];
    uint16_t u2[AC_RUN];
    int16_t i2[AC_RUN];
    uint32_t u4[AC_RUN];
    int32_t i4[AC_RUN];
    float f4[AC_RUN];
    double f8[AC_RUN];
    uint8_t bytes[AC_RUN * sizeof(double)];
} ac_run_elements;

/* Visits all elements in the array's order, until a visit has another status than AC_OK. */
typedef int (*ac_run_visitor)(void *work, const ac_run *run);
int ac_quantise_visit(const ac_quantised *quantised, const ac_array *array, ac_run_visitor visit, void *work);

/* Elements of the steps of a run; `state` is that of the trellis behind the run before. */
void ac_run_restore(const ac_run *run, const int32_t *steps, uint32_t *state, ac_run_elements *out);
/* Of a trellis: products of the steps and what is added, not rounded yet. */
void ac_run_trellis(const ac_run *run, const int32_t *steps, uint32_t *state, double *out);
/* The step nearest to an element, or any. */
int32_t ac_run_step(const ac_run *run, double place, size_t i);
/* Nearest steps of a run of the array's elements, which need not be made of any; arithmetic is 0, and there is no trellis. What is not finite has the step before, `last`. */
void ac_run_nearest(const ac_run *run, const void *data, int32_t *last, int32_t *steps);

#endif
