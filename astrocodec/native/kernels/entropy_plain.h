/* Symbols, raw bits and rANS of a group, and the way of samples between a piece's rows and the window, in C without intrinsics. */
#include "bytes.h"
#include "kernels/entropy_tails.h"
#include "kernels/kernel.h"

typedef int32_t row32[AC_GROUP];

#define LANES for (int l = 0; l < AC_GROUP; l++)

static inline uint32_t refill(uint32_t x, const uint8_t **next)
{
    if (x >= AC_RANS_LOW) return x;
    x = x << 16 | ac_get_u16(*next);
    *next += 2;
    return x;
}

static const uint8_t *decode_group(ac_lanes *a, uint32_t first, const uint8_t *next, uint32_t states, uint32_t *state)
{
    const ac_group *g = &a->group;
    const int16_t *active = a->active + first;
    uint16_t *at = ac_lanes_samples(a, first), symbol[AC_GROUP];
    row32 start, bits;
    uint32_t tails = 0;
    for (uint32_t l = 0; l < AC_GROUP; l++) {
        const uint16_t *cum = a->model->tables.cum + (size_t)g->table[l] * AC_SYMBOLS, *c = cum;
        uint32_t *x = &state[l & (states - 1)];
        const uint32_t slot = *x & (AC_TOTAL - 1);
        for (int half = AC_SYMBOLS / 2; half; half /= 2) c += c[half] <= slot ? half : 0;
        *x = refill((uint32_t)(c[1] - c[0]) * (*x >> AC_PRECISION) + slot - c[0], &next);
        symbol[l] = (uint16_t)(c - cum);
    }
    LANES
    {
        const int32_t half = symbol[l] < 32 ? 31 - symbol[l] : symbol[l] - 32;
        bits[l] = g->k[l];
        start[l] = (int32_t)((uint32_t)half << g->k[l]);
        tails |= (uint32_t)(half > g->last_core[l]) << l;
    }
    if (g->any_k || tails) {
        ac_tail_cells(tails, g, symbol, start, bits);
        for (uint32_t l = 0; l < AC_GROUP; l++) {
            uint32_t *x = &state[l & (states - 1)];
            start[l] += (int32_t)(*x & ((1u << bits[l]) - 1));
            *x = refill(*x >> bits[l], &next);
        }
    }
    LANES
    {
        const int32_t difference = symbol[l] < 32 ? ~start[l] : start[l];
        at[l] = active[l] ? (uint16_t)((uint32_t)(g->base[l] + difference) ^ AC_BIAS) : at[l - AC_ROW];
    }
    return next;
}

static void record_group(ac_lanes *a, uint32_t first, const uint16_t *at, ac_records *out)
{
    const ac_group *g = &a->group;
    const int16_t *active = a->active + first;
    const uint16_t *cum = a->model->tables.cum;
    uint32_t place[AC_GROUP], tails = 0;
    row32 difference;
    uint32_t *raws = out->raws + AC_GROUP * out->raw_groups, *pairs = out->pairs + AC_GROUP * out->groups;
    LANES
    {
        const int32_t d = ((at[l] ^ (int32_t)AC_BIAS) - g->base[l]) & active[l], sign = d >> 31, half = d ^ sign, cell = half >> g->k[l];
        difference[l] = d;
        place[l] = g->table[l] * (uint32_t)AC_SYMBOLS + (uint32_t)(((cell ^ sign) + 32) & active[l]);
        raws[l] = ((uint32_t)half - ((uint32_t)cell << g->k[l])) | (uint32_t)g->k[l] << 16;
        tails |= (uint32_t)(cell > g->last_core[l]) << l;
    }
    ac_tail_symbols(tails, g, difference, place, raws);
    LANES pairs[l] = cum[place[l]] | (uint32_t)cum[place[l] + 1] << 16;
    const int has_raws = g->any_k || tails;
    out->has_raws[out->groups++] = (uint8_t)has_raws;
    out->raw_groups += (size_t)has_raws;
}

static uint16_t *push(const ac_records *records, uint32_t states, uint32_t *state, uint16_t *end)
{
    const uint32_t *raws = records->raws + AC_GROUP * records->raw_groups, *pairs = records->pairs + AC_GROUP * records->groups;
    for (size_t group = records->groups; group-- > 0;) {
        if (records->has_raws[group]) {
            raws -= AC_GROUP;
            for (uint32_t l = AC_GROUP; l-- > 0;) ac_rans_push_raw(&state[l & (states - 1)], raws[l] & 65535, raws[l] >> 16, &end);
        }
        pairs -= AC_GROUP;
        for (uint32_t l = AC_GROUP; l-- > 0;) {
            const uint32_t start = pairs[l] & 65535;
            ac_rans_push(&state[l & (states - 1)], start, (pairs[l] >> 16) - start, &end);
        }
    }
    return end;
}

static void fill_window(ac_lanes *a, const uint16_t *samples, size_t stride)
{
    const uint16_t *source[AC_MAX_LANES];
    ac_lanes_sources(a, samples, stride, source);
    for (int t = 0; t < AC_BLOCK; t++)
        for (uint32_t lane = 0; lane < a->wave.lanes; lane++) a->samples[AC_LOOKBACK + t][AC_BEFORE + lane] = source[lane][t] ^ AC_BIAS;
}

static void drain_window(ac_lanes *a, uint16_t *samples, size_t stride)
{
    uint16_t *target[AC_MAX_LANES];
    ac_lanes_targets(a, samples, stride, target);
    for (uint32_t lane = 0; lane < a->wave.lanes; lane++)
        for (int t = 0; t < AC_BLOCK; t++) target[lane][t] = a->samples[AC_LOOKBACK + t][AC_BEFORE + lane] ^ AC_BIAS;
    ac_lanes_store_edges(a, target, samples, stride);
}
