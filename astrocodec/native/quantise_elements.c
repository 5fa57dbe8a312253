#include <stdlib.h>
#include <string.h>

#include "as_double.h"
#include "quantise.h"
#include "quantise_arithmetic.h"
#include "trellis.h"

enum { CHUNK = 512, LOOKED_AT = 1024 };

/* Runs: elements beside each other of one row and one tile, CHUNK at most */

typedef struct {
    const ac_quantised *quantised;
    int dtype;
    const ac_quantised_tile *tile;
    const float *random; /* NULL without dither of FITS */
    uint64_t column;     /* of the array's planes */
    uint64_t first;
    size_t count;
} run;

typedef int (*visitor)(void *work, const run *r);

/* The elements of a row of a tile, from column `x` of the whole on. */
static int visit_row(run *r, const ac_tiling *t, const ac_dither *d, uint32_t seed, uint64_t y, uint64_t x, uint64_t count, visitor visit, void *work)
{
    ac_random_place place = {0, 0};
    if (d) {
        const uint64_t left = x / t->tile_width * t->tile_width, width = ac_smaller(t->tile_width, t->whole_width - left), all = d->before[AC_SEEDS];
        place = ac_dither_place(d, seed, (y % t->tile_height % all) * (width % all) + (x - left));
    }
    while (count) {
        if (place.at == AC_SEEDS) {
            place.seed = (place.seed + 1) % AC_SEEDS;
            place.at = d->starts[place.seed];
        }
        r->count = (size_t)ac_smaller(count, CHUNK);
        if (d) {
            r->count = (size_t)ac_smaller(r->count, AC_SEEDS - place.at);
            r->random = d->number + place.at;
            place.at += (uint32_t)r->count;
        }
        const int status = visit(work, r);
        if (status) return status;
        r->first += r->count, r->column += r->count, count -= r->count;
    }
    return AC_OK;
}

/* Visits all elements in the array's order. */
static int visit_all(const ac_quantised *q, const ac_array *array, visitor visit, void *work)
{
    const ac_tiling t = ac_quantise_tiling(q, array);
    const int has_randoms = q->dither == AC_DITHER_1 || q->dither == AC_DITHER_2;
    ac_dither *d = has_randoms ? ac_dither_create() : NULL;
    int status = has_randoms && !d ? AC_ERROR_MEMORY : AC_OK;
    run r = {.quantised = q, .dtype = array->dtype};
    for (uint64_t plane = 0; plane < t.planes.count; plane++)
        for (uint64_t y = q->row; y < q->row + t.planes.height && !status; y++) {
            const uint64_t down = y / t.tile_height - q->row / t.tile_height;
            const uint64_t all = plane % AC_SEEDS * (t.all_down % AC_SEEDS) + down % AC_SEEDS; /* rows of tiles before, for the seed */
            uint64_t x = q->column;
            r.column = 0;
            for (uint64_t i = 0; i < t.across && !status; i++) {
                const uint64_t end = ac_smaller((x / t.tile_width + 1) * t.tile_width, q->column + t.planes.width);
                const uint32_t seed = (uint32_t)((q->seed + all % AC_SEEDS * (t.all_across % AC_SEEDS) + i) % AC_SEEDS);
                r.tile = q->tiles + (plane * t.down + down) * t.across + i;
                status = visit_row(&r, &t, d, seed, y, x, end - x, visit, work);
                x = end;
            }
        }
    free(d);
    return status;
}

/* Elements of steps */

typedef union {
    float f4[CHUNK];
    double f8[CHUNK];
    uint8_t bytes[CHUNK * sizeof(double)];
} elements;

static size_t item_of(const run *r) { return ac_number_bytes(r->dtype); }

/* The operations are those of docs/format.md, one by one; the build forbids to contract them. */
static inline __attribute__((always_inline)) double product(double k, const ac_quantised_tile *t) { return k * t->scale + t->zero; }

static inline __attribute__((always_inline)) void products(const run *r, const int32_t *steps, int is_f4, int is_single, elements *out)
{
    const ac_quantised_tile t = *r->tile;
    for (size_t i = 0; i < r->count; i++) {
        const double v = product(r->random ? steps[i] + t.base - r->random[i] + 0.5 : steps[i] + t.base, &t);
        if (is_f4)
            out->f4[i] = (float)v;
        else
            out->f8[i] = is_single ? (double)(float)v : v;
    }
}

