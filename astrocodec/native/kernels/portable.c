/* The kernel in C11 without intrinsics: loops over the 32 lanes of a group that compilers turn into vectors of 16-bit
 * integers. stages/predict.py is the same in plain words. */
#include "kernels/entropy_plain.h"
#include "kernels/exact_floats.h"
#include "kernels/kernel.h"

typedef int16_t row16[AC_GROUP];

/* Loops become vectors more readily in functions of their own. */
#if defined(__GNUC__)
#define LOOP static __attribute__((noinline)) void
#else
#define LOOP static void
#endif

static inline int16_t clamp16(int16_t v, int16_t low, int16_t high)
{
    v = v < high ? v : high;
    return v > low ? v : low;
}

/* a + b and a - b, saturating */
static inline int16_t add16(int16_t a, int16_t b)
{
    const int16_t r = (int16_t)(a + b), overflow = (int16_t)((~(a ^ b) & (a ^ r)) >> 15), limit = (int16_t)((r >> 15) ^ -32768);
    return (int16_t)((r & ~overflow) | (limit & overflow));
}

static inline int16_t subtract16(int16_t a, int16_t b)
{
    const int16_t r = (int16_t)(a - b), overflow = (int16_t)(((a ^ b) & (a ^ r)) >> 15), limit = (int16_t)((r >> 15) ^ -32768);
    return (int16_t)((r & ~overflow) | (limit & overflow));
}

/* ac_log512 by way of the float, which is exact below 2^24: running means of steps stay below 256 * 65536 - 16, and below
 * 362 * AC_MAX_AMPLITUDE where they start. */
static inline int32_t log512(int32_t v)
{
    const float f = (float)v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return (int32_t)(bits >> 14) - (127 << 9);
}

LOOP means_of_samples(const uint16_t *restrict at, int16_t *restrict m)
{
#define SAMPLE(i) (at[(AC_LAG * ac_dy[i] + ac_dx[i]) * AC_ROW + ac_dy[i] + l] ^ AC_BIAS)
#define AVERAGE(a, b) (uint16_t)(((uint32_t)(a) + (b) + 1) >> 1)
    LANES
    {
        const uint16_t w = (uint16_t)SAMPLE(0), ww = (uint16_t)SAMPLE(1), nw = (uint16_t)SAMPLE(5), n = (uint16_t)SAMPLE(6);
        const uint16_t ne = (uint16_t)SAMPLE(7), nn = (uint16_t)SAMPLE(13), nww = (uint16_t)SAMPLE(4), nee = (uint16_t)SAMPLE(8);
        const uint16_t a = AVERAGE(w, ww), b = AVERAGE(nw, n), c = AVERAGE(ne, nn), d = AVERAGE(nww, nee);
        const uint16_t ab = AVERAGE(a, b), cd = AVERAGE(c, d);
        m[l] = (int16_t)(AVERAGE(ab, cd) ^ AC_BIAS);
    }
}

LOOP difference_to(const uint16_t *restrict sample, const int16_t *restrict m, int16_t *restrict out)
{
    LANES out[l] = subtract16((int16_t)sample[l], m[l]);
}

LOOP add_absolute(const int16_t *restrict d, int16_t *restrict sum)
{
    LANES
    {
        const int16_t c = clamp16(d[l], -2047, 2047), negative = (int16_t)-c;
        sum[l] = (int16_t)(sum[l] + (c > negative ? c : negative));
    }
}

LOOP add_linear(const int16_t *restrict d, int16_t weight, int32_t *restrict sum)
{
    LANES sum[l] += d[l] * weight;
}

/* (clamp(d, limit) r + 2^e) >> (e + 1) = (((clamp(d, limit) 2^(16-e) r) >> 16) + 1) >> 1 */
LOOP input_of(const int16_t *restrict d, const int16_t *restrict limit, const int16_t *restrict scale, const int16_t *restrict r, int16_t *restrict out)
{
    LANES
    {
        const int16_t c = clamp16(d[l], (int16_t)-limit[l], limit[l]), scaled = (int16_t)(c * scale[l]);
        out[l] = (int16_t)((scaled * r[l]) >> 16);
    }
    LANES out[l] = clamp16((int16_t)((out[l] + 1) >> 1), -63, 63);
}

