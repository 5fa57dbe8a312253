#include "bits_about.h"

#include <string.h>

#include "wide_vectors.h"

/* log512, which a float's bits hold, of 1 and more. */
static inline __attribute__((always_inline)) uint32_t row_bits(const uint16_t *row, const uint16_t *north, size_t columns)
{
    uint32_t sum = 0;
    for (size_t x = 1; x < columns; x++) {
        const int32_t off = (int16_t)(row[x] - ((row[x - 1] + north[x]) >> 1));
        const float v = (float)(1 + (off < 0 ? -off : off));
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        sum += (bits >> 14) - (127 << 9);
    }
    return sum;
}

static uint32_t row_bits_plain(const uint16_t *row, const uint16_t *north, size_t columns) { return row_bits(row, north, columns); }
WIDE_VECTORS static uint32_t row_bits_wide(const uint16_t *row, const uint16_t *north, size_t columns) { return row_bits(row, north, columns); }

uint32_t ac_row_bits(const uint16_t *row, const uint16_t *north, size_t columns)
{
    return (HAS_WIDE_VECTORS ? row_bits_wide : row_bits_plain)(row, north, columns);
}
