/* Predict: causal context of a pixel, which the kernels make location, scale and shape of its distribution from. Integers only.
 * docs/format.md section "Predict". */
#ifndef AC_PREDICT_H
#define AC_PREDICT_H

#include "distribution.h"
#include "log512.h"
#include "model.h"

enum { AC_LAG = 4, AC_PAD = 3 }; /* a row starts AC_LAG columns after the one above; pad columns on either side */

/* What a row carries along and hands to the row below: running means in 1/256, column offset in 1/16. */
typedef struct {
    int32_t level;      /* H: clipped running mean of the row */
    int32_t area;       /* G: running mean of H down the rows */
    int32_t step;       /* D: running mean of |horizontal difference| */
    int32_t area_step;  /* E: running mean of D down the rows */
} ac_running;

/* What a modelled piece's header says: virtual rows above are row -+ amplitude; signal counts from the floor. */
enum { AC_MAX_AMPLITUDE = 32767 };
typedef struct {
    uint16_t row, amplitude, floor;
} ac_start;

static inline uint16_t ac_average(uint16_t a, uint16_t b) { return (uint16_t)(((uint32_t)a + b + 1) >> 1); }
static inline int32_t ac_clamp(int32_t v, int32_t low, int32_t high) { return v < low ? low : v > high ? high : v; }

void ac_context_of(const uint16_t *neighbours, const ac_running *left, const ac_running *up, int32_t column, uint16_t floor, uint32_t x, uint32_t y,
                   ac_context *out);
/* Takes the pixel into the running means. `column` is C of this column above, its new value is returned. */
int32_t ac_update(uint16_t value, uint16_t left_value, uint16_t sum, const ac_running *up, ac_running *own, int32_t column);

#endif