static void in_single(const run *r, const int32_t *steps, elements *out)
{
    const ac_quantised_tile t = *r->tile;
    const float scale = (float)t.scale, zero = (float)t.zero;
    const int divided = ac_divides(r->quantised->arithmetic), zero_first = r->quantised->arithmetic & AC_ZERO_FIRST;
    for (size_t i = 0; i < r->count; i++) {
        const float k = (float)(steps[i] + t.base), of = zero_first ? k + zero : k, scaled = divided ? of / scale : of * scale, v = zero_first ? scaled : scaled + zero;
        if (r->dtype == AC_F4)
            out->f4[i] = v;
        else
            out->f8[i] = v;
    }
}

static void in_double(const run *r, const int32_t *steps, elements *out)
{
    const ac_quantised_tile t = *r->tile;
    const int divided = ac_divides(r->quantised->arithmetic), zero_first = r->quantised->arithmetic & AC_ZERO_FIRST;
    const int rounded = ac_is_single(r->quantised->arithmetic, r->dtype);
    for (size_t i = 0; i < r->count; i++) {
        const double k = steps[i] + t.base, of = zero_first ? k + t.zero : k, scaled = divided ? of / t.scale : of * t.scale, v = zero_first ? scaled : scaled + t.zero;
        if (r->dtype == AC_F4)
            out->f4[i] = (float)v;
        else
            out->f8[i] = rounded ? (double)(float)v : v;
    }
}

/* Places on the lattice, and what the curve makes of them. `half` says of steps whether half of one is added. */
static void bent(const run *r, const int32_t *steps, const uint8_t *half, double *out)
{
    const ac_quantised_tile t = *r->tile;
    const ac_curve *curve = &r->quantised->curve;
    if (half)
        for (size_t i = 0; i < r->count; i++) out[i] = product(steps[i] + t.base + 0.5 * half[i], &t);
    else if (r->random)
        for (size_t i = 0; i < r->count; i++) out[i] = product(steps[i] + t.base - r->random[i] + 0.5, &t);
    else
        for (size_t i = 0; i < r->count; i++) out[i] = product(steps[i] + t.base, &t);
    for (size_t i = 0; curve->kind && i < r->count; i++) out[i] = ac_curve_element(curve, out[i]);
}

/* As numbers of the array's type. */
static void round_to_type(const run *r, const double *v, elements *out)
{
    const int is_single = r->quantised->arithmetic & AC_SINGLE;
    switch (r->dtype) {
#define ROUND(DTYPE, TYPE, LOW, HIGH) \
    case DTYPE: \
        for (size_t i = 0; i < r->count; i++) { \
            const double whole = rint(v[i]); \
            const TYPE one = (TYPE)(whole < (LOW) ? (LOW) : whole > (HIGH) ? (HIGH) : whole); \
            memcpy(out->bytes + i * sizeof one, &one, sizeof one); \
        } \
        return;
        ROUND(AC_U1, uint8_t, 0, UINT8_MAX)
        ROUND(AC_I1, int8_t, INT8_MIN, INT8_MAX)
        ROUND(AC_U2, uint16_t, 0, UINT16_MAX)
        ROUND(AC_I2, int16_t, INT16_MIN, INT16_MAX)
        ROUND(AC_U4, uint32_t, 0, UINT32_MAX)
        ROUND(AC_I4, int32_t, INT32_MIN, INT32_MAX)
#undef ROUND
    case AC_F4:
        for (size_t i = 0; i < r->count; i++) out->f4[i] = (float)v[i];
        return;
    default:
        for (size_t i = 0; i < r->count; i++) out->f8[i] = is_single ? (double)(float)v[i] : v[i];
    }
}

static void put_number(uint8_t *out, size_t item, uint64_t bits)
{
    const uint32_t four = (uint32_t)bits;
    const uint16_t two = (uint16_t)bits;
    const uint8_t one = (uint8_t)bits;
    memcpy(out, item == 8 ? (const void *)&bits : item == 4 ? (const void *)&four : item == 2 ? (const void *)&two : (const void *)&one, item);
}

static void put_bits(const run *r, elements *out, size_t i, uint64_t bits) { put_number(out->bytes + i * item_of(r), item_of(r), bits); }

