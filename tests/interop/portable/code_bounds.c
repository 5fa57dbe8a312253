/* Codes made arrays of every type that can lose something, within bounds of every kind, and visibilities in every way, decodes them, and prints checksums of stream
 * and elements: both are the same on every machine. */
#include <stdio.h>

#include "bytes.h"
#include "header.h"
#include "quantise.h"
#include "visibility/group.h"

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
static const ac_output output = {take, NULL};

/* One sample; several rounds; so many times that the first of them tell the way, and then some that none of these tell of; one channel. */
static const ac_array blocks[] = {
    {AC_C8, 4, {1, 1, 1, 1}},
    {AC_C8, 4, {2, 33, 4, 2}},
    {AC_I4, 5, {3, 5, 7, 4, 2}},
    {AC_C16, 4, {40, 1, 60, 1}},
    {AC_I2, 5, {16, 9, 1, 2, 2}},
};
enum { BLOCKS = sizeof blocks / sizeof *blocks, PARTS = 4800 };

/* Noise that some channels have more of, on a slope; some samples are zeros. */
static void make_parts(const ac_array *array, double *parts, uint8_t *classes)
{
    uint32_t state = 9;
    const uint64_t samples = array->shape[0] * array->shape[1] * array->shape[2] * array->shape[3];
    for (uint64_t i = 0; i < samples; i++) {
        const uint64_t channel = i / array->shape[3] % array->shape[2], time = i / array->shape[3] / array->shape[2] / array->shape[1];
        const uint32_t most = channel % 6 ? 60 : 400;
        classes[i] = random_below(&state, 20) ? 0 : 1;
        for (uint64_t j = 2 * i; j < 2 * i + 2; j++) {
            parts[j] = (double)(channel * time * 30 + random_below(&state, most)) - (double)random_below(&state, most);
            parts[j] = classes[i] ? 0 : parts[j];
        }
    }
}

static void put_double(uint8_t *out, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    ac_put_u32(out, (uint32_t)bits), ac_put_u32(out + 4, (uint32_t)(bits >> 32));
}

static int code_visibilities(size_t which, int how)
{
    static double parts[PARTS], values[PARTS], decoded[PARTS], back[PARTS];
    static uint8_t classes[PARTS / 2];
    const ac_array *const array = blocks + which;
    const int is_integer = array->ndim == 5;
    uint8_t parameters[21] = {(uint8_t)is_integer};
    put_double(parameters + 1, is_integer ? 1 : 4), put_double(parameters + 9, 2048);
    make_parts(array, parts, classes);
    for (size_t i = 0; i < ac_array_size(array) / ac_number_bytes(array->dtype); i++)
        switch (array->dtype) {
        case AC_C8: ((float *)values)[i] = (float)parts[i]; break;
        case AC_C16: values[i] = parts[i]; break;
        case AC_I2: ((int16_t *)values)[i] = (int16_t)parts[i]; break;
        default: ((int32_t *)values)[i] = (int32_t)parts[i];
        }
    if (ac_visibility_encode(parameters, sizeof parameters, array, values, classes, NULL, NULL, how, decoded, NULL, &output)) return 1;
    if (ac_visibility_decode(parameters, sizeof parameters, stream, made, array, back, sizeof back, NULL)) return 1;
    const uint32_t sum = ac_elements_checksum(0, array, back);
    printf("block %zu way %d: %zu bytes %08x, elements %08x\n", which, how, made, ac_crc32c(0, stream, made), sum);
    return sum != ac_elements_checksum(0, array, decoded);
}

int main(void)
{
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
    for (size_t i = 0; i < BLOCKS; i++)
        for (int how = AC_TRY_ALL; how <= AC_ONLY_MIXED; how++)
            if (code_visibilities(i, how)) return 3;
    return 0;
}
