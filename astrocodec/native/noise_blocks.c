#include "noise_blocks.h"

#include <math.h>
#include <stdlib.h>

#include "as_double.h"
#include "nth.h"
#include "wide_vectors.h"
#include "no_traps.h"

enum { EVERY = 3, LEAST = 24, SIDE = 2 * AC_NOISE_BLOCK / EVERY + 1, MOST = SIDE * SIDE };
enum { BESIDE = 16, AT_ONCE = (BESIDE + 1) * AC_NOISE_BLOCK }; /* blocks of a strip, and their columns */
#define INLINE static inline __attribute__((always_inline))
#define DENSITY 0.43 /* of normal noise's magnitudes at their median, which is then 1 */
#define NEAR 0.06
/* From the median of |x[i-1] - 2 x[i] + x[i+1]| to a standard deviation. */
static const double of_median = 1.4826 / 2.449489742783178;

/* Part of the usual noise below which a block's own, which may be none, does not count in a mean. */
#define QUIETEST 32

static uint64_t blocks_of(uint64_t length) { return length < 2 * AC_NOISE_BLOCK ? 1 : length / AC_NOISE_BLOCK; }

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

INLINE size_t count_to(const double *v, size_t count, double most)
{
    int64_t found = 0;
    for (size_t i = 0; i < count; i++) found += v[i] <= most;
    return (size_t)found;
}

/* As ac_nth, of magnitudes of which the median is `about` there: counting those of which few are left is quicker than to move all. */
INLINE double nth_about(double *v, size_t count, size_t n, double about)
{
    double low = -1, high = INFINITY;
    size_t to_low = 0, left = 0;
    about *= 1 + ((double)n - (double)count_to(v, count, about)) / (DENSITY * (double)count);
    for (int i = -1; i <= 1; i += 2) {
        const double at = about * (1 + i * NEAR);
        const size_t found = count_to(v, count, at);
        if (found > n && at < high) high = at;
        if (found <= n && at > low) low = at, to_low = found;
    }
    double *some = v + count; /* there is room behind them */
    for (size_t i = 0; i < count; i++) {
        some[left] = v[i];
        left += (v[i] > low) & (v[i] <= high);
    }
    return ac_nth(some, left, n - to_low);
}

/* Of integers those that equal the median spread evenly over it: noise below a step is seen in how many do. */
INLINE double median(double *v, size_t n, double about)
{
    const double middle = nth_about(v, n, n / 2, about);
    if (middle != rint(middle)) return middle;
    int64_t below = 0, same = 0;
    for (size_t i = 0; i < n; i++) below += v[i] < middle, same += v[i] == middle;
    if ((size_t)same == n) return middle;
    const double share = ((double)n / 2 - (double)below) / (double)same;
    return middle > 0 ? middle - 0.5 + share : share / 2;
}

/* Elements of a row, NAN where they do not count. */
INLINE void take_row(const ac_array *array, const void *data, const ac_unused *unused, uint64_t first, size_t count,
                                                           double *row)
{
    ac_as_doubles(array->dtype, data, first, count, row);
    for (size_t i = 0; i < count && (unused->has_blank || !isnan(unused->saturation)); i++)
        if (row[i] >= unused->saturation || (unused->has_blank && ac_bits_at(array->dtype, data, first + i) == unused->blank)) row[i] = NAN;
}

/* What the processor, for which each row begins anew, does not foresee. */
INLINE void fetch(const ac_array *array, const void *data, uint64_t first, size_t count)
{
    const size_t item = ac_number_bytes(array->dtype);
    const uint8_t *from = (const uint8_t *)data + first * item;
    for (size_t i = 0; i < count * item; i += 64) __builtin_prefetch(from + i);
}

/* Blocks beside each other: memory is read by long rows. */
typedef struct {
    uint64_t first, line;
    size_t height, width, count;
} strip;

/* What is known of a block of a strip: so many differences along its rows and along its columns. */
typedef struct {
    size_t along, down;
    double across[2 * MOST], below[2 * MOST]; /* of which the second half is room */
} block;

/* Magnitudes of every third second difference of a row that is finite, those of each block to its own. */
INLINE void take_thirds(const double *before, const double *at, const double *behind, const strip *s, int is_along, block *blocks)
{
    double all[AT_ONCE];
    const size_t width = is_along ? s->width - 2 : s->width;
    for (size_t x = 0; x < width; x++) all[x] = fabs(before[x] - 2 * at[x] + behind[x]);
    for (size_t j = 0; j < s->count; j++) {
        const size_t end = j + 1 < s->count ? (j + 1) * AC_NOISE_BLOCK - (is_along ? 2 : 0) : width;
        double *out = is_along ? blocks[j].across : blocks[j].below;
        size_t n = is_along ? blocks[j].along : blocks[j].down;
        for (size_t x = j * AC_NOISE_BLOCK; x < end; x += EVERY) {
            out[n] = all[x];
            n += all[x] < INFINITY;
        }
        if (is_along) blocks[j].along = n; else blocks[j].down = n;
    }
}

