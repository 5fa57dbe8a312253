#include <string.h>

#include "quantise_tables.h"
#include "undither_parts.h"

/* What cfitsio takes as its lowest step where a tile has nulls or dither 2: far below 0, so that k - r is rounded. */
static const double FARTHEST = 2147483637.0;
enum { ROUNDS = 64, MOST_ORIGINS = 4096, MOST_TRIES = 512, LAST_SCALES = 12, ORIGINS_NEAR = 128, UNDER = 11 /* 2^31 less FARTHEST */ };

static double power_of_two(int e)
{
    const uint64_t bits = (uint64_t)(e + 1023) << 52;
    double v;
    memcpy(&v, &bits, sizeof v);
    return e < -1022 ? 0 : v;
}

static int exponent_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (int)(bits >> 52 & 2047) - 1023;
}

static uint64_t significand_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
}

static float next_float(float v, int up)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    if (!(bits << 1)) return up ? 1e-45f : -1e-45f;
    bits += (bits >> 31 ? !up : up) ? 1 : UINT32_MAX;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Between which numbers all are rounded to x. */
static void rounded_from(const ac_dithered_tile *t, double x, double *low, double *high)
{
    if (t->is_double) {
        const double half = fmax(fabs(x) * power_of_two(-53), power_of_two(-1022));
        *low = x - half, *high = x + half;
        return;
    }
    *low = 0.5 * (x + (double)next_float((float)x, 0)), *high = 0.5 * (x + (double)next_float((float)x, 1));
}

static double half_ulp(const ac_dithered_tile *t, double x)
{
    double low, high;
    rounded_from(t, x, &low, &high);
    return 0.5 * (high - low);
}

/* The number strictly between two of one sign that has the fewest bits; 0 where there is none. */
static double shortest_between(double low, double high)
{
    if (low < 0 && high > 0) return 0;
    if (high <= 0) return -shortest_between(-high, -low);
    const int e = exponent_of(high);
    for (int bits = 1; bits <= 53; bits++) {
        const double unit = power_of_two(e - bits + 1), v = (floor(low / unit) + 1) * unit;
        if (v < high) return v;
    }
    return 0;
}

static inline double value_of(const ac_dithered_tile *t, double k, double r, double scale, double zero)
{
    const double v = (k - r + 0.5) * scale + zero;
    return t->is_double ? v : (double)(float)v;
}

static int proves(const ac_dithered_tile *t, size_t i, double scale, double zero)
{
    const double r = (double)t->r[i], k = rint((t->x[i] - zero) / scale + (r - 0.5));
    return value_of(t, k, r, scale, zero) == t->x[i];
}

size_t ac_undither_failing(const ac_dithered_tile *t, double scale, double zero, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < t->n && count <= most; i++) count += !proves(t, i, scale, zero);
    return count;
}

/* A pixel on the line, by its k that counts from the line's zero. */
static int on_line(const ac_dithered_tile *t, const ac_dithered_line *line, size_t i, double *k)
{
    const double at = (t->x[i] - line->zero) / line->scale + ((double)t->r[i] - 0.5);
    *k = rint(at);
    return fabs(at - *k) * line->scale <= 4 * half_ulp(t, t->x[i]) + line->scale / 4096;
}

/* zero = m * scale is a shift of k: one number to find, which every pixel bounds. */
static int through_zero(ac_dithered_tile *t, const ac_dithered_line *line, ac_dithered_line *out)
{
    const double m = rint(line->zero / line->scale);
    if (t->is_double || !(fabs(line->zero / line->scale - m) < 0.0625)) return 0;
    double low = 0, high = INFINITY, k;
    for (size_t i = 0; i < t->n; i++) {
        if (!on_line(t, line, i, &k)) continue;
        double least, most;
        rounded_from(t, t->x[i], &least, &most);
        const double a = k + m - (double)t->r[i] + 0.5;
        if (a == 0) continue;
        const double first = least / a, last = most / a;
        low = fmax(low, a > 0 ? first : last), high = fmin(high, a > 0 ? last : first);
    }
    out->scale = low < high && high < INFINITY ? shortest_between(low, high) : 0, out->zero = 0;
    return out->scale > 0;
}

/* The line whose worst pixel is nearest, in units of what each may be off: by exchange among three pixels. */
typedef struct {
    double b, x, off, k, r;
} point;

