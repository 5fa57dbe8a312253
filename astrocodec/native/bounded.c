#include "bounded.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "as_double.h"
#include "bounded_parts.h"
#include "header.h"
#include "pixel_choice.h"
#include "trellis.h"
#include "viterbi.h"

enum { FINER = 4, MOST_TRIES = 8, LOOKED_AT = 1 << 16 };
enum { WINDOW = 32700, BIN = 256, BINS = 2 * WINDOW / BIN, PART_OUTSIDE = 512 }; /* integers that a piece of a trellis can have; steps beyond are exceptions, at most this part */
enum { FEW_NULLS = 64, PART_NULLS = 4096 };
#define HIDDEN 2.0      /* noises in a step, up to which they are all the dither that is needed */
#define HIDDEN_WAYS 3.0 /* likewise in one of the trellis, whose two grids lie half a step apart */
#define CLOSE 1.003     /* to what was asked, of integers */
#define ABOUT 1.005     /* of floats, which lose what steps say but in short rows and on lattices */
#define FIRST_STEPS 1.6 /* of a row: what the trellis, which begins in one state, loses more there, in variances of others */
#define MOST_OVER 1.02

int ac_is_bound(const ac_bound *b, const ac_array *array)
{
    const int is_kind = b && b->kind >= 0 && b->kind < AC_BOUNDS && b->dither >= AC_DITHER_AUTO && b->dither <= AC_DITHER_ALWAYS;
    return is_kind && b->value > 0 && isfinite(b->value) && b->gain >= 0 && isfinite(b->gain) && b->read_noise >= 0 && isfinite(b->read_noise) &&
           (b->kind != AC_BOUND_RELATIVE || b->value < 1) && ac_is_quantisable(array->dtype);
}

static int is_share(const ac_bounding *w) { return w->bound->kind == AC_BOUND_INCREASE || w->bound->kind == AC_BOUND_ADDED; }

/* Steps, and what is allowed */

/* Octaves whose steps keep a relative bound: they differ by 0.7072 / steps at most, in units of the element. */
static void set_octaves(ac_bounding *w)
{
    ac_curve *c = &w->q->curve;
    double least = INFINITY;
    for (uint64_t i = 0; i < w->count; i++) {
        const double v = fabs(ac_as_double(w->array->dtype, w->data, i));
        if (v > 0 && v < least) least = v;
    }
    const double lowest = w->array->dtype == AC_F4 ? FLT_MIN : DBL_MIN; /* denormals are kept */
    int exponent;
    frexp(fmax(isfinite(least) ? least : 1, lowest), &exponent);
    const double steps = ceil(0.7072 / 2 / w->bound->value * (1 + w->bound->value)) + 1;
    *c = (ac_curve){.kind = AC_IN_OCTAVES, .steps = (int64_t)fmin(steps, 2.0 * AC_MAX_OCTAVE_STEPS), .first = exponent - 1}; /* no curve has so many */
}

/* With a gain the noise is that of the background, or of reading alone where that is known: from there on it grows. */
static void set_root(ac_bounding *w)
{
    const ac_bound *b = w->bound;
    double noise = w->least_noise, knee = w->level;
    if (b->read_noise > 0 && b->read_noise < w->level_noise) {
        knee = w->level - (w->level_noise * w->level_noise - b->read_noise * b->read_noise) * b->gain;
        for (uint64_t i = 0; i < w->q->tile_count; i++) w->noise[i] = b->read_noise;
        w->least_noise = noise = b->read_noise;
    }
    w->q->curve = (ac_curve){.kind = AC_ROOT, .knee = knee, .bend = 1 / (4 * b->gain * noise * noise)};
}

double ac_allowance(const ac_bounding *w, double noise)
{
    const ac_bound *b = w->bound;
    return b->kind == AC_BOUND_NOISE ? b->value * noise : b->kind == AC_BOUND_INCREASE ? 0 : b->value;
}

