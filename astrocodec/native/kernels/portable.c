/* The kernel in C11 without intrinsics: loops over the 32 lanes of a group that compilers turn into vectors of 16-bit
 * integers, and of floats where every sum is an integer below 2^24 and so exact. stages/predict.py is the same in plain words. */
#include "bytes.h"
#include "kernels/entropy_tails.h"
#include "kernels/exact_floats.h"
#include "kernels/kernel.h"

typedef int16_t row16[AC_GROUP];
typedef int32_t row32[AC_GROUP];

#define LANES for (int l = 0; l < AC_GROUP; l++)

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

/* Adds four inputs times their weights to four outputs. Half a row stays within 16 bits (model.c). */
LOOP add_products(const int16_t *restrict w, const int16_t *restrict x, int16_t *restrict sum)
{
    const int16_t a0 = w[0], a1 = w[1], a2 = w[2], a3 = w[3], b0 = w[4], b1 = w[5], b2 = w[6], b3 = w[7];
    const int16_t c0 = w[8], c1 = w[9], c2 = w[10], c3 = w[11], d0 = w[12], d1 = w[13], d2 = w[14], d3 = w[15];
    LANES
    {
        const int16_t x0 = x[l], x1 = x[AC_GROUP + l], x2 = x[2 * AC_GROUP + l], x3 = x[3 * AC_GROUP + l];
        sum[l] = (int16_t)(sum[l] + a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3);
        sum[AC_GROUP + l] = (int16_t)(sum[AC_GROUP + l] + b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3);
        sum[2 * AC_GROUP + l] = (int16_t)(sum[2 * AC_GROUP + l] + c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3);
        sum[3 * AC_GROUP + l] = (int16_t)(sum[3 * AC_GROUP + l] + d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3);
    }
}

/* The saturated sum of two halves of four rows is right where it counts. */
LOOP join_halves(const int16_t *restrict first, const int16_t *restrict second, int16_t *restrict out)
{
    for (int i = 0; i < 4 * AC_GROUP; i++) out[i] = add16(first[i], second[i]);
}

static void layer(const int16_t *w, const int32_t *bias, int outputs, int inputs, const row16 *x, row16 *out)
{
    for (int j = 0; j < outputs; j += 4, w += 4 * inputs) {
        row16 half[2][4];
        for (int k = 0; k < 4; k++) LANES half[0][k][l] = (int16_t)bias[j + k];
        memset(half[1], 0, sizeof half[1]);
        for (int i = 0; i < inputs; i += 4) add_products(w + 4 * i, x[i], half[i >= inputs / 2][0]);
        join_halves(half[0][0], half[1][0], out[j]);
    }
}

/* Four outputs after each other, for each four inputs. */
static int16_t *arrange_layer(const int8_t *w, int outputs, int inputs, int16_t *to)
{
    for (int j = 0; j < outputs; j += 4)
        for (int i = 0; i < inputs; i += 4)
            for (int k = 0; k < 16; k++) *to++ = w[(j + k / 4) * inputs + i + k % 4];
    return to;
}

static void arrange_weights(ac_lanes *a)
{
    const ac_model *m = a->model;
    const int h = m->hidden;
    arrange_layer(m->w3, AC_OUTPUTS, h, arrange_layer(m->w2, h, h, arrange_layer(m->w1, h, AC_INPUTS, a->weights)));
}

