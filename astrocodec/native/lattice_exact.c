#include "lattice_exact.h"

#include <math.h>
#include <string.h>

/* SCREEN points tell most candidates apart. */
enum { SCREEN = 32, NEAR = 8, LIKELY = 4, CORNERS = 64 };

typedef struct {
    const ac_line *line;
    double step, middle, error; /* of least squares, at index 0; and five times how wrong the step may be */
    int64_t least, most, centre; /* of the indices */
    double largest;              /* of the values, in magnitude */
    int is_single;
    uint32_t screen[2][SCREEN]; /* two choices of points, for some may be wrong */
    uint32_t screened;
    ac_lattice_rule best;
    uint32_t misses; /* of the best */
} search;

static double nth_double(double v, int n)
{
    for (; n > 0; n--) v = nextafter(v, INFINITY);
    for (; n < 0; n++) v = nextafter(v, -INFINITY);
    return v;
}

static double nth_float(double v, int n, int is_single)
{
    return is_single ? (double)(float)(v + n * ac_ulp(v, 1)) : nth_double(v, n);
}

/* The number of fewest digits from low to high, else their middle. */
static double simplest(double low, double high)
{
    static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const double middle = low + (high - low) / 2, size = fabs(middle);
    if (low <= 0 && high >= 0) return 0;
    for (int places = -9; places <= 22; places++) {
        const double ten = tens[places < 0 ? -places : places], digits = places < 0 ? size / ten : size * ten;
        if (digits < 0.5) continue;
        if (digits > 1e15) break;
        const double whole = floor(digits + 0.5), near = places < 0 ? whole * ten : whole / ten, v = middle < 0 ? -near : near;
        if (v >= low && v <= high) return v;
    }
    return middle;
}

/* The number of fewest binary digits from low to high. */
static double shortest(double low, double high)
{
    if (low <= 0 && high >= 0) return 0;
    const double most = fmax(fabs(low), fabs(high));
    for (int e = ilogb(most); e > ilogb(most) - 52; e--) {
        const double unit = ldexp(1, e), v = ceil(low / unit) * unit;
        if (v <= high) return v;
    }
    return low + (high - low) / 2;
}

/* Half the distance to the floats beside v. */
static double half_ulp(const search *s, double v) { return ac_ulp(v, s->is_single) / 2; }

static int64_t k_of(const search *s, const ac_lattice_rule *r, uint32_t i) { return s->line->index[i] + r->origin; }

/* Keeps a rule that gives more of the points than those before; 1 if it gives all. */
static int consider(search *s, const ac_lattice_rule *r)
{
    uint32_t misses = 0;
    for (uint32_t i = 0; i < s->line->count && misses < s->misses; i++) misses += ac_lattice_value(r, k_of(s, r, i)) != s->line->values[i];
    if (misses < s->misses) s->best = *r, s->misses = misses;
    return !s->misses;
}

/* Limits narrowed by two more, unless nothing would be left. */
static int narrow(double *low, double *high, double least, double most)
{
    if (fmax(*low, least) > fmin(*high, most)) return 0;
    *low = fmax(*low, least), *high = fmin(*high, most);
    return 1;
}

/* The product and the sum of two doubles, and what rounding lost. */
static double product_of(double a, double b, double *lost)
{
    const double split = 134217729, as = split * a, bs = split * b, ah = as - (as - a), bh = bs - (bs - b), al = a - ah, bl = b - bh, p = a * b;
    *lost = ((ah * bh - p) + ah * bl + al * bh) + al * bl;
    return p;
}

static double sum_of(double a, double b, double *lost)
{
    const double s = a + b, t = s - a;
    *lost = (a - (s - t)) + (b - t);
    return s;
}

/* Between what the zero is, that is, `from` and so much more. */
typedef struct {
    double from, low, high;
} limits;

