#include "series.h"

#include <stdlib.h>
#include <string.h>

#include "bits.h"

enum { MAX_BITS = 16, VALUES = 1 << MAX_BITS, MAX_SERIES = 1 << 23 };

static uint64_t rows_of(const ac_planes *p) { return p->count * p->height; }

int ac_series_write(const ac_chain *c, const ac_planes *planes, const uint16_t *samples, uint8_t **out, size_t *length)
{
    const uint64_t rows = rows_of(planes);
    uint32_t most = 0, bits = 0;
    for (uint64_t i = 0; i < rows; i++) most = samples[i * planes->width] > most ? samples[i * planes->width] : most;
    while (most >> bits) bits++;
    const size_t packed = ac_bytes_of_bits((size_t)rows * bits);
    uint8_t *p = *out = malloc(AC_CHAIN_BOUND + packed);
    if (!p) return AC_ERROR_MEMORY;
    p += ac_put_varint(p, (uint64_t)c->base);
    p += ac_put_varint(p, (uint64_t)c->limit);
    p += ac_put_gains(p, c);
    *p++ = (uint8_t)bits;
    ac_bit_writer w = {p, packed, 0, 0};
    for (uint64_t i = 0; i < rows; i++) ac_put_bits(&w, samples[i * planes->width], bits);
    *length = (size_t)(p - *out) + packed;
    return AC_OK;
}

int ac_series_read(ac_reader *r, const ac_planes *planes, ac_series *s)
{
    const uint64_t rows = rows_of(planes);
    if (planes->width < 2) ac_fail_reader(r, AC_REASON_SERIES_COLUMNS, 0, planes->width, 2);
    if (rows > MAX_SERIES) ac_fail_reader(r, AC_REASON_SERIES_ROWS, 0, rows, MAX_SERIES);
    s->chain = (ac_chain){.scale = 256, .first = 256};
    s->chain.base = (int32_t)ac_take_varint(r, 65535);
    s->chain.limit = (int32_t)ac_take_varint(r, AC_MAX_CHAIN_LIMIT);
    ac_take_gains(r, &s->chain);
    const size_t bits_at = r->at;
    s->bits = ac_take_byte(r);
    if (s->bits > MAX_BITS) ac_fail_reader(r, AC_REASON_SERIES_BITS, bits_at, s->bits, MAX_BITS);
    if (r->why.status) return r->why.status;
    s->starts_length = ac_bytes_of_bits((size_t)rows * s->bits);
    s->starts = ac_take(r, s->starts_length);
    ac_bit_reader padding = {s->starts, s->starts_length, (size_t)rows * s->bits, 0};
    if (!r->why.status && !ac_take_padding(&padding)) ac_fail_reader(r, AC_REASON_SERIES_PADDING, r->at, 0, 0);
    if (r->at != r->length) ac_fail_reader(r, AC_REASON_PARAMETERS_LONG, r->at, r->length, r->at);
    return r->why.status;
}

/* Series by their starts, of equal ones as they follow each other. */
static int order_of(const uint16_t *starts, size_t count, uint32_t *order)
{
    uint32_t *next = calloc(VALUES, sizeof *next);
    if (!next) return AC_ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) next[starts[i]]++;
    uint32_t below = 0;
    for (size_t v = 0; v < VALUES; v++) {
        const uint32_t here = next[v];
        next[v] = below;
        below += here;
    }
    for (size_t i = 0; i < count; i++) order[next[starts[i]]++] = (uint32_t)i;
    free(next);
    return AC_OK;
}

/* Samples with columns as planes of a chain, the first of which are the starts, and the order of the series. */
typedef struct {
    ac_stack stack;
    uint16_t *columns;
    uint32_t *order;
} turned;

static int begin(turned *t, const ac_planes *planes)
{
    const size_t rows = (size_t)rows_of(planes);
    t->stack = (ac_stack){planes->width, rows, rows};
    t->columns = calloc(rows, (size_t)planes->width * sizeof *t->columns);
    t->order = malloc(rows * sizeof *t->order);
    return t->columns && t->order ? AC_OK : AC_ERROR_MEMORY;
}

static void end(turned *t)
{
    free(t->columns);
    free(t->order);
}

int ac_series_apply(const ac_chain *chain, const ac_planes *planes, const uint16_t *samples, uint16_t *left)
{
    const size_t rows = (size_t)rows_of(planes), width = (size_t)planes->width;
    turned t = {0};
    int status = begin(&t, planes);
    for (size_t i = 0; !status && i < rows; i++)
        for (size_t x = 0; x < width; x++) t.columns[x * rows + i] = samples[i * width + x];
    if (!status) status = order_of(t.columns, rows, t.order);
    if (!status) {
        ac_chain_apply(chain, &t.stack, t.columns, t.columns, rows);
        for (size_t k = 0; k < rows; k++, left += width) {
            left[0] = (uint16_t)chain->base;
            for (size_t x = 1; x < width; x++) left[x] = t.columns[x * rows + t.order[k]];
        }
    }
    end(&t);
    return status;
}

int ac_series_undo(const ac_series *s, const ac_planes *planes, uint16_t *samples)
{
    const size_t rows = (size_t)rows_of(planes), width = (size_t)planes->width;
    turned t = {0};
    int status = begin(&t, planes);
    if (!status) {
        ac_bit_reader starts = {s->starts, s->starts_length, 0, 0};
        for (size_t i = 0; i < rows; i++) t.columns[i] = (uint16_t)ac_take_bits(&starts, s->bits);
        status = order_of(t.columns, rows, t.order);
    }
    for (size_t k = 0; !status && k < rows; k++)
        for (size_t x = 1; x < width; x++) t.columns[x * rows + t.order[k]] = samples[k * width + x];
    if (!status) {
        ac_chain_undo(&s->chain, &t.stack, t.columns);
        for (size_t i = 0; i < rows; i++)
            for (size_t x = 0; x < width; x++) samples[i * width + x] = t.columns[x * rows + i];
    }
    end(&t);
    return status;
}
