/* Code widths with vectors. As many states are taken at a time as a vector has words, at least eight; pieces of fewer are small, and go lane by
 * lane. Needs refill, spill_words, divide and find_symbol. */
#include "kernels/entropy_widths.h"

enum { WORDS = VECTOR_LANES / 2 }; /* lanes of 32 bits */
#define LOW_BITS(v, count) V_ANDNOT(V(sllv_epi32)(SET32(-1), count), v)
/* The lowest byte with its sign, once shifted down by so many bits. */
#define BYTE(v, shift) V(srai_epi32)(V(slli_epi32)(v, 24 - (shift)), 24)

/* ac_width_row of each lane: where its row begins; idle lanes have the one without displacements. */
INLINE void find_rows(const ac_lanes *a, uint32_t first, uint32_t *row)
{
    const ac_group *g = &a->group;
    const ac_widths *w = a->widths;
    const vec m = SET32(w->period_bits);
    UNROLL for (int i = 0; i < AC_GROUP; i += WORDS)
    {
        const vec code = V(add_epi32)(v_load(g->base + i), SET32(a->shift));
        vec at = v_and(V(sub_epi32)(code, SET32(32)), SET32((1 << w->period_bits) - 1)), used = v_mask16(a->active + first + i);
        if (g->any_k) {
            const vec k = v_widen16(g->k + i), period = V(sllv_epi32)(SET32(1), V(sub_epi32)(m, k));
            const vec rows = v_lookup32(w->first, k), length = V(add_epi32)(period, SET32(AC_WIDTH_ROW_MORE));
            at = v_and(V(sub_epi32)(V(srav_epi32)(code, k), SET32(32)), V(sub_epi32)(period, SET32(1)));
            at = V(add_epi32)(V(add_epi32)(rows, at), V(mullo_epi32)(LOW_BITS(code, k), length));
            used = v_and(used, v_above32(m, k));
        } else {
            at = V(add_epi32)(at, SET32((int32_t)w->first[0]));
        }
        v_store(row + i, v_and(at, used));
    }
}

/* Of four lanes the first two, or with later = 2 the others: what is in the lower half of each lane, four times. */
INLINE vec spread(vec v, int later)
{
    return V(shuffle_epi8)(v, V(add_epi8)(v_twice(0x0100010001000100, 0x0504050405040504), V(set1_epi8)((char)(4 * later))));
}

/* Of those lanes the boundaries below the symbol before the one that their tables have for the slot, below that one, and the two behind it. `cum`
 * points to the boundary before these, `below` to what the first of these is displaced by. */
INLINE vec displaced_boundaries(const void *const cum[WORDS], const void *const below[WORDS], vec symbol, vec last_core, const int later)
{
    const vec even = v_sixteens(cum + later), odd = v_sixteens(cum + later + 1);
    const vec before = V(unpacklo_epi64)(even, odd), here = V(unpacklo_epi64)(V(bsrli_epi128)(even, 2), V(bsrli_epi128)(odd, 2));
    const vec after = V(unpacklo_epi64)(V(bsrli_epi128)(even, 4), V(bsrli_epi128)(odd, 4));
    const vec minus = v_twice((int64_t)0xffe2ffe1ffe0ffdf, (int64_t)0xffe2ffe1ffe0ffdf); /* 33 to 30 */
    const vec outside = v_above16(V(abs_epi16)(V(add_epi16)(spread(symbol, later), minus)), spread(last_core, later));
    const vec d = V_ANDNOT(outside, V(unpacklo_epi64)(v_sixteens(below + later), v_sixteens(below + later + 1)));
    const vec freq = v_select16(V(srai_epi16)(d, 15), V(sub_epi16)(here, before), V(sub_epi16)(after, here));
    return V(add_epi16)(here, V(mulhrs_epi16)(V(add_epi16)(freq, SET16(-1)), d));
}

