/* Site: where a float is looked for, cells of a power of two around its prediction. docs/format.md section "Cells of floats". */
#ifndef AC_VISIBILITY_FLOAT_SITE_H
#define AC_VISIBILITY_FLOAT_SITE_H

#include <math.h>

#include "visibility/block.h"
#include "visibility/tables.h"

/* Floats of a block: the last bit of one is 2^(exponent - mantissa), and never below 2^lowest. */
typedef struct {
    int32_t mantissa, lowest;
    uint32_t bits; /* of a whole one */
} ac_floats;

typedef struct {
    int32_t width; /* cells are 2^width wide */
    uint32_t scale, place;
    int64_t cell; /* of the prediction */
} ac_float_site;

enum { AC_LEAST_FLOAT = -1000, AC_MOST_BEYOND = 46, AC_RAW_FLOAT = 63, AC_MOST_CELL_BITS = 56, AC_LATTICE_BIAS = 1024 };

static inline ac_floats ac_floats_of(const ac_block *b)
{
    const int32_t zeros = (int32_t)(b->seed & 255);
    return b->number_size == 4 ? (ac_floats){23 - zeros, zeros - 149, 32} : (ac_floats){52 - zeros, AC_LEAST_FLOAT, 64};
}

/* Whether most floats stand near multiples of a power of two. */
static inline int ac_has_lattice(const ac_block *b) { return b->seed > 255; }

/* These multiples. */
static inline ac_floats ac_lattice_of(const ac_block *b) { return (ac_floats){52, (int32_t)(b->seed >> 8) - AC_LATTICE_BIAS, 8 * (uint32_t)b->number_size}; }

/* floor(log2 |v|), very low of zero. */
static inline int32_t ac_exponent_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (int32_t)(bits >> 52 & 2047) - 1023;
}

/* 2^e, -1022 <= e <= 1023 */
static inline double ac_power_of_two(int32_t e)
{
    const uint64_t bits = (uint64_t)(e + 1023) << 52;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* A prediction, and how far floats are expected from it, both finite. */
static inline ac_float_site ac_float_site_of(const ac_floats *f, double mean, double distance)
{
    const int32_t by_distance = ac_exponent_of(distance) - 2, by_mean = ac_exponent_of(mean) - f->mantissa;
    const int32_t wide = by_distance > by_mean ? by_distance : by_mean, width = wide > f->lowest ? wide : f->lowest;
    const double per_cell = ac_power_of_two(-width);
    const float share = (float)(distance * per_cell), least = share > 0x1p-4f ? share : 0x1p-4f;
    uint32_t bits;
    memcpy(&bits, &least, sizeof bits);
    ac_float_site site = {.width = width, .scale = (bits >> 20) - ((127 - 4) << 3)};
    /* A cell of one float has it in the middle, one of many begins with the first; below zero cells are counted from -1 down. */
    const int is_fine = width == by_mean;
    const int64_t eighth = (int64_t)floor(8 * (mean * per_cell)) + (is_fine ? mean < 0 ? -4 : 4 : 0);
    if (site.scale >= AC_VIS_SCALES) site.scale = AC_VIS_SCALES - 1;
    site.place = (uint32_t)eighth & 7;
    site.cell = eighth >> 3;
    return site;
}

#endif
