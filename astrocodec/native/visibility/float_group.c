#include "visibility/float_group.h"

#include <stdlib.h>
#include <string.h>

#include "rans.h"
#include "visibility/float_site.h"
#include "visibility/recurrence.h"
#include "visibility/walk.h"

enum { IS_SYMBOL = 32, IS_DECISION = 33, HALVED = 1024 };

/* How often something was so: a part, whose cell is next to zero, zero; one on its lattice. */
typedef struct {
    uint32_t zeros, all;
} zero_count;

enum { OFF_CLASSES = 32, OFF_FADE = 64 };

/* Of parts of one size: how often they were on the lattice, and how far off. */
typedef struct {
    zero_count on;
    double away, count;
} off_lattice;

static uint32_t share_of_zeros(const zero_count *z)
{
    const uint32_t share = z->zeros * AC_TOTAL / z->all;
    return share < 1 ? 1 : share > AC_TOTAL - 1 ? AC_TOTAL - 1 : share;
}

static void count_zero(zero_count *z, int is_zero)
{
    z->zeros += (uint32_t)is_zero, z->all += 1;
    if (z->all >= HALVED) z->zeros = (z->zeros + 1) / 2, z->all = z->all / 2 + 1;
}

/* What a group is walked with. */
typedef struct {
    ac_floats floats, lattice; /* first found on the lattice, if there is one, then around that as floats */
    int has_lattice;
    off_lattice off[OFF_CLASSES];
    double unit; /* of distances */
    ac_recurrence recurrence;
    ac_walk distances;
    ac_rec_step *step;
    ac_step *scale;
    zero_count zeros[2], zeros_off[2];
    int is_predicted;
} walker;

static void end_walk(walker *w)
{
    ac_recurrence_end(&w->recurrence);
    ac_walk_end(&w->distances);
    free(w->step), free(w->scale);
}

static int start_walk(walker *w, const ac_block *b, uint32_t baselines, int is_predicted)
{
    *w = (walker){.floats = ac_floats_of(b), .unit = b->base / AC_STEP_PARTS, .zeros = {{1, 2}, {1, 2}}, .zeros_off = {{1, 2}, {1, 2}}, .is_predicted = is_predicted};
    w->lattice = ac_lattice_of(b), w->has_lattice = ac_has_lattice(b);
    for (int i = 0; i < OFF_CLASSES; i++) w->off[i] = (off_lattice){{1, 2}, ac_power_of_two(w->lattice.lowest) / 16, 1};
    w->step = calloc(1, sizeof *w->step), w->scale = calloc(1, sizeof *w->scale);
    int status = w->step && w->scale ? AC_OK : AC_ERROR_MEMORY;
    if (!status) status = ac_walk_start(&w->distances, b, baselines, 0, NULL);
    if (!status && is_predicted) status = ac_recurrence_start(&w->recurrence, b, baselines);
    return status;
}

static int next_walk(walker *w, const ac_block *b, uint32_t baselines)
{
    const int status = ac_walk_next(&w->distances, b, baselines);
    if (status || !w->is_predicted) return status;
    ac_recurrence_end(&w->recurrence);
    return ac_recurrence_start(&w->recurrence, b, baselines);
}

/* Before the samples of a step. */
static void begin(walker *w, uint64_t time, uint64_t turn, uint64_t channel, const uint8_t *is_coded)
{
    ac_rec_step *const s = w->step;
    s->time = w->scale->time = time, s->turn = w->scale->turn = turn, s->channel = w->scale->channel = channel;
    s->is_coded = w->scale->is_coded = is_coded;
    if (w->is_predicted) ac_recurrence_predict(&w->recurrence, s);
}

static ac_float_site site_of(const walker *w, uint32_t part, uint32_t lane)
{
    return ac_float_site_of(w->has_lattice ? &w->lattice : &w->floats, w->step->mean[part][lane], w->scale->scale[lane] * w->unit);
}

