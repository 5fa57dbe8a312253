#include "visibility/group.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "rans.h"
#include "visibility/lanes.h"
#include "visibility/log512.h"
#include "visibility/sample.h"
#include "visibility/trellis_lanes.h"
#include "visibility/tuning.h"
#include "visibility/walk.h"

static inline uint32_t dither_of(const ac_round *k, uint64_t element) { return k->b->kind == AC_LATTICE ? ac_dither_at(k->b->seed, element) : 0; }

/* A part of a sample; what a type has no room for is its largest value, integers of types that have none are refused. */
static inline int put(const ac_block *b, void *values, uint64_t element, uint32_t part, int64_t units, double unit)
{
    const uint64_t i = 2 * element + part;
    const double v = (double)units * unit;
    static const double low[AC_F4] = {0, INT8_MIN, 0, INT16_MIN, 0, INT32_MIN}, high[AC_F4] = {UINT8_MAX, INT8_MAX, UINT16_MAX, INT16_MAX, UINT32_MAX, INT32_MAX};
    switch (b->dtype) {
    case AC_C8: ((float *)values)[i] = (float)(v > FLT_MAX ? FLT_MAX : v < -FLT_MAX ? -FLT_MAX : v); return 1;
    case AC_C16: ((double *)values)[i] = v; return 1;
    default: break;
    }
    if (!(v >= low[b->dtype] && v <= high[b->dtype])) return 0;
    switch (b->dtype) {
    case AC_U1: ((uint8_t *)values)[i] = (uint8_t)v; break;
    case AC_I1: ((int8_t *)values)[i] = (int8_t)v; break;
    case AC_U2: ((uint16_t *)values)[i] = (uint16_t)v; break;
    case AC_I2: ((int16_t *)values)[i] = (int16_t)v; break;
    case AC_U4: ((uint32_t *)values)[i] = (uint32_t)v; break;
    default: ((int32_t *)values)[i] = (int32_t)v;
    }
    return 1;
}

static inline double get(const ac_block *b, const void *values, uint64_t element, uint32_t part)
{
    const uint64_t i = 2 * element + part;
    switch (b->dtype) {
    case AC_C8: return ((const float *)values)[i];
    case AC_C16: return ((const double *)values)[i];
    case AC_U1: return ((const uint8_t *)values)[i];
    case AC_I1: return ((const int8_t *)values)[i];
    case AC_U2: return ((const uint16_t *)values)[i];
    case AC_I2: return ((const int16_t *)values)[i];
    case AC_U4: return ((const uint32_t *)values)[i];
    default: return ((const int32_t *)values)[i];
    }
}

/* ---- encoding ---- */

enum { COUNT_ALL = 4096 };

/* A coded part: its table, symbol and the bits behind; those that are many stand in `more`. */
typedef struct {
    uint16_t table : 14, state : 2;
    uint8_t symbol, shift;
} record;

typedef struct {
    record *records;
    uint64_t *more; /* of records with a shift the low bits, then of the outermost symbols how far beyond */
    size_t count, more_count, more_room;
    uint64_t cost[AC_VIS_SHAPES]; /* in 1/512 bits */
    uint32_t shape;
    int is_short;
} tape;

static void add_more(tape *t, uint64_t value)
{
    if (t->more_count == t->more_room) {
        const size_t room = 2 * t->more_room + 1024;
        uint64_t *more = realloc(t->more, room * sizeof *more);
        if (!more) {
            t->is_short = 1;
            return;
        }
        t->more = more, t->more_room = room;
    }
    t->more[t->more_count++] = value;
}

/* Bits in 1/512 of symbols of all shapes: less than 512 * 14. */
typedef struct {
    uint16_t bits[AC_VIS_SHAPES][AC_VIS_SCALES * AC_VIS_PLACES][AC_TABLE];
} costs;

static void make_costs(costs *c, const ac_distances *tables)
{
    for (uint32_t shape = 0; shape < AC_VIS_SHAPES; shape++)
        for (uint32_t t = 0; t < AC_VIS_SCALES * AC_VIS_PLACES; t++) {
            const uint16_t *cumulative = tables[shape].cumulative[t / AC_VIS_PLACES][t % AC_VIS_PLACES];
            for (uint32_t i = 0; i <= 2u * tables[shape].reach[t / AC_VIS_PLACES]; i++)
                c->bits[shape][t][i] = (uint16_t)(AC_PRECISION * 512 - ac_log512((uint32_t)cumulative[i + 1] - cumulative[i]));
        }
}

