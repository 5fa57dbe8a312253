#include <string.h>

#include "undither_parts.h"
#include "wide_vectors.h"

enum { PAIRS = 32, FIRST = 8, LEAST_FIRST = 6, LEAST = 18, NEAR = 16 /* of a step's 256 parts */, LANES = 32 };

void ac_undither_turns(uint8_t *turns)
{
    uint32_t states[AC_SEEDS];
    ac_dither_states(states);
    for (int i = 0; i < AC_SEEDS; i++) turns[i] = (uint8_t)(states[i] >> 23);
    memcpy(turns + AC_SEEDS, turns, AC_TURNS - AC_SEEDS);
}

/* Sorts by the upper 32 bits. */
static void sort_keys(uint64_t *keys, uint64_t *room, size_t n)
{
    for (uint32_t shift = 32; shift < 64; shift += 8) {
        uint32_t at[256] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++) at[keys[i] >> shift & 255]++;
        for (int b = 0; b < 256; b++) {
            const uint32_t c = at[b];
            at[b] = sum, sum += c;
        }
        for (size_t i = 0; i < n; i++) room[at[keys[i] >> shift & 255]++] = keys[i];
        uint64_t *t = keys;
        keys = room, room = t;
    }
}

void ac_undither_sort(const double *x, size_t n, size_t stride, ac_sorted *sorted)
{
    uint64_t keys[AC_MOST_SORTED], room[AC_MOST_SORTED];
    double low = INFINITY, high = -INFINITY;
    size_t count = 0;
    sorted->count = 0;
    for (size_t i = 0, taken = 0; i < n && taken < AC_MOST_SORTED; i += stride, taken++) {
        if (!(fabs(x[i]) < 1e300)) continue;
        low = x[i] < low ? x[i] : low, high = x[i] > high ? x[i] : high;
        keys[count++] = taken;
    }
    if (!(high - low > 0)) return;
    const double unit = 4294967295.0 / (high - low);
    if (!(unit < 1e300)) return;
    for (size_t i = 0; i < count; i++) keys[i] |= (uint64_t)(uint32_t)((x[keys[i] * stride] - low) * unit) << 32;
    sort_keys(keys, room, count);
    for (size_t i = 0; i < count; i++) {
        const uint32_t at = (uint32_t)keys[i];
        const double v = x[at * stride];
        if (sorted->count && sorted->x[sorted->count - 1] == v) continue;
        sorted->x[sorted->count] = v, sorted->at[sorted->count++] = (uint16_t)at;
    }
}

/* Two pixels whose values are close to each other. */
typedef struct {
    uint16_t a, b;
} pair;

/* The closest first, of equal ones the first. */
static size_t closest_pairs(const ac_sorted *s, pair *pairs)
{
    double apart[PAIRS];
    uint16_t behind[PAIRS];
    size_t n = 0;
    for (size_t i = 1; i < s->count; i++) {
        const double d = fabs(s->x[i] - s->x[i - 1]);
        if (n == PAIRS && !(d < apart[PAIRS - 1])) continue;
        size_t at = n < PAIRS ? n++ : PAIRS - 1;
        for (; at && apart[at - 1] > d; at--) apart[at] = apart[at - 1], behind[at] = behind[at - 1];
        apart[at] = d, behind[at] = (uint16_t)i;
    }
    for (size_t i = 0; i < n; i++) pairs[i] = (pair){s->at[behind[i] - 1], s->at[behind[i]]};
    return n;
}

static inline int agrees(const uint8_t *turn, pair p) { return (uint8_t)(turn[p.a] - turn[p.b] + 2 * NEAR) < 4 * NEAR; }

typedef uint8_t places __attribute__((vector_size(LANES)));

/* Adds which of some places a pair agrees with. */
static inline __attribute__((always_inline)) void add_agreeing(const uint8_t *turn, pair p, places *count)
{
    places a, b;
    memcpy(&a, turn + p.a, sizeof a);
    memcpy(&b, turn + p.b, sizeof b);
    *count -= (places)(a - b + NEAR < 2 * NEAR);
}

/* From place p on, the first of some of which one may do: how many of the first pairs agree with each; the four closest mostly tell that none does. */
static inline __attribute__((always_inline)) int next_places(const uint8_t *turns, const pair *pairs, int p, uint8_t *agree)
{
    for (; p < AC_SEEDS; p += LANES) {
        places count = {0};
        for (int j = 0; j < FIRST / 2; j++) add_agreeing(turns + p, pairs[j], &count);
        const places are_many = (places)(count > FIRST / 4);
        uint64_t any[LANES / 8];
        memcpy(any, &are_many, sizeof any);
        if (!(any[0] | any[1] | any[2] | any[3])) continue;
        for (int j = FIRST / 2; j < FIRST; j++) add_agreeing(turns + p, pairs[j], &count);
        memcpy(agree, &count, sizeof count);
        break;
    }
    return p;
}

static int next_plain(const uint8_t *turns, const pair *pairs, int p, uint8_t *agree) { return next_places(turns, pairs, p, agree); }
WIDE_VECTORS static int next_wide(const uint8_t *turns, const pair *pairs, int p, uint8_t *agree) { return next_places(turns, pairs, p, agree); }

size_t ac_undither_starts(const uint8_t *turns, const ac_sorted *sorted, uint16_t *starts, size_t most)
{
    pair pairs[PAIRS];
    int scores[8];
    size_t found = 0;
    if (closest_pairs(sorted, pairs) < PAIRS) return 0;
    uint8_t agree[LANES];
    int (*const next)(const uint8_t *, const pair *, int, uint8_t *) = HAS_WIDE_VECTORS ? next_wide : next_plain;
    for (int p = next(turns, pairs, 0, agree); p < AC_SEEDS; p = next(turns, pairs, p + LANES, agree)) {
        for (int i = 0; i < LANES && p + i < AC_SEEDS; i++) {
            if (agree[i] < LEAST_FIRST) continue;
            int score = agree[i];
            for (int j = FIRST; j < PAIRS; j++) score += agrees(turns + p + i, pairs[j]);
            if (score < LEAST || (found == most && score <= scores[most - 1])) continue;
            size_t at = found < most ? found++ : found - 1;
            for (; at && scores[at - 1] < score; at--) scores[at] = scores[at - 1], starts[at] = starts[at - 1];
            scores[at] = score, starts[at] = (uint16_t)(p + i);
        }
    }
    return found;
}
