/* Symbols, raw bits and rANS of a group with AVX-512. States are taken 16 at a time, or as many as there are; lanes that
 * share a state come one round later. */

INLINE __m512i divide(__m512i x, __m512i f)
{
    /* x / f < 2^18 differs from the next integer by at least 1 / f >= 2^-14, the quotient's rounding is below 2^-34: truncation is exact */
    const __m512d x0 = _mm512_cvtepu32_pd(_mm512_castsi512_si256(x)), x1 = _mm512_cvtepu32_pd(_mm512_extracti64x4_epi64(x, 1));
    const __m512d f0 = _mm512_cvtepu32_pd(_mm512_castsi512_si256(f)), f1 = _mm512_cvtepu32_pd(_mm512_extracti64x4_epi64(f, 1));
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvttpd_epu32(_mm512_div_pd(x0, f0))), _mm512_cvttpd_epu32(_mm512_div_pd(x1, f1)), 1);
}

/* The lanes of a state vector that are below AC_RANS_LOW take a word each. */
INLINE __m512i refill(__m512i x, __mmask16 lanes, const uint8_t **next)
{
    const __mmask16 low = _mm512_mask_cmplt_epu32_mask(lanes, x, _mm512_set1_epi32(AC_RANS_LOW));
    const __m512i words = _mm512_maskz_expand_epi32(low, _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)*next)));
    *next += 2 * __builtin_popcount(low);
    return _mm512_mask_or_epi32(x, low, _mm512_slli_epi32(x, 16), words);
}

/* Lanes of a state vector that are full give up a word each, the last lane's first as the stream is written backwards. */
INLINE __m512i spill(__m512i x, __mmask16 full, uint16_t **end)
{
    const int n = __builtin_popcount(full);
    *end -= n;
    _mm256_mask_storeu_epi16(*end, (__mmask16)((1u << n) - 1), _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(full, x)));
    return _mm512_mask_srli_epi32(x, full, x, 16);
}

/* The symbol of a slot: how many of the table's cumulative frequencies are at most the slot, less one. */
INLINE uint32_t find_symbol(const uint16_t *table, uint16_t slot)
{
    const __m512i s = _mm512_set1_epi16((short)slot);
    const __mmask64 reached = _mm512_kunpackd(_mm512_cmple_epi16_mask(_mm512_load_si512(table + 32), s), _mm512_cmple_epi16_mask(_mm512_load_si512(table), s));
    return (uint32_t)__builtin_popcountll(reached) - 1;
}

/* Four symbols, and the cumulative frequencies below and above each. Vectors put together in registers are there sooner
 * than what narrow stores leave for a wide load. */
INLINE __m128i find_four(const uint16_t *cum, const uint16_t *tables, const uint16_t *slots, uint16_t *symbol)
{
    __m128i pair[4];
    UNROLL for (int i = 0; i < 4; i++)
    {
        const uint16_t *table = cum + (size_t)tables[i] * AC_SYMBOLS;
        const uint32_t found = find_symbol(table, slots[i]);
        int32_t both;
        memcpy(&both, table + found, sizeof both);
        pair[i] = _mm_cvtsi32_si128(both);
        symbol[i] = (uint16_t)found;
    }
    return _mm_unpacklo_epi64(_mm_unpacklo_epi32(pair[0], pair[1]), _mm_unpacklo_epi32(pair[2], pair[3]));
}

INLINE void decode_symbols(ac_lanes *a, const uint8_t **next, const uint32_t states, uint32_t *state, uint16_t *symbol)
{
    const uint16_t *tables = a->group.table, *cum = a->model->tables.cum;
    const uint32_t round = states < 16 ? states : 16;
    const __mmask16 lanes = (__mmask16)((1u << round) - 1);
    for (uint32_t first = 0; first < AC_GROUP; first += round) {
        _Alignas(64) uint16_t slots[16];
        uint32_t *own = state + (first & (states - 1));
        __m512i x = _mm512_loadu_si512(own), pair;
        const __m512i slot = _mm512_and_si512(x, _mm512_set1_epi32(AC_TOTAL - 1));
        _mm256_store_si256((__m256i *)slots, _mm512_cvtepi32_epi16(slot));
        if (round >= 8) {
            __m256i half[2];
            for (uint32_t h = 0; h < round / 8; h++) {
                const __m128i low = find_four(cum, tables + first + 8 * h, slots + 8 * h, symbol + first + 8 * h);
                half[h] = _mm256_set_m128i(find_four(cum, tables + first + 8 * h + 4, slots + 8 * h + 4, symbol + first + 8 * h + 4), low);
            }
            pair = _mm512_inserti64x4(_mm512_castsi256_si512(half[0]), half[round / 8 - 1], 1);
        } else {
            _Alignas(64) uint32_t pairs[16] = {0};
            for (uint32_t i = 0; i < round; i++) {
                const uint16_t *table = cum + (size_t)tables[first + i] * AC_SYMBOLS;
                const uint32_t found = find_symbol(table, slots[i]);
                memcpy(&pairs[i], table + found, sizeof pairs[i]);
                symbol[first + i] = (uint16_t)found;
            }
            pair = _mm512_load_si512(pairs);
        }
        const __m512i start = _mm512_and_si512(pair, _mm512_set1_epi32(0xffff)), freq = _mm512_sub_epi32(_mm512_srli_epi32(pair, 16), start);
        x = _mm512_add_epi32(_mm512_mullo_epi32(freq, _mm512_srli_epi32(x, AC_PRECISION)), _mm512_sub_epi32(slot, start));
        _mm512_storeu_si512(own, refill(x, lanes, next));
    }
}

