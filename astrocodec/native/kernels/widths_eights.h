/* Code widths with vectors of eight lanes of 32 bits, for AVX2 and what has it. States are taken eight at a time; pieces of fewer are small, and
 * go lane by lane. Needs refill_eight, spill_eight, divide_eight and find_symbol. */
#include "kernels/entropy_widths.h"

INLINE __m256i load8(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE void store8(void *p, __m256i v) { _mm256_storeu_si256((__m256i *)p, v); }
INLINE __m256i widen8(const void *p) { return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)); }
INLINE __m256i mask8(const void *p) { return _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)p)); }
INLINE __m256i all8(int32_t v) { return _mm256_set1_epi32(v); }
INLINE __m256i low_bits8(__m256i v, __m256i count) { return _mm256_andnot_si256(_mm256_sllv_epi32(all8(-1), count), v); }
/* The lowest byte with its sign, once shifted down by so many bits. */
INLINE __m256i byte8(__m256i v, int shift) { return _mm256_srai_epi32(_mm256_slli_epi32(v, 24 - shift), 24); }

/* ac_width_row of each lane: where its row begins; idle lanes have the one without displacements. */
INLINE void find_rows(const ac_lanes *a, uint32_t first, uint32_t *row)
{
    const ac_group *g = &a->group;
    const ac_widths *w = a->widths;
    const __m256i m = all8(w->period_bits), shift = all8(a->shift);
    UNROLL for (int i = 0; i < AC_GROUP; i += 8)
    {
        const __m256i code = _mm256_add_epi32(load8(g->base + i), shift);
        __m256i at = _mm256_and_si256(_mm256_sub_epi32(code, all8(32)), all8((1 << w->period_bits) - 1)), used = mask8(a->active + first + i);
        if (g->any_k) {
            const __m256i k = widen8(g->k + i), period = _mm256_sllv_epi32(all8(1), _mm256_sub_epi32(m, k));
            const __m256i rows = _mm256_permutevar8x32_epi32(load8(w->first), k), length = _mm256_add_epi32(period, all8(AC_WIDTH_ROW_MORE));
            at = _mm256_and_si256(_mm256_sub_epi32(_mm256_srav_epi32(code, k), all8(32)), _mm256_sub_epi32(period, all8(1)));
            at = _mm256_add_epi32(_mm256_add_epi32(rows, at), _mm256_mullo_epi32(low_bits8(code, k), length));
            used = _mm256_and_si256(used, _mm256_cmpgt_epi32(m, k));
        } else {
            at = _mm256_add_epi32(at, all8((int32_t)w->first[0]));
        }
        store8(row + i, _mm256_and_si256(at, used));
    }
}

/* -1 where the boundary below a symbol is displaced, by layout and symbol from -1 on. */
static const int16_t inside[3][1 + AC_SYMBOLS + 7] = {{[31 ... 35] = -1}, {[24 ... 42] = -1}, {[10 ... 56] = -1}};

/* The symbol of a slot, and in the lowest 32 bits the cumulative frequencies below and above it. */
INLINE __m128i find_displaced(const uint16_t *table, const int16_t *row, const int16_t *within, uint32_t slot, uint16_t *symbol)
{
    const uint32_t found = find_symbol(table, (uint16_t)slot);
    const uint16_t *t = table + found;
    const __m128i before = _mm_loadl_epi64((const __m128i *)(t - 2)), here = _mm_loadl_epi64((const __m128i *)(t - 1));
    const __m128i after = _mm_loadl_epi64((const __m128i *)t);
    const __m128i d = _mm_and_si128(_mm_loadl_epi64((const __m128i *)(row + found - 1)), _mm_loadl_epi64((const __m128i *)(within + found)));
    const __m128i freq = _mm_blendv_epi8(_mm_sub_epi16(after, here), _mm_sub_epi16(here, before), _mm_srai_epi16(d, 15));
    const __m128i cum = _mm_add_epi16(here, _mm_mulhrs_epi16(_mm_add_epi16(freq, _mm_set1_epi16(-1)), d));
    /* of the boundaries below the symbol before, this one, and the two behind it, those beyond the slot: the last is, and may be the next table's */
    const int beyond = __builtin_popcount((unsigned)_mm_movemask_epi8(_mm_cmpgt_epi16(cum, _mm_set1_epi16((short)slot))) | 0xc0);
    *symbol = (uint16_t)(found + 2 - (uint32_t)beyond / 2);
    return _mm_srl_epi64(cum, _mm_cvtsi32_si128(48 - 8 * beyond));
}