/* How far off the lattice a part may be: by the size of its sample, as far as that is known. */
static off_lattice *off_of(walker *w, uint32_t part, uint32_t lane, double on)
{
    const int32_t e = ac_exponent_of(on), other = ac_exponent_of(part ? w->step->value[0][lane] : w->step->mean[1][lane]);
    const int32_t above = (e > other ? e : other) - w->lattice.lowest;
    return w->off + (above < 0 ? 0 : above < OFF_CLASSES ? above : OFF_CLASSES - 1);
}

static void count_off(off_lattice *o, double away)
{
    o->away += away < 0 ? -away : away, o->count += 1;
    if (o->count >= OFF_FADE) o->away *= 0.5, o->count *= 0.5;
}

static void take(walker *w, uint32_t part, uint32_t lane, double v)
{
    const double away = v - w->step->mean[part][lane];
    w->step->value[part][lane] = v;
    w->scale->distance[part][lane] = (away < 0 ? -away : away) / w->unit;
}

/* Behind the samples of a step. */
static void finish(walker *w)
{
    if (w->is_predicted) ac_recurrence_learn(&w->recurrence, w->step);
    ac_walk_learn(&w->distances, w->scale);
}

/* ---- encoding ---- */

/* A symbol of a table, a decision's share, or some bits. */
typedef struct {
    uint16_t low, size; /* table and symbol; start and size; value */
    uint8_t bits, state;
} entry;

typedef struct {
    entry *entries;
    size_t count, room;
    uint32_t (*counts)[AC_TABLE]; /* of each table's symbols */
    uint32_t shape;
    int is_short;
} tape;

static void add(tape *t, uint32_t low, uint32_t size, uint32_t bits, uint32_t state)
{
    if (t->count == t->room) {
        const size_t room = 2 * t->room + 65536;
        entry *const entries = realloc(t->entries, room * sizeof *entries);
        if (!entries) {
            t->is_short = 1;
            return;
        }
        t->entries = entries, t->room = room;
    }
    t->entries[t->count++] = (entry){(uint16_t)low, (uint16_t)size, (uint8_t)bits, (uint8_t)state};
}

static void add_bits(tape *t, uint64_t value, uint32_t count, uint32_t state)
{
    for (uint32_t at = 0; at < count; at += 16) {
        const uint32_t bits = count - at < 16 ? count - at : 16;
        add(t, (uint32_t)(value >> at) & ((1u << bits) - 1), 0, bits, state);
    }
}

static void add_decision(tape *t, zero_count *z, int is_zero, uint32_t state)
{
    const uint32_t zeros = share_of_zeros(z);
    add(t, is_zero ? 0 : zeros, is_zero ? zeros : AC_TOTAL - zeros, IS_DECISION, state);
    count_zero(z, is_zero);
}

/* The bits of a magnitude below its cell n. */
static void add_rest(tape *t, const ac_floats *f, zero_count *z, double magnitude, int64_t n, int32_t width, uint32_t state)
{
    int32_t top = width + 63 - (n ? __builtin_clzll((uint64_t)n) : 63);
    double rest = magnitude - (double)n * ac_power_of_two(width);
    if (!n) {
        if (width <= f->lowest) return;
        add_decision(t, z, magnitude == 0, state);
        if (magnitude == 0) return;
        const int32_t exponent = ac_exponent_of(magnitude);
        for (top = width - 1; top > f->lowest && top > exponent; top--) add_bits(t, 0, 1, state);
        if (top > f->lowest) add_bits(t, 1, 1, state);
        rest = magnitude - ac_power_of_two(top), width = top;
    }
    const int32_t last = top - f->mantissa > f->lowest ? top - f->mantissa : f->lowest;
    if (width > last) add_bits(t, (uint64_t)(rest * ac_power_of_two(-last)), (uint32_t)(width - last), state);
}