INLINE void decode_displaced(ac_lanes *a, uint32_t first, const uint8_t **next, const uint32_t states, uint32_t *state, uint16_t *symbol)
{
    const ac_group *g = &a->group;
    const uint16_t *const tables = a->model->tables.cum;
    const int16_t *const rows = a->widths->rows;
    const uint32_t round = states < WORDS ? states : WORDS;
    _Alignas(64) uint32_t row[AC_GROUP], slots[WORDS];
    find_rows(a, first, row);
    for (uint32_t i = 0; i < AC_GROUP; i += round) {
        uint32_t *own = state + (i & (states - 1));
        const vec x = v_load(own), slot = v_and(x, SET32(AC_TOTAL - 1));
        v_store(slots, slot);
        const void *cum[WORDS], *below[WORDS];
        UNROLL for (uint32_t l = 0; l < WORDS; l++)
        {
            if (l < round) {
                const uint16_t *table = tables + (size_t)g->table[i + l] * AC_SYMBOLS;
                const uint32_t found = find_symbol(table, (uint16_t)slots[l]);
                symbol[i + l] = (uint16_t)found;
                cum[l] = table + found - 2;
                below[l] = rows + row[i + l] + found - 1;
            } else {
                cum[l] = cum[l - round], below[l] = below[l - round];
            }
        }
        const vec symbols = v_widen16(symbol + i), last_core = v_widen16(g->last_core + i);
        vec pairs[2], behind[2];
        UNROLL for (int q = 0; q < 2; q++)
        {
            const vec boundaries = displaced_boundaries(cum, below, symbols, last_core, 2 * q);
            /* the 16 bits of a word for each of the two in the middle that the slot reaches */
            const vec reached = V_ANDNOT(v_above16(boundaries, spread(slot, 2 * q)), v_twice(0x1000100000, 0x1000100000));
            behind[q] = V(sad_epu8)(reached, v_zero());
            pairs[q] = V(srlv_epi64)(boundaries, behind[q]);
        }
        const vec pair = v_even32(pairs[0], pairs[1]), moved = V(srli_epi32)(v_even32(behind[0], behind[1]), 4);
        v_store_low16(symbol + i, V(sub_epi32)(V(add_epi32)(symbols, moved), SET32(1)));
        const vec start = v_and(pair, SET32(0xffff)), freq = V(sub_epi32)(V(srli_epi32)(pair, 16), start);
        const vec popped = V(add_epi32)(V(mullo_epi32)(freq, V(srli_epi32)(x, AC_PRECISION)), V(sub_epi32)(slot, start));
        v_store(own, refill(popped, (1 << round) - 1, next));
    }
}

/* A cell of each lane: code of its first sample, displacement below that, width in all, log2 of the shares. */
typedef struct {
    vec code, origin, whole, bits;
} cells;

INLINE cells cells_at(const ac_lanes *a, vec lowest, vec k)
{
    const vec code = V(add_epi32)(lowest, SET32(a->shift)), place = V(add_epi32)(v_and(code, SET32(255)), V(slli_epi32)(k, 8));
    const vec cell = v_gather32(a->widths->cells, place, 4);
    return (cells){code, BYTE(cell, 0), V(srai_epi32)(cell, 8), V(add_epi32)(k, SET32(AC_WIDTH_UNIT))};
}

/* Displacements from code j on, a byte each. */
INLINE vec below_from(const ac_lanes *a, const cells *c, vec j)
{
    return v_gather32(a->widths->below, v_and(V(add_epi32)(c->code, j), SET32(255)), 1);
}

/* (v 2^bits) div whole, by a float that is too small, but not by 1; where codes are equally wide over the cell this is v. Products are modulo 2^32. */
INLINE vec part_of(const cells *c, vec_floats ratio, vec v)
{
    const vec q = V(cvttps_epi32)(V(mul_ps)(V(cvtepi32_ps)(v), ratio));
    const vec rest = V(sub_epi32)(V(sllv_epi32)(v, c->bits), V(mullo_epi32)(q, c->whole));
    return V(add_epi32)(V(add_epi32)(q, SET32(1)), v_above32(c->whole, rest));
}

