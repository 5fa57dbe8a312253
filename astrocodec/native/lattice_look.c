#include "lattice_look.h"

#include <math.h>
#include <string.h>

#include "array.h"
#include "wide_vectors.h"

/* SPREAD values tell where most of them are; of SCAN values those of a narrow window there are looked at closely. */
enum { SPREAD = 1024, SCAN = 1 << 16, CLOSE = 256, CHUNK = 512, BESIDE = 12, FEWEST = 12, SMALLEST = 48, CANDIDATES = 6 + 6 + 10 };

double ac_ulp(double v, int is_single)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    const int digits = is_single ? 23 : 52, least = is_single ? 1023 - 126 : 1;
    int exponent = (int)(bits >> 52 & 2047);
    exponent = exponent < least ? least : exponent;
    if (exponent <= digits) return 4.9406564584124654e-324;
    bits = (uint64_t)(exponent - digits) << 52;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Shell's way: some hundred values are sorted in no time. */
static void sort(double *v, uint32_t n)
{
    static const uint32_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (uint32_t i = gaps[g]; i < n; i++) {
            const double x = v[i];
            uint32_t at = i;
            for (; at >= gaps[g] && v[at - gaps[g]] > x; at -= gaps[g]) v[at] = v[at - gaps[g]];
            v[at] = x;
        }
}

/* What a lattice may be made of: neither zero, which is written where nothing was seen, nor near the ends of the type. */
static inline int is_usual(double v) { return fabs(v) > 1e-30 && fabs(v) < 1e30; }

static uint32_t sort_unique(double *v, uint32_t n)
{
    if (!n) return 0;
    sort(v, n);
    uint32_t m = 1;
    for (uint32_t i = 1; i < n; i++)
        if (v[i] != v[m - 1]) v[m++] = v[i];
    return m;
}

/* Values spread over the array, ascending. */
static uint32_t spread_values(const ac_floats *f, uint64_t total, double *v)
{
    const uint64_t stride = f->count / total;
    uint32_t n = 0;
    for (uint64_t i = 0; i < total; i++) {
        const double x = ac_float_at(f, i * stride + (i * 0x9e3779b97f4a7c15u >> 32) % stride);
        if (is_usual(x)) v[n++] = x;
    }
    return sort_unique(v, n);
}

/* Values between two limits, of parts spread over the array, ascending. */
static uint32_t close_values(const ac_floats *f, double low, double high, double *v)
{
    const uint64_t parts = ac_larger(1, ac_smaller(SCAN, f->count) / CHUNK), length = ac_smaller(CHUNK, f->count);
    const uint32_t most = (uint32_t)ac_smaller(ac_larger(f->count / 512, 96), CLOSE);
    uint32_t n = 0;
    for (uint64_t p = 0; p < parts && n < most; p++) {
        const uint64_t first = p * (f->count - length) / (parts > 1 ? parts - 1 : 1);
        for (uint64_t i = first; i < first + length && n < most; i++) {
            const double x = ac_float_at(f, i);
            v[n] = x;
            n += x >= low && x <= high && is_usual(x);
        }
    }
    return sort_unique(v, n);
}

/* How many distances are multiples of the step, about. */
static inline __attribute__((always_inline)) uint32_t multiples(const double *distance, uint32_t n, double step)
{
    const double inverse = 1 / step;
    uint32_t good = 0;
    for (uint32_t i = 0; i < n; i++) {
        const double t = distance[i] * inverse, m = floor(t + 0.5);
        good += m >= 1 && fabs(t - m) < 0.2;
    }
    return good;
}

/* A step from distances of which `step` is about one, and more and larger ones. */
static inline __attribute__((always_inline)) double refined(const double *distance, uint32_t n, double step, double error)
{
    double most = floor(0.2 * step / error);
    for (int round = 0; round < 8; round++) {
        double sum = 0, count = 0;
        uint32_t used = 0;
        most = most < 1 ? 1 : most;
        const double inverse = 1 / step;
        for (uint32_t i = 0; i < n; i++) {
            const double t = distance[i] * inverse, m = floor(t + 0.5);
            if (m < 1 || m > most || fabs(t - m) > 0.25) continue;
            sum += distance[i], count += m, used++;
        }
        if (used < 2) break;
        step = sum / count;
        if (most > 1e6) break;
        most *= 8;
    }
    return step;
}

