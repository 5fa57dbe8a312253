#include "piece.h"

#include <stdlib.h>
#include <string.h>

/* The samples of a piece with what stands outside its edges: rows -3.., columns -3..width+2. */
typedef struct {
    uint16_t *at; /* pixel (0, 0) */
    size_t stride;
    void *memory;
} ac_padded;

/* A pixel's context from the padded samples and the running means of the piece. */
typedef struct {
    uint32_t width;
    ac_padded samples;
    ac_running *running; /* [height + 1][width]; row 0 stands above the piece */
    int32_t *columns;
    uint16_t *means, *sums; /* m and S of a row */
    uint16_t floor;
} ac_plane;

static void plane_free(ac_plane *p)
{
    free(p->samples.memory);
    free(p->running);
    free(p->columns);
    free(p->means);
}

static int plane_new(ac_plane *p, uint32_t height, uint32_t width, ac_start start)
{
    const size_t stride = (size_t)width + 2 * AC_PAD, cells = ((size_t)height + 1) * width;
    p->width = width;
    p->floor = start.floor;
    p->samples.stride = stride;
    p->samples.memory = malloc(stride * ((size_t)height + AC_PAD) * sizeof(uint16_t));
    p->running = malloc(cells * sizeof *p->running);
    p->columns = malloc(cells * sizeof *p->columns);
    p->means = malloc(2 * (size_t)width * sizeof *p->means);
    if (!p->samples.memory || !p->running || !p->columns || !p->means) {
        plane_free(p);
        return AC_ERROR_MEMORY;
    }
    p->sums = p->means + width;
    p->samples.at = (uint16_t *)p->samples.memory + AC_PAD * stride + AC_PAD;
    for (int32_t y = -AC_PAD; y < 0; y++)
        for (int32_t x = -AC_PAD; x < (int32_t)width + AC_PAD; x++)
            p->samples.at[y * (ptrdiff_t)stride + x] = ac_virtual_sample(x, y, start);
    for (uint32_t x = 0; x < width; x++) {
        p->running[x] = ac_virtual_running(start);
        p->columns[x] = 0;
    }
    return AC_OK;
}

static void pad_left(const ac_plane *p, uint32_t y)
{
    uint16_t *row = p->samples.at + (ptrdiff_t)y * (ptrdiff_t)p->samples.stride;
    const uint16_t above = row[-(ptrdiff_t)p->samples.stride];
    for (int i = 1; i <= AC_PAD; i++) row[-i] = above;
}

static void pad_right(const ac_plane *p, uint32_t y)
{
    uint16_t *end = p->samples.at + (ptrdiff_t)y * (ptrdiff_t)p->samples.stride + p->width;
    for (int i = 0; i < AC_PAD; i++) end[i] = end[-1];
}

/* Row y of the piece is row y + 1 of the running means. */
static ac_running *running_at(const ac_plane *p, uint32_t y, uint32_t x) { return p->running + (size_t)y * p->width + x; }

static const ac_running *running_up(const ac_plane *p, uint32_t y, uint32_t x)
{
    const uint32_t reach = x + AC_LAG - 1;
    return running_at(p, y, reach < p->width ? reach : p->width - 1);
}

static ac_running running_left(const ac_plane *p, uint32_t y, uint32_t x)
{
    if (x) return *running_at(p, y + 1, x - 1);
    const ac_running *up = running_up(p, y, 0);
    return (ac_running){up->area, up->area, up->area_step, up->area_step};
}

static void context_at(const ac_plane *p, uint32_t y, uint32_t x, ac_context *c)
{
    const uint16_t *at = p->samples.at + (ptrdiff_t)y * (ptrdiff_t)p->samples.stride + x;
    uint16_t neighbours[AC_NEIGHBOURS];
    for (int i = 0; i < AC_NEIGHBOURS; i++) neighbours[i] = at[ac_dy[i] * (ptrdiff_t)p->samples.stride + ac_dx[i]];
    const ac_running left = running_left(p, y, x);
    ac_context_of(neighbours, &left, running_up(p, y, x), p->columns[(size_t)y * p->width + x], p->floor, x, y, c);
}

/* S of a whole row, in vectors: all that the running means need of pixels whose contexts are not asked for. */
static void sums_of_row(const ac_plane *p, uint32_t y)
{
    const uint16_t *row = p->samples.at + (ptrdiff_t)y * (ptrdiff_t)p->samples.stride, *up = row - p->samples.stride, *up2 = up - p->samples.stride;
    uint16_t *restrict means = p->means, *restrict sums = p->sums;
    for (uint32_t x = 0; x < p->width; x++) {
        const uint16_t *w = row + x, *n = up + x;
        means[x] = ac_average(ac_average(ac_average(w[-1], w[-2]), ac_average(n[-1], n[0])), ac_average(ac_average(n[1], up2[x]), ac_average(n[-2], n[2])));
        sums[x] = 10;
    }
    for (int i = 0; i < AC_NEIGHBOURS; i++) {
        const uint16_t *n = row + ac_dy[i] * (ptrdiff_t)p->samples.stride + ac_dx[i];
        for (uint32_t x = 0; x < p->width; x++) {
            const uint16_t d = n[x] > means[x] ? n[x] - means[x] : means[x] - n[x];
            sums[x] += d < 2047 ? d : 2047;
        }
    }
}

static void take_in(ac_plane *p, uint32_t y, uint32_t x, uint16_t sum)
{
    const uint16_t *at = p->samples.at + (ptrdiff_t)y * (ptrdiff_t)p->samples.stride + x;
    const size_t cell = (size_t)y * p->width + x;
    ac_running own = running_left(p, y, x);
    p->columns[cell + p->width] = ac_update(at[0], at[-1], sum, running_up(p, y, x), &own, p->columns[cell]);
    *running_at(p, y + 1, x) = own;
    if (x + 1 == p->width) pad_right(p, y);
}

int ac_piece_contexts(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, const uint32_t *positions, const uint32_t *places, size_t count,
                      ac_context *out)
{
    enum { AHEAD = 8 };
    if (!positions || !out) return AC_ERROR_ARGUMENT;
    int status = ac_check_sides(samples, height, width, stride);
    if (status) return status;
    const ac_start start = ac_choose_start(samples, height, width, stride);
    ac_plane plane;
    status = plane_new(&plane, height, width, start);
    if (status) return status;
    size_t next = 0;
    for (uint32_t y = 0; y < height; y++) {
        memcpy(plane.samples.at + y * plane.samples.stride, samples + y * stride, width * sizeof *samples);
        pad_left(&plane, y);
        sums_of_row(&plane, y);
        for (uint32_t x = 0; x < width; x++) {
            for (; next < count && positions[next] == y * width + x; next++) {
                ac_context c = {.sample = samples[y * stride + x]};
                if (next + AHEAD < count) {
                    const ac_context *later = out + (places ? places[next + AHEAD] : next + AHEAD);
                    __builtin_prefetch(later, 1), __builtin_prefetch(later->linear + AC_LINEAR, 1);
                }
                context_at(&plane, y, x, &c); /* here first: what is read again behind stores to memory waits for these */
                out[places ? places[next] : next] = c;
            }
            take_in(&plane, y, x, plane.sums[x]);
        }
    }
    plane_free(&plane);
    return next == count ? AC_OK : AC_ERROR_ARGUMENT;
}
