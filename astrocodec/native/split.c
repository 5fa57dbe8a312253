#include "split.h"

#include <string.h>

#include "bytes.h"

enum {
    CHUNK = 1024,
    LOUD = 512,   /* above this median difference between neighbours the lowest bit is pure noise to better than 1e-4 bits */
    ROWS = 64,
    COLUMNS = 1 << 12,
    AT_ONCE = 57, /* bits that eight bytes have from any bit of the first on */
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
    if (s->map.kind == AC_KIND_BINS) return; /* they have their own */
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

size_t ac_low_bits_bound(const ac_sheet *s, uint64_t count)
{
    if (s->map.kind == AC_KIND_BINS) {
        const ac_bins bins = ac_map_bins(&s->map, s->numbers.dtype);
        return AC_MAX_VARINT + (size_t)(count * ac_larger(bins.whole, bins.fraction) / 8) + 8;
    }
    size_t size = 0;
    for (uint32_t first = 0; first < s->low_bits; first += 8) size += 1 + (size_t)packed_size(count, plane_bits(s->low_bits, first));
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

/* Leaves out what a mask marks; returns how many are left. */
static size_t keep(const uint8_t *mask, size_t n, uint64_t *u)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        u[kept] = u[i];
        kept += !mask[i];
    }
    return kept;
}

static size_t split_planes(const ac_sheet *s, const ac_runs *runs, uint64_t numbers, const uint8_t *mask, uint16_t *samples, uint8_t *low)
{
    packer packers[AC_MAX_BIT_PLANES] = {{0}};
    uint32_t count = 0;
    int is_first = 1;
    uint64_t u[CHUNK];
    uint8_t *at = low;
    for (uint32_t first = 0; first < s->low_bits; first += 8, count++) {
        packer *p = &packers[count];
        p->start = p->at = ++at; /* behind the mode */
        p->shift = first, p->bits = plane_bits(s->low_bits, first);
        at += packed_size(numbers, p->bits);
    }
    for (uint64_t row = 0; row < runs->rows; row++)
        for (size_t done = 0; done < runs->length; done += CHUNK) {
            size_t n = runs->length - done < CHUNK ? runs->length - done : CHUNK;
            ac_sheet_integers(s, runs->first + row * runs->step + done, n, u);
            for (size_t i = 0; i < n; i++) samples[i] = (uint16_t)(u[i] >> s->low_bits);
            samples += n;
            if (mask) {
                const size_t kept = keep(mask, n, u);
                mask += n, n = kept;
            }
            if (!n) continue;
            for (uint32_t i = 0; i < count && is_first; i++) packers[i].value = (uint32_t)(u[0] >> packers[i].shift) & ((1u << packers[i].bits) - 1);
            is_first = 0;
            for (uint32_t i = 0; i < count; i++) pack(&packers[i], u, n);
        }
    return is_first ? 0 : finish(packers, count, low);
}

static size_t split_bins(const ac_sheet *s, const ac_runs *runs, const uint8_t *mask, uint16_t *samples, uint8_t *low)
{
    uint8_t *const start = low + AC_MAX_VARINT, *at = start;
    uint64_t u[CHUNK], places[CHUNK], held = 0;
    uint8_t bits[CHUNK];
    uint32_t waiting = 0;
    for (uint64_t row = 0; row < runs->rows; row++)
        for (size_t done = 0; done < runs->length; done += CHUNK) {
            const size_t n = runs->length - done < CHUNK ? runs->length - done : CHUNK;
            ac_sheet_places(s, runs->first + row * runs->step + done, n, u, places, bits);
            for (size_t i = 0; i < n; i++) samples[i] = (uint16_t)u[i];
            samples += n;
            for (size_t i = 0; mask && i < n; i++) bits[i] = mask[i] ? 0 : bits[i], places[i] = mask[i] ? 0 : places[i];
            if (mask) mask += n;
            for (size_t i = 0; i < n; i++) {
                uint32_t left = bits[i];
                uint64_t place = places[i];
                if (left > 32) { /* the lower half first */
                    held |= (place & UINT32_MAX) << waiting;
                    ac_put_u32(at, (uint32_t)held);
                    at += 4, held >>= 32, place >>= 32, left -= 32;
                }
                held |= place << waiting;
                waiting += left;
                if (waiting < 32) continue;
                ac_put_u32(at, (uint32_t)held);
                at += 4, held >>= 32, waiting -= 32;
            }
        }
    for (uint64_t bit = 0; bit < waiting; bit += 8) *at++ = (uint8_t)(held >> bit);
    const size_t size = (size_t)(at - start), head = ac_put_varint(low, size);
    memmove(low + head, start, size);
    return head + size;
}

