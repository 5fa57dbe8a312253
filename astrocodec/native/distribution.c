#include "distribution.h"

#include <stdlib.h>

#include "bytes.h"

const ac_layout ac_layouts[3] = {
    {3, 7, {0, 1, 2, 3, 5, 13, 77}, {0, 0, 0, 1, 3, 6, 16}},
    {10, 18, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 24, 40, 104, 360, 2408}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 6, 8, 11, 16}},
    {24,
     31,
     {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 32, 48, 80, 208, 720, 4816},
     {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 5, 7, 9, 12, 16}},
};

enum { TAIL_KNOTS = 40, CENTRE_KNOTS = 513, ONE_BITS = 30 };

/* round(2^20 * 2^(-r/8)) */
static const uint32_t inverse_scale[8] = {1048576, 961548, 881744, 808563, 741455, 679917, 623487, 571740};

/* The shape's cumulative function at t / 4096, by linear interpolation; knots as in docs/format.md. */
static uint32_t cumulative(const uint32_t *knots, int64_t t)
{
    const int64_t edge = 16 << 12;
    if (t >= -edge && t < edge) {
        const uint32_t *k = knots + TAIL_KNOTS + ((t + edge) >> 8);
        return k[0] + (uint32_t)(((uint64_t)(k[1] - k[0]) * (uint64_t)(t & 255)) >> 8);
    }
    const uint64_t a = (uint64_t)(t < 0 ? -t : t);
    int e = 0;
    while (a >> (e + 17)) e++;
    const uint64_t half = (a >> (e + 15)) & 1, n = 2 * (uint64_t)e + half;
    if (n >= TAIL_KNOTS) return t < 0 ? 0 : 1u << ONE_BITS;
    const uint64_t fraction = a - ((2 + half) << (e + 15));
    const uint32_t *near = t < 0 ? knots + TAIL_KNOTS - n : knots + TAIL_KNOTS + CENTRE_KNOTS - 1 + n;
    const uint32_t *far = t < 0 ? near - 1 : near + 1;
    if (t < 0) return *near - (uint32_t)(((uint64_t)(*near - *far) * fraction) >> (e + 15));
    return *near + (uint32_t)(((uint64_t)(*far - *near) * fraction) >> (e + 15));
}

/* One table: scale index q of 0..63 (56.. are buckets), sub-pixel phase in 1/32. */
static void build_table(const uint32_t *knots, int q, int phase32, uint16_t *cum)
{
    const int octave = q >> 3;
    const ac_layout *layout = &ac_layouts[octave < 2 ? 0 : octave < 5 ? 1 : 2];
    const int half = q >= AC_FIRST_BUCKET ? 0 : 16, shift = 9 + (octave > 6 ? 6 : octave);
    const int used = 2 * layout->count, first = 32 - layout->count;
    for (int s = 0; s < AC_SYMBOLS; s++) {
        const int j = s - first;
        if (j <= 0) {
            cum[s] = 0;
        } else if (j >= used) {
            cum[s] = AC_TOTAL;
        } else {
            const int32_t edge = s < 32 ? -(int32_t)layout->offset[32 - s] : layout->offset[s - 32];
            const int64_t t = ((int64_t)(32 * edge - half - phase32) * inverse_scale[q & 7]) >> shift;
            cum[s] = (uint16_t)(j + (int)(((uint64_t)cumulative(knots, t) * (uint64_t)(AC_TOTAL - used)) >> ONE_BITS));
        }
    }
}

int ac_tables_build(const uint8_t *shapes, size_t length, ac_tables *out)
{
    if (length < 4) return AC_ERROR_MODEL;
    const size_t tails = shapes[0], skews = shapes[1], n = tails * skews;
    if (!n || n > 64 || shapes[2] || shapes[3] || length != 4 + n * AC_KNOTS * 4) return AC_ERROR_MODEL;
    uint16_t *cum = aligned_alloc(64, (n * AC_TABLES_PER_SHAPE + 1) * AC_SYMBOLS * sizeof *cum);
    if (!cum) return AC_ERROR_MEMORY;
    uint16_t *table = cum;
    for (size_t shape = 0; shape < n; shape++) {
        uint32_t knots[AC_KNOTS];
        for (size_t i = 0; i < AC_KNOTS; i++) {
            knots[i] = ac_get_u32(shapes + 4 + (shape * AC_KNOTS + i) * 4);
            if (knots[i] > 1u << ONE_BITS || (i && knots[i] < knots[i - 1])) {
                free(cum);
                return AC_ERROR_MODEL;
            }
        }
        for (int q = 0; q < 64; q++) {
            static const uint8_t phase_bits[8] = {3, 3, 4, 4, 3, 2, 1, 0};
            const int pb = phase_bits[q >> 3];
            for (int phase = 0; phase < 1 << pb; phase++, table += AC_SYMBOLS) build_table(knots, q, phase << (5 - pb), table);
        }
    }
    for (int s = 0; s < AC_SYMBOLS; s++) table[s] = s ? AC_TOTAL : 0;
    *out = (ac_tables){(uint8_t)tails, (uint8_t)skews, cum, n * AC_TABLES_PER_SHAPE};
    return AC_OK;
}
