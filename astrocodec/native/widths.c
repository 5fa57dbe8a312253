#include "widths.h"

#include <stdlib.h>
#include <string.h>

#include "bits.h"

/* Rows of a table, that without displacements first. */
static int build_rows(ac_widths *w)
{
    const int m = w->period_bits;
    size_t size = 1 + AC_WIDTH_ROW_MORE;
    for (int k = 0; k < m; k++) {
        w->first[k] = (uint32_t)size;
        size += ((size_t)AC_WIDTH_ROW_MORE + (1u << (m - k))) << k;
    }
    w->memory = calloc(size + 1, sizeof *w->memory);
    if (!w->memory) return AC_ERROR_MEMORY;
    w->rows = w->memory + 1;
    for (int k = 0; k < m; k++) {
        int16_t *row = w->rows + w->first[k];
        const int32_t period = 1 << (m - k);
        for (int32_t code = 0; code < 1 << k; code++, row += period + AC_WIDTH_ROW_MORE)
            for (int32_t i = 0; i < period + AC_WIDTH_ROW_MORE; i++) row[i] = (int16_t)(ac_width_below(w, code + i * (1 << k)) * (1 << (9 - k)));
    }
    return AC_OK;
}

static void build_cells(ac_widths *w)
{
    for (int k = 0; k <= AC_MOST_BUCKET_BITS; k++)
        for (int32_t code = 0; code < 1 << AC_MAX_PERIOD_BITS; code++) {
            const int32_t below = ac_width_below(w, code), whole = (64 << k) + ac_width_below(w, code + (1 << k)) - below;
            w->cells[k][code] = whole * 256 | (below & 255);
        }
}

/* Each half period as its difference to the one before it. */
static int read_table(ac_bit_reader *b, ac_widths *w)
{
    int32_t d[1 << AC_MAX_PERIOD_BITS] = {0};
    w->period_bits = (int)ac_take_bits(b, 4);
    if (w->period_bits < 1 || w->period_bits > AC_MAX_PERIOD_BITS) return AC_ERROR_MODEL;
    const int32_t period = 1 << w->period_bits;
    for (int32_t at = 0, n = 1; at < period; at += n, n = at) {
        memcpy(d + at, d, (size_t)(at ? n : 0) * sizeof *d);
        const uint32_t k = (uint32_t)ac_take_bits(b, 4);
        for (int32_t i = at; k != AC_NO_DIFFERENCE && i < at + n; i++) {
            const uint64_t z = ac_take_rice(b, k);
            if (z > 4 * AC_MAX_DISPLACEMENT) return AC_ERROR_MODEL;
            d[i] += (int32_t)ac_unfolded(z);
        }
    }
    if (b->is_short) return AC_ERROR_TRUNCATED;
    for (int32_t i = 0; i < period; i++) {
        if (abs(d[i]) > AC_MAX_DISPLACEMENT || 64 + d[(i + 1) & (period - 1)] - d[i] < AC_LEAST_WIDTH) return AC_ERROR_MODEL;
        w->below[i] = (int8_t)d[i];
    }
    for (size_t i = (size_t)period; i < sizeof w->below; i++) w->below[i] = w->below[i - (size_t)period];
    build_cells(w);
    return build_rows(w);
}

int ac_widths_read(const uint8_t *block, size_t length, ac_widths **out, uint32_t *count)
{
    *out = NULL;
    *count = 0;
    if (!length) return AC_OK;
    if (!block[0] || block[0] > AC_MAX_WIDTH_TABLES) return AC_ERROR_MODEL;
    ac_widths *w = calloc(block[0], sizeof *w);
    if (!w) return AC_ERROR_MEMORY;
    ac_bit_reader bits = {block + 1, length - 1, 0, 0};
    int status = AC_OK;
    for (uint32_t i = 0; !status && i < block[0]; i++) status = read_table(&bits, &w[i]);
    if (!status && !(ac_take_padding(&bits) && bits.at == 8 * bits.length)) status = AC_ERROR_MODEL;
    if (status) {
        ac_widths_free(w, block[0]);
        return status;
    }
    *out = w;
    *count = block[0];
    return AC_OK;
}

void ac_widths_free(ac_widths *widths, uint32_t count)
{
    for (uint32_t i = 0; widths && i < count; i++) free(widths[i].memory);
    free(widths);
}