size_t ac_split(const ac_sheet *s, const ac_place *place, const uint8_t *mask, uint16_t *samples, uint8_t *low)
{
    const ac_runs runs = ac_runs_of(&s->planes, place);
    if (s->map.kind == AC_KIND_BINS) return split_bins(s, &runs, mask, samples, low);
    if (s->low_bits) return split_planes(s, &runs, (uint64_t)place->height * place->width, mask, samples, low);
    for (uint64_t row = 0; row < runs.rows; row++, samples += runs.length) ac_sheet_samples(s, runs.first + row * runs.step, runs.length, samples);
    return 0;
}

static int read_planes(ac_reader *r, uint64_t count, uint32_t low_bits, ac_bit_planes *planes)
{
    planes->count = 0;
    if (!count) return r->why.status; /* all are blank */
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

int ac_low_bits_read(ac_reader *r, uint64_t count, const ac_pixel_map *map, uint32_t low_bits, ac_low_bits *low)
{
    low->at = 0;
    low->planes.count = 0;
    if (map->kind != AC_KIND_BINS) return read_planes(r, count, low_bits, &low->planes);
    const uint64_t length = ac_take_varint(r, UINT64_MAX);
    low->places = ac_take(r, length);
    low->length = (size_t)length;
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

void ac_low_bits_get(ac_low_bits *bits_of, size_t n, uint64_t *low)
{
    const ac_bit_planes *planes = &bits_of->planes;
    const uint64_t first = bits_of->at;
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
    bits_of->at += n;
}

/* Up to AT_ONCE bits, some of which may lie behind the last byte and are zeros. */
static inline uint64_t bits_at(const uint8_t *bytes, size_t length, uint64_t at)
{
    const size_t first = (size_t)(at >> 3);
    uint64_t held = 0;
    if (length - first >= 8)
        held = ac_get_u64(bytes + first);
    else
        for (size_t i = first; i < length; i++) held |= (uint64_t)bytes[i] << 8 * (i - first);
    return held >> (at & 7);
}

int ac_places_add(ac_low_bits *low, size_t n, const uint8_t *bits, uint64_t *floats, ac_refusal *why)
{
    uint64_t at = low->at, end = at;
    uint32_t widest = 0;
    for (size_t i = 0; i < n; i++) end += bits[i], widest = bits[i] > widest ? bits[i] : widest;
    if (end > 8 * (uint64_t)low->length) return ac_refuse(why, AC_REASON_BIN_PLACES, 0, low->length, (end + 7) / 8);
    low->at = end;
    if (widest <= AT_ONCE && (end >> 3) + 8 <= low->length) {
        for (size_t i = 0; i < n; at += bits[i++]) floats[i] += ac_get_u64(low->places + (at >> 3)) >> (at & 7) & (((uint64_t)1 << bits[i]) - 1);
        return AC_OK;
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t width = bits[i], half = width > 32 ? 32 : width;
        floats[i] += bits_at(low->places, low->length, at) & (((uint64_t)1 << half) - 1);
        if (width > half) floats[i] += (bits_at(low->places, low->length, at + half) & (((uint64_t)1 << (width - half)) - 1)) << half;
        at += width;
    }
    return AC_OK;
}

int ac_places_end(const ac_low_bits *low, ac_refusal *why)
{
    const size_t size = (size_t)((low->at + 7) / 8);
    if (size != low->length) return ac_refuse(why, AC_REASON_BIN_PLACES, 0, low->length, size);
    if (low->at & 7 && low->places[size - 1] >> (low->at & 7)) return ac_refuse(why, AC_REASON_BIN_PADDING, 0, 0, 0);
    return AC_OK;
}