/* The variance that is wanted in a tile. */
static double wanted_variance(const ac_bounding *w, uint64_t tile)
{
    const double v = w->bound->value, noise = w->noise[tile];
    return w->bound->kind == AC_BOUND_ADDED ? v * v : ((1 + v) * (1 + v) - 1) * noise * noise;
}

/* The widest odd multiple of the unit whose errors, multiples of it, are within this; 0 where there is none but itself. */
static double odd_step(const ac_bounding *w, double error)
{
    const double units = floor((w->is_exact ? error * (1 + 1e-12) : error - 2 * w->resolution) / w->unit);
    return (2 * fmax(units, 0) + 1) * w->unit;
}

/* The same of errors of a variance. */
static double odd_step_of_variance(const ac_bounding *w, double variance)
{
    return odd_step(w, 0.5 * (sqrt(12 * variance / (w->unit * w->unit) + 1) - 1) * w->unit + 2 * w->resolution);
}

/* Whether steps stand on what elements are multiples of. */
static int is_on_unit(const ac_bounding *w) { return w->unit > 0 && !w->q->curve.kind && (w->is_whole ? w->q->dither != AC_TRELLIS : !w->q->dither); }

static double step_of(const ac_bounding *w, uint64_t tile)
{
    if (w->bound->kind == AC_BOUND_RELATIVE) return 1; /* the curve's octaves are all there is */
    const double finer = w->has_source[tile] ? FINER : 1;
    if (is_share(w)) {
        const double variance = wanted_variance(w, tile) / (finer * finer);
        if (w->q->dither == AC_TRELLIS) return sqrt(variance / AC_TRELLIS_VARIANCE);
        return is_on_unit(w) ? odd_step_of_variance(w, variance) : sqrt(12 * variance);
    }
    const double e = w->part * ac_allowance(w, w->noise[tile]);
    if (is_on_unit(w)) return odd_step(w, e / finer);
    /* a curve is steeper at the far end of a step than at its element, which is taken for a little less than it is */
    const double rounding = w->is_whole ? 0.5 : w->resolution, bent = w->q->curve.bend * e;
    return 2 * (e / finer - rounding) / (1 + bent) / (1 + bent / 3) * (1 - 1e-7);
}

/* Sets scales; 0 where nothing can be lost. */
static int set_steps(ac_bounding *w, double part)
{
    ac_quantised *q = w->q;
    double widest = 0, narrowest = INFINITY;
    const int is_octaves = q->curve.kind == AC_IN_OCTAVES, on_unit = is_on_unit(w), is_straight_whole = w->is_whole && !q->curve.kind;
    const double middle = is_octaves ? 0 : ac_curve_place(&q->curve, w->level, 0);
    const double zero = on_unit ? w->origin + rint((middle - w->origin) / w->unit) * w->unit : w->is_whole ? rint(middle) : middle; /* the level itself stays */
    for (uint64_t i = 0; i < q->tile_count; i++) {
        double step = on_unit ? step_of(w, i) : part * step_of(w, i);
        if (is_straight_whole) step = fmax(step, 1); /* finer steps than its own say nothing of an integer */
        q->tiles[i] = (ac_quantised_tile){step, zero, 0};
        widest = fmax(widest, step), narrowest = fmin(narrowest, step);
    }
    ac_quantise_base(q);
    if (!isfinite(widest)) return 0;
    if (on_unit || is_straight_whole) return widest > w->unit;
    return is_octaves || (narrowest > 2 * w->resolution && narrowest > DBL_MIN);
}

