#include "predict.h"

void ac_context_of(const uint16_t *n, const ac_running *left, const ac_running *up, int32_t column, uint16_t floor, uint32_t x, uint32_t y,
                   ac_context *out)
{
    /* n[0] W, n[1] WW, n[5] NW, n[6] N, n[7] NE, n[13] NN, n[4] NWW, n[8] NEE */
    const uint16_t m = ac_average(ac_average(ac_average(n[0], n[1]), ac_average(n[5], n[6])), ac_average(ac_average(n[7], n[13]), ac_average(n[4], n[8])));
    int32_t sum = 10, d[AC_LINEAR];
    for (int i = 0; i < AC_NEIGHBOURS; i++) {
        d[i] = ac_clamp((int32_t)n[i] - m, -32768, 32767);
        const int32_t a = d[i] < 0 ? -d[i] : d[i];
        sum += a > 2047 ? 2047 : a;
    }
    const int32_t wide[AC_WIDE] = {left->level >> 5, up->level >> 5, up->area >> 5, (m * 8) + (column >> 1)};
    for (int i = 0; i < AC_WIDE; i++) d[AC_NEIGHBOURS + i] = ac_clamp(wide[i] - m * 8, -32768, 32767);
    for (int i = 0; i < AC_LINEAR; i++) out->linear[i] = (int16_t)d[i];

    const int e = ac_log2_floor((uint32_t)sum);
    const int32_t r = ac_reciprocal[((uint32_t)sum << 5 >> e) & 31], limit = sum >> 2;
    for (int i = 0; i < AC_NEIGHBOURS; i++)
        out->input[i] = (int16_t)ac_clamp((ac_clamp(d[i], -limit, limit) * r + (1 << e)) >> (e + 1), -63, 63);
    for (int i = AC_NEIGHBOURS; i < AC_LINEAR; i++)
        out->input[i] = (int16_t)ac_clamp((ac_clamp(d[i], -8 * limit, 8 * limit) * r + (8 << e)) >> (e + 4), -63, 63);
    const int32_t log_sum = ac_log512((uint32_t)sum);
    out->input[26] = (int16_t)ac_clamp((ac_log512((uint32_t)left->step + 16) - log_sum - 1536) >> 5, -63, 63);
    out->input[27] = (int16_t)ac_clamp((ac_log512((uint32_t)up->area_step + 16) - log_sum - 1536) >> 5, -63, 63);
    out->input[28] = (int16_t)ac_clamp((log_sum >> 5) - 112, -63, 63);
    out->input[29] = (int16_t)ac_clamp((ac_log512((m > floor ? (uint32_t)(m - floor) : 0) + 1) >> 6) - 64, -63, 63);
    out->input[30] = x & 1 ? 32 : -32;
    out->input[31] = y & 1 ? 32 : -32;
    out->mean = m;
    out->sum = (uint16_t)sum;
}

int32_t ac_update(uint16_t value, uint16_t left_value, uint16_t sum, const ac_running *up, ac_running *own, int32_t column)
{
    const int32_t v = value * 256, limit = sum * 64;
    own->level += ac_clamp(v - own->level, -limit, limit) >> 3;
    own->area = up->area + ((own->level - up->area) >> 2);
    const int32_t difference = (value > left_value ? value - left_value : left_value - value) * 256, most = 4 * own->step + 512;
    own->step += ((difference < most ? difference : most) - own->step) >> 4;
    own->area_step = up->area_step + ((own->step - up->area_step) >> 2);
    const int32_t residual = ac_clamp(ac_clamp(v - own->level, -limit, limit) >> 4, -32768, 32767);
    return column + ((residual - column) >> 3);
}