LOOP activate(int16_t *restrict v, int n)
{
    for (int i = 0; i < n; i++) v[i] = clamp16((int16_t)(v[i] >> AC_SHIFT), 0, AC_ACTIVATION_MAX);
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

static void choose_tables(ac_lanes *a, uint32_t first, const int32_t *location, const int32_t *log_sum, const row16 *out)
{
    const ac_tables *tables = &a->model->tables;
    const int tails = tables->tails - 1, skews = tables->skews - 1;
    ac_group *g = &a->group;
    g->any_k = 0;
    LANES
    {
        const int32_t q = ac_clamp((log_sum[l] + out[1][l] - 224) >> 6, 0, AC_SCALES - 1);
        const int32_t tail = ac_clamp((out[2][l] + 64) >> 7, 0, tails), skew = ac_clamp((out[3][l] + 64) >> 7, 0, skews);
        const ac_cell c = ac_cell_of(location[l], q, (uint32_t)(tail * (skews + 1) + skew));
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
    row16 m, sum16, linear[AC_LINEAR], limit, scale, r, x[AC_INPUTS], h1[AC_MAX_HIDDEN], h2[AC_MAX_HIDDEN], out[AC_OUTPUTS];
    row32 sum, log_sum, weighted, location;

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

    const int16_t *w1 = a->weights, *w2 = w1 + hidden * AC_INPUTS, *w3 = w2 + hidden * hidden;
    layer(w1, model->b1, hidden, AC_INPUTS, x, h1);
    activate(h1[0], hidden * AC_GROUP);
    layer(w2, model->b2, hidden, hidden, h1, h2);
    activate(h2[0], hidden * AC_GROUP);
    layer(w3, model->b3, AC_OUTPUTS, hidden, h2, out);
    locate(m, sum, weighted, out[0], location);
    choose_tables(a, first, location, log_sum, out);
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

static inline uint32_t refill(uint32_t x, const uint8_t **next)
{
    if (x >= AC_RANS_LOW) return x;
    x = x << 16 | ac_get_u16(*next);
    *next += 2;
    return x;
}

static const uint8_t *decode_group(ac_lanes *a, uint32_t first, const uint8_t *next, uint32_t states, uint32_t *state)
{
    const ac_group *g = &a->group;
    const int16_t *active = a->active + first;
    uint16_t *at = ac_lanes_samples(a, first), symbol[AC_GROUP];
    row32 start, bits;
    uint32_t tails = 0;
    for (uint32_t l = 0; l < AC_GROUP; l++) {
        const uint16_t *cum = a->model->tables.cum + (size_t)g->table[l] * AC_SYMBOLS, *c = cum;
        uint32_t *x = &state[l & (states - 1)];
        const uint32_t slot = *x & (AC_TOTAL - 1);
        for (int half = AC_SYMBOLS / 2; half; half /= 2) c += c[half] <= slot ? half : 0;
        *x = refill((uint32_t)(c[1] - c[0]) * (*x >> AC_PRECISION) + slot - c[0], &next);
        symbol[l] = (uint16_t)(c - cum);
    }
    LANES
    {
        const int32_t half = symbol[l] < 32 ? 31 - symbol[l] : symbol[l] - 32;
        bits[l] = g->k[l];
        start[l] = (int32_t)((uint32_t)half << g->k[l]);
        tails |= (uint32_t)(half > g->last_core[l]) << l;
    }
    if (g->any_k || tails) {
        ac_tail_cells(tails, g, symbol, start, bits);
        for (uint32_t l = 0; l < AC_GROUP; l++) {
            uint32_t *x = &state[l & (states - 1)];
            start[l] += (int32_t)(*x & ((1u << bits[l]) - 1));
            *x = refill(*x >> bits[l], &next);
        }
    }
    LANES
    {
        const int32_t difference = symbol[l] < 32 ? ~start[l] : start[l];
        at[l] = active[l] ? (uint16_t)((uint32_t)(g->base[l] + difference) ^ AC_BIAS) : at[l - AC_ROW];
    }
    return next;
}

static void record_group(ac_lanes *a, uint32_t first, ac_records *out)
{
    const ac_group *g = &a->group;
    const int16_t *active = a->active + first;
    const uint16_t *at = ac_lanes_samples(a, first), *cum = a->model->tables.cum;
    uint32_t place[AC_GROUP], tails = 0;
    row32 difference;
    uint32_t *raws = out->raws + AC_GROUP * out->raw_groups, *pairs = out->pairs + AC_GROUP * out->groups;
    LANES
    {
        const int32_t d = ((at[l] ^ (int32_t)AC_BIAS) - g->base[l]) & active[l], sign = d >> 31, half = d ^ sign, cell = half >> g->k[l];
        difference[l] = d;
        place[l] = g->table[l] * (uint32_t)AC_SYMBOLS + (uint32_t)(((cell ^ sign) + 32) & active[l]);
        raws[l] = ((uint32_t)half - ((uint32_t)cell << g->k[l])) | (uint32_t)g->k[l] << 16;
        tails |= (uint32_t)(cell > g->last_core[l]) << l;
    }
    ac_tail_symbols(tails, g, difference, place, raws);
    LANES pairs[l] = cum[place[l]] | (uint32_t)cum[place[l] + 1] << 16;
    const int has_raws = g->any_k || tails;
    out->has_raws[out->groups++] = (uint8_t)has_raws;
    out->raw_groups += (size_t)has_raws;
}

static uint16_t *push(const ac_records *records, uint32_t states, uint32_t *state, uint16_t *end)
{
    const uint32_t *raws = records->raws + AC_GROUP * records->raw_groups, *pairs = records->pairs + AC_GROUP * records->groups;
    for (size_t group = records->groups; group-- > 0;) {
        if (records->has_raws[group]) {
            raws -= AC_GROUP;
            for (uint32_t l = AC_GROUP; l-- > 0;) ac_rans_push_raw(&state[l & (states - 1)], raws[l] & 65535, raws[l] >> 16, &end);
        }
        pairs -= AC_GROUP;
        for (uint32_t l = AC_GROUP; l-- > 0;) {
            const uint32_t start = pairs[l] & 65535;
            ac_rans_push(&state[l & (states - 1)], start, (pairs[l] >> 16) - start, &end);
        }
    }
    return end;
}

static void fill_window(ac_lanes *a, const uint16_t *samples, size_t stride)
{
    const uint16_t *source[AC_MAX_LANES];
    ac_lanes_sources(a, samples, stride, source);
    for (int t = 0; t < AC_BLOCK; t++)
        for (uint32_t lane = 0; lane < a->wave.lanes; lane++) a->samples[AC_LOOKBACK + t][AC_BEFORE + lane] = source[lane][t] ^ AC_BIAS;
}

static void drain_window(ac_lanes *a, uint16_t *samples, size_t stride)
{
    uint16_t *target[AC_MAX_LANES];
    ac_lanes_targets(a, samples, stride, target);
    for (uint32_t lane = 0; lane < a->wave.lanes; lane++)
        for (int t = 0; t < AC_BLOCK; t++) target[lane][t] = a->samples[AC_LOOKBACK + t][AC_BEFORE + lane] ^ AC_BIAS;
    ac_lanes_store_edges(a, target, samples, stride);
}

#define KERNEL ac_kernel_portable
#include "kernels/loops.h"
