#include "differences.h"

#include <stdlib.h>
#include <string.h>

#include "code_bits.h"
#include "log512.h"
#include "rans.h"
#include "tile.h"

enum {
    MAX_SYMBOLS = 4095, /* the escape comes on top */
    CLASSES = 8,
    STATES = 4,
    HEADER = 7,
    LOG_ONE = 512, /* costs are in 1/512 bit */
    SYMBOL_COST = 12 * LOG_ONE, /* to list one */
    PREDICTORS = 4,
    PREDICT_NONE = 0,
    PREDICT_W = 1,
    PREDICT_N = 2,
    PREDICT_GRADIENT = 3
};

static void put_u16(uint8_t *p, uint32_t v) { p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8); }
static void put_u32(uint8_t *p, uint32_t v) { put_u16(p, v), put_u16(p + 2, v >> 16); }
static uint32_t get_u16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t get_u32(const uint8_t *p) { return get_u16(p) | get_u16(p + 2) << 16; }

/* Neighbours. Outside the tile they repeat what is known, so that every predictor has something. */

typedef struct {
    uint32_t w, n, nw;
} neighbours;

static inline neighbours neighbours_at(const uint16_t *at, size_t stride, uint32_t y, uint32_t x)
{
    neighbours a = {0, 0, 0};
    if (x && y) a = (neighbours){at[-1], *(at - stride), *(at - stride - 1)};
    if (x && !y) a.w = a.n = a.nw = at[-1];
    if (!x && y) a.w = a.n = a.nw = *(at - stride);
    return a;
}

static inline uint16_t predict(neighbours a, int predictor)
{
    if (predictor == PREDICT_NONE) return 0;
    return (uint16_t)(predictor == PREDICT_W ? a.w : predictor == PREDICT_N ? a.n : a.w + a.n - a.nw);
}

/* Bits 0 and 1: parity of x and y (block transforms); bit 2: a flat neighbourhood, up to rounding. */
static inline uint32_t place_of(neighbours a, uint32_t y, uint32_t x)
{
    const uint32_t flat = ((uint16_t)(a.w - a.nw + 1) < 3) | ((uint16_t)(a.n - a.nw + 1) < 3);
    return (x & 1) | (y & 1) << 1 | flat << 2;
}

/* Classes are what remains of a place: nothing, flatness, parity or both. */
static uint32_t class_of(uint32_t place, uint32_t log_classes)
{
    static const uint32_t shift[4] = {3, 2, 0, 0}, mask[4] = {0, 1, 3, 7};
    return place >> shift[log_classes] & mask[log_classes];
}

/* Golomb-Rice codes whose parameter follows the running mean. */

typedef struct {
    uint32_t total, n;
} mean;

static uint32_t rice_parameter(const mean *m)
{
    uint32_t k = 0;
    while (m->n << k < m->total) k++;
    return k;
}

static void rice_update(mean *m, uint32_t value)
{
    m->total += value;
    if (++m->n < 32) return;
    m->total = (m->total + 1) >> 1;
    m->n = 16;
}

typedef struct {
    uint8_t *out;
    size_t capacity, bits;
    int full;
} bit_writer;

static void write_bits(bit_writer *b, uint32_t value, uint32_t count)
{
    for (; count; count--, value >>= 1, b->bits++) {
        const size_t at = b->bits >> 3;
        if (at >= b->capacity) {
            b->full = 1;
            return;
        }
        if (!(b->bits & 7)) b->out[at] = 0;
        b->out[at] |= (uint8_t)((value & 1) << (b->bits & 7));
    }
}

static void write_rice(bit_writer *b, mean *m, uint32_t value)
{
    const uint32_t k = rice_parameter(m);
    for (uint32_t i = value >> k; i; i--) write_bits(b, 1, 1);
    write_bits(b, 0, 1);
    write_bits(b, value, k);
    rice_update(m, value);
}

typedef struct {
    const uint8_t *in;
    size_t length, bits;
    int status;
} bit_reader;

static uint32_t read_bits(bit_reader *b, uint32_t count)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < count; i++, b->bits++) {
        if (b->bits >> 3 >= b->length) {
            b->status = AC_ERROR_TRUNCATED;
            return 0;
        }
        value |= (uint32_t)(b->in[b->bits >> 3] >> (b->bits & 7) & 1) << i;
    }
    return value;
}