/* Takes the raw bits; returns the half differences of 16-bit lanes' cells in `start`. */
INLINE void decode_raws(const uint8_t **next, const uint32_t states, uint32_t *state, const int32_t *bits, int32_t *start)
{
    const uint32_t round = states < 16 ? states : 16;
    const __mmask16 lanes = (__mmask16)((1u << round) - 1);
    for (uint32_t first = 0; first < AC_GROUP; first += round) {
        uint32_t *own = state + (first & (states - 1));
        const __m512i x = _mm512_loadu_si512(own), n = _mm512_loadu_si512(bits + first);
        const __m512i raw = _mm512_andnot_si512(_mm512_sllv_epi32(_mm512_set1_epi32(-1), n), x);
        _mm512_mask_storeu_epi32(start + first, lanes, _mm512_add_epi32(_mm512_loadu_si512(start + first), raw));
        _mm512_storeu_si512(own, refill(_mm512_srlv_epi32(x, n), lanes, next));
    }
}

INLINE const uint8_t *decode_group_of(ac_lanes *a, uint32_t first, const uint8_t *next, const uint32_t states, uint32_t *state)
{
    const ac_group *g = &a->group;
    _Alignas(64) uint16_t symbol[AC_GROUP];
    uint16_t *at = ac_lanes_samples(a, first);
    decode_symbols(a, &next, states, state, symbol);
    const vec s = v_load(symbol), bias = SET16(AC_BIAS);
    const vec half = V(max_epi16)(V(sub_epi16)(s, SET16(32)), V(sub_epi16)(SET16(31), s));
    const uint32_t tails = v_greater16(half, v_load(g->last_core));
    vec value;
    if (!g->any_k && !tails) {
        const vec base = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi32_epi16(v_load(g->base))), _mm512_cvtepi32_epi16(v_load(g->base + 16)), 1);
        value = V(add_epi16)(base, V(sub_epi16)(s, SET16(32)));
    } else {
        _Alignas(64) int32_t start[AC_GROUP + 16], bits[AC_GROUP + 16];
        for (int h = 0; h < 2; h++) {
            const vec k = v_widen(v_load(g->k), h);
            v_store(bits + 16 * h, k);
            v_store(start + 16 * h, V(sllv_epi32)(v_widen(half, h), k));
        }
        v_store(bits + AC_GROUP, v_zero());
        ac_tail_cells(tails, g, symbol, start, bits);
        decode_raws(&next, states, state, bits, start);
        __m256i part[2];
        for (int h = 0; h < 2; h++) {
            const vec flip = V(srai_epi32)(V(sub_epi32)(v_widen(s, h), SET32(32)), 31);
            part[h] = _mm512_cvtepi32_epi16(V(add_epi32)(v_load(g->base + 16 * h), v_xor(v_load(start + 16 * h), flip)));
        }
        value = _mm512_inserti64x4(_mm512_castsi256_si512(part[0]), part[1], 1);
    }
    v_store(at, v_select16(v_load(a->active + first), v_xor(value, bias), v_load(at - AC_ROW)));
    return next;
}

HOT const uint8_t *decode_group(ac_lanes *a, uint32_t first, const uint8_t *next, uint32_t states, uint32_t *state)
{
    if (states == 32) return decode_group_of(a, first, next, 32, state);
    if (states == 16) return decode_group_of(a, first, next, 16, state);
    if (states == 8) return decode_group_of(a, first, next, 8, state);
    return decode_group_of(a, first, next, states, state);
}

