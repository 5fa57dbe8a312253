/* What encoder and decoder of differences share: predictors, classes of places. */
#ifndef AC_DIFFERENCES_PARTS_H
#define AC_DIFFERENCES_PARTS_H

#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "bytes.h"
#include "differences.h"
#include "wavefront.h"

enum {
    MAX_SYMBOLS = 4095, /* the escape comes on top */
    CLASSES = 8,
    STATES = 4,
    HEADER = 7,
    LOG_ONE = 512, /* costs are in 1/512 bit */
    SYMBOL_COST = 12 * LOG_ONE, /* to list one */
    PREDICTORS = 4,
    PREDICT_NONE = 0,
    PREDICT_W = 1,
    PREDICT_N = 2,
    PREDICT_GRADIENT = 3
};

/* Neighbours. Outside the piece they repeat what is known, so that every predictor has something. */

typedef struct {
    uint32_t w, n, nw;
} neighbours;

static inline neighbours neighbours_at(const uint16_t *at, size_t stride, uint32_t y, uint32_t x)
{
    neighbours a = {0, 0, 0};
    if (x && y) a = (neighbours){at[-1], *(at - stride), *(at - stride - 1)};
    if (x && !y) a.w = a.n = a.nw = at[-1];
    if (!x && y) a.w = a.n = a.nw = *(at - stride);
    return a;
}

static inline uint16_t predict(neighbours a, int predictor)
{
    if (predictor == PREDICT_NONE) return 0;
    return (uint16_t)(predictor == PREDICT_W ? a.w : predictor == PREDICT_N ? a.n : a.w + a.n - a.nw);
}

/* Bits 0 and 1: parity of x and y (block transforms); bit 2: a flat neighbourhood, up to rounding. */
static inline uint32_t place_of(neighbours a, uint32_t y, uint32_t x)
{
    const uint32_t flat = ((uint16_t)(a.w - a.nw + 1) < 3) | ((uint16_t)(a.n - a.nw + 1) < 3);
    return (x & 1) | (y & 1) << 1 | flat << 2;
}

/* Classes are what remains of a place: nothing, flatness, parity or both. */
static inline uint32_t class_of(uint32_t place, uint32_t log_classes)
{
    static const uint32_t shift[4] = {3, 2, 0, 0}, mask[4] = {0, 1, 3, 7};
    return place >> shift[log_classes] & mask[log_classes];
}

#endif