/* Whether a step of the walk tells which way is shorter: of many samples a quarter, of all turns. */
static inline int counts(const ac_round *k, uint64_t i) { return k->samples < COUNT_ALL || ((i + i / 4) & 3) == 0; }

/* An integer that is so many cells `away` from its mean. */
static inline void add_found(tape *t, const costs *c, int is_counted, uint32_t lane, uint32_t table, uint32_t shift, uint32_t reach, int64_t away, int64_t step)
{
    const int64_t at = away + reach, last = 2 * (int64_t)reach;
    const uint8_t symbol = (uint8_t)(at <= 0 ? 0 : at >= last ? last : at);
    uint32_t more = shift;
    t->records[t->count++] = (record){(uint16_t)table, (uint16_t)(lane % AC_STATES), symbol, (uint8_t)shift};
    if (shift) add_more(t, (uint64_t)step & (((uint64_t)1 << shift) - 1));
    if (symbol == 0 || symbol == last) {
        const uint64_t beyond = 1 + (uint64_t)(symbol ? at - last : -at);
        add_more(t, beyond);
        more += 6 + 63 - (uint32_t)__builtin_clzll(beyond);
    }
    for (uint32_t shape = 0; shape < AC_VIS_SHAPES && is_counted; shape++) t->cost[shape] += c->bits[shape][table][symbol] + 512 * more;
}

static inline void add(tape *t, const costs *c, int is_counted, uint32_t lane, const ac_site *site, uint32_t reach, int64_t step)
{
    add_found(t, c, is_counted, lane, site->scale * AC_VIS_PLACES + site->place, site->shift, reach, (step >> site->shift) - site->cell, step);
}

/* As record_round below, of complex64 on the lattice without predictions. */
static void record_plain(const ac_round *k, uint64_t times, ac_walk *walk, ac_step *s, const costs *c, const ac_distances *tables, float *decoded, tape *out)
{
    const ac_block *const b = k->b;
    const uint32_t n = k->lanes;
    const ac_lane_trellis trellis = ac_trellis_of(b);
    const uint64_t apart = b->channels * b->pols; /* of the elements of two lanes */
    uint32_t state[2][AC_LANES] = {{0}}, dithers[AC_LANES];
    uint64_t i = 0;
    for (s->time = 0; s->time < times; s->time++)
        for (s->channel = 0; s->channel < b->channels; s->channel++)
            for (s->turn = 0; s->turn < b->pols; s->turn++, i++) {
                uint8_t is_coded[AC_LANES];
                ac_lane_sites sites[2];
                const uint64_t first = ac_element_of(k, s->time, 0, s->channel, s->turn);
                const int is_counted = counts(k, i);
                for (uint32_t l = 0; l < n; l++) is_coded[l] = k->classes[i * n + l] == AC_CODED;
                s->unit = k->unit + (i % k->row) * n, s->is_coded = is_coded;
                ac_lanes_dither(b->seed, first, apart, dithers, n);
                for (uint32_t part = 0; part < 2; part++) {
                    const ac_lane_sites *const at = sites + part;
                    const int32_t *const steps = k->steps + (2 * i + part) * n;
                    ac_walk_scale(walk, s, part);
                    ac_lanes_find(&trellis, steps, dithers, part, state[part], s, sites + part, n);
                    for (uint32_t l = 0; l < n; l++)
                        if (is_coded[l]) add_found(out, c, is_counted, l, at->table[l], at->shift[l], tables->reach[at->table[l] / AC_VIS_PLACES], at->away[l], steps[l]);
                    ac_walk_learn_scale(walk, s, part);
                }
                for (uint32_t l = 0; decoded && l < n; l++)
                    if (is_coded[l]) {
                        decoded[2 * (first + l * apart)] = sites[0].number[l];
                        decoded[2 * (first + l * apart) + 1] = sites[1].number[l];
                    }
                ac_walk_learn(walk, s);
            }
}

