/* The piece codec pixel by pixel, with nothing done for speed: what the kernels are compared with. */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>

#include "counts.h"
#include "differences.h"
#include "rans.h"
#include "piece.h"

/* The samples of a piece with what stands outside its edges: rows -3.., columns -3..width+2. */
typedef struct {
    uint16_t *at; /* pixel (0, 0) */
    size_t stride;
    void *memory;
} ac_padded;

/* The pixel of a lane at a step; 0 when the lane idles. */
static int ac_lane_pixel(const ac_wavefront *w, uint32_t step, uint32_t lane, uint32_t *y, uint32_t *x)
{
    if (step < lane * AC_LAG) return 0;
    const uint32_t p = step - lane * AC_LAG, column = p % w->period;
    *y = lane + w->lanes * (p / w->period);
    *x = column - AC_PAD;
    return *y < w->height && column >= AC_PAD && *x < w->width;
}

/* A pixel's context from the padded samples and the running means of the piece. */
typedef struct {
    ac_wavefront wave;
    ac_padded samples;
    ac_running *running; /* [height + 1][width]; row 0 stands above the piece */
    int32_t *columns;
    uint16_t floor;
    int odd;          /* of a trellis, then the samples are 2 n + p; else -1 */
    uint32_t *states; /* of the trellis in each row */
} ac_plane;

static uint16_t virtual_sample(int32_t x, int32_t y, ac_start start)
{
    return (uint16_t)ac_clamp((x + y) & 1 ? start.row + start.amplitude : start.row - start.amplitude, 0, 65535);
}

static void plane_free(ac_plane *p)
{
    free(p->samples.memory);
    free(p->running);
    free(p->columns);
    free(p->states);
}

static int plane_new(ac_plane *p, uint32_t height, uint32_t width, ac_start start, int odd)
{
    const size_t stride = (size_t)width + 2 * AC_PAD, cells = ((size_t)height + 1) * width;
    p->wave = ac_wavefront_of(height, width);
    p->floor = start.floor;
    p->odd = odd;
    p->states = calloc(height, sizeof *p->states);
    p->samples.stride = stride;
    p->samples.memory = malloc(stride * ((size_t)height + AC_PAD) * sizeof(uint16_t));
    p->running = malloc(cells * sizeof *p->running);
    p->columns = malloc(cells * sizeof *p->columns);
    if (!p->samples.memory || !p->running || !p->columns || !p->states) {
        plane_free(p);
        return AC_ERROR_MEMORY;
    }
    p->samples.at = (uint16_t *)p->samples.memory + AC_PAD * stride + AC_PAD;
    for (int32_t y = -AC_PAD; y < 0; y++)
        for (int32_t x = -AC_PAD; x < (int32_t)width + AC_PAD; x++)
            p->samples.at[y * (ptrdiff_t)stride + x] = virtual_sample(x, y, start);
    for (uint32_t x = 0; x < width; x++) {
        p->running[x] = (ac_running){start.row * 256, start.row * 256, start.amplitude * 362, start.amplitude * 362};
        p->columns[x] = 0;
    }
    return AC_OK;
}

static void pad_left(const ac_plane *p, uint32_t y)
{
    uint16_t *row = p->samples.at + (ptrdiff_t)y * (ptrdiff_t)p->samples.stride;
    const uint16_t above = row[-(ptrdiff_t)p->samples.stride];
    for (int i = 1; i <= AC_PAD; i++) row[-i] = above;
}

static void pad_right(const ac_plane *p, uint32_t y)
{
    uint16_t *end = p->samples.at + (ptrdiff_t)y * (ptrdiff_t)p->samples.stride + p->wave.width;
    for (int i = 0; i < AC_PAD; i++) end[i] = end[-1];
}

/* Row y of the piece is row y + 1 of the running means. */
static ac_running *running_at(const ac_plane *p, uint32_t y, uint32_t x) { return p->running + (size_t)y * p->wave.width + x; }

static const ac_running *running_up(const ac_plane *p, uint32_t y, uint32_t x)
{
    const uint32_t reach = x + AC_LAG - 1;
    return running_at(p, y, reach < p->wave.width ? reach : p->wave.width - 1);
}

