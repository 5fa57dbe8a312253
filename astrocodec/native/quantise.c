#include "quantise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "header.h"
#include "quantise_arithmetic.h"
#include "quantise_tables.h"

enum { HAS_NULL = 1, IS_STACKED = 2, IS_PART = 4, IS_NOISE = 8, IS_ROOT = 16, IS_OCTAVES = 32, FLAGS = 63, MAX_TRAILING = 52 };

int ac_is_quantisable(int dtype) { return dtype <= AC_I4 || dtype == AC_F4 || dtype == AC_F8; }

static int is_kind(int dither, int arithmetic, int dtype)
{
    if (dtype != AC_F4 && dtype != AC_F8 && arithmetic) return 0;
    const int most = AC_OWN_QUOTIENT | AC_ZERO_FIRST | (dtype == AC_F8 ? AC_SINGLE : 0);
    return dither <= AC_TRELLIS && !(arithmetic & ~most) && (!dither || !(arithmetic & ~AC_SINGLE));
}

/* Whether steps are of the kind that a curve needs. */
static int suits_curve(int curve, int dither, int arithmetic) { return !curve || (!arithmetic && (curve == AC_ROOT || !dither)); }

void ac_quantise_free(ac_quantised *q)
{
    free(q->tiles);
    free(q->exceptions);
    q->tiles = NULL;
    q->exceptions = NULL;
}

void ac_quantise_base(ac_quantised *q)
{
    for (ac_quantised_tile *t = q->tiles; t < q->tiles + q->tile_count; t++) t->base = ac_whole(ac_step_of(q->arithmetic, t, q->level));
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

/* The section */

int ac_quantise_allows(const ac_quantised *q, int dtype, const ac_quantised_tile *t)
{
    const int is_own = ac_is_single(q->arithmetic, dtype) && q->arithmetic & AC_OWN_PRODUCT;
    const double scale = is_own ? (float)t->scale : t->scale, zero = is_own ? (float)t->zero : t->zero;
    return isfinite(scale) && scale != 0 && isfinite(zero);
}

/* Whether a section can say it. */
static int check(const ac_quantised *q, const ac_array *array)
{
    uint64_t count, at = 0;
    if (ac_array_count(array, &count) || !count || !ac_is_quantisable(array->dtype)) return AC_ERROR_ARGUMENT;
    if (!is_kind(q->dither, q->arithmetic, array->dtype) || q->seed >= AC_SEEDS || !isfinite(q->level)) return AC_ERROR_ARGUMENT;
    if (!suits_curve(q->curve.kind, q->dither, q->arithmetic) || !ac_curve_is_good(&q->curve)) return AC_ERROR_ARGUMENT;
    const uint64_t sizes[] = {q->tile_height, q->tile_width, q->row, q->column, q->whole_height, q->whole_width, q->run};
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

static uint8_t *put_double(uint8_t *p, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return put_bytes(p, bits, sizeof bits);
}

static uint8_t *put_curve(uint8_t *p, const ac_curve *c)
{
    if (c->kind == AC_ROOT) return put_double(put_double(p, c->knee), c->bend);
    if (c->kind != AC_IN_OCTAVES) return p;
    p += ac_put_varint(p, (uint64_t)c->steps);
    return p + ac_put_signed_varint(p, c->first);
}

static size_t write_head(const ac_quantised *q, int dtype, ac_scale_code code, uint8_t *out)
{
    uint8_t *p = out;
    const int is_part = q->row || q->column || q->whole_height || q->whole_width;
    *p++ = (uint8_t)(q->dither | q->arithmetic << 4);
    const int curve = q->curve.kind == AC_ROOT ? IS_ROOT : q->curve.kind == AC_IN_OCTAVES ? IS_OCTAVES : 0;
    *p++ = (uint8_t)((q->has_null ? HAS_NULL : 0) | (q->is_stacked ? IS_STACKED : 0) | (is_part ? IS_PART : 0) | (code.noise_level != 0 ? IS_NOISE : 0) | curve);
    const uint64_t sizes[] = {q->tile_height, q->tile_width, q->row, q->column, q->whole_height, q->whole_width};
    for (int i = 0; i < (is_part ? 6 : 2); i++) p += ac_put_varint(p, sizes[i]);
    if (q->dither) p += ac_put_varint(p, q->dither == AC_TRELLIS ? q->run : q->seed);
    p = put_float(p, q->level);
    if (q->has_null) {
        p = put_bytes(p, (uint32_t)q->null_step, 4);
        p = put_bytes(p, q->null_bits, ac_number_bytes(dtype));
    }
    if (code.noise_level != 0) p = put_float(p, code.noise_level);
    p = put_curve(p, &q->curve);
    *p++ = (uint8_t)code.trailing;
    p += ac_put_varint(p, q->exception_count);
    return (size_t)(p - out);
}

int ac_quantise_write(const ac_quantised *q, const ac_array *array, uint8_t **bytes, size_t *length)
{
    const int status = check(q, array);
    if (status) return status;
    const ac_scale_code code = ac_scale_code_of(q);
    uint8_t head[3 + 10 * AC_MAX_VARINT + 36];
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

static double take_double(ac_reader *r)
{
    const uint64_t bits = take_bytes(r, sizeof bits);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void take_curve(ac_reader *r, uint32_t flags, ac_curve *c)
{
    const size_t start = r->at;
    if (flags & IS_ROOT) {
        c->kind = AC_ROOT;
        c->knee = take_double(r);
        c->bend = take_double(r);
    } else if (flags & IS_OCTAVES) {
        c->kind = AC_IN_OCTAVES;
        c->steps = (int64_t)ac_take_varint(r, AC_MAX_OCTAVE_STEPS);
        c->first = ac_take_signed_varint(r);
    }
    if (!r->why.status && !ac_curve_is_good(c)) ac_fail_reader(r, AC_REASON_QUANTISE_FIELD, start, flags, 0);
}

/* What precedes the tables; returns how they code scales. */
static ac_scale_code read_head(ac_reader *r, int dtype, ac_quantised *q)
{
    const size_t start = r->at;
    const uint32_t kind = ac_take_byte(r), flags = ac_take_byte(r);
    q->dither = kind & 15, q->arithmetic = (uint8_t)(kind >> 4);
    if (!is_kind(q->dither, q->arithmetic, dtype)) ac_fail_reader(r, AC_REASON_QUANTISE_FIELD, start, kind, 0);
    if (flags > FLAGS || (flags & IS_ROOT && flags & IS_OCTAVES) || !suits_curve(flags & IS_ROOT ? AC_ROOT : flags & IS_OCTAVES ? AC_IN_OCTAVES : 0, q->dither, q->arithmetic))
        ac_fail_reader(r, AC_REASON_QUANTISE_FIELD, start + 1, flags, 0);
    q->has_null = (flags & HAS_NULL) != 0, q->is_stacked = (flags & IS_STACKED) != 0;
    uint64_t *sizes[] = {&q->tile_height, &q->tile_width, &q->row, &q->column, &q->whole_height, &q->whole_width};
    for (int i = 0; i < (flags & IS_PART ? 6 : 2); i++) *sizes[i] = ac_take_varint(r, AC_MAX_ELEMENTS);
    if (q->dither == AC_TRELLIS)
        q->run = ac_take_varint(r, AC_MAX_ELEMENTS);
    else if (q->dither)
        q->seed = (uint32_t)ac_take_varint(r, AC_SEEDS - 1);
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
    take_curve(r, flags, &q->curve);
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
