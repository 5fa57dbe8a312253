/* Lanes: the working memory in which a piece is coded 32 lanes at a time.
 *
 * Lane l codes rows l, l + lanes, ...; at every step all lanes move on by one column, each AC_LAG columns behind the lane
 * before it. Samples are held skewed, one array row per step, so that the neighbours (dy, dx) of a whole group of lanes
 * are one vector at a fixed distance: AC_LAG * dy + dx rows and dy lanes away. What the last lanes saw goes, after a
 * delay, to the places before lane 0: they are the rows above the next round's first row. */
#ifndef AC_LANES_H
#define AC_LANES_H

#include <string.h>

#include "trellis.h"
#include "wavefront.h"

enum {
    AC_GROUP = 32,               /* lanes coded together */
    AC_MAX_LANES = 64,
    AC_BEFORE = 32,              /* places before lane 0; the last 3 are used, the others align */
    AC_ROW = AC_BEFORE + AC_MAX_LANES,
    AC_BLOCK = 32,               /* steps between two refills of the window */
    AC_LOOKBACK = 16,            /* steps that stay visible: 3 rows * AC_LAG + 3 columns, rounded up */
    AC_WINDOW = AC_LOOKBACK + AC_BLOCK,
    AC_HANDED = 3                /* rows above that a pixel sees */
};

/* Samples are kept minus 32768 (as in the uint16 with the top bit flipped), which suits signed saturating arithmetic. */
#define AC_BIAS 0x8000u

/* Running means of all lanes, see ac_running; lane l is at [AC_BEFORE + l], the lane above it one place before. */
typedef struct {
    _Alignas(64) int32_t level[AC_ROW];
    _Alignas(64) int32_t area[AC_ROW];
    _Alignas(64) int32_t step[AC_ROW];
    _Alignas(64) int32_t area_step[AC_ROW];
} ac_lane_means;

/* What the last lanes hand to the first ones. */
typedef struct {
    uint16_t samples[AC_HANDED + 1];
    int16_t column;
    ac_running means;
} ac_handed;

/* What the prediction of a group says; idle lanes get the model's null table, k = 0 and no tail cells. */
typedef struct {
    _Alignas(64) uint16_t table[AC_GROUP];
    _Alignas(64) uint16_t k[AC_GROUP];
    _Alignas(64) uint16_t last_core[AC_GROUP]; /* last half cell of one value: cells beyond it are tail cells */
    _Alignas(64) uint16_t sum[AC_GROUP];
    _Alignas(64) int32_t base[AC_GROUP];
    int any_k;
} ac_group;

typedef struct {
    _Alignas(64) uint16_t samples[AC_WINDOW][AC_ROW];
    _Alignas(64) int16_t columns[AC_WINDOW][AC_ROW];
    ac_lane_means means[2];                    /* before and after a step: [step & 1], [~step & 1] */
    _Alignas(64) int16_t active[AC_MAX_LANES]; /* -1 where the lane has a pixel in this step, else 0 */
    _Alignas(64) int16_t parity[AC_MAX_LANES]; /* network input 30 plus 64 */
    _Alignas(64) uint16_t grid[AC_MAX_LANES];  /* with a trellis: its state; of the encoder only bit 0, which is p, is right */
    /* Weights and biases layer by layer, as the kernel takes them. */
    _Alignas(64) int16_t weights[2 * AC_MAX_HIDDEN * (AC_INPUTS + AC_MAX_HIDDEN + AC_OUTPUTS)];
    int32_t offsets[3][2 * AC_MAX_HIDDEN]; /* of three layers */
    ac_group group;
    _Alignas(64) uint16_t segments[AC_MAX_LANES][AC_BLOCK]; /* pieces of rows that cross an edge */
    int32_t column[AC_MAX_LANES], row[AC_MAX_LANES];        /* of the block's first step; columns count from the left pad */
    ac_wavefront wave;
    const ac_model *model;
    const ac_widths *widths; /* NULL: codes are taken for equal */
    int32_t shift;           /* the code of sample 0 */
    int has_trellis;         /* the window holds 2 n + p of samples n */
    uint16_t odd;            /* decoder, with a trellis */
    ac_start start;
    uint32_t step, phase, round; /* step = round * period + phase */
    uint32_t block;              /* first step of the block */
    int active_count[AC_MAX_LANES / AC_GROUP];
    uint32_t delay, handed_at;
    ac_handed handed[]; /* ring of delay + 1 */
} ac_lanes;

static inline uint32_t ac_lanes_delay(const ac_wavefront *w) { return w->period - AC_LAG * w->lanes; }
static inline size_t ac_lanes_size(const ac_wavefront *w)
{
    return (sizeof(ac_lanes) + (ac_lanes_delay(w) + 1) * sizeof(ac_handed) + 63) / 64 * 64;
}
void ac_lanes_init(ac_lanes *lanes, const ac_model *model, const ac_wavefront *wave, ac_start start);