static ac_running running_left(const ac_plane *p, uint32_t y, uint32_t x)
{
    if (x) return *running_at(p, y + 1, x - 1);
    const ac_running *up = running_up(p, y, 0);
    return (ac_running){up->area, up->area, up->area_step, up->area_step};
}

static void context_at(const ac_plane *p, uint32_t y, uint32_t x, ac_context *c)
{
    const uint16_t *at = p->samples.at + (ptrdiff_t)y * (ptrdiff_t)p->samples.stride + x;
    uint16_t neighbours[AC_NEIGHBOURS];
    for (int i = 0; i < AC_NEIGHBOURS; i++) neighbours[i] = at[ac_dy[i] * (ptrdiff_t)p->samples.stride + ac_dx[i]];
    const ac_running left = running_left(p, y, x);
    ac_context_of(neighbours, &left, running_up(p, y, x), p->columns[(size_t)y * p->wave.width + x], p->floor, x, y, c);
}

static void take_in(ac_plane *p, uint32_t y, uint32_t x, uint16_t sum)
{
    const uint16_t *at = p->samples.at + (ptrdiff_t)y * (ptrdiff_t)p->samples.stride + x;
    const size_t cell = (size_t)y * p->wave.width + x;
    ac_running own = running_left(p, y, x);
    p->columns[cell + p->wave.width] = ac_update(at[0], at[-1], sum, running_up(p, y, x), &own, p->columns[cell]);
    *running_at(p, y + 1, x) = own;
    if (x + 1 == p->wave.width) pad_right(p, y);
}

typedef struct {
    uint16_t start, freq, raw;
    uint8_t lane, bits, share;
} ac_record;

/* Code widths: the table of a piece, NULL for none, and its shift. */
typedef struct {
    const ac_widths *table;
    int32_t shift;
} widths;

static widths widths_of(const ac_model *model, ac_width_choice choice)
{
    return (widths){choice.table < 0 ? 0 : model->widths + choice.table, choice.shift};
}

static int32_t below(widths w, int32_t sample) { return w.table->below[(sample + w.shift) & ((1 << w.table->period_bits) - 1)]; }

static int core_of(const ac_cell *c) { return ac_layouts[c->layout].core; }

/* The cumulative frequencies of a pixel. */
static const uint16_t *frequencies(const ac_model *model, widths w, const ac_cell *c, uint16_t *room)
{
    const uint16_t *cum = model->tables.cum + (size_t)c->table * AC_SYMBOLS;
    if (!w.table) return cum;
    memcpy(room, cum, AC_SYMBOLS * sizeof *room);
    for (int s = 33 - core_of(c); c->k < w.table->period_bits && s < 32 + core_of(c); s++) {
        const int32_t d = below(w, c->base + (s - 32) * (1 << c->k)), free = (d >= 0 ? cum[s + 1] - cum[s] : cum[s] - cum[s - 1]) - 1;
        room[s] = (uint16_t)(cum[s] + ((free * d * (512 >> c->k) + 16384) >> 15));
    }
    return room;
}

static int is_shared(widths w, const ac_cell *c, uint32_t symbol)
{
    return w.table && c->k >= 1 && c->k <= 10 && (int)(symbol < 32 ? 31 - symbol : symbol - 32) < core_of(c);
}

/* Where the share of sample first + j begins. */
static uint32_t share_start(widths w, int32_t first, int k, int32_t j)
{
    const uint32_t all = (uint32_t)(64 * (1 << k) + below(w, first + (1 << k)) - below(w, first));
    return (uint32_t)(((uint64_t)(64 * j + below(w, first + j) - below(w, first)) << (k + 6)) / all);
}

static void put_u16(uint8_t *p, uint32_t v) { p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8); }
static void put_u32(uint8_t *p, uint32_t v) { put_u16(p, v), put_u16(p + 2, v >> 16); }
static uint32_t get_u16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t get_u32(const uint8_t *p) { return get_u16(p) | get_u16(p + 2) << 16; }

/* The network, in plain loops. */
static void dense(const int8_t *w, const int32_t *b, int outputs, int inputs, const int16_t *x, int16_t *y)
{
    for (int j = 0; j < outputs; j++) {
        int32_t acc = b[j];
        for (int i = 0; i < inputs; i++) acc += w[j * inputs + i] * x[i];
        y[j] = (int16_t)ac_clamp(acc >> AC_SHIFT, 0, AC_ACTIVATION_MAX);
    }
}