static uint64_t bits_of(double v, uint32_t bits)
{
    uint64_t of_double;
    uint32_t of_float;
    const float narrow = (float)v;
    memcpy(&of_double, &v, sizeof v), memcpy(&of_float, &narrow, sizeof narrow);
    return bits == 64 ? of_double : of_float;
}

static void add_around(tape *t, const ac_floats *f, zero_count *z, const ac_distances *tables, ac_float_site site, double v, uint32_t state)
{
    const double magnitude = v < 0 ? -v : v, cells = magnitude * ac_power_of_two(-site.width);
    const int is_raw = cells >= (double)((int64_t)1 << AC_MOST_CELL_BITS), is_negative = signbit(v) != 0;
    const int64_t n = is_raw ? (int64_t)1 << AC_MOST_CELL_BITS : (int64_t)cells, cell = is_negative ? -1 - n : n;
    const int64_t reach = tables->reach[site.scale], away = cell - site.cell + reach, last = 2 * reach;
    const uint32_t table = site.scale * AC_VIS_PLACES + site.place, symbol = (uint32_t)(away <= 0 ? 0 : away >= last ? last : away);
    add(t, table, symbol, IS_SYMBOL, state);
    t->counts[table][symbol]++;
    if (symbol == 0 || symbol == last) {
        const uint64_t beyond = 1 + (uint64_t)(symbol ? away - last : -away);
        const uint32_t bits = 63 - (uint32_t)__builtin_clzll(beyond);
        if (is_raw || bits > AC_MOST_BEYOND) {
            add_bits(t, AC_RAW_FLOAT, 6, state);
            add_bits(t, bits_of(v, f->bits), f->bits, state);
            return;
        }
        add_bits(t, bits, 6, state);
        add_bits(t, beyond & (((uint64_t)1 << bits) - 1), bits, state);
    }
    add_rest(t, f, z, magnitude, n, site.width, state);
}

/* The multiple of the lattice that is nearest; from 2^52 steps on all doubles are multiples. */
static double on_lattice(const walker *w, double v)
{
    const double per_step = ac_power_of_two(-w->lattice.lowest), steps = v * per_step;
    return steps > -0x1p52 && steps < 0x1p52 ? copysign(rint(steps) / per_step, v) : v;
}

static void add_part(tape *t, walker *w, const ac_distances *tables, uint32_t part, uint32_t lane, double v, uint32_t state)
{
    const ac_float_site site = site_of(w, part, lane);
    if (!w->has_lattice) {
        add_around(t, &w->floats, w->zeros + part, tables, site, v, state);
        return;
    }
    const double on = on_lattice(w, v);
    off_lattice *const off = off_of(w, part, lane, on);
    const int is_on = v == on && signbit(v) == signbit(on);
    add_around(t, &w->lattice, w->zeros + part, tables, site, on, state);
    add_decision(t, &off->on, is_on, state);
    if (is_on) return;
    add_around(t, &w->floats, w->zeros_off + part, tables, ac_float_site_of(&w->floats, on, off->away / off->count), v, state);
    count_off(off, v - on);
}

static double get(const ac_block *b, const void *values, uint64_t i) { return b->dtype == AC_C8 ? (double)((const float *)values)[i] : ((const double *)values)[i]; }

static void record_round(const ac_round *k, walker *w, const ac_distances *tables, uint32_t states, const void *values, tape *out)
{
    const ac_block *const b = k->b;
    for (uint64_t t = 0; t < b->times; t++)
        for (uint64_t j = 0; j < b->pols; j++)
            for (uint64_t f = 0; f < b->channels; f++) {
                uint8_t is_coded[AC_LANES];
                for (uint32_t l = 0; l < k->lanes; l++) is_coded[l] = k->classes[((t * b->channels + f) * b->pols + j) * k->lanes + l] == AC_CODED;
                begin(w, t, j, f, is_coded);
                for (uint32_t part = 0; part < 2; part++) {
                    ac_walk_scale(&w->distances, w->scale, part);
                    for (uint32_t l = 0; l < k->lanes; l++) {
                        if (!is_coded[l]) continue;
                        const double v = get(b, values, 2 * ac_element_of(k, t, l, f, j) + part);
                        add_part(out, w, tables, part, l, v, l & (states - 1));
                        take(w, part, l, v);
                    }
                    ac_walk_learn_scale(&w->distances, w->scale, part);
                }
                finish(w);
            }
}

