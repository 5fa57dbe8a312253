/* Prediction and running means of a slice of VECTOR_LANES lanes; stages/predict.py is the same in plain words.
 * Included after vector*.h, which says what the vectors are. */
#include "kernels/exact_floats.h"

#define INLINE static inline __attribute__((always_inline))
#define HOT static __attribute__((noinline, aligned(64))) /* their speed depends on where the linker puts them */
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#define UNROLL_CONSTANT /* clang warns where a count is a constant in some callers only */
#define TWICE _Pragma("unroll 2")
#define ROLLED _Pragma("nounroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#define UNROLL_CONSTANT UNROLL
#define TWICE _Pragma("GCC unroll 2")
#define ROLLED _Pragma("GCC unroll 1")
#endif

enum { SLICES = AC_GROUP / VECTOR_LANES, HALF = VECTOR_LANES / 2 };

#define SET16(x) V(set1_epi16)((short)(x))
#define SET32(x) V(set1_epi32)(x)

INLINE vec v_weights(const void *p)
{
    int32_t w;
    memcpy(&w, p, sizeof w);
    return SET32(w);
}
INLINE vec v_clamp16(vec v, vec low, vec high) { return V(max_epi16)(V(min_epi16)(v, high), low); }
INLINE vec v_clamp32(vec v, vec low, vec high) { return V(max_epi32)(V(min_epi32)(v, high), low); }

/* ac_log512 of 32-bit lanes: exponent and 9 bits of mantissa of the float, which is exact, as they are below 2^24: running
 * means of steps stay below 256 * 65536 - 16, and below 362 * AC_MAX_AMPLITUDE where they start. */
INLINE vec v_log512(vec v)
{
    return V(sub_epi32)(V(srli_epi32)(v_float_bits(v), 14), SET32(127 << 9));
}

#include NETWORK

/* What a slice's stages hand on; low and high are sums of linear terms, as unpacklo and unpackhi leave them. */
typedef struct {
    vec linear[AC_LINEAR];
    vec m, log_sum;
    vec r, scale, highest; /* of the sum S: 504 / mantissa, 2^(16 - exponent), largest term that is told from larger ones */
    vec inputs[AC_INPUTS - AC_LINEAR]; /* the last ones */
    vec low, high;
} slice_context;

/* Inputs as bytes, 64 added: high ones saturate here. */
INLINE vec pack_inputs(vec a, vec b) { return V(max_epi8)(V(packs_epi16)(a, b), V(set1_epi8)(1)); }
/* (v + 129) >> 1 for v of -127 to 126 */
INLINE vec pack_doubled(vec a, vec b) { return V(avg_epu8)(v_xor(V(packs_epi16)(a, b), V(set1_epi8)((char)0x80)), v_zero()); }

/* Per octave of the scale index (7 stands for all with buckets), see ac_cell_of. */
static const int16_t octave_rounding[8] = {1, 1, 0, 0, 1, 2, 4, 0};
static const int16_t octave_phases[8] = {8, 8, 16, 16, 8, 4, 2, 1};
static const int16_t octave_first[8] = {0, 64, 128, 256, 384, 448, 480, 496};
static const int16_t octave_last_core[8] = {2, 2, 9, 9, 9, 23, 23, 23};

/* Stages of a slice's context go through all slices one by one, so that one's long chain overlaps with the next one's. */

/* The mean of the nearest, the differences to it, and the sum of their magnitudes */
STAGE void differences_of_slice(ac_lanes *a, uint32_t lane, int slice, slice_context *c)
{
    const uint16_t *at = ac_lanes_samples(a, lane);
#define NEIGHBOUR(i) v_load(at + (AC_LAG * ac_dy[i] + ac_dx[i]) * AC_ROW + ac_dy[i])
#define UNBIASED(i) v_xor(NEIGHBOUR(i), bias)
    const vec bias = SET16(AC_BIAS);
    const vec m = V(avg_epu16)(V(avg_epu16)(V(avg_epu16)(UNBIASED(0), UNBIASED(1)), V(avg_epu16)(UNBIASED(5), UNBIASED(6))),
                               V(avg_epu16)(V(avg_epu16)(UNBIASED(7), UNBIASED(13)), V(avg_epu16)(UNBIASED(4), UNBIASED(8))));
    const vec biased_m = v_xor(m, bias);
    vec sum = SET16(10);
    UNROLL for (int i = 0; i < AC_NEIGHBOURS; i++)
    {
        const vec d = V(subs_epi16)(NEIGHBOUR(i), biased_m);
        c->linear[i] = d;
        sum = V(add_epi16)(sum, V(min_epu16)(V(abs_epi16)(d), SET16(2047)));
    }
    c->m = m;
    v_store(a->group.sum + slice * VECTOR_LANES, sum);
}