/* The median of second differences of each block along its rows or along its columns, of every third line and element, whichever is less; `about`: what they were before. */
INLINE void differ(const ac_array *array, const void *data, const ac_unused *unused, const strip *s, block *blocks, double about[2], double *noise)
{
    double rows[3][AT_ONCE];
    for (size_t j = 0; j < s->count; j++) blocks[j].along = blocks[j].down = 0;
    for (size_t y = 0; y < s->height; y++) {
        double *row = rows[y % 3];
        if (y + 1 < s->height) fetch(array, data, s->first + (y + 1) * s->line, s->width);
        take_row(array, data, unused, s->first + y * s->line, s->width, row);
        if (y % EVERY == 0 && s->width > 2) take_thirds(row, row + 1, row + 2, s, 1, blocks);
        if (y >= 2 && (y - 1) % EVERY == 1 % EVERY) take_thirds(rows[(y + 1) % 3], rows[(y + 2) % 3], row, s, 0, blocks);
    }
    for (size_t j = 0; j < s->count; j++) {
        double least = NAN;
        if (blocks[j].along >= LEAST) least = about[0] = median(blocks[j].across, blocks[j].along, about[0]);
        if (blocks[j].down >= LEAST) least = fmin(least, about[1] = median(blocks[j].below, blocks[j].down, about[1]));
        noise[j] = of_median * least;
    }
}

static void differ_plain(const ac_array *array, const void *data, const ac_unused *unused, const strip *s, block *blocks, double about[2], double *noise)
{
    differ(array, data, unused, s, blocks, about, noise);
}
WIDE_VECTORS static void differ_wide(const ac_array *array, const void *data, const ac_unused *unused, const strip *s, block *blocks, double about[2],
                                     double *noise)
{
    differ(array, data, unused, s, blocks, about, noise);
}

int ac_noise_measure(const ac_array *array, const void *data, const ac_unused *unused, ac_noise_blocks *out)
{
    const ac_planes p = ac_planes_of(array);
    *out = (ac_noise_blocks){p, blocks_of(p.height), blocks_of(p.width), NULL};
    const size_t count = (size_t)(p.count * out->down * out->across);
    block *blocks = malloc(BESIDE * sizeof *blocks);
    out->noise = malloc((count ? count : 1) * sizeof *out->noise);
    if (!blocks || !out->noise) {
        free(blocks);
        return AC_ERROR_MEMORY;
    }
    double about[2] = {0, 0}, *at = out->noise;
    for (uint64_t t = 0; t < p.count; t++)
        for (uint64_t i = 0; i < out->down; i++)
            for (uint64_t j = 0; j < out->across; j += BESIDE) {
                const uint64_t y = i * AC_NOISE_BLOCK, x = j * AC_NOISE_BLOCK, there = ac_smaller(BESIDE, out->across - j), end = x + there * AC_NOISE_BLOCK;
                /* the last block may be larger; long lines are looked at where they begin */
                const uint64_t height = ac_smaller(i + 1 < out->down ? AC_NOISE_BLOCK : p.height - y, 2 * AC_NOISE_BLOCK);
                const uint64_t width = j + there < out->across ? end - x : ac_smaller(p.width - x, end - x + AC_NOISE_BLOCK);
                const strip s = {(t * p.height + y) * p.width + x, p.width, (size_t)height, (size_t)width, (size_t)there};
                (HAS_WIDE_VECTORS ? differ_wide : differ_plain)(array, data, unused, &s, blocks, about, at);
                at += there;
            }
    free(blocks);
    return AC_OK;
}

void ac_noise_free(ac_noise_blocks *blocks)
{
    free(blocks->noise);
    blocks->noise = NULL;
}

int ac_noise_quantile(const ac_noise_blocks *b, double share, double *noise)
{
    const size_t count = (size_t)(b->planes.count * b->down * b->across);
    double *some = malloc((count + 1) * sizeof *some);
    size_t n = 0;
    if (!some) return AC_ERROR_MEMORY;
    for (size_t i = 0; i < count; i++)
        if (b->noise[i] > 0) some[n++] = b->noise[i];
    qsort(some, n, sizeof *some, compare);
    *noise = n ? some[(size_t)(share * (double)(n - 1) + 0.5)] : 0;
    free(some);
    return AC_OK;
}

int ac_noise_mean(const ac_noise_blocks *b, double *noise)
{
    double middle, shares = 0, found = 0;
    const int status = ac_noise_quantile(b, 0.5, &middle);
    for (uint64_t i = 0; !status && i < b->planes.count * b->down * b->across; i++) {
        const double own = fmax(b->noise[i], middle / QUIETEST);
        if (b->noise[i] > 0) shares += 1 / (own * own), found++;
    }
    *noise = found > 0 ? sqrt(found / shares) : 0;
    return status;
}