/* 2 n + p of a row's next sample n */
static uint16_t doubled(uint32_t *state, int odd, uint32_t n)
{
    const uint32_t p = *state & 1;
    *state = *state >> 1 ^ (p ? 5 : 0) ^ ((n + (uint32_t)odd) % 2 ? 2 : 0);
    return (uint16_t)(2 * n + p);
}

static ac_cell predict(const ac_model *model, const ac_context *c, const ac_plane *p, uint32_t y)
{
    int16_t h1[AC_MAX_HIDDEN], h2[AC_MAX_HIDDEN];
    dense(model->w1, model->b1, model->hidden, AC_INPUTS, c->input, h1);
    dense(model->w2, model->b2, model->hidden, model->hidden, h1, h2);
    int32_t o[AC_OUTPUTS];
    for (int j = 0; j < AC_OUTPUTS; j++) {
        int32_t acc = model->b3[j];
        for (int i = 0; i < model->hidden; i++) acc += model->w3[j * model->hidden + i] * h2[i];
        o[j] = ac_clamp(acc, -32768, 32767);
    }
    int32_t linear = 256;
    for (int i = 0; i < AC_LINEAR; i++) linear += model->linear[i] * c->linear[i];
    const int32_t offset = c->sum * ac_clamp(o[0], -32767, 32767);
    int32_t loc16 = ac_clamp(c->mean * 16 + (linear >> 9) + ((offset + 256) >> 9), 0, 65535 * 16 + 15);
    int32_t q = ac_clamp((ac_log512(c->sum) + o[1] - 224) >> 6, 0, AC_SCALES - 1);
    const int32_t tail = ac_clamp((o[2] + 64) >> 7, 0, model->tables.tails - 1), skew = ac_clamp((o[3] + 64) >> 7, 0, model->tables.skews - 1);
    if (p->odd >= 0) {
        loc16 = ac_clamp(loc16 - (p->states[y] & 1 ? 16 : 0), 0, INT32_MAX) / 2;
        q = ac_clamp(q - 8, 0, INT32_MAX);
    }
    return ac_cell_of(loc16, q, (uint32_t)(tail * model->tables.skews + skew));
}

/* One group of up to 32 lanes of a step, backwards: raw bits last, so they go in first. */
static void push_group(const ac_record *first, const ac_record *last, uint32_t states, uint32_t *state, uint16_t **end)
{
    for (const ac_record *r = last; r-- > first;) ac_rans_push_share(&state[r->lane & (states - 1)], r->raw, r->share, r->bits, end);
    for (const ac_record *r = last; r-- > first;) ac_rans_push(&state[r->lane & (states - 1)], r->start, r->freq, end);
}

static size_t push_all(const ac_record *records, const size_t *groups, size_t group_count, uint32_t states, uint32_t *state, uint16_t *end)
{
    uint16_t *word = end;
    for (uint32_t i = 0; i < states; i++) state[i] = AC_RANS_LOW;
    for (size_t g = group_count; g-- > 0;) push_group(records + groups[g], records + groups[g + 1], states, state, &word);
    return (size_t)(end - word);
}

static size_t record_all(const ac_model *model, widths uneven, ac_plane *plane, ac_record *records, size_t *groups)
{
    const ac_wavefront *w = &plane->wave;
    size_t n = 0, g = 0;
    for (uint32_t step = 0; step < w->steps; step++)
        for (uint32_t lane = 0; lane < w->lanes; lane++) {
            uint32_t y, x;
            if (!(lane & 31)) groups[g++] = n;
            if (!ac_lane_pixel(w, step, lane, &y, &x)) continue;
            if (!x) pad_left(plane, y);
            ac_context c;
            context_at(plane, y, x, &c);
            const ac_cell cell = predict(model, &c, plane, y);
            uint16_t v = plane->samples.at[(ptrdiff_t)y * (ptrdiff_t)plane->samples.stride + x];
            if (plane->odd >= 0) {
                v /= 2;
                doubled(&plane->states[y], plane->odd, v);
            }
            const ac_coded s = ac_symbol_of(v - cell.base, cell.k, &ac_layouts[cell.layout]);
            uint16_t room[AC_SYMBOLS];
            const uint16_t *cum = frequencies(model, uneven, &cell, room) + s.symbol;
            ac_record r = {cum[0], (uint16_t)(cum[1] - cum[0]), s.raw, (uint8_t)lane, s.bits, 1};
            if (is_shared(uneven, &cell, s.symbol)) {
                const int32_t first = cell.base + (s.symbol - 32) * (1 << cell.k);
                r.raw = (uint16_t)share_start(uneven, first, cell.k, v - first);
                r.share = (uint8_t)(share_start(uneven, first, cell.k, v - first + 1) - r.raw);
                r.bits = (uint8_t)(cell.k + 6);
            }
            records[n++] = r;
            take_in(plane, y, x, c.sum);
        }
    groups[g] = n;
    return g;
}

