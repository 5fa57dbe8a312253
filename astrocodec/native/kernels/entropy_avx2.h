/* Symbols, raw bits and rANS of a group with AVX2. States are taken 8 at a time, or as many as there are; lanes that
 * share a state come one round later. */

/* Bytes of 64 bits per 8-bit mask. Expand: byte i is the number of set bits below i. Compress: the places of the set bits, up to
 * byte 7. */
#define BIT(m, i) ((uint64_t)((m) >> (i)&1))
#define BELOW1(m) BIT(m, 0)
#define BELOW2(m) (BELOW1(m) + BIT(m, 1))
#define BELOW3(m) (BELOW2(m) + BIT(m, 2))
#define BELOW4(m) (BELOW3(m) + BIT(m, 3))
#define BELOW5(m) (BELOW4(m) + BIT(m, 4))
#define BELOW6(m) (BELOW5(m) + BIT(m, 5))
#define BELOW7(m) (BELOW6(m) + BIT(m, 6))
#define EXPAND(m) \
    (BELOW1(m) << 8 | BELOW2(m) << 16 | BELOW3(m) << 24 | BELOW4(m) << 32 | BELOW5(m) << 40 | BELOW6(m) << 48 | BELOW7(m) << 56)
#define PLACE(m, i, below) (BIT(m, i) * i << 8 * (below))
#define UNSET(m) (8 - BELOW7(m) - BIT(m, 7))
#define COMPRESS(m) \
    ((PLACE(m, 1, BELOW1(m)) | PLACE(m, 2, BELOW2(m)) | PLACE(m, 3, BELOW3(m)) | PLACE(m, 4, BELOW4(m)) | PLACE(m, 5, BELOW5(m)) | \
     PLACE(m, 6, BELOW6(m)) | PLACE(m, 7, BELOW7(m))) << 4 * UNSET(m) << 4 * UNSET(m))
#define ROW4(f, m) f(m), f((m) + 1), f((m) + 2), f((m) + 3)
#define ROW16(f, m) ROW4(f, m), ROW4(f, (m) + 4), ROW4(f, (m) + 8), ROW4(f, (m) + 12)
#define ROW64(f, m) ROW16(f, m), ROW16(f, (m) + 16), ROW16(f, (m) + 32), ROW16(f, (m) + 48)
static const uint64_t expand_order[256] = {ROW64(EXPAND, 0), ROW64(EXPAND, 64), ROW64(EXPAND, 128), ROW64(EXPAND, 192)};
static const uint64_t compress_order[256] = {ROW64(COMPRESS, 0), ROW64(COMPRESS, 64), ROW64(COMPRESS, 128), ROW64(COMPRESS, 192)};

INLINE __m256i permute(__m256i v, const uint64_t *order)
{
    return _mm256_permutevar8x32_epi32(v, _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)order)));
}

/* 32-bit unsigned lanes of one half as doubles: under the exponent of 2^52 they are its last bits */
INLINE __m256d to_double(__m256i low_or_high)
{
    const __m256i exponent = _mm256_set1_epi64x(0x4330000000000000);
    return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(low_or_high, exponent)), _mm256_castsi256_pd(exponent));
}

INLINE __m256i divide(__m256i x, __m256i f)
{
    /* x / f < 2^18 differs from the next integer by at least 1 / f >= 2^-14, the quotient's rounding is below 2^-34: truncation is exact */
    const __m256i zero = _mm256_setzero_si256();
    const __m256d q0 = _mm256_div_pd(to_double(_mm256_unpacklo_epi32(x, zero)), to_double(_mm256_unpacklo_epi32(f, zero)));
    const __m256d q1 = _mm256_div_pd(to_double(_mm256_unpackhi_epi32(x, zero)), to_double(_mm256_unpackhi_epi32(f, zero)));
    const __m256i ordered = _mm256_set_m128i(_mm256_cvttpd_epi32(q1), _mm256_cvttpd_epi32(q0)); /* 0 1 4 5 | 2 3 6 7 */
    return _mm256_permute4x64_epi64(ordered, 0xd8);
}