/* (clamp(d, 8 limit) r + 2^(e+3)) >> (e + 4), with 2^(13-e) while that is an integer; s = max(1, e - 12), rest = 2^(15-s) */
LOOP wide_input_of(const int16_t *restrict d, const int16_t *restrict limit, const int16_t *restrict scale, const int16_t *restrict r, int16_t *restrict out)
{
    LANES
    {
        const int32_t limit8 = 8 * limit[l];
        const int16_t high = (int16_t)(limit8 < 32767 ? limit8 : 32767), low = (int16_t)(limit8 < 32768 ? -limit8 : -32768);
        const int16_t wide_scale = (int16_t)(scale[l] > 8 ? scale[l] >> 3 : 1), scaled = (int16_t)(clamp16(d[l], low, high) * wide_scale);
        out[l] = (int16_t)((scaled * r[l]) >> 16);
    }
    LANES
    {
        const int16_t rest = (int16_t)((scale[l] < 8 ? scale[l] : 8) << 11);
        out[l] = clamp16((int16_t)((out[l] * rest + (1 << 14)) >> 15), -63, 63);
    }
}

typedef uint16_t eight __attribute__((vector_size(16), may_alias)); /* lanes, which wrap around */
typedef int32_t four __attribute__((vector_size(16), may_alias));
enum { EIGHTS = AC_GROUP / 8 };

/* Compilers copy sums about, or put them into memory, unless each round of a loop ends with them in registers. */
#if defined(__x86_64__)
#define IN_REGISTERS(a, b, c, d) __asm__("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d))
#elif defined(__aarch64__)
#define IN_REGISTERS(a, b, c, d) __asm__("" : "+w"(a), "+w"(b), "+w"(c), "+w"(d))
#else
#define IN_REGISTERS(a, b, c, d) (void)0
#endif

/* A weight that stands there twice */
static inline eight repeat(const int16_t *w)
{
    int32_t both;
    memcpy(&both, w, sizeof both);
    return (eight)(four){both, both, both, both};
}

/* The two halves of a row, which stay within 16 bits (model.c) */
LOOP halves_of_row(const int16_t *w, int32_t bias, int inputs, const eight *x, eight *first, eight *second)
{
    const uint16_t b = (uint16_t)bias;
    eight a0 = {b, b, b, b, b, b, b, b}, a1 = a0, a2 = a0, a3 = a0, b0 = {0}, b1 = b0, b2 = b0, b3 = b0;
    const eight *y = x + inputs / 2 * EIGHTS, *const end = y;
    do {
        const eight u = repeat(w), v = repeat(w + 2);
        a0 += u * x[0], a1 += u * x[1], a2 += u * x[2], a3 += u * x[3];
        b0 += v * y[0], b1 += v * y[1], b2 += v * y[2], b3 += v * y[3];
        IN_REGISTERS(a0, a1, a2, a3);
        IN_REGISTERS(b0, b1, b2, b3);
        w += 4;
        x += EIGHTS;
        y += EIGHTS;
    } while (x < end);
    first[0] = a0, first[1] = a1, first[2] = a2, first[3] = a3;
    second[0] = b0, second[1] = b1, second[2] = b2, second[3] = b3;
}

/* clamp((first + second) >> 6, 0, 127); the half of the sum does not overflow */
LOOP activate(const int16_t *restrict first, const int16_t *restrict second, int16_t *restrict out)
{
    LANES
    {
        const int16_t half = (int16_t)((first[l] & second[l]) + ((first[l] ^ second[l]) >> 1));
        out[l] = clamp16((int16_t)(half >> (AC_SHIFT - 1)), 0, AC_ACTIVATION_MAX);
    }
}

LOOP add_saturated(const int16_t *restrict first, const int16_t *restrict second, int16_t *restrict out)
{
    LANES out[l] = add16(first[l], second[l]);
}

static void layer(const int16_t *w, const int32_t *bias, int outputs, int inputs, const row16 *x, row16 *out)
{
    for (int j = 0; j < outputs; j++, w += 2 * inputs) {
        _Alignas(16) row16 half[2];
        halves_of_row(w, bias[j], inputs, (const eight *)x, (eight *)half[0], (eight *)half[1]);
        (outputs > AC_OUTPUTS ? activate : add_saturated)(half[0], half[1], out[j]);
    }
}

/* For each input of the first half its weight twice, then that of the second half twice */
static int16_t *arrange_layer(const int8_t *w, int outputs, int inputs, int16_t *to)
{
    for (int j = 0; j < outputs; j++, w += inputs)
        for (int i = 0; i < inputs / 2; i++, to += 4) to[0] = to[1] = w[i], to[2] = to[3] = w[inputs / 2 + i];
    return to;
}

static void arrange_weights(ac_lanes *a)
{
    const ac_model *m = a->model;
    const int h = m->hidden;
    arrange_layer(m->w3, AC_OUTPUTS, h, arrange_layer(m->w2, h, h, arrange_layer(m->w1, h, AC_INPUTS, a->weights)));
}

