#include "valueset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decisions.h"
#include "log512.h"

enum { LEAST_COUNT = 16, STRETCH = 32 };
enum { FAR = 1 << 30 }; /* more bits than those of it are saved nowhere */
/* How a distance in a set is coded: by multiples of the unit, of one that it changes, or as the next unit. */
enum { SAME, CHANGED, OTHER };
enum {
    LOOK_AHEAD = 8,
    NEW_UNIT = 4 /* bits */
};
static const double least_step = 1.05;
static const int64_t one = (int64_t)1 << 32;

/* Values from the first one on, and their supposed indices. */
typedef struct {
    const uint16_t *values;
    uint32_t *k, n;
} line;

/* The phase has room between max(y - slope * x) and min(y + 1 - slope * x). */
typedef struct {
    int64_t least, most;
} room;

static room room_of(const line *l, int64_t slope)
{
    room r = {INT64_MIN, INT64_MAX};
    for (uint32_t i = 0; i < l->n; i++) {
        const int64_t x = l->k[i] - l->k[0], y = l->values[i] - l->values[0], rest = y * one - x * slope;
        r.least = rest > r.least ? rest : r.least;
        r.most = rest + one < r.most ? rest + one : r.most;
    }
    return r;
}

static int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); } /* b > 0 */

/* The room is a concave function of the slope, so bisection by thirds finds where it is widest. */
static int line_through(const line *l, ac_lattice *out)
{
    int64_t low = INT64_MIN, high = INT64_MAX;
    for (uint32_t i = 1; i < l->n; i++) {
        const int64_t x = l->k[i] - l->k[0], y = l->values[i] - l->values[0];
        const int64_t under = floor_divide((y - 1) * one, x), over = floor_divide((y + 1) * one, x);
        low = under > low ? under : low;
        high = over < high ? over : high;
    }
    while (high - low > 2) {
        const int64_t third = (high - low) / 3;
        const room left = room_of(l, low + third), right = room_of(l, high - third);
        if (left.most - left.least < right.most - right.least)
            low += third;
        else
            high -= third;
    }
    const int64_t nearest = floor_divide(low + high, 2);
    for (int64_t step = nearest - 1; step <= nearest + 1; step++) {
        room r = room_of(l, step);
        if (r.least > --r.most || step <= one) continue;
        out->step = (uint64_t)step;
        out->phase = (uint64_t)(l->values[0] * one + (r.least + r.most) / 2);
        return 1;
    }
    return 0;
}

/* Least squares; the sums of n^2 times variances stay below 2^63, those on the way may wrap. */
static double slope_of(const uint16_t *values, const uint32_t *k, uint32_t n)
{
    uint64_t x = 0, y = 0, xx = 0, xy = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t v = values[i] - values[0];
        x += k[i], y += v, xx += (uint64_t)k[i] * k[i], xy += k[i] * v;
    }
    return (double)(int64_t)(n * xy - x * y) / (double)(int64_t)(n * xx - x * x);
}

/* Mean of the gaps that are about as small as the smallest. */
static double first_slope(const uint16_t *values, uint32_t window)
{
    uint32_t least = UINT32_MAX, sum = 0, count = 0;
    for (uint32_t i = 0; i < window; i++) {
        const uint32_t gap = values[i + 1] - values[i];
        least = gap < least ? gap : least;
    }
    for (uint32_t i = 0; i < window; i++) {
        const uint32_t gap = values[i + 1] - values[i];
        if (least == 1 || 2 * gap <= 3 * least + 1) sum += gap, count++;
    }
    return (double)sum / (double)count;
}

