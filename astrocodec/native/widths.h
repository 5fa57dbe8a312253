/* Code widths: how wide a converter's codes are, and what frequencies become of that. docs/format.md section "Code widths". */
#ifndef AC_WIDTHS_H
#define AC_WIDTHS_H

#include "distribution.h"

enum {
    AC_WIDTH_UNIT = 6,        /* displacements are in 1/64 of a code */
    AC_MAX_DISPLACEMENT = 63,
    AC_LEAST_WIDTH = 2,
    AC_MAX_PERIOD_BITS = 8,
    AC_MAX_WIDTH_TABLES = 15,
    AC_MAX_SHARED_BITS = 10,  /* cells of more values have raw bits */
    AC_MOST_BUCKET_BITS = 11, /* k of any table */
    AC_WIDTH_ROW_MORE = 72    /* entries of a row beyond a period: symbols 0 to 63, and what vectors read behind them */
};

/* A table. Displacement of the boundary below symbol s, in 1/2^15 of a cell of 2^k codes: entry s of a row, which depends on the code
 * at the base (ac_width_row). */
typedef struct {
    int period_bits;
    uint32_t first[AC_MAX_PERIOD_BITS + 1]; /* where the rows of k begin; from period_bits on all of them the one without displacements */
    int8_t below[2 << AC_MAX_PERIOD_BITS];  /* displacement below each code, in 1/64; on and on, that vectors may read on */
    int32_t cells[AC_MOST_BUCKET_BITS + 1][1 << AC_MAX_PERIOD_BITS]; /* of cells of 2^k codes, by the first: width << 8 | displacement below it, a byte */
    int16_t *rows, *memory; /* vectors read an entry before a row */
} ac_widths;

/* Tables of a block; the caller frees `*out` by ac_widths_free. An ac_status. */
int ac_widths_read(const uint8_t *block, size_t length, ac_widths **out, uint32_t *count);
void ac_widths_free(ac_widths *widths, uint32_t count);

static inline int32_t ac_width_below(const ac_widths *w, int32_t code) { return w->below[code & ((1 << w->period_bits) - 1)]; }

static inline const int16_t *ac_width_row(const ac_widths *w, int32_t code, int k)
{
    if (k >= w->period_bits) return w->rows;
    const int32_t period = 1 << (w->period_bits - k);
    return w->rows + w->first[k] + (code & ((1 << k) - 1)) * (period + AC_WIDTH_ROW_MORE) + (((code >> k) - 32) & (period - 1));
}

/* Cumulative frequency below a symbol; `cum` is the table's. */
static inline uint32_t ac_width_cumulative(const int16_t *row, const uint16_t *cum, int symbol, int core)
{
    const int32_t d = symbol > 32 - core && symbol < 32 + core ? row[symbol] : 0;
    const int32_t freq = d >= 0 ? cum[symbol + 1] - cum[symbol] : cum[symbol] - cum[symbol - 1];
    return cum[symbol] + (uint32_t)(((freq - 1) * d + (1 << 14)) >> 15);
}

/* A cell of 2^k codes from `first` on, of which code j has a part. */
typedef struct {
    uint32_t start, share;
} ac_part_of_cell;

static inline ac_part_of_cell ac_width_part(const ac_widths *w, int32_t first, int k, int32_t j)
{
    const int32_t origin = ac_width_below(w, first), whole = (64 << k) + ac_width_below(w, first + (1 << k)) - origin;
    uint32_t start = (uint32_t)(64 * j + ac_width_below(w, first + j) - origin), end = (uint32_t)(64 * (j + 1) + ac_width_below(w, first + j + 1) - origin);
    if (k < w->period_bits) {
        start = (start << (k + AC_WIDTH_UNIT)) / (uint32_t)whole;
        end = (end << (k + AC_WIDTH_UNIT)) / (uint32_t)whole;
    }
    return (ac_part_of_cell){start, end - start};
}

/* The code, counted from the cell's first, that has a slot of 2^(k + 6). */
static inline int32_t ac_width_code(const ac_widths *w, int32_t first, int k, uint32_t slot)
{
    const int32_t origin = ac_width_below(w, first);
    if (k < w->period_bits) {
        const int32_t whole = (64 << k) + ac_width_below(w, first + (1 << k)) - origin;
        slot = ((slot + 1) * (uint32_t)whole - 1) >> (k + AC_WIDTH_UNIT);
    }
    const int32_t at = (int32_t)slot + origin, j = at >> AC_WIDTH_UNIT, rest = at & 63;
    return j - 1 + (ac_width_below(w, first + j) <= rest) + (ac_width_below(w, first + j + 1) <= rest - 64);
}

#endif