/* Narrows the limits of the zero by what gives a point, the first of all or one more. */
static int narrow_zero(const search *s, const ac_lattice_rule *r, uint32_t i, int is_first, limits *z)
{
    const double k = (double)k_of(s, r, i), x = s->line->values[i], half = half_ulp(s, x);
    double lost, room = half, zero;
    if (r->zero_first) {
        const double sum = r->divides ? x * r->scale : x / r->scale;
        room = r->divides ? half * r->scale : half / r->scale;
        room += (r->rounds_each ? half_ulp(s, sum) : 0) + ac_ulp(sum, 0); /* of the sum, and of ours */
        zero = sum_of(sum, -k, &lost);
    } else {
        zero = sum_of(x, -ac_lattice_rounded(r, r->divides ? k / r->scale : k * r->scale), &lost);
    }
    if (is_first) *z = (limits){ac_lattice_rounded(r, zero), -INFINITY, INFINITY};
    const double more = (zero - z->from) + lost;
    return narrow(&z->low, &z->high, more - room, more + room);
}

/* A zero with which scale and origin give the points, if the limits that some of them set leave one. `cost` grows by about the number of screens that this took. */
static int find_zero(search *s, int set, ac_lattice_rule *r, uint32_t *cost)
{
    ++*cost;
    limits z;
    for (uint32_t i = 0; i < s->screened; i++)
        if (!narrow_zero(s, r, s->screen[set][i], !i, &z)) return 0;
    const int single = s->is_single && r->rounds_each;
    const double apart = ac_ulp(z.from, single);
    if (ceil(z.low / apart - 0.01) > floor(z.high / apart + 0.01)) return 0; /* there is no float */
    *cost += s->line->count / 2;
    for (uint32_t i = 0; i < s->line->count; i++) narrow_zero(s, r, i, 0, &z);
    const double low = z.from + z.low, high = z.from + z.high, middle = ac_lattice_rounded(r, low + (high - low) / 2);
    r->zero = ac_lattice_rounded(r, simplest(low, high));
    if (consider(s, r)) return 1;
    r->zero = shortest(low, high);
    if (consider(s, r)) return 1;
    for (int n = -2; n <= 2; n++) {
        r->zero = nth_float(middle, n, single);
        if (consider(s, r)) return 1;
    }
    return 0;
}

/* Of scales near that of least squares the simplest, then those about it: number i; 0 if that is too far off. */
static double nth_scale(const search *s, int divides, int i)
{
    const double step = s->step, about = divides ? 1 / step : step, error = divides ? s->error / (step * step) : s->error;
    const double low = about - error, high = about + error;
    double scale = i || low <= 0 ? about : simplest(low, high);
    if (s->is_single) scale = (double)(float)scale;
    if (i > 1) scale = nth_float(scale, i & 1 ? -(i / 2) : i / 2, s->is_single);
    return scale > 0 && scale < INFINITY && (i < 2 || (scale >= low && scale <= high)) ? scale : 0;
}

/* Without a zero: the scale lies between limits that each point sets. */
static int fit_through_zero(search *s)
{
    const double index = s->middle / s->step, doubt = fabs(index) * s->error / s->step;
    if (!(fabs(index) < 4e15)) return 0;
    const int64_t nearest = (int64_t)floor(index + 0.5), reach = doubt < NEAR ? (int64_t)(doubt + 0.5) : NEAR;
    const ac_line *line = s->line;
    for (int64_t i = 0; i <= 2 * reach; i++) {
        ac_lattice_rule r = {.is_single = s->is_single, .origin = nearest + (i & 1 ? -(i + 1) / 2 : i / 2)};
        if (fabs((double)r.origin - index) > doubt + 0.25) continue;
        for (r.divides = 0; r.divides < 2; r.divides++) {
            double low = 0, high = INFINITY;
            for (uint32_t j = 0; j < line->count; j++) {
                const double k = fabs((double)k_of(s, &r, j)), x = fabs(line->values[j]), half = half_ulp(s, x);
                if (k == 0) continue;
                narrow(&low, &high, r.divides ? k / (x + half) : (x - half) / k, r.divides ? k / (x - half) : (x + half) / k);
            }
            const double middle = low + (high - low) / 2;
            if (!(middle > 0 && middle < INFINITY)) continue;
            r.scale = simplest(low, high);
            if (consider(s, &r)) return 1;
            for (int n = -NEAR; n <= NEAR && !s->is_single; n++) {
                r.scale = nth_double(middle, n);
                if (consider(s, &r)) return 1;
            }
        }
    }
    return 0;
}

