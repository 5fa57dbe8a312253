#include "visibility/median.h"

#include <string.h>

#include "wide_vectors.h"

enum { INFINITE = 0x7f800000, FEW = 24, CLOSE = 1 << 23 };
#define INLINE static inline __attribute__((always_inline))
/* A body, built for all processors and for wide vectors. */
#define BUILD(type, name, parameters, ...)                                                                                                                \
    static WIDE_VECTORS type name##_wide parameters { return name##_body(__VA_ARGS__); }                                                                  \
    static type name parameters { return HAS_WIDE_VECTORS ? name##_wide(__VA_ARGS__) : name##_body(__VA_ARGS__); }

INLINE size_t up_to_body(const int32_t *bits, size_t count, int32_t most)
{
    int32_t found = 0;
    for (size_t i = 0; i < count; i++) found += bits[i] <= most;
    return (size_t)found;
}

INLINE int32_t least_above_body(const int32_t *bits, size_t count, int32_t above)
{
    int32_t least = AC_NO_MAGNITUDE;
    for (size_t i = 0; i < count; i++) {
        const int32_t other = bits[i] > above ? bits[i] : AC_NO_MAGNITUDE;
        least = other < least ? other : least;
    }
    return least;
}

BUILD(size_t, up_to, (const int32_t *bits, size_t count, int32_t most), bits, count, most)
BUILD(int32_t, least_above, (const int32_t *bits, size_t count, int32_t above), bits, count, above)

/* The one of a rank, counted from 0, of those above `low` and up to `high`, which are few. */
static int32_t of_few(const int32_t *bits, size_t count, int32_t low, int32_t high, size_t rank_among)
{
    int32_t few[FEW + 1];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        few[n] = bits[i];
        n += (bits[i] > low) & (bits[i] <= high);
    }
    for (size_t i = 1; i < n; i++) {
        const int32_t one = few[i];
        size_t at = i;
        for (; at && few[at - 1] > one; at--) few[at] = few[at - 1];
        few[at] = one;
    }
    return few[rank_among];
}

/* Where the one of a rank may be found: far apart in the middle, else in proportion, with some to spare on one side. */
static int32_t place_between(int32_t low, int32_t high, size_t among, size_t rank_among, int is_below)
{
    const int64_t apart = (int64_t)high - low, spare = is_below ? -FEW / 3 : FEW / 3;
    if (apart > CLOSE) return (int32_t)(low + apart / 2);
    const int64_t at = apart * ((int64_t)rank_among + spare) / (int64_t)among, least = (apart + 15) / 16, most = apart - least;
    return (int32_t)(low + (at < least ? least : at > most ? most : at));
}

static float float_of(int32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

size_t ac_median(const int32_t *bits, size_t count, float middle[2])
{
    int32_t low = -1, high = INFINITE;
    size_t before = 0, until = up_to(bits, count, high);
    const size_t known = until, rank = known ? (known - 1) / 2 : 0;
    middle[0] = middle[1] = 0;
    if (!known) return 0;
    for (int is_below = 1; until - before > FEW && high - low > 1; is_below = !is_below) { /* before <= rank < until */
        const int32_t between = place_between(low, high, until - before, rank - before, is_below);
        const size_t found = up_to(bits, count, between);
        if (found > rank)
            high = between, until = found;
        else
            low = between, before = found;
    }
    const int32_t first = high - low > 1 ? of_few(bits, count, low, high, rank - before) : high;
    middle[0] = middle[1] = float_of(first);
    if (known % 2 == 0 && up_to(bits, count, first) == rank + 1) middle[1] = float_of(least_above(bits, count, first));
    return known;
}
