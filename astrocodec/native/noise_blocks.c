#include "noise_blocks.h"

#include <math.h>
#include <stdlib.h>

#include "as_double.h"

enum { EVERY = 3, LEAST = 24, MOST = 2 * (2 * AC_NOISE_BLOCK) * (2 * AC_NOISE_BLOCK) / EVERY };
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

/* The one that n smaller or equal ones would precede, were they in order; they are moved. */
static double nth(double *v, size_t count, size_t n)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        const double pivot = v[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i >= j) break;
            const double held = v[i];
            v[i++] = v[j], v[j--] = held;
        }
        if (n <= j) high = j; else low = j + 1;
    }
    return v[n];
}

/* Of integers those that equal the median spread evenly over it: noise below a step is seen in how many do. */
static double median(double *v, size_t n)
{
    const double middle = nth(v, n, n / 2);
    size_t below = 0, same = 0;
    for (size_t i = 0; i < n; i++) below += v[i] < middle, same += v[i] == middle;
    if (same == n || middle != rint(middle)) return middle;
    const double share = ((double)n / 2 - (double)below) / (double)same;
    return middle > 0 ? middle - 0.5 + share : share / 2;
}

/* Elements of a row, NAN where they do not count. */
static void take_row(const ac_array *array, const void *data, const ac_unused *unused, uint64_t first, size_t count, double *row)
{
    ac_as_doubles(array->dtype, data, first, count, row);
    for (size_t i = 0; i < count && (unused->has_blank || !isnan(unused->saturation)); i++)
        if (row[i] >= unused->saturation || (unused->has_blank && ac_bits_at(array->dtype, data, first + i) == unused->blank)) row[i] = NAN;
}

/* Second differences of a block along its rows and along its columns, of every third line and element. */
typedef struct {
    size_t along, down;
    double *across, *below;
} differences;

static void add_difference(double *out, size_t *n, double d)
{
    out[*n] = fabs(d);
    *n += isfinite(d) != 0;
}

static void differ(const ac_array *array, const void *data, const ac_unused *unused, uint64_t first, size_t height, size_t width, uint64_t line, differences *d)
{
    double rows[3][2 * AC_NOISE_BLOCK];
    d->along = d->down = 0;
    for (size_t y = 0; y < height; y++) {
        double *row = rows[y % 3];
        take_row(array, data, unused, first + y * line, width, row);
        for (size_t x = 1; y % EVERY == 0 && x + 1 < width; x += EVERY) add_difference(d->across, &d->along, row[x - 1] - 2 * row[x] + row[x + 1]);
        const double *above = rows[(y + 1) % 3], *middle = rows[(y + 2) % 3];
        for (size_t x = 0; y >= 2 && (y - 1) % EVERY == 1 % EVERY && x < width; x += EVERY) add_difference(d->below, &d->down, above[x] - 2 * middle[x] + row[x]);
    }
}

int ac_noise_measure(const ac_array *array, const void *data, const ac_unused *unused, ac_noise_blocks *out)
{
    const ac_planes p = ac_planes_of(array);
    *out = (ac_noise_blocks){p, blocks_of(p.height), blocks_of(p.width), NULL};
    const size_t count = (size_t)(p.count * out->down * out->across);
    double *work = malloc(2 * MOST * sizeof *work);
    out->noise = malloc((count ? count : 1) * sizeof *out->noise);
    if (!work || !out->noise) {
        free(work);
        return AC_ERROR_MEMORY;
    }
    size_t at = 0;
    for (uint64_t t = 0; t < p.count; t++)
        for (uint64_t i = 0; i < out->down; i++)
            for (uint64_t j = 0; j < out->across; j++) {
                const uint64_t y = i * AC_NOISE_BLOCK, x = j * AC_NOISE_BLOCK, first = (t * p.height + y) * p.width + x;
                /* long lines are looked at where they begin */
                const uint64_t height = ac_smaller(i + 1 < out->down ? AC_NOISE_BLOCK : p.height - y, 2 * AC_NOISE_BLOCK);
                const uint64_t width = ac_smaller(j + 1 < out->across ? AC_NOISE_BLOCK : p.width - x, 2 * AC_NOISE_BLOCK);
                differences d = {0, 0, work, work + MOST};
                differ(array, data, unused, first, (size_t)height, (size_t)width, p.width, &d);
                double least = d.along >= LEAST ? median(d.across, d.along) : NAN;
                if (d.down >= LEAST) least = fmin(least, median(d.below, d.down));
                out->noise[at++] = of_median * least;
            }
    free(work);
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
