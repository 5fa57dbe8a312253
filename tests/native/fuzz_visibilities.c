/* Damaged visibilities: nothing is read or written outside the buffers, and what is not damaged decodes to what the encoder said (built with sanitisers, see
 * fuzz.sh). Arguments: seconds, seed. */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "array.h"
#include "bytes.h"
#include "damage.h"

enum { PARAMETERS = 21, MOST = 4096, DAMAGES = 24 };

typedef struct {
    uint8_t parameters[PARAMETERS], classes[MOST];
    float values[2 * MOST];
    int32_t pairs[2 * MOST];
    int16_t of_baselines[MOST], of_channels[MOST];
    ac_array array;
    size_t count;
} block;

static void put_double(uint8_t *out, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    ac_put_u32(out, (uint32_t)bits), ac_put_u32(out + 4, (uint32_t)(bits >> 32));
}

static float any_float(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return isfinite(v) ? v : -0.0f;
}

static void make(block *b, uint64_t *seed)
{
    const int is_pair = random_u32(seed) % 3 == 0;
    b->array = (ac_array){.dtype = is_pair ? AC_I4 : AC_C8, .ndim = 4 + is_pair};
    b->count = 1;
    for (int i = 0; i < 4; i++) {
        uint64_t most = i == 3 ? 4 : MOST / b->count < 40 ? MOST / b->count : 40;
        if (b->count * most > MOST) most = MOST / b->count;
        b->array.shape[i] = 1 + random_u32(seed) % most;
        b->count *= b->array.shape[i];
    }
    b->array.shape[4] = is_pair ? 2 : 0;
    const int is_float = !is_pair && random_u32(seed) % 2, has_lattice = random_u32(seed) % 2;
    const double noises[] = {16, 300, 300, 0x1p40};
    /* Beyond some sizes predictions are lost, within some there is nothing to predict. */
    const int32_t slope = 1 << random_u32(seed) % 15, outliers = random_u32(seed) % 4 ? 0 : INT32_MAX / 4;
    b->parameters[0] = (uint8_t)(is_float ? 2 : is_pair);
    put_double(b->parameters + 1, is_pair ? 1 : is_float ? 0x1p-24 : 0.5), put_double(b->parameters + 9, is_float ? 0x1p30 : noises[random_u32(seed) % 4]);
    ac_put_u32(b->parameters + 17, is_float ? has_lattice ? (1024u - 7) << 8 : 0 : (uint32_t)random_u32(seed));
    for (size_t i = 0; i < b->count; i++) {
        b->classes[i] = random_u32(seed) % 16 ? 0 : (uint8_t)(1 + random_u32(seed) % 2);
        for (size_t part = 0; part < 2; part++) {
            int32_t v = (int32_t)(random_u32(seed) % 2000) - 1000 + (int32_t)(i % 50) * slope;
            if (outliers && random_u32(seed) % 64 == 0) v = (int32_t)(random_u32(seed) % (uint32_t)outliers) - outliers / 2;
            b->pairs[2 * i + part] = b->classes[i] == 1 ? 0 : v;
            b->values[2 * i + part] = b->classes[i] == 1 ? 0 : b->classes[i] == 2 ? NAN : (float)v / 100;
        }
    }
    for (size_t i = 0; i < b->count && is_float; i++) /* any float here and there */
        if (!b->classes[i] && random_u32(seed) % 8 == 0) b->values[2 * i] = any_float((uint32_t)random_u32(seed));
    const int apart = random_u32(seed) % 4 ? 1 : 200; /* of steps, in eighths of octaves */
    for (size_t i = 0; i < MOST; i++) b->of_baselines[i] = (int16_t)(apart * (int)(random_u32(seed) % 5)), b->of_channels[i] = (int16_t)(apart * (int)(random_u32(seed) % 3));
}

static void stop(const char *what, uint64_t seed)
{
    printf("%s, seed now %llu\n", what, (unsigned long long)seed);
    exit(1);
}

static void decode(const block *b, const uint8_t *data, size_t length, const void *expected, uint64_t seed)
{
    const size_t size = ac_array_size(&b->array);
    uint8_t *const exact = malloc(length ? length : 1), *const out = malloc(size);
    ac_fault fault;
    char text[600];
    if (!exact || !out) exit(2);
    memcpy(exact, data, length);
    memset(out, 0, size);
    const int status = ac_visibility_decode(b->parameters, PARAMETERS, exact, length, &b->array, out, size, &fault);
    if (expected && (status || memcmp(out, expected, size))) stop("another block", seed);
    if (status && (fault.status != status || !fault.reason || ac_fault_text(&fault, text, sizeof text) < 1)) stop("a fault without a reason", seed);
    free(exact), free(out);
}

int main(int argc, char **argv)
{
    const time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 10);
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1, blocks = 0;
    static block b;
    while (time(NULL) < end) {
        make(&b, &seed);
        const int is_pair = b.array.dtype == AC_I4, how = (int)(random_u32(&seed) % 4);
        ac_room room = {0};
        const ac_output output = {ac_take_room, &room};
        uint8_t *const decoded = malloc(ac_array_size(&b.array));
        const uint8_t *const classes = random_u32(&seed) % 2 ? b.classes : NULL;
        for (size_t i = 0; i < 2 * b.count && !classes; i++) b.values[i] = isnan(b.values[i]) ? 3 : b.values[i];
        const int status = ac_visibility_encode(b.parameters, PARAMETERS, &b.array, is_pair ? (const void *)b.pairs : b.values, classes, is_pair ? NULL : b.of_baselines,
                                                is_pair ? NULL : b.of_channels, how, decoded, NULL, &output);
        if (status) stop("not encoded", seed);
        if (b.parameters[0] == 2 && memcmp(decoded, b.values, ac_array_size(&b.array))) stop("floats that are not exact", seed);
        if (is_pair && memcmp(decoded, b.pairs, ac_array_size(&b.array))) stop("integers that are not exact", seed);
        decode(&b, room.data, room.length, decoded, seed);
        for (int i = 0; i < DAMAGES; i++) {
            uint8_t *const data = malloc(room.length + 64);
            memcpy(data, room.data, room.length);
            size_t length = room.length;
            block changed = b;
            if (random_u32(&seed) % 8 == 0)
                changed.parameters[random_u32(&seed) % PARAMETERS] ^= (uint8_t)(1u << random_u32(&seed) % 8);
            else
                length = damage(data, length, &seed);
            decode(&changed, data, length, NULL, seed);
            free(data);
        }
        free(decoded);
        ac_room_free(&room);
        blocks++;
    }
    printf("%llu blocks of visibilities\n", (unsigned long long)blocks);
    return 0;
}