static int wants_dither(const ac_bounding *w)
{
    const ac_bound *b = w->bound;
    if (b->kind == AC_BOUND_RELATIVE || b->dither == AC_DITHER_NEVER) return 0;
    if (b->dither == AC_DITHER_ALWAYS || w->must_dither || (w->is_whole && w->q->curve.kind && !is_share(w))) return 1; /* integers bent make what no rounding is even of */
    for (uint64_t i = 0; i < w->q->tile_count; i++)
        if (w->noise[i] > 0 && step_of(w, i) > (w->q->dither == AC_TRELLIS ? HIDDEN_WAYS : HIDDEN) * w->noise[i]) return 1;
    if (is_share(w) || w->is_whole || !is_on_unit(w)) return 0;
    /* what is not a multiple of the unit shifts the mean without dither; it may be wider */
    double wider = 0;
    for (uint64_t i = 0; i < w->q->tile_count; i++) {
        const double e = w->part * ac_allowance(w, w->noise[i]), odd = step_of(w, i);
        if (e > 0) wider += log2(2 * e / (w->has_source[i] ? FINER : 1) / odd);
    }
    return wider > 0;
}

static uint64_t count_nulls(const ac_bounding *w)
{
    const float *singles = w->data;
    const double *doubles = w->data;
    const int is_double = w->array->dtype == AC_F8;
    uint64_t count = 0;
    for (uint64_t first = 0; first < w->count; first += AC_SEGMENT) {
        const size_t n = (size_t)ac_smaller(AC_SEGMENT, w->count - first);
        uint32_t some = 0;
        for (size_t i = 0; !is_double && i < n; i++) some += singles[first + i] != singles[first + i];
        for (size_t i = 0; is_double && i < n; i++) some += doubles[first + i] != doubles[first + i];
        count += some;
    }
    return count;
}

static int occurs(const ac_bounding *w, uint64_t bits)
{
    uint64_t i = 0;
    while (i < w->count && ac_bits_at(w->array->dtype, w->data, i) != bits) i++;
    return i < w->count;
}

/* Whether an element comes back as it is, whatever its step: one of these has a step of its own, but where a few exceptions do. */
static void set_null(ac_bounding *w)
{
    ac_quantised *q = w->q;
    const int dtype = w->array->dtype;
    q->has_null = 0;
    if (w->bound->has_blank && (w->is_whole || occurs(w, w->bound->blank))) {
        q->has_null = 1, q->null_bits = w->bound->blank;
    } else if (!w->is_whole) {
        const uint64_t nulls = count_nulls(w), few = q->dither == AC_TRELLIS ? FEW_NULLS + w->count / PART_NULLS : 0;
        for (uint64_t i = 0; nulls > few && i < w->count && !q->has_null; i++)
            if (isnan(ac_as_double(dtype, w->data, i))) q->has_null = 1, q->null_bits = ac_bits_at(dtype, w->data, i);
    }
    q->null_step = !q->has_null ? 0 : q->dither == AC_TRELLIS ? AC_TRELLIS_NULL : AC_NULL_STEP;
}

/* Trellis or dither, and what stands for none. */
static void set_dither(ac_bounding *w, int is_trellis, uint64_t run)
{
    ac_quantised *q = w->q;
    q->dither = is_trellis ? AC_TRELLIS : AC_DITHER_NONE, q->run = is_trellis ? run : 0;
    if (wants_dither(w)) {
        q->dither = AC_DITHER_1, q->run = 0;
        q->seed = ac_elements_checksum(0, w->array, w->data) % AC_SEEDS;
    }
    set_null(w);
}

static void set_curve(ac_bounding *w)
{
    ac_quantised *q = w->q;
    const int kind = w->bound->kind;
    if (kind == AC_BOUND_RELATIVE)
        set_octaves(w);
    else if (w->bound->gain > 0 && kind != AC_BOUND_ABSOLUTE && kind != AC_BOUND_ADDED && w->least_noise > 0)
        set_root(w);
    q->level = q->curve.kind == AC_IN_OCTAVES ? 0 : (float)ac_curve_place(&q->curve, w->level, 0);
    if (!isfinite(q->level)) q->level = 0;
}

/* Finding them */