/* What x >= y are about multiples of, as far as errors like `error` tell. */
static double common(double x, double y, double error)
{
    /* An error grows with the multiple, so that a rest below this may be nothing. */
    const double nothing = 0.5 * sqrt(error * x), whole = x;
    double multiple = 1, before = 0;
    for (int i = 0; i < 64 && y > nothing; i++) {
        double quotient = floor(x / y), rest = x - quotient * y;
        if (y - rest < nothing) quotient += 1, rest = 0;
        const double next = quotient * multiple + before;
        before = multiple, multiple = next;
        x = y, y = rest;
    }
    return whole / multiple;
}

/* The largest step that most distances are multiples of; 0 if there is none above `error`, that of a distance. */
static inline __attribute__((always_inline)) double find_step(const double *distance, uint32_t n, double error)
{
    double sorted[CLOSE], best = 0;
    memcpy(sorted, distance, n * sizeof *sorted);
    sort(sorted, n);
    uint32_t count = 0;
    const uint32_t few = n < SMALLEST ? n : SMALLEST;
    double candidate[CANDIDATES];
    for (uint32_t i = 0; i < 6 && i < n; i++) candidate[count++] = sorted[i];
    for (uint32_t i = 2; i <= 64; i *= 2) candidate[count++] = sorted[n / i];
    for (uint32_t i = 1; i <= 4; i++)
        for (uint32_t j = i + 1; j <= 5; j++) candidate[count++] = common(sorted[j * (n - 1) / 6], sorted[i * (n - 1) / 6], error);
    for (uint32_t i = 0; i < count; i++) {
        if (!(candidate[i] > 1.5 * error) || fabs(candidate[i] - best) < 0.01 * best) continue;
        /* of most others this shows that they are none */
        double step = refined(sorted, few, candidate[i], error);
        if (step <= best || 2 * multiples(sorted, few, step) <= few) continue;
        step = refined(distance, n, step, error);
        if (step > best && step > 1.5 * error && 4 * multiples(distance, n, step) > 3 * n) best = step;
    }
    return best;
}

static double find_step_plain(const double *distance, uint32_t n, double error) { return find_step(distance, n, error); }
WIDE_VECTORS static double find_step_wide(const double *distance, uint32_t n, double error) { return find_step(distance, n, error); } /* which round in one operation */

/* Sums for the line of least squares, of values less `middle`. */
typedef struct {
    double n, k, x, kk, kx;
} sums;

static void add_point(sums *s, double k, double x) { s->n += 1, s->k += k, s->x += x, s->kk += k * k, s->kx += k * x; }

static void fit(const sums *s, double *step, double *at)
{
    const double d = s->n * s->kk - s->k * s->k;
    if (!(d > 0)) return;
    const double slope = (s->n * s->kx - s->k * s->x) / d;
    if (!(slope > 0.5 * *step && slope < 2 * *step)) return;
    *step = slope, *at = (s->x - slope * s->k) / s->n;
}

/* The line through ascending values, from the one at `start` outwards; how many are on it. */
static uint32_t draw_line(const double *v, uint32_t n, uint32_t start, double *step, double *middle)
{
    double at = 0, reach = 4;
    const double centre = v[start];
    for (int round = 0; round < 2; round++) {
        sums s = {0};
        uint32_t low = start, high = start;
        while (low > 0 || high + 1 < n) {
            const int up = high + 1 < n && (!low || v[high + 1] - centre <= centre - v[low - 1]);
            const double x = (up ? v[++high] : v[--low]) - centre, k = floor((x - at) / *step + 0.5);
            if (!round && fabs(k) > reach) fit(&s, step, &at), reach = 2 * fabs(k);
            if (fabs(x - at - *step * k) < 0.25 * *step) add_point(&s, k, x);
        }
        fit(&s, step, &at);
    }
    uint32_t on = 0;
    for (uint32_t i = 0; i < n; i++) {
        const double x = v[i] - centre - at;
        on += fabs(x - *step * floor(x / *step + 0.5)) < 0.25 * *step;
    }
    *middle = centre + at;
    return on;
}

