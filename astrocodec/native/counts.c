#include "counts.h"

#include <stdlib.h>
#include <string.h>

#include "code_bits.h"
#include "decisions.h"
#include "log512.h"
#include "wavefront.h"

enum {
    HEADER = 3,
    LEVELS = 20, /* of what surrounds a pixel */
    STEPS = 32,  /* of a count that are decisions of its level; larger ones go on by octaves */
    OCTAVES = 15,
    MOST_SEEN = 4096,
    MOST_SUMMED = 255, /* a star must not outweigh all around it */
    REACH = 2,         /* pixels to either side, and rows above, that surround a pixel */
    MOST_MEAN = 8
};

typedef struct {
    ac_decision steps[LEVELS][STEPS], octaves[OCTAVES];
    /* Of a row: what of the two rows above surrounds each pixel, and capped counts of three rows, REACH columns wider on either side. */
    uint16_t *above, *row[3];
} context;

static context *new_context(uint32_t width)
{
    const size_t padded = (size_t)width + 2 * REACH;
    context *c = calloc(1, sizeof *c + 4 * padded * sizeof(uint16_t));
    if (!c) return NULL;
    c->above = (uint16_t *)(c + 1);
    for (size_t i = 0; i < 3; i++) c->row[i] = c->above + (i + 1) * padded;
    return c;
}

/* A row is finished, the next one begins. */
static void next_row(context *c, uint32_t width)
{
    uint16_t *const oldest = c->row[2];
    c->row[2] = c->row[1], c->row[1] = c->row[0], c->row[0] = oldest;
    const uint16_t *a = c->row[1], *b = c->row[2];
    for (uint32_t x = 0; x < width; x++) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i <= 2 * REACH; i++) sum += a[x + i] + b[x + i];
        c->above[x] = (uint16_t)sum;
    }
}

static inline ac_decision *decisions_at(context *c, uint32_t x)
{
    const uint32_t sum = c->above[x] + c->row[0][x] + c->row[0][x + 1];
    if (sum < 2) return c->steps[sum];
    const uint32_t e = (uint32_t)ac_log2_floor(sum), level = 2 * e + (sum >> (e - 1) & 1);
    return c->steps[level < LEVELS ? level : LEVELS - 1];
}

static inline void know(context *c, uint32_t x, uint32_t count) { c->row[0][x + REACH] = (uint16_t)(count < MOST_SUMMED ? count : MOST_SUMMED); }

/* The octave of what of a count goes beyond its steps, from 1 on. */
static inline uint32_t octave_of(uint32_t count) { return (uint32_t)ac_log2_floor(count - STEPS + 1); }

static uint16_t least_of(const uint16_t *row, uint32_t width, uint16_t least)
{
    for (uint32_t x = 0; x < width; x++) least = row[x] < least ? row[x] : least;
    return least;
}

static uint16_t least_of_piece(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    uint16_t least = UINT16_MAX;
    for (uint32_t y = 0; y < height; y++) least = least_of(samples + y * stride, width, least);
    return least;
}

static uint64_t records_of(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint16_t least)
{
    uint64_t records = 0;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            const uint32_t count = (uint32_t)(samples[y * stride + x] - least);
            records += count < STEPS ? count + 1 : STEPS + octave_of(count) + 2;
        }
    return records;
}

/* A lesser sample to come only makes the sum larger: most pieces are known by their first rows. */
int ac_counts_promising(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, int thorough)
{
    const uint64_t pixels = (uint64_t)height * width, most = pixels * (thorough || pixels <= 65536 ? MOST_MEAN : 1);
    uint16_t least = UINT16_MAX;
    uint64_t sum = 0;
    for (uint32_t y = 0; y < height; y++) {
        const uint16_t *row = samples + y * stride;
        for (uint32_t x = 0; x < width; x++) sum += row[x];
        least = least_of(row, width, least);
        if (sum - (uint64_t)least * width * (y + 1) > most) return 0;
    }
    return 1;
}

static uint32_t *record_pixel(context *c, uint32_t x, uint32_t count, uint32_t *to)
{
    ac_decision *d = decisions_at(c, x);
    know(c, x, count);
    const uint32_t steps = count < STEPS ? count : STEPS;
    for (uint32_t i = 0; i < steps; i++, d++) *to++ = ac_record_choice(d, 1, MOST_SEEN);
    if (count < STEPS) {
        *to++ = ac_record_choice(d, 0, MOST_SEEN);
        return to;
    }
    const uint32_t octave = octave_of(count);
    d = c->octaves;
    for (uint32_t i = 0; i < octave; i++, d++) *to++ = ac_record_choice(d, 1, MOST_SEEN);
    if (octave < OCTAVES) *to++ = ac_record_choice(d, 0, MOST_SEEN);
    *to++ = ac_record_raw(count - STEPS + 1 - (1u << octave), octave);
    return to;
}