/* Wide terms, logarithms, and inputs made of these */
STAGE void logarithms_of_slice(ac_lanes *a, uint32_t lane, int slice, slice_context *c)
{
    const ac_lane_means *before = &a->means[a->step & 1];
    const uint32_t own = AC_BEFORE + lane, up = own - 1;
    const vec m = c->m, sum = v_load(a->group.sum + slice * VECTOR_LANES), signal = V(subs_epu16)(m, SET16(a->start.floor));
    vec wide[3][2], log_sum2[2], log_m2[2], log_step2[2], log_area2[2];
    UNROLL for (int h = 0; h < 2; h++)
    {
        log_sum2[h] = v_log512(v_widen(sum, h));
        const vec m8 = V(slli_epi32)(v_widen(m, h), 3);
        wide[0][h] = V(sub_epi32)(V(srai_epi32)(v_load(before->level + own + h * HALF), 5), m8);
        wide[1][h] = V(sub_epi32)(V(srai_epi32)(v_load(before->level + up + h * HALF), 5), m8);
        wide[2][h] = V(sub_epi32)(V(srai_epi32)(v_load(before->area + up + h * HALF), 5), m8);
        log_m2[h] = v_log512(V(add_epi32)(v_widen(signal, h), SET32(1)));
        log_step2[h] = v_log512(V(add_epi32)(v_load(before->step + own + h * HALF), SET32(16)));
        log_area2[h] = v_log512(V(add_epi32)(v_load(before->area_step + up + h * HALF), SET32(16)));
    }
    const vec log_sum = v_narrow(log_sum2[0], log_sum2[1]), log_m = v_narrow(log_m2[0], log_m2[1]);
    c->log_sum = log_sum;
    const vec r = v_reciprocal(log_sum), scale = v_inverse_exp2(V(srli_epi16)(log_sum, 9)), limit = V(srli_epi16)(sum, 2);
    /* Where the largest term would come to 64, one that is just smaller comes to 63 and stands for it. */
    const vec doubled = V(mulhi_epi16)(V(mullo_epi16)(limit, scale), r);
    c->r = r;
    c->scale = scale;
    c->highest = V(sub_epi16)(limit, v_and(V(srli_epi16)(limit, 6), v_above16(doubled, SET16(126))));
    UNROLL for (int i = 0; i < 3; i++) c->linear[AC_NEIGHBOURS + i] = v_narrow(wide[i][0], wide[i][1]);
    c->linear[AC_NEIGHBOURS + 3] = V(srai_epi16)(v_load(ac_lanes_columns(a, lane) - AC_LAG * AC_ROW - 1), 1);
    const vec log_step = v_narrow(log_step2[0], log_step2[1]), log_area = v_narrow(log_area2[0], log_area2[1]);
    const vec relative = V(add_epi16)(log_sum, SET16(1536 - (64 << 5))), parity = v_load(a->parity + lane);
    c->inputs[0] = V(srai_epi16)(V(sub_epi16)(log_step, relative), 5);
    c->inputs[1] = V(srai_epi16)(V(sub_epi16)(log_area, relative), 5);
    c->inputs[2] = V(sub_epi16)(V(srli_epi16)(log_sum, 5), SET16(112 - 64));
    c->inputs[3] = V(srli_epi16)(log_m, 6);
    c->inputs[4] = parity;
    c->inputs[5] = SET32(32 | 96 << 16);
    v_store(a->parity + lane, v_xor(parity, SET16(64)));
}

/* The network's inputs, and the linear prediction.
 * With a = 2^(16-e): (x r + 2^e) >> (e+1) = (((x a r) >> 16) + 1) >> 1, and |x a| < 2^15 since |x| < 2^(e-1).
 * Wide ones are 8 times larger: (x r + 2^(e+3)) >> (e+4) with 2^(13-e) while that is an integer, and then
 * mulhrs(t, 2^(15-s)) = (t + 2^(s-1)) >> s with s = max(1, e-12). The limit 8 * limit saturates like the terms do. */