/* The part of code j, below which, and below the next one, the lowest two bytes of `below` stand. */
INLINE void parts_of(const cells *c, vec j, vec below, vec *start, vec *share)
{
    /* 2^bits, less what three roundings may add */
    const vec_floats total = v_as_floats(V(add_epi32)(V(slli_epi32)(c->bits, 23), SET32((127 << 23) - 8)));
    const vec_floats ratio = V(div_ps)(total, V(cvtepi32_ps)(c->whole));
    const vec from = V(sub_epi32)(V(slli_epi32)(j, AC_WIDTH_UNIT), c->origin);
    *start = part_of(c, ratio, V(add_epi32)(from, BYTE(below, 0)));
    *share = V(sub_epi32)(part_of(c, ratio, V(add_epi32)(V(add_epi32)(from, SET32(64)), BYTE(below, 8))), *start);
}

/* Where a cell of 2^k values is shared by their widths. */
INLINE vec shared_where(vec half, vec k, vec last_core)
{
    const vec some = v_and(v_above32(k, v_zero()), v_above32(SET32(AC_MAX_SHARED_BITS + 1), k));
    return V_ANDNOT(v_above32(half, last_core), some);
}

/* What follows the symbols of a group: its values, of which those beyond a round are replaced by the next one's. */
INLINE void decode_shares(const ac_lanes *a, uint32_t tails, const uint8_t **next, const uint32_t states, uint32_t *state, const uint16_t *symbol,
                          int32_t *value)
{
    const ac_group *g = &a->group;
    const uint32_t round = states < WORDS ? states : WORDS;
    _Alignas(64) int32_t start[AC_GROUP + WORDS], bits[AC_GROUP + WORDS];
    for (int i = 0; i < AC_GROUP; i += WORDS) {
        const vec k = v_widen16(g->k + i), s = V(sub_epi32)(v_widen16(symbol + i), SET32(32)), half = v_xor(s, V(srai_epi32)(s, 31));
        v_store(bits + i, k);
        v_store(start + i, V(sllv_epi32)(half, k));
    }
    ac_tail_cells(tails, g, symbol, start, bits);
    for (uint32_t i = 0; i < AC_GROUP; i += round) {
        uint32_t *own = state + (i & (states - 1));
        /* those beyond a round may be beyond the group */
        const vec k = round < WORDS ? V(min_epi32)(v_widen16(g->k + i), SET32(AC_MOST_BUCKET_BITS)) : v_widen16(g->k + i);
        const vec x = v_load(own), base = v_load(g->base + i), s = V(sub_epi32)(v_widen16(symbol + i), SET32(32));
        const vec flip = V(srai_epi32)(s, 31), shared = shared_where(v_xor(s, flip), k, v_widen16(g->last_core + i));
        const vec raw_bits = v_load(bits + i), lowest = V(add_epi32)(base, V(sllv_epi32)(s, k));
        const cells c = cells_at(a, lowest, k);
        const vec slot = LOW_BITS(x, c.bits), place = V(mullo_epi32)(V(add_epi32)(slot, SET32(1)), c.whole);
        const vec at = V(add_epi32)(V(srlv_epi32)(V(sub_epi32)(place, SET32(1)), c.bits), c.origin);
        /* ac_width_code: of the code before, this one and the next, those that begin at or below `at`, eight for each */
        const vec before = V(sub_epi32)(V(srai_epi32)(at, AC_WIDTH_UNIT), SET32(1)), rest = v_and(at, SET32(63));
        const vec below = below_from(a, &c, before);
        const vec ends = V(sub_epi32)(v_or(V(slli_epi32)(rest, 8), V(slli_epi32)(rest, 16)), SET32(64 << 16));
        const vec reached = V_ANDNOT(v_above8(below, ends), SET32(0x080800));
        const vec behind = V(madd_epi16)(V(maddubs_epi16)(reached, V(set1_epi8)(1)), SET16(1));
        const vec j = V(add_epi32)(before, V(srli_epi32)(behind, 3));
        vec begin, share;
        parts_of(&c, j, V(srlv_epi32)(below, behind), &begin, &share);
        const vec width = v_select32(shared, c.bits, raw_bits), factor = v_select32(shared, share, SET32(1));
        const vec popped = V(add_epi32)(V(mullo_epi32)(factor, V(srlv_epi32)(x, width)), v_and(V(sub_epi32)(slot, begin), shared));
        v_store(own, refill(popped, (1 << round) - 1, next));
        const vec magnitude = V(add_epi32)(v_load(start + i), LOW_BITS(x, raw_bits));
        v_store(value + i, v_select32(shared, V(add_epi32)(lowest, j), V(add_epi32)(base, v_xor(magnitude, flip))));
    }
}