/* Both parts of all samples in steps, with their dithers, [sample][lane]; 0 of those that are not coded. */
static void find_places(const ac_round *k, const void *values, double *re, double *im)
{
    const ac_block *const b = k->b;
    const uint64_t apart = b->channels * b->pols; /* of the elements of two lanes */
    const uint32_t n = k->lanes;
    uint32_t dithers[AC_LANES] = {0};
    double parts[2][AC_LANES] = {{0}};
    uint64_t i = 0;
    for (uint64_t t = 0; t < b->times; t++)
        for (uint64_t f = 0; f < b->channels; f++)
            for (uint64_t j = 0; j < b->pols; j++, i++) {
                const uint64_t first = ac_element_of(k, t, 0, f, j);
                const double *const unit = k->unit + (i % k->row) * n;
                for (uint32_t l = 0; l < k->baselines; l++)
                    for (uint32_t part = 0; part < 2; part++) parts[part][l] = get(b, values, first + l * apart, part);
                if (b->kind == AC_LATTICE) ac_lanes_dither(b->seed, first, apart, dithers, n);
                ac_lanes_place(parts[0], unit, dithers, 0, k->classes + i * n, re + i * n, n);
                ac_lanes_place(parts[1], unit, dithers, 1, k->classes + i * n, im + i * n, n);
            }
}

/* Integers of both parts, [sample][part][lane], and what they stand for, in `decoded`. */
static int quantise(const ac_round *k, const void *values, int32_t *steps)
{
    const ac_block *const b = k->b;
    const size_t n = k->lanes, count = (size_t)k->samples * n;
    double *const places = malloc(2 * count * sizeof *places);
    uint32_t *ways = malloc(count * sizeof *ways);
    int32_t *chosen = malloc(count * sizeof *chosen);
    const int is_short = !places || !ways || !chosen;
    if (!is_short) find_places(k, values, places, places + count);
    for (uint32_t part = 0; part < 2 && !is_short; part++) {
        const double *const of_part = places + part * count;
        if (b->kind == AC_LATTICE)
            ac_trellis_lanes(ac_trellis_of(b), of_part, k->classes, (size_t)k->samples, (uint32_t)n, ways, chosen);
        else
            for (size_t at = 0; at < count; at++) chosen[at] = (int32_t)rint(of_part[at]);
        for (size_t at = 0; at < k->samples; at++) memcpy(steps + (2 * at + part) * n, chosen + at * n, n * sizeof *steps);
    }
    free(places), free(ways), free(chosen);
    return is_short ? AC_ERROR_MEMORY : AC_OK;
}

/* Goes through the first times of a round. */
static void record_round(const ac_round *k, uint64_t times, ac_walk *walk, ac_step *s, const costs *c, const ac_distances *tables, void *decoded, ac_tuner *tuner, tape *out)
{
    const ac_block *const b = k->b;
    const uint32_t n = k->lanes;
    const ac_lane_trellis trellis = ac_trellis_of(b);
    uint32_t state[2][AC_LANES] = {{0}};
    const uint64_t apart = b->channels * b->pols; /* of the elements of two lanes */
    uint64_t i = 0;
    for (s->time = 0; s->time < times; s->time++)
        for (s->channel = 0; s->channel < b->channels; s->channel++)
            for (s->turn = 0; s->turn < b->pols; s->turn++, i++) {
                uint8_t is_coded[AC_LANES];
                uint32_t dithers[AC_LANES];
                const uint64_t first = ac_element_of(k, s->time, 0, s->channel, s->turn);
                const int is_counted = counts(k, i);
                for (uint32_t l = 0; l < n; l++) is_coded[l] = k->classes[i * n + l] == AC_CODED;
                s->unit = k->unit + (i % k->row) * n, s->is_coded = is_coded;
                for (uint32_t l = 0; l < n; l++) dithers[l] = dither_of(k, first + l * apart);
                ac_walk_predict(walk, s);
                for (uint32_t part = 0; part < 2; part++) {
                    ac_walk_scale(walk, s, part);
                    for (uint32_t l = 0; l < n; l++) {
                        if (!is_coded[l]) continue;
                        const uint32_t dither = dithers[l] >> 8 * part & 255, half = b->kind == AC_LATTICE ? state[part][l] & 1 : 0;
                        const int64_t mean = ac_whole_mean(s->mean[part][l]), step = k->steps[(2 * i + part) * n + l], units = ac_units_of(step, half, dither);
                        const ac_site site = ac_site_of(mean, s->scale[l], half, dither);
                        add(out, c, is_counted, l, &site, tables->reach[site.scale], step);
                        state[part][l] = ac_lane_next(&trellis, state[part][l], (uint32_t)step & 1);
                        s->value[part][l] = (double)units;
                        s->distance[part][l] = (double)(units < mean ? mean - units : units - mean);
                        if (decoded) put(b, decoded, first + l * apart, part, units, s->unit[l]);
                    }
                    ac_walk_learn_scale(walk, s, part);
                }
                if (tuner) ac_tuner_keep(tuner, walk, s, i);
                ac_walk_learn(walk, s);
            }
}