/* Forgets what stayed. */
static void clear(ac_quantised *q)
{
    free(q->exceptions);
    q->exceptions = NULL, q->exception_count = 0;
}

/* Where steps spread further than pieces of a trellis hold: the window that leaves the fewest out, about, or AC_ERROR_SPACE where these are too many. */
static int set_window(const ac_bounding *w, const int32_t *steps, ac_window *window)
{
    uint64_t counts[BINS] = {0}, outside = 0, inside = 0, most = 0;
    int32_t least, largest;
    size_t best = 0;
    ac_integers_range(steps, w->count, &least, &largest);
    if ((int64_t)largest - least <= WINDOW) return AC_OK;
    least = INT32_MAX, largest = INT32_MIN;
    for (uint64_t i = 0; i < w->count; i++) {
        const int is_null = w->q->has_null && steps[i] == w->q->null_step;
        least = !is_null && steps[i] < least ? steps[i] : least, largest = !is_null && steps[i] > largest ? steps[i] : largest;
    }
    if (least > largest || (int64_t)largest - least <= WINDOW) return AC_OK;
    for (uint64_t i = 0; i < w->count; i++) {
        const int64_t bin = ((int64_t)steps[i] + WINDOW) / BIN; /* the level is about 0 */
        if (steps[i] >= -WINDOW && bin < BINS) counts[bin]++;
        else outside += !(w->q->has_null && steps[i] == w->q->null_step);
    }
    for (size_t i = 0; i < BINS; i++) outside += counts[i];
    for (size_t i = 0; i < BINS; i++) {
        inside += counts[i];
        if (i >= WINDOW / BIN) inside -= counts[i - WINDOW / BIN];
        if (inside > most) most = inside, best = i;
    }
    if ((outside - most) * PART_OUTSIDE > w->count) return AC_ERROR_SPACE;
    window->most = ((double)best + 1) * BIN - WINDOW - 2, window->least = window->most - WINDOW + BIN;
    return AC_OK;
}

/* By a trellis, of all rows. */
static int find_path(ac_bounding *w, int32_t *steps)
{
    ac_window window = {INT32_MIN / 2, INT32_MAX / 2};
    int status = ac_trellis_steps(w->q, w->array, w->data, &window, steps);
    if (!status) status = set_window(w, steps, &window);
    return status || window.least == INT32_MIN / 2 ? status : ac_trellis_steps(w->q, w->array, w->data, &window, steps);
}

static int find_steps(ac_bounding *w, double part, int32_t *steps, void *again, ac_loss *loss)
{
    clear(w->q);
    if (!set_steps(w, part)) return AC_ERROR_SPACE;
    const int status = w->q->dither == AC_TRELLIS ? find_path(w, steps) : AC_OK;
    return status ? status : ac_bounding_check(w, steps, again, loss);
}

/* What is said of the loss over what was asked, both variances. */
static double excess(const ac_bounding *w, const ac_loss *loss)
{
    const double v = w->bound->value;
    return w->bound->kind == AC_BOUND_ADDED ? loss->variance / (v * v) : loss->share / ((1 + v) * (1 + v) - 1);
}

/* Some rows of the middle plane, whole tiles, that tell how much the whole would lose. `array` and `q` are those of them. */
static void take_band(const ac_bounding *w, ac_bounding *band, ac_array *array, ac_quantised *q)
{
    const ac_planes p = w->t.planes;
    const uint64_t tile = w->q->tile_height ? w->q->tile_height : 1, middle = p.height / 2 / tile * tile, plane = p.count / 2;
    const uint64_t rows = ac_smaller((LOOKED_AT / p.width / tile + 1) * tile, p.height - middle), first = (plane * p.height + middle) * p.width;
    const uint64_t tiles = (plane * w->t.down + middle / w->t.tile_height) * w->t.across;
    *array = (ac_array){w->array->dtype, 2, {rows, p.width}};
    *q = *w->q;
    q->tiles += tiles, q->exceptions = NULL, q->exception_count = 0;
    *band = *w;
    band->array = array, band->q = q, band->noise += tiles, band->has_source += tiles, band->count = rows * p.width;
    band->data = (const uint8_t *)w->data + first * ac_number_bytes(array->dtype);
    band->t = ac_quantise_tiling(q, array);
    q->tile_count = ac_tiling_count(&band->t);
}