typedef struct {
    double x, y;
} corner;

/* What of a convex polygon has a * x + b * y <= c. */
static int clip(corner *p, int n, double a, double b, double c)
{
    corner out[CORNERS];
    int m = 0;
    for (int i = 0; i < n; i++) {
        const corner u = p[i], v = p[i + 1 < n ? i + 1 : 0];
        const double du = a * u.x + b * u.y - c, dv = a * v.x + b * v.y - c;
        if (du <= 0 && m < CORNERS) out[m++] = u;
        if (((du < 0 && dv > 0) || (du > 0 && dv < 0)) && m < CORNERS) {
            const double t = du / (du - dv);
            out[m++] = (corner){u.x + t * (v.x - u.x), u.y + t * (v.y - u.y)};
        }
    }
    memcpy(p, out, (size_t)m * sizeof *p);
    return m;
}

/* One rounding: what step and middle may differ by from least squares is a polygon, of which each point cuts two sides. */
static int fit_polygon(search *s)
{
    const ac_line *line = s->line;
    const double reach = (double)(s->most - s->least), at_centre = s->middle + (double)s->centre * s->step;
    const double unit = 8 * ac_ulp(s->largest, s->is_single); /* of corners, at the ends */
    corner polygon[CORNERS] = {{-4, -4}, {4, -4}, {4, 4}, {-4, 4}}, before[CORNERS];
    int n = 4;
    for (uint32_t i = 0; i < line->count; i++) {
        const double k = (double)(line->index[i] - s->centre), x = line->values[i], half = half_ulp(s, x);
        double lost_p, lost_s, lost_d;
        const double p = product_of(k, s->step, &lost_p), at = sum_of(p, at_centre, &lost_s), d = sum_of(x, -at, &lost_d);
        const double off = (d + (lost_d - lost_s - lost_p)) / unit;
        const int corners = n;
        memcpy(before, polygon, sizeof before);
        n = clip(polygon, n, k / reach, 1, off + half / unit);
        n = n > 2 ? clip(polygon, n, -k / reach, -1, half / unit - off) : 0;
        if (n > 2) continue;
        memcpy(polygon, before, sizeof before);
        n = corners;
    }
    corner middle = {0, 0};
    for (int i = 0; i < n; i++) middle.x += polygon[i].x / n, middle.y += polygon[i].y / n;
    const ac_lattice_rule r = {.is_single = s->is_single, .origin = -s->centre, .scale = s->step + middle.x * unit / reach, .zero = at_centre + middle.y * unit};
    return consider(s, &r);
}

/* (k + zero) * scale: an integer more in k is one less in the zero, so that one origin will do. */
static int fit_zero_first(search *s)
{
    const double index = s->middle / s->step;
    uint32_t cost = 0;
    if (!(fabs(index) < 4e15)) return 0;
    ac_lattice_rule r = {.zero_first = 1, .rounds_each = 1, .is_single = s->is_single, .origin = (int64_t)floor(index)};
    for (r.divides = 0; r.divides < 2; r.divides++)
        for (int i = 0; i < NEAR; i++) {
            r.scale = nth_scale(s, r.divides, i);
            for (int set = 0; set < 2 && r.scale > 0; set++)
                if (find_zero(s, set, &r, &cost)) return 1;
        }
    return 0;
}

/* The origin to try as number t: integers from 0 on and from -32768 on first, then those of 16 bits that are left. */
static int64_t nth_origin(const search *s, uint32_t t)
{
    const int64_t from = t & 1 ? -32768 : 0;
    return from - s->least + t / 2;
}