/* How a group is coded. */
typedef struct {
    int is_predicted;
    const int8_t *layer; /* NULL where no network mixes */
} way;

/* Goes through the first times of a group in a way, and tunes a network that mixes if there is a tuner. */
static int record_all(const ac_rounds *all, uint64_t times, way how, const costs *c, const ac_distances *tables, void *decoded, ac_tuner *tuner, tape *out)
{
    const ac_round *k = all->at;
    ac_walk walk;
    ac_step *const s = calloc(1, sizeof *s);
    size_t room = 0;
    for (size_t i = 0; i < all->count; i++) room += (size_t)k[i].samples * 2 * k[i].lanes;
    out->records = malloc(room * sizeof *out->records);
    int status = ac_walk_start(&walk, k->b, k->baselines, how.is_predicted, how.layer);
    if (!s || !out->records) status = AC_ERROR_MEMORY;
    for (size_t i = 0; i < all->count && !status; i++) {
        if (i) status = ac_walk_next(&walk, k[i].b, k[i].baselines);
        if (!status && !how.is_predicted && k->b->kind == AC_LATTICE && k->b->dtype == AC_C8)
            record_plain(k + i, times, &walk, s, c, tables, decoded, out);
        else if (!status)
            record_round(k + i, times, &walk, s, c, tables, decoded, tuner, out);
    }
    ac_walk_end(&walk);
    free(s);
    for (uint32_t shape = 1; shape < AC_VIS_SHAPES; shape++)
        if (out->cost[shape] < out->cost[out->shape]) out->shape = shape;
    return status || out->is_short ? AC_ERROR_MEMORY : AC_OK;
}

static void push_bits(uint64_t value, uint32_t count, uint32_t *state, uint16_t **word)
{
    /* popped 16 at a time from the lowest, so pushed from the highest */
    for (uint32_t done = count & ~15u; count; count = done, done -= done ? 16 : 0) ac_rans_push_raw(state, (uint32_t)(value >> done) & ((1u << (count - done)) - 1), count - done, word);
}

/* As ac_rans_push, without a branch that nobody can foresee; it writes a word in advance. */
static inline void push_symbol(uint32_t *state, uint32_t start, uint32_t share, uint16_t **word)
{
    const uint32_t is_full = *state >> (32 - AC_PRECISION) >= share, x = *state >> 16 * is_full;
    (*word)[-1] = (uint16_t)*state;
    *word -= is_full;
    *state = ((x / share) << AC_PRECISION) + x % share + start;
}

