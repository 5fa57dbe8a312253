#include "quantise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "header.h"
#include "quantise_tables.h"

enum { CHUNK = 512, LOOKED_AT = 1024, MAX_TRAILING = 52 };
enum { HAS_NULL = 1, IS_STACKED = 2, IS_PART = 4, IS_NOISE = 8, FLAGS = 15 };

static int is_single(int arithmetic, int dtype) { return dtype == AC_F4 || arithmetic & AC_SINGLE; }

static int is_kind(int dither, int arithmetic, int dtype)
{
    const int most = AC_OWN_QUOTIENT | AC_ZERO_FIRST | (dtype == AC_F8 ? AC_SINGLE : 0);
    return dither <= AC_DITHER_2 && !(arithmetic & ~most) && (!dither || arithmetic == AC_WIDE_PRODUCT);
}

/* The step of an element, not yet rounded. */
static double step_of(int arithmetic, const ac_quantised_tile *t, double v)
{
    const double above = arithmetic & AC_ZERO_FIRST ? v : v - t->zero, k = ac_divides(arithmetic) ? above * t->scale : above / t->scale;
    return arithmetic & AC_ZERO_FIRST ? k - t->zero : k;
}

void ac_quantise_free(ac_quantised *q)
{
    free(q->tiles);
    free(q->exceptions);
    q->tiles = NULL;
    q->exceptions = NULL;
}

void ac_quantise_base(ac_quantised *q)
{
    for (ac_quantised_tile *t = q->tiles; t < q->tiles + q->tile_count; t++) t->base = ac_whole(step_of(q->arithmetic, t, q->level));
}

/* Tiles */

static uint64_t parts(uint64_t length, uint64_t part) { return length / part + (length % part != 0); }

ac_tiling ac_quantise_tiling(const ac_quantised *q, const ac_array *array)
{
    ac_tiling t = {.planes = ac_planes_of(array)};
    if (q->is_stacked) t.planes = (ac_planes){1, t.planes.count * t.planes.height, t.planes.width};
    t.whole_height = q->whole_height ? q->whole_height : q->row + t.planes.height;
    t.whole_width = q->whole_width ? q->whole_width : q->column + t.planes.width;
    t.tile_height = q->tile_height ? q->tile_height : t.whole_height;
    t.tile_width = q->tile_width ? q->tile_width : t.whole_width;
    t.down = (q->row + t.planes.height - 1) / t.tile_height - q->row / t.tile_height + 1;
    t.across = (q->column + t.planes.width - 1) / t.tile_width - q->column / t.tile_width + 1;
    t.all_down = parts(t.whole_height, t.tile_height);
    t.all_across = parts(t.whole_width, t.tile_width);
    return t;
}

/* Whether what was quantised holds the array, and there are not too many tiles. */
static int is_tiled(const ac_quantised *q, const ac_tiling *t)
{
    return q->row + t->planes.height <= t->whole_height && q->column + t->planes.width <= t->whole_width && ac_tiling_count(t) <= AC_MAX_TILES;
}

/* Dither */

ac_dither *ac_dither_create(void)
{
    ac_dither *d = malloc(sizeof *d);
    if (!d) return NULL;
    uint64_t state = 1;
    uint32_t before = 0;
    for (int i = 0; i < AC_SEEDS; i++) {
        state = state * 16807 % 2147483647;
        d->number[i] = (float)((double)state / 2147483647.0);
        d->starts[i] = (uint32_t)(d->number[i] * 500.0);
        d->before[i] = before;
        before += AC_SEEDS - d->starts[i];
    }
    d->before[AC_SEEDS] = before;
    return d;
}

ac_random_place ac_dither_place(const ac_dither *d, uint32_t seed, uint64_t pixel)
{
    const uint32_t all = d->before[AC_SEEDS];
    const uint32_t index = (uint32_t)((d->before[seed] + pixel % all) % all);
    uint32_t low = index / AC_SEEDS, high = AC_SEEDS; /* no sequence is longer */
    if (index >= d->before[seed] && index < d->before[seed + 1]) low = seed, high = seed + 1;
    while (high - low > 1) {
        const uint32_t middle = (low + high) / 2;
        if (d->before[middle] <= index)
            low = middle;
        else
            high = middle;
    }
    return (ac_random_place){low, d->starts[low] + index - d->before[low]};
}

/* Runs: elements beside each other of one row and one tile, CHUNK at most */

typedef struct {
    const ac_quantised *quantised;
    int dtype;
    const ac_quantised_tile *tile;
    const float *random; /* NULL without dither */
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
        r->first += r->count, count -= r->count;
    }
    return AC_OK;
}

