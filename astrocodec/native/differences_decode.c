/* Differences: bytes to piece, and the bits of each sample. */
#include "code_bits.h"
#include "differences_parts.h"
#include "rans.h"

typedef struct {
    ac_bit_reader bits;
    ac_refusal *why;
} table_reader;

/* A table that breaks its rules, here. */
static int refuse_table(const table_reader *r) { return ac_refuse(r->why, AC_REASON_TABLE, HEADER + r->bits.at / 8, 0, 0); }

static int refuse_if_short(const table_reader *r) { return r->bits.is_short ? ac_refuse(r->why, AC_REASON_CUT, HEADER + r->bits.length, 1, 0) : r->why->status; }

static uint32_t read_number(table_reader *r, ac_rice_mean *m, uint32_t most)
{
    const uint32_t value = ac_take_running(&r->bits, m);
    if (!refuse_if_short(r) && value > most) refuse_table(r);
    return r->why->status ? 0 : value;
}

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

static int read_class(table_reader *r, lookup *t, uint32_t c)
{
    ac_rice_mean lengths = ac_rice_start;
    uint32_t sum = 0;
    for (uint32_t i = 0; i <= t->count; i++) {
        const uint32_t bits = read_number(r, &lengths, AC_PRECISION + 1);
        const uint32_t f = bits ? 1u << (bits - 1) | (uint32_t)ac_take_bits(&r->bits, bits - 1) : 0;
        if (refuse_if_short(r)) return r->why->status;
        if (f > AC_TOTAL - sum) return refuse_table(r);
        t->entries[c][i] = (entry){(uint16_t)sum, (uint16_t)f, i < t->count ? t->symbol[i] : 0, i == t->count};
        for (uint32_t slot = sum; slot < sum + f; slot++) t->index[c][slot] = (uint16_t)i;
        sum += f;
    }
    return sum == AC_TOTAL ? AC_OK : refuse_table(r);
}

/* Reads and checks everything in front of the states; `size` receives its length. */
static int read_table(const uint8_t *in, size_t length, lookup *t, size_t *size, ac_refusal *why)
{
    if (length < HEADER) return ac_refuse(why, AC_REASON_CUT, 0, HEADER, length);
    t->predictor = in[1];
    t->log_classes = in[2];
    t->count = ac_get_u16(in + 3);
    const uint32_t first = ac_get_u16(in + 5);
    uint32_t reach = 0;
    if (t->predictor >= PREDICTORS || t->log_classes > 3 || t->count > MAX_SYMBOLS || (!t->count && first)) return ac_refuse(why, AC_REASON_TABLE, 1, 0, 0);
    table_reader r = {{in + HEADER, length - HEADER, 0, 0}, why};
    ac_rice_mean gaps = ac_rice_start;
    for (uint32_t i = 0; i < t->count; i++) {
        if (i) reach += 1 + read_number(&r, &gaps, 65535);
        if (why->status) return why->status;
        if (reach > 65535) return refuse_table(&r);
        t->symbol[i] = (uint16_t)(first + reach);
    }
    for (uint32_t c = 0; c < 1u << t->log_classes; c++) {
        const int status = read_class(&r, t, c);
        if (status) return status;
    }
    if (!ac_take_padding(&r.bits)) return refuse_table(&r);
    *size = HEADER + r.bits.at / 8;
    return AC_OK;
}

static inline uint16_t pop_difference(const lookup *t, uint32_t c, uint32_t *state, ac_word_reader *in)
{
    const uint32_t x = *state, slot = x & (AC_TOTAL - 1);
    const entry e = t->entries[c][t->index[c][slot]];
    *state = ac_refill(e.freq * (x >> AC_PRECISION) + slot - e.start, in);
    if (!e.is_escape) return e.value;
    const uint16_t raw = (uint16_t)*state;
    *state = ac_refill(*state >> 16, in);
    return raw;
}

static inline void decode_row(const lookup *t, const uint32_t *classes, uint16_t *row, uint32_t y, uint32_t width, size_t stride, int predictor,
                              uint32_t *state, ac_word_reader *in)
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

/* 0 where words run out. */
static int decode_pixels(const lookup *t, uint32_t *state, ac_word_reader *in, uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    uint32_t classes[CLASSES];
    for (uint32_t i = 0; i < CLASSES; i++) classes[i] = class_of(i, t->log_classes);
    for (uint32_t y = 0; y < height && !in->is_short; y++) {
        uint16_t *row = samples + y * stride;
        switch (t->predictor) { /* a loop of its own for each predictor */
        case PREDICT_NONE: decode_row(t, classes, row, y, width, stride, PREDICT_NONE, state, in); break;
        case PREDICT_W: decode_row(t, classes, row, y, width, stride, PREDICT_W, state, in); break;
        case PREDICT_N: decode_row(t, classes, row, y, width, stride, PREDICT_N, state, in); break;
        default: decode_row(t, classes, row, y, width, stride, PREDICT_GRADIENT, state, in);
        }
    }
    return !in->is_short;
}

static int decode_with(lookup *t, const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride, ac_refusal *why)
{
    size_t size;
    if (read_table(in, length, t, &size, why)) return why->status;
    if (length - size < 4 * STATES) return ac_refuse(why, AC_REASON_CUT, size, 4 * STATES, length - size);
    uint32_t state[STATES];
    if (ac_states_read(in, size, STATES, state, why)) return why->status;
    ac_word_reader words = {in + size + 4 * STATES, in + length, 0};
    if (!decode_pixels(t, state, &words, samples, height, width, stride)) return ac_refuse(why, AC_REASON_WORDS, length, 0, 0);
    return ac_states_end(state, STATES, (size_t)(words.end - words.next), length, why);
}

int ac_differences_decode(const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride, ac_refusal *why)
{
    lookup *t = malloc(sizeof *t);
    if (!t) return why->status = AC_ERROR_MEMORY;
    const int status = decode_with(t, in, length, samples, height, width, stride, why);
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
    ac_refusal why = {0};
    int status = t && table && index ? read_table(in, length, t, &size, &why) : AC_ERROR_MEMORY;
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