LOOP wide_term(const int32_t *restrict mean, const int16_t *restrict m, int16_t *restrict out)
{
    LANES out[l] = (int16_t)ac_clamp((mean[l] >> 5) - (m[l] + 32768) * 8, -32768, 32767);
}

/* inputs 26 and 27: a running mean of differences relative to the sum */
LOOP relative_log(const int32_t *restrict v, const int32_t *restrict log_sum, int16_t *restrict out)
{
    LANES out[l] = (int16_t)ac_clamp((log512(v[l] + 16) - log_sum[l] - 1536) >> 5, -63, 63);
}

LOOP scale_inputs(const int16_t *restrict m, int32_t floor, const int32_t *restrict log_sum, int16_t *restrict of_sum, int16_t *restrict of_mean)
{
    LANES
    {
        of_sum[l] = (int16_t)ac_clamp((log_sum[l] >> 5) - 112, -63, 63);
        of_mean[l] = (int16_t)ac_clamp((log512((m[l] + 32768 > floor ? m[l] + 32768 - floor : 0) + 1) >> 6) - 64, -63, 63);
    }
}

LOOP parity_inputs(int16_t *restrict parity, int16_t *restrict x, int16_t *restrict y)
{
    LANES
    {
        x[l] = (int16_t)(parity[l] - 64);
        y[l] = l & 1 ? 32 : -32;
        parity[l] ^= 64;
    }
}

LOOP sums_of(const int16_t *restrict sum16, int32_t *restrict sum, int32_t *restrict log_sum, int16_t *restrict limit)
{
    LANES
    {
        sum[l] = (uint16_t)sum16[l];
        log_sum[l] = log512(sum[l]);
        limit[l] = (int16_t)(sum[l] >> 2);
    }
}

LOOP locate(const int16_t *restrict m, const int32_t *restrict sum, const int32_t *restrict linear, const int16_t *restrict shift, int32_t *restrict location)
{
    LANES
    {
        const int32_t offset = sum[l] * (shift[l] > -32767 ? shift[l] : -32767);
        location[l] = ac_clamp((m[l] + 32768) * 16 + (linear[l] >> 9) + ((offset + 256) >> 9), 0, 65535 * 16 + 15);
    }
}

/* From those of 2 n + p to those of n; `q` counts eighths of an octave. */
LOOP halve(const uint16_t *restrict grid, int32_t *restrict location, int32_t *restrict q)
{
    LANES
    {
        const int32_t v = location[l] - 16 * (grid[l] & 1);
        location[l] = (v > 0 ? v : 0) >> 1;
        q[l] = q[l] > 8 ? q[l] - 8 : 0;
    }
}

LOOP scales_of(const int32_t *restrict log_sum, const int16_t *restrict out, int32_t *restrict q)
{
    LANES q[l] = ac_clamp((log_sum[l] + out[l] - 224) >> 6, 0, AC_SCALES - 1);
}

static void choose_tables(ac_lanes *a, uint32_t first, const int32_t *location, const int32_t *q, const row16 *out)
{
    const ac_tables *tables = &a->model->tables;
    const int tails = tables->tails - 1, skews = tables->skews - 1;
    ac_group *g = &a->group;
    g->any_k = 0;
    LANES
    {
        const int32_t tail = ac_clamp((out[2][l] + 64) >> 7, 0, tails), skew = ac_clamp((out[3][l] + 64) >> 7, 0, skews);
        const ac_cell c = ac_cell_of(location[l], q[l], (uint32_t)(tail * (skews + 1) + skew));
        const int active = a->active[first + (uint32_t)l];
        g->table[l] = (uint16_t)(active ? c.table : tables->count);
        g->k[l] = (uint16_t)(c.k & active);
        g->last_core[l] = (uint16_t)(active ? ac_layouts[c.layout].core - 1 : 32767);
        g->base[l] = c.base;
        g->any_k |= g->k[l];
    }
}

