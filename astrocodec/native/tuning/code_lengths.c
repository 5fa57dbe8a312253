#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuning/code_lengths.h"

/* Bits of each symbol of a table: what its frequency says, and the raw bits behind it that do not depend on k. */
static void symbol_bits(const uint16_t *cum, const ac_layout *layout, const float *log2_of, float *bits)
{
    for (int symbol = 0; symbol < AC_SYMBOLS; symbol++) {
        const int i = symbol < 32 ? 31 - symbol : symbol - 32;
        bits[symbol] = i < layout->count ? AC_PRECISION - log2_of[cum[symbol + 1] - cum[symbol]] + layout->bits[i] : 0;
    }
}

int ac_code_lengths_build(const ac_tables *tables, ac_code_lengths *out)
{
    float *log2_of = malloc((AC_TOTAL + 1) * sizeof *log2_of), *bits = malloc(tables->count * AC_SYMBOLS * sizeof *bits);
    if (!log2_of || !bits) {
        free(log2_of), free(bits);
        return AC_ERROR_MEMORY;
    }
    memset(out, 0, sizeof *out);
    log2_of[0] = 0;
    for (int f = 1; f <= AC_TOTAL; f++) log2_of[f] = log2f((float)f);
    for (int outside = 0; outside < AC_SCALES + 2 * AC_OUTSIDE; outside++) {
        const int32_t q = ac_within(outside - AC_OUTSIDE, 0, AC_SCALES - 1);
        const ac_cell first = ac_cell_of(0, q, 0);
        int32_t phases = 1, phase_bits = 0;
        for (int32_t loc16 = 1; loc16 < 16; loc16++) {
            const int32_t phase = (int32_t)(ac_cell_of(loc16, q, 0).table - first.table);
            if (phase >= phases) phases = phase + 1;
        }
        while (1 << phase_bits < phases) phase_bits++;
        out->scale[outside] = (int32_t)first.table | phase_bits << 16 | first.k << 20 | first.layout << 24;
    }
    for (int layout = 0; layout < 3; layout++)
        for (int32_t cell = 0; cell <= AC_FARTHEST_CELL; cell++) {
            const ac_coded coded = ac_symbol_of(cell, 0, &ac_layouts[layout]);
            out->index[layout * (AC_FARTHEST_CELL + 1) + cell] = coded.symbol - 32;
        }
    for (size_t table = 0; table < tables->count; table++) {
        const size_t within = table % AC_TABLES_PER_SHAPE;
        symbol_bits(tables->cum + table * AC_SYMBOLS, &ac_layouts[within < 128 ? 0 : within < 448 ? 1 : 2], log2_of, bits + table * AC_SYMBOLS);
    }
    out->bits = bits;
    out->cum = tables->cum;
    out->log2_of = log2_of;
    out->tails = tables->tails;
    out->skews = tables->skews;
    return AC_OK;
}

void ac_code_lengths_free(ac_code_lengths *c) { free(c->bits), free(c->log2_of); }

void ac_code_lengths_displace(ac_code_lengths *c, const int16_t *tables, int areas, int period_bits)
{
    const int period = 1 << period_bits;
    for (int area = 0; area < areas; area++, tables += period)
        for (int v = 0; v < AC_RESIDUES; v++) {
            const int below = tables[v & (period - 1)], above = tables[(v + 1) & (period - 1)];
            c->displaced[area][v] = (float)below / 64;
            c->width_bits[area][v] = log2f((float)(64 + above - below) / 64);
        }
    for (int k = 0; k < 16; k++) c->part[k] = k < period_bits ? 1 / (float)(1 << k) : 0;
}