/* States and words of a tape, behind `head` bytes that are left free. */
static uint8_t *pack(const tape *t, const ac_distances *tables, uint32_t states, size_t head, size_t *length)
{
    /* A record makes a word at most, and what is behind it four more. */
    const size_t room = t->count + 8 * t->more_count;
    uint16_t *const words = malloc((room + 1) * sizeof *words), *const last = words ? words + room + 1 : NULL, *word = last;
    uint32_t state[AC_STATES];
    size_t more = t->more_count;
    for (uint32_t i = 0; i < AC_STATES; i++) state[i] = AC_RANS_LOW;
    for (size_t i = words ? t->count : 0; i-- > 0;) {
        const record *const r = t->records + i;
        uint32_t *const x = state + (r->state & (states - 1));
        const ac_distances *const table = tables + t->shape;
        const uint16_t *const c = table->cumulative[r->table / AC_VIS_PLACES][r->table % AC_VIS_PLACES];
        const int is_outermost = r->symbol == 0 || r->symbol == 2 * table->reach[r->table / AC_VIS_PLACES];
        const uint64_t beyond = is_outermost ? t->more[--more] : 0, low = r->shift ? t->more[--more] : 0;
        push_bits(low, r->shift, x, &word);
        if (is_outermost) {
            const uint32_t bits = 63 - (uint32_t)__builtin_clzll(beyond);
            push_bits(beyond & (((uint64_t)1 << bits) - 1), bits, x, &word);
            ac_rans_push_raw(x, bits, 6, &word);
        }
        push_symbol(x, c[r->symbol], (uint32_t)c[r->symbol + 1] - c[r->symbol], &word);
    }
    const size_t count = (size_t)(last - word);
    uint8_t *const out = words ? malloc(head + 4 * states + 2 * count) : NULL;
    if (out) {
        *length = head + 4 * states + 2 * count;
        for (uint32_t i = 0; i < states; i++) ac_put_u32(out + head + 4 * i, state[i]);
        for (size_t i = 0; i < count; i++) ac_put_u16(out + head + 4 * states + 2 * i, word[i]);
    }
    free(words);
    return out;
}

static int quantise_all(ac_rounds *all, const void *values, const uint8_t *classes)
{
    int status = AC_OK;
    for (ac_round *k = all->at; k < all->at + all->count && !status; k++) {
        k->steps = malloc((size_t)k->samples * 2 * k->lanes * sizeof *k->steps);
        if (classes) ac_round_take_classes(k, classes);
        status = k->steps ? quantise(k, values, k->steps) : AC_ERROR_MEMORY;
    }
    return status;
}

static void free_tape(tape *t) { free(t->records), free(t->more); }
static uint64_t cost_of(const tape *t) { return t->records ? t->cost[t->shape] : UINT64_MAX; }

/* Of so many times and steps the first times tell which way is shorter. */
enum { PLAIN, PREDICTED, MIXED, WAYS, LONG = 16, MANY = 1 << 11 };

/* What is known of a group while ways are tried. */
typedef struct {
    const ac_rounds *all;
    const costs *c;
    const ac_distances *tables;
    uint64_t tuned_on; /* times */
    int is_tuned, status;
    int8_t layer[AC_MIX_SIZE];
    tape found[WAYS];
} trial;

static void record_way(trial *t, int which, uint64_t times, void *decoded, ac_tuner *tuner, tape *out)
{
    const way how = {which != PLAIN, which == MIXED ? t->layer : NULL};
    free_tape(out);
    *out = (tape){0};
    if (!t->status) t->status = record_all(t->all, times, how, t->c, t->tables, decoded, tuner, out);
}

static uint64_t steps_of(const ac_rounds *all, uint64_t times) { return all->count * times * all->at->row; }

/* Tunes the network on the first times, which it has recorded then without being tuned. */
static void tune(trial *t)
{
    ac_tuner tuner;
    if (!ac_tuner_start(&tuner, steps_of(t->all, t->tuned_on))) t->status = AC_ERROR_MEMORY;
    record_way(t, MIXED, t->tuned_on, NULL, &tuner, t->found + MIXED);
    if (!t->status) ac_tuner_end(&tuner, t->layer);
    free(tuner.lessons);
    t->is_tuned = 1;
}

/* Whether a way is better than the best one so far. By the first times of many, predictions still have to learn, and a network has to be worth its work. */
static int is_better(const trial *t, int which, int best, int is_first)
{
    const double cost = (double)cost_of(t->found + which), other = (double)cost_of(t->found + best);
    if (which == MIXED) return (is_first ? cost * 1.001 : cost + 8 * 512 * AC_MIX_SIZE) < other;
    return (is_first ? cost / 1.003 : cost) < other;
}

