/* Codes made arrays of every type that can lose something, within bounds of every kind, decodes them, and prints checksums of stream and elements: both are the
 * same on every machine. */
#include <stdio.h>

#include "header.h"
#include "quantise.h"

/* More rows than a vector of any processor has lanes, and longer ones than are restored together. */
enum { ROWS = 34, COLUMNS = 70, SIZE = ROWS * COLUMNS, LEVEL = 90 };

/* One vocabulary of bounds for all types: of each kind one, dithered ones, those of a gain, and what is kept. */
static const ac_bound bounds[] = {
    {.kind = AC_BOUND_ABSOLUTE, .dither = AC_DITHER_AUTO, .value = 3},
    {.kind = AC_BOUND_ABSOLUTE, .dither = AC_DITHER_ALWAYS, .value = 4, .protect = 1},
    {.kind = AC_BOUND_NOISE, .dither = AC_DITHER_AUTO, .value = 0.5},
    {.kind = AC_BOUND_NOISE, .dither = AC_DITHER_ALWAYS, .value = 0.7, .gain = 2},
    {.kind = AC_BOUND_NOISE, .dither = AC_DITHER_ALWAYS, .value = 1.5, .has_blank = 1, .blank = LEVEL},
    {.kind = AC_BOUND_RELATIVE, .dither = AC_DITHER_AUTO, .value = 0.05},
    {.kind = AC_BOUND_INCREASE, .dither = AC_DITHER_AUTO, .value = 0.1},
    {.kind = AC_BOUND_INCREASE, .dither = AC_DITHER_AUTO, .value = 0.2, .gain = 1.5, .read_noise = 2},
    {.kind = AC_BOUND_INCREASE, .dither = AC_DITHER_ALWAYS, .value = 0.3},
    {.kind = AC_BOUND_ADDED, .dither = AC_DITHER_AUTO, .value = 2},
};
enum { BOUNDS = sizeof bounds / sizeof *bounds };

static uint32_t random_below(uint32_t *state, uint32_t end)
{
    *state = *state * 1103515245 + 12345;
    return (*state >> 16) % end;
}

/* A level with noise, and a few far above it. */
static void make_elements(uint8_t *data, int dtype)
{
    uint32_t state = 7;
    for (size_t i = 0; i < SIZE; i++) {
        int32_t v = LEVEL - 30;
        for (int j = 0; j < 4; j++) v += (int32_t)random_below(&state, 16);
        if (random_below(&state, 200) == 0) v += 30;
        switch (dtype) {
        case AC_F4: ((float *)data)[i] = (float)v + (float)random_below(&state, 64) / 64; break;
        case AC_F8: ((double *)data)[i] = v + random_below(&state, 64) / 64.0; break;
        default:
            switch (ac_number_bytes(dtype)) {
            case 1: data[i] = (uint8_t)v; break;
            case 2: ((uint16_t *)data)[i] = (uint16_t)v; break;
            default: ((uint32_t *)data)[i] = (uint32_t)v;
            }
        }
    }
}

static uint8_t stream[17 * SIZE];
static size_t made;

static uint8_t *take(void *owner, size_t length)
{
    (void)owner;
    made = length;
    return length <= sizeof stream ? stream : NULL;
}

int main(void)
{
    const ac_output output = {take, NULL};
    static double data[SIZE], back[SIZE];
    for (int dtype = 0; dtype < AC_DTYPES; dtype++)
        for (int i = 0; i < BOUNDS && ac_is_quantisable(dtype); i++) {
            const ac_array array = {dtype, 2, {ROWS, COLUMNS}};
            ac_bound bound = bounds[i];
            bound.saturation = LEVEL + 40;
            made = 0;
            make_elements((uint8_t *)data, dtype);
            if (ac_stream_encode_bounded(NULL, 0, &array, data, &bound, NULL, 0, NULL, &output)) return 1;
            if (ac_stream_decode(NULL, 0, stream, made, back, sizeof back, 0, NULL)) return 2;
            printf("type %d bound %d: %zu bytes %08x, elements %08x\n", dtype, i, made, ac_crc32c(0, stream, made), ac_elements_checksum(0, &array, back));
        }
    return 0;
}
