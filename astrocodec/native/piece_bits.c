/* Bits of the samples of a piece, by the frequencies that they are decoded with. Analysis only: in floating point. */
#include <stdlib.h>

#include "bytes.h"
#include "code_bits.h"
#include "counts.h"
#include "differences.h"
#include "piece.h"

static void fill(float *bits, size_t stride, uint32_t height, uint32_t width, float value)
{
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) bits[y * stride + x] = value;
}

/* The records are those of the groups that have pixels, step by step; lane l is AC_LAG columns behind lane l - 1. */
static void spread(const ac_wavefront *w, const ac_records *records, const float *table, float *bits, size_t stride)
{
    const uint32_t *pairs = records->pairs, *raws = records->raws;
    size_t group = 0;
    for (uint32_t step = 0; step < w->steps; step++)
        for (uint32_t first = 0; first < w->lanes; first += AC_GROUP) {
            int is_active = 0;
            for (uint32_t l = 0; l < AC_GROUP; l++) {
                const uint32_t lag = (first + l) * AC_LAG;
                if (step < lag) break;
                const uint32_t y = (step - lag) / w->period * w->lanes + first + l, x = (step - lag) % w->period - AC_PAD;
                if (x >= w->width || y >= w->height) continue;
                is_active = 1;
                float of_pixel = table[(pairs[l] >> 16) - (pairs[l] & 65535)];
                if (records->has_raws[group]) of_pixel += (float)(raws[l] >> 16 & 31);
                if (records->has_raws[group] && records->have_shares) of_pixel += table[raws[l] >> 24] - AC_PRECISION;
                bits[y * stride + x] = of_pixel;
            }
            if (!is_active) continue;
            pairs += AC_GROUP;
            if (records->has_raws[group]) raws += AC_GROUP;
            group++;
        }
}

static int bits_of_modelled(const ac_kernel *kernel, const ac_model *model, const uint8_t *in, const uint16_t *samples, uint32_t height, uint32_t width,
                            float *bits, size_t stride, double *header)
{
    const ac_start start = {ac_get_u16(in + 2), ac_get_u16(in + 4), ac_get_u16(in + 6)};
    const ac_modelling how = ac_piece_modelling(in);
    const uint32_t first = ac_piece_header(in[0]);
    const ac_wavefront wave = ac_wavefront_of(height, width);
    ac_recording r;
    const int status = ac_piece_record(kernel, model, how, samples, height, width, width, start, (AC_TOTAL / 16 + 1) * 64, &r);
    if (status) return status;
    ac_bits_table((float *)r.room);
    spread(&wave, &r.records, (const float *)r.room, bits, stride);
    free(r.memory);
    *header = 8 * first + ac_state_bits(in + first, 1u << in[1]);
    return AC_OK;
}

int ac_piece_bits(const ac_model *model, const uint8_t *in, size_t length, uint32_t height, uint32_t width, float *bits, size_t stride, double *header,
                 int simd)
{
    if (!bits || !header || stride < width) return AC_ERROR_ARGUMENT;
    int status = ac_check_sides(bits, height, width, stride);
    if (status) return status;
    uint16_t *samples = malloc((size_t)height * width * sizeof *samples);
    if (!samples) return AC_ERROR_MEMORY;
    status = ac_piece_decode(model, in, length, samples, height, width, width, simd, NULL);
    if (!status && ac_is_modelled(in[0])) {
        if (in[0] == AC_MODE_TRELLIS) ac_piece_doubled(samples, height, width, width, in[8], samples);
        status = bits_of_modelled(ac_kernel_of(simd), model, in, samples, height, width, bits, stride, header);
    } else if (!status && in[0] == AC_MODE_DIFFERENCES) {
        status = ac_differences_bits(in, length, samples, height, width, bits, stride, header);
    } else if (!status && in[0] == AC_MODE_COUNTS) {
        status = ac_counts_bits(in, samples, height, width, bits, stride, header);
    } else if (!status) {
        const int is_raw = in[0] == AC_MODE_RAW;
        fill(bits, stride, height, width, is_raw ? 16 : 0);
        *header = is_raw ? 8 : 24;
    }
    free(samples);
    return status;
}
