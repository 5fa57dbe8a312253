/* Rows of the Viterbi algorithm beside each other, each in a lane of its own: they do not depend on each other. */
#ifndef AC_VITERBI_ROWS_H
#define AC_VITERBI_ROWS_H

#include "quantise.h"
#include "viterbi.h"
#include "wide_vectors.h"

enum { STATES = 8, FEW_LANES = 4 * AC_WIDE_DOUBLES, MOST_LANES = 32 /* of AVX-512 */ };
/* How far an element is from an even step, in its pair of steps: -ONE to ONE. Squared distances, up to SQUARE, grow by no more than FAR a column, and any state is three columns
 * behind any other: costs, in units of that of state 0, are below 2^15. */
enum { ONE = 1 << 14, SQUARE = 1 << 12, FAR = SQUARE + SQUARE / 8, UNREACHED = 3 * FAR + 1, IS_NULL = INT16_MIN, OFF_PATH = SQUARE / 20 /* what a null costs where p = 1: a trellis that got to state 0 stays there */ };
enum { PER_UNIT = 64, FEW_UNITS = 2 }; /* parts of an integer in which steps are told; integers in a step, below which their rounding may be all the error there is */
#define REACH (AC_TRELLIS_REACH - 1e-6)
#define WHOLE_FLOAT 12582912.0f /* 1.5 * 2^23: added and taken off again, it rounds to the nearest integer, halves to even */
/* 1 / ONE and 1 / PER_UNIT, as literals: where floats are doubles between operations (s390x), no quotient multiplies a vector of floats. */
#define OF_ONE 0x1p-14f
#define OF_UNIT 0x1p-6f

/* What an integer of 16 bits becomes: its pair's even step, its place in the pair, and how wide a step is there. */
typedef struct {
    int32_t even;
    int16_t place, unit;
} ac_row_entry;

/* So many rows as there are lanes; [column][lane]. */
typedef struct {
    const ac_quantised *q;
    const ac_array *array;
    const void *data;
    ac_tiling t;
    size_t lanes;             /* FEW_LANES or MOST_LANES */
    int is_whole, is_fine;    /* elements are integers: what they are rounded to counts; some steps are few of them */
    double least, most, none; /* `none`: what stands for none */
    int16_t *place;           /* in a pair of steps; IS_NULL where the null stands; later the step less the pair's even one */
    int16_t *unit;            /* of integers on a curve: a step there */
    int16_t *some;            /* rows of places, and of units */
    uint16_t *way;            /* a bit for each state: from which of two it is reached */
    const ac_quantised_tile *tile[MOST_LANES]; /* of the rows' first column */
    ac_row_entry *table;      /* of all integers of 16 bits, where these are fewer than elements; else NULL */
} ac_rows;

/* The state before, of the two that lead to `state` by parity bit 1 ^ `way`. Its p is bit 2 of `state`. */
#define BEFORE(state, way) ((way) << 2 | (((state) ^ (state) >> 2) & 1) << 1 | (state) >> 2)
#define PARITY(state, way) (((state) >> 1 & 1) ^ (way))

/* The path through some columns, of FEW_LANES and, where there is AVX-512, of MOST_LANES. */
void ac_rows_path(const ac_rows *rows, uint64_t first, uint64_t end);
void ac_rows_path_avx512(const ac_rows *rows, uint64_t first, uint64_t end);

#endif
