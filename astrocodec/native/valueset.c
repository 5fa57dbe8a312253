#include "valueset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "log512.h"

enum { LEAST_COUNT = 16, STRETCH = 32 };
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

int ac_set_pays(const uint16_t *values, uint32_t n, const uint32_t *counts)
{
    uint64_t saved = 0, cost = 0, pixels = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t before = i ? (uint32_t)(values[i] - values[i - 1]) : 1u, after = i + 1 < n ? (uint32_t)(values[i + 1] - values[i]) : before;
        saved += (uint64_t)counts[values[i]] * (uint32_t)ac_log512(before < after ? before : after);
        cost += 2 * (uint32_t)ac_log512(before) + 2 * 512;
        pixels += counts[values[i]];
    }
    return saved > 2 * cost && 50 * saved > 512 * pixels;
}

size_t ac_set_pack(const uint16_t *values, uint32_t n, uint8_t *out)
{
    ac_bit_writer bits = {out, ac_set_bound(n), 0, 0};
    ac_rice_mean gaps = ac_rice_start;
    uint32_t next = 0;
    for (uint32_t i = 0; i < n; i++) {
        ac_put_running(&bits, &gaps, values[i] - next);
        next = values[i] + 1u;
    }
    return ac_bytes_of_bits(bits.at);
}

int ac_set_unpack(const uint8_t *data, size_t length, uint16_t *values, uint32_t n)
{
    ac_bit_reader bits = {data, length, 0, 0};
    ac_rice_mean gaps = ac_rice_start;
    uint32_t next = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (next > 65535) return 0;
        const uint32_t gap = ac_take_running(&bits, &gaps);
        if (bits.is_short || gap > 65535 - next) return 0;
        values[i] = (uint16_t)(next + gap);
        next += gap + 1;
    }
    return ac_take_padding(&bits) && bits.at == 8 * length;
}
