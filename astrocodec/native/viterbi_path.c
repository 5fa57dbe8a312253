#include <string.h>

#include "viterbi_rows.h"
#include "no_traps.h"

enum { LANES = FEW_LANES };
#define INLINE static inline __attribute__((always_inline))

typedef int16_t words __attribute__((vector_size(2 * LANES)));
typedef int32_t longs __attribute__((vector_size(4 * LANES)));
typedef float floats __attribute__((vector_size(4 * LANES)));
#define CHOOSE(mask, a, b) (((a) & (mask)) | ((b) & ~(mask)))

/* Squared distances for both grids (p) and both parities (b): [2 p + b]. */
INLINE void straight_distances(const words *at, words d[4])
{
    const words place = *at;
    const words r = (place + 32) >> 6, negative = r < 0, a = (r ^ negative) - negative; /* of ONE >> 6 */
    const words shifted = r - 128, below = shifted < 0, s = (shifted ^ below) - below, b = CHOOSE(s > 256, 512 - s, s);
    const words away[4] = {a, 256 - a, b, 256 - b}, far = (words){0} + FAR;
    const int16_t reach = (int16_t)(REACH * 256);
    typedef uint16_t squares __attribute__((vector_size(2 * LANES)));
    for (int i = 0; i < 4; i++) d[i] = CHOOSE(away[i] > reach, far, (words)((squares)(away[i] * away[i]) >> 4));
}

/* Likewise of integers, as the decoder rounds them: a step is so many of their units, of which `part` is the inverse. With few of them both parities may be far. */
INLINE void whole_distances(const words *at, const floats *unit, const floats *part, int is_fine, words d[4])
{
    const words place = *at, negative = place < 0, a = (place ^ negative) - negative;
    const words shifted = place - ONE / 2, below = shifted < 0, s = (shifted ^ below) - below, b = CHOOSE(s > ONE, 2 * ONE - 1 - s, s);
    const words away[2] = {a, b}, far = (words){0} + FAR;
    const floats to_units = *unit * OF_ONE, root = *part * 64; /* of SQUARE */
    const int16_t reach = (int16_t)(REACH * REACH * SQUARE);
    for (int i = 0; i < 4; i += 2) {
        const floats near = __builtin_convertvector(__builtin_convertvector(away[i / 2], longs), floats) * to_units;
        const floats e[2] = {(near + WHOLE_FLOAT - WHOLE_FLOAT) * root, (*unit - near + WHOLE_FLOAT - WHOLE_FLOAT) * root};
        for (int j = 0; j < 2; j++) d[i + j] = __builtin_convertvector(__builtin_convertvector(e[j] * e[j], longs), words);
        const words first = d[i], second = d[i + 1], less = first < second;
        d[i] = CHOOSE(is_fine ? (first > reach) & ~less : first > reach, far, first);
        d[i + 1] = CHOOSE(is_fine ? (second > reach) & less : second > reach, far, second);
        for (int j = i; is_fine && j < i + 2; j++) d[j] = CHOOSE(d[j] > FAR, far, d[j]);
    }
}

/* The null's step is even. */
INLINE void null_distances(const words *place, words d[4])
{
    const words null = *place == IS_NULL, none = {0}, far = none + FAR, off = none + OFF_PATH;
    d[0] = CHOOSE(null, none, d[0]), d[1] = CHOOSE(null, far, d[1]), d[2] = CHOOSE(null, off, d[2]), d[3] = CHOOSE(null, far, d[3]);
}

INLINE void advance(words cost[STATES], const words d[4], words *way)
{
    words next[STATES], ways = {0};
#pragma GCC unroll 8
    for (int s = 0; s < STATES; s++) {
        const words a = cost[BEFORE(s, 0)] + d[(s >> 2) * 2 + PARITY(s, 0)], b = cost[BEFORE(s, 1)] + d[(s >> 2) * 2 + PARITY(s, 1)];
        const words less = b < a;
        ways |= less & (int16_t)(1 << s);
        next[s] = CHOOSE(less, b, a);
    }
#pragma GCC unroll 8
    for (int s = 0; s < STATES; s++) cost[s] = next[s];
    *way = ways;
}