/* The part of the steps by which integers, whose rounding adds to what the steps do, lose what is wanted. */
static int fit_part(const ac_bounding *w, int32_t *steps, void *again, ac_loss *loss, double *part)
{
    ac_array array;
    ac_quantised q;
    ac_bounding band;
    take_band(w, &band, &array, &q);
    int status = AC_OK;
    double least = 0, most = *part * 1.05;
    for (int tries = 0; tries < MOST_TRIES && !status && most - least > 0.004 * most; tries++) {
        status = find_steps(&band, *part, steps, again, loss);
        const double over = status == AC_ERROR_SPACE ? 0 : excess(w, loss);
        if (status == AC_ERROR_SPACE) status = AC_OK;
        if (over > CLOSE) most = *part; else least = *part;
        if (over > 1 / CLOSE && over <= CLOSE) break;
        const double next = over > 0 ? *part / sqrt(over) : most;
        *part = next > least && next < most ? next : 0.5 * (least + most);
    }
    free(q.exceptions);
    if (least > 0) *part = least;
    return status;
}

/* Whether steps on the unit are wider than these, in the mean of tiles, where both lose about what is wanted. */
static int is_unit_wider(ac_bounding *w, double part)
{
    if (!(w->unit > 0) || w->q->curve.kind) return 0;
    double wider = 0;
    for (uint64_t i = 0; i < w->q->tile_count; i++) {
        const double step = part * step_of(w, i), finer = w->has_source[i] ? FINER : 1;
        wider += step > 0 ? log2(odd_step_of_variance(w, wanted_variance(w, i) / (finer * finer)) / step) : 0;
    }
    return wider >= 0;
}

/* By a trellis, or where that has no room or other steps are wider, by the nearest. */
static int find_share(ac_bounding *w, uint64_t run, int32_t *steps, void *again, ac_loss *loss)
{
    const uint64_t width = w->t.planes.width;
    double part = 0.9995 / sqrt(1 + FIRST_STEPS / (double)(run && run < width ? run : width));
    int status = AC_OK;
    set_dither(w, !w->is_shifted, run);
    const int is_bent = w->is_whole && w->q->curve.kind;
    if (w->q->dither == AC_TRELLIS || is_bent) {
        if (w->is_whole) status = fit_part(w, steps, again, loss, &part);
        if (!status && (is_bent || !is_unit_wider(w, part))) {
            for (int tries = 0; tries < MOST_TRIES; tries++) {
                status = find_steps(w, part, steps, again, loss);
                if (status || excess(w, loss) <= (w->is_whole ? CLOSE : ABOUT)) break;
                part *= 0.998 / sqrt(excess(w, loss));
            }
            if (!status && excess(w, loss) > (w->is_whole ? 2 * CLOSE - 1 : MOST_OVER)) status = AC_ERROR_SPACE;
            if (status != AC_ERROR_SPACE) return status;
        }
        if (status && status != AC_ERROR_SPACE) return status;
        set_dither(w, 0, run);
    }
    status = find_steps(w, 1, steps, again, loss);
    return !status && excess(w, loss) > MOST_OVER ? AC_ERROR_SPACE : status;
}