static int is_constant(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            if (samples[y * stride + x] != samples[0]) return 0;
    return 1;
}

static int encode_raw(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out, size_t *length)
{
    *out++ = AC_MODE_RAW;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++, out += 2) put_u16(out, samples[y * stride + x]);
    *length = ac_piece_bound(height, width);
    return AC_OK;
}

/* States that a piece of `bytes` can afford: one for every 2048 bytes, at most 32. */
static uint32_t affordable_states(size_t bytes)
{
    uint32_t n = AC_STATES;
    while (n > 1 && bytes < (size_t)n * 2048) n /= 2;
    return n;
}

/* Pieces of differences and of counts have one implementation for all levels, and the reference in Python to check it. */
typedef int other_encode(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out, size_t capacity, size_t *length);

static int prefer(other_encode *encode, const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out, size_t *length)
{
    uint8_t *other = malloc(*length);
    if (!other) return AC_ERROR_MEMORY;
    size_t size = 0;
    const int status = encode(samples, height, width, stride, other, *length, &size);
    if (!status && size < *length) {
        memcpy(out, other, size);
        *length = size;
    }
    free(other);
    return status == AC_ERROR_SPACE ? AC_OK : status;
}

int oracle_piece_encode(const ac_model *model, ac_width_choice choice, int odd, const uint16_t *samples, uint32_t height, uint32_t width, size_t stride,
                        uint8_t *out, size_t capacity, size_t *length)
{
    if (!model || !out || !length) return AC_ERROR_ARGUMENT;
    int status = ac_check_sides(samples, height, width, stride);
    if (status) return status;
    if (capacity < ac_piece_bound(height, width)) return AC_ERROR_SPACE;
    if (is_constant(samples, height, width, stride)) {
        out[0] = AC_MODE_CONSTANT;
        put_u16(out + 1, samples[0]);
        *length = 3;
        return AC_OK;
    }
    uint16_t *seen = malloc(sizeof *seen * height * width);
    if (!seen) return AC_ERROR_MEMORY;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0, trellis = 0; x < width; x++) {
            const uint16_t n = samples[y * stride + x];
            seen[(size_t)y * width + x] = odd < 0 ? n : doubled(&trellis, odd, n);
        }
    const ac_start start = ac_choose_start(seen, height, width, width);
    ac_plane plane;
    status = plane_new(&plane, height, width, start, odd);
    for (uint32_t y = 0; y < height && !status; y++) memcpy(plane.samples.at + y * plane.samples.stride, seen + (size_t)y * width, width * sizeof *seen);
    free(seen);
    if (status) return status;
    const size_t pixels = (size_t)height * width;
    ac_record *records = malloc(pixels * sizeof *records);
    size_t *groups = malloc(((size_t)plane.wave.steps * (plane.wave.lanes / 32) + 1) * sizeof *groups);
    uint16_t *words = malloc(pixels * 2 * sizeof *words);
    if (!records || !groups || !words) {
        status = AC_ERROR_MEMORY;
    } else {
        const size_t group_count = record_all(model, widths_of(model, choice), &plane, records, groups);
        uint32_t state[AC_STATES], states = AC_STATES;
        size_t n = push_all(records, groups, group_count, states, state, words + pixels * 2);
        states = affordable_states(4 * states + 2 * n);
        if (states < AC_STATES) n = push_all(records, groups, group_count, states, state, words + pixels * 2);
        const uint32_t header = odd >= 0 ? 9 : choice.table < 0 ? 8 : 10;
        *length = header + 4 * states + 2 * n;
        if (*length >= ac_piece_bound(height, width)) {
            status = encode_raw(samples, height, width, stride, out, length);
        } else {
            out[0] = odd >= 0 ? 6 : choice.table < 0 ? 1 : 4;
            out[1] = 0;
            while (1u << out[1] < states) out[1]++;
            put_u16(out + 2, start.row);
            put_u16(out + 4, start.amplitude);
            put_u16(out + 6, start.floor);
            if (odd >= 0) out[8] = (uint8_t)odd;
            if (choice.table >= 0) out[8] = (uint8_t)choice.table, out[9] = choice.shift;
            for (uint32_t i = 0; i < states; i++) put_u32(out + header + 4 * i, state[i]);
            for (size_t i = 0; i < n; i++) put_u16(out + header + 4 * states + 2 * i, words[pixels * 2 - n + i]);
        }
    }
    free(words);
    free(groups);
    free(records);
    plane_free(&plane);
    if (!status && ac_differences_promising(samples, height, width, stride)) status = prefer(ac_differences_encode, samples, height, width, stride, out, length);
    if (!status && ac_counts_promising(samples, height, width, stride, 0)) status = prefer(ac_counts_encode, samples, height, width, stride, out, length);
    return status;
}