INLINE void decode_displaced(ac_lanes *a, uint32_t first, const uint8_t **next, uint32_t states, uint32_t *state, uint16_t *symbol)
{
    const ac_group *g = &a->group;
    const uint16_t *cum = a->model->tables.cum;
    _Alignas(32) uint32_t row[AC_GROUP], slots[8];
    find_rows(a, first, row);
    for (uint32_t i = 0; i < AC_GROUP; i += 8) {
        uint32_t *own = state + (i & (states - 1));
        const __m256i x = load8(own), slot = _mm256_and_si256(x, all8(AC_TOTAL - 1));
        store8(slots, slot);
        __m128i p[8];
        UNROLL for (int l = 0; l < 8; l++)
        {
            const int core = g->last_core[i + (uint32_t)l], layout = (core > 2) + (core > 9);
            p[l] = find_displaced(cum + (size_t)g->table[i + (uint32_t)l] * AC_SYMBOLS, a->widths->rows + row[i + (uint32_t)l], inside[layout], slots[l],
                                  symbol + i + l);
        }
        const __m128i low = _mm_unpacklo_epi64(_mm_unpacklo_epi32(p[0], p[1]), _mm_unpacklo_epi32(p[2], p[3]));
        const __m128i high = _mm_unpacklo_epi64(_mm_unpacklo_epi32(p[4], p[5]), _mm_unpacklo_epi32(p[6], p[7]));
        const __m256i pair = _mm256_blendv_epi8(all8(AC_TOTAL << 16), _mm256_set_m128i(high, low), mask8(a->active + first + i));
        const __m256i start = _mm256_and_si256(pair, all8(0xffff)), freq = _mm256_sub_epi32(_mm256_srli_epi32(pair, 16), start);
        const __m256i popped = _mm256_add_epi32(_mm256_mullo_epi32(freq, _mm256_srli_epi32(x, AC_PRECISION)), _mm256_sub_epi32(slot, start));
        store8(own, refill_eight(popped, next));
    }
    /* what was found for idle lanes means nothing */
    for (int i = 0; i < AC_GROUP; i += 16) store8(symbol + i, _mm256_and_si256(load8(symbol + i), load8(a->active + first + (uint32_t)i)));
}

/* A cell of each lane: code of its first sample, displacement below that, width in all, log2 of the shares. */
typedef struct {
    __m256i code, origin, whole, bits;
} cells;

INLINE cells cells_at(const ac_lanes *a, __m256i lowest, __m256i k)
{
    const ac_widths *w = a->widths;
    const __m256i period = all8((1 << w->period_bits) - 1), code = _mm256_add_epi32(lowest, all8(a->shift));
    const __m256i behind = _mm256_and_si256(_mm256_add_epi32(code, _mm256_sllv_epi32(all8(1), k)), period);
    const __m256i origin = byte8(_mm256_i32gather_epi32((const int *)w->below, _mm256_and_si256(code, period), 1), 0);
    const __m256i end = byte8(_mm256_i32gather_epi32((const int *)w->below, behind, 1), 0);
    return (cells){code, origin, _mm256_add_epi32(_mm256_sllv_epi32(all8(64), k), _mm256_sub_epi32(end, origin)), _mm256_add_epi32(k, all8(AC_WIDTH_UNIT))};
}

/* Displacements from code j on, a byte each. */
INLINE __m256i below_from(const ac_lanes *a, const cells *c, __m256i j)
{
    const __m256i at = _mm256_and_si256(_mm256_add_epi32(c->code, j), all8((1 << a->widths->period_bits) - 1));
    return _mm256_i32gather_epi32((const int *)a->widths->below, at, 1);
}

/* (v 2^bits) div whole, by a float that is at most one away; where codes are equally wide over the cell this is v. Products are modulo 2^32. */
INLINE __m256i part_of(const cells *c, __m256 ratio, __m256i v)
{
    const __m256i q = _mm256_cvttps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(v), ratio));
    const __m256i rest = _mm256_sub_epi32(_mm256_sllv_epi32(v, c->bits), _mm256_mullo_epi32(q, c->whole));
    const __m256i less = _mm256_srai_epi32(rest, 31), more = _mm256_cmpgt_epi32(c->whole, rest);
    return _mm256_add_epi32(_mm256_add_epi32(q, less), _mm256_add_epi32(more, all8(1)));
}

