#include "split.h"

#include <string.h>

#include "bytes.h"

enum {
    CHUNK = 1024,
    LOUD = 512,   /* above this median difference between neighbours the lowest bit is pure noise to better than 1e-4 bits */
    ROWS = 64,
    COLUMNS = 1 << 12,
    CONSTANT = 0,
    PACKED = 1
};

static uint64_t count_above(const uint16_t *samples, size_t n, uint32_t limit)
{
    uint32_t count = 0;
    for (size_t i = 1; i < n; i++) {
        const int32_t d = samples[i] - samples[i - 1];
        count += (uint32_t)(d < 0 ? -d : d) > limit;
    }
    return count;
}

/* Whether more than half of the steps between neighbours in some rows are above the limit. */
static int is_loud(const ac_sheet *s, uint16_t *row, size_t columns, uint32_t limit)
{
    const uint64_t rows = s->planes.count * s->planes.height, step = rows / ROWS ? rows / ROWS : 1;
    uint64_t above = 0, steps = 0;
    for (uint64_t y = 0; y < rows; y += step, steps += columns - 1) {
        ac_sheet_samples(s, y * s->planes.width, columns, row);
        above += count_above(row, columns, limit);
    }
    return 2 * above > steps;
}

void ac_least_low_bits(ac_sheet *s)
{
    s->low_bits = 0;
    while (s->largest >> s->low_bits > 65535) s->low_bits++;
}

void ac_choose_low_bits(ac_sheet *s)
{
    ac_least_low_bits(s);
    const size_t columns = s->planes.width < COLUMNS ? (size_t)s->planes.width : COLUMNS;
    if (s->largest >> s->low_bits <= LOUD || columns < 2) return;
    uint16_t row[COLUMNS];
    uint32_t more = 0;
    while (s->low_bits + more < AC_MAX_LOW_BITS && is_loud(s, row, columns, LOUD << more)) more++;
    s->low_bits += more;
}

static uint32_t plane_bits(uint32_t low_bits, uint32_t first) { return low_bits - first < 8 ? low_bits - first : 8; }
static uint64_t packed_size(uint64_t count, uint32_t bits) { return (count * bits + 7) / 8; }

ac_runs ac_runs_of(const ac_planes *planes, const ac_place *place)
{
    const uint64_t first = ac_place_first(planes, place);
    if (place->width == planes->width) return (ac_runs){first, 1, 0, (size_t)place->height * place->width};
    return (ac_runs){first, place->height, planes->width, place->width};
}

size_t ac_low_bits_bound(uint64_t count, uint32_t low_bits)
{
    size_t size = 0;
    for (uint32_t first = 0; first < low_bits; first += 8) size += 1 + (size_t)packed_size(count, plane_bits(low_bits, first));
    return size;
}

/* A bit plane that is being packed. */
typedef struct {
    uint8_t *start, *at;
    uint64_t held; /* `waiting` bits that are not yet written */
    uint32_t shift, bits, waiting;
    uint32_t value, differs; /* of the first number, and in which bits others do */
} packer;

static void pack(packer *p, const uint64_t *u, size_t n)
{
    const uint32_t mask = (1u << p->bits) - 1, shift = p->shift, value = p->value;
    uint32_t differs = 0;
    uint8_t *at = p->at;
    if (p->bits == 8) {
        for (size_t i = 0; i < n; i++) {
            const uint8_t part = (uint8_t)(u[i] >> shift);
            differs |= part ^ value;
            at[i] = part;
        }
        p->at += n;
    } else {
        uint64_t held = p->held;
        uint32_t waiting = p->waiting;
        for (size_t i = 0; i < n; i++) {
            const uint32_t part = (uint32_t)(u[i] >> shift) & mask;
            differs |= part ^ value;
            held |= (uint64_t)part << waiting;
            waiting += p->bits;
            if (waiting < 32) continue;
            ac_put_u32(at, (uint32_t)held);
            at += 4, held >>= 32, waiting -= 32;
        }
        p->at = at, p->held = held, p->waiting = waiting;
    }
    p->differs |= differs;
}

