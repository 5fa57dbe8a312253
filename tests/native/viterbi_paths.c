/* Paths of short rows against all that there are: none has a smaller squared error. Rows of one array are the same as in arrays of few of them, which take lanes of another
 * width. Curves: places and elements go up together, and an element is no further from its place's than half a step. Argument: seed; with some, integers of which one lies 1/16384 of a step
 * from between two others are rounded to the other one, and a path is better. */
#include <stdio.h>

#include "make_model.h"
#include "trellis.h"
#include "viterbi.h"

enum { ROWS = 45, FEW = 5, WIDEST = 9, CURVES = 300, STEPS = 40 };

static int failures, rows;

static void fail(const char *what, int dtype, double scale, int row)
{
    failures++;
    printf("%s: type %d, scale %g, row %d\n", what, dtype, scale, row);
}

static double element(const ac_quantised *q, int is_whole, double step)
{
    const double v = ac_curve_element(&q->curve, step * q->tiles->scale + q->tiles->zero);
    return is_whole ? rint(v) : v;
}

/* An error in steps, squared; one beyond a reach costs as much as one of more than a step. */
static double cost(const ac_quantised *q, int is_whole, double v, double step, double reach)
{
    const double above = q->curve.kind == AC_ROOT && v > q->curve.knee ? v - q->curve.knee : 0;
    const double wide = q->curve.kind == AC_ROOT ? q->tiles->scale * sqrt(1 + 4 * q->curve.bend * above) : q->tiles->scale;
    const double e = fabs(element(q, is_whole, step) - v) / wide;
    return e <= reach ? e * e : 1.125;
}

static double place_of(const ac_quantised *q, double v)
{
    return (ac_curve_place(&q->curve, v, q->tiles->scale * q->tiles->scale * AC_TRELLIS_VARIANCE) - q->tiles->zero) / q->tiles->scale;
}

/* The least cost from a state on, of steps that are the nearest of their parity. */
static double least(const ac_quantised *q, int is_whole, const double *v, int n, uint32_t state)
{
    if (!n) return 0;
    double best = INFINITY;
    for (uint32_t parity = 0; parity < 2; parity++) {
        const double half = (state & 1) / 2.0, step = 2 * rint((place_of(q, *v) - half - parity) / 2) + parity;
        best = fmin(best, cost(q, is_whole, *v, step + half, AC_TRELLIS_REACH - 0.02) + least(q, is_whole, v + 1, n - 1, ac_trellis_next(state, parity)));
    }
    return best;
}

static void compare_row(const ac_quantised *q, int dtype, const double *v, const int32_t *steps, int n, int row)
{
    const int is_whole = dtype != AC_F4;
    double found = 0;
    uint32_t state = 0;
    for (int x = 0; x < n; state = ac_trellis_next(state, (uint32_t)steps[x++] & 1)) found += cost(q, is_whole, v[x], steps[x] + (state & 1) / 2.0, AC_TRELLIS_REACH + 0.02);
    /* distances are told in 1/256 of a step; on a curve, in that of where the element is */
    if (found > least(q, is_whole, v, n, 0) + (q->curve.kind ? 0.03 : 0.006) * n) fail("a path is better", dtype, q->tiles->scale, row);
    rows++;
}

static void try_one(int dtype, double scale, ac_curve curve, uint64_t *seed)
{
    const int n = random_between(seed, 1, WIDEST);
    ac_array array = {dtype, 2, {ROWS, (uint64_t)n}};
    ac_quantised_tile tile = {.scale = scale, .zero = 3.14};
    const ac_quantised q = {.dither = AC_TRELLIS, .tiles = &tile, .tile_count = 1, .curve = curve};
    const ac_window window = {-32000, 32000};
    double v[ROWS * WIDEST];
    float floats[ROWS * WIDEST];
    int16_t words[ROWS * WIDEST];
    int32_t steps[ROWS * WIDEST], again[ROWS * WIDEST];
    const void *data = dtype == AC_F4 ? (const void *)floats : words;
    const size_t item = dtype == AC_F4 ? sizeof *floats : sizeof *words;
    for (int i = 0; i < ROWS * n; i++) {
        floats[i] = (float)(400 + 5 * scale * random_normal(seed));
        words[i] = (int16_t)floats[i];
        v[i] = dtype == AC_F4 ? (double)floats[i] : words[i];
    }
    if (ac_trellis_steps(&q, &array, data, &window, steps)) exit(2);
    /* where a step of integers on a curve is rounded to is told by how wide steps are there, not by the curve itself */
    for (int row = 0; row < ROWS && !(curve.kind && dtype == AC_I2); row++) compare_row(&q, dtype, v + row * n, steps + row * n, n, row);
    array.shape[0] = FEW;
    for (int row = 0; row < ROWS; row += FEW)
        if (ac_trellis_steps(&q, &array, (const uint8_t *)data + item * (size_t)(row * n), &window, again + row * n)) exit(2);
    if (memcmp(steps, again, sizeof *steps * (size_t)(ROWS * n))) fail("lanes differ", dtype, scale, 0);
}

static void try_curve(const ac_curve *c, double place, double step)
{
    const double v = ac_curve_element(c, place), next = ac_curve_element(c, place + step), between = v + 0.4 * (next - v);
    const double back = ac_curve_place(c, v, 0), there = ac_curve_place(c, between, 0);
    if (!(next > v)) fail("a curve goes down", c->kind, place, 0);
    if (!(fabs(back - place) <= 1e-9 * (1 + fabs(place)))) fail("a place is another one", c->kind, place, 0);
    if (!(there >= back && there <= place + step)) fail("places are not in order", c->kind, place, 0);
    const double nearest = place + step * rint((there - place) / step);
    if (!(fabs(ac_curve_element(c, nearest) - between) <= 0.6 * (next - v))) fail("more than a step is lost", c->kind, place, 0);
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], 0, 10) : 1;
    static const double scales[] = {1.01, 1.31, 2.03, 3.71, 11.3, 40.7};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        try_one(AC_F4, scales[i], (ac_curve){0}, &seed);
        try_one(AC_I2, scales[i], (ac_curve){0}, &seed);
        try_one(AC_F4, scales[i], (ac_curve){.kind = AC_ROOT, .knee = 390, .bend = 0.001}, &seed);
        try_one(AC_I2, 3 * scales[i], (ac_curve){.kind = AC_ROOT, .knee = 390, .bend = 0.001}, &seed);
    }
    for (int i = 0; i < CURVES; i++) {
        const ac_curve root = {.kind = AC_ROOT, .knee = random_between(&seed, -50, 900), .bend = pow(2, random_between(&seed, -20, 0))};
        const ac_curve octaves = {.kind = AC_IN_OCTAVES, .steps = random_between(&seed, 1, 1 << random_between(&seed, 0, 20)), .first = random_between(&seed, -900, 900)};
        try_curve(&root, random_between(&seed, -1000, 9000) / 4.0, 0.25);
        try_curve(&octaves, random_between(&seed, 1, STEPS), 1);
        try_curve(&octaves, -random_between(&seed, 2, STEPS), 1);
    }
    printf("%d rows, %d failures\n", rows, failures);
    return failures != 0;
}