/* The part of code j, below which, and below the next one, the lowest two bytes of `below` stand. */
INLINE void parts_of(const cells *c, __m256i j, __m256i below, __m256i *start, __m256i *share)
{
    const __m256 total = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(c->bits, all8(127)), 23));
    const __m256 ratio = _mm256_div_ps(total, _mm256_cvtepi32_ps(c->whole));
    const __m256i from = _mm256_sub_epi32(_mm256_slli_epi32(j, AC_WIDTH_UNIT), c->origin);
    *start = part_of(c, ratio, _mm256_add_epi32(from, byte8(below, 0)));
    *share = _mm256_sub_epi32(part_of(c, ratio, _mm256_add_epi32(_mm256_add_epi32(from, all8(64)), byte8(below, 8))), *start);
}

INLINE __m256i shared8(__m256i half, __m256i k, __m256i last_core)
{
    const __m256i some = _mm256_and_si256(_mm256_cmpgt_epi32(k, _mm256_setzero_si256()), _mm256_cmpgt_epi32(all8(AC_MAX_SHARED_BITS + 1), k));
    return _mm256_andnot_si256(_mm256_cmpgt_epi32(half, last_core), some);
}

/* What follows the symbols of a group: its values. */
INLINE void decode_shares(const ac_lanes *a, const uint8_t **next, uint32_t states, uint32_t *state, const uint16_t *symbol, int32_t *value)
{
    const ac_group *g = &a->group;
    _Alignas(32) int32_t start[AC_GROUP], bits[AC_GROUP];
    uint32_t tails = 0;
    for (uint32_t i = 0; i < AC_GROUP; i += 8) {
        const __m256i k = widen8(g->k + i), s = _mm256_sub_epi32(widen8(symbol + i), all8(32)), half = _mm256_xor_si256(s, _mm256_srai_epi32(s, 31));
        tails |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(half, widen8(g->last_core + i)))) << i;
        store8(bits + i, k);
        store8(start + i, _mm256_sllv_epi32(half, k));
    }
    ac_tail_cells(tails, g, symbol, start, bits);
    for (uint32_t i = 0; i < AC_GROUP; i += 8) {
        uint32_t *own = state + (i & (states - 1));
        const __m256i x = load8(own), base = load8(g->base + i), k = widen8(g->k + i), s = _mm256_sub_epi32(widen8(symbol + i), all8(32));
        const __m256i flip = _mm256_srai_epi32(s, 31), shared = shared8(_mm256_xor_si256(s, flip), k, widen8(g->last_core + i));
        const __m256i raw_bits = load8(bits + i), lowest = _mm256_add_epi32(base, _mm256_sllv_epi32(s, k));
        const cells c = cells_at(a, lowest, k);
        const __m256i slot = low_bits8(x, c.bits), place = _mm256_mullo_epi32(_mm256_add_epi32(slot, all8(1)), c.whole);
        const __m256i at = _mm256_add_epi32(_mm256_srlv_epi32(_mm256_sub_epi32(place, all8(1)), c.bits), c.origin);
        /* ac_width_code: of the code before, this one and the next */
        const __m256i before = _mm256_sub_epi32(_mm256_srai_epi32(at, AC_WIDTH_UNIT), all8(1)), rest = _mm256_and_si256(at, all8(63));
        const __m256i below = below_from(a, &c, before);
        const __m256i one = _mm256_cmpgt_epi32(_mm256_add_epi32(rest, all8(1)), byte8(below, 8));
        const __m256i two = _mm256_cmpgt_epi32(_mm256_sub_epi32(rest, all8(63)), byte8(below, 16)), ahead = _mm256_add_epi32(one, two);
        const __m256i j = _mm256_sub_epi32(before, ahead);
        __m256i begin, share;
        parts_of(&c, j, _mm256_srlv_epi32(below, _mm256_slli_epi32(_mm256_sub_epi32(_mm256_setzero_si256(), ahead), 3)), &begin, &share);
        const __m256i width = _mm256_blendv_epi8(raw_bits, c.bits, shared), factor = _mm256_blendv_epi8(all8(1), share, shared);
        const __m256i rise = _mm256_and_si256(_mm256_sub_epi32(slot, begin), shared);
        store8(own, refill_eight(_mm256_add_epi32(_mm256_mullo_epi32(factor, _mm256_srlv_epi32(x, width)), rise), next));
        const __m256i magnitude = _mm256_add_epi32(load8(start + i), low_bits8(x, raw_bits));
        const __m256i plain = _mm256_add_epi32(base, _mm256_xor_si256(magnitude, flip));
        store8(value + i, _mm256_blendv_epi8(plain, _mm256_add_epi32(lowest, j), shared));
    }
}