/* Of a float. */
static uint64_t get_bits(const run *r, const elements *from, size_t i)
{
    uint32_t low;
    uint64_t bits;
    memcpy(&low, from->f4 + i, sizeof low);
    memcpy(&bits, from->f8 + i, sizeof bits);
    return r->dtype == AC_F4 ? low : bits;
}

/* Elements that steps with a meaning of their own stand for. */
static void put_meant(const run *r, const int32_t *steps, elements *out)
{
    const ac_quantised *q = r->quantised;
    const int32_t null = q->has_null ? q->null_step : AC_ZERO_STEP, zero = q->dither == AC_DITHER_2 ? AC_ZERO_STEP : null;
    int32_t any = 0;
    for (size_t i = 0; i < r->count; i++) any |= (steps[i] == null) | (steps[i] == zero);
    for (size_t i = 0; any && i < r->count; i++) {
        if (q->has_null && steps[i] == q->null_step)
            put_bits(r, out, i, q->null_bits);
        else if (q->dither == AC_DITHER_2 && steps[i] == AC_ZERO_STEP)
            put_bits(r, out, i, 0);
    }
}

static void restore_run(const run *r, const int32_t *steps, const uint8_t *half, elements *out)
{
    const ac_quantised *q = r->quantised;
    const int is_f4 = r->dtype == AC_F4;
    if (half || q->curve.kind || (!is_f4 && r->dtype != AC_F8)) {
        double v[CHUNK];
        bent(r, steps, half, v);
        round_to_type(r, v, out);
    } else if (q->arithmetic == AC_WIDE_PRODUCT && is_f4)
        products(r, steps, 1, 0, out);
    else if (q->arithmetic == AC_WIDE_PRODUCT)
        products(r, steps, 0, 0, out);
    else if (q->arithmetic == AC_SINGLE)
        products(r, steps, 0, 1, out);
    else if (q->arithmetic & AC_OWN_PRODUCT && ac_is_single(q->arithmetic, r->dtype))
        in_single(r, steps, out);
    else
        in_double(r, steps, out);
    if (q->has_null || q->dither == AC_DITHER_2) put_meant(r, steps, out);
}

typedef struct {
    const int32_t *steps;
    uint8_t *out;
    uint32_t state; /* of the trellis */
} restoring;

/* Whether half a step is added to each step of a run. */
static void halves(const run *r, const int32_t *steps, uint32_t *state, uint8_t *half)
{
    const uint64_t period = r->quantised->run ? r->quantised->run : UINT64_MAX;
    uint64_t left = period - r->column % period; /* columns to the next start */
    if (left == period) *state = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (!left) *state = 0, left = period;
        half[i] = *state & 1;
        *state = ac_trellis_next(*state, (uint32_t)steps[i] & 1);
        left--;
    }
}

static int restore_there(void *work, const run *r)
{
    restoring *w = work;
    const size_t item = item_of(r);
    const int is_trellis = r->quantised->dither == AC_TRELLIS;
    int32_t steps[CHUNK]; /* their place may be that of the elements */
    uint8_t half[CHUNK];
    elements found;
    memcpy(steps, w->steps + r->first, r->count * sizeof *steps);
    if (is_trellis) halves(r, steps, &w->state, half);
    restore_run(r, steps, is_trellis ? half : NULL, &found);
    memcpy(w->out + r->first * item, &found, r->count * item);
    return AC_OK;
}

int ac_quantise_restore(const ac_quantised *q, const ac_array *array, const int32_t *steps, void *out)
{
    restoring w = {steps, out, 0};
    const int status = visit_all(q, array, restore_there, &w);
    const size_t item = ac_number_bytes(array->dtype);
    for (const ac_exception *e = q->exceptions; !status && e < q->exceptions + q->exception_count; e++)
        for (uint64_t i = e->first; i < e->first + e->length; i++) put_number(w.out + i * item, item, e->bits);
    return status;
}

/* Steps of elements */

typedef struct {
    ac_quantised *quantised;
    const uint8_t *data;
    int32_t *steps, last;
    uint64_t room; /* for exceptions */
} finding;

