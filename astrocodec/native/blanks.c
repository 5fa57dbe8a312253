#include "blanks.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "decisions.h"

enum { NONE = 0, ALL = 1, CODED = 2, MOST_SEEN = 1024, CONTEXTS = 128, CHUNK = 1024, BORDER = 2, HEADER = 4 };

size_t ac_blanks_write(const ac_blanks *b, uint8_t *out)
{
    uint8_t *p = out + ac_put_varint(out, b->count);
    for (uint32_t i = 0; i < b->count; i++) p += ac_put_varint(p, b->values[i]);
    return (size_t)(p - out);
}

int ac_blanks_read(ac_reader *r, int dtype, ac_blanks *b)
{
    const uint32_t width = 8 * (uint32_t)ac_number_bytes(ac_number_dtype(dtype));
    b->count = (uint32_t)ac_take_varint(r, AC_MAX_BLANKS);
    if (!b->count) ac_fail_reader(r, AC_REASON_BLANKS, 0, 0, AC_MAX_BLANKS);
    for (uint32_t i = 0; i < b->count; i++) b->values[i] = ac_take_varint(r, UINT64_MAX >> (64 - width));
    if (r->at != r->length) ac_fail_reader(r, AC_REASON_PARAMETERS_LONG, r->at, r->length, r->at);
    return r->why.status;
}

#define MARK(type)                                                                                                      \
    {                                                                                                                   \
        const type *p = (const type *)data + first, value = (type)bits;                                                 \
        for (size_t i = 0; i < n; i++) mask[i] = (uint8_t)(mask[i] | (p[i * stride] == value && !mask[i] ? mark : 0)); \
        break;                                                                                                          \
    }

static inline void mark_some(const void *data, int dtype, uint64_t first, size_t stride, size_t n, uint64_t bits, uint8_t mark, uint8_t *mask)
{
    switch (ac_number_bytes(dtype)) {
    case 1: MARK(uint8_t)
    case 2: MARK(uint16_t)
    case 4: MARK(uint32_t)
    default: MARK(uint64_t)
    }
}

static void mark_run(const ac_blanks *b, const ac_numbers *numbers, uint64_t first, size_t n, uint8_t *mask)
{
    memset(mask, 0, n);
    for (uint32_t i = 0; i < b->count; i++) {
        const uint8_t mark = (uint8_t)(i + 1);
        if (!numbers->half) {
            mark_some(numbers->data, numbers->dtype, first, 1, n, b->values[i], mark, mask);
            continue;
        }
        uint64_t at = first;
        for (size_t left = n, done = 0; left;) {
            const uint64_t part = at >= numbers->half, there = part ? left : ac_smaller(left, numbers->half - at);
            mark_some(numbers->data, numbers->dtype, 2 * (at - part * numbers->half) + part, 2, (size_t)there, b->values[i], mark, mask + done);
            at += there, done += (size_t)there, left -= (size_t)there;
        }
    }
}

uint64_t ac_mask_of(const ac_blanks *b, const ac_numbers *numbers, const ac_planes *planes, const ac_place *place, uint8_t *mask)
{
    const uint64_t first = ac_place_first(planes, place);
    uint64_t marked = 0;
    if (place->width == planes->width) {
        mark_run(b, numbers, first, (size_t)place->height * place->width, mask);
    } else {
        for (uint32_t y = 0; y < place->height; y++) mark_run(b, numbers, first + y * planes->width, place->width, mask + (size_t)y * place->width);
    }
    for (size_t i = 0; i < (size_t)place->height * place->width; i++) marked += mask[i] != 0;
    return marked;
}

/* What is known of a mask while it is coded row by row. */
typedef struct {
    ac_decision like[2], is_blank[CONTEXTS], is_later[AC_MAX_BLANKS][AC_MAX_BLANKS];
    uint8_t *rows; /* whether numbers are blank, in the row and the two above, with a border on both sides */
    size_t pitch;
    uint32_t last;
    int was_like;
} context;

static context *new_context(uint32_t width)
{
    context *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->pitch = (size_t)width + 2 * BORDER;
    c->rows = calloc(3, c->pitch);
    if (c->rows) return c;
    free(c);
    return NULL;
}

static void free_context(context *c)
{
    if (c) free(c->rows);
    free(c);
}

/* Takes in the latest row of a mask. */
static void know_row(context *c, const uint8_t *mask, uint32_t width, uint8_t *row[3])
{
    uint8_t *oldest = row[2];
    for (uint32_t x = 0; x < width; x++) row[0][BORDER + x] = mask[x] != 0;
    row[2] = row[1], row[1] = row[0], row[0] = oldest;
    memset(row[0], 0, c->pitch);
}

static inline ac_decision *decision_at(context *c, uint8_t *const row[3], uint32_t x)
{
    const uint8_t *here = row[0] + BORDER + x, *above = row[1] + BORDER + x;
    return &c->is_blank[here[-1] | here[-2] << 1 | above[-1] << 2 | above[0] << 3 | above[1] << 4 | above[2] << 5 | row[2][BORDER + x] << 6];
}

static uint32_t *record_row(context *c, uint8_t *const row[3], const uint8_t *mask, uint32_t width, uint32_t values, uint32_t *to)
{
    for (uint32_t x = 0; x < width; x++) {
        *to++ = ac_record_choice(decision_at(c, row, x), mask[x] != 0, MOST_SEEN);
        row[0][BORDER + x] = mask[x] != 0;
        if (!mask[x]) continue;
        const uint32_t index = mask[x] - 1u;
        for (uint32_t i = 0; i + 1 < values && i <= index; i++) *to++ = ac_record_choice(&c->is_later[c->last][i], index > i, MOST_SEEN);
        c->last = index;
    }
    return to;
}