/* Of integers: a step in their units, in all lanes, from a tile's first column on. */
INLINE void take_units(const ac_rows *r, uint64_t x, floats *unit)
{
    for (int l = 0; l < LANES; l++) (*unit)[l] = (float)r->tile[l][x / r->t.tile_width].scale;
}

/* From the start of a run on to its end, and which states are the best there. */
INLINE void forward(const ac_rows *r, uint64_t first, uint64_t end, int is_whole, int is_bent, int is_fine, int has_null, words *found)
{
    words cost[STATES], d[4], way;
    floats unit = {0}, part = {0};
    for (int s = 0; s < STATES; s++) cost[s] = (words){0} + (int16_t)(s ? UNREACHED : 0);
    for (uint64_t x = first; x < end; x++) {
        words place;
        memcpy(&place, r->place + x * LANES, sizeof place);
        if (is_bent) {
            words parts;
            memcpy(&parts, r->unit + x * LANES, sizeof parts);
            unit = __builtin_convertvector(__builtin_convertvector(parts, longs), floats) * OF_UNIT, part = 1 / unit;
        } else if (is_whole && (x == first || x % r->t.tile_width == 0)) {
            take_units(r, x, &unit);
            part = 1 / unit;
        }
        if (is_whole) whole_distances(&place, &unit, &part, is_fine, d); else straight_distances(&place, d);
        if (has_null) null_distances(&place, d);
        advance(cost, d, &way);
        memcpy(r->way + x * LANES, &way, sizeof way);
        if (x & 1) continue;
        const words zero = cost[0];
        for (int s = 0; s < STATES; s++) cost[s] -= zero;
    }
    words best = {0}, least = cost[0];
    for (int s = 1; s < STATES; s++) {
        const words less = cost[s] < least;
        best = CHOOSE(less, (words){0} + (int16_t)s, best);
        least = CHOOSE(less, cost[s], least);
    }
    *found = best;
}

/* From the end back: which step of its pair's each is. Bits of states are masks. */
INLINE void back(const ac_rows *r, uint64_t first, uint64_t end, const words *found)
{
    const words best = *found;
    words s0 = -(best & 1), s1 = -(best >> 1 & 1), s2 = -(best >> 2 & 1), one = {0};
    for (int s = 0; s < STATES; s++) one |= (best == (int16_t)s) & (int16_t)(1 << s);
    for (uint64_t x = end; x-- > first;) {
        words at, place;
        memcpy(&at, r->way + x * LANES, sizeof at), memcpy(&place, r->place + x * LANES, sizeof place);
        const words way = (at & one) != 0, odd = s1 ^ way, is_half = s2; /* of the element, and the state before */
        s1 = s0 ^ s2, s0 = s2, s2 = way;
        const words low = 1 - s0, two = CHOOSE(s1, low << 2, low);
        one = CHOOSE(s2, two << 4, two);
        const words below = CHOOSE(is_half, place < (words){0} + ONE / 2, place < 0), even = is_half & (place < -ONE / 2) & -2;
        const words step = CHOOSE(odd, 1 + 2 * below, even), kept = CHOOSE(place == IS_NULL, place, step);
        memcpy(r->place + x * LANES, &kept, sizeof kept);
    }
}

INLINE void take_run(const ac_rows *r, uint64_t first, uint64_t end)
{
    words best;
    if (r->unit)
        forward(r, first, end, 1, 1, 1, r->q->has_null, &best);
    else if (r->is_whole && r->is_fine)
        forward(r, first, end, 1, 0, 1, r->q->has_null, &best);
    else if (r->is_whole)
        forward(r, first, end, 1, 0, 0, r->q->has_null, &best);
    else if (r->q->has_null)
        forward(r, first, end, 0, 0, 0, 1, &best);
    else
        forward(r, first, end, 0, 0, 0, 0, &best);
    back(r, first, end, &best);
}

static void run_plain(const ac_rows *r, uint64_t first, uint64_t end) { take_run(r, first, end); }
WIDE_VECTORS static void run_wide(const ac_rows *r, uint64_t first, uint64_t end) { take_run(r, first, end); }

void ac_rows_path(const ac_rows *r, uint64_t first, uint64_t end) { (HAS_WIDE_VECTORS ? run_wide : run_plain)(r, first, end); }
