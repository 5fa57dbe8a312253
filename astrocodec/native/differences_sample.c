/* Differences: a sample that tells whether they are promising. */
#include "differences_parts.h"
#include "log512.h"

/* Is it promising? Two sampled differences that fall into one cell are equal with a chance of 1 / width if the histogram is
 * smooth there. Where they are equal more often, few differences are in use, and listing them saves about log2 of that ratio.
 * Where nearly all differences are alike, a model has little to add to their frequencies; that is so too of most of them, as in
 * maps of how long pixels were exposed. */

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
    uint32_t most = 0;
    for (uint32_t i = 0; i < n; i++) s->counts[s->differences[i]]++;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t c = s->counts[s->differences[i]];
        if (!c) continue; /* seen before */
        s->counts[s->differences[i]] = 0;
        most = c > most ? c : most;
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
    return saved > (int64_t)n * LEAST_SAVED || entropy < (int64_t)n * LEAST_ENTROPY || most * 8 > n * 5;
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