/* What most indices have in common is part of the step. */
static void widen(ac_line *line)
{
    static const int64_t primes[] = {2, 3, 5, 7};
    for (size_t p = 0; p < sizeof primes / sizeof *primes; p++) {
        for (;;) {
            uint32_t rest[7] = {0}, most = 0;
            for (uint32_t i = 0; i < line->count; i++) rest[(line->index[i] % primes[p] + primes[p]) % primes[p]]++;
            for (uint32_t r = 1; r < primes[p]; r++) most = rest[r] > rest[most] ? r : most;
            if (20 * rest[most] < 19 * line->count || line->index[line->count - 1] - line->index[0] < 4 * primes[p]) break;
            uint32_t n = 0;
            for (uint32_t i = 0; i < line->count; i++) {
                if ((line->index[i] - most) % primes[p]) continue;
                line->values[n] = line->values[i], line->index[n++] = (line->index[i] - most) / primes[p];
            }
            line->middle += line->step * most, line->step *= (double)primes[p], line->count = n;
        }
    }
}

static uint32_t merge(const double *a, uint32_t n, const double *b, uint32_t m, double *out)
{
    memcpy(out, a, n * sizeof *out);
    memcpy(out + n, b, m * sizeof *out);
    return sort_unique(out, n + m);
}

/* Whether all values are those of float32, and the zeros that all end in. */
static int are_single(const double *v, uint32_t n, uint32_t *zeros)
{
    uint64_t all = 0, bits;
    int single = 1;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(&bits, v + i, sizeof bits);
        all |= bits, single &= (double)(float)v[i] == v[i];
    }
    *zeros = all ? (uint32_t)__builtin_ctzll(all) : 0;
    if (single) *zeros = *zeros > 29 ? *zeros - 29 : 0;
    return single;
}

int ac_lattice_look(ac_floats *f, ac_line *line)
{
    if (f->count < 4 * FEWEST) return 0;
    double spread[SPREAD], close[CLOSE + 1], distance[CLOSE];
    uint32_t n = spread_values(f, ac_smaller(ac_larger(f->count / 512, 96), ac_smaller(SPREAD, f->count)), spread);
    if (n < FEWEST) return 0;
    uint32_t zeros;
    f->is_single = are_single(spread, n, &zeros);
    const uint32_t half = n / 2, low = half > BESIDE ? half - BESIDE : 0, high = half + BESIDE < n ? half + BESIDE : n - 1;
    const uint32_t m = close_values(f, spread[low], spread[high], close);
    if (m < FEWEST) return 0;
    for (uint32_t i = 0; i + 1 < m; i++) distance[i] = close[i + 1] - close[i];
    const double error = ldexp(ac_ulp(fmax(fabs(close[0]), fabs(close[m - 1])), f->is_single), zeros < 40 ? (int)zeros : 40);
    line->step = (HAS_WIDE_VECTORS ? find_step_wide : find_step_plain)(distance, m - 1, error);
    if (line->step == 0) return 0;
    double values[AC_LATTICE_POINTS];
    n = spread_values(f, ac_smaller(SPREAD, f->count), spread); /* more of them, for it is one */
    const uint32_t all = merge(spread, n, close, m, values);
    uint32_t first = 0, start = 0; /* one that is on the lattice with its neighbour, near the middle of the window */
    for (uint32_t i = m / 4; i + 1 < m; i++) {
        const double t = distance[i] / line->step;
        if (fabs(t - floor(t + 0.5)) < 0.1) {
            first = i;
            if (i >= m / 2) break;
        }
    }
    while (values[start] < close[first]) start++;
    if (10 * draw_line(values, all, start, &line->step, &line->middle) < 9 * all) return 0;
    line->count = 0;
    for (uint32_t i = 0; i < all; i++) {
        const double t = (values[i] - line->middle) / line->step, k = floor(t + 0.5);
        if (fabs(t - k) > 0.25 || fabs(k) > 4e15) continue;
        line->values[line->count] = values[i], line->index[line->count++] = (int64_t)k;
    }
    if (line->count < FEWEST) return 0;
    widen(line);
    line->sampled = line->count;
    return 1;
}
