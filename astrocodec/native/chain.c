#include "chain.h"

#include <string.h>

#include "wide_vectors.h"

enum { CHUNK = 512, TASK = 1 << 16, MAX_LEVEL = 65535 << 4, MAX_SLOPE = 1 << 24 };

size_t ac_put_gains(uint8_t *out, const ac_chain *c)
{
    uint8_t *p = out;
    *p++ = (uint8_t)c->place_count;
    for (uint32_t i = 0; i < c->place_count; i++) {
        *p++ = (uint8_t)(c->places[i].level - 1);
        *p++ = (uint8_t)c->places[i].slope;
    }
    return (size_t)(p - out);
}

void ac_take_gains(ac_reader *r, ac_chain *c)
{
    const size_t at = r->at;
    c->place_count = ac_take_byte(r);
    if (!c->place_count) ac_fail_reader(r, AC_REASON_CHAIN_GAINS, at, 0, 0);
    const uint8_t *gains = ac_take(r, 2 * (size_t)c->place_count);
    for (uint32_t i = 0; gains && i < c->place_count; i++) c->places[i] = (ac_gains){gains[2 * i] + 1, gains[2 * i + 1]};
}

size_t ac_chain_write(const ac_chain *c, uint8_t *out)
{
    uint8_t *p = out;
    p += ac_put_varint(p, c->period);
    p += ac_put_varint(p, (uint64_t)c->base);
    p += ac_put_varint(p, (uint64_t)c->limit);
    *p++ = (uint8_t)(c->scale - 1);
    *p++ = (uint8_t)(c->first - 1);
    p += ac_put_gains(p, c);
    return (size_t)(p - out);
}

int ac_chain_read(ac_reader *r, const ac_planes *planes, ac_chain *c)
{
    c->period = ac_take_varint(r, AC_MAX_ELEMENTS);
    if (c->period == 1 || c->period >= planes->count) ac_fail_reader(r, AC_REASON_CHAIN, 0, c->period, planes->count);
    c->base = (int32_t)ac_take_varint(r, 65535);
    c->limit = (int32_t)ac_take_varint(r, AC_MAX_CHAIN_LIMIT);
    c->scale = (int32_t)ac_take_byte(r) + 1;
    c->first = (int32_t)ac_take_byte(r) + 1;
    ac_take_gains(r, c);
    if (r->at != r->length) ac_fail_reader(r, AC_REASON_PARAMETERS_LONG, r->at, r->length, r->at);
    return r->why.status;
}

/* What is kept of each pixel: level and level of first planes in 1/16, slope in 1/256. */
typedef struct {
    int32_t level[CHUNK], slope[CHUNK], first[CHUNK];
} state;

#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

INLINE int32_t clamped(int32_t v, int32_t low, int32_t high) { return v < low ? low : v > high ? high : v; }
INLINE int32_t magnitude(int32_t v) { return v < 0 ? -v : v; }
INLINE int32_t shift_of(int32_t expected, int32_t base, int32_t scale) { return ((expected - (base << 4)) * scale + 2048) >> 12; }

INLINE void start(state *s, const uint16_t *samples, size_t n)
{
    for (size_t i = 0; i < n; i++) s->level[i] = s->first[i] = samples[i] << 4, s->slope[i] = 0;
}

/* The first plane of a later chain. One of `undo` and `left` gives the samples, the other is 0 or written to. */
INLINE void take_first(const ac_chain *c, state *s, const uint16_t *from, uint16_t *to, size_t n, int undo)
{
    const int32_t base = c->base, scale = c->scale, limit = c->limit, gain = c->first;
    for (size_t i = 0; i < n; i++) {
        const int32_t expected = s->first[i], shift = shift_of(expected, base, scale);
        const uint16_t other = (uint16_t)(undo ? from[i] + shift : from[i] - shift);
        const int32_t now = (undo ? other : from[i]) << 4, innovation = now - expected;
        to[i] = other;
        s->level[i] = now;
        s->first[i] = magnitude(innovation) > limit ? now : expected + (innovation * gain >> 8);
    }
}

