#include "quantise_tables.h"

#include <stdlib.h>
#include <string.h>

#include "decisions.h"
#include "quantise_arithmetic.h"

enum { FRACTION = 52, EXPONENT = 12 /* bits of a double, its sign among those of the exponent */ };
enum { LOOKED_AT = 64, NOISES = AC_NOISES, MOST_TRAILING = 29, LEAST_TRAILING = 26 /* of a float, of the mean of two or more */ };
#define FRACTION_BITS (((uint64_t)1 << FRACTION) - 1)
#define FIRST_SCALE 1.0
#define LOWEST_STEP 2147483637.0 /* less it: where cfitsio begins with nulls or dither 2 */

/* What cfitsio multiplies differences of pixels by: those of third, second and fifth order. */
static const double noises[NOISES] = {0.6052697, 1.0483579, 0.1772048};
/* Levels that people give to fpack and astropy. */
const float ac_noise_levels[AC_NOISE_LEVELS] = {4, 16, 1, 2, 8, 10, 0.5f, 32, 5, 20, 0.25f, 64, 100};

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double of_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static double scale_of(uint64_t noise, int order, float level) { return of_bits(noise) * noises[order] / level; }

static uint64_t nearest_noise(double scale, int order, float level)
{
    return (bits_of(scale * level / noises[order]) + ((uint64_t)1 << LEAST_TRAILING >> 1)) >> LEAST_TRAILING << LEAST_TRAILING;
}

double ac_noise_scale(double scale, int order, float level) { return scale_of(nearest_noise(scale, order, level), order, level); }

/* The noise that gave a scale, or without one the scale; and of which order it is, or NOISES. */
static int noise_of(double scale, float level, uint64_t *noise)
{
    for (int order = 0; order < NOISES; order++) {
        *noise = nearest_noise(scale, order, level);
        if (scale_of(*noise, order, level) == scale) return order;
    }
    *noise = bits_of(scale);
    return NOISES;
}

static uint64_t count_noises(const ac_quantised *q, uint64_t tiles, float level)
{
    uint64_t count = 0, noise;
    for (uint64_t i = 0; i < tiles; i++) count += noise_of(q->tiles[i].scale, level, &noise) < NOISES;
    return count;
}

/* The level with which most of some tiles' scales have a noise. */
static float level_of(const ac_quantised *q)
{
    const uint64_t some = q->tile_count < LOOKED_AT ? q->tile_count : LOOKED_AT;
    float best = 0;
    uint64_t most = some / 2;
    for (size_t i = 0; i < AC_NOISE_LEVELS; i++) {
        const uint64_t count = count_noises(q, some, ac_noise_levels[i]);
        if (count > most) best = ac_noise_levels[i], most = count;
    }
    return best;
}

ac_scale_code ac_scale_code_of(const ac_quantised *q)
{
    uint64_t all = (uint64_t)1 << FRACTION, of_noises = (uint64_t)1 << MOST_TRAILING, noise;
    int64_t count = 0;
    ac_scale_code code = {level_of(q), 0};
    for (const ac_quantised_tile *t = q->tiles; t < q->tiles + q->tile_count; t++) {
        all |= bits_of(t->scale);
        if (code.noise_level == 0 || noise_of(t->scale, code.noise_level, &noise) == NOISES) continue;
        of_noises |= noise, count++;
    }
    const ac_scale_code plain = {0, (uint32_t)__builtin_ctzll(all)};
    code.trailing = (uint32_t)__builtin_ctzll(of_noises);
    /* in bits; the order of a noise takes two */
    const int64_t saved = (int64_t)code.trailing - plain.trailing - 2, paid = (int64_t)plain.trailing + 3;
    return saved * count - paid * ((int64_t)q->tile_count - count) > 32 ? code : plain;
}

/* What is learned of tiles and exceptions while they are coded. */
typedef struct {
    ac_decision is_other, is_far, has_rest, is_same;
    ac_decision has_moved, is_less, rest_is_less, is_lowest, lowest_is_less, is_not[NOISES]; /* the noise of this order */
    ac_number moves, rests, lowests, gaps, lengths;
    uint64_t coded; /* the last scale, or its noise */
    int64_t multiple;
    uint32_t lowest; /* bits of the last one */
} known;

static known start(void) { return (known){.coded = bits_of(FIRST_SCALE)}; }

/* The step nearest to a zero, and the bits of what a step is without a zero. */
static int64_t multiple_of(double zero, double scale, int divided) { return (int64_t)ac_whole(divided ? zero * scale : zero / scale); }
static uint64_t product_of(int64_t multiple, double scale, int divided) { return bits_of(divided ? (double)multiple / scale : (double)multiple * scale); }