/* k * scale + zero, of which small sums keep how both were rounded: any origin with which k are integers of 16 bits, or a few more. */
static int fit_origin(search *s, uint32_t tries)
{
    double scale[2 * NEAR + 1];
    int first = 0;
    uint32_t cost = 0;
    for (int i = 0; i < 2 * NEAR; i++) scale[i] = nth_scale(s, 0, i);
    scale[2 * NEAR] = nth_scale(s, 1, 0);
    /* a few likely scales with all origins, once with each choice of points, then the others */
    for (int round = 0; round < 3; round++, first = round == 2 ? LIKELY : 0)
        for (uint32_t t = 0; t < 2 * 65536; t++)
            for (int i = first; i <= (first ? 2 * NEAR - 1 : LIKELY); i++) {
                const int divides = !first && i == LIKELY;
                ac_lattice_rule r = {.divides = divides, .rounds_each = 1, .is_single = s->is_single, .scale = scale[divides ? 2 * NEAR : i]};
                if (!(r.scale > 0)) continue;
                r.origin = nth_origin(s, t);
                if (find_zero(s, round & 1, &r, &cost)) return 1;
                if (cost > tries) return 0;
            }
    return 0;
}

/* Least squares over the points of the sample, those weighing little that are rounded more coarsely than most. */
static void draw(search *s)
{
    const ac_line *line = s->line;
    double n, k1, x1, kk, kx, off, spread = 0, limit = INFINITY, coarse = 0;
    for (int round = 0; round < 4; round++) {
        /* distances from the line as it was, without those that are far off */
        n = k1 = x1 = kk = kx = off = 0;
        for (uint32_t i = 0; i < line->sampled; i++) {
            const double k = (double)(line->index[i] - s->centre), x = line->values[i] - (s->middle + (double)line->index[i] * s->step);
            const double apart = ac_ulp(line->values[i], s->is_single) / s->step, weight = 1 / (apart * apart + coarse + 1e-24);
            if (weight * x * x > limit) continue;
            n += weight, k1 += weight * k, x1 += weight * x, kk += weight * k * k, kx += weight * k * x, off += weight * x * x;
        }
        spread = n * kk - k1 * k1;
        if (!(spread > 0)) return;
        const double slope = (n * kx - k1 * x1) / spread;
        s->middle += (x1 - slope * k1) / n - slope * (double)s->centre, s->step += slope;
        limit = 16 * off / line->sampled;
        coarse = 4 * off / n / (s->step * s->step);
    }
    s->error = 5 * sqrt(off / line->sampled * n / spread) + ac_ulp(s->step, 0);
}

int ac_lattice_exact(const ac_line *line, int is_single, int rounds_each, uint32_t tries, ac_lattice_rule *rule)
{
    search s = {.line = line, .step = line->step, .middle = line->middle, .is_single = is_single};
    s.least = INT64_MAX, s.most = INT64_MIN;
    for (uint32_t i = 0; i < line->count; i++) {
        s.least = line->index[i] < s.least ? line->index[i] : s.least, s.most = line->index[i] > s.most ? line->index[i] : s.most;
        s.largest = fmax(s.largest, fabs(line->values[i]));
    }
    if (line->count < 4 || s.least == s.most) return 0;
    s.centre = s.least + (s.most - s.least) / 2;
    s.misses = line->count / 16 + 1;
    const uint32_t most = s.misses;
    draw(&s);
    s.screened = line->count / 2 < SCREEN ? line->count / 2 : SCREEN;
    for (uint32_t i = 0; i < s.screened; i++)
        for (uint32_t set = 0; set < 2; set++) s.screen[set][i] = (i * 37 % s.screened * 2 + set) * (line->count - 1) / (2 * s.screened - 1);
    int all = !rounds_each && (fit_through_zero(&s) || fit_polygon(&s));
    if (!all) all = fit_zero_first(&s);
    if (!all) fit_origin(&s, tries);
    *rule = s.best;
    return s.misses < most;
}