/* Encoder: where the block's samples of each lane are, AC_BLOCK of them; edges are put together in lanes->segments. */
void ac_lanes_sources(ac_lanes *lanes, const uint16_t *samples, size_t stride, const uint16_t *source[AC_MAX_LANES]);
/* Decoder: where the block's samples of each lane go; 0 if it lies beyond an edge, then it goes to lanes->segments. */
void ac_lanes_targets(ac_lanes *lanes, uint16_t *samples, size_t stride, uint16_t *target[AC_MAX_LANES]);
void ac_lanes_store_edges(const ac_lanes *lanes, uint16_t *const target[AC_MAX_LANES], uint16_t *samples, size_t stride);
void ac_lanes_next_block(ac_lanes *lanes);

static inline uint16_t *ac_lanes_samples(ac_lanes *a, uint32_t lane) { return &a->samples[a->step - a->block + AC_LOOKBACK][AC_BEFORE + lane]; }
static inline int16_t *ac_lanes_columns(ac_lanes *a, uint32_t lane) { return &a->columns[a->step - a->block + AC_LOOKBACK][AC_BEFORE + lane]; }

/* At most one lane starts a row and one ends its row in a step, as lanes are AC_LAG columns apart. */
static inline void ac_lanes_begin_step(ac_lanes *a)
{
    const ac_wavefront *w = &a->wave;
    if (a->phase % AC_LAG == AC_PAD && a->phase / AC_LAG < w->lanes) {
        const uint32_t lane = a->phase / AC_LAG;
        if (a->round * w->lanes + lane < w->height) {
            ac_lane_means *m = &a->means[a->step & 1];
            const uint32_t own = AC_BEFORE + lane, up = own - 1;
            m->level[own] = m->area[own] = m->area[up];
            m->step[own] = m->area_step[own] = m->area_step[up];
            a->active[lane] = -1;
            a->active_count[lane / AC_GROUP]++;
            a->parity[lane] = 64 - 32;
            a->grid[lane] = 0;
        }
    }
    const uint32_t end = w->width + AC_PAD;
    const uint32_t behind = a->phase >= end ? a->phase - end : a->phase + w->period - end;
    if (behind % AC_LAG == 0 && behind / AC_LAG < w->lanes) {
        const uint32_t lane = behind / AC_LAG;
        a->active_count[lane / AC_GROUP] += a->active[lane];
        a->active[lane] = 0;
    }
}

/* Decoder: a row's left pad is the first sample of the row above. */
static inline void ac_lanes_pad_left(ac_lanes *a)
{
    const uint32_t lane = a->phase / AC_LAG;
    if (a->phase % AC_LAG || lane >= a->wave.lanes) return;
    uint16_t *at = ac_lanes_samples(a, lane);
    *at = at[-AC_ROW - 1];
}

static inline void ac_lanes_end_step(ac_lanes *a)
{
    const ac_wavefront *w = &a->wave;
    uint16_t *samples = ac_lanes_samples(a, 0);
    int16_t *columns = ac_lanes_columns(a, 0);
    ac_lane_means *m = &a->means[~a->step & 1];
    ac_handed *in = &a->handed[a->handed_at];
    const uint32_t last = AC_BEFORE + w->lanes - 1;
    memcpy(in->samples, samples + w->lanes - AC_HANDED - 1, sizeof in->samples);
    in->column = columns[w->lanes - 1];
    in->means = (ac_running){m->level[last], m->area[last], m->step[last], m->area_step[last]};
    a->handed_at = a->handed_at == a->delay ? 0 : a->handed_at + 1;
    const ac_handed *out = &a->handed[a->handed_at];
    memcpy(samples - AC_HANDED - 1, out->samples, sizeof out->samples);
    columns[-1] = out->column;
    m->level[AC_BEFORE - 1] = out->means.level;
    m->area[AC_BEFORE - 1] = out->means.area;
    m->step[AC_BEFORE - 1] = out->means.step;
    m->area_step[AC_BEFORE - 1] = out->means.area_step;
    if (!a->round) /* rows above the piece */
        for (int32_t j = 1; j <= AC_HANDED; j++) {
            const uint32_t at = a->step + (uint32_t)j * AC_LAG;
            if (at < w->period) samples[-j] = (uint16_t)(ac_virtual_sample((int32_t)at - AC_PAD, -j, a->start) ^ AC_BIAS);
        }
    a->step++;
    if (++a->phase == w->period) {
        a->phase = 0;
        a->round++;
    }
}

/* A group without pixels: its lanes keep what they have. */
static inline void ac_lanes_idle(ac_lanes *a, uint32_t first, int keep_samples)
{
    const ac_lane_means *from = &a->means[a->step & 1];
    ac_lane_means *to = &a->means[~a->step & 1];
    const size_t n = AC_GROUP * sizeof(int32_t), at = AC_BEFORE + first;
    memcpy(to->level + at, from->level + at, n);
    memcpy(to->area + at, from->area + at, n);
    memcpy(to->step + at, from->step + at, n);
    memcpy(to->area_step + at, from->area_step + at, n);
    if (keep_samples) memcpy(ac_lanes_samples(a, first), ac_lanes_samples(a, first) - AC_ROW, AC_GROUP * sizeof(uint16_t));
}

#endif
