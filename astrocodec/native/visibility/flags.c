#include "visibility/flags.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"

/* Of a part of more than one row; of any part; decisions in a byte. */
enum { MOST_ELEMENTS = 1 << 24, LEAST_BYTES = 5, LARGEST_SHARE = 1 << 14 };

static ac_flags flags_of(const ac_bitmap *whole)
{
    const uint64_t width = whole->columns * whole->depth, fit = MOST_ELEMENTS / width, rows = fit ? fit : 1;
    return (ac_flags){*whole, rows, (size_t)((whole->rows + rows - 1) / rows)};
}

/* The rows of a part, which begin at row `first`. */
static ac_bitmap part_of(const ac_flags *f, size_t index, uint64_t *first)
{
    ac_bitmap part = f->whole;
    *first = index * f->part_rows;
    part.rows = ac_smaller(f->part_rows, f->whole.rows - *first);
    return part;
}

int ac_flags_read(const ac_header *h, size_t length, ac_flags *out, ac_refusal *why)
{
    ac_reader r = {.data = h->parameters.bytes, .length = h->parameters.length};
    uint64_t number[3];
    if (h->array.dtype != AC_B1) return ac_refuse(why, AC_REASON_FLAGS_TYPE, 0, (uint64_t)h->array.dtype, AC_B1);
    if (!h->count) return ac_refuse(why, AC_REASON_EMPTY, 0, 0, 0);
    for (int i = 0; i < 3; i++) number[i] = ac_take_varint(&r, AC_MAX_ELEMENTS);
    *why = r.why;
    if (why->status) return why->status;
    if (r.at != r.length) return ac_refuse(why, AC_REASON_PARAMETERS_LONG, r.at, r.length, r.at);
    uint64_t rows = h->count;
    for (int i = 0; i < 2; i++) {
        if (!number[i] || rows % number[i]) return ac_refuse(why, AC_REASON_FLAGS_AXES, 0, number[i], rows);
        rows /= number[i];
    }
    if (!number[2] || number[2] > rows) return ac_refuse(why, AC_REASON_FLAGS_AXES, 0, number[2], rows);
    *out = flags_of(&(ac_bitmap){rows, number[2], number[1], number[0]});
    /* In a row of more than MOST_ELEMENTS each takes a decision, of which no byte has more than LARGEST_SHARE. */
    const int is_short = out->whole.columns * out->whole.depth > MOST_ELEMENTS && h->count / LARGEST_SHARE > length;
    if (out->parts > length / LEAST_BYTES) return ac_refuse(why, AC_REASON_PIECES_CUT, 0, out->parts, length);
    if (is_short) return ac_refuse(why, AC_REASON_TOO_MANY, 0, h->count, length);
    return AC_OK;
}

int ac_flags_decode(const ac_flags *f, ac_span data, uint8_t *out, size_t *index, ac_refusal *why)
{
    ac_reader r = {.data = data.bytes, .length = data.length};
    for (*index = 0; *index < f->parts; ++*index) {
        uint64_t first;
        const ac_bitmap part = part_of(f, *index, &first);
        const uint64_t length = ac_take_varint(&r, UINT64_MAX);
        const size_t at = r.at;
        const uint8_t *bytes = ac_take(&r, length);
        *why = r.why;
        if (why->status) return why->status;
        if (ac_bitmap_decode(&part, bytes, (size_t)length, out + first * part.columns * part.depth, why)) {
            why->at += at;
            return why->status;
        }
    }
    return r.at == r.length ? AC_OK : ac_refuse(why, AC_REASON_PIECES_LONG, r.at, r.length - r.at, 0);
}

int ac_flags_encode(uint64_t rows, uint64_t period, uint64_t columns, uint64_t depth, const uint8_t *flags, const ac_output *output)
{
    const ac_bitmap whole = {rows, period, columns, depth};
    if (!flags || !output || !rows || !columns || !depth || !period || period > rows) return AC_ERROR_ARGUMENT;
    if (columns > AC_MAX_ELEMENTS || depth > AC_MAX_ELEMENTS / columns || rows > AC_MAX_ELEMENTS / columns / depth) return AC_ERROR_ARGUMENT;
    const ac_flags f = flags_of(&whole);
    ac_span *coded = calloc(f.parts, sizeof *coded);
    size_t length = 0, made = 0;
    int status = coded ? AC_OK : AC_ERROR_MEMORY;
    for (; !status && made < f.parts; made++) {
        uint64_t first;
        const ac_bitmap part = part_of(&f, made, &first);
        coded[made].bytes = ac_bitmap_encode(&part, flags + first * columns * depth, &coded[made].length);
        if (!coded[made].bytes) status = AC_ERROR_MEMORY;
        length += ac_varint_size(coded[made].length) + coded[made].length;
    }
    uint8_t *out = status ? NULL : output->take(output->owner, length);
    if (!status && !out) status = AC_ERROR_MEMORY;
    for (size_t i = 0; !status && i < f.parts; i++) {
        out += ac_put_varint(out, coded[i].length);
        memcpy(out, coded[i].bytes, coded[i].length);
        out += coded[i].length;
    }
    for (size_t i = 0; coded && i < f.parts; i++) free((void *)coded[i].bytes);
    free(coded);
    return status;
}