INLINE const uint8_t *decode_eights_of(ac_lanes *a, uint32_t first, const uint8_t *next, const uint32_t states, uint32_t *state)
{
    const ac_group *g = &a->group;
    _Alignas(32) uint16_t symbol[AC_GROUP];
    _Alignas(32) int32_t value[AC_GROUP];
    uint16_t *at = ac_lanes_samples(a, first);
    decode_displaced(a, first, &next, states, state, symbol);
    __m256i any_tail = _mm256_setzero_si256();
    for (int i = 0; i < AC_GROUP; i += 8) {
        const __m256i s = _mm256_sub_epi32(widen8(symbol + i), all8(32)), half = _mm256_xor_si256(s, _mm256_srai_epi32(s, 31));
        any_tail = _mm256_or_si256(any_tail, _mm256_cmpgt_epi32(half, widen8(g->last_core + i)));
        store8(value + i, _mm256_add_epi32(load8(g->base + i), s));
    }
    if (g->any_k || !_mm256_testz_si256(any_tail, any_tail)) decode_shares(a, &next, states, state, symbol, value);
    for (int i = 0; i < AC_GROUP; i += 16) {
        const __m256i low = all8(0xffff), v0 = _mm256_and_si256(load8(value + i), low), v1 = _mm256_and_si256(load8(value + i + 8), low);
        const __m256i v = _mm256_xor_si256(_mm256_permute4x64_epi64(_mm256_packus_epi32(v0, v1), 0xd8), _mm256_set1_epi16((short)AC_BIAS));
        store8(at + i, _mm256_blendv_epi8(load8(at + i - AC_ROW), v, load8(a->active + first + (uint32_t)i)));
    }
    return next;
}

HOT const uint8_t *decode_eights(ac_lanes *a, uint32_t first, const uint8_t *next, uint32_t states, uint32_t *state)
{
    if (states == 32) return decode_eights_of(a, first, next, 32, state);
    if (states >= 8) return decode_eights_of(a, first, next, states, state);
    return decode_widths(a, first, next, states, state);
}

HOT void record_eights(ac_lanes *a, uint32_t first, ac_records *out)
{
    const ac_group *g = &a->group;
    const uint16_t *at = ac_lanes_samples(a, first), *cum = a->model->tables.cum;
    const int16_t *rows = a->widths->rows;
    _Alignas(32) uint32_t place[AC_GROUP], row[AC_GROUP], here[AC_GROUP], after[AC_GROUP], before[AC_GROUP], moved[AC_GROUP];
    _Alignas(32) int32_t difference[AC_GROUP];
    uint32_t *raws = out->raws + AC_GROUP * out->raw_groups, *pairs = out->pairs + AC_GROUP * out->groups, tails = 0;
    for (int i = 0; i < AC_GROUP; i += 8) {
        const __m256i value = _mm256_xor_si256(widen8(at + i), all8(AC_BIAS)), active = mask8(a->active + first + i), k = widen8(g->k + i);
        const __m256i d = _mm256_and_si256(_mm256_sub_epi32(value, load8(g->base + i)), active), sign = _mm256_srai_epi32(d, 31);
        const __m256i half = _mm256_xor_si256(d, sign), cell = _mm256_srlv_epi32(half, k);
        const __m256i symbol = _mm256_and_si256(_mm256_add_epi32(_mm256_xor_si256(cell, sign), all8(32)), active);
        store8(difference + i, d);
        store8(place + i, _mm256_add_epi32(_mm256_slli_epi32(widen8(g->table + i), 6), symbol));
        store8(raws + i, _mm256_or_si256(low_bits8(half, k), _mm256_slli_epi32(k, 16)));
        tails |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(cell, widen8(g->last_core + i)))) << i;
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
    for (int i = 0; i < AC_GROUP; i += 8) {
        const __m256i symbol = _mm256_and_si256(load8(place + i), all8(AC_SYMBOLS - 1)), last = widen8(g->last_core + i), t = load8(here + i);
        const __m256i both = _mm256_add_epi16(_mm256_or_si256(symbol, _mm256_slli_epi32(symbol, 16)), all8((int32_t)0xffe1ffe0)); /* - 31, - 32 */
        const __m256i outside = _mm256_cmpgt_epi16(_mm256_abs_epi16(both), _mm256_or_si256(last, _mm256_slli_epi32(last, 16)));
        const __m256i d = _mm256_andnot_si256(outside, load8(moved + i));
        const __m256i up = _mm256_sub_epi16(load8(after + i), t), down = _mm256_sub_epi16(t, load8(before + i));
        const __m256i freq = _mm256_blendv_epi8(up, down, _mm256_srai_epi16(d, 15));
        store8(pairs + i, _mm256_add_epi16(t, _mm256_mulhrs_epi16(_mm256_add_epi16(freq, _mm256_set1_epi16(-1)), d)));
    }
    const int has_raws = g->any_k || tails;
    for (int i = 0; has_raws && i < AC_GROUP; i += 8) {
        const __m256i k = widen8(g->k + i), d = load8(difference + i), j = low_bits8(d, k);
        const __m256i cell = _mm256_srlv_epi32(_mm256_xor_si256(d, _mm256_srai_epi32(d, 31)), k), shared = shared8(cell, k, widen8(g->last_core + i));
        const cells c = cells_at(a, _mm256_add_epi32(load8(g->base + i), _mm256_sub_epi32(d, j)), k);
        __m256i start, share;
        parts_of(&c, j, below_from(a, &c, j), &start, &share);
        const __m256i own = _mm256_or_si256(_mm256_or_si256(start, _mm256_slli_epi32(c.bits, 16)), _mm256_slli_epi32(share, 24));
        store8(raws + i, _mm256_blendv_epi8(_mm256_or_si256(load8(raws + i), all8(1 << 24)), own, shared));
    }
    out->has_raws[out->groups++] = (uint8_t)has_raws;
    out->raw_groups += (size_t)has_raws;
}