/* 2 n + p of steps of a trellis, as far as an integer holds it. */
static void double_steps(const ac_quantised *q, const ac_array *array, int32_t *steps)
{
    const ac_planes p = ac_planes_of(array);
    for (uint64_t row = 0; row < p.count * p.height; row++) {
        uint32_t state = 0;
        for (uint64_t x = 0; x < p.width; x++) {
            int32_t *at = steps + row * p.width + x;
            if (q->run && x % q->run == 0) state = 0;
            const uint32_t half = state & 1;
            state = ac_trellis_next(state, (uint32_t)*at & 1);
            if (*at > INT32_MIN / 2 && *at < INT32_MAX / 2) *at = 2 * *at + (int32_t)half;
        }
    }
}

int ac_bounded_codes(const ac_array *array, const void *data, const ac_bound *bound, int32_t *codes)
{
    ac_quantised q;
    int32_t *steps;
    void *elements;
    ac_loss loss;
    if (!ac_is_bound(bound, array) || !data || !codes) return AC_ERROR_ARGUMENT;
    int status = ac_bounded_steps(bound, array, data, 0, &q, &steps, &elements, &loss);
    if (!status && !steps) status = AC_ERROR_SPACE;
    if (!status) {
        if (q.dither == AC_TRELLIS) double_steps(&q, array, steps);
        uint64_t count;
        ac_array_count(array, &count);
        memcpy(codes, steps, (size_t)count * sizeof *codes);
    }
    ac_quantise_free(&q);
    free(steps);
    free(elements);
    return status;
}

static int find_way(ac_bounding *w, uint64_t run, int32_t *steps, void *again, ac_loss *loss)
{
    if (is_share(w)) return find_share(w, run, steps, again, loss);
    set_dither(w, 0, run);
    return find_steps(w, 1, steps, again, loss);
}

/* Integers are rounded, and cut at the ends of their type: where that shifts their mean they go to multiples of their unit, are dithered, have narrower
 * bounds, and are kept at last. */
static int find(ac_bounding *w, uint64_t run, int32_t *steps, void *again, ac_loss *loss)
{
    set_curve(w);
    if (!ac_curve_is_good(&w->q->curve)) return AC_ERROR_SPACE;
    if (!w->q->curve.kind) ac_bounding_unit(w);
    w->part = 1;
    int status = find_way(w, run, steps, again, loss);
    if (!w->is_whole || w->bound->dither == AC_DITHER_NEVER || w->bound->kind == AC_BOUND_RELATIVE) return status;
    while (!status && w->is_shifted) {
        if (w->q->dither == AC_DITHER_1) {
            if (is_share(w)) return AC_ERROR_SPACE;
            w->part /= 2;
        }
        w->must_dither = w->q->dither != AC_TRELLIS || w->q->curve.kind;
        status = find_way(w, run, steps, again, loss);
    }
    return status;
}

int ac_bounded_steps(const ac_bound *bound, const ac_array *array, const void *data, uint64_t run, ac_quantised *q, int32_t **steps, void **elements,
                     ac_loss *loss)
{
    ac_bounding w = {.bound = bound, .array = array, .data = data, .q = q};
    *q = (ac_quantised){0};
    *steps = NULL, *elements = NULL;
    int status = ac_array_count(array, &w.count);
    if (status || !w.count) return status;
    w.is_whole = array->dtype != AC_F4 && array->dtype != AC_F8;
    ac_bounding_level(&w);
    status = ac_bounding_noise(&w);
    const int is_known = bound->kind == AC_BOUND_ABSOLUTE || bound->kind == AC_BOUND_RELATIVE || bound->kind == AC_BOUND_ADDED || w.least_noise > 0;
    if (!status && is_known) {
        *steps = malloc((size_t)w.count * sizeof **steps);
        *elements = malloc(ac_array_size(array));
        status = *steps && *elements ? find(&w, run, *steps, *elements, loss) : AC_ERROR_MEMORY;
    }
    free(w.noise);
    free(w.has_source);
    if (status) {
        free(*steps);
        free(*elements);
        *steps = NULL, *elements = NULL;
    }
    return status == AC_ERROR_SPACE ? AC_OK : status;
}