static void record_group(ac_lanes *a, uint32_t first, const uint16_t *at, ac_records *out)
{
    const ac_group *g = &a->group;
    const uint16_t *cum = a->model->tables.cum;
    _Alignas(64) uint32_t place[AC_GROUP];
    _Alignas(64) int32_t difference[AC_GROUP];
    uint32_t *raws = out->raws + AC_GROUP * out->raw_groups, *pairs = out->pairs + AC_GROUP * out->groups, tails = 0;
    const vec value = v_xor(v_load(at), SET16(AC_BIAS)), active = v_load(a->active + first), ks = v_load(g->k), tables = v_load(g->table);
    for (int h = 0; h < 2; h++) {
        const vec d = v_select_half(active, h, V(sub_epi32)(v_widen(value, h), v_load(g->base + 16 * h)), v_zero());
        const vec sign = V(srai_epi32)(d, 31), half = v_xor(d, sign), k = v_widen(ks, h), cell = V(srlv_epi32)(half, k);
        const vec symbol = v_select_half(active, h, V(add_epi32)(v_xor(cell, sign), SET32(32)), v_zero());
        v_store(difference + 16 * h, d);
        v_store(place + 16 * h, V(add_epi32)(V(slli_epi32)(v_widen(tables, h), 6), symbol));
        v_store(raws + 16 * h, v_or(V(sub_epi32)(half, V(sllv_epi32)(cell, k)), V(slli_epi32)(k, 16)));
        tails |= (uint32_t)_mm512_cmpgt_epi32_mask(cell, v_widen(v_load(g->last_core), h)) << (16 * h);
    }
    ac_tail_symbols(tails, g, difference, place, raws);
    UNROLL for (int i = 0; i < AC_GROUP; i++) memcpy(&pairs[i], cum + place[i], sizeof *pairs);
    const int has_raws = g->any_k || tails;
    out->has_raws[out->groups++] = (uint8_t)has_raws;
    out->raw_groups += (size_t)has_raws;
}

INLINE __m512i spill_words(__m512i x, __m512i full, const uint32_t round, uint16_t **end)
{
    return spill(x, (__mmask16)(_mm512_movepi32_mask(full) & ((1u << round) - 1)), end);
}

INLINE void push_pair(uint32_t *own, const uint32_t *pairs, const uint32_t round, uint16_t **end)
{
    const __mmask16 lanes = (__mmask16)((1u << round) - 1);
    __m512i x = _mm512_loadu_si512(own);
    const __m512i pair = _mm512_mask_loadu_epi32(_mm512_set1_epi32(1 << 16), lanes, pairs);
    const __m512i start = _mm512_and_si512(pair, _mm512_set1_epi32(0xffff)), freq = _mm512_sub_epi32(_mm512_srli_epi32(pair, 16), start);
    x = spill(x, _mm512_mask_cmpge_epu32_mask(lanes, _mm512_srli_epi32(x, 32 - AC_PRECISION), freq), end);
    const __m512i quotient = divide(x, freq), rest = _mm512_sub_epi32(x, _mm512_mullo_epi32(quotient, freq));
    _mm512_storeu_si512(own, _mm512_add_epi32(_mm512_slli_epi32(quotient, AC_PRECISION), _mm512_add_epi32(rest, start)));
}

INLINE uint16_t *push_states(const ac_records *records, const uint32_t states, uint32_t *state, uint16_t *end)
{
    const uint32_t round = states < 16 ? states : 16;
    const __mmask16 lanes = (__mmask16)((1u << round) - 1);
    const uint32_t *raws = records->raws + AC_GROUP * records->raw_groups, *pairs = records->pairs + AC_GROUP * records->groups;
    for (size_t group = records->groups; group-- > 0;) {
        if (records->has_raws[group]) {
            raws -= AC_GROUP;
            for (uint32_t first = AC_GROUP; first > 0;) {
                first -= round;
                uint32_t *own = state + (first & (states - 1));
                __m512i x = _mm512_loadu_si512(own);
                const __m512i r = _mm512_maskz_loadu_epi32(lanes, raws + first), n = _mm512_srli_epi32(r, 16);
                const __m512i beyond = _mm512_srlv_epi32(x, _mm512_sub_epi32(_mm512_set1_epi32(32), n));
                x = spill(x, _mm512_mask_test_epi32_mask(lanes, beyond, beyond), &end);
                _mm512_storeu_si512(own, _mm512_or_si512(_mm512_sllv_epi32(x, n), _mm512_and_si512(r, _mm512_set1_epi32(0xffff))));
            }
        }
        pairs -= AC_GROUP;
        for (uint32_t first = AC_GROUP; first > 0;) {
            first -= round;
            push_pair(state + (first & (states - 1)), pairs + first, round, &end);
        }
    }
    return end;
}

HOT uint16_t *push(const ac_records *records, uint32_t states, uint32_t *state, uint16_t *end)
{
    if (states == 32) return push_states(records, 32, state, end);
    if (states == 16) return push_states(records, 16, state, end);
    return push_states(records, states, state, end);
}
