#include "kernels/lanes.h"

void ac_lanes_init(ac_lanes *a, const ac_model *model, const ac_wavefront *wave, ac_start start)
{
    memset(a, 0, ac_lanes_size(wave));
    a->model = model;
    a->wave = *wave;
    a->start = start;
    a->delay = ac_lanes_delay(wave);
    const ac_running above = ac_virtual_running(start);
    for (int i = 0; i < AC_ROW; i++) {
        ac_lane_means *m = &a->means[0];
        m->level[i] = above.level, m->area[i] = above.area, m->step[i] = above.step, m->area_step[i] = above.area_step;
    }
    a->means[1] = a->means[0];
    for (uint32_t i = 0; i <= a->delay; i++) a->handed[i].means = above;
    for (int32_t t = 0; t < AC_LOOKBACK; t++)
        for (int32_t j = 1; j <= AC_HANDED; j++)
            a->samples[t][AC_BEFORE - j] = (uint16_t)(ac_virtual_sample(t - AC_LOOKBACK + j * AC_LAG - AC_PAD, -j, start) ^ AC_BIAS);
    for (int32_t lane = 0; lane < AC_MAX_LANES; lane++) {
        a->column[lane] = -AC_LAG * lane;
        a->row[lane] = lane;
    }
}

/* The whole block lies within the lane's row. */
static int inside(const ac_lanes *a, uint32_t lane)
{
    const int32_t x = a->column[lane] - AC_PAD;
    return x >= 0 && x + AC_BLOCK <= (int32_t)a->wave.width && a->row[lane] < (int32_t)a->wave.height;
}

/* One of the two rows that a lane's block can touch, as a period is longer than a block: steps first..end of the block are
 * its pixels, x belongs to the block's first step. */
typedef struct {
    int32_t x, y, first, end;
} run;

static run run_of(const ac_lanes *a, uint32_t lane, int second)
{
    const int32_t x = a->column[lane] - AC_PAD - (second ? (int32_t)a->wave.period : 0), y = a->row[lane] + (second ? (int32_t)a->wave.lanes : 0);
    const run r = {x, y, x < 0 ? -x : 0, ac_clamp((int32_t)a->wave.width - x, 0, AC_BLOCK)};
    return r;
}

static void set_pads(uint16_t *segment, int32_t first, uint16_t value)
{
    for (int32_t i = first < 0 ? 0 : first; i < first + AC_PAD && i < AC_BLOCK; i++) segment[i] = value;
}

void ac_lanes_sources(ac_lanes *a, const uint16_t *samples, size_t stride, const uint16_t *source[AC_MAX_LANES])
{
    const int32_t width = (int32_t)a->wave.width, height = (int32_t)a->wave.height;
    for (uint32_t lane = 0; lane < a->wave.lanes; lane++) {
        if (inside(a, lane)) {
            source[lane] = samples + (size_t)a->row[lane] * stride + (a->column[lane] - AC_PAD);
            continue;
        }
        uint16_t *segment = a->segments[lane];
        source[lane] = segment;
        memset(segment, 0, sizeof a->segments[lane]);
        for (int second = 0; second < 2; second++) {
            const run r = run_of(a, lane, second);
            if (r.y >= height) break;
            const uint16_t *row = samples + (size_t)r.y * stride;
            set_pads(segment, -AC_PAD - r.x, r.y ? *(row - stride) : ac_virtual_sample(0, -1, a->start));
            if (r.first < r.end) memcpy(segment + r.first, row + (r.x + r.first), (size_t)(r.end - r.first) * sizeof *segment);
            set_pads(segment, width - r.x, row[width - 1]);
        }
    }
}

void ac_lanes_targets(ac_lanes *a, uint16_t *samples, size_t stride, uint16_t *target[AC_MAX_LANES])
{
    for (uint32_t lane = 0; lane < a->wave.lanes; lane++)
        target[lane] = inside(a, lane) ? samples + (size_t)a->row[lane] * stride + (a->column[lane] - AC_PAD) : a->segments[lane];
}

void ac_lanes_store_edges(const ac_lanes *a, uint16_t *const target[AC_MAX_LANES], uint16_t *samples, size_t stride)
{
    for (uint32_t lane = 0; lane < a->wave.lanes; lane++) {
        if (target[lane] != a->segments[lane]) continue;
        for (int second = 0; second < 2; second++) {
            const run r = run_of(a, lane, second);
            if (r.y >= (int32_t)a->wave.height || r.first >= r.end) continue;
            memcpy(samples + (size_t)r.y * stride + (r.x + r.first), a->segments[lane] + r.first, (size_t)(r.end - r.first) * sizeof *samples);
        }
    }
}

void ac_lanes_next_block(ac_lanes *a)
{
    memcpy(a->samples[0], a->samples[AC_BLOCK], AC_LOOKBACK * sizeof a->samples[0]);
    memcpy(a->columns[0], a->columns[AC_BLOCK], AC_LOOKBACK * sizeof a->columns[0]);
    a->block += AC_BLOCK;
    for (uint32_t lane = 0; lane < a->wave.lanes; lane++) {
        a->column[lane] += AC_BLOCK;
        if (a->column[lane] >= (int32_t)a->wave.period) {
            a->column[lane] -= (int32_t)a->wave.period;
            a->row[lane] += (int32_t)a->wave.lanes;
        }
    }
}
