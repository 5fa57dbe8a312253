/* Distribution: (location, scale, shape) -> a table of 64 cumulative frequencies, and symbols <-> differences.
 * docs/format.md section "Distribution". */
#ifndef AC_DISTRIBUTION_H
#define AC_DISTRIBUTION_H

#include "astrocodec.h"

enum {
    AC_PRECISION = 14,
    AC_TOTAL = 1 << AC_PRECISION,
    AC_SYMBOLS = 64,
    AC_SCALES = 144,       /* scale index q: sigma = 2^((q - 32) / 8) */
    AC_FIRST_BUCKET = 56,  /* from here on symbols are buckets of 2^k values */
    AC_TABLES_PER_SHAPE = 504,
    AC_KNOTS = 593         /* of a shape's cumulative function */
};

/* Half layouts of the symbols: index i = 0..31 covers [offset[i], offset[i] + 2^bits[i]). */
typedef struct {
    uint8_t core, count; /* unit cells, cells in all */
    uint16_t offset[32];
    uint8_t bits[32];
} ac_layout;
extern const ac_layout ac_layouts[3];

typedef struct {
    uint32_t table;  /* index within the model's tables */
    int32_t base;    /* the difference is taken from here */
    uint8_t k, layout;
} ac_cell;

typedef struct {
    uint8_t tails, skews; /* shape = tail * skews + skew */
    uint16_t *cum;        /* tables of 64 cumulative frequencies; after them the null table, whose first symbol is certain */
    size_t count;
} ac_tables;

int ac_tables_build(const uint8_t *shapes, size_t length, ac_tables *out);

/* From the network's answer to a table. loc16: location in 1/16, q: scale index 0..AC_SCALES-1. */
static inline ac_cell ac_cell_of(int32_t loc16, int32_t q, uint32_t shape)
{
    static const uint8_t phase_bits[7] = {3, 3, 4, 4, 3, 2, 1};
    static const uint16_t first[7] = {0, 64, 128, 256, 384, 448, 480};
    ac_cell c;
    const uint32_t start = shape * AC_TABLES_PER_SHAPE;
    if (q >= AC_FIRST_BUCKET) {
        c.table = start + 496 + (q & 7);
        c.base = (loc16 >> 4) + 1;
        c.k = (uint8_t)((q - AC_FIRST_BUCKET) / 8 + 1);
        c.layout = 2;
        return c;
    }
    const int octave = q >> 3, pb = phase_bits[octave];
    const int32_t r = (loc16 + (8 >> pb)) >> (4 - pb);
    c.table = start + first[octave] + (uint32_t)((q & 7) << pb) + (uint32_t)(r & ((1 << pb) - 1));
    c.base = r >> pb;
    c.k = 0;
    c.layout = octave < 2 ? 0 : octave < 5 ? 1 : 2;
    return c;
}

typedef struct {
    uint8_t symbol, bits; /* bits raw low bits follow the symbol */
    uint16_t raw;
} ac_coded;

static inline ac_coded ac_symbol_of(int32_t difference, int k, const ac_layout *layout)
{
    const uint32_t e = (uint32_t)(difference ^ (difference >> 31)), cell = e >> k;
    uint32_t i = cell;
    if (cell >= layout->core) {
        i = layout->core;
        while (i + 1 < layout->count && cell >= layout->offset[i + 1]) i++;
    }
    const uint32_t bits = layout->bits[i] + (uint32_t)k, raw = e - ((uint32_t)layout->offset[i] << k);
    const ac_coded c = {(uint8_t)(difference < 0 ? 31 - i : 32 + i), (uint8_t)(bits > 16 ? 16 : bits), (uint16_t)raw};
    return c;
}

static inline uint32_t ac_raw_bits(uint32_t symbol, int k, const ac_layout *layout)
{
    const uint32_t bits = layout->bits[symbol < 32 ? 31 - symbol : symbol - 32] + (uint32_t)k;
    return bits > 16 ? 16 : bits;
}

static inline int32_t ac_difference_of(uint32_t symbol, int k, uint32_t raw, const ac_layout *layout)
{
    const uint32_t i = symbol < 32 ? 31 - symbol : symbol - 32;
    const int32_t e = (int32_t)(((uint32_t)layout->offset[i] << k) + raw);
    return symbol < 32 ? ~e : e;
}

#endif
