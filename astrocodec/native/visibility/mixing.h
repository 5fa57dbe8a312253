/* Mixing: a network of whole numbers that weighs predictions and corrects scales. docs/format.md section "Mixing". */
#ifndef AC_VISIBILITY_MIXING_H
#define AC_VISIBILITY_MIXING_H

#include <stdint.h>
#include <string.h>

#include "visibility/block.h"
#include "visibility/eighths.h"
#include "visibility/mixing_weights.h"

enum { AC_MIX_ROW = AC_MIX_HIDDEN + 1, AC_MIX_SIZE = AC_MIX_OUTPUTS * AC_MIX_ROW, AC_MIX_MOST = 64, AC_MIX_LEAST = -32, AC_MIX_POWERS = 4, AC_MIX_HALVED = 6 };

static inline int32_t ac_mix_within(int32_t x, int32_t low, int32_t high) { return x < low ? low : x > high ? high : x; }

/* Numbers of the first layer, of what lanes are given: all more than 0. */
static inline __attribute__((always_inline)) void ac_mix_first(const double in[AC_MIX_INPUTS][AC_LANES], int32_t hidden[AC_MIX_HIDDEN][AC_LANES], uint32_t n)
{
    int32_t logs[AC_MIX_INPUTS][AC_LANES];
    for (int i = 0; i < AC_MIX_INPUTS; i++) {
        float x[AC_LANES];
        int32_t bits[AC_LANES];
        const int32_t off = 1016 + (i < AC_MIX_POWERS ? AC_MIX_TURNED : 0), is_halved = i == AC_MIX_HALVED;
        for (uint32_t l = 0; l < n; l++) x[l] = (float)in[i][l];
        memcpy(bits, x, n * sizeof *x);
        for (uint32_t l = 0; l < n; l++) logs[i][l] = ac_mix_within(((bits[l] >> 20) - off) >> is_halved, -AC_MIX_MOST, AC_MIX_MOST);
    }
    for (int h = 0; h < AC_MIX_HIDDEN; h++)
        for (uint32_t l = 0; l < n; l++) {
            int32_t sum = ac_mix_biases[h];
            for (int i = 0; i < AC_MIX_INPUTS; i++) sum += ac_mix_weights[h][i] * logs[i][l];
            hidden[h][l] = ac_mix_within(sum >> 6, 0, 2 * AC_MIX_MOST);
        }
}

static inline __attribute__((always_inline)) void ac_mix_second(const int8_t *layer, const int32_t hidden[AC_MIX_HIDDEN][AC_LANES], int32_t out[AC_MIX_OUTPUTS][AC_LANES], uint32_t n)
{
    for (int o = 0; o < AC_MIX_OUTPUTS; o++, layer += AC_MIX_ROW)
        for (uint32_t l = 0; l < n; l++) {
            int32_t sum = 64 * layer[AC_MIX_HIDDEN];
            for (int h = 0; h < AC_MIX_HIDDEN; h++) sum += layer[h] * hidden[h][l];
            out[o][l] = ac_mix_within(sum >> 6, -AC_MIX_MOST, AC_MIX_MOST);
        }
}

/* 2 to the power of an eighth of a number. */
static inline double ac_mix_factor(int32_t number)
{
    const uint64_t bits = (uint64_t)(1023 - 52 + (number >> 3)) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return ac_eighths[number & 7] * power;
}

#endif