static uint64_t magnitude(uint64_t v) { return v >> 63 ? 0 - v : v; }

/* Every number but 0. */
static void record_signed(ac_records *r, ac_decision *is_less, ac_number *n, uint64_t v)
{
    ac_records_choose(r, is_less, (int)(v >> 63));
    ac_records_number(r, n, magnitude(v));
}

static void record_scale(ac_records *r, known *k, ac_scale_code code, double scale)
{
    uint64_t coded = bits_of(scale);
    const int has_noise = code.noise_level != 0, order = has_noise ? noise_of(scale, code.noise_level, &coded) : 0;
    for (int i = 0; has_noise && i < NOISES && i <= order; i++) ac_records_choose(r, &k->is_not[i], i < order);
    const int is_far = coded >> FRACTION != k->coded >> FRACTION, zeros = order < NOISES ? (int)code.trailing : 0;
    ac_records_choose(r, &k->is_far, is_far);
    if (is_far) ac_records_raw(r, coded >> FRACTION, EXPONENT);
    ac_records_raw(r, (coded & FRACTION_BITS) >> zeros, FRACTION - (uint32_t)zeros);
    k->coded = coded;
}

static double zero_above(uint32_t lowest, double scale)
{
    float v;
    memcpy(&v, &lowest, sizeof v);
    return scale * LOWEST_STEP + v;
}

/* The lowest pixel that gave a zero; 0 where there is none. */
static int lowest_of(const ac_quantised_tile *t, uint32_t *lowest)
{
    const float v = (float)(t->zero - t->scale * LOWEST_STEP);
    memcpy(lowest, &v, sizeof v);
    return zero_above(*lowest, t->scale) == t->zero;
}

static void record_lowest(ac_records *r, known *k, uint32_t lowest)
{
    const int64_t up = (int64_t)lowest - k->lowest;
    ac_records_choose(r, &k->lowest_is_less, up < 0);
    ac_records_number(r, &k->lowests, magnitude((uint64_t)up) + 1);
    k->lowest = lowest;
}

static void record_tile(ac_records *r, known *k, int divided, const ac_quantised_tile *t, const ac_quantised_tile *before, ac_scale_code code)
{
    const int is_other = !before || bits_of(t->scale) != bits_of(before->scale) || bits_of(t->zero) != bits_of(before->zero);
    if (before) ac_records_choose(r, &k->is_other, is_other);
    if (!is_other) return;
    record_scale(r, k, code, t->scale);
    uint32_t lowest;
    const int is_lowest = code.noise_level != 0 && lowest_of(t, &lowest);
    const int64_t multiple = is_lowest ? k->multiple : multiple_of(t->zero, t->scale, divided);
    const uint64_t moved = (uint64_t)(multiple - k->multiple), rest = bits_of(t->zero) - product_of(multiple, t->scale, divided);
    ac_records_choose(r, &k->has_moved, moved != 0);
    if (moved) record_signed(r, &k->is_less, &k->moves, moved);
    ac_records_choose(r, &k->has_rest, is_lowest || rest);
    if (code.noise_level != 0 && (is_lowest || rest)) ac_records_choose(r, &k->is_lowest, is_lowest);
    if (is_lowest)
        record_lowest(r, k, lowest);
    else if (rest)
        record_signed(r, &k->rest_is_less, &k->rests, rest);
    k->multiple = multiple;
}

static void record_exceptions(ac_records *r, known *k, const ac_quantised *q, uint32_t bits)
{
    uint64_t at = 0, last = 0;
    for (const ac_exception *e = q->exceptions; e < q->exceptions + q->exception_count; e++) {
        ac_records_number(r, &k->gaps, e->first - at + 1);
        ac_records_number(r, &k->lengths, e->length);
        ac_records_choose(r, &k->is_same, e->bits == last);
        if (e->bits != last) ac_records_raw(r, e->bits, bits);
        at = e->first + e->length, last = e->bits;
    }
}

uint8_t *ac_tables_pack(const ac_quantised *q, int dtype, ac_scale_code code, size_t *length)
{
    ac_records r = {0};
    known k = start();
    for (uint64_t i = 0; i < q->tile_count && !r.is_short; i++) record_tile(&r, &k, ac_divides(q->arithmetic), q->tiles + i, i ? q->tiles + i - 1 : NULL, code);
    record_exceptions(&r, &k, q, 8 * (uint32_t)ac_number_bytes(dtype));
    return ac_records_pack(&r, length);
}