static uint32_t read_rice(bit_reader *b, mean *m, uint32_t most)
{
    const uint32_t k = rice_parameter(m);
    uint32_t value = 0;
    while (read_bits(b, 1)) {
        value++;
        if (value << k > most) {
            b->status = AC_ERROR_CORRUPT;
            return 0;
        }
    }
    value = value << k | read_bits(b, k);
    if (!b->status && value > most) b->status = AC_ERROR_CORRUPT;
    rice_update(m, value);
    return value;
}

/* Is it promising? Two sampled differences that fall into one cell are equal with a chance of 1 / width if the histogram is
 * smooth there. Where they are equal more often, few differences are in use, and listing them saves about log2 of that ratio.
 * Where nearly all differences are alike, a model has little to add to their frequencies. */

enum { SEGMENTS = 64, SEGMENT = 64, CELLS = 128, PRIOR_PAIRS = 4, LEAST_SAVED = LOG_ONE * 3 / 8, LEAST_ENTROPY = LOG_ONE };

typedef struct {
    uint32_t rows, columns, n;
    uint16_t v[SEGMENTS * SEGMENT], w[SEGMENTS * SEGMENT], north[SEGMENTS * SEGMENT], nw[SEGMENTS * SEGMENT];
    uint16_t differences[SEGMENTS * SEGMENT], counts[65536];
} sample;

/* Cells: single values up to 3, then four to the octave, on either side. */
static uint32_t cell_of(uint16_t difference, uint32_t *log_width)
{
    const uint32_t negative = difference >> 15, a = negative ? 65536u - difference : difference;
    *log_width = 0;
    if (a < 4) return negative << 6 | a;
    const uint32_t e = (uint32_t)ac_log2_floor(a);
    *log_width = e - 2;
    return negative << 6 | (4 * e - 4 + (a >> (e - 2) & 3));
}

/* The counts are zero before and after. */
static int is_sparse(sample *s)
{
    uint32_t members[CELLS] = {0}, pairs[CELLS] = {0}, log_width[CELLS] = {0};
    const uint32_t n = s->n;
    int64_t entropy = (int64_t)n * ac_log512(n), saved = 0;
    for (uint32_t i = 0; i < n; i++) s->counts[s->differences[i]]++;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t c = s->counts[s->differences[i]];
        if (!c) continue; /* seen before */
        s->counts[s->differences[i]] = 0;
        uint32_t width;
        const uint32_t cell = cell_of(s->differences[i], &width);
        log_width[cell] = width;
        members[cell] += c;
        pairs[cell] += c * (c - 1) / 2;
        entropy -= (int64_t)c * ac_log512(c);
    }
    for (uint32_t i = 0; i < CELLS; i++) {
        if (!log_width[i]) continue;
        const uint32_t expected = (uint32_t)((uint64_t)members[i] * (members[i] - 1) / 2 >> log_width[i]);
        saved += (int64_t)members[i] * (ac_log512(pairs[i] + PRIOR_PAIRS) - ac_log512(expected + PRIOR_PAIRS));
    }
    return saved > (int64_t)n * LEAST_SAVED || entropy < (int64_t)n * LEAST_ENTROPY;
}

/* Pieces of rows, and their neighbours. */
static void take_sample(sample *s, const uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    s->rows = height - 1 < SEGMENTS ? height - 1 : SEGMENTS;
    s->columns = width - 1 < SEGMENT ? width - 1 : SEGMENT;
    s->n = s->rows * s->columns;
    for (uint32_t i = 0; i < s->rows; i++) {
        const uint32_t y = 1 + (uint32_t)((uint64_t)i * (height - 1) / s->rows);
        const uint32_t x = 1 + (uint32_t)((uint64_t)(i * 37 % SEGMENTS) * (width - s->columns) / SEGMENTS);
        const uint16_t *at = samples + y * stride + x;
        const size_t row = (size_t)i * s->columns, size = s->columns * sizeof *at;
        memcpy(s->v + row, at, size);
        memcpy(s->w + row, at - 1, size);
        memcpy(s->north + row, at - stride, size);
        memcpy(s->nw + row, at - stride - 1, size);
    }
}

int ac_differences_promising(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    if (ac_check_sides(samples, height, width, stride) || height < 2 || width < 2) return 0;
    sample *s = malloc(sizeof *s);
    if (!s) return 0;
    memset(s->counts, 0, sizeof s->counts);
    take_sample(s, samples, height, width, stride);
    int is_promising = 0;
    for (int predictor = PREDICT_W; predictor <= PREDICT_GRADIENT && !is_promising; predictor++) {
        for (uint32_t i = 0; i < s->n; i++) s->differences[i] = (uint16_t)(s->v[i] - predict((neighbours){s->w[i], s->north[i], s->nw[i]}, predictor));
        is_promising = is_sparse(s);
    }
    free(s);
    return is_promising;
}