/* Visits all elements in the array's order. */
static int visit_all(const ac_quantised *q, const ac_array *array, visitor visit, void *work)
{
    const ac_tiling t = ac_quantise_tiling(q, array);
    ac_dither *d = q->dither ? ac_dither_create() : NULL;
    int status = q->dither && !d ? AC_ERROR_MEMORY : AC_OK;
    run r = {q, array->dtype, NULL, NULL, 0, 0};
    for (uint64_t plane = 0; plane < t.planes.count; plane++)
        for (uint64_t y = q->row; y < q->row + t.planes.height && !status; y++) {
            const uint64_t down = y / t.tile_height - q->row / t.tile_height;
            const uint64_t all = plane % AC_SEEDS * (t.all_down % AC_SEEDS) + down % AC_SEEDS; /* rows of tiles before, for the seed */
            uint64_t x = q->column;
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
} elements;

static size_t item_of(const run *r) { return ac_number_bytes(r->dtype); }

/* The operations are those of docs/format.md, one by one; the build forbids to contract them. */
static inline __attribute__((always_inline)) double product(double k, const ac_quantised_tile *t) { return k * t->scale + t->zero; }

static inline __attribute__((always_inline)) void products(const run *r, const int32_t *steps, int is_f4, elements *out)
{
    const ac_quantised_tile t = *r->tile;
    for (size_t i = 0; i < r->count; i++) {
        const double v = product(r->random ? steps[i] + t.base - r->random[i] + 0.5 : steps[i] + t.base, &t);
        if (is_f4)
            out->f4[i] = (float)v;
        else
            out->f8[i] = v;
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
    const int rounded = is_single(r->quantised->arithmetic, r->dtype);
    for (size_t i = 0; i < r->count; i++) {
        const double k = steps[i] + t.base, of = zero_first ? k + t.zero : k, scaled = divided ? of / t.scale : of * t.scale, v = zero_first ? scaled : scaled + t.zero;
        if (r->dtype == AC_F4)
            out->f4[i] = (float)v;
        else
            out->f8[i] = rounded ? (double)(float)v : v;
    }
}

static void put_bits(const run *r, elements *out, size_t i, uint64_t bits)
{
    const uint32_t low = (uint32_t)bits;
    if (r->dtype == AC_F4)
        memcpy(out->f4 + i, &low, sizeof low);
    else
        memcpy(out->f8 + i, &bits, sizeof bits);
}

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

static void restore_run(const run *r, const int32_t *steps, elements *out)
{
    const ac_quantised *q = r->quantised;
    const int is_f4 = r->dtype == AC_F4;
    if (q->arithmetic == AC_WIDE_PRODUCT && is_f4)
        products(r, steps, 1, out);
    else if (q->arithmetic == AC_WIDE_PRODUCT)
        products(r, steps, 0, out);
    else if (q->arithmetic & AC_OWN_PRODUCT && is_single(q->arithmetic, r->dtype))
        in_single(r, steps, out);
    else
        in_double(r, steps, out);
    if (q->has_null || q->dither == AC_DITHER_2) put_meant(r, steps, out);
}

typedef struct {
    const int32_t *steps;
    uint8_t *out;
} restoring;

static int restore_there(void *work, const run *r)
{
    restoring *w = work;
    const size_t item = item_of(r);
    int32_t steps[CHUNK]; /* their place may be that of the elements */
    elements found;
    memcpy(steps, w->steps + r->first, r->count * sizeof *steps);
    restore_run(r, steps, &found);
    memcpy(w->out + r->first * item, &found, r->count * item);
    return AC_OK;
}

int ac_quantise_restore(const ac_quantised *q, const ac_array *array, const int32_t *steps, void *out)
{
    restoring w = {steps, out};
    const int status = visit_all(q, array, restore_there, &w);
    for (const ac_exception *e = q->exceptions; !status && e < q->exceptions + q->exception_count; e++) {
        const uint32_t low = (uint32_t)e->bits;
        for (uint64_t i = e->first; i < e->first + e->length; i++) {
            if (array->dtype == AC_F4)
                memcpy(w.out + i * sizeof low, &low, sizeof low);
            else
                memcpy(w.out + i * sizeof e->bits, &e->bits, sizeof e->bits);
        }
    }
    return status;
}

/* Steps of elements */

typedef struct {
    ac_quantised *quantised;
    const uint8_t *data;
    int32_t *steps, last;
    uint64_t room; /* for exceptions */
} finding;

static int add_exception(finding *f, uint64_t at, uint64_t bits)
{
    ac_quantised *q = f->quantised;
    ac_exception *before = q->exception_count ? q->exceptions + q->exception_count - 1 : NULL;
    if (before && before->bits == bits && before->first + before->length == at) {
        before->length++;
        return AC_OK;
    }
    if (q->exception_count == AC_MAX_EXCEPTIONS) return AC_ERROR_SPACE;
    if (q->exception_count == f->room) {
        const uint64_t room = 2 * f->room + 64;
        ac_exception *more = realloc(q->exceptions, (size_t)room * sizeof *more);
        if (!more) return AC_ERROR_MEMORY;
        q->exceptions = more, f->room = room;
    }
    q->exceptions[q->exception_count++] = (ac_exception){at, 1, bits};
    return AC_OK;
}

/* The step nearest to an element, or any. */
static int32_t nearest_step(const run *r, double v, size_t i)
{
    const double k = step_of(r->quantised->arithmetic, r->tile, v), step = (r->random ? k + r->random[i] - 0.5 : k) - r->tile->base;
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
    restore_run(r, steps, &again);
    for (size_t i = 0; i < r->count; i++) {
        const uint64_t bits = get_bits(r, &given, i);
        if (bits == get_bits(r, &again, i)) {
            if (!is_meant(q, steps[i])) f->last = steps[i];
            continue;
        }
        steps[i] = f->last;
        const int status = add_exception(f, r->first + i, bits);
        if (status) return status;
    }
    return AC_OK;
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

/* The section */

int ac_quantise_allows(const ac_quantised *q, int dtype, const ac_quantised_tile *t)
{
    const int is_own = is_single(q->arithmetic, dtype) && q->arithmetic & AC_OWN_PRODUCT;
    const double scale = is_own ? (float)t->scale : t->scale, zero = is_own ? (float)t->zero : t->zero;
    return isfinite(scale) && scale != 0 && isfinite(zero);
}

/* Whether a section can say it. */
static int check(const ac_quantised *q, const ac_array *array)
{
    uint64_t count, at = 0;
    if (ac_array_count(array, &count) || !count || (array->dtype != AC_F4 && array->dtype != AC_F8)) return AC_ERROR_ARGUMENT;
    if (!is_kind(q->dither, q->arithmetic, array->dtype) || q->seed >= AC_SEEDS || !isfinite(q->level)) return AC_ERROR_ARGUMENT;
    const uint64_t sizes[] = {q->tile_height, q->tile_width, q->row, q->column, q->whole_height, q->whole_width};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] > AC_MAX_ELEMENTS) return AC_ERROR_ARGUMENT;
    const ac_tiling t = ac_quantise_tiling(q, array);
    if (!is_tiled(q, &t) || q->tile_count != ac_tiling_count(&t) || q->exception_count > AC_MAX_EXCEPTIONS) return AC_ERROR_ARGUMENT;
    for (const ac_quantised_tile *tile = q->tiles; tile < q->tiles + q->tile_count; tile++)
        if (!ac_quantise_allows(q, array->dtype, tile)) return AC_ERROR_ARGUMENT;
    for (const ac_exception *e = q->exceptions; e < q->exceptions + q->exception_count; e++) {
        if (e->first < at || e->first >= count || !e->length || e->length > count - e->first) return AC_ERROR_ARGUMENT;
        at = e->first + e->length;
    }
    return AC_OK;
}

static uint8_t *put_bytes(uint8_t *p, uint64_t bits, size_t count)
{
    for (size_t i = 0; i < count; i++) *p++ = (uint8_t)(bits >> 8 * i);
    return p;
}

static uint8_t *put_float(uint8_t *p, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return put_bytes(p, bits, sizeof bits);
}

static size_t write_head(const ac_quantised *q, int dtype, ac_scale_code code, uint8_t *out)
{
    uint8_t *p = out;
    const int is_part = q->row || q->column || q->whole_height || q->whole_width;
    *p++ = (uint8_t)(q->dither | q->arithmetic << 4);
    *p++ = (uint8_t)((q->has_null ? HAS_NULL : 0) | (q->is_stacked ? IS_STACKED : 0) | (is_part ? IS_PART : 0) | (code.noise_level != 0 ? IS_NOISE : 0));
    const uint64_t sizes[] = {q->tile_height, q->tile_width, q->row, q->column, q->whole_height, q->whole_width};
    for (int i = 0; i < (is_part ? 6 : 2); i++) p += ac_put_varint(p, sizes[i]);
    if (q->dither) p += ac_put_varint(p, q->seed);
    p = put_float(p, q->level);
    if (q->has_null) {
        p = put_bytes(p, (uint32_t)q->null_step, 4);
        p = put_bytes(p, q->null_bits, ac_number_bytes(dtype));
    }
    if (code.noise_level != 0) p = put_float(p, code.noise_level);
    *p++ = (uint8_t)code.trailing;
    p += ac_put_varint(p, q->exception_count);
    return (size_t)(p - out);
}

int ac_quantise_write(const ac_quantised *q, const ac_array *array, uint8_t **bytes, size_t *length)
{
    const int status = check(q, array);
    if (status) return status;
    const ac_scale_code code = ac_scale_code_of(q);
    uint8_t head[3 + 8 * AC_MAX_VARINT + 20];
    size_t packed_length;
    uint8_t *packed = ac_tables_pack(q, array->dtype, code, &packed_length);
    const size_t head_length = write_head(q, array->dtype, code, head);
    uint8_t *out = packed ? malloc(head_length + packed_length) : NULL;
    if (out) {
        memcpy(out, head, head_length);
        memcpy(out + head_length, packed, packed_length);
        *bytes = out, *length = head_length + packed_length;
    }
    free(packed);
    if (out && *length > AC_MAX_SECTION) {
        free(out);
        return AC_ERROR_SPACE;
    }
    return out ? AC_OK : AC_ERROR_MEMORY;
}

static uint64_t take_bytes(ac_reader *r, size_t count)
{
    const uint8_t *p = ac_take(r, count);
    uint64_t bits = 0;
    for (size_t i = 0; p && i < count; i++) bits |= (uint64_t)p[i] << 8 * i;
    return bits;
}

/* A finite one. */
static float take_float(ac_reader *r)
{
    const uint32_t bits = (uint32_t)take_bytes(r, sizeof bits);
    float v;
    memcpy(&v, &bits, sizeof v);
    if (!isfinite(v)) ac_fail_reader(r, AC_REASON_QUANTISE_FIELD, r->at - sizeof bits, bits, 0);
    return v;
}

/* What precedes the tables; returns how they code scales. */
static ac_scale_code read_head(ac_reader *r, int dtype, ac_quantised *q)
{
    const size_t start = r->at;
    const uint32_t kind = ac_take_byte(r), flags = ac_take_byte(r);
    q->dither = kind & 15, q->arithmetic = (uint8_t)(kind >> 4);
    if (!is_kind(q->dither, q->arithmetic, dtype)) ac_fail_reader(r, AC_REASON_QUANTISE_FIELD, start, kind, 0);
    if (flags > FLAGS) ac_fail_reader(r, AC_REASON_QUANTISE_FIELD, start + 1, flags, 0);
    q->has_null = (flags & HAS_NULL) != 0, q->is_stacked = (flags & IS_STACKED) != 0;
    uint64_t *sizes[] = {&q->tile_height, &q->tile_width, &q->row, &q->column, &q->whole_height, &q->whole_width};
    for (int i = 0; i < (flags & IS_PART ? 6 : 2); i++) *sizes[i] = ac_take_varint(r, AC_MAX_ELEMENTS);
    if (q->dither) q->seed = (uint32_t)ac_take_varint(r, AC_SEEDS - 1);
    q->level = take_float(r);
    if (q->has_null) {
        q->null_step = (int32_t)(uint32_t)take_bytes(r, 4);
        q->null_bits = take_bytes(r, ac_number_bytes(dtype));
    }
    ac_scale_code code = {0, 0};
    if (flags & IS_NOISE) {
        code.noise_level = take_float(r);
        if (code.noise_level == 0) ac_fail_reader(r, AC_REASON_QUANTISE_FIELD, r->at - 4, 0, 0);
    }
    code.trailing = ac_take_byte(r);
    if (code.trailing > MAX_TRAILING) ac_fail_reader(r, AC_REASON_QUANTISE_FIELD, r->at - 1, code.trailing, 0);
    q->exception_count = ac_take_varint(r, AC_MAX_EXCEPTIONS);
    return code;
}

int ac_quantise_read(ac_reader *r, const ac_array *array, ac_quantised *q)
{
    memset(q, 0, sizeof *q);
    uint64_t count = 0;
    ac_array_count(array, &count);
    const ac_scale_code code = read_head(r, array->dtype, q);
    if (r->why.status) return r->why.status;
    const ac_tiling t = ac_quantise_tiling(q, array);
    if (!is_tiled(q, &t)) ac_fail_reader(r, AC_REASON_QUANTISE_TILES, 0, 0, AC_MAX_TILES);
    if (q->exception_count > count) ac_fail_reader(r, AC_REASON_QUANTISE_EXCEPTIONS, r->at, q->exception_count, count);
    if (r->why.status) return r->why.status;
    q->tile_count = ac_tiling_count(&t);
    q->tiles = malloc((size_t)q->tile_count * sizeof *q->tiles);
    q->exceptions = malloc(((size_t)q->exception_count + 1) * sizeof *q->exceptions);
    if (!q->tiles || !q->exceptions) return r->why.status = AC_ERROR_MEMORY;
    ac_tables_unpack(r, array->dtype, count, code, q);
    ac_quantise_base(q);
    return r->why.status;
}