/* The shape that takes least bits, by the symbols of all tables. */
static uint32_t best_shape(const tape *t, const ac_distances *tables)
{
    uint32_t best = 0;
    double least = 0;
    for (uint32_t shape = 0; shape < AC_VIS_SHAPES; shape++) {
        double bits = 0;
        for (uint32_t i = 0; i < AC_VIS_SCALES * AC_VIS_PLACES; i++) {
            const uint16_t *const c = tables[shape].cumulative[i / AC_VIS_PLACES][i % AC_VIS_PLACES];
            for (uint32_t symbol = 0; symbol <= 2u * tables->reach[i / AC_VIS_PLACES]; symbol++)
                if (t->counts[i][symbol]) bits += t->counts[i][symbol] * (AC_PRECISION - log2(c[symbol + 1] - c[symbol]));
        }
        if (!shape || bits < least) least = bits, best = shape;
    }
    return best;
}

/* States and words of a tape, behind `head` bytes that are left free. */
static uint8_t *pack(const tape *t, const ac_distances *table, uint32_t states, size_t head, size_t *length)
{
    uint16_t *const words = malloc((t->count + 1) * sizeof *words), *word = words ? words + t->count : NULL;
    uint32_t state[AC_STATES];
    for (uint32_t i = 0; i < AC_STATES; i++) state[i] = AC_RANS_LOW;
    for (size_t i = words ? t->count : 0; i-- > 0;) {
        const entry *const e = t->entries + i;
        uint32_t *const x = state + e->state;
        const uint16_t *const c = e->bits == IS_SYMBOL ? table->cumulative[e->low / AC_VIS_PLACES][e->low % AC_VIS_PLACES] + e->size : NULL;
        if (c)
            ac_rans_push(x, c[0], (uint32_t)c[1] - c[0], &word);
        else if (e->bits == IS_DECISION)
            ac_rans_push(x, e->low, e->size, &word);
        else
            ac_rans_push_raw(x, e->low, e->bits, &word);
    }
    const size_t count = words ? (size_t)(words + t->count - word) : 0;
    uint8_t *const out = words ? malloc(head + 4 * states + 2 * count) : NULL;
    if (out) {
        *length = head + 4 * states + 2 * count;
        for (uint32_t i = 0; i < states; i++) ac_put_u32(out + head + 4 * i, state[i]);
        for (size_t i = 0; i < count; i++) ac_put_u16(out + head + 4 * states + 2 * i, word[i]);
    }
    free(words);
    return out;
}