/* Encoder */

typedef struct {
    uint32_t count, log_classes;
    int predictor;
    uint16_t symbol[MAX_SYMBOLS];
    uint16_t freq[CLASSES][MAX_SYMBOLS + 1]; /* the escape's stands behind the last symbol's */
} table;

/* Of about 65536 pixels in whole rows; an odd distance of rows keeps both parities. */
static int choose_predictor(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint32_t *counts)
{
    const uint32_t step = (uint32_t)(((uint64_t)height * width) >> 16) | 1;
    uint64_t least = UINT64_MAX;
    int best = 0;
    for (int p = 0; p < PREDICTORS; p++) {
        memset(counts, 0, 65536 * sizeof *counts);
        for (uint32_t y = step / 2; y < height; y += step)
            for (uint32_t x = 0; x < width; x++) {
                const uint16_t *at = samples + y * stride + x;
                counts[(uint16_t)(*at - predict(neighbours_at(at, stride, y, x), p))]++;
            }
        uint64_t saved = 0, symbols = 0;
        for (uint32_t d = 0; d < 65536; d++)
            if (counts[d]) symbols++, saved += (uint64_t)counts[d] * (uint32_t)ac_log512(counts[d]);
        /* Relative to log2 of the number of sampled pixels, the same for all. */
        const uint64_t cost = symbols * SYMBOL_COST + ((uint64_t)1 << 40) - saved;
        if (cost < least) least = cost, best = p;
    }
    return best;
}

/* Keeps differences that occur at least twice, the most frequent if they are too many. They are listed upwards, modulo
 * 65536, from behind the widest gap. */
static void choose_symbols(const uint32_t *counts, table *t)
{
    uint32_t least = 2, last = 0, widest = 0, first = 0;
    for (;; least += 1 + least / 8) {
        t->count = 0;
        for (uint32_t d = 0; d < 65536; d++) t->count += counts[d] >= least;
        if (t->count <= MAX_SYMBOLS) break;
    }
    if (!t->count) return;
    for (uint32_t d = 0; d < 65536; d++)
        if (counts[d] >= least) last = d;
    last -= 65536;
    for (uint32_t d = 0; d < 65536; d++) {
        if (counts[d] < least) continue;
        if (d - last > widest) widest = d - last, first = d;
        last = d;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < 65536; i++)
        if (counts[(first + i) & 65535] >= least) t->symbol[n++] = (uint16_t)(first + i);
}

/* Frequencies that sum to 16384: 1 for rare symbols, shares of what is left for the others. */
static void normalise(const uint32_t *counts, uint32_t n, uint16_t *freq)
{
    uint64_t all = 0, frequent = 0, before = 0;
    uint32_t rare = 0;
    for (uint32_t i = 0; i < n; i++) all += counts[i];
    for (uint32_t i = 0; i < n; i++) {
        const int is_frequent = (uint64_t)counts[i] * AC_TOTAL >= 2 * all;
        freq[i] = counts[i] && !is_frequent;
        rare += freq[i];
        if (is_frequent) frequent += counts[i];
    }
    if (!all) { /* a class without pixels still needs a valid table: the shortest */
        memset(freq, 0, n * sizeof *freq);
        freq[n - 1] = AC_TOTAL;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!counts[i] || freq[i]) continue;
        const uint64_t start = before * (AC_TOTAL - rare) / frequent;
        before += counts[i];
        freq[i] = (uint16_t)(before * (AC_TOTAL - rare) / frequent - start);
    }
}

/* Tries all ways to class the places; `counts` is per place and symbol. Leaves the frequencies of the cheapest in t. */
static void choose_classes(const uint32_t *counts, uint32_t *merged, table *t)
{
    const uint32_t n = t->count + 1;
    uint64_t least = UINT64_MAX;
    uint32_t best = 0;
    for (uint32_t round = 0; round < 5; round++) {
        const uint32_t log_classes = round < 4 ? round : best;
        uint64_t cost = 0;
        memset(merged, 0, (size_t)CLASSES * n * sizeof *merged);
        for (uint32_t place = 0; place < CLASSES; place++)
            for (uint32_t i = 0; i < n; i++) merged[class_of(place, log_classes) * n + i] += counts[place * n + i];
        for (uint32_t c = 0; c < 1u << log_classes; c++) {
            normalise(merged + c * n, n, t->freq[c]);
            for (uint32_t i = 0; i < n; i++) {
                const uint32_t f = t->freq[c][i];
                cost += f ? 2 * LOG_ONE * ac_bit_length(f) + (uint64_t)merged[c * n + i] * (AC_PRECISION * LOG_ONE - (uint32_t)ac_log512(f)) : LOG_ONE;
            }
        }
        if (cost < least) least = cost, best = log_classes;
    }
    t->log_classes = best;
}

