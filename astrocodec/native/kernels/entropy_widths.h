/* Symbols and rANS of a group whose piece has code widths, lane by lane. docs/format.md section "Code widths". */
#ifndef AC_ENTROPY_WIDTHS_H
#define AC_ENTROPY_WIDTHS_H

#include "bytes.h"
#include "kernels/kernel.h"

static inline uint32_t refill_one(uint32_t x, const uint8_t **next)
{
    if (x >= AC_RANS_LOW) return x;
    x = x << 16 | ac_get_u16(*next);
    *next += 2;
    return x;
}

static inline int is_shared(int half, int k, int core) { return half < core && k && k <= AC_MAX_SHARED_BITS; }

/* A displaced boundary lies between those beside it, so that the symbol is at most one away from that without displacements. */
static inline int symbol_of_slot(const int16_t *row, const uint16_t *cum, int core, uint32_t slot, uint32_t *start, uint32_t *end)
{
    int s = 0;
    for (int half = AC_SYMBOLS / 2; half; half /= 2) s += cum[s + half] <= slot ? half : 0;
    *start = ac_width_cumulative(row, cum, s, core);
    *end = ac_width_cumulative(row, cum, s + 1, core);
    if (slot < *start) {
        *end = *start;
        *start = ac_width_cumulative(row, cum, --s, core);
    } else if (slot >= *end) {
        *start = *end;
        *end = ac_width_cumulative(row, cum, ++s + 1, core);
    }
    return s;
}

static inline const uint8_t *decode_widths(ac_lanes *a, uint32_t first, const uint8_t *next, uint32_t states, uint32_t *state)
{
    const ac_group *g = &a->group;
    const int16_t *active = a->active + first;
    const ac_widths *w = a->widths;
    uint16_t *at = ac_lanes_samples(a, first);
    int symbol[AC_GROUP];
    for (uint32_t l = 0; l < AC_GROUP; l++) {
        if (!active[l]) continue;
        const uint16_t *cum = a->model->tables.cum + (size_t)g->table[l] * AC_SYMBOLS;
        uint32_t *x = &state[l & (states - 1)], start, end;
        const uint32_t slot = *x & (AC_TOTAL - 1);
        symbol[l] = symbol_of_slot(ac_width_row(w, g->base[l] + a->shift, g->k[l]), cum, g->last_core[l] + 1, slot, &start, &end);
        *x = refill_one((end - start) * (*x >> AC_PRECISION) + slot - start, &next);
    }
    for (uint32_t l = 0; l < AC_GROUP; l++) {
        if (!active[l]) {
            at[l] = *(at + l - AC_ROW);
            continue;
        }
        const int k = g->k[l], half = symbol[l] < 32 ? 31 - symbol[l] : symbol[l] - 32, core = g->last_core[l] + 1;
        uint32_t *x = &state[l & (states - 1)];
        int32_t value;
        if (is_shared(half, k, core)) {
            const int32_t lowest = g->base[l] + (symbol[l] - 32) * (1 << k), code = lowest + a->shift;
            const uint32_t bits = (uint32_t)(k + AC_WIDTH_UNIT), slot = *x & ((1u << bits) - 1);
            const int32_t j = ac_width_code(w, code, k, slot);
            const ac_part_of_cell part = ac_width_part(w, code, k, j);
            *x = refill_one(part.share * (*x >> bits) + slot - part.start, &next);
            value = lowest + j;
        } else {
            const ac_layout *layout = ac_layout_of(g->last_core[l]);
            const uint32_t bits = ac_raw_bits((uint32_t)symbol[l], k, layout), raw = *x & ((1u << bits) - 1);
            *x = refill_one(*x >> bits, &next);
            value = g->base[l] + ac_difference_of((uint32_t)symbol[l], k, raw, layout);
        }
        at[l] = (uint16_t)value ^ AC_BIAS;
    }
    return next;
}

static inline void record_widths(ac_lanes *a, uint32_t first, ac_records *out)
{
    const ac_group *g = &a->group;
    const int16_t *active = a->active + first;
    const uint16_t *at = ac_lanes_samples(a, first);
    uint32_t *raws = out->raws + AC_GROUP * out->raw_groups, *pairs = out->pairs + AC_GROUP * out->groups;
    int has_raws = 0;
    for (uint32_t l = 0; l < AC_GROUP; l++) {
        pairs[l] = (uint32_t)AC_TOTAL << 16;
        raws[l] = 1u << 24;
        if (!active[l]) continue;
        const int k = g->k[l], core = g->last_core[l] + 1;
        const int32_t value = at[l] ^ (int32_t)AC_BIAS, difference = value - g->base[l];
        const ac_coded c = ac_symbol_of(difference, k, ac_layout_of(g->last_core[l]));
        const int half = c.symbol < 32 ? 31 - c.symbol : c.symbol - 32;
        const uint16_t *cum = a->model->tables.cum + (size_t)g->table[l] * AC_SYMBOLS;
        const int16_t *row = ac_width_row(a->widths, g->base[l] + a->shift, k);
        pairs[l] = ac_width_cumulative(row, cum, c.symbol, core) | ac_width_cumulative(row, cum, c.symbol + 1, core) << 16;
        if (is_shared(half, k, core)) {
            const int32_t j = difference & ((1 << k) - 1);
            const ac_part_of_cell part = ac_width_part(a->widths, value - j + a->shift, k, j);
            raws[l] = part.start | (uint32_t)(k + AC_WIDTH_UNIT) << 16 | part.share << 24;
        } else {
            raws[l] = c.raw | (uint32_t)c.bits << 16 | 1u << 24;
        }
        has_raws |= c.bits;
    }
    out->has_raws[out->groups++] = has_raws != 0;
    out->raw_groups += has_raws != 0;
}

static inline uint16_t *push_shares(const ac_records *records, uint32_t states, uint32_t *state, uint16_t *end)
{
    const uint32_t *raws = records->raws + AC_GROUP * records->raw_groups, *pairs = records->pairs + AC_GROUP * records->groups;
    for (size_t group = records->groups; group-- > 0;) {
        if (records->has_raws[group]) {
            raws -= AC_GROUP;
            for (uint32_t l = AC_GROUP; l-- > 0;)
                ac_rans_push_share(&state[l & (states - 1)], raws[l] & 65535, raws[l] >> 24, raws[l] >> 16 & 31, &end);
        }
        pairs -= AC_GROUP;
        for (uint32_t l = AC_GROUP; l-- > 0;) {
            const uint32_t start = pairs[l] & 65535;
            ac_rans_push(&state[l & (states - 1)], start, (pairs[l] >> 16) - start, &end);
        }
    }
    return end;
}

#endif