/* A state of less than 2^32 and no bits, which is left alone, is too much for the quotient; all others fit it. */
INLINE void push_shares_8(uint32_t *own, __m256i r, uint16_t **end)
{
    __m256i x = load8(own);
    const __m256i bits = _mm256_and_si256(_mm256_srli_epi32(r, 16), all8(31)), share = _mm256_srli_epi32(r, 24);
    const __m256i beyond = _mm256_srlv_epi32(x, _mm256_sub_epi32(all8(32), bits));
    x = spill_eight(x, _mm256_cmpeq_epi32(_mm256_max_epu32(beyond, share), beyond), end);
    const __m256i quotient = divide_eight(x, share), rest = _mm256_sub_epi32(x, _mm256_mullo_epi32(quotient, share));
    const __m256i pushed = _mm256_add_epi32(_mm256_sllv_epi32(quotient, bits), _mm256_add_epi32(rest, _mm256_and_si256(r, all8(0xffff))));
    store8(own, _mm256_blendv_epi8(pushed, x, _mm256_cmpeq_epi32(bits, _mm256_setzero_si256())));
}

INLINE void push_pairs_8(uint32_t *own, __m256i pair, uint16_t **end)
{
    __m256i x = load8(own);
    const __m256i start = _mm256_and_si256(pair, all8(0xffff)), freq = _mm256_sub_epi32(_mm256_srli_epi32(pair, 16), start);
    const __m256i beyond = _mm256_srli_epi32(x, 32 - AC_PRECISION);
    x = spill_eight(x, _mm256_cmpeq_epi32(_mm256_max_epu32(beyond, freq), beyond), end);
    const __m256i quotient = divide_eight(x, freq), rest = _mm256_sub_epi32(x, _mm256_mullo_epi32(quotient, freq));
    store8(own, _mm256_add_epi32(_mm256_slli_epi32(quotient, AC_PRECISION), _mm256_add_epi32(rest, start)));
}

INLINE uint16_t *push_eights_of(const ac_records *records, const uint32_t states, uint32_t *state, uint16_t *end)
{
    const uint32_t *raws = records->raws + AC_GROUP * records->raw_groups, *pairs = records->pairs + AC_GROUP * records->groups;
    for (size_t group = records->groups; group-- > 0;) {
        if (records->has_raws[group]) {
            raws -= AC_GROUP;
            for (uint32_t i = AC_GROUP; i > 0; i -= 8) push_shares_8(state + ((i - 8) & (states - 1)), load8(raws + i - 8), &end);
        }
        pairs -= AC_GROUP;
        for (uint32_t i = AC_GROUP; i > 0; i -= 8) push_pairs_8(state + ((i - 8) & (states - 1)), load8(pairs + i - 8), &end);
    }
    return end;
}

HOT uint16_t *push_eights(const ac_records *records, uint32_t states, uint32_t *state, uint16_t *end)
{
    if (states == 32) return push_eights_of(records, 32, state, end);
    return states >= 8 ? push_eights_of(records, states, state, end) : push_shares(records, states, state, end);
}

#define DECODE_WIDTHS decode_eights
#define RECORD_WIDTHS record_eights
#define PUSH_SHARES push_eights