static int exchange(ac_dithered_tile *t, const point *p, size_t n, double *scale, double *zero, double *worst)
{
    point ref[3];
    size_t low = 0, high = 0;
    if (n < 3) return 0;
    for (size_t i = 1; i < n; i++) low = p[i].b < p[low].b ? i : low, high = p[i].b > p[high].b ? i : high;
    const double middle = 0.5 * (p[low].b + p[high].b);
    size_t mid = SIZE_MAX;
    for (size_t i = 0; i < n; i++)
        if (p[i].b > p[low].b && p[i].b < p[high].b && (mid == SIZE_MAX || fabs(p[i].b - middle) < fabs(p[mid].b - middle))) mid = i;
    if (mid == SIZE_MAX) return 0;
    ref[0] = p[low], ref[1] = p[mid], ref[2] = p[high];
    for (int round = 0; round < ROUNDS && (!round || t->work > 0); round++) {
        t->work -= (int64_t)n / 4; /* they are quick */
        /* x_j = scale b_j + zero + sign_j off_j e, about the middle one. */
        const double b0 = ref[0].b - ref[1].b, b2 = ref[2].b - ref[1].b, x0 = ref[0].x - ref[1].x, x2 = ref[2].x - ref[1].x;
        const double o0 = ref[0].off + ref[1].off, o2 = ref[2].off + ref[1].off;
        const double e = (x0 * b2 - x2 * b0) / (o0 * b2 - o2 * b0), s = (x2 - o2 * e) / b2, c = ref[1].x + ref[1].off * e;
        size_t far = 0;
        double most = -1;
        for (size_t i = 0; i < n; i++) {
            const double d = fabs(p[i].x - c - s * (p[i].b - ref[1].b)) / p[i].off;
            if (d > most) most = d, far = i;
        }
        *scale = s, *zero = c - s * ref[1].b, *worst = most;
        if (most <= fabs(e) * (1 + 1e-6)) return 1;
        const point q = p[far];
        const int sign = (q.x - c - s * (q.b - ref[1].b) > 0) == (e > 0) ? 1 : -1; /* that of the outer ones is 1 */
        if (q.b < ref[0].b) {
            if (sign < 0) ref[2] = ref[1], ref[1] = ref[0];
            ref[0] = q;
        } else if (q.b > ref[2].b) {
            if (sign < 0) ref[0] = ref[1], ref[1] = ref[2];
            ref[2] = q;
        } else if (sign < 0) {
            ref[1] = q;
        } else {
            ref[q.b < ref[1].b ? 0 : 2] = q;
        }
        if (!(ref[0].b < ref[1].b && ref[1].b < ref[2].b)) return 1;
    }
    return 1;
}

/* A zero of its own. */
static int with_zero(ac_dithered_tile *t, const ac_dithered_line *line, ac_dithered_line *out)
{
    point *p = t->room;
    size_t n = 0;
    double k, s, c, worst, least = INFINITY, first = INFINITY, last = -INFINITY;
    for (size_t i = 0; i < t->n; i++) {
        if (!on_line(t, line, i, &k)) continue;
        p[n++] = (point){k - (double)t->r[i] + 0.5, t->x[i], half_ulp(t, t->x[i]), 0, 0};
        least = fmin(least, p[n - 1].off), first = fmin(first, p[n - 1].b), last = fmax(last, p[n - 1].b);
    }
    if (!exchange(t, p, n, &s, &c, &worst)) return 0;
    *out = (ac_dithered_line){s, c, 0};
    if (worst >= 1) return s > 0;
    const double room = 0.25 * (1 - worst) * least / (1 + fmax(fabs(first), fabs(last))), scale = shortest_between(s - room, s + room);
    double low = -INFINITY, high = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double from, to;
        rounded_from(t, p[i].x, &from, &to);
        low = fmax(low, from - p[i].b * scale), high = fmin(high, to - p[i].b * scale);
    }
    if (low < high) *out = (ac_dithered_line){scale, shortest_between(low, high), 0};
    return out->scale > 0;
}

/* Scale and zero that hang together: k counts from `lowest` on, and zero = multiple * scale + added. */
typedef struct {
    double lowest, multiple, added;
} family;

static double zero_of(const family *f, double scale) { return f->multiple * scale + f->added; }

static int is_proven(const ac_dithered_tile *t, const family *f, const point *p, double scale, double zero)
{
    return value_of(t, p->k + f->lowest, p->r, scale, zero) == p->x;
}

static size_t unproven(const ac_dithered_tile *t, const family *f, const point *p, size_t n, double scale, size_t most)
{
    const double zero = zero_of(f, scale);
    size_t count = 0;
    for (size_t i = 0; i < n && count <= most; i++) count += !is_proven(t, f, &p[i], scale, zero);
    return count;
}

/* Halves the room of the scale at every pixel that is not proven, those within `least` of the middle left out, until all are: 1, or 0 where
 * no room is left. */