/* Moves the bit planes together. */
static size_t finish(packer *packers, uint32_t count, uint8_t *out)
{
    uint8_t *to = out;
    for (packer *p = packers; p < packers + count; p++) {
        for (uint64_t bit = 0; bit < p->waiting; bit += 8) *p->at++ = (uint8_t)(p->held >> bit);
        if (!p->differs) {
            *to++ = CONSTANT;
            *to++ = (uint8_t)p->value;
            continue;
        }
        *to++ = PACKED;
        memmove(to, p->start, (size_t)(p->at - p->start));
        to += p->at - p->start;
    }
    return (size_t)(to - out);
}

size_t ac_split(const ac_sheet *s, const ac_place *place, uint16_t *samples, uint8_t *low)
{
    const ac_runs runs = ac_runs_of(&s->planes, place);
    if (!s->low_bits) {
        for (uint64_t row = 0; row < runs.rows; row++, samples += runs.length) ac_sheet_samples(s, runs.first + row * runs.step, runs.length, samples);
        return 0;
    }
    packer packers[AC_MAX_BIT_PLANES] = {{0}};
    uint32_t count = 0;
    uint64_t u[CHUNK];
    ac_sheet_integers(s, runs.first, 1, u);
    uint8_t *at = low;
    for (uint32_t first = 0; first < s->low_bits; first += 8, count++) {
        packer *p = &packers[count];
        p->start = p->at = ++at; /* behind the mode */
        p->shift = first, p->bits = plane_bits(s->low_bits, first), p->value = (uint32_t)(u[0] >> first) & ((1u << p->bits) - 1);
        at += packed_size((uint64_t)place->height * place->width, p->bits);
    }
    for (uint64_t row = 0; row < runs.rows; row++)
        for (size_t done = 0; done < runs.length; done += CHUNK) {
            const size_t n = runs.length - done < CHUNK ? runs.length - done : CHUNK;
            ac_sheet_integers(s, runs.first + row * runs.step + done, n, u);
            for (size_t i = 0; i < n; i++) samples[i] = (uint16_t)(u[i] >> s->low_bits);
            for (uint32_t i = 0; i < count; i++) pack(&packers[i], u, n);
            samples += n;
        }
    return finish(packers, count, low);
}

int ac_low_bits_read(ac_reader *r, uint64_t count, uint32_t low_bits, ac_bit_planes *planes)
{
    planes->count = 0;
    for (uint32_t first = 0; first < low_bits && !r->why.status; first += 8) {
        const uint32_t i = planes->count++, bits = plane_bits(low_bits, first);
        const size_t start = r->at;
        const uint32_t mode = ac_take_byte(r);
        const uint8_t *data = ac_take(r, mode == CONSTANT ? 1 : packed_size(count, bits));
        if (mode > PACKED) ac_fail_reader(r, AC_REASON_BIT_PLANE_MODE, start, mode, PACKED);
        /* bits beyond the plane's own: of a constant, or of the last byte */
        const uint32_t used = mode == CONSTANT ? bits : 1 + (uint32_t)((count * bits + 7) & 7);
        if (data && r->data[r->at - 1] >> used) ac_fail_reader(r, AC_REASON_BIT_PLANE_PADDING, r->at - 1, 0, 0);
        planes->bits[i] = bits;
        planes->is_packed[i] = mode == PACKED;
        planes->data[i] = data;
    }
    return r->why.status;
}

/* Number i of a packed plane. */
static inline uint32_t packed_part(const uint8_t *data, uint64_t i, uint32_t bits)
{
    const uint32_t rest = i * bits & 7;
    const uint8_t *at = data + (i * bits >> 3);
    uint32_t part = at[0] >> rest;
    if (rest + bits > 8) part |= (uint32_t)at[1] << (8 - rest);
    return part & ((1u << bits) - 1);
}

void ac_low_bits_get(const ac_bit_planes *planes, uint64_t first, size_t n, uint64_t *low)
{
    memset(low, 0, n * sizeof *low);
    for (uint32_t plane = 0; plane < planes->count; plane++) {
        const uint32_t bits = planes->bits[plane], shift = 8 * plane;
        const uint8_t *data = planes->data[plane];
        if (!planes->is_packed[plane])
            for (size_t i = 0; i < n; i++) low[i] |= (uint64_t)data[0] << shift;
        else if (bits == 8)
            for (size_t i = 0; i < n; i++) low[i] |= (uint64_t)data[first + i] << shift;
        else
            for (size_t i = 0; i < n; i++) low[i] |= (uint64_t)packed_part(data, first + i, bits) << shift;
    }
}