static void predict_group(ac_lanes *a, uint32_t first, const int hidden)
{
    const ac_model *model = a->model;
    const uint16_t *at = ac_lanes_samples(a, first);
    const ac_lane_means *before = &a->means[a->step & 1];
    const uint32_t own = AC_BEFORE + first, up = own - 1;
    const int16_t *column = ac_lanes_columns(a, first) - AC_LAG * AC_ROW - 1;
    ac_group *g = &a->group;
    row16 m, sum16, linear[AC_LINEAR], limit, scale, r, out[AC_OUTPUTS];
    _Alignas(16) row16 x[AC_INPUTS], h1[AC_MAX_HIDDEN], h2[AC_MAX_HIDDEN];
    row32 sum, log_sum, weighted, location, q;

    means_of_samples(at, m);
    LANES sum16[l] = 10;
    for (int i = 0; i < AC_NEIGHBOURS; i++) {
        difference_to(at + (AC_LAG * ac_dy[i] + ac_dx[i]) * AC_ROW + ac_dy[i], m, linear[i]);
        add_absolute(linear[i], sum16);
    }
    memcpy(g->sum, sum16, sizeof sum16);
    sums_of(sum16, sum, log_sum, limit);
    LANES
    {
        scale[l] = (int16_t)(1 << (16 - (log_sum[l] >> 9)));
        r[l] = ac_reciprocal[(log_sum[l] >> 4) & 31];
    }
    wide_term(before->level + own, m, linear[22]);
    wide_term(before->level + up, m, linear[23]);
    wide_term(before->area + up, m, linear[24]);
    LANES linear[25][l] = column[l] >> 1;

    for (int i = 0; i < AC_LINEAR; i++) (i < AC_NEIGHBOURS ? input_of : wide_input_of)(linear[i], limit, scale, r, x[i]);
    relative_log(before->step + own, log_sum, x[26]);
    relative_log(before->area_step + up, log_sum, x[27]);
    scale_inputs(m, a->start.floor, log_sum, x[28], x[29]);
    parity_inputs(a->parity + first, x[30], x[31]);
    LANES weighted[l] = 256;
    for (int i = 0; i < AC_LINEAR; i++) add_linear(linear[i], model->linear[i], weighted);

    const int16_t *w1 = a->weights, *w2 = w1 + 2 * hidden * AC_INPUTS, *w3 = w2 + 2 * hidden * hidden;
    layer(w1, model->b1, hidden, AC_INPUTS, x, h1);
    layer(w2, model->b2, hidden, hidden, h1, h2);
    layer(w3, model->b3, AC_OUTPUTS, hidden, h2, out);
    locate(m, sum, weighted, out[0], location);
    scales_of(log_sum, out[1], q);
    if (a->has_trellis) halve(a->grid + first, location, q);
    choose_tables(a, first, location, q, out);
}

static void predict_group_16(ac_lanes *a, uint32_t first) { predict_group(a, first, 16); }
static void predict_group_32(ac_lanes *a, uint32_t first) { predict_group(a, first, 32); }

LOOP update_means(const uint16_t *restrict value, const uint16_t *restrict left, const uint16_t *restrict sum, const int16_t *restrict active,
                         const int16_t *restrict column_up, int16_t *restrict column, const ac_lane_means *restrict before, ac_lane_means *restrict after,
                         uint32_t own)
{
    const uint32_t up = own - 1;
    row32 limit, v, level;
    LANES
    {
        v[l] = (value[l] ^ (int32_t)AC_BIAS) * 256;
        limit[l] = sum[l] * 64;
        const int32_t old = before->level[own + (uint32_t)l];
        level[l] = old + (ac_clamp(v[l] - old, -limit[l], limit[l]) >> 3);
        after->level[own + (uint32_t)l] = active[l] ? level[l] : old;
    }
    LANES
    {
        const int32_t old = before->area[own + (uint32_t)l], above = before->area[up + (uint32_t)l];
        after->area[own + (uint32_t)l] = active[l] ? above + ((level[l] - above) >> 2) : old;
    }
    LANES
    {
        const int32_t old = before->step[own + (uint32_t)l], above = before->area_step[up + (uint32_t)l], old_area = before->area_step[own + (uint32_t)l];
        const int32_t d = (value[l] ^ (int32_t)AC_BIAS) - (left[l] ^ (int32_t)AC_BIAS), difference = (d < 0 ? -d : d) * 256, most = 4 * old + 512;
        const int32_t step = old + (((difference < most ? difference : most) - old) >> 4);
        after->step[own + (uint32_t)l] = active[l] ? step : old;
        after->area_step[own + (uint32_t)l] = active[l] ? above + ((step - above) >> 2) : old_area;
    }
    LANES
    {
        const int32_t residual = ac_clamp(ac_clamp(v[l] - level[l], -limit[l], limit[l]) >> 4, -32768, 32767), c = column_up[l];
        column[l] = (int16_t)((c + ((residual - c) >> 3)) & active[l]); /* above the piece columns are 0 */
    }
}

static void update_group(ac_lanes *a, uint32_t first)
{
    const uint16_t *at = ac_lanes_samples(a, first);
    int16_t *column = ac_lanes_columns(a, first);
    update_means(at, at - AC_ROW, a->group.sum, a->active + first, column - AC_LAG * AC_ROW - 1, column, &a->means[a->step & 1], &a->means[~a->step & 1],
                 AC_BEFORE + first);
}

#define KERNEL ac_kernel_portable
#include "kernels/entropy_widths.h"
#include "kernels/loops.h"