STAGE void inputs_of_slice(ac_lanes *a, int slice, slice_context *c, vec *x)
{
    const int16_t *weights = a->model->linear;
    const vec *linear = c->linear, sum = v_load(a->group.sum + slice * VECTOR_LANES), r = c->r, scale = c->scale;
    vec low = SET32(256), high = low;
    UNROLL for (int i = 0; i < AC_LINEAR; i += 2)
    {
        const vec w = v_weights(weights + i);
        low = v_dot16(low, V(unpacklo_epi16)(linear[i], linear[i + 1]), w);
        high = v_dot16(high, V(unpackhi_epi16)(linear[i], linear[i + 1]), w);
    }
    c->low = low;
    c->high = high;
    const vec limit = V(srli_epi16)(sum, 2), highest = c->highest, lowest = V(sub_epi16)(v_zero(), highest);
#define DOUBLED(i) V(mulhi_epi16)(V(mullo_epi16)(v_clamp16(linear[i], lowest, highest), scale), r)
    UNROLL for (int i = 0; i < 20; i += 4)
        put_bytes(x, i, pack_doubled(DOUBLED(i), DOUBLED(i + 1)), pack_doubled(DOUBLED(i + 2), DOUBLED(i + 3)));
    const vec limit2 = V(adds_epi16)(limit, limit), limit4 = V(adds_epi16)(limit2, limit2), limit8 = V(adds_epi16)(limit4, limit4);
    const vec least = V(sub_epi16)(v_zero(), limit), least2 = V(adds_epi16)(least, least), least4 = V(adds_epi16)(least2, least2);
    const vec least8 = V(adds_epi16)(least4, least4);
    const vec wide_scale = V(max_epi16)(V(srli_epi16)(scale, 3), SET16(1)), wide_shift = V(slli_epi16)(V(min_epi16)(scale, SET16(8)), 11);
#define WIDE_INPUT(i) \
    V(add_epi16)(V(mulhrs_epi16)(V(mulhi_epi16)(V(mullo_epi16)(v_clamp16(linear[i], least8, limit8), wide_scale), r), wide_shift), SET16(64))
    put_bytes(x, 20, pack_doubled(DOUBLED(20), DOUBLED(21)), pack_inputs(WIDE_INPUT(22), WIDE_INPUT(23)));
    put_bytes(x, 24, pack_inputs(WIDE_INPUT(24), WIDE_INPUT(25)), pack_inputs(c->inputs[0], c->inputs[1]));
    put_bytes(x, 28, pack_inputs(c->inputs[2], c->inputs[3]), pack_inputs(c->inputs[4], c->inputs[5]));
}