static size_t write_table(const table *t, uint8_t *out, size_t capacity)
{
    if (capacity < HEADER) return 0;
    out[0] = AC_MODE_DIFFERENCES;
    out[1] = (uint8_t)t->predictor;
    out[2] = (uint8_t)t->log_classes;
    put_u16(out + 3, t->count);
    put_u16(out + 5, t->count ? t->symbol[0] : 0);
    bit_writer b = {out + HEADER, capacity - HEADER, 0, 0};
    mean gaps = {8, 1};
    for (uint32_t i = 1; i < t->count; i++) write_rice(&b, &gaps, (uint16_t)(t->symbol[i] - t->symbol[i - 1] - 1));
    for (uint32_t c = 0; c < 1u << t->log_classes; c++) {
        mean lengths = {8, 1};
        for (uint32_t i = 0; i <= t->count; i++) {
            const uint32_t f = t->freq[c][i], bits = ac_bit_length(f);
            write_rice(&b, &lengths, bits);
            if (bits) write_bits(&b, f, bits - 1);
        }
    }
    return b.full ? 0 : HEADER + (b.bits + 7) / 8;
}

typedef struct {
    table t;
    uint32_t counts[65536];
    uint32_t by_place[CLASSES * (MAX_SYMBOLS + 1)], merged[CLASSES * (MAX_SYMBOLS + 1)];
    uint16_t index[65536], start[CLASSES][MAX_SYMBOLS + 1];
} encoder;

/* Differences and places of all pixels, then their table. */
static void analyse(encoder *e, const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint16_t *differences, uint8_t *places)
{
    const size_t pixels = (size_t)height * width;
    const int predictor = choose_predictor(samples, height, width, stride, e->counts);
    memset(e->counts, 0, sizeof e->counts);
    size_t n = 0;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++, n++) {
            const uint16_t *at = samples + y * stride + x;
            const neighbours a = neighbours_at(at, stride, y, x);
            differences[n] = (uint16_t)(*at - predict(a, predictor));
            places[n] = (uint8_t)place_of(a, y, x);
            e->counts[differences[n]]++;
        }
    e->t.predictor = predictor;
    choose_symbols(e->counts, &e->t);
    for (uint32_t d = 0; d < 65536; d++) e->index[d] = (uint16_t)e->t.count;
    for (uint32_t i = 0; i < e->t.count; i++) e->index[e->t.symbol[i]] = (uint16_t)i;
    memset(e->by_place, 0, sizeof e->by_place);
    for (size_t i = 0; i < pixels; i++) e->by_place[places[i] * (e->t.count + 1) + e->index[differences[i]]]++;
    choose_classes(e->by_place, e->merged, &e->t);
    for (uint32_t c = 0; c < 1u << e->t.log_classes; c++) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i <= e->t.count; i++) e->start[c][i] = (uint16_t)sum, sum += e->t.freq[c][i];
    }
}

int ac_differences_encode(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out, size_t capacity, size_t *length)
{
    if (!out || !length) return AC_ERROR_ARGUMENT;
    int status = ac_check_sides(samples, height, width, stride);
    if (status) return status;
    const size_t pixels = (size_t)height * width;
    encoder *e = malloc(sizeof *e);
    uint16_t *differences = malloc(pixels * sizeof *differences), *words = malloc(pixels * 2 * sizeof *words);
    uint8_t *places = malloc(pixels);
    if (!e || !differences || !words || !places) {
        status = AC_ERROR_MEMORY;
    } else {
        analyse(e, samples, height, width, stride, differences, places);
        uint32_t state[STATES], classes[CLASSES];
        uint16_t *const end = words + 2 * pixels, *word = end;
        for (uint32_t i = 0; i < STATES; i++) state[i] = AC_RANS_LOW;
        for (uint32_t i = 0; i < CLASSES; i++) classes[i] = class_of(i, e->t.log_classes);
        for (size_t i = pixels; i-- > 0;) {
            const uint32_t symbol = e->index[differences[i]], c = classes[places[i]];
            if (symbol == e->t.count) ac_rans_push_raw(&state[i % STATES], differences[i], 16, &word);
            ac_rans_push(&state[i % STATES], e->start[c][symbol], e->t.freq[c][symbol], &word);
        }
        const size_t head = write_table(&e->t, out, capacity), n = (size_t)(end - word);
        if (!head || capacity - head < 4 * STATES + 2 * n) {
            status = AC_ERROR_SPACE;
        } else {
            for (uint32_t i = 0; i < STATES; i++) put_u32(out + head + 4 * i, state[i]);
            for (size_t i = 0; i < n; i++) put_u16(out + head + 4 * STATES + 2 * i, word[i]);
            *length = head + 4 * STATES + 2 * n;
        }
    }
    free(places);
    free(words);
    free(differences);
    free(e);
    return status;
}