INLINE const uint8_t *decode_shared_of(ac_lanes *a, uint32_t first, const uint8_t *next, const uint32_t states, uint32_t *state)
{
    const ac_group *g = &a->group;
    _Alignas(64) uint16_t symbol[AC_GROUP + WORDS];
    _Alignas(64) int32_t value[AC_GROUP + WORDS];
    uint16_t *at = ac_lanes_samples(a, first);
    decode_displaced(a, first, &next, states, state, symbol);
    uint32_t tails = 0;
    for (int i = 0; i < AC_GROUP; i += WORDS) {
        const vec s = V(sub_epi32)(v_widen16(symbol + i), SET32(32)), half = v_xor(s, V(srai_epi32)(s, 31));
        tails |= v_signs32(v_above32(half, v_widen16(g->last_core + i))) << i;
        v_store(value + i, V(add_epi32)(v_load(g->base + i), s));
    }
    if (g->any_k || tails) decode_shares(a, tails, &next, states, state, symbol, value);
    for (int i = 0; i < AC_GROUP; i += VECTOR_LANES) {
        const vec v = v_xor(v_low16(v_load(value + i), v_load(value + i + WORDS)), SET16(AC_BIAS));
        v_store(at + i, v_select16(v_load(a->active + first + i), v, v_load(at + i - AC_ROW)));
    }
    return next;
}

HOT const uint8_t *decode_shared(ac_lanes *a, uint32_t first, const uint8_t *next, uint32_t states, uint32_t *state)
{
    if (states == 32) return decode_shared_of(a, first, next, 32, state);
    if (states == 16) return decode_shared_of(a, first, next, 16, state);
    if (states == 8) return decode_shared_of(a, first, next, 8, state);
    return decode_widths(a, first, next, states, state);
}

HOT void record_shared(ac_lanes *a, uint32_t first, ac_records *out)
{
    const ac_group *g = &a->group;
    const uint16_t *at = ac_lanes_samples(a, first), *cum = a->model->tables.cum;
    const int16_t *rows = a->widths->rows;
    _Alignas(64) uint32_t place[AC_GROUP], row[AC_GROUP], here[AC_GROUP], after[AC_GROUP], before[AC_GROUP], moved[AC_GROUP];
    _Alignas(64) int32_t difference[AC_GROUP];
    uint32_t *raws = out->raws + AC_GROUP * out->raw_groups, *pairs = out->pairs + AC_GROUP * out->groups, tails = 0;
    for (int i = 0; i < AC_GROUP; i += WORDS) {
        const vec value = v_xor(v_widen16(at + i), SET32(AC_BIAS)), active = v_mask16(a->active + first + i), k = v_widen16(g->k + i);
        const vec d = v_and(V(sub_epi32)(value, v_load(g->base + i)), active), sign = V(srai_epi32)(d, 31);
        const vec half = v_xor(d, sign), cell = V(srlv_epi32)(half, k);
        v_store(difference + i, d);
        v_store(place + i, V(add_epi32)(V(slli_epi32)(v_widen16(g->table + i), 6), v_and(V(add_epi32)(v_xor(cell, sign), SET32(32)), active)));
        v_store(raws + i, v_or(LOW_BITS(half, k), V(slli_epi32)(k, 16)));
        tails |= v_signs32(v_above32(cell, v_widen16(g->last_core + i))) << i;
    }
    ac_tail_symbols(tails, g, difference, place, raws);
    find_rows(a, first, row);
    UNROLL for (int i = 0; i < AC_GROUP; i++)
    {
        const uint16_t *t = cum + place[i];
        memcpy(&here[i], t, 4);
        memcpy(&after[i], t + 1, 4);
        memcpy(&before[i], t - 1, 4);
        memcpy(&moved[i], rows + row[i] + (place[i] & (AC_SYMBOLS - 1)), 4);
    }
    for (int i = 0; i < AC_GROUP; i += WORDS) {
        const vec symbol = v_and(v_load(place + i), SET32(AC_SYMBOLS - 1)), last = v_widen16(g->last_core + i), t = v_load(here + i);
        const vec both = V(add_epi16)(v_or(symbol, V(slli_epi32)(symbol, 16)), SET32((int32_t)0xffe1ffe0)); /* - 31, - 32 */
        const vec d = V_ANDNOT(v_above16(V(abs_epi16)(both), v_or(last, V(slli_epi32)(last, 16))), v_load(moved + i));
        const vec freq = v_select16(V(srai_epi16)(d, 15), V(sub_epi16)(t, v_load(before + i)), V(sub_epi16)(v_load(after + i), t));
        v_store(pairs + i, V(add_epi16)(t, V(mulhrs_epi16)(V(add_epi16)(freq, SET16(-1)), d)));
    }
    const int has_raws = g->any_k || tails;
    for (int i = 0; has_raws && i < AC_GROUP; i += WORDS) {
        const vec k = v_widen16(g->k + i), d = v_load(difference + i), j = LOW_BITS(d, k);
        const vec cell = V(srlv_epi32)(v_xor(d, V(srai_epi32)(d, 31)), k), shared = shared_where(cell, k, v_widen16(g->last_core + i));
        const cells c = cells_at(a, V(add_epi32)(v_load(g->base + i), V(sub_epi32)(d, j)), k);
        vec start, share;
        parts_of(&c, j, below_from(a, &c, j), &start, &share);
        const vec own = v_or(v_or(start, V(slli_epi32)(c.bits, 16)), V(slli_epi32)(share, 24));
        v_store(raws + i, v_select32(shared, own, v_or(v_load(raws + i), SET32(1 << 24))));
    }
    out->has_raws[out->groups++] = (uint8_t)has_raws;
    out->raw_groups += (size_t)has_raws;
}

