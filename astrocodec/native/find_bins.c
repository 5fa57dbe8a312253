#include "find_bins.h"

#include <string.h>

#include "float_bits.h"
#include "log512.h"
#include "wide_vectors.h"

enum { RUN = 64, RUNS = 64, APART = 512 /* numbers for each run */, QUIET = 7 /* octaves of a usual step between neighbours */, MARGIN = 16, NEARER = 24 };
enum { WIDEST = 14, NARROWEST = 4, BY = 2 /* octaves */, SPECIAL = 2047, DOUBLE_BIAS = 1023 };

typedef struct {
    const ac_sheet *sheet;
    uint64_t runs, apart;
    size_t length;
    int64_t steps; /* of all runs */
    uint64_t bits[RUNS * RUN];
} look;

static double value_of(int dtype, uint64_t bits)
{
    if (dtype == AC_F8) {
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    if (dtype == AC_F2) { /* a float of the same digits and exponent, 2^112 times less; infinities and NaNs are skipped before */
        const uint32_t wide = (uint32_t)(bits & 0x7fff) << 13 | (uint32_t)(bits & 0x8000) << 16;
        float value;
        memcpy(&value, &wide, sizeof value);
        return (double)value * 5192296858534827628530496329220096.0;
    }
    const uint32_t narrow = (uint32_t)bits;
    float value;
    memcpy(&value, &narrow, sizeof value);
    return (double)value;
}

/* The bits of the floats in the runs. */
static void take_runs(look *l)
{
    ac_sheet bits = *l->sheet;
    bits.map = (ac_pixel_map){.kind = AC_KIND_FLOAT_BITS};
    const uint32_t width = 8 * (uint32_t)ac_number_bytes(bits.numbers.dtype);
    for (uint64_t j = 0; j < l->runs; j++) {
        uint64_t *v = l->bits + j * l->length;
        ac_sheet_numbers(&bits, j * l->apart, 1, l->length, v);
        for (size_t i = 0; i < l->length; i++) v[i] = ac_unordered_bits(v[i], width) & UINT64_MAX >> (64 - width);
    }
}

/* The middle exponent of steps between neighbours, as that of a double; 0 where there are none. */
static uint32_t middle_exponent(const look *l)
{
    const int dtype = l->sheet->numbers.dtype;
    const uint32_t special = dtype == AC_F2 ? 31u << 10 : 0;
    uint32_t counts[SPECIAL] = {0}, total = 0;
    for (uint64_t j = 0; j < l->runs; j++) {
        const uint64_t *v = l->bits + j * l->length;
        for (size_t i = 1; i < l->length; i++) {
            if (special && ((v[i] & special) == special || (v[i - 1] & special) == special)) continue;
            const double step = value_of(dtype, v[i]) - value_of(dtype, v[i - 1]);
            uint64_t as_bits;
            memcpy(&as_bits, &step, sizeof as_bits);
            const uint32_t exponent = as_bits >> 52 & SPECIAL;
            if (exponent && exponent < SPECIAL) counts[exponent]++, total++;
        }
    }
    uint32_t exponent = 0, seen = 0;
    while (total && seen <= total / 2) seen += counts[++exponent];
    return exponent;
}

static uint64_t apart(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }
static int64_t step_bits(uint64_t step) { return ac_log512(1 + (uint32_t)ac_smaller(step, (1u << 30) - 1)); }

/* What the runs take by the bits of their floats, 512 for each bit. */
static int64_t cost_of_bits(const look *l)
{
    uint64_t u[RUN];
    int64_t cost = 0, low = 0;
    while (l->sheet->largest >> low > 65535) low++;
    for (uint64_t j = 0; j < l->runs; j++) {
        ac_sheet_integers(l->sheet, j * l->apart, l->length, u);
        for (size_t i = 1; i < l->length; i++) cost += u[i] == u[i - 1] ? 0 : 512 * low + step_bits(apart(u[i], u[i - 1]) >> low);
    }
    return cost;
}

/* log512 of 1 + step for steps below 2^31, which a double's bits tell. */
static inline int64_t log_of(int32_t step)
{
    const double v = 1.0 + (double)step;
    int64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (bits >> 43) - ((int64_t)DOUBLE_BIAS << 9);
}

/* Adds what a run of floats takes; equal ones may be what stands for blanks. */
static inline __attribute__((always_inline)) int64_t run_cost(const ac_bins *c, const uint64_t *v, size_t n, int64_t *least, int64_t *most)
{
    int64_t k[RUN], taken[RUN], cost = 0, low = *least, high = *most;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        k[i] = ac_bin_of(c, v[i], &bits);
        taken[i] = bits;
        low = k[i] < low ? k[i] : low, high = k[i] > high ? k[i] : high;
    }
    *least = low, *most = high;
    for (size_t i = 1; i < n; i++) {
        const int64_t d = k[i] - k[i - 1], step = d < 0 ? -d : d, other = v[i] != v[i - 1];
        cost += (log_of((int32_t)(step < (1 << 30) - 1 ? step : (1 << 30) - 1)) + 512 * taken[i]) & -other;
    }
    return cost;
}

