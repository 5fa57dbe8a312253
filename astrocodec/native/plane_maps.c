#include "plane_maps.h"

#include <stdlib.h>
#include <string.h>

#include "split.h"

enum { LOOK_BACK = 16, LEAST_BYTES = 4 /* of a map */ };

size_t ac_plane_map_bound(const ac_pixel_map *map) { return ac_pixel_map_bound(map) + 1; }

size_t ac_plane_map_write(const ac_pixel_map *map, uint32_t low_bits, uint8_t *out)
{
    const size_t size = ac_pixel_map_write(map, out);
    out[size] = (uint8_t)low_bits;
    return size + 1;
}

int ac_plane_map_read(ac_reader *r, int dtype, uint64_t most, ac_plane_map *m)
{
    m->low_bits = 0;
    if (ac_pixel_map_read(r, dtype, most, &m->map)) return r->why.status;
    const size_t at = r->at;
    m->low_bits = ac_take_byte(r);
    if (m->low_bits > AC_MAX_LOW_BITS) ac_fail_reader(r, AC_REASON_LOW_BITS, at, m->low_bits, AC_MAX_LOW_BITS);
    if (m->low_bits && m->map.kind == AC_KIND_BINS) ac_fail_reader(r, AC_REASON_BINS_LOW_BITS, at, m->low_bits, 0);
    return r->why.status;
}

/* A list of maps while it is written; the first is not part of the section. */
typedef struct {
    uint8_t *bytes;
    size_t length, capacity;
    size_t starts[LOOK_BACK + 1]; /* of the latest ones, and where the next one would start */
    uint64_t count;
} list;

static int make_room(list *l, size_t more)
{
    if (l->capacity - l->length >= more) return AC_OK;
    const size_t capacity = 2 * (l->length + more);
    uint8_t *bytes = realloc(l->bytes, capacity);
    if (!bytes) return AC_ERROR_MEMORY;
    l->bytes = bytes, l->capacity = capacity;
    return AC_OK;
}

/* The index of a map, which is listed unless it is among the latest ones. */
static int index_of(list *l, const ac_sheet *plane, uint64_t *index)
{
    if (make_room(l, ac_plane_map_bound(&plane->map))) return AC_ERROR_MEMORY;
    uint8_t *body = l->bytes + l->length;
    const size_t size = ac_plane_map_write(&plane->map, plane->low_bits, body);
    const uint64_t kept = l->count < LOOK_BACK ? l->count : LOOK_BACK;
    for (uint64_t i = 0; i < kept; i++) {
        const size_t start = l->starts[i], end = l->starts[i + 1];
        if (end - start != size || memcmp(l->bytes + start, body, size)) continue;
        *index = l->count - kept + i;
        return AC_OK;
    }
    if (kept == LOOK_BACK) memmove(l->starts, l->starts + 1, LOOK_BACK * sizeof *l->starts);
    const uint64_t last = kept == LOOK_BACK ? LOOK_BACK - 1 : kept;
    l->starts[last] = l->length;
    l->length += size;
    l->starts[last + 1] = l->length;
    *index = l->count++;
    return AC_OK;
}

typedef struct {
    uint64_t index, planes;
} run;

int ac_plane_maps_write(const ac_sheet *planes, uint64_t count, uint8_t **bytes, size_t *length, int *fits)
{
    list l = {0};
    run *runs = malloc((size_t)count * sizeof *runs);
    uint64_t run_count = 0;
    size_t first = 0;
    int status = runs ? AC_OK : AC_ERROR_MEMORY;
    for (uint64_t t = 0; t < count && !status && l.length <= AC_MAX_SECTION; t++) {
        uint64_t index = 0;
        status = index_of(&l, &planes[t], &index);
        if (!t) first = l.length;
        if (run_count && runs[run_count - 1].index == index)
            runs[run_count - 1].planes++;
        else
            runs[run_count++] = (run){index, 1};
    }
    size_t size = ac_varint_size(l.count - 1) + l.length - first;
    for (uint64_t i = 0; i < run_count; i++) size += ac_varint_size(runs[i].index) + ac_varint_size(runs[i].planes);
    *bytes = NULL, *length = 0, *fits = size <= AC_MAX_SECTION;
    if (!status && *fits && l.count > 1) {
        uint8_t *p = *bytes = malloc(size);
        if (p) {
            p += ac_put_varint(p, l.count - 1);
            memcpy(p, l.bytes + first, l.length - first);
            p += l.length - first;
            for (uint64_t i = 0; i < run_count; i++) {
                p += ac_put_varint(p, runs[i].index);
                p += ac_put_varint(p, runs[i].planes);
            }
            *length = size;
        } else {
            status = AC_ERROR_MEMORY;
        }
    }
    free(runs);
    free(l.bytes);
    return status;
}

/* Which map each plane has. */
static void read_runs(ac_reader *r, uint64_t planes, ac_plane_maps *m)
{
    for (uint64_t done = 0, length; done < planes && !r->why.status; done += length) {
        const uint32_t index = (uint32_t)ac_take_varint(r, m->count);
        const size_t at = r->at;
        length = ac_take_varint(r, planes - done);
        if (!length) ac_fail_reader(r, AC_REASON_MAPS, at, 0, planes - done);
        if (r->why.status) return;
        for (uint64_t i = 0; i < length; i++) m->of[done + i] = index;
    }
}

int ac_plane_maps_read(ac_reader *r, uint64_t planes, int dtype, uint64_t most, ac_plane_maps *m)
{
    memset(m, 0, sizeof *m);
    const size_t start = r->at;
    const uint64_t count = ac_take_varint(r, planes - 1);
    if (!count) ac_fail_reader(r, AC_REASON_MAPS, start, 0, planes - 1);
    if (r->why.status) return r->why.status;
    const size_t held = r->length / LEAST_BYTES + 1; /* of which the last would be cut */
    m->maps = malloc((count < held ? (size_t)count : held) * sizeof *m->maps);
    m->of = malloc((size_t)planes * sizeof *m->of);
    if (!m->maps || !m->of) return r->why.status = AC_ERROR_MEMORY;
    while (m->count < count && !r->why.status) {
        ac_plane_map *one = &m->maps[m->count++];
        if (!ac_plane_map_read(r, dtype, most, one)) most -= one->map.value_count;
    }
    if (!r->why.status) read_runs(r, planes, m);
    if (r->at != r->length) ac_fail_reader(r, AC_REASON_PARAMETERS_LONG, r->at, r->length, r->at);
    return r->why.status;
}

void ac_plane_maps_free(ac_plane_maps *m)
{
    for (uint32_t i = 0; i < m->count; i++) ac_pixel_map_free(&m->maps[i].map);
    free(m->maps);
    free(m->of);
}