static int is_one_value(const uint8_t *mask, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (mask[i] != mask[0]) return 0;
    return 1;
}

/* Records of the mask's choices; returns where they end. */
static uint32_t *record_mask(context *c, const uint8_t *mask, uint32_t values, uint32_t height, uint32_t width, uint32_t *to)
{
    uint8_t *row[3] = {c->rows, c->rows + c->pitch, c->rows + 2 * c->pitch};
    const uint8_t *before = NULL;
    for (uint32_t y = 0; y < height; y++, before = mask, mask += width) {
        const int is_like = before ? !memcmp(mask, before, width) : !mask[0] && is_one_value(mask, width);
        *to++ = ac_record_choice(&c->like[c->was_like], is_like, MOST_SEEN);
        c->was_like = is_like;
        if (!is_like) to = record_row(c, row, mask, width, values, to);
        know_row(c, mask, width, row);
    }
    return to;
}

int ac_mask_pack(const uint8_t *mask, uint32_t values, uint32_t height, uint32_t width, uint8_t **bytes, size_t *length)
{
    const size_t count = (size_t)height * width;
    if (is_one_value(mask, count)) {
        *bytes = malloc(2);
        if (!*bytes) return AC_ERROR_MEMORY;
        (*bytes)[0] = mask[0] ? ALL : NONE, (*bytes)[1] = (uint8_t)(mask[0] - 1);
        *length = mask[0] ? 2 : 1;
        return AC_OK;
    }
    uint64_t most = height + count;
    for (size_t i = 0; values > 1 && i < count; i++) most += mask[i];
    uint32_t *const records = malloc((size_t)most * sizeof *records);
    context *c = new_context(width);
    int status = records && c ? AC_OK : AC_ERROR_MEMORY;
    if (!status) {
        uint32_t *to = record_mask(c, mask, values, height, width, records);
        uint16_t *const end = (uint16_t *)to, *word = end;
        uint32_t state = AC_RANS_LOW;
        while (to > records) ac_push_record(*--to, &state, &word);
        const size_t words = (size_t)(end - word), size = HEADER + 2 * words;
        uint8_t *p = *bytes = malloc(1 + AC_MAX_VARINT + size);
        if (p) {
            *p++ = CODED;
            p += ac_put_varint(p, size);
            ac_put_u32(p, state);
            for (size_t i = 0; i < words; i++) ac_put_u16(p + HEADER + 2 * i, word[i]);
            *length = (size_t)(p - *bytes) + size;
        } else {
            status = AC_ERROR_MEMORY;
        }
    }
    free(records);
    free_context(c);
    return status;
}

static void pop_row(context *c, uint8_t *const row[3], uint8_t *mask, uint32_t width, uint32_t values, uint32_t *state, ac_word_reader *in)
{
    for (uint32_t x = 0; x < width; x++) {
        const int is_blank = ac_pop_choice(decision_at(c, row, x), MOST_SEEN, state, in);
        row[0][BORDER + x] = (uint8_t)is_blank;
        mask[x] = 0;
        if (!is_blank) continue;
        uint32_t index = 0;
        while (index + 1 < values && ac_pop_choice(&c->is_later[c->last][index], MOST_SEEN, state, in)) index++;
        c->last = index;
        mask[x] = (uint8_t)(index + 1);
    }
}

/* The coded mask in `bytes`. */
static int unpack(const uint8_t *bytes, size_t size, uint32_t values, uint32_t height, uint32_t width, uint8_t *mask, ac_refusal *why)
{
    uint32_t state;
    if (size < HEADER) return ac_refuse(why, AC_REASON_CUT, 0, HEADER, size);
    if (ac_states_read(bytes, 0, 1, &state, why)) return why->status;
    context *c = new_context(width);
    if (!c) return why->status = AC_ERROR_MEMORY;
    uint8_t *row[3] = {c->rows, c->rows + c->pitch, c->rows + 2 * c->pitch};
    ac_word_reader words = {bytes + HEADER, bytes + size, 0};
    for (uint32_t y = 0; y < height && !words.is_short; y++, mask += width) {
        c->was_like = ac_pop_choice(&c->like[c->was_like], MOST_SEEN, &state, &words);
        if (!c->was_like)
            pop_row(c, row, mask, width, values, &state, &words);
        else if (y)
            memcpy(mask, mask - width, width);
        else
            memset(mask, 0, width);
        know_row(c, mask, width, row);
    }
    free_context(c);
    if (words.is_short) return ac_refuse(why, AC_REASON_WORDS, size, 0, 0);
    return ac_states_end(&state, 1, (size_t)(words.end - words.next), size, why);
}

int ac_mask_read(ac_reader *r, uint32_t values, uint32_t height, uint32_t width, uint8_t *mask, uint64_t *marked)
{
    const size_t count = (size_t)height * width, start = r->at;
    const uint32_t mode = ac_take_byte(r);
    uint32_t value = 0;
    *marked = 0;
    if (mode > CODED) ac_fail_reader(r, AC_REASON_MASK, start, mode, CODED);
    if (mode == ALL) {
        value = ac_take_byte(r) + 1;
        if (value > values) ac_fail_reader(r, AC_REASON_MASK_VALUE, start + 1, value - 1, values - 1);
    }
    if (mode != CODED) {
        memset(mask, (int)value, count);
        *marked = value ? count : 0;
        return r->why.status;
    }
    const uint64_t size = ac_take_varint(r, UINT64_MAX);
    const size_t at = r->at;
    const uint8_t *bytes = ac_take(r, size);
    if (!bytes) return r->why.status;
    if (unpack(bytes, (size_t)size, values, height, width, mask, &r->why)) r->why.at += at;
    for (size_t i = 0; i < count && !r->why.status; i++) *marked += mask[i] != 0;
    return r->why.status;
}