/* A state of less than 2^32 and no bits, which is left alone, is too much for the quotient; all others fit it. */
INLINE void push_share(uint32_t *own, vec r, const uint32_t round, uint16_t **end)
{
    vec x = v_load(own);
    const vec bits = v_and(V(srli_epi32)(r, 16), SET32(31)), share = V(srli_epi32)(r, 24);
    const vec beyond = V(srlv_epi32)(x, V(sub_epi32)(SET32(32), bits));
    x = spill_words(x, v_above32(V(add_epi32)(beyond, SET32(1)), share), round, end);
    const vec quotient = divide(x, share), rest = V(sub_epi32)(x, V(mullo_epi32)(quotient, share));
    const vec pushed = V(add_epi32)(V(sllv_epi32)(quotient, bits), V(add_epi32)(rest, v_and(r, SET32(0xffff))));
    v_store(own, v_select32(v_above32(bits, v_zero()), pushed, x));
}

INLINE uint16_t *push_shared_of(const ac_records *records, const uint32_t states, uint32_t *state, uint16_t *end)
{
    const uint32_t *raws = records->raws + AC_GROUP * records->raw_groups, *pairs = records->pairs + AC_GROUP * records->groups;
    const uint32_t round = states < WORDS ? states : WORDS;
    for (size_t group = records->groups; group-- > 0;) {
        if (records->has_raws[group]) {
            raws -= AC_GROUP;
            for (uint32_t i = AC_GROUP; i > 0; i -= round) push_share(state + ((i - round) & (states - 1)), v_load(raws + i - round), round, &end);
        }
        pairs -= AC_GROUP;
        for (uint32_t i = AC_GROUP; i > 0; i -= round) push_pair(state + ((i - round) & (states - 1)), pairs + i - round, round, &end);
    }
    return end;
}

HOT uint16_t *push_shared(const ac_records *records, uint32_t states, uint32_t *state, uint16_t *end)
{
    if (states == 32) return push_shared_of(records, 32, state, end);
    return states >= 8 ? push_shared_of(records, states, state, end) : push_shares(records, states, state, end);
}

#define DECODE_WIDTHS decode_shared
#define RECORD_WIDTHS record_shared
#define PUSH_SHARES push_shared
