/* Differences: piece to bytes. */
#include "differences_parts.h"
#include "log512.h"
#include "rans.h"

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
    ac_put_u16(out + 3, t->count);
    ac_put_u16(out + 5, t->count ? t->symbol[0] : 0);
    ac_bit_writer b = {out + HEADER, capacity - HEADER, 0, 0};
    ac_rice_mean gaps = ac_rice_start;
    for (uint32_t i = 1; i < t->count; i++) ac_put_running(&b, &gaps, (uint16_t)(t->symbol[i] - t->symbol[i - 1] - 1));
    for (uint32_t c = 0; c < 1u << t->log_classes; c++) {
        ac_rice_mean lengths = ac_rice_start;
        for (uint32_t i = 0; i <= t->count; i++) {
            const uint32_t f = t->freq[c][i], bits = ac_bit_length(f);
            ac_put_running(&b, &lengths, bits);
            if (bits) ac_put_bits(&b, f, bits - 1);
        }
    }
    return b.is_full ? 0 : HEADER + ac_bytes_of_bits(b.at);
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
            for (uint32_t i = 0; i < STATES; i++) ac_put_u32(out + head + 4 * i, state[i]);
            for (size_t i = 0; i < n; i++) ac_put_u16(out + head + 4 * STATES + 2 * i, word[i]);
            *length = head + 4 * STATES + 2 * n;
        }
    }
    free(places);
    free(words);
    free(differences);
    free(e);
    return status;
}