static int narrow(ac_dithered_tile *t, const family *f, const point *p, size_t n, double least, double *low, double *high, double *scale)
{
    double s = 0.5 * (*low + *high), zero = zero_of(f, s);
    size_t proven = 0;
    for (size_t i = 0; proven < n; i = i + 1 == n ? 0 : i + 1) {
        const double v = value_of(t, p[i].k + f->lowest, p[i].r, s, zero);
        proven++;
        if (t->work-- < 0) break;
        if (v == p[i].x || fabs(p[i].b) < least) continue;
        *((v > p[i].x) == (p[i].b > 0) ? high : low) = s;
        const double next = 0.5 * (*low + *high);
        if (next == s || next <= *low || next >= *high) break;
        s = next, zero = zero_of(f, s), proven = 0;
    }
    *scale = s;
    return proven >= n;
}

/* The same numbers by a scale of few bits. */
static double shortened(const ac_dithered_tile *t, const family *f, const point *p, size_t n, double scale)
{
    for (int bits = 26; bits < 50; bits += 3) {
        const double unit = power_of_two(exponent_of(scale) - bits + 1), v = rint(scale / unit) * unit;
        if (!unproven(t, f, p, n, v, 0)) return v;
    }
    return scale;
}

/* Tries a family; `least` are the pixels that the best so far does not prove. */
static int try_family(ac_dithered_tile *t, const family *f, const point *p, size_t n, double scale, double reach, size_t *least, ac_dithered_line *out)
{
    double s, last, low = scale - reach, high = scale + reach, most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs(p[i].b));
    int all = narrow(t, f, p, n, most / 4, &low, &high, &s);
    if (all && unproven(t, f, p, n, s, 0)) {
        all = narrow(t, f, p, n, 0, &low, &high, &last);
        if (all) s = last;
    }
    const size_t fails = all ? 0 : unproven(t, f, p, n, s, *least);
    if (fails < *least) {
        if (all) s = shortened(t, f, p, n, s);
        *out = (ac_dithered_line){s, zero_of(f, s), 0}, *least = fails;
    }
    return all;
}

/* Doubles: zero is m * scale, rounded, with the k of the lowest pixel near 0. */
static int at_multiple(ac_dithered_tile *t, const ac_dithered_line *line, ac_dithered_line *out)
{
    point *p = t->room;
    const double m = rint(line->zero / line->scale);
    double k, lowest = INFINITY, highest = -INFINITY, off = 0;
    size_t n = 0, least = t->n / 8;
    if (!t->is_double || !(fabs(line->zero / line->scale - m) < 0.0625)) return 0;
    for (size_t i = 0; i < t->n; i++) {
        if (!on_line(t, line, i, &k)) continue;
        const double r = (double)t->r[i];
        p[n] = (point){k + m - r + 0.5, t->x[i], half_ulp(t, t->x[i]), k + m, r};
        lowest = fmin(lowest, k + m), highest = fmax(highest, k + m), off = fmax(off, p[n++].off);
    }
    const double reach = line->scale * 0x1p-50 + 8 * off / (1 + highest - lowest), outer = fmax(fabs(lowest), fabs(highest)) / 4;
    for (int origin = 0; n && least && origin < ORIGINS_NEAR && t->work > 0; origin++) {
        const double first = lowest + (origin & 1 ? (origin + 1) / 2 : -origin / 2);
        const family f = {-first, first, 0};
        double low = line->scale - reach, high = line->scale + reach, s;
        narrow(t, &f, p, n, outer, &low, &high, &s);
        /* Those near 0 do not say which way, but which of the last few scales it is. */
        for (int i = -LAST_SCALES; i <= LAST_SCALES; i++) {
            const double tried = s + i * power_of_two(exponent_of(s) - 52);
            const size_t fails = unproven(t, &f, p, n, tried, least);
            t->work -= 16;
            if (fails < least) *out = (ac_dithered_line){tried, zero_of(&f, tried), 0}, least = fails;
        }
    }
    return least < t->n / 8;
}

/* What is cut off where FARTHEST * scale is rounded to units, in units. */
static double cut_off(double scale)
{
    const uint64_t part = significand_of(scale) * UNDER & 0x7fffffff;
    const double f = (double)part * 0x1p-31;
    return f <= 0.5 ? -f : 1 - f;
}

/* How far a number may be off a line that is rounded to units first, then to the array's type, halves to even. */
static double off_by(const ac_dithered_tile *t, double x, double unit)
{
    const double half = half_ulp(t, x), part = x / (4 * half);
    if (2 * half <= unit) return 0.5 * unit;
    return part == rint(part) ? half + 0.5 * unit : half - 0.5 * unit;
}