typedef struct {
    const uint8_t *next, *end;
    int short_of_words;
} word_reader;

static void refill(uint32_t *x, word_reader *in)
{
    if (*x >= AC_RANS_LOW) return;
    if (in->end - in->next < 2) {
        in->short_of_words = 1;
        *x |= AC_RANS_LOW;
        return;
    }
    *x = *x << 16 | get_u16(in->next);
    in->next += 2;
}

static uint32_t pop(uint32_t *x, const uint16_t *cum, word_reader *in)
{
    const uint32_t slot = *x & (AC_TOTAL - 1);
    uint32_t s = 0;
    for (uint32_t half = 32; half; half /= 2)
        if (cum[s + half] <= slot) s += half;
    *x = (uint32_t)(cum[s + 1] - cum[s]) * (*x >> AC_PRECISION) + slot - cum[s];
    refill(x, in);
    return s;
}

/* The one of a cell's codes whose share it is. */
static int32_t pop_share(uint32_t *x, widths w, int32_t first, int k, word_reader *in)
{
    const uint32_t slot = *x & ((64u << k) - 1);
    int32_t j = 0;
    for (int32_t half = 1 << (k - 1); half; half /= 2) j += share_start(w, first, k, j + half) <= slot ? half : 0;
    const uint32_t start = share_start(w, first, k, j);
    *x = (share_start(w, first, k, j + 1) - start) * (*x >> (k + 6)) + slot - start;
    refill(x, in);
    return j;
}

/* One group of 32 lanes of a step: all symbols, then all raw bits and shares. */
static void decode_group(const ac_model *model, widths uneven, ac_plane *plane, uint32_t step, uint32_t first_lane, uint32_t states, uint32_t *state, word_reader *in)
{
    struct {
        uint32_t y, x, symbol, lane;
        uint16_t sum;
        ac_cell cell;
    } taken[32];
    int n = 0;
    for (uint32_t lane = first_lane; lane < first_lane + 32; lane++) {
        uint32_t y, x;
        if (!ac_lane_pixel(&plane->wave, step, lane, &y, &x)) continue;
        if (!x) pad_left(plane, y);
        ac_context c;
        context_at(plane, y, x, &c);
        taken[n].y = y, taken[n].x = x, taken[n].lane = lane, taken[n].sum = c.sum;
        taken[n].cell = predict(model, &c, plane, y);
        uint16_t room[AC_SYMBOLS];
        taken[n].symbol = pop(&state[lane & (states - 1)], frequencies(model, uneven, &taken[n].cell, room), in);
        n++;
    }
    for (int i = 0; i < n; i++) {
        const ac_layout *layout = &ac_layouts[taken[i].cell.layout];
        uint32_t *x = &state[taken[i].lane & (states - 1)];
        int32_t value;
        if (is_shared(uneven, &taken[i].cell, taken[i].symbol)) {
            value = taken[i].cell.base + ((int32_t)taken[i].symbol - 32) * (1 << taken[i].cell.k);
            value += pop_share(x, uneven, value, taken[i].cell.k, in);
        } else {
            const uint32_t bits = ac_raw_bits(taken[i].symbol, taken[i].cell.k, layout), raw = *x & ((1u << bits) - 1);
            *x >>= bits;
            refill(x, in);
            value = taken[i].cell.base + ac_difference_of(taken[i].symbol, taken[i].cell.k, raw, layout);
        }
        if (plane->odd >= 0) value = doubled(&plane->states[taken[i].y], plane->odd, (uint32_t)value % 32768);
        plane->samples.at[(ptrdiff_t)taken[i].y * (ptrdiff_t)plane->samples.stride + taken[i].x] = (uint16_t)value;
        take_in(plane, taken[i].y, taken[i].x, taken[i].sum);
    }
}