int ac_counts_encode(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out, size_t capacity, size_t *length)
{
    if (!out || !length) return AC_ERROR_ARGUMENT;
    const int status = ac_check_sides(samples, height, width, stride);
    if (status) return status;
    const uint16_t least = least_of_piece(samples, height, width, stride);
    const uint64_t count = records_of(samples, height, width, stride, least);
    uint32_t *const records = malloc(count * sizeof *records), *to = records;
    context *c = new_context(width);
    if (!records || !c) {
        free(records);
        free(c);
        return AC_ERROR_MEMORY;
    }
    for (uint32_t y = 0; y < height; y++) {
        if (y) next_row(c, width);
        for (uint32_t x = 0; x < width; x++) to = record_pixel(c, x, (uint32_t)(samples[y * stride + x] - least), to);
    }
    /* From the last record to the first: a record makes a word at most, which finds room behind it. */
    uint16_t *const end = (uint16_t *)to, *word = end;
    uint32_t state = AC_RANS_LOW;
    while (to > records) ac_push_record(*--to, &state, &word);
    const size_t words = (size_t)(end - word), size = HEADER + 4 + 2 * words;
    const int fits = size <= capacity;
    if (fits) {
        out[0] = AC_MODE_COUNTS;
        ac_put_u16(out + 1, least);
        ac_put_u32(out + HEADER, state);
        for (size_t i = 0; i < words; i++) ac_put_u16(out + HEADER + 4 + 2 * i, word[i]);
        *length = size;
    }
    free(records);
    free(c);
    return fits ? AC_OK : AC_ERROR_SPACE;
}

static inline uint32_t pop_count(context *c, uint32_t x, uint32_t *state, ac_word_reader *in)
{
    ac_decision *d = decisions_at(c, x);
    uint32_t count = 0, octave = 0;
    while (count < STEPS && ac_pop_choice(d + count, MOST_SEEN, state, in)) count++;
    if (count < STEPS) return count;
    while (octave < OCTAVES && ac_pop_choice(c->octaves + octave, MOST_SEEN, state, in)) octave++;
    return STEPS - 1 + (1u << octave) + ac_pop_bits(octave, state, in);
}

int ac_counts_decode(const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride, ac_refusal *why)
{
    if (length < HEADER + 4) return ac_refuse(why, AC_REASON_CUT, 0, HEADER + 4, length);
    const uint32_t least = ac_get_u16(in + 1);
    uint32_t state;
    if (ac_states_read(in, HEADER, 1, &state, why)) return why->status;
    context *c = new_context(width);
    if (!c) return why->status = AC_ERROR_MEMORY;
    ac_word_reader words = {in + HEADER + 4, in + length, 0};
    for (uint32_t y = 0; y < height && !words.is_short; y++) {
        if (y) next_row(c, width);
        for (uint32_t x = 0; x < width; x++) {
            const uint32_t count = pop_count(c, x, &state, &words);
            know(c, x, count);
            samples[y * stride + x] = (uint16_t)(least + count);
        }
    }
    free(c);
    if (words.is_short) return ac_refuse(why, AC_REASON_WORDS, length, 0, 0);
    return ac_states_end(&state, 1, (size_t)(words.end - words.next), length, why);
}

static float bits_of(const uint32_t *from, const uint32_t *to, const float *table)
{
    float bits = 0;
    for (; from < to; from++) {
        const uint32_t no = *from & (AC_YES - 1);
        bits += *from & AC_RAW ? (float)(*from & 31) : table[*from & AC_YES ? AC_TOTAL - no : no];
    }
    return bits;
}

int ac_counts_bits(const uint8_t *in, const uint16_t *samples, uint32_t height, uint32_t width, float *bits, size_t stride, double *header)
{
    float *table = malloc((AC_TOTAL + 1) * sizeof *table);
    context *c = new_context(width);
    if (table && c) {
        ac_bits_table(table);
        for (uint32_t y = 0; y < height; y++) {
            if (y) next_row(c, width);
            for (uint32_t x = 0; x < width; x++) {
                uint32_t records[STEPS + OCTAVES + 2];
                bits[y * stride + x] = bits_of(records, record_pixel(c, x, (uint16_t)(samples[(size_t)y * width + x] - ac_get_u16(in + 1)), records), table);
            }
        }
        *header = 8 * HEADER + ac_state_bits(in + HEADER, 1);
    }
    const int status = table && c ? AC_OK : AC_ERROR_MEMORY;
    free(c);
    free(table);
    return status;
}
