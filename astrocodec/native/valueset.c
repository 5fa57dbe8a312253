#include "valueset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "log512.h"

enum { LEAST_COUNT = 16, STRETCH = 32 };
/* How a set is coded; more bits than those of FAR are saved nowhere. */
enum { DISTANCES, MULTIPLES, MAX_MULTIPLE = 65535, FAR = 1 << 30 };
static const uint64_t MAX_VALUE = ((uint64_t)1 << 62) - 1;
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

int ac_set_pays(const uint64_t *values, uint32_t n, const uint32_t *counts)
{
    const uint64_t saved = ac_set_saves(values, n, counts);
    uint64_t pixels = 0;
    for (uint32_t i = 0; i < n; i++) pixels += counts[i];
    if (50 * saved <= 512 * pixels || saved <= 2 * 512 * (uint64_t)n) return 0; /* a value takes a bit at least */
    uint8_t *packed = malloc(ac_set_bound(n));
    if (!packed) return 0;
    const size_t cost = ac_set_pack(values, n, packed);
    free(packed);
    return saved > 2 * 512 * 8 * (uint64_t)cost;
}

/* From the value before; that before the first is -1. */
static uint64_t distance(const uint64_t *values, uint32_t i) { return values[i] - (i ? values[i - 1] : (uint64_t)-1); }

static size_t pack_distances(const uint64_t *values, uint32_t n, uint8_t *out)
{
    ac_bit_writer bits = {out, ac_set_bound(n), 0, 0};
    ac_rice_mean mean = ac_rice_start;
    ac_put_bits(&bits, DISTANCES, 1);
    for (uint32_t i = 0; i < n; i++) ac_put_far(&bits, &mean, distance(values, i) - 1);
    return ac_bytes_of_bits(bits.at);
}

static uint64_t far_cost(uint64_t value, uint32_t k)
{
    const uint64_t ones = value >> k;
    return ones < AC_RICE_LONG ? ones + k : AC_RICE_LONG + ac_bits_of(value);
}

static size_t pack_multiples(const uint64_t *values, uint32_t n, uint8_t *out)
{
    ac_bit_writer bits = {out, ac_set_bound(n), 0, 0};
    ac_rice_mean multiples = ac_rice_start, others = ac_rice_start;
    uint64_t unit = 1;
    ac_put_bits(&bits, MULTIPLES, 1);
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t d = distance(values, i), number = d / unit;
        uint64_t symbol = number * unit != d || number > MAX_MULTIPLE ? 1 : number == 1 ? 0 : number;
        const uint32_t k = ac_rice_parameter(&multiples);
        if (far_cost(symbol, k) > far_cost(1, k) + far_cost(d - 1, ac_rice_parameter(&others))) symbol = 1;
        ac_put_far(&bits, &multiples, symbol);
        if (symbol != 1) continue;
        ac_put_far(&bits, &others, d - 1);
        unit = d;
    }
    return ac_bytes_of_bits(bits.at);
}

size_t ac_set_pack(const uint64_t *values, uint32_t n, uint8_t *out)
{
    const size_t multiples = pack_multiples(values, n, out), distances = pack_distances(values, n, out);
    return distances <= multiples ? distances : pack_multiples(values, n, out);
}

int ac_set_unpack(const uint8_t *data, size_t length, uint64_t *values, uint32_t n)
{
    ac_bit_reader bits = {data, length, 0, 0};
    ac_rice_mean means[2] = {ac_rice_start, ac_rice_start};
    const uint64_t are_multiples = ac_take_bits(&bits, 1) == MULTIPLES;
    uint64_t last = (uint64_t)-1, unit = 1;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t symbol = 1;
        if (are_multiples && !ac_take_far(&bits, &means[0], MAX_MULTIPLE, &symbol)) return 0;
        if (symbol == 1) {
            if (!ac_take_far(&bits, &means[are_multiples], MAX_VALUE, &unit)) return 0;
            unit++;
        }
        if (!symbol) symbol = 1;
        if (bits.is_short || unit > (MAX_VALUE - last) / symbol) return 0;
        values[i] = last += symbol * unit;
    }
    return !bits.is_short && ac_take_padding(&bits) && bits.at == 8 * length;
}