/* The cells of a slice by the network's outputs */
INLINE void choose_slice_of(ac_lanes *a, uint32_t lane, int slice, const slice_context *c, const vec *out, const int has_trellis)
{
    const ac_model *model = a->model;
    ac_group *g = &a->group;
    const int o = slice * VECTOR_LANES;
    const vec m = c->m, log_sum = c->log_sum, sum = v_load(g->sum + o), plus64 = SET16(64);
    const vec whole_q = v_clamp16(V(srai_epi16)(V(adds_epi16)(out[1 * SLICES], V(sub_epi16)(log_sum, SET16(224))), 6), v_zero(), SET16(AC_SCALES - 1));
    const vec q = has_trellis ? V(subs_epu16)(whole_q, SET16(8)) : whole_q;
    const vec tail = v_clamp16(V(srai_epi16)(V(adds_epi16)(out[2 * SLICES], plus64), 7), v_zero(), SET16(model->tables.tails - 1));
    const vec skew = v_clamp16(V(srai_epi16)(V(adds_epi16)(out[3 * SLICES], plus64), 7), v_zero(), SET16(model->tables.skews - 1));
    const vec octave = V(srli_epi16)(q, 3), index = v_index8(V(min_epi16)(octave, SET16(7)));
    const vec rounding = v_lookup8(octave_rounding, index);

    /* sum * out[0] as a dot product: the sum does not fit a signed lane, its halves do */
    const vec shift = V(max_epi16)(out[0 * SLICES], SET16(-32767)), half_sum = V(srli_epi16)(sum, 1), other_half = V(sub_epi16)(sum, half_sum);
    const vec off_low = V(madd_epi16)(V(unpacklo_epi16)(half_sum, other_half), V(unpacklo_epi16)(shift, shift));
    const vec off_high = V(madd_epi16)(V(unpackhi_epi16)(half_sum, other_half), V(unpackhi_epi16)(shift, shift));
    const vec p16 = has_trellis ? V(slli_epi16)(v_and(v_load(a->grid + lane), SET16(1)), 4) : v_zero();
#define HALVED(half, v) (has_trellis ? V(srli_epi32)(V(max_epi32)(V(sub_epi32)(v, V(half)(p16, v_zero())), v_zero()), 1) : v)
#define LOCATION(half, lin, off) \
    V(add_epi32)(HALVED(half, v_clamp32(V(add_epi32)(V(slli_epi32)(V(half)(m, v_zero()), 4), \
                                                     V(add_epi32)(V(srai_epi32)(lin, 9), V(srai_epi32)(V(add_epi32)(off, SET32(256)), 9))), \
                                        v_zero(), SET32(65535 * 16 + 15))), \
                 V(half)(rounding, v_zero()))
    const vec location_low = LOCATION(unpacklo_epi16, c->low, off_low), location_high = LOCATION(unpackhi_epi16, c->high, off_high);
    const vec phase = V(packs_epi32)(v_and(location_low, SET32(15)), v_and(location_high, SET32(15)));
    const vec base_low = V(srli_epi32)(location_low, 4), base_high = V(srli_epi32)(location_high, 4);

    const vec active = v_load(a->active + lane);
    const vec within = V(srli_epi16)(V(mullo_epi16)(V(add_epi16)(V(slli_epi16)(v_and(q, SET16(7)), 4), phase), v_lookup8(octave_phases, index)), 4);
    const vec shape = V(add_epi16)(V(mullo_epi16)(tail, SET16(model->tables.skews)), skew);
    const vec table = V(add_epi16)(V(add_epi16)(within, v_lookup8(octave_first, index)), V(mullo_epi16)(shape, SET16(AC_TABLES_PER_SHAPE)));
    const vec k = v_and(V(subs_epu16)(octave, SET16(6)), active);
    v_store(g->table + o, v_select16(active, table, SET16(model->tables.count)));
    v_store(g->k + o, k);
    v_store(g->last_core + o, v_select16(active, v_lookup8(octave_last_core, index), SET16(32767)));
    /* with buckets the base is one more */
    const vec extra = V(min_epi16)(k, SET16(1));
    v_store(g->base + o, V(add_epi32)(v_in_order(base_low, base_high, 0), v_widen(extra, 0)));
    v_store(g->base + o + HALF, V(add_epi32)(v_in_order(base_low, base_high, 1), v_widen(extra, 1)));
    g->any_k |= v_greater16(k, v_zero()) != 0;
}

STAGE void choose_slice(ac_lanes *a, uint32_t lane, int slice, const slice_context *c, const vec *out) { choose_slice_of(a, lane, slice, c, out, 0); }
STAGE void choose_trellis(ac_lanes *a, uint32_t lane, int slice, const slice_context *c, const vec *out) { choose_slice_of(a, lane, slice, c, out, 1); }