/* Decoder */

typedef struct {
    uint16_t start, freq, value, is_escape;
} entry;

typedef struct {
    uint32_t count, log_classes;
    int predictor;
    uint16_t symbol[MAX_SYMBOLS];
    uint16_t index[CLASSES][AC_TOTAL];
    entry entries[CLASSES][MAX_SYMBOLS + 1];
} lookup;

static int read_class(bit_reader *b, lookup *t, uint32_t c)
{
    mean lengths = {8, 1};
    uint32_t sum = 0;
    for (uint32_t i = 0; i <= t->count; i++) {
        const uint32_t bits = read_rice(b, &lengths, AC_PRECISION + 1);
        const uint32_t f = bits ? 1u << (bits - 1) | read_bits(b, bits - 1) : 0;
        if (b->status) return b->status;
        if (f > AC_TOTAL - sum) return AC_ERROR_CORRUPT;
        t->entries[c][i] = (entry){(uint16_t)sum, (uint16_t)f, i < t->count ? t->symbol[i] : 0, i == t->count};
        for (uint32_t slot = sum; slot < sum + f; slot++) t->index[c][slot] = (uint16_t)i;
        sum += f;
    }
    return sum == AC_TOTAL ? AC_OK : AC_ERROR_CORRUPT;
}

/* Reads and checks everything in front of the states; `size` receives its length. */
static int read_table(const uint8_t *in, size_t length, lookup *t, size_t *size)
{
    if (length < HEADER) return AC_ERROR_TRUNCATED;
    t->predictor = in[1];
    t->log_classes = in[2];
    t->count = get_u16(in + 3);
    if (in[0] != AC_MODE_DIFFERENCES || t->predictor >= PREDICTORS || t->log_classes > 3 || t->count > MAX_SYMBOLS) return AC_ERROR_CORRUPT;
    uint32_t first = get_u16(in + 5), reach = 0;
    if (!t->count && first) return AC_ERROR_CORRUPT;
    bit_reader b = {in + HEADER, length - HEADER, 0, AC_OK};
    mean gaps = {8, 1};
    for (uint32_t i = 0; i < t->count; i++) {
        if (i) reach += 1 + read_rice(&b, &gaps, 65535);
        if (b.status) return b.status;
        if (reach > 65535) return AC_ERROR_CORRUPT;
        t->symbol[i] = (uint16_t)(first + reach);
    }
    for (uint32_t c = 0; c < 1u << t->log_classes; c++) {
        const int status = read_class(&b, t, c);
        if (status) return status;
    }
    while (b.bits & 7)
        if (read_bits(&b, 1)) return AC_ERROR_CORRUPT;
    *size = HEADER + b.bits / 8;
    return AC_OK;
}

typedef struct {
    const uint8_t *next, *end;
    int short_of_words;
} word_reader;

static inline uint32_t refill(uint32_t x, word_reader *in)
{
    if (x >= AC_RANS_LOW) return x;
    if (in->end - in->next < 2) {
        in->short_of_words = 1;
        return x | AC_RANS_LOW;
    }
    x = x << 16 | get_u16(in->next);
    in->next += 2;
    return x;
}

static inline uint16_t pop_difference(const lookup *t, uint32_t c, uint32_t *state, word_reader *in)
{
    const uint32_t x = *state, slot = x & (AC_TOTAL - 1);
    const entry e = t->entries[c][t->index[c][slot]];
    *state = refill(e.freq * (x >> AC_PRECISION) + slot - e.start, in);
    if (!e.is_escape) return e.value;
    const uint16_t raw = (uint16_t)*state;
    *state = refill(*state >> 16, in);
    return raw;
}

