#include <stdlib.h>
#include <string.h>

#include "undither_parts.h"

enum { MOST_RATIOS = AC_MOST_SORTED, TURN_STEPS = 256, MOST_TURNS = 24, FEWEST_FITTED = 6, LEAST_ALIKE = 6 };

/* Sorts positive doubles. */
static void sort_ratios(double *v, size_t n)
{
    for (size_t gap = n / 2; gap; gap = gap < 4 ? gap - 1 : gap * 5 / 11)
        for (size_t i = gap; i < n; i++) {
            const double t = v[i];
            size_t j = i;
            for (; j >= gap && v[j - gap] > t; j -= gap) v[j] = v[j - gap];
            v[j] = t;
        }
}

/* What most of the ratios are alike in to one part in `parts`, if that is `least` of them; else 0. */
static double most_alike(double *ratios, size_t n, double parts, size_t least)
{
    size_t most = 0, from = 0;
    sort_ratios(ratios, n);
    for (size_t i = 0, j = 0; i < n; i++) {
        while (j < n && ratios[j] <= ratios[i] * (1 + 1 / parts)) j++;
        if (j - i > most) most = j - i, from = i;
    }
    return most >= least ? ratios[from + most / 2] : 0;
}

/* Pixels of the same k differ by the scale times their r: neighbours in value tell it, or where they are nearly equal, others not far away. Without
 * dither neighbours differ by the scale. */
static double agreed_scale(const ac_sorted *s, const float *r, size_t stride, int is_close)
{
    double ratios[MOST_RATIOS];
    size_t n = 0;
    for (size_t i = 1; !r && i < s->count; i++) ratios[n++] = s->x[i] - s->x[i - 1];
    if (!r) return s->count < 4 ? 0 : most_alike(ratios, n, 64, n / 4 + 2);
    for (size_t i = 1; i < s->count; i++) {
        const double after = (double)r[s->at[i] * stride];
        if (is_close) {
            const double apart = (double)r[s->at[i - 1] * stride] - after;
            if (apart > 0.02) ratios[n++] = (s->x[i] - s->x[i - 1]) / apart;
            continue;
        }
        for (size_t far = 2; far <= i; far += far / 2) {
            const double apart = (double)r[s->at[i - far] * stride] - after;
            if (apart < 0.45) continue;
            ratios[n++] = (s->x[i] - s->x[i - far]) / apart;
            break;
        }
    }
    return most_alike(ratios, n, is_close ? 64 : 12, LEAST_ALIKE + n / 16);
}

/* Where pixels are too few for neighbours to have the same k: of the scales around one that is expected that with which x / scale + r is most alike, modulo 1, for the pixels
 * in the middle. */
static double turned_scale(const ac_sorted *s, const float *r, size_t stride, double expected)
{
    const double middle = s->x[s->count / 2];
    double best = 0, most = 0.6;
    for (double scale = expected / 2; scale < 2 * expected; scale *= 1 + 1.0 / TURN_STEPS) {
        int sine = 0, cosine = 0, n = 0;
        for (size_t i = s->count / 8; i < s->count - s->count / 8; i++) {
            const double steps = (s->x[i] - middle) / scale;
            if (!(fabs(steps) < MOST_TURNS)) continue;
            const double turns = steps + (double)r[s->at[i] * stride], part = turns - floor(turns);
            sine += part < 0.5 ? 1 : -1, cosine += fabs(part - 0.5) < 0.25 ? 1 : -1, n++;
        }
        const double share = n < 12 ? 0 : (double)(abs(sine) > abs(cosine) ? abs(sine) : abs(cosine)) / n;
        if (share > most) most = share, best = scale;
    }
    return best;
}

/* Least squares over the pixels within `reach` steps of the one at `origin`: how many of those looked at are near a whole step. */
static size_t fit(const double *x, const float *r, size_t n, size_t stride, size_t origin, double reach, ac_dithered_line *line, size_t *looked_at)
{
    double count = 0, sum_b = 0, sum_y = 0, sum_bb = 0, sum_by = 0;
    size_t near = 0;
    *looked_at = 0;
    for (size_t i = 0; i < n; i += stride) {
        const double y = x[i] - x[origin], steps = y / line->scale;
        if (!(fabs(steps) <= reach)) continue;
        const double at = (y - line->zero) / line->scale + (double)r[i] - (double)r[origin], k = rint(at);
        ++*looked_at;
        if (fabs(at - k) > 0.125) continue;
        const double b = k - ((double)r[i] - (double)r[origin]);
        near++, count += 1, sum_b += b, sum_y += y, sum_bb += b * b, sum_by += b * y;
    }
    const double spread = count * sum_bb - sum_b * sum_b;
    if (near < 3 || !(spread > 0)) return 0;
    line->scale = (count * sum_by - sum_b * sum_y) / spread;
    line->zero = (sum_y - line->scale * sum_b) / count;
    return near;
}

/* A pixel with many around it. */
static size_t thickest(const ac_sorted *s)
{
    const size_t w = s->count / 16 + 1;
    size_t best = s->count / 2;
    for (size_t i = w; i + w < s->count; i++)
        if (s->x[i + w] - s->x[i - w] < s->x[best + w] - s->x[best - w]) best = i;
    return s->at[best];
}

/* Outwards from a pixel, so that the scale is known well enough for the farther ones. */
static int follow(const double *x, const float *r, size_t n, size_t origin, ac_dithered_line *line)
{
    const size_t sparse = n / 4096 + 1;
    size_t looked_at = 0, near = 0;
    double farthest = 0;
    for (size_t i = 0; i < n; i += sparse)
        if (fabs(x[i] - x[origin]) < 1e300) farthest = fmax(farthest, fabs(x[i] - x[origin]));
    for (double reach = 3, before = 0; before * line->scale < farthest; before = reach, reach *= 3) {
        near = fit(x, r, n, sparse, origin, reach, line, &looked_at);
        if ((4 * near < 3 * looked_at && looked_at >= FEWEST_FITTED) || !(line->scale > 0) || reach > 1e12) return 0;
    }
    near = fit(x, r, n, sparse, origin, 1e12, line, &looked_at);
    if (4 * near < 3 * looked_at) return 0;
    line->zero += x[origin] + ((double)r[origin] - 0.5) * line->scale;
    line->within = near * sparse;
    return line->scale > 0;
}

int ac_undither_line(const double *x, const float *r, size_t n, int is_dithered, ac_dithered_line *line)
{
    ac_sorted sorted;
    const size_t stride = n > AC_MOST_SORTED / 2 ? n / (AC_MOST_SORTED / 2) : 1;
    ac_undither_sort(x, n, stride, &sorted);
    if (sorted.count < 4) return 0;
    const double expected = line->scale;
    const size_t origin = thickest(&sorted) * stride;
    for (int way = 0; way < 3; way++) {
        if (way == 2 && (!is_dithered || !(expected > 0))) break;
        *line = (ac_dithered_line){way == 2 ? turned_scale(&sorted, r, stride, expected) : agreed_scale(&sorted, is_dithered ? r : NULL, stride, !way), 0, 0};
        if (line->scale > 0 && follow(x, r, n, origin, line)) return 1;
    }
    return 0;
}
