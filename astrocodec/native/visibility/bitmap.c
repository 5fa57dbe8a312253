#include "visibility/bitmap.h"

#include <stdlib.h>
#include <string.h>

#include "decisions.h"

enum { MOST = 1024, CONTEXTS = 3 << 8 };
/* How a row was coded. */
enum { BY_PIXELS, LIKE_BEFORE, LIKE_ABOVE, WAYS };

typedef struct {
    ac_decision before[WAYS][WAYS], above[WAYS][WAYS], bits[CONTEXTS];
} contexts;

/* The rows that a row is coded by, two columns of zeros around each: itself, the one before of its kind, and the one above. */
typedef struct {
    uint64_t width, margin; /* in bytes */
    uint8_t *memory, *own, *before, *above;
} window;

static int open_window(window *w, const ac_bitmap *b)
{
    w->width = b->columns * b->depth;
    w->margin = 2 * b->depth;
    const uint64_t one = w->width + 2 * w->margin;
    w->memory = one > SIZE_MAX / 3 ? NULL : calloc(3, (size_t)one);
    if (!w->memory) return AC_ERROR_MEMORY;
    w->own = w->memory + w->margin, w->before = w->own + one, w->above = w->before + one;
    return AC_OK;
}

static uint64_t above_of(const ac_bitmap *b, uint64_t row) { return row - (b->period > 1 ? 1 : 2); }
static int has_above(const ac_bitmap *b, uint64_t row) { return row >= (b->period > 1 ? 1 : 2); }

/* Copies the rows beside; zeros stand for those that are not. */
static void look_around(window *w, const ac_bitmap *b, const uint8_t *bits, uint64_t row)
{
    const size_t width = (size_t)w->width;
    if (row >= b->period) memcpy(w->before, bits + (row - b->period) * width, width);
    if (has_above(b, row)) memcpy(w->above, bits + above_of(b, row) * width, width);
}

static inline uint32_t context_at(const window *w, uint64_t at, uint64_t depth, uint64_t p)
{
    const uint8_t *own = w->own + at, *before = w->before + at, *above = w->above + at;
    const uint32_t around = own[-(int64_t)depth] | own[-2 * (int64_t)depth] << 1 | before[-(int64_t)depth] << 2 | before[0] << 3 | before[depth] << 4 |
                            above[-(int64_t)depth] << 5 | above[0] << 6 | above[depth] << 7;
    return (p ? 1u + own[-1] : 0u) << 8 | around;
}

/* Ways of the rows before and above, which their decisions are chosen by. */
static void ways_around(const ac_bitmap *b, const uint8_t *ways, uint64_t row, uint32_t *before, uint32_t *above)
{
    *before = row >= b->period ? ways[row - b->period] : BY_PIXELS;
    *above = row ? ways[row - 1] : BY_PIXELS;
}

static int encode_row(const ac_bitmap *b, contexts *c, window *w, const uint8_t *bits, uint8_t *ways, uint64_t row, ac_records *r)
{
    uint32_t before, above;
    const size_t width = (size_t)w->width;
    ways_around(b, ways, row, &before, &above);
    look_around(w, b, bits, row);
    for (size_t i = 0; i < width; i++) w->own[i] = bits[row * width + i];
    ways[row] = BY_PIXELS;
    if (row >= b->period) {
        const int is_like = !memcmp(w->own, w->before, width);
        ac_records_add(r, ac_record_choice(&c->before[before][above], is_like, MOST));
        if (is_like) return ways[row] = LIKE_BEFORE;
    }
    if (has_above(b, row)) {
        const int is_like = !memcmp(w->own, w->above, width);
        ac_records_add(r, ac_record_choice(&c->above[before][above], is_like, MOST));
        if (is_like) return ways[row] = LIKE_ABOVE;
    }
    for (uint64_t i = 0, p = 0; i < width; i++, p = p + 1 < b->depth ? p + 1 : 0)
        ac_records_add(r, ac_record_choice(&c->bits[context_at(w, i, b->depth, p)], w->own[i], MOST));
    return BY_PIXELS;
}

uint8_t *ac_bitmap_encode(const ac_bitmap *b, const uint8_t *bits, size_t *length)
{
    ac_records records = {0};
    window w;
    if (open_window(&w, b)) return NULL;
    contexts *c = calloc(1, sizeof *c);
    uint8_t *ways = malloc((size_t)b->rows);
    if (!c || !ways) records.is_short = 1;
    for (uint64_t row = 0; row < b->rows && !records.is_short; row++) encode_row(b, c, &w, bits, ways, row, &records);
    free(c);
    free(ways);
    free(w.memory);
    return ac_records_pack(&records, length);
}

static int decode_row(const ac_bitmap *b, contexts *c, window *w, uint8_t *bits, uint8_t *ways, uint64_t row, ac_choices *in)
{
    uint32_t before, above;
    uint8_t *out = bits + row * w->width;
    ways_around(b, ways, row, &before, &above);
    ways[row] = BY_PIXELS;
    if (row >= b->period && ac_pop_choice(&c->before[before][above], MOST, &in->state, &in->words)) {
        memcpy(out, bits + (row - b->period) * w->width, (size_t)w->width);
        return ways[row] = LIKE_BEFORE;
    }
    if (has_above(b, row) && ac_pop_choice(&c->above[before][above], MOST, &in->state, &in->words)) {
        memcpy(out, bits + above_of(b, row) * w->width, (size_t)w->width);
        return ways[row] = LIKE_ABOVE;
    }
    look_around(w, b, bits, row);
    for (uint64_t i = 0, p = 0; i < w->width; i++, p = p + 1 < b->depth ? p + 1 : 0)
        w->own[i] = (uint8_t)ac_pop_choice(&c->bits[context_at(w, i, b->depth, p)], MOST, &in->state, &in->words);
    memcpy(out, w->own, (size_t)w->width);
    return BY_PIXELS;
}

int ac_bitmap_decode(const ac_bitmap *b, const uint8_t *data, size_t length, uint8_t *bits, ac_refusal *why)
{
    ac_choices in;
    window w;
    if (length < 4) return ac_refuse(why, AC_REASON_CUT, 0, 4, length);
    if (!ac_choices_open(&in, data, length)) return ac_refuse(why, AC_REASON_STATE, 0, ac_get_u32(data), AC_RANS_LOW);
    if (open_window(&w, b)) return why->status = AC_ERROR_MEMORY;
    contexts *c = calloc(1, sizeof *c);
    uint8_t *ways = malloc((size_t)b->rows);
    const int is_ready = c && ways;
    for (uint64_t row = 0; is_ready && row < b->rows && !in.words.is_short; row++) decode_row(b, c, &w, bits, ways, row, &in);
    free(c);
    free(ways);
    free(w.memory);
    if (!is_ready) return why->status = AC_ERROR_MEMORY;
    if (in.words.is_short) return ac_refuse(why, AC_REASON_WORDS, length, 0, 0);
    return ac_states_end(&in.state, 1, (size_t)(in.words.end - in.words.next), length, why);
}