int ac_exception_add(ac_quantised *q, uint64_t *room, uint64_t at, uint64_t bits)
{
    ac_exception *before = q->exception_count ? q->exceptions + q->exception_count - 1 : NULL;
    if (before && before->bits == bits && before->first + before->length == at) {
        before->length++;
        return AC_OK;
    }
    if (q->exception_count == AC_MAX_EXCEPTIONS) return AC_ERROR_SPACE;
    if (q->exception_count == *room) {
        const uint64_t wanted = 2 * *room + 64;
        ac_exception *more = realloc(q->exceptions, (size_t)wanted * sizeof *more);
        if (!more) return AC_ERROR_MEMORY;
        q->exceptions = more, *room = wanted;
    }
    q->exceptions[q->exception_count++] = (ac_exception){at, 1, bits};
    return AC_OK;
}

/* The step nearest to an element, or any. */
static int32_t nearest_step(const run *r, double v, size_t i)
{
    const double k = ac_step_of(r->quantised->arithmetic, r->tile, v), step = (r->random ? k + r->random[i] - 0.5 : k) - r->tile->base;
    return step >= INT32_MIN && step <= INT32_MAX ? (int32_t)rint(step) : 0;
}

static int is_meant(const ac_quantised *q, int32_t step) { return (q->has_null && step == q->null_step) || (q->dither == AC_DITHER_2 && step == AC_ZERO_STEP); }

static int find_there(void *work, const run *r)
{
    finding *f = work;
    const ac_quantised *q = r->quantised;
    const size_t item = item_of(r);
    int32_t *steps = f->steps + r->first;
    elements given, again;
    memcpy(&given, f->data + r->first * item, r->count * item);
    for (size_t i = 0; i < r->count; i++) {
        const double v = r->dtype == AC_F4 ? given.f4[i] : given.f8[i];
        const uint64_t bits = get_bits(r, &given, i);
        if (q->has_null && bits == q->null_bits)
            steps[i] = q->null_step;
        else if (q->dither == AC_DITHER_2 && !bits)
            steps[i] = AC_ZERO_STEP;
        else
            steps[i] = nearest_step(r, v, i);
    }
    restore_run(r, steps, NULL, &again);
    for (size_t i = 0; i < r->count; i++) {
        const uint64_t bits = get_bits(r, &given, i);
        if (bits == get_bits(r, &again, i)) {
            if (!is_meant(q, steps[i])) f->last = steps[i];
            continue;
        }
        steps[i] = f->last;
        const int status = ac_exception_add(f->quantised, &f->room, r->first + i, bits);
        if (status) return status;
    }
    return AC_OK;
}

/* Steps that are nearest to elements of any type */

typedef struct {
    const void *data;
    int32_t *steps, last;
} rounding;

static int nearest_there(void *work, const run *r)
{
    rounding *w = work;
    const ac_quantised *q = r->quantised;
    const double variance = r->tile->scale * r->tile->scale / 12;
    for (size_t i = 0; i < r->count; i++) {
        const uint64_t at = r->first + i;
        const double v = ac_as_double(r->dtype, w->data, at);
        if (isfinite(v)) w->last = nearest_step(r, ac_curve_place(&q->curve, v, variance), i);
        w->steps[at] = q->has_null && ac_bits_at(r->dtype, w->data, at) == q->null_bits ? q->null_step : w->last;
    }
    return AC_OK;
}

int ac_quantise_nearest(const ac_quantised *q, const ac_array *array, const void *data, int32_t *steps)
{
    rounding w = {data, steps, 0};
    return visit_all(q, array, nearest_there, &w);
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The middle one of some elements, as a float; 0 where none is finite. */
static float level_of(const ac_array *array, const void *data, uint64_t count)
{
    float some[LOOKED_AT];
    size_t n = 0;
    for (uint64_t i = 0; i < count; i += count / LOOKED_AT + 1) {
        const float v = array->dtype == AC_F4 ? ((const float *)data)[i] : (float)((const double *)data)[i];
        if (isfinite(v)) some[n++] = v;
    }
    qsort(some, n, sizeof *some, compare);
    return n ? some[n / 2] + 0.0f : 0; /* of both zeros the positive one */
}

int ac_quantise_steps(ac_quantised *q, const ac_array *array, const void *data, int32_t *steps)
{
    uint64_t count;
    if (ac_array_count(array, &count) || !count) return AC_ERROR_ARGUMENT;
    finding f = {q, data, steps, 0, 0};
    free(q->exceptions);
    q->exceptions = NULL, q->exception_count = 0;
    q->level = level_of(array, data, count);
    ac_quantise_base(q);
    return visit_all(q, array, find_there, &f);
}
