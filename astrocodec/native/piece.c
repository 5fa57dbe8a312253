#include "piece.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "counts.h"
#include "differences.h"
#include "trellis.h"
#include "wide_vectors.h"

enum { TRIED_ROWS = 32, TRIED_COLUMNS = 256 }; /* of a piece, to choose code widths by */
enum { FEW_STATES = 8 };

size_t ac_piece_bound(uint32_t height, uint32_t width) { return 1 + 2 * (size_t)height * width; }

static int compare_u16(const void *a, const void *b) { return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b; }

ac_start ac_choose_start(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    uint16_t v[256], d[64];
    const uint32_t n = width < 64 ? width : 64;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t x = (uint32_t)((uint64_t)i * width / n);
        const uint16_t a = samples[x], b = samples[x ? x - 1 : 0];
        v[i] = a;
        d[i] = a > b ? a - b : b - a;
    }
    qsort(v, n, sizeof *v, compare_u16);
    qsort(d, n, sizeof *d, compare_u16);
    const uint32_t amplitude = (d[n / 2] * 27u) >> 5;
    ac_start start = {.row = v[n / 2], .amplitude = (uint16_t)(amplitude < AC_MAX_AMPLITUDE ? amplitude : AC_MAX_AMPLITUDE)};
    /* Rows evenly, columns by steps of the golden ratio. */
    for (uint64_t i = 0; i < 256; i++) v[i] = samples[(size_t)(i * height / 256) * stride + (size_t)(i * 40503 % 65536 * width / 65536)];
    qsort(v, 256, sizeof *v, compare_u16);
    start.floor = v[8];
    return start;
}

static int is_constant(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    const size_t row = width * sizeof *samples;
    if (memcmp(samples, samples + 1, row - sizeof *samples)) return 0;
    for (uint32_t y = 1; y < height; y++)
        if (memcmp(samples, samples + y * stride, row)) return 0;
    return 1;
}

static size_t encode_raw(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out)
{
    *out++ = AC_MODE_RAW;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++, out += 2) ac_put_u16(out, samples[y * stride + x]);
    return ac_piece_bound(height, width);
}

/* States that a piece of `bytes` can afford: one for every 2048 bytes, at most 32. */
static uint32_t affordable_states(size_t bytes)
{
    uint32_t n = AC_STATES;
    while (n > 1 && bytes < (size_t)n * 2048) n /= 2;
    return n;
}

static void reset_states(uint32_t *state)
{
    for (int i = 0; i < AC_STATES; i++) state[i] = AC_RANS_LOW;
}

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

static void set_modelling(ac_lanes *lanes, ac_modelling how)
{
    lanes->widths = how.widths.table < 0 ? NULL : &lanes->model->widths[how.widths.table];
    lanes->shift = how.widths.shift;
    lanes->has_trellis = how.odd >= 0;
    lanes->odd = (uint16_t)(how.odd & 1);
}