/* The scale that a noise gives, with a lowest step near that of the pixels. */
static int by_noise(ac_dithered_tile *t, const point *p, size_t n, double scale, double zero, double unit, double reach, ac_dithered_line *out)
{
    double middle = 0;
    for (size_t i = 0; i < n; i++) middle += p[i].b / (double)n;
    for (int i = 0; i < AC_NOISE_LEVELS * AC_NOISES && t->work > 0; i++) {
        const float level = ac_noise_levels[i / AC_NOISES];
        const double s = ac_noise_scale(scale, i % AC_NOISES, level), c = zero + (scale - s) * middle;
        if ((t->level != 0 && t->level != level) || fabs(s - scale) > reach) continue;
        for (int origin = 0; origin < ORIGINS_NEAR; origin++) {
            const double shift = origin & 1 ? (origin + 1) / 2 : -origin / 2, above = rint((c - shift * s) / unit + cut_off(s));
            for (int aside = -1; aside <= 1; aside++) {
                const family f = {shift - FARTHEST, FARTHEST, (above + aside) * unit};
                t->work -= 4;
                if (unproven(t, &f, p, n, s, 0)) continue;
                *out = (ac_dithered_line){s, zero_of(&f, s), 0};
                t->level = level;
                return 1;
            }
        }
    }
    return 0;
}

/* Steps far below 0: k - r is rounded to 2^-22, and products and zero to units of 2^-21 of the power of two in the scale. */
static int far_below(ac_dithered_tile *t, const ac_dithered_line *line, ac_dithered_line *out)
{
    point *p = t->room;
    const double unit = power_of_two(exponent_of(line->scale) - 21);
    double k, lowest = INFINITY, s, c, worst, most = 0, last = 0, least_off = INFINITY;
    size_t n = 0, least = t->n;
    for (size_t i = 0; i < t->n; i++)
        if (on_line(t, line, i, &k)) lowest = fmin(lowest, k);
    for (size_t i = 0; i < t->n; i++) {
        if (!on_line(t, line, i, &k)) continue;
        const double r = (double)t->r[i], b = (k - lowest - FARTHEST - r + 0.5) + FARTHEST;
        p[n] = (point){b, t->x[i], off_by(t, t->x[i], unit), k - lowest, r};
        most = fmax(most, p[n].off), least_off = fmin(least_off, p[n].off), last = fmax(last, b), n++;
    }
    if (!exchange(t, p, n, &s, &c, &worst) || !(s > 0) || worst > 4 || exponent_of(s) != exponent_of(line->scale)) return 0;
    const double reach = 4 * most / (1 + last);
    if (by_noise(t, p, n, s, c, unit, reach, out)) return 1;
    /* The lowest k is free: one is taken whose zero falls where it must, among units. */
    const double slack = fmax(16 * (1 - worst), 0.24) * (least_off / unit);
    for (int tries = 0, origin = 0; origin < MOST_ORIGINS && tries < MOST_TRIES && t->work > 0; origin++) {
        const double shift = origin & 1 ? (origin + 1) / 2 : -origin / 2, at = (c - shift * s) / unit + cut_off(s);
        if (fabs(at - rint(at)) > slack) continue;
        const family f = {shift - FARTHEST, FARTHEST, rint(at) * unit};
        if (try_family(t, &f, p, n, s, reach, &least, out)) return 1;
        tries++;
    }
    return least < t->n;
}

double ac_undither_zero(double scale, double zero, double other)
{
    if (fabs(zero) < 0x1p30 * scale) return zero;
    const double above = zero - FARTHEST * scale;
    return FARTHEST * other + above;
}

typedef int model(ac_dithered_tile *, const ac_dithered_line *, ac_dithered_line *);

size_t ac_undither_tile(ac_dithered_tile *t, const ac_dithered_line *line, ac_dithered_line *found)
{
    static model *const models[] = {through_zero, at_multiple, far_below, with_zero};
    enum { MODELS = sizeof models / sizeof models[0] };
    size_t least = t->n;
    const uint32_t first = t->kind;
    for (uint32_t i = 0; i < MODELS && least > t->n / 256; i++) {
        const uint32_t kind = i ? (i <= first ? i - 1 : i) : first;
        ac_dithered_line tried;
        if (!models[kind](t, line, &tried)) continue;
        const size_t fails = ac_undither_failing(t, tried.scale, tried.zero, least);
        if (fails < least) least = fails, *found = tried, t->kind = kind;
    }
    found->within = t->n - least;
    return least;
}