/* The best of the ways that may be. */
static int best_of(trial *t, const int *may, uint64_t times, int is_first, void *decoded)
{
    int best = WAYS;
    for (int which = 0; which < WAYS; which++) {
        if (!may[which] || (which == MIXED && best == PLAIN && may[PREDICTED])) continue; /* what cannot be predicted need not be mixed */
        if (which == MIXED && !t->is_tuned) tune(t);
        record_way(t, which, times, best == WAYS ? decoded : NULL, NULL, t->found + which);
        if (best == WAYS || is_better(t, which, best, is_first)) best = which;
    }
    return best;
}

/* The best way, recorded. */
static int recorded(trial *t, int how, void *decoded)
{
    const uint64_t times = t->all->at->b->times;
    const uint64_t some = ac_larger(times / 16, (MANY - 1) / steps_of(t->all, 1) + 1), first = times < LONG ? times : ac_smaller(some, times);
    int may[WAYS];
    for (int which = 0; which < WAYS; which++) may[which] = how == AC_TRY_ALL || how == AC_ONLY_PLAIN + which;
    t->tuned_on = first;
    if (how == AC_TRY_ALL && first < times) {
        const int chosen = best_of(t, may, first, 1, NULL);
        for (int which = 0; which < WAYS; which++) may[which] = which == chosen;
    }
    return best_of(t, may, times, 0, decoded);
}

uint8_t *ac_group_encode(const ac_group *g, const void *values, const uint8_t *classes, int how, void *decoded, size_t *length)
{
    ac_rounds all;
    uint8_t *out = NULL, *head = NULL;
    size_t head_length = 0;
    ac_distances *const tables = malloc(AC_VIS_SHAPES * sizeof *tables);
    costs *const c = malloc(sizeof *c);
    trial t = {.all = &all, .c = c, .tables = tables, .status = ac_rounds_start(&all, g)};
    if (!tables || !c || t.status || quantise_all(&all, values, classes)) goto done;
    for (uint32_t shape = 0; shape < AC_VIS_SHAPES; shape++) ac_distances_make(tables + shape, shape);
    make_costs(c, tables);
    const int best = recorded(&t, how, decoded);
    const size_t layer = best == MIXED ? AC_MIX_SIZE : 0;
    if (!t.status) head = ac_rounds_head(&all, values, decoded, &head_length);
    if (head) out = pack(t.found + best, tables, ac_states_of(&all), head_length + layer, length);
    if (out) {
        out[0] = (uint8_t)(head[0] | (best != PLAIN) | (int)t.found[best].shape << AC_SHAPE_SHIFT | (layer ? AC_MIXED : 0));
        memcpy(out + 1, t.layer, layer);
        memcpy(out + 1 + layer, head + 1, head_length - 1);
    }
done:
    free(head), free(c), free(tables);
    for (int which = 0; which < WAYS; which++) free_tape(t.found + which);
    ac_rounds_end(&all);
    return out;
}

/* ---- decoding ---- */

static uint64_t pop_bits(uint32_t count, uint32_t *x, ac_word_reader *in)
{
    uint64_t value = 0;
    for (uint32_t at = 0; at < count; at += 16) {
        const uint32_t bits = count - at < 16 ? count - at : 16;
        value |= (uint64_t)(*x & ((1u << bits) - 1)) << at;
        *x = ac_refill(*x >> bits, in);
    }
    return value;
}

/* The integer at a site; INT64_MIN where it is too large. */
static inline int64_t pop_step(const ac_distances *tables, const ac_site *site, uint32_t *x, ac_word_reader *in)
{
    const uint16_t *const c = tables->cumulative[site->scale][site->place];
    const uint32_t slot = *x & (AC_TOTAL - 1), reach = tables->reach[site->scale];
    uint32_t symbol = tables->guess[site->scale][site->place][slot >> (AC_PRECISION - AC_GUESS_BITS)];
    while (c[symbol + 1] <= slot) symbol++;
    *x = ac_refill(((uint32_t)c[symbol + 1] - c[symbol]) * (*x >> AC_PRECISION) + slot - c[symbol], in);
    int64_t away = (int64_t)symbol - reach;
    if (symbol == 0 || symbol == 2 * reach) {
        const uint32_t bits = (uint32_t)pop_bits(6, x, in);
        if (bits > 46) return INT64_MIN;
        const int64_t beyond = (int64_t)(((uint64_t)1 << bits | pop_bits(bits, x, in)) - 1);
        away += symbol ? beyond : -beyond;
    }
    const int64_t cell = site->cell + away, most = AC_MAX_STEP >> site->shift;
    if (cell < -most || cell > most) return INT64_MIN;
    return cell * ((int64_t)1 << site->shift) + (int64_t)pop_bits(site->shift, x, in);
}