static double take_scale(ac_choices *c, known *k, ac_scale_code code)
{
    int order = 0;
    while (code.noise_level != 0 && order < NOISES && ac_choices_take(c, &k->is_not[order])) order++;
    const uint32_t zeros = order < NOISES ? code.trailing : 0;
    uint64_t top = k->coded >> FRACTION;
    if (ac_choices_take(c, &k->is_far)) top = ac_choices_raw(c, EXPONENT);
    k->coded = top << FRACTION | ac_choices_raw(c, FRACTION - zeros) << zeros;
    return code.noise_level != 0 && order < NOISES ? scale_of(k->coded, order, code.noise_level) : of_bits(k->coded);
}

static uint64_t take_signed(ac_choices *c, ac_decision *is_less, ac_number *n, uint64_t *magnitude)
{
    const int less = ac_choices_take(c, is_less);
    *magnitude = ac_choices_number(c, n);
    return less ? 0 - *magnitude : *magnitude;
}

static void take_lowest(ac_choices *c, known *k)
{
    const int less = ac_choices_take(c, &k->lowest_is_less);
    const uint32_t by = (uint32_t)(ac_choices_number(c, &k->lowests) - 1);
    k->lowest = less ? k->lowest - by : k->lowest + by;
}

/* 0 where scale or zero are not allowed. */
static int take_tile(ac_choices *c, known *k, const ac_quantised *q, int dtype, ac_quantised_tile *t, const ac_quantised_tile *before, ac_scale_code code)
{
    if (before && !ac_choices_take(c, &k->is_other)) {
        *t = *before;
        return 1;
    }
    const double scale = take_scale(c, k, code);
    uint64_t moved = 0, far = 0, rest = 0, any = 0;
    int is_lowest = 0;
    if (ac_choices_take(c, &k->has_moved)) moved = take_signed(c, &k->is_less, &k->moves, &far);
    if (ac_choices_take(c, &k->has_rest)) {
        is_lowest = code.noise_level != 0 && ac_choices_take(c, &k->is_lowest);
        if (is_lowest)
            take_lowest(c, k);
        else
            rest = take_signed(c, &k->rest_is_less, &k->rests, &any);
    }
    if (far > 2 * (uint64_t)AC_MAX_WHOLE) return 0;
    k->multiple += (int64_t)moved;
    if (k->multiple > (int64_t)AC_MAX_WHOLE || k->multiple < -(int64_t)AC_MAX_WHOLE) return 0;
    const double zero = is_lowest ? zero_above(k->lowest, scale) : of_bits(product_of(k->multiple, scale, ac_divides(q->arithmetic)) + rest);
    *t = (ac_quantised_tile){scale, zero, 0};
    return ac_quantise_allows(q, dtype, t);
}

static int take_tiles(ac_choices *c, known *k, const ac_quantised *q, int dtype, ac_scale_code code)
{
    for (uint64_t i = 0; i < q->tile_count && !c->words.is_short; i++)
        if (!take_tile(c, k, q, dtype, q->tiles + i, i ? q->tiles + i - 1 : NULL, code)) return 0;
    return 1;
}

static int take_exceptions(ac_choices *c, known *k, ac_quantised *q, uint64_t elements, uint32_t bits)
{
    uint64_t at = 0, last = 0;
    for (uint64_t i = 0; i < q->exception_count && !c->words.is_short; i++) {
        const uint64_t gap = ac_choices_number(c, &k->gaps) - 1, length = ac_choices_number(c, &k->lengths);
        if (gap >= elements - at || length > elements - at - gap) return 0;
        if (!ac_choices_take(c, &k->is_same)) last = ac_choices_raw(c, bits);
        q->exceptions[i] = (ac_exception){at + gap, length, last};
        at += gap + length;
    }
    return 1;
}

void ac_tables_unpack(ac_reader *r, int dtype, uint64_t elements, ac_scale_code code, ac_quantised *q)
{
    const size_t at = r->at, length = r->length - at;
    ac_choices c;
    known k = start();
    if (!ac_choices_open(&c, r->data + at, length))
        ac_fail_reader(r, AC_REASON_QUANTISE_TABLE, at, length, 0);
    else if (!take_tiles(&c, &k, q, dtype, code))
        ac_fail_reader(r, AC_REASON_QUANTISE_SCALE, at, 0, 0);
    else if (!take_exceptions(&c, &k, q, elements, 8 * (uint32_t)ac_number_bytes(dtype)))
        ac_fail_reader(r, AC_REASON_QUANTISE_EXCEPTIONS, at, q->exception_count, elements);
    else if (!ac_choices_end(&c))
        ac_fail_reader(r, AC_REASON_QUANTISE_TABLE, at, length, 0);
    r->at = r->length;
}
