#include "header.h"

#include <string.h>

#include "bytes.h"
#include "split.h"
#include "wavefront.h"

enum { MODELLED = 1, EMBEDDED = 16, MAX_MODEL = 1 << 16 };

size_t ac_header_bound(const ac_header *h)
{
    return 6 + AC_MAX_VARINT * (size_t)h->array.ndim + 8 + AC_MAX_VARINT + h->embedded_length + ac_pixel_map_bound(&h->map) + 1 + 2 * AC_MAX_VARINT;
}

size_t ac_header_write(const ac_header *h, uint8_t *out)
{
    uint8_t *p = out;
    *p++ = 0xac;
    *p++ = 0x0d;
    *p++ = AC_VERSION;
    *p++ = (uint8_t)((h->is_modelled ? MODELLED : 0) | (h->embedded ? EMBEDDED : 0));
    *p++ = (uint8_t)h->array.dtype;
    *p++ = (uint8_t)h->array.ndim;
    for (int i = 0; i < h->array.ndim; i++) p += ac_put_varint(p, h->array.shape[i]);
    if (!h->is_modelled) return (size_t)(p - out);
    memcpy(p, h->fingerprint, sizeof h->fingerprint);
    p += sizeof h->fingerprint;
    if (h->embedded) {
        p += ac_put_varint(p, h->embedded_length);
        memcpy(p, h->embedded, h->embedded_length);
        p += h->embedded_length;
    }
    p += ac_pixel_map_write(&h->map, p);
    *p++ = (uint8_t)h->low_bits;
    p += ac_put_varint(p, h->tile.height);
    p += ac_put_varint(p, h->tile.width);
    return (size_t)(p - out);
}

static void read_array(ac_reader *r, ac_header *h, const uint8_t *head)
{
    h->array.dtype = head[2];
    h->array.ndim = head[3];
    if (head[2] >= AC_DTYPES || head[3] > AC_MAX_DIMENSIONS) {
        h->array.ndim = 0;
        ac_fail_reader(r, AC_ERROR_CORRUPT);
    }
    for (int i = 0; i < h->array.ndim; i++) h->array.shape[i] = ac_take_varint(r, AC_MAX_ELEMENTS);
    if (!r->status && ac_array_count(&h->array, &h->count)) ac_fail_reader(r, AC_ERROR_CORRUPT);
}

static void read_model(ac_reader *r, ac_header *h, int is_embedded)
{
    const uint8_t *fingerprint = ac_take(r, sizeof h->fingerprint);
    if (fingerprint) memcpy(h->fingerprint, fingerprint, sizeof h->fingerprint);
    if (!is_embedded) return;
    h->embedded_length = (size_t)ac_take_varint(r, MAX_MODEL);
    if (!h->embedded_length) ac_fail_reader(r, AC_ERROR_TRUNCATED);
    h->embedded = ac_take(r, h->embedded_length);
}

int ac_header_read(ac_reader *r, ac_header *h)
{
    memset(h, 0, sizeof *h);
    const uint8_t *magic = ac_take(r, 2);
    if (magic && (magic[0] != 0xac || magic[1] != 0x0d)) ac_fail_reader(r, AC_ERROR_FORMAT);
    const uint8_t *head = ac_take(r, 4);
    if (!head) return r->status;
    if (head[0] != AC_VERSION || head[1] & ~(EMBEDDED | MODELLED) || head[1] == EMBEDDED) ac_fail_reader(r, AC_ERROR_VERSION);
    h->is_modelled = head[1] & MODELLED;
    read_array(r, h, head);
    if (r->status || !h->is_modelled) return r->status;
    read_model(r, h, head[1] & EMBEDDED);
    if (r->status || ac_pixel_map_read(r, &h->map)) return r->status;
    if ((h->map.kind == AC_KIND_INTEGER) == ac_is_float(h->array.dtype)) ac_fail_reader(r, AC_ERROR_CORRUPT);
    h->low_bits = ac_take_byte(r);
    h->tile.height = ac_take_varint(r, AC_MAX_SIDE);
    h->tile.width = ac_take_varint(r, AC_MAX_SIDE);
    const uint64_t pixels = h->tile.height * h->tile.width;
    if (h->low_bits > AC_MAX_LOW_BITS || !pixels || pixels > AC_MAX_PIXELS || !h->count) ac_fail_reader(r, AC_ERROR_CORRUPT);
    return r->status;
}

void ac_header_free(ac_header *h) { ac_pixel_map_free(&h->map); }

uint32_t ac_stream_checksum(const uint8_t *header, size_t length, const ac_header *fields, const void *data)
{
    const size_t size = ac_item_bytes(fields->array.dtype);
    uint32_t crc = ac_crc32c(0, header, length);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    uint8_t swapped[4096];
    const uint8_t *p = data;
    for (uint64_t left = fields->count; left;) {
        const size_t n = left < sizeof swapped / size ? (size_t)left : sizeof swapped / size;
        ac_copy_little_endian(swapped, p, n, size);
        crc = ac_crc32c(crc, swapped, n * size);
        left -= n, p += n * size;
    }
    return crc;
#else
    return ac_crc32c(crc, data, (size_t)fields->count * size);
#endif
}