static int decode_round(const ac_round *k, ac_walk *walk, ac_step *s, const ac_distances *tables, ac_rounds_reader *in, uint32_t states, void *values, ac_refusal *why)
{
    const ac_block *const b = k->b;
    const uint32_t n = k->lanes;
    const ac_lane_trellis trellis = ac_trellis_of(b);
    uint32_t state[2][AC_LANES] = {{0}};
    int status = AC_OK;
    uint64_t i = 0;
    for (s->time = 0; !status && s->time < b->times; s->time++)
        for (s->channel = 0; !status && s->channel < b->channels; s->channel++)
            for (s->turn = 0; !status && s->turn < b->pols; s->turn++, i++) {
                uint8_t is_coded[AC_LANES];
                for (uint32_t l = 0; l < n; l++) is_coded[l] = k->classes[i * n + l] == AC_CODED;
                s->unit = k->unit + (i % k->row) * n, s->is_coded = is_coded;
                ac_walk_predict(walk, s);
                for (uint32_t part = 0; part < 2 && !status; part++) {
                    ac_walk_scale(walk, s, part);
                    for (uint32_t l = 0; l < n; l++) {
                        if (!is_coded[l]) continue;
                        const uint64_t element = ac_element_of(k, s->time, l, s->channel, s->turn);
                        const uint32_t dither = dither_of(k, element) >> 8 * part & 255, half = b->kind == AC_LATTICE ? state[part][l] & 1 : 0;
                        const int64_t mean = ac_whole_mean(s->mean[part][l]);
                        const ac_site site = ac_site_of(mean, s->scale[l], half, dither);
                        const int64_t step = pop_step(tables, &site, in->state + (l & (states - 1)), &in->words), units = ac_units_of(step == INT64_MIN ? 0 : step, half, dither);
                        if (step == INT64_MIN || !put(b, values, element, part, units, s->unit[l])) {
                            status = in->words.is_short ? ac_refuse(why, AC_REASON_WORDS, 0, 0, 0) : ac_refuse(why, AC_REASON_VISIBILITY_STEP, 0, element, AC_MAX_STEP);
                            break;
                        }
                        state[part][l] = ac_lane_next(&trellis, state[part][l], (uint32_t)step & 1);
                        s->value[part][l] = (double)units;
                        s->distance[part][l] = (double)(units < mean ? mean - units : units - mean);
                    }
                    if (in->words.is_short) status = ac_refuse(why, AC_REASON_WORDS, 0, 0, 0);
                    ac_walk_learn_scale(walk, s, part);
                }
                ac_walk_learn(walk, s);
            }
    return status;
}

static int decode_all(const ac_rounds *all, int is_predicted, const int8_t *layer, const ac_distances *tables, ac_rounds_reader *in, void *values, ac_refusal *why)
{
    const ac_round *k = all->at;
    ac_walk walk;
    ac_step *const s = calloc(1, sizeof *s);
    int status = ac_walk_start(&walk, k->b, k->baselines, is_predicted, layer);
    if (!s) status = AC_ERROR_MEMORY;
    for (size_t i = 0; i < all->count && !status; i++) {
        if (i) status = ac_walk_next(&walk, k[i].b, k[i].baselines);
        if (!status) status = decode_round(k + i, &walk, s, tables, in, ac_states_of(all), values, why);
    }
    ac_walk_end(&walk);
    free(s);
    return status;
}

int ac_group_decode(const ac_group *g, const uint8_t *data, size_t length, ac_distances *tables, uint32_t *made, void *values, ac_refusal *why)
{
    return ac_rounds_decode(g, data, length, tables, made, decode_all, values, why);
}