INLINE void take_next(const ac_chain *c, ac_gains gains, state *s, const uint16_t *from, uint16_t *to, size_t n, int undo)
{
    const int32_t base = c->base, scale = c->scale, most = c->limit, level = gains.level, slope = gains.slope;
    for (size_t i = 0; i < n; i++) {
        const int32_t step = s->slope[i] >> 4, expected = clamped(s->level[i] + step, 0, MAX_LEVEL), shift = shift_of(expected, base, scale);
        const uint16_t other = (uint16_t)(undo ? from[i] + shift : from[i] - shift);
        const int32_t now = (undo ? other : from[i]) << 4, innovation = now - expected, limit = most + (magnitude(step) >> 2);
        to[i] = other;
        s->level[i] = magnitude(innovation) > limit ? now : expected + (innovation * level >> 8);
        s->slope[i] = clamped(s->slope[i] + (clamped(innovation, -limit, limit) * slope >> 4), -MAX_SLOPE, MAX_SLOPE);
    }
}

typedef struct {
    const ac_chain *chain;
    uint64_t planes, from_step, to_step;
} pass;

/* At most CHUNK pixels through all planes. */
INLINE void run(const pass *p, const uint16_t *from, uint16_t *to, size_t n, int undo)
{
    const ac_chain *c = p->chain;
    state s;
    uint64_t place = 0;
    start(&s, from, n);
    if (to != from) memcpy(to, from, n * sizeof *to);
    for (uint64_t t = 1; t < p->planes; t++) {
        from += p->from_step, to += p->to_step;
        if (++place == c->period) place = 0;
        const ac_gains gains = c->places[(place < c->place_count ? place : c->place_count) - (place > 0)];
        if (place)
            take_next(c, gains, &s, from, to, n, undo);
        else
            take_first(c, &s, from, to, n, undo);
    }
}

static void run_apply(const pass *p, const uint16_t *from, uint16_t *to, size_t n) { run(p, from, to, n, 0); }
static void run_undo(const pass *p, const uint16_t *from, uint16_t *to, size_t n) { run(p, from, to, n, 1); }
WIDE_VECTORS static void run_apply_wide(const pass *p, const uint16_t *from, uint16_t *to, size_t n) { run(p, from, to, n, 0); }
WIDE_VECTORS static void run_undo_wide(const pass *p, const uint16_t *from, uint16_t *to, size_t n) { run(p, from, to, n, 1); }

void ac_chain_apply(const ac_chain *c, const ac_stack *stack, const uint16_t *samples, uint16_t *left, uint64_t left_step)
{
    const pass p = {c, stack->planes, stack->step, left_step};
    for (uint64_t at = 0; at < stack->length; at += CHUNK) {
        const size_t n = stack->length - at < CHUNK ? (size_t)(stack->length - at) : CHUNK;
        (HAS_WIDE_VECTORS ? run_apply_wide : run_apply)(&p, samples + at, left + at, n);
    }
}

void ac_chain_undo(const ac_chain *c, const ac_stack *stack, uint16_t *samples)
{
    const pass p = {c, stack->planes, stack->step, stack->step};
    for (uint64_t at = 0; at < stack->length; at += CHUNK) {
        const size_t n = stack->length - at < CHUNK ? (size_t)(stack->length - at) : CHUNK;
        (HAS_WIDE_VECTORS ? run_undo_wide : run_undo)(&p, samples + at, samples + at, n);
    }
}

size_t ac_chain_tasks(const ac_planes *planes) { return (size_t)((planes->height * planes->width + TASK - 1) / TASK); }

void ac_chain_undo_task(const ac_chain *c, const ac_planes *planes, size_t task, uint16_t *samples)
{
    const uint64_t size = planes->height * planes->width, first = (uint64_t)task * TASK, left = size - first;
    const ac_stack stack = {planes->count, size, left < TASK ? left : TASK};
    ac_chain_undo(c, &stack, samples + first);
}