/* ac_update for a slice whose samples are in the window */
INLINE void update_slice(ac_lanes *a, uint32_t lane, int slice)
{
    const uint16_t *at = ac_lanes_samples(a, lane);
    int16_t *columns = ac_lanes_columns(a, lane);
    const ac_lane_means *before = &a->means[a->step & 1];
    ac_lane_means *after = &a->means[~a->step & 1];
    const uint32_t own = AC_BEFORE + lane, up = own - 1;
    const vec bias = SET16(AC_BIAS), active = v_load(a->active + lane), sum = v_load(a->group.sum + slice * VECTOR_LANES);
    const vec value = v_xor(v_load(at), bias), left = v_xor(v_load(at - AC_ROW), bias);
    const vec difference = v_or(V(subs_epu16)(value, left), V(subs_epu16)(left, value));
    vec residual[2];
    UNROLL for (int h = 0; h < 2; h++)
    {
        const uint32_t i = own + (uint32_t)h * HALF, j = up + (uint32_t)h * HALF;
        const vec v = V(slli_epi32)(v_widen(value, h), 8), limit = V(slli_epi32)(v_widen(sum, h), 6), least = V(sub_epi32)(v_zero(), limit);
        const vec old_level = v_load(before->level + i), old_step = v_load(before->step + i);
        const vec level = V(add_epi32)(old_level, V(srai_epi32)(v_clamp32(V(sub_epi32)(v, old_level), least, limit), 3));
        const vec above = v_load(before->area + j), area = V(add_epi32)(above, V(srai_epi32)(V(sub_epi32)(level, above), 2));
        const vec most = V(add_epi32)(V(slli_epi32)(old_step, 2), SET32(512)), wanted = V(min_epi32)(V(slli_epi32)(v_widen(difference, h), 8), most);
        const vec step = V(add_epi32)(old_step, V(srai_epi32)(V(sub_epi32)(wanted, old_step), 4));
        const vec step_above = v_load(before->area_step + j), area_step = V(add_epi32)(step_above, V(srai_epi32)(V(sub_epi32)(step, step_above), 2));
        v_store(after->level + i, v_select_half(active, h, level, old_level));
        v_store(after->area + i, v_select_half(active, h, area, v_load(before->area + i)));
        v_store(after->step + i, v_select_half(active, h, step, old_step));
        v_store(after->area_step + i, v_select_half(active, h, area_step, v_load(before->area_step + i)));
        residual[h] = V(srai_epi32)(v_clamp32(V(sub_epi32)(v, level), least, limit), 4);
    }
    /* column + ((residual - column) >> 3) without 17-bit differences: the average with the complement is half of one, plus 32768 */
    const vec column = v_load(columns - AC_LAG * AC_ROW - 1);
    const vec half = v_xor(V(avg_epu16)(v_xor(v_narrow(residual[0], residual[1]), bias), v_xor(column, SET16(0x7fff))), bias);
    v_store(columns, v_and(V(add_epi16)(column, V(srai_epi16)(half, 2)), active)); /* above the piece columns are 0 */
}

/* Weights as the layers take them */
static void arrange_weights(ac_lanes *a)
{
    const ac_model *m = a->model;
    const int h = m->hidden;
    arrange_layer(m->w3, AC_OUTPUTS, h, arrange_layer(m->w2, h, h, arrange_layer(m->w1, h, AC_INPUTS, a->weights)));
    arrange_offsets(m->w1, m->b1, h, AC_INPUTS, 64, a->offsets[0]);
    arrange_offsets(m->w2, m->b2, h, h, 0, a->offsets[1]);
    arrange_offsets(m->w3, m->b3, AC_OUTPUTS, h, 0, a->offsets[2]);
}

INLINE void predict_group(ac_lanes *a, uint32_t first, const int hidden)
{
    enum { VECTORS = VECTORS_OF_PAIR * SLICES }; /* of two inputs */
    vec out[AC_OUTPUTS][SLICES], x[AC_INPUTS / 2 * VECTORS], h1[AC_MAX_HIDDEN / 2 * VECTORS], h2[AC_MAX_HIDDEN / 2 * VECTORS];
    slice_context c[SLICES];
    const int16_t *w1 = a->weights, *w2 = w1 + hidden * AC_INPUTS * 2 / PACKED, *w3 = w2 + hidden * hidden * 2 / PACKED;
    a->group.any_k = 0;
    for (int s = 0; s < SLICES; s++) differences_of_slice(a, first + (uint32_t)(s * VECTOR_LANES), s, &c[s]);
    for (int s = 0; s < SLICES; s++) logarithms_of_slice(a, first + (uint32_t)(s * VECTOR_LANES), s, &c[s]);
    for (int s = 0; s < SLICES; s++) inputs_of_slice(a, s, &c[s], x + s * NEXT_SLICE);
    layer(w1, a->offsets[0], hidden, AC_INPUTS, x, h1);
    layer(w2, a->offsets[1], hidden, hidden, h1, h2);
    last_layer(w3, a->offsets[2], hidden, h2, out);
    if (a->has_trellis)
        for (int s = 0; s < SLICES; s++) choose_trellis(a, first + (uint32_t)(s * VECTOR_LANES), s, &c[s], &out[0][s]);
    else
        for (int s = 0; s < SLICES; s++) choose_slice(a, first + (uint32_t)(s * VECTOR_LANES), s, &c[s], &out[0][s]);
}

HOT void predict_group_16(ac_lanes *a, uint32_t first) { predict_group(a, first, 16); }
HOT void predict_group_32(ac_lanes *a, uint32_t first) { predict_group(a, first, 32); }

static void update_group(ac_lanes *a, uint32_t first)
{
    ROLLED for (int s = 0; s < SLICES; s++) update_slice(a, first + (uint32_t)(s * VECTOR_LANES), s);
}
