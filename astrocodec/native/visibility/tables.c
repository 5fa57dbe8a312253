#include "visibility/tables.h"

#include "distribution.h"

/* Share below an edge, in 2^-24; edges are counted in 1/16 of a cell from the mean. */
static uint32_t share_below(uint32_t shape, uint32_t scale, int32_t edge)
{
    const uint32_t away = (uint32_t)(edge < 0 ? -edge : edge);
    const uint64_t place = ((uint64_t)away * inverse[scale & 7] << 4) >> (scale >> 3), last = AC_VIS_SHARES - 1;
    const uint64_t knot = place >> 16 < last ? place >> 16 : last, next = knot < last ? knot + 1 : last;
    const uint32_t share = shares[shape][knot] + (uint32_t)((shares[shape][next] - shares[shape][knot]) * (place & 0xffff) >> 16);
    return edge >= 0 ? share : (1u << 24) - share;
}

void ac_distances_make(ac_distances *t, uint32_t shape)
{
    for (uint32_t k = 0; k < AC_VIS_SCALES; k++) {
        const uint32_t reach = 2 + (6 * reaches[k & 7] << (k >> 3) >> 16), count = 2 * reach + 1;
        t->reach[k] = (uint8_t)reach;
        for (uint32_t j = 0; j < AC_VIS_PLACES; j++) {
            uint16_t *const c = t->cumulative[k][j];
            c[0] = 0, c[count] = AC_TOTAL;
            for (uint32_t i = 1; i < count; i++)
                c[i] = (uint16_t)(((uint64_t)share_below(shape, k, 16 * ((int32_t)i - (int32_t)reach) - 2 * (int32_t)j - 1) * (AC_TOTAL - count) >> 24) + i);
            for (uint32_t i = 0, symbol = 0; i < 1 << AC_GUESS_BITS; i++) {
                while (c[symbol + 1] <= i << (AC_PRECISION - AC_GUESS_BITS)) symbol++;
                t->guess[k][j][i] = (uint8_t)symbol;
            }
        }
    }
}