uint8_t *ac_float_group_encode(const ac_group *g, const void *values, const uint8_t *classes, int is_predicted, size_t *length)
{
    ac_rounds all;
    walker w = {0};
    tape t = {.counts = calloc(AC_VIS_SCALES * AC_VIS_PLACES, sizeof *t.counts)};
    uint8_t *out = NULL, *head = NULL;
    size_t head_length = 0;
    ac_distances *const tables = malloc(AC_VIS_SHAPES * sizeof *tables);
    int status = ac_rounds_start(&all, g);
    if (!tables || !t.counts) status = AC_ERROR_MEMORY;
    for (uint32_t shape = 0; tables && shape < AC_VIS_SHAPES; shape++) ac_distances_make(tables + shape, shape);
    if (!status) status = start_walk(&w, g->block, all.at->baselines, is_predicted);
    for (size_t i = 0; i < all.count && !status; i++) {
        if (classes) ac_round_take_classes(all.at + i, classes);
        if (i) status = next_walk(&w, g->block, all.at[i].baselines);
        if (!status) record_round(all.at + i, &w, tables, ac_states_of(&all), values, &t);
    }
    if (!status && !t.is_short) head = ac_rounds_head(&all, values, NULL, &head_length);
    if (head) {
        t.shape = best_shape(&t, tables);
        out = pack(&t, tables + t.shape, ac_states_of(&all), head_length, length);
    }
    if (out) {
        memcpy(out, head, head_length);
        out[0] |= (uint8_t)(is_predicted | (int)t.shape << AC_SHAPE_SHIFT);
    }
    end_walk(&w);
    ac_rounds_end(&all);
    free(head), free(t.entries), free(t.counts), free(tables);
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

static int pop_decision(zero_count *z, uint32_t *x, ac_word_reader *in)
{
    const uint32_t zeros = share_of_zeros(z), slot = *x & (AC_TOTAL - 1);
    const int is_zero = slot < zeros;
    *x = ac_refill((is_zero ? zeros : AC_TOTAL - zeros) * (*x >> AC_PRECISION) + slot - (is_zero ? 0 : zeros), in);
    count_zero(z, is_zero);
    return is_zero;
}

/* A magnitude in cell n; less than 0 where there is no such float. */
static double pop_rest(const ac_floats *f, zero_count *z, int64_t n, int32_t width, uint32_t *x, ac_word_reader *in)
{
    int32_t top = width + 63 - (n ? __builtin_clzll((uint64_t)n) : 63);
    double base = (double)n * ac_power_of_two(width);
    if (!n) {
        if (width <= f->lowest || pop_decision(z, x, in)) return 0;
        for (top = width - 1; top > f->lowest && !pop_bits(1, x, in);) top--;
        base = ac_power_of_two(top), width = top;
    }
    const int32_t last = top - f->mantissa > f->lowest ? top - f->mantissa : f->lowest;
    if (width < last && (last - width > 62 || n & (((int64_t)1 << (last - width)) - 1))) return -1;
    return width > last ? base + (double)pop_bits((uint32_t)(width - last), x, in) * ac_power_of_two(last) : base;
}

static int put(const ac_block *b, void *values, uint64_t i, double v)
{
    if (b->dtype == AC_C8)
        ((float *)values)[i] = (float)v;
    else
        ((double *)values)[i] = v;
    return v >= -(b->dtype == AC_C8 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023) && v <= (b->dtype == AC_C8 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023);
}

static double double_of(uint64_t bits, uint32_t count)
{
    const uint32_t low = (uint32_t)bits;
    double wide;
    float narrow;
    memcpy(&wide, &bits, sizeof wide), memcpy(&narrow, &low, sizeof narrow);
    return count == 64 ? wide : narrow;
}

/* Whether there is such a float. */
static int pop_around(const ac_floats *f, zero_count *z, const ac_distances *tables, ac_float_site site, uint32_t *x, ac_word_reader *in, double *v)
{
    const uint16_t *const c = tables->cumulative[site.scale][site.place];
    const uint32_t slot = *x & (AC_TOTAL - 1), reach = tables->reach[site.scale];
    uint32_t symbol = tables->guess[site.scale][site.place][slot >> (AC_PRECISION - AC_GUESS_BITS)];
    while (c[symbol + 1] <= slot) symbol++;
    *x = ac_refill(((uint32_t)c[symbol + 1] - c[symbol]) * (*x >> AC_PRECISION) + slot - c[symbol], in);
    int64_t away = (int64_t)symbol - reach;
    if (symbol == 0 || symbol == 2 * reach) {
        const uint32_t bits = (uint32_t)pop_bits(6, x, in);
        if (bits == AC_RAW_FLOAT) {
            *v = double_of(pop_bits(f->bits, x, in), f->bits);
            return *v - *v == 0;
        }
        if (bits > AC_MOST_BEYOND) return 0;
        const int64_t beyond = (int64_t)(((uint64_t)1 << bits | pop_bits(bits, x, in)) - 1);
        away += symbol ? beyond : -beyond;
    }
    const int64_t cell = site.cell + away, n = cell < 0 ? -1 - cell : cell;
    const double magnitude = n >> AC_MOST_CELL_BITS ? -1 : pop_rest(f, z, n, site.width, x, in);
    *v = cell < 0 ? -magnitude : magnitude;
    return magnitude >= 0 && magnitude <= 0x1.fffffffffffffp1023;
}

static int pop_part(walker *w, const ac_distances *tables, uint32_t part, uint32_t lane, uint32_t *x, ac_word_reader *in, double *v)
{
    const ac_float_site site = site_of(w, part, lane);
    if (!w->has_lattice) return pop_around(&w->floats, w->zeros + part, tables, site, x, in, v);
    double on;
    if (!pop_around(&w->lattice, w->zeros + part, tables, site, x, in, &on)) return 0;
    off_lattice *const off = off_of(w, part, lane, on);
    *v = on;
    if (pop_decision(&off->on, x, in)) return 1;
    if (!pop_around(&w->floats, w->zeros_off + part, tables, ac_float_site_of(&w->floats, on, off->away / off->count), x, in, v)) return 0;
    count_off(off, *v - on);
    return 1;
}

static int decode_round(const ac_round *k, walker *w, const ac_distances *tables, ac_rounds_reader *in, uint32_t states, void *values, ac_refusal *why)
{
    const ac_block *const b = k->b;
    for (uint64_t t = 0; t < b->times; t++)
        for (uint64_t j = 0; j < b->pols; j++)
            for (uint64_t f = 0; f < b->channels; f++) {
                uint8_t is_coded[AC_LANES];
                for (uint32_t l = 0; l < k->lanes; l++) is_coded[l] = k->classes[((t * b->channels + f) * b->pols + j) * k->lanes + l] == AC_CODED;
                begin(w, t, j, f, is_coded);
                for (uint32_t part = 0; part < 2; part++) {
                    ac_walk_scale(&w->distances, w->scale, part);
                    for (uint32_t l = 0; l < k->lanes; l++) {
                        if (!is_coded[l]) continue;
                        const uint64_t element = ac_element_of(k, t, l, f, j);
                        double v;
                        const int is_float = pop_part(w, tables, part, l, in->state + (l & (states - 1)), &in->words, &v) && put(b, values, 2 * element + part, v);
                        if (in->words.is_short) return ac_refuse(why, AC_REASON_WORDS, 0, 0, 0);
                        if (!is_float) return ac_refuse(why, AC_REASON_VISIBILITY_FLOAT, 0, element, 0);
                        take(w, part, l, v);
                    }
                    ac_walk_learn_scale(&w->distances, w->scale, part);
                }
                finish(w);
            }
    return AC_OK;
}

static int decode_all(const ac_rounds *all, int is_predicted, const int8_t *layer, const ac_distances *tables, ac_rounds_reader *in, void *values, ac_refusal *why)
{
    (void)layer; /* of floats there is none */
    const ac_block *const b = all->at->b;
    walker w;
    int status = start_walk(&w, b, all->at->baselines, is_predicted);
    for (size_t i = 0; i < all->count && !status; i++) {
        if (i) status = next_walk(&w, b, all->at[i].baselines);
        if (!status) status = decode_round(all->at + i, &w, tables, in, ac_states_of(all), values, why);
    }
    end_walk(&w);
    return status;
}

int ac_float_group_decode(const ac_group *g, const uint8_t *data, size_t length, ac_distances *tables, uint32_t *made, void *values, ac_refusal *why)
{
    return ac_rounds_decode(g, data, length, tables, made, decode_all, values, why);
}