static inline void double_row(const uint16_t *samples, uint32_t width, int odd, uint32_t state, uint16_t *out)
{
    uint32_t x = 0;
    for (; x + 64 <= width; x += 64) ac_trellis_double(samples + x, odd, &state, out + x);
    uint16_t rest[64] = {0};
    memcpy(rest, samples + x, (width - x) * sizeof *rest);
    ac_trellis_double(rest, odd, &state, rest);
    memcpy(out + x, rest, (width - x) * sizeof *rest);
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

LOOPS_OF_AVX512 static void double_row_avx512(const uint16_t *samples, uint32_t width, int odd, uint16_t *out)
{
    const __m512i one = _mm512_set1_epi16(1);
    uint32_t state = 0, x = 0;
    for (; x + 64 <= width; x += 64) {
        const __m512i low = _mm512_loadu_si512(samples + x), high = _mm512_loadu_si512(samples + x + 32);
        const uint64_t is_odd = (uint64_t)_mm512_test_epi16_mask(low, one) | (uint64_t)_mm512_test_epi16_mask(high, one) << 32;
        const uint64_t grids = ac_trellis_run(odd ? ~is_odd : is_odd, &state);
        const __m512i twice[2] = {_mm512_add_epi16(low, low), _mm512_add_epi16(high, high)};
        _mm512_storeu_si512(out + x, _mm512_mask_add_epi16(twice[0], (__mmask32)grids, twice[0], one));
        _mm512_storeu_si512(out + x + 32, _mm512_mask_add_epi16(twice[1], (__mmask32)(grids >> 32), twice[1], one));
    }
    double_row(samples + x, width - x, odd, state, out + x);
}
#else
static void double_row_avx512(const uint16_t *samples, uint32_t width, int odd, uint16_t *out) { double_row(samples, width, odd, 0, out); }
#endif

void ac_piece_doubled(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, int odd, uint16_t *out)
{
    for (uint32_t y = 0; y < height; y++, samples += stride, out += width)
        if (HAS_AVX512) double_row_avx512(samples, width, odd, out); else double_row(samples, width, odd, 0, out);
}

int ac_piece_record(const ac_kernel *kernel, const ac_model *model, ac_modelling how, const uint16_t *samples, uint32_t height, uint32_t width,
                    size_t stride, ac_start start, size_t room, ac_recording *out)
{
    const ac_wavefront wave = ac_wavefront_of(height, width);
    const size_t pixels = (size_t)height * width, slots = (size_t)wave.steps * (wave.lanes / AC_GROUP);
    const size_t groups = slots < pixels ? slots : pixels; /* that hold a pixel, at most */
    const size_t lanes_size = ac_lanes_size(&wave), record_size = (groups + 1) * AC_GROUP * sizeof(uint32_t);
    uint8_t *memory = aligned_alloc(64, lanes_size + 2 * record_size + aligned(groups) + room);
    if (!memory) return AC_ERROR_MEMORY;
    uint8_t *const pairs = memory + lanes_size, *const flags = pairs + 2 * record_size;
    *out = (ac_recording){memory, flags + aligned(groups), {(uint32_t *)pairs, (uint32_t *)(pairs + record_size), flags, 0, 0, how.widths.table >= 0}};
    ac_lanes_init((ac_lanes *)memory, model, &wave, start);
    set_modelling((ac_lanes *)memory, how);
    kernel->record((ac_lanes *)memory, samples, stride, &out->records);
    return AC_OK;
}

static int encode_modelled(const ac_kernel *kernel, const ac_model *model, ac_modelling how, const uint16_t *samples, uint32_t height,
                           uint32_t width, size_t stride, uint8_t *out, size_t *length)
{
    /* a pixel has a symbol and raw bits, a word each at most */
    const size_t words_size = aligned((2 * (size_t)height * width + AC_GROUP) * sizeof(uint16_t));
    const ac_start start = ac_choose_start(samples, height, width, stride);
    ac_recording r;
    if (ac_piece_record(kernel, model, how, samples, height, width, stride, start, words_size, &r)) return AC_ERROR_MEMORY;
    uint16_t *const end = (uint16_t *)(r.room + words_size);
    uint32_t state[AC_STATES];
    reset_states(state);
    uint16_t *word = kernel->push(&r.records, AC_STATES, state, end);
    const uint32_t states = affordable_states(4 * AC_STATES + 2 * (size_t)(end - word));
    if (states < AC_STATES) {
        reset_states(state);
        /* vectors gain nothing where each pixel waits for the one before */
        word = (states < FEW_STATES ? &ac_kernel_portable : kernel)->push(&r.records, states, state, end);
    }
    const uint8_t mode = how.odd >= 0 ? AC_MODE_TRELLIS : how.widths.table >= 0 ? AC_MODE_WIDTHS : AC_MODE_MODELLED;
    const uint32_t header = ac_piece_header(mode);
    *length = header + 4 * states + 2 * (size_t)(end - word);
    if (*length >= ac_piece_bound(height, width)) {
        *length = encode_raw(samples, height, width, stride, out);
    } else {
        out[0] = mode;
        out[1] = 0;
        while (1u << out[1] < states) out[1]++;
        ac_put_u16(out + 2, start.row);
        ac_put_u16(out + 4, start.amplitude);
        ac_put_u16(out + 6, start.floor);
        if (mode == AC_MODE_WIDTHS) out[8] = (uint8_t)how.widths.table, out[9] = how.widths.shift;
        if (mode == AC_MODE_TRELLIS) out[8] = (uint8_t)how.odd;
        out += header;
        for (uint32_t i = 0; i < states; i++, out += 4) ac_put_u32(out, state[i]);
        for (; word < end; word++, out += 2) ac_put_u16(out, *word);
    }
    free(r.memory);
    return AC_OK;
}

/* Codes a piece in another mode. */
typedef int other_encode(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out, size_t capacity, size_t *length);

/* Replaces the piece in `out` by one of another mode where that is smaller. */
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

/* The table that codes the middle of a piece shortest, or none. */
static int choose_table(const ac_kernel *kernel, const ac_model *model, ac_width_choice *widths, const uint16_t *samples, uint32_t height, uint32_t width,
                        size_t stride, uint8_t *out)
{
    const uint32_t rows = height < TRIED_ROWS ? height : TRIED_ROWS, columns = width < TRIED_COLUMNS ? width : TRIED_COLUMNS;
    const uint16_t *middle = samples + (height - rows) / 2 * stride + (width - columns) / 2;
    size_t least = SIZE_MAX, length;
    widths->table = AC_NO_TABLE;
    for (ac_width_choice tried = *widths; tried.table < (int32_t)model->width_tables; tried.table++) {
        const int status = encode_modelled(kernel, model, (ac_modelling){tried, AC_NO_TRELLIS}, middle, rows, columns, stride, out, &length);
        if (status) return status;
        if (length < least) *widths = tried, least = length;
    }
    return AC_OK;
}

int ac_piece_encode(const ac_model *model, const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out, size_t capacity,
                   size_t *length, int simd)
{
    return ac_piece_encode_widths(model, (ac_width_choice){AC_NO_TABLE, 0}, samples, height, width, stride, out, capacity, length, simd);
}

/* Modes that have nothing to do with the network, where they are smaller */
static int try_others(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, int thorough, uint8_t *out, size_t *length)
{
    int status = AC_OK;
    if (thorough || ac_differences_promising(samples, height, width, stride))
        status = prefer(ac_differences_encode, samples, height, width, stride, out, length);
    if (!status && ac_counts_promising(samples, height, width, stride, thorough)) status = prefer(ac_counts_encode, samples, height, width, stride, out, length);
    return status;
}

static void put_constant(uint16_t sample, uint8_t *out, size_t *length)
{
    out[0] = AC_MODE_CONSTANT;
    ac_put_u16(out + 1, sample);
    *length = 3;
}

int ac_piece_encode_widths(const ac_model *model, ac_width_choice widths, const uint16_t *samples, uint32_t height, uint32_t width, size_t stride,
                          uint8_t *out, size_t capacity, size_t *length, int simd)
{
    const ac_kernel *kernel = ac_kernel_of(simd & ~AC_THOROUGH);
    if (!model || !out || !length || !kernel || widths.table < AC_BEST_TABLE || widths.table >= (int32_t)model->width_tables) return AC_ERROR_ARGUMENT;
    int status = ac_check_sides(samples, height, width, stride);
    if (status) return status;
    if (capacity < ac_piece_bound(height, width)) return AC_ERROR_SPACE;
    if (is_constant(samples, height, width, stride)) {
        put_constant(samples[0], out, length);
        return AC_OK;
    }
    if (widths.table == AC_BEST_TABLE) status = choose_table(kernel, model, &widths, samples, height, width, stride, out);
    if (!status) status = encode_modelled(kernel, model, (ac_modelling){widths, AC_NO_TRELLIS}, samples, height, width, stride, out, length);
    return status ? status : try_others(samples, height, width, stride, simd & AC_THOROUGH, out, length);
}

static uint16_t most_of(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    uint16_t bits = 0; /* all samples in one: its top bit is any sample's */
    for (uint32_t y = 0; y < height; y++, samples += stride)
        for (uint32_t x = 0; x < width; x++) bits |= samples[x];
    return bits;
}

int ac_piece_encode_trellis(const ac_model *model, int odd, const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out,
                           size_t capacity, size_t *length, int simd)
{
    const ac_kernel *kernel = ac_kernel_of(simd & ~AC_THOROUGH);
    if (!model || !out || !length || !kernel || (odd != 0 && odd != 1)) return AC_ERROR_ARGUMENT;
    int status = ac_check_sides(samples, height, width, stride);
    if (status) return status;
    if (most_of(samples, height, width, stride) > AC_MAX_TRELLIS_SAMPLE) return AC_ERROR_ARGUMENT;
    if (capacity < ac_piece_bound(height, width)) return AC_ERROR_SPACE;
    if (is_constant(samples, height, width, stride)) {
        put_constant(samples[0], out, length);
        return AC_OK;
    }
    uint16_t *doubled = malloc((size_t)height * width * sizeof *doubled);
    if (!doubled) return AC_ERROR_MEMORY;
    ac_piece_doubled(samples, height, width, stride, odd, doubled);
    status = encode_modelled(kernel, model, (ac_modelling){{AC_NO_TABLE, 0}, odd}, doubled, height, width, width, out, length);
    free(doubled);
    if (!status && out[0] == AC_MODE_RAW) *length = encode_raw(samples, height, width, stride, out);
    return status ? status : try_others(samples, height, width, stride, simd & AC_THOROUGH, out, length);
}

static void halve(uint16_t *samples, uint32_t height, uint32_t width, size_t stride)
{
    for (uint32_t y = 0; y < height; y++, samples += stride)
        for (uint32_t x = 0; x < width; x++) samples[x] >>= 1;
}

static int decode_modelled(const ac_kernel *kernel, const ac_model *model, const uint8_t *in, size_t length, uint16_t *samples, uint32_t height,
                           uint32_t width, size_t stride, ac_refusal *why)
{
    const uint32_t header = ac_piece_header(in[0]);
    if (length < header) return ac_refuse(why, AC_REASON_CUT, 0, header, length);
    if (in[1] > 5) return ac_refuse(why, AC_REASON_STATES, 1, in[1], 5);
    const uint32_t states = 1u << in[1], first_word = header + 4 * states;
    if (length < first_word) return ac_refuse(why, AC_REASON_CUT, 0, first_word, length);
    const ac_start start = {ac_get_u16(in + 2), ac_get_u16(in + 4), ac_get_u16(in + 6)};
    if (start.amplitude > AC_MAX_AMPLITUDE) return ac_refuse(why, AC_REASON_AMPLITUDE, 4, start.amplitude, AC_MAX_AMPLITUDE);
    const ac_modelling how = ac_piece_modelling(in);
    if (how.widths.table >= (int32_t)model->width_tables) return ac_refuse(why, AC_REASON_WIDTHS, 8, (uint64_t)how.widths.table, model->width_tables);
    if (how.odd > 1) return ac_refuse(why, AC_REASON_TRELLIS, 8, (uint64_t)how.odd, 1);
    uint32_t state[AC_STATES];
    reset_states(state);
    if (ac_states_read(in, header, states, state, why)) return why->status;
    const ac_wavefront wave = ac_wavefront_of(height, width);
    ac_lanes *lanes = aligned_alloc(64, ac_lanes_size(&wave));
    if (!lanes) return why->status = AC_ERROR_MEMORY;
    ac_lanes_init(lanes, model, &wave, start);
    set_modelling(lanes, how);
    ac_words words = {.next = in + first_word, .end = in + length};
    const int status = kernel->decode(lanes, &words, states, state, samples, stride);
    free(lanes);
    if (status) return ac_refuse(why, AC_REASON_WORDS, length, 0, 0);
    if (how.odd >= 0) halve(samples, height, width, stride);
    return ac_states_end(state, states, (size_t)(words.end - words.next), length, why);
}

int ac_piece_decode_or_say(const ac_model *model, const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride,
                          int simd, ac_refusal *why)
{
    if (!length) return ac_refuse(why, AC_REASON_CUT, 0, 1, 0);
    if (ac_is_modelled(in[0])) return decode_modelled(ac_kernel_of(simd), model, in, length, samples, height, width, stride, why);
    if (in[0] == AC_MODE_DIFFERENCES) return ac_differences_decode(in, length, samples, height, width, stride, why);
    if (in[0] == AC_MODE_COUNTS) return ac_counts_decode(in, length, samples, height, width, stride, why);
    if (in[0] > AC_MODE_RAW) return ac_refuse(why, AC_REASON_MODE, 0, in[0], AC_MODE_TRELLIS);
    const size_t expected = in[0] == AC_MODE_CONSTANT ? 3 : ac_piece_bound(height, width);
    if (length < expected) return ac_refuse(why, AC_REASON_CUT, 0, expected, length);
    if (length > expected) return ac_refuse(why, AC_REASON_PIECE_LENGTH, 0, length, expected);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            samples[y * stride + x] = ac_get_u16(in + 1 + (in[0] == AC_MODE_CONSTANT ? 0 : 2 * ((size_t)y * width + x)));
    return AC_OK;
}

int ac_piece_decode(const ac_model *model, const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride, int simd,
                   ac_fault *fault)
{
    if (fault) *fault = (ac_fault){.part = AC_IN_STREAM};
    if (!model || !in || !ac_kernel_of(simd) || ac_check_sides(samples, height, width, stride)) return ac_fault_plain(fault, AC_ERROR_ARGUMENT);
    ac_refusal why = {0};
    return ac_piece_decode_or_say(model, in, length, samples, height, width, stride, simd, &why) ? ac_fault_take(fault, &why, 0) : AC_OK;
}