/* The lanes of a state vector that are below AC_RANS_LOW take a word each. */
INLINE __m256i refill(__m256i x, const int lanes, const uint8_t **next)
{
    const __m256i low = _mm256_cmpeq_epi32(_mm256_srli_epi32(x, 16), _mm256_setzero_si256());
    const int mask = _mm256_movemask_ps(_mm256_castsi256_ps(low)) & lanes;
    const __m256i words = permute(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)*next)), &expand_order[mask]);
    *next += 2 * __builtin_popcount((unsigned)mask);
    return _mm256_blendv_epi8(x, _mm256_or_si256(_mm256_slli_epi32(x, 16), words), low);
}

/* Lanes of a state vector that are full give up a word each, the last lane's first as the stream is written backwards.
 * Eight words are stored, those before the new end mean nothing. */
INLINE __m256i spill(__m256i x, __m256i full, const int lanes, uint16_t **end)
{
    const int mask = _mm256_movemask_ps(_mm256_castsi256_ps(full)) & lanes;
    const __m256i words = _mm256_and_si256(permute(x, &compress_order[mask]), _mm256_set1_epi32(0xffff));
    _mm_storeu_si128((__m128i *)(*end - 8), _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
    *end -= __builtin_popcount((unsigned)mask);
    return _mm256_blendv_epi8(x, _mm256_srli_epi32(x, 16), full);
}

/* The symbol of a slot: the last of the table's cumulative frequencies that is not beyond it. */
INLINE uint32_t find_symbol(const uint16_t *table, uint32_t slot)
{
    const __m256i s = _mm256_set1_epi16((short)slot);
    const __m256i low = _mm256_packs_epi16(_mm256_cmpgt_epi16(v_load(table), s), _mm256_cmpgt_epi16(v_load(table + 16), s));
    const __m256i high = _mm256_packs_epi16(_mm256_cmpgt_epi16(v_load(table + 32), s), _mm256_cmpgt_epi16(v_load(table + 48), s));
    const uint64_t beyond = (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
    return 63 - (uint32_t)__builtin_popcountll(beyond);
}

/* Four symbols, and the cumulative frequencies below and above each. Vectors put together in registers are there sooner
 * than what narrow stores leave for a wide load. */
INLINE __m128i find_four(const uint16_t *cum, const uint16_t *tables, const uint32_t *slots, uint16_t *symbol)
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
    const uint32_t round = states < 8 ? states : 8;
    for (uint32_t first = 0; first < AC_GROUP; first += round) {
        _Alignas(32) uint32_t slots[8];
        uint32_t *own = state + (first & (states - 1));
        __m256i x = v_load(own);
        const __m256i slot = _mm256_and_si256(x, _mm256_set1_epi32(AC_TOTAL - 1));
        v_store(slots, slot);
        __m256i pair;
        if (round == 8) {
            const __m128i low = find_four(cum, tables + first, slots, symbol + first);
            pair = _mm256_set_m128i(find_four(cum, tables + first + 4, slots + 4, symbol + first + 4), low);
        } else {
            _Alignas(32) uint32_t pairs[8] = {0};
            for (uint32_t i = 0; i < round; i++) {
                const uint16_t *table = cum + (size_t)tables[first + i] * AC_SYMBOLS;
                const uint32_t found = find_symbol(table, slots[i]);
                memcpy(&pairs[i], table + found, sizeof pairs[i]);
                symbol[first + i] = (uint16_t)found;
            }
            pair = v_load(pairs);
        }
        const __m256i start = _mm256_and_si256(pair, _mm256_set1_epi32(0xffff)), freq = _mm256_sub_epi32(_mm256_srli_epi32(pair, 16), start);
        x = _mm256_add_epi32(_mm256_mullo_epi32(freq, _mm256_srli_epi32(x, AC_PRECISION)), _mm256_sub_epi32(slot, start));
        v_store(own, refill(x, (1 << round) - 1, next));
    }
}

/* Takes the raw bits and adds them to `start`. Rounds of fewer than 8 lanes come in order, so that what they add beyond is replaced. */
INLINE void decode_raws(const uint8_t **next, const uint32_t states, uint32_t *state, const int32_t *bits, const int32_t *start, int32_t *half)
{
    const uint32_t round = states < 8 ? states : 8;
    for (uint32_t first = 0; first < AC_GROUP; first += round) {
        uint32_t *own = state + (first & (states - 1));
        const __m256i x = v_load(own), n = v_load(bits + first);
        const __m256i raw = _mm256_andnot_si256(_mm256_sllv_epi32(_mm256_set1_epi32(-1), n), x);
        v_store(half + first, _mm256_add_epi32(v_load(start + first), raw));
        v_store(own, refill(_mm256_srlv_epi32(x, n), (1 << round) - 1, next));
    }
}

INLINE const uint8_t *decode_group_of(ac_lanes *a, uint32_t first, const uint8_t *next, const uint32_t states, uint32_t *state)
{
    const ac_group *g = &a->group;
    const vec bias = SET16(AC_BIAS);
    _Alignas(32) uint16_t symbol[AC_GROUP];
    uint16_t *at = ac_lanes_samples(a, first);
    uint32_t tails = 0;
    vec half[2];
    decode_symbols(a, &next, states, state, symbol);
    for (int j = 0; j < 2; j++) {
        const vec s = v_load(symbol + 16 * j);
        half[j] = V(max_epi16)(V(sub_epi16)(s, SET16(32)), V(sub_epi16)(SET16(31), s));
        tails |= v_greater16(half[j], v_load(g->last_core + 16 * j)) << (16 * j);
    }
    if (!g->any_k && !tails) {
        for (int j = 0; j < 2; j++) {
            const vec low = SET32(0xffff), s = v_load(symbol + 16 * j);
            const vec base = V(permute4x64_epi64)(V(packus_epi32)(v_and(v_load(g->base + 16 * j), low), v_and(v_load(g->base + 16 * j + 8), low)), 0xd8);
            const vec value = V(add_epi16)(base, V(sub_epi16)(s, SET16(32 - AC_BIAS)));
            v_store(at + 16 * j, v_select16(v_load(a->active + first + 16 * j), value, v_load(at + 16 * j - AC_ROW)));
        }
        return next;
    }
    _Alignas(32) int32_t start[AC_GROUP + 8], bits[AC_GROUP + 8], sum[AC_GROUP + 8];
    for (int h = 0; h < 4; h++) {
        const vec k = v_widen(v_load(g->k + 16 * (h / 2)), h & 1);
        v_store(bits + 8 * h, k);
        v_store(start + 8 * h, V(sllv_epi32)(v_widen(half[h / 2], h & 1), k));
    }
    v_store(bits + AC_GROUP, v_zero());
    v_store(start + AC_GROUP, v_zero());
    ac_tail_cells(tails, g, symbol, start, bits);
    decode_raws(&next, states, state, bits, start, sum);
    for (int j = 0; j < 2; j++) {
        vec part[2];
        for (int h = 0; h < 2; h++) {
            const vec flip = V(srai_epi32)(V(sub_epi32)(v_widen(v_load(symbol + 16 * j), h), SET32(32)), 31);
            part[h] = v_and(V(add_epi32)(v_load(g->base + 16 * j + 8 * h), v_xor(v_load(sum + 16 * j + 8 * h), flip)), SET32(0xffff));
        }
        const vec value = v_xor(V(permute4x64_epi64)(V(packus_epi32)(part[0], part[1]), 0xd8), bias);
        v_store(at + 16 * j, v_select16(v_load(a->active + first + 16 * j), value, v_load(at + 16 * j - AC_ROW)));
    }
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
    _Alignas(32) uint32_t place[AC_GROUP];
    _Alignas(32) int32_t difference[AC_GROUP];
    uint32_t *raws = out->raws + AC_GROUP * out->raw_groups, *pairs = out->pairs + AC_GROUP * out->groups, tails = 0;
    for (int h = 0; h < 4; h++) {
        const int i = 8 * h;
        const vec value = V(cvtepu16_epi32)(_mm_xor_si128(_mm_loadu_si128((const __m128i *)(at + i)), _mm_set1_epi16((short)AC_BIAS)));
        const vec active = V(cvtepi16_epi32)(_mm_loadu_si128((const __m128i *)(a->active + first + i)));
        const vec k = V(cvtepu16_epi32)(_mm_loadu_si128((const __m128i *)(g->k + i))), table = V(cvtepu16_epi32)(_mm_loadu_si128((const __m128i *)(g->table + i)));
        const vec d = v_and(V(sub_epi32)(value, v_load(g->base + i)), active);
        const vec sign = V(srai_epi32)(d, 31), half = v_xor(d, sign), cell = V(srlv_epi32)(half, k);
        v_store(difference + i, d);
        v_store(place + i, V(add_epi32)(V(slli_epi32)(table, 6), v_and(V(add_epi32)(v_xor(cell, sign), SET32(32)), active)));
        v_store(raws + i, v_or(V(sub_epi32)(half, V(sllv_epi32)(cell, k)), V(slli_epi32)(k, 16)));
        const vec tail = V(cmpgt_epi32)(cell, V(cvtepu16_epi32)(_mm_loadu_si128((const __m128i *)(g->last_core + i))));
        tails |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(tail)) << i;
    }
    ac_tail_symbols(tails, g, difference, place, raws);
    UNROLL for (int i = 0; i < AC_GROUP; i++) memcpy(&pairs[i], cum + place[i], sizeof *pairs);
    const int has_raws = g->any_k || tails;
    out->has_raws[out->groups++] = (uint8_t)has_raws;
    out->raw_groups += (size_t)has_raws;
}

