/* Tail cells, one lane at a time: the few lanes of a group whose symbol stands for more values than 2^k. */
#ifndef AC_ENTROPY_TAILS_H
#define AC_ENTROPY_TAILS_H

#include "kernels/lanes.h"

static inline const ac_layout *ac_layout_of(uint16_t last_core) { return &ac_layouts[last_core < 9 ? 0 : last_core < 23 ? 1 : 2]; }

/* Decoder: of each lane in `lanes` the first half difference of its cell and the number of raw bits. */
static inline void ac_tail_cells(uint32_t lanes, const ac_group *g, const uint16_t *symbol, int32_t *start, int32_t *bits)
{
    for (; lanes; lanes &= lanes - 1) {
        const int lane = __builtin_ctz(lanes);
        const ac_layout *layout = ac_layout_of(g->last_core[lane]);
        bits[lane] = (int32_t)ac_raw_bits(symbol[lane], g->k[lane], layout);
        start[lane] = ac_difference_of(symbol[lane] < 32 ? 63u - symbol[lane] : symbol[lane], g->k[lane], 0, layout);
    }
}

/* Encoder: of each lane in `lanes` the place of its symbol in the tables, and its raw bits. */
static inline void ac_tail_symbols(uint32_t lanes, const ac_group *g, const int32_t *difference, uint32_t *place, uint32_t *raws)
{
    for (; lanes; lanes &= lanes - 1) {
        const int lane = __builtin_ctz(lanes);
        const ac_coded c = ac_symbol_of(difference[lane], g->k[lane], ac_layout_of(g->last_core[lane]));
        place[lane] = (uint32_t)g->table[lane] * AC_SYMBOLS + c.symbol;
        raws[lane] = c.raw | (uint32_t)c.bits << 16;
    }
}

#endif