/* A line that starts from the densest `window` gaps and is refined over ever longer stretches. */
static int grow_line(const uint16_t *values, uint32_t n, uint32_t window, uint32_t *k, ac_lattice *out)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i + window < n; i++)
        if (values[i + window] - values[i] < values[first + window] - values[first]) first = i;
    uint32_t end = first + window + 1;
    double slope = first_slope(values + first, window);
    if (slope < least_step) return 0;
    for (;;) {
        for (uint32_t i = first; i < end; i++) {
            k[i - first] = (uint32_t)nearbyint((double)(values[i] - values[first]) / slope);
            if (i > first && k[i - first] <= k[i - first - 1]) return 0;
        }
        slope = slope_of(values + first, k, end - first);
        if (first == 0 && end == n) return line_through(&(line){values, k, n}, out);
        const uint32_t reach = end - first < 8 ? 1 : (end - first) / 4;
        first = first > reach ? first - reach : 0;
        end = end + reach < n ? end + reach : n;
    }
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b) {
        const uint32_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

static int fit_line(const uint16_t *values, uint32_t n, uint32_t *k, ac_lattice *out)
{
    uint32_t least = UINT32_MAX, most = 0;
    for (uint32_t i = 0; i + 1 < n; i++) {
        const uint32_t gap = values[i + 1] - values[i];
        least = gap < least ? gap : least;
        most = gap > most ? gap : most;
    }
    if (most - least <= 1) {
        for (uint32_t i = 0; i < n; i++) k[i] = i;
        return line_through(&(line){values, k, n}, out);
    }
    const uint32_t window = STRETCH < n - 1 ? STRETCH : n - 1, narrow = STRETCH / 4 < n - 1 ? STRETCH / 4 : n - 1;
    return grow_line(values, n, window, k, out) || grow_line(values, n, narrow, k, out);
}

static int holds_all(ac_lattice l, const uint16_t *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (((uint64_t)values[i] << 32) + UINT32_MAX < l.phase) return 0;
        const uint64_t k = ac_lattice_index(l, values[i]);
        if (k > 65535 || (k * l.step + l.phase) >> 32 != values[i]) return 0;
    }
    return 1;
}

int ac_lattice_fit(const uint16_t *values, uint32_t n, ac_lattice *out)
{
    if (n < LEAST_COUNT) return 0;
    uint32_t common = 0;
    for (uint32_t i = 0; i + 1 < n && common != 1; i++) common = common_divisor(values[i + 1] - values[i], common);
    if (common > 1) {
        out->step = (uint64_t)common << 32;
        out->phase = ((uint64_t)(values[0] % common) << 32) + ((uint64_t)1 << 31);
        return 1;
    }
    uint32_t *k = malloc(n * sizeof *k);
    const int found = k && fit_line(values, n, k, out);
    free(k);
    if (!found) return 0;
    out->phase %= out->step; /* an index origin below the first value keeps the phase small */
    return holds_all(*out, values, n);
}

uint64_t ac_set_saves(const uint64_t *values, uint32_t n, const uint32_t *counts)
{
    uint64_t saved = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t before = i ? values[i] - values[i - 1] : 1, after = i + 1 < n ? values[i + 1] - values[i] : before;
        const uint64_t near = before < after ? before : after;
        saved += (uint64_t)counts[i] * (uint32_t)ac_log512(near < FAR ? (uint32_t)near : FAR);
    }
    return saved;
}

/* What is learned of the distances between values while they are coded. */
typedef struct {
    ac_decision changes[3][2], several[3][3], is_less;
    ac_number multiples, rests, others;
    uint32_t kind, near[2];
    uint64_t unit;
} distances;

/* A distance as so many units and what is left of it, less or more. */
typedef struct {
    uint64_t multiple, rest;
    int is_less;
} units;

static units in_units(uint64_t distance, uint64_t unit)
{
    const uint64_t whole = distance / unit, rest = distance % unit;
    if (whole && rest < unit - rest) return (units){whole, rest, 0};
    return (units){whole + 1, unit - rest, 1};
}

static uint64_t nearest(uint64_t number, uint64_t divisor)
{
    const uint64_t whole = number / divisor, rest = number % divisor;
    return whole + (rest >= divisor - rest);
}

static uint64_t changed_unit(uint64_t distance, uint64_t multiple)
{
    const uint64_t unit = nearest(distance, multiple);
    return unit ? unit : 1;
}

static void know(distances *known, uint32_t kind, uint64_t multiple, uint64_t distance)
{
    known->kind = kind;
    if (kind == OTHER) {
        known->unit = distance;
        return;
    }
    known->near[1] = known->near[0];
    known->near[0] = multiple < 2 ? 0 : multiple < 3 ? 1 : 2;
    if (kind == CHANGED) known->unit = changed_unit(distance, multiple);
}

