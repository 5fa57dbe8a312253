#include "causal.h"

#include <string.h>

size_t ac_causal_bound(const ac_pixel_map *map) { return 8 + ac_plane_map_bound(map) + 2 * AC_MAX_VARINT; }

size_t ac_causal_write(const ac_causal *c, const ac_planes *planes, uint8_t *out)
{
    uint8_t *p = out;
    memcpy(p, c->fingerprint, sizeof c->fingerprint);
    p += sizeof c->fingerprint;
    p += ac_plane_map_write(&c->map.map, c->map.low_bits, p);
    p += ac_put_varint(p, c->sides.height == planes->height ? 0 : c->sides.height);
    p += ac_put_varint(p, c->sides.width == planes->width ? 0 : c->sides.width);
    return (size_t)(p - out);
}

int ac_causal_read(ac_reader *r, const ac_array *array, ac_causal *c)
{
    memset(c, 0, sizeof *c);
    uint64_t count = 0;
    if (ac_array_count(array, &count) || !count) ac_fail_reader(r, AC_REASON_EMPTY, 0, 0, 0);
    const uint8_t *fingerprint = ac_take(r, sizeof c->fingerprint);
    if (!fingerprint) return r->why.status;
    memcpy(c->fingerprint, fingerprint, sizeof c->fingerprint);
    if (ac_plane_map_read(r, array->dtype, count << ac_is_complex(array->dtype), &c->map)) return r->why.status;
    const size_t sides_at = r->at;
    const ac_planes planes = ac_planes_of(array);
    c->sides.height = ac_take_varint(r, UINT64_MAX);
    c->sides.width = ac_take_varint(r, UINT64_MAX);
    if (r->why.status) return r->why.status;
    if (!c->sides.height) c->sides.height = planes.height;
    if (!c->sides.width) c->sides.width = planes.width;
    if (!ac_sides_fit(&planes, c->sides)) ac_fail_reader(r, AC_REASON_PIECE_SHAPE, sides_at, c->sides.height, c->sides.width);
    if (r->at != r->length) ac_fail_reader(r, AC_REASON_PARAMETERS_LONG, r->at, r->length, r->at);
    return r->why.status;
}

void ac_causal_free(ac_causal *c) { ac_pixel_map_free(&c->map.map); }