INLINE __m256i spill_words(__m256i x, __m256i full, const uint32_t round, uint16_t **end) { return spill(x, full, (1 << round) - 1, end); }

INLINE void push_pair(uint32_t *own, const uint32_t *pairs, const uint32_t round, uint16_t **end)
{
    __m256i x = v_load(own);
    const __m256i pair = v_load(pairs), start = v_and(pair, _mm256_set1_epi32(0xffff)), freq = _mm256_sub_epi32(_mm256_srli_epi32(pair, 16), start);
    /* x >> 18 < 2^14 and freq are positive as signed numbers */
    const __m256i roomy = _mm256_cmpgt_epi32(freq, _mm256_srli_epi32(x, 32 - AC_PRECISION));
    x = spill_words(x, v_xor(roomy, _mm256_set1_epi32(-1)), round, end);
    const __m256i quotient = divide(x, freq), rest = _mm256_sub_epi32(x, _mm256_mullo_epi32(quotient, freq));
    v_store(own, _mm256_add_epi32(_mm256_slli_epi32(quotient, AC_PRECISION), _mm256_add_epi32(rest, start)));
}

INLINE uint16_t *push_states(const ac_records *records, const uint32_t states, uint32_t *state, uint16_t *end)
{
    const uint32_t round = states < 8 ? states : 8;
    const int lanes = (1 << round) - 1;
    const uint32_t *raws = records->raws + AC_GROUP * records->raw_groups, *pairs = records->pairs + AC_GROUP * records->groups;
    for (size_t group = records->groups; group-- > 0;) {
        if (records->has_raws[group]) {
            raws -= AC_GROUP;
            for (uint32_t first = AC_GROUP; first > 0;) {
                first -= round;
                uint32_t *own = state + (first & (states - 1));
                __m256i x = v_load(own);
                const __m256i r = v_load(raws + first), n = _mm256_srli_epi32(r, 16);
                const __m256i beyond = _mm256_srlv_epi32(x, _mm256_sub_epi32(_mm256_set1_epi32(32), n));
                const __m256i free = _mm256_cmpeq_epi32(beyond, v_zero());
                x = spill(x, v_xor(free, _mm256_set1_epi32(-1)), lanes, &end);
                v_store(own, v_or(_mm256_sllv_epi32(x, n), v_and(r, _mm256_set1_epi32(0xffff))));
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
