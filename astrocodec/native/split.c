#include "split.h"

#include <string.h>

enum {
    CHUNK = 1024, /* a multiple of 8: chunks of a packed plane begin with a byte */
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
    const uint64_t step = s->sides.height / ROWS ? s->sides.height / ROWS : 1;
    uint64_t above = 0, steps = 0;
    for (uint64_t y = 0; y < s->sides.height; y += step, steps += columns - 1) {
        ac_sheet_samples(s, y * s->sides.width, columns, row);
        above += count_above(row, columns, limit);
    }
    return 2 * above > steps;
}

void ac_choose_low_bits(ac_sheet *s)
{
    s->low_bits = 0;
    while (s->largest >> s->low_bits > 65535) s->low_bits++;
    const size_t columns = s->sides.width < COLUMNS ? (size_t)s->sides.width : COLUMNS;
    if (s->largest >> s->low_bits <= LOUD || columns < 2) return;
    uint16_t row[COLUMNS];
    uint32_t more = 0;
    while (s->low_bits + more < AC_MAX_LOW_BITS && is_loud(s, row, columns, LOUD << more)) more++;
    s->low_bits += more;
}

/* Bits of a plane out of the integers, in place. */
static void take_plane(uint64_t *u, size_t n, uint32_t shift, uint32_t bits)
{
    for (size_t i = 0; i < n; i++) u[i] = u[i] >> shift & (((uint64_t)1 << bits) - 1);
}

static int plane_is_constant(const ac_sheet *s, uint32_t shift, uint32_t bits, uint8_t *value)
{
    uint64_t u[CHUNK];
    for (uint64_t first = 0; first < s->count; first += CHUNK) {
        const size_t n = s->count - first < CHUNK ? (size_t)(s->count - first) : CHUNK;
        ac_sheet_integers(s, first, n, u);
        take_plane(u, n, shift, bits);
        if (!first) *value = (uint8_t)u[0];
        for (size_t i = 0; i < n; i++)
            if (u[i] != *value) return 0;
    }
    return 1;
}

static void pack_plane(const ac_sheet *s, uint32_t shift, uint32_t bits, uint8_t *out)
{
    uint64_t u[CHUNK];
    for (uint64_t first = 0; first < s->count; first += CHUNK) {
        const size_t n = s->count - first < CHUNK ? (size_t)(s->count - first) : CHUNK;
        ac_sheet_integers(s, first, n, u);
        if (bits == 8) {
            for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(u[i] >> shift);
            out += n;
            continue;
        }
        take_plane(u, n, shift, bits);
        uint32_t waiting = 0, held = 0; /* bits not yet written */
        for (size_t i = 0; i < n; i++) {
            held |= (uint32_t)u[i] << waiting;
            for (waiting += bits; waiting >= 8; waiting -= 8, held >>= 8) *out++ = (uint8_t)held;
        }
        if (waiting) *out++ = (uint8_t)held;
    }
}

static uint32_t plane_bits(uint32_t low_bits, uint32_t first) { return low_bits - first < 8 ? low_bits - first : 8; }
static uint64_t packed_size(uint64_t count, uint32_t bits) { return (count * bits + 7) / 8; }

int ac_low_bits_pack(const ac_sheet *s, uint8_t *out, size_t capacity, size_t *length)
{
    *length = 0;
    for (uint32_t first = 0; first < s->low_bits; first += 8) {
        const uint32_t bits = plane_bits(s->low_bits, first);
        uint8_t value = 0;
        const int is_constant = plane_is_constant(s, first, bits, &value);
        const uint64_t size = is_constant ? 1 : packed_size(s->count, bits);
        if (size + 1 > capacity - *length) return AC_ERROR_SPACE;
        uint8_t *plane = out + *length;
        plane[0] = is_constant ? CONSTANT : PACKED;
        if (is_constant)
            plane[1] = value;
        else
            pack_plane(s, first, bits, plane + 1);
        *length += 1 + (size_t)size;
    }
    return AC_OK;
}

int ac_low_bits_read(ac_reader *r, uint64_t count, uint32_t low_bits, ac_planes *planes)
{
    planes->count = 0;
    for (uint32_t first = 0; first < low_bits && !r->status; first += 8) {
        const uint32_t i = planes->count++, bits = plane_bits(low_bits, first);
        const int mode = r->at < r->length ? r->data[r->at] : PACKED;
        const uint8_t *plane = ac_take(r, mode == CONSTANT ? 2 : 1 + packed_size(count, bits));
        if (mode > PACKED) ac_fail_reader(r, AC_ERROR_CORRUPT);
        /* bits beyond the plane's own: of a constant, or of the last byte */
        const uint32_t used = mode == CONSTANT ? bits : 1 + (uint32_t)((count * bits + 7) & 7);
        if (plane && r->data[r->at - 1] >> used) ac_fail_reader(r, AC_ERROR_CORRUPT);
        planes->bits[i] = bits;
        planes->is_packed[i] = mode == PACKED;
        planes->data[i] = plane ? plane + 1 : NULL;
    }
    return r->status;
}

/* Element i of a packed plane. */
static inline uint32_t packed_part(const uint8_t *data, uint64_t i, uint32_t bits)
{
    const uint32_t rest = i * bits & 7;
    const uint8_t *at = data + (i * bits >> 3);
    uint32_t part = at[0] >> rest;
    if (rest + bits > 8) part |= (uint32_t)at[1] << (8 - rest);
    return part & ((1u << bits) - 1);
}

void ac_low_bits_get(const ac_planes *planes, uint64_t first, size_t n, uint64_t *low)
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