static int64_t run_cost_plain(const ac_bins *c, const uint64_t *v, size_t n, int64_t *least, int64_t *most) { return run_cost(c, v, n, least, most); }
WIDE_VECTORS static int64_t run_cost_wide(const ac_bins *c, const uint64_t *v, size_t n, int64_t *least, int64_t *most)
{
    return run_cost(c, v, n, least, most);
}

/* The same by bins; INT64_MAX where there are too many. */
static int64_t cost_of_bins(const look *l, const ac_pixel_map *map)
{
    const ac_bins bins = ac_map_bins(map, l->sheet->numbers.dtype);
    int64_t cost = 0, least = INT64_MAX, most = INT64_MIN;
    for (uint64_t j = 0; j < l->runs; j++)
        cost += (HAS_WIDE_VECTORS ? run_cost_wide : run_cost_plain)(&bins, l->bits + j * l->length, l->length, &least, &most);
    return most - least > 65535 ? INT64_MAX : cost;
}

/* Bins of 2^exponent, as that of a double; 0 where the type does not have them. */
static int set_bins(const ac_sheet *s, int32_t exponent, int32_t linear, ac_pixel_map *map)
{
    const ac_bins c = ac_map_bins(&s->map, s->numbers.dtype);
    const int32_t first = exponent - DOUBLE_BIAS + (int32_t)(c.exponents / 2 - 1), most = (int32_t)c.exponents - 1 - linear;
    *map = (ac_pixel_map){.kind = AC_KIND_BINS, .trailing = s->map.trailing, .linear = (uint8_t)linear};
    map->first_exponent = (uint16_t)(first < 1 ? 1 : first > most ? most : first);
    return linear <= (int32_t)c.fraction && most >= 1;
}

int32_t ac_find_bins(const ac_sheet *s, ac_pixel_map *map)
{
    if (!ac_are_bins(s->numbers.dtype, s->map.trailing, 1, 0)) return 0;
    look l;
    l.sheet = s, l.length = (size_t)ac_smaller(s->count, RUN);
    l.runs = ac_larger(1, ac_smaller(RUNS, s->count / APART)), l.apart = s->count / l.runs;
    l.steps = (int64_t)(l.runs * (l.length - 1));
    take_runs(&l);
    const int32_t middle = (int32_t)middle_exponent(&l);
    if (!middle) return 0;
    for (size_t i = 0; i < l.runs * l.length; i++) l.bits[i] >>= s->map.trailing;
    int64_t least = INT64_MAX;
    for (int32_t linear = WIDEST; linear >= NARROWEST; linear -= BY) {
        ac_pixel_map tried;
        if (!set_bins(s, middle - QUIET, linear, &tried)) continue;
        const int64_t cost = cost_of_bins(&l, &tried);
        if (cost < least) least = cost, *map = tried;
    }
    if (least == INT64_MAX) return 0;
    for (int32_t finer = -BY; finer <= BY; finer += 2 * BY) {
        ac_pixel_map tried;
        if (!set_bins(s, middle - QUIET + finer, map->linear, &tried)) continue;
        const int64_t cost = cost_of_bins(&l, &tried);
        if (cost < INT64_MAX && cost + NEARER * l.steps < least) least = cost, *map = tried;
    }
    const int64_t saved = (cost_of_bits(&l) - least) / l.steps;
    return saved < MARGIN ? 0 : (int32_t)saved;
}
