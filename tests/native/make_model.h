/* Models and frames made from a seed, for the drivers in this folder and benchmarks/native_speed.c. */
#ifndef MAKE_MODEL_H
#define MAKE_MODEL_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "distribution.h"
#include "model.h"

static inline uint32_t random_u32(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    const uint64_t x = *seed ^ *seed >> 29;
    return (uint32_t)((x * 0x9e3779b97f4a7c15u) >> 32);
}
static inline int random_between(uint64_t *seed, int low, int high) { return low + (int)(random_u32(seed) % (uint32_t)(high - low + 1)); }
static inline double random_normal(uint64_t *seed)
{
    const double u = (random_u32(seed) + 0.5) / 4294967296.0, v = random_u32(seed) / 4294967296.0;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static inline size_t put16(uint8_t *p, size_t at, int v)
{
    p[at] = (uint8_t)v, p[at + 1] = (uint8_t)(v >> 8);
    return at + 2;
}

/* weights up to `largest`; sums over half a row stay within 16 bits, with a bias up to 16 * 127 */
static inline size_t put_rows(uint8_t *p, size_t at, uint64_t *seed, int rows, int columns, int largest)
{
    for (int j = 0; j < rows; j++) {
        int8_t *row = (int8_t *)p + at;
        for (int i = 0; i < columns; i++) row[i] = (int8_t)random_between(seed, -largest, largest);
        for (int first = 0; first < columns; first += columns / 2)
            for (int sign = -1; sign < 2; sign += 2)
                for (int sum = 1, i = first; sum > 0; i = i + 1 < first + columns / 2 ? i + 1 : first) {
                    sum = -240;
                    for (int k = first; k < first + columns / 2; k++) sum += row[k] * sign > 0 ? row[k] * sign : 0;
                    if (sum > 0 && row[i] * sign > 0) row[i] = (int8_t)(row[i] - sign);
                }
        at += (size_t)columns;
    }
    return at;
}

/* A plausible predictor for smooth frames with noise; the network is random with weights up to `largest`, in its last
 * layer up to `last`: the smaller that is, the better is the scale. */
static inline size_t make_weights(uint8_t *p, int hidden, int largest, int last, uint64_t seed)
{
    const uint8_t header[AC_WEIGHTS_HEADER] = AC_WEIGHTS_HEADER_OF(hidden);
    size_t at = sizeof header;
    memcpy(p, header, sizeof header);
    for (int i = 0; i < AC_LINEAR; i++) at = put16(p, at, i < AC_NEIGHBOURS ? random_between(&seed, 0, 600) : random_between(&seed, -200, 400));
    for (int i = 0; i < hidden; i++) at = put16(p, at, random_between(&seed, -largest * 16, largest * 16));
    at = put_rows(p, at, &seed, hidden, AC_INPUTS, largest);
    for (int i = 0; i < hidden; i++) at = put16(p, at, random_between(&seed, -largest * 16, largest * 16));
    at = put_rows(p, at, &seed, hidden, hidden, largest);
    for (int i = 0; i < AC_OUTPUTS; i++) at = put16(p, at, i == 1 ? 150 : i * largest);
    return put_rows(p, at, &seed, AC_OUTPUTS, hidden, last);
}

/* Logistic shapes: tails of different weight, a little skew. */
static inline size_t make_shapes(uint8_t *p, int tails, int skews)
{
    size_t at = 0;
    p[at++] = (uint8_t)tails, p[at++] = (uint8_t)skews, p[at++] = 0, p[at++] = 0;
    for (int shape = 0; shape < tails * skews; shape++)
        for (int i = 0; i < AC_KNOTS; i++) {
            const int far = i < 40 ? 40 - i : i > 552 ? i - 552 : 0;
            double t = far ? 16 * (far & 1 ? 1.5 * pow(2, (far - 1) / 2) : pow(2, far / 2)) : (i - 296) / 16.0;
            if (i < 40) t = -t;
            const double slope = 2.2 - 1.2 * (shape / skews) / tails, shift = 0.2 * (shape % skews);
            const uint32_t v = (uint32_t)lrint(1073741824.0 / (1 + exp(-slope * (t - shift))));
            at = put16(p, at, (int)(v & 65535));
            at = put16(p, at, (int)(v >> 16));
        }
    return at;
}

enum { WEIGHTS_ROOM = 4096, SHAPES_ROOM = 4 + 64 * AC_KNOTS * 4 };

/* Four tables of code widths, moved as a whole by up to 30/64; what each half period adds is so little that no code is too narrow. */
static inline size_t make_widths(uint8_t *p, uint64_t seed)
{
    ac_bit_writer bits = {p + 1, 1024, 0, 0};
    p[0] = 4;
    for (int table = 0; table < 4; table++) {
        static const int periods[4] = {1, 4, 6, 8};
        ac_put_bits(&bits, (uint32_t)periods[table], 4);
        for (int row = 0, n = 1; row <= periods[table]; row++) {
            const int reach = row ? 30 >> (row - 1) : 60;
            ac_put_bits(&bits, 5, 4);
            for (int i = 0; i < n; i++) ac_put_rice(&bits, 5, (uint32_t)random_between(&seed, 0, reach));
            n = row ? 2 * n : 1;
        }
    }
    return 1 + ac_bytes_of_bits(bits.at);
}

static inline ac_model *make_model(int hidden, int largest, int last, int tails, int skews, uint64_t seed)
{
    uint8_t *weights = malloc(WEIGHTS_ROOM), *shapes = malloc(SHAPES_ROOM);
    ac_model *model = 0;
    uint8_t widths[1025];
    if (weights && shapes) {
        const size_t n = make_weights(weights, hidden, largest, last, seed), m = make_shapes(shapes, tails, skews);
        if (ac_model_create(weights, n, shapes, m, widths, make_widths(widths, seed), &model)) model = 0;
    }
    free(weights);
    free(shapes);
    return model;
}

enum { FRAME_KINDS = 10 };
static inline void make_frame(uint16_t *v, uint32_t height, uint32_t width, int kind, uint64_t seed)
{
    static const double sigma[4] = {0.6, 4, 50, 2500};
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint16_t *at = v + (size_t)y * width + x;
            double s;
            switch (kind) {
            case 0: case 1: case 2: case 3: s = 3000 + sigma[kind] * random_normal(&seed); break;
            case 4: s = 1000 + (random_u32(&seed) % 97 == 0 ? random_u32(&seed) % 64000 : 0); break; /* constant with spikes */
            case 5: s = 60 * x + 35 * y; break;                                                       /* a gradient that wraps */
            case 6: s = random_u32(&seed) & 65535; break;
            case 7: s = random_u32(&seed) % 13 ? 0 : random_u32(&seed) % 4; break; /* sparse counts */
            case 8: s = x % 17 == 3 ? 65535 : x % 23 == 5 ? 0 : 800 + 9 * random_normal(&seed) + (y == height / 2 ? 60000 : 0); break;
            default: s = (y / 40 + x / 50) % 2 ? 200 + random_normal(&seed) : 40000 + 300 * random_normal(&seed); break;
            }
            *at = kind == 5 ? (uint16_t)(uint32_t)s : (uint16_t)(s < 0 ? 0 : s > 65535 ? 65535 : s);
        }
}

#endif