static inline void decode_row(const lookup *t, const uint32_t *classes, uint16_t *row, uint32_t y, uint32_t width, size_t stride, int predictor,
                              uint32_t *state, word_reader *in)
{
    const size_t before = (size_t)y * width;
    const neighbours edge = neighbours_at(row, stride, y, 0);
    row[0] = (uint16_t)(predict(edge, predictor) + pop_difference(t, classes[place_of(edge, y, 0)], &state[before % STATES], in));
    neighbours a = edge;
    a.w = row[0];
    for (uint32_t x = 1; x < width; x++) {
        a.n = y ? *(row + x - stride) : a.w;
        if (!y) a.nw = a.w;
        const uint16_t d = pop_difference(t, classes[place_of(a, y, x)], &state[(before + x) % STATES], in);
        a.w = row[x] = (uint16_t)(predict(a, predictor) + d);
        a.nw = a.n;
    }
}

static int decode_pixels(const lookup *t, uint32_t *state, word_reader *in, uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    uint32_t classes[CLASSES];
    for (uint32_t i = 0; i < CLASSES; i++) classes[i] = class_of(i, t->log_classes);
    for (uint32_t y = 0; y < height; y++) {
        uint16_t *row = samples + y * stride;
        switch (t->predictor) { /* a loop of its own for each predictor */
        case PREDICT_NONE: decode_row(t, classes, row, y, width, stride, PREDICT_NONE, state, in); break;
        case PREDICT_W: decode_row(t, classes, row, y, width, stride, PREDICT_W, state, in); break;
        case PREDICT_N: decode_row(t, classes, row, y, width, stride, PREDICT_N, state, in); break;
        default: decode_row(t, classes, row, y, width, stride, PREDICT_GRADIENT, state, in);
        }
        if (in->short_of_words) return AC_ERROR_TRUNCATED;
    }
    for (uint32_t i = 0; i < STATES; i++)
        if (state[i] != AC_RANS_LOW) return AC_ERROR_CORRUPT;
    return in->next == in->end ? AC_OK : AC_ERROR_CORRUPT;
}

int ac_differences_decode(const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    if (!in) return AC_ERROR_ARGUMENT;
    int status = ac_check_sides(samples, height, width, stride);
    if (status) return status;
    lookup *t = malloc(sizeof *t);
    if (!t) return AC_ERROR_MEMORY;
    size_t size;
    status = read_table(in, length, t, &size);
    if (!status && length - size < 4 * STATES) status = AC_ERROR_TRUNCATED;
    uint32_t state[STATES];
    for (uint32_t i = 0; i < STATES && !status; i++) {
        state[i] = get_u32(in + size + 4 * i);
        if (state[i] < AC_RANS_LOW) status = AC_ERROR_CORRUPT;
    }
    if (!status) {
        word_reader words = {in + size + 4 * STATES, in + length, 0};
        status = decode_pixels(t, state, &words, samples, height, width, stride);
    }
    free(t);
    return status;
}

int ac_differences_bits(const uint8_t *in, size_t length, const uint16_t *samples, uint32_t height, uint32_t width, float *bits, size_t stride,
                        double *header)
{
    lookup *t = malloc(sizeof *t);
    float *table = malloc((AC_TOTAL + 1) * sizeof *table);
    uint16_t *index = malloc(65536 * sizeof *index);
    size_t size = 0;
    int status = t && table && index ? read_table(in, length, t, &size) : AC_ERROR_MEMORY;
    if (!status) {
        ac_bits_table(table);
        for (uint32_t d = 0; d < 65536; d++) index[d] = (uint16_t)t->count;
        for (uint32_t i = 0; i < t->count; i++) index[t->symbol[i]] = (uint16_t)i;
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width; x++) {
                const uint16_t *at = samples + (size_t)y * width + x;
                const neighbours a = neighbours_at(at, width, y, x);
                const uint32_t c = class_of(place_of(a, y, x), t->log_classes);
                const uint32_t symbol = index[(uint16_t)(*at - predict(a, t->predictor))];
                /* A listed difference whose frequency is 0 in this class can only have come behind the escape. */
                const uint32_t f = t->entries[c][symbol].freq, escape = t->entries[c][t->count].freq;
                bits[y * stride + x] = symbol < t->count && f ? table[f] : table[escape] + 16;
            }
        *header = 8 * (double)size + ac_state_bits(in + size, STATES);
    }
    free(index);
    free(table);
    free(t);
    return status;
}