static uint32_t bits_of(uint64_t v) { return v ? 64 - (uint32_t)__builtin_clzll(v) : 0; }

/* About the bits of the distances before values first to end - 1 as multiples of a unit and what it becomes. */
static uint32_t ahead(const uint64_t *values, uint32_t first, uint32_t end, uint64_t unit)
{
    uint32_t bits = 0;
    for (uint32_t i = first; i < end; i++) {
        const uint64_t distance = values[i] - values[i - 1];
        const units u = in_units(distance, unit);
        bits += 2 * bits_of(u.multiple);
        if (!u.rest) continue;
        bits += 2 * bits_of(u.rest) + 2;
        unit = changed_unit(distance, u.multiple);
    }
    return bits;
}

static void record_distance(ac_records *r, distances *known, const uint64_t *values, uint32_t i, uint32_t n)
{
    const uint64_t distance = values[i] - values[i - 1];
    const units u = in_units(distance, known->unit);
    const uint32_t end = n - i > 1 + LOOK_AHEAD ? i + 1 + LOOK_AHEAD : n;
    uint32_t kind = u.rest ? CHANGED : SAME;
    if (known->unit > UINT64_MAX / u.multiple)
        kind = OTHER;
    else if (distance != known->unit && ahead(values, i, end, known->unit) > 2 * bits_of(distance) + NEW_UNIT + ahead(values, i + 1, end, distance))
        kind = OTHER;
    ac_records_choose(r, &known->changes[known->kind][0], kind != SAME);
    if (kind != SAME) ac_records_choose(r, &known->changes[known->kind][1], kind == OTHER);
    if (kind == OTHER) {
        ac_records_number(r, &known->others, distance);
    } else {
        ac_records_choose(r, &known->several[known->near[0]][known->near[1]], u.multiple > 1);
        if (u.multiple > 1) ac_records_number(r, &known->multiples, u.multiple - 1);
    }
    if (kind == CHANGED) {
        ac_records_choose(r, &known->is_less, u.is_less);
        ac_records_number(r, &known->rests, u.rest);
    }
    know(known, kind, u.multiple, distance);
}

uint8_t *ac_set_pack(const uint64_t *values, uint32_t n, size_t *length)
{
    ac_records r = {0};
    distances known = {.unit = 1};
    for (uint32_t i = 1; i < n && !r.is_short; i++) record_distance(&r, &known, values, i, n);
    return ac_records_pack(&r, length);
}

/* The next distance, 0 where it is none below 2^64. */
static uint64_t take_distance(ac_choices *c, distances *known)
{
    uint32_t kind = SAME;
    uint64_t multiple = 1, distance;
    ac_decision *const changes = known->changes[known->kind];
    if (ac_choices_take(c, &changes[0])) kind = ac_choices_take(c, &changes[1]) ? OTHER : CHANGED;
    if (kind == OTHER) {
        distance = ac_choices_number(c, &known->others);
    } else {
        if (ac_choices_take(c, &known->several[known->near[0]][known->near[1]])) multiple += ac_choices_number(c, &known->multiples);
        if (!multiple || known->unit > UINT64_MAX / multiple) return 0;
        distance = multiple * known->unit;
    }
    if (kind == CHANGED) {
        const int is_less = ac_choices_take(c, &known->is_less);
        const uint64_t rest = ac_choices_number(c, &known->rests);
        if (rest > (is_less ? distance - 1 : UINT64_MAX - distance)) return 0;
        distance = is_less ? distance - rest : distance + rest;
    }
    know(known, kind, multiple, distance);
    return distance;
}

int ac_set_unpack(const uint8_t *data, size_t length, uint64_t *values, uint32_t n)
{
    ac_choices c;
    if (!n || !ac_choices_open(&c, data, length)) return 0;
    distances known = {.unit = 1};
    int is_set = 1;
    values[0] = 0;
    for (uint32_t i = 1; i < n && is_set; i++) {
        const uint64_t distance = take_distance(&c, &known);
        is_set = distance && !c.words.is_short && distance <= UINT64_MAX - values[i - 1];
        if (is_set) values[i] = values[i - 1] + distance;
    }
    return is_set && ac_choices_end(&c);
}