static int decode_modelled(const ac_model *model, const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    const size_t header = in[0] == 1 ? 8 : in[0] == 4 ? 10 : 9;
    if (length < header) return AC_ERROR_TRUNCATED;
    if (in[1] > 5) return AC_ERROR_CORRUPT;
    const uint32_t states = 1u << in[1];
    if (length < header + 4 * (size_t)states) return AC_ERROR_TRUNCATED;
    const ac_start start = {(uint16_t)get_u16(in + 2), (uint16_t)get_u16(in + 4), (uint16_t)get_u16(in + 6)};
    if (start.amplitude > AC_MAX_AMPLITUDE) return AC_ERROR_CORRUPT;
    if ((in[0] == 4 && in[8] >= model->width_tables) || (in[0] == 6 && in[8] > 1)) return AC_ERROR_CORRUPT;
    const widths uneven = widths_of(model, in[0] == 4 ? (ac_width_choice){in[8], in[9]} : (ac_width_choice){AC_NO_TABLE, 0});
    uint32_t state[AC_STATES];
    for (uint32_t i = 0; i < states; i++) {
        state[i] = get_u32(in + header + 4 * i);
        if (state[i] < AC_RANS_LOW) return AC_ERROR_CORRUPT;
    }
    ac_plane plane;
    const int status = plane_new(&plane, height, width, start, in[0] == 6 ? in[8] : -1);
    if (status) return status;
    word_reader words = {in + header + 4 * states, in + length, 0};
    for (uint32_t step = 0; step < plane.wave.steps && !words.short_of_words; step++)
        for (uint32_t lane = 0; lane < plane.wave.lanes; lane += 32) decode_group(model, uneven, &plane, step, lane, states, state, &words);
    if (!words.short_of_words)
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width; x++) samples[y * stride + x] = (uint16_t)(plane.samples.at[y * plane.samples.stride + x] >> (plane.odd >= 0));
    plane_free(&plane);
    if (words.short_of_words) return AC_ERROR_TRUNCATED;
    for (uint32_t i = 0; i < states; i++)
        if (state[i] != AC_RANS_LOW) return AC_ERROR_CORRUPT;
    return words.next == words.end ? AC_OK : AC_ERROR_CORRUPT;
}

int oracle_piece_decode(const ac_model *model, const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    if (!model || !in) return AC_ERROR_ARGUMENT;
    const int status = ac_check_sides(samples, height, width, stride);
    if (status) return status;
    if (!length) return AC_ERROR_TRUNCATED;
    if (in[0] == 1 || in[0] == 4 || in[0] == 6) return decode_modelled(model, in, length, samples, height, width, stride);
    if (in[0] == AC_MODE_DIFFERENCES) return ac_differences_decode(in, length, samples, height, width, stride, &(ac_refusal){0});
    if (in[0] == AC_MODE_COUNTS) return ac_counts_decode(in, length, samples, height, width, stride, &(ac_refusal){0});
    if (in[0] > AC_MODE_RAW) return AC_ERROR_CORRUPT;
    const size_t expected = in[0] == AC_MODE_CONSTANT ? 3 : ac_piece_bound(height, width);
    if (length != expected) return length < expected ? AC_ERROR_TRUNCATED : AC_ERROR_CORRUPT;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            samples[y * stride + x] = (uint16_t)get_u16(in + 1 + (in[0] == AC_MODE_CONSTANT ? 0 : 2 * ((size_t)y * width + x)));
    return AC_OK;
}
