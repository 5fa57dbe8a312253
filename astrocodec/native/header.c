#include "header.h"

#include <string.h>

#include "bytes.h"

enum { KIND = 128, CRITICAL = 128, RESERVED = 19, MAX_NAME = 255 };

static size_t section_size(ac_span span) { return 1 + ac_varint_size(span.length) + span.length; }

size_t ac_header_size(const ac_header *h)
{
    size_t size = 6 + section_size(h->parameters) + (h->model.length ? section_size(h->model) : 0);
    if (h->planes.length) size += section_size(h->planes);
    if (h->reference.length) size += section_size(h->reference);
    if (h->cuts.length) size += section_size(h->cuts);
    if (h->quantise.length) size += section_size(h->quantise);
    if (h->maps.length) size += section_size(h->maps);
    if (h->axes.length) size += section_size(h->axes);
    if (h->blanks.length) size += section_size(h->blanks);
    if (h->loss.length) size += section_size(h->loss);
    if (h->series.length) size += section_size(h->series);
    for (int i = 0; i < h->array.ndim; i++) size += ac_varint_size(h->array.shape[i]);
    return size;
}

static uint8_t *put_section(uint8_t *p, int id, int critical, ac_span span)
{
    *p++ = (uint8_t)(id | critical);
    p += ac_put_varint(p, span.length);
    if (span.length) memcpy(p, span.bytes, span.length);
    return p + span.length;
}

size_t ac_header_write(const ac_header *h, uint8_t *out)
{
    uint8_t *p = out;
    *p++ = 0xac;
    *p++ = 0x0d;
    *p++ = AC_VERSION;
    *p++ = (uint8_t)h->codec;
    *p++ = (uint8_t)h->array.dtype;
    *p++ = (uint8_t)h->array.ndim;
    for (int i = 0; i < h->array.ndim; i++) p += ac_put_varint(p, h->array.shape[i]);
    if (h->model.length) p = put_section(p, AC_SECTION_MODEL, 0, h->model);
    if (h->planes.length) p = put_section(p, AC_SECTION_PLANES, CRITICAL, h->planes);
    if (h->reference.length) p = put_section(p, AC_SECTION_REFERENCE, CRITICAL, h->reference);
    if (h->cuts.length) p = put_section(p, AC_SECTION_CUTS, CRITICAL, h->cuts);
    if (h->quantise.length) p = put_section(p, AC_SECTION_QUANTISE, CRITICAL, h->quantise);
    if (h->maps.length) p = put_section(p, AC_SECTION_MAPS, CRITICAL, h->maps);
    if (h->axes.length) p = put_section(p, AC_SECTION_AXES, CRITICAL, h->axes);
    if (h->blanks.length) p = put_section(p, AC_SECTION_BLANKS, CRITICAL, h->blanks);
    if (h->loss.length) p = put_section(p, AC_SECTION_LOSS, 0, h->loss);
    if (h->series.length) p = put_section(p, AC_SECTION_SERIES, CRITICAL, h->series);
    p = put_section(p, AC_SECTION_CODEC, CRITICAL, h->parameters);
    return (size_t)(p - out);
}

static void read_array(ac_reader *r, ac_header *h)
{
    const uint8_t *head = ac_take(r, 4);
    if (!head) return;
    h->version = head[0];
    if (head[0] != AC_VERSION) ac_fail_reader(r, AC_REASON_STREAM_VERSION, 2, head[0], AC_VERSION);
    h->codec = head[1];
    h->checksum_kind = (head[2] & KIND) != 0;
    const uint32_t dtype = head[2] & ~(uint32_t)KIND;
    if (dtype >= AC_DTYPES) ac_fail_reader(r, AC_REASON_DTYPE, 4, dtype, AC_DTYPES - 1);
    if (head[3] > AC_MAX_DIMENSIONS) ac_fail_reader(r, AC_REASON_AXES, 5, head[3], AC_MAX_DIMENSIONS);
    if (r->why.status) return;
    h->array.dtype = (int32_t)dtype;
    h->array.ndim = head[3];
    for (int i = 0; i < h->array.ndim; i++) h->array.shape[i] = ac_take_varint(r, AC_MAX_ELEMENTS);
    if (!r->why.status && ac_array_count(&h->array, &h->count)) ac_fail_reader(r, AC_REASON_ELEMENTS, 6, 0, AC_MAX_ELEMENTS);
}

static void note_unknown(ac_header *h, int id, int critical, size_t at)
{
    const int is_reserved = id == RESERVED;
    if (h->unknown.status || !(critical || is_reserved)) return;
    ac_refuse(&h->unknown, is_reserved ? AC_REASON_SECTION_RESERVED : AC_REASON_SECTION_UNKNOWN, at, 0, 0);
    h->unknown_section = id;
}

/* Where a section that is known is noted. */
static ac_span *place_of(ac_header *h, int id)
{
    switch (id) {
    case AC_SECTION_MODEL: return &h->model;
    case AC_SECTION_NAME: return &h->name;
    case AC_SECTION_PLANES: return &h->planes;
    case AC_SECTION_REFERENCE: return &h->reference;
    case AC_SECTION_CUTS: return &h->cuts;
    case AC_SECTION_QUANTISE: return &h->quantise;
    case AC_SECTION_MAPS: return &h->maps;
    case AC_SECTION_AXES: return &h->axes;
    case AC_SECTION_BLANKS: return &h->blanks;
    case AC_SECTION_LOSS: return &h->loss;
    case AC_SECTION_SERIES: return &h->series;
    case AC_SECTION_CODEC: return &h->parameters;
    default: return NULL;
    }
}

/* Returns the section's id. */
static int read_section(ac_reader *r, ac_header *h, int before)
{
    const size_t start = r->at;
    const uint32_t first = ac_take_byte(r);
    const int id = first & 127, critical = first >> 7;
    if (r->why.status) return id;
    h->at_section = id;
    if (id <= before) ac_fail_reader(r, AC_REASON_SECTION_ORDER, start, (uint64_t)id, (uint64_t)before);
    ac_span *known = place_of(h, id);
    if (known && critical != (id > AC_SECTION_NAME && id != AC_SECTION_LOSS)) ac_fail_reader(r, AC_REASON_SECTION_BIT, start, 0, 0);
    const size_t length = (size_t)ac_take_varint(r, AC_MAX_SECTION);
    const ac_span span = {ac_take(r, length), length};
    if (r->why.status) return id;
    h->sections[h->section_count++] = (ac_section){id, critical, r->at - length, length};
    if (known) {
        *known = span;
        if (id == AC_SECTION_NAME && length > MAX_NAME) ac_fail_reader(r, AC_REASON_SECTION_LONG, start, length, MAX_NAME);
    } else {
        note_unknown(h, id, critical, start);
    }
    if (!r->why.status) h->at_section = -1;
    return id;
}

int ac_header_read(ac_reader *r, ac_header *h)
{
    memset(h, 0, sizeof *h);
    h->at_section = -1;
    const uint8_t *magic = ac_take(r, 2);
    if (magic && (magic[0] != 0xac || magic[1] != 0x0d)) ac_fail_reader(r, AC_REASON_MAGIC, 0, 0, 0);
    read_array(r, h);
    for (int id = -1; !r->why.status && id != AC_SECTION_CODEC;) id = read_section(r, h, id);
    if (!r->why.status && h->checksum_kind && ac_is_own(h->codec)) ac_fail_reader(r, AC_REASON_CHECKSUM_KIND, 4, (uint64_t)h->array.dtype, 0);
    h->length = r->at;
    return r->why.status;
}

uint32_t ac_elements_checksum(uint32_t crc, const ac_array *array, const void *data)
{
    const size_t item = ac_number_bytes(array->dtype);
    const uint8_t *p = data;
    uint8_t swapped[4096];
    size_t left = ac_array_size(array);
    if (!AC_HOST_IS_BIG) return left ? ac_crc32c(crc, data, left) : crc;
    while (left) {
        const size_t n = left < sizeof swapped ? left : sizeof swapped;
        ac_copy_little_endian(swapped, p, n / item, item);
        crc = ac_crc32c(crc, swapped, n);
        left -= n, p += n;
    }
    return crc;
}

uint32_t ac_stream_checksum(const uint8_t *header, size_t length, const ac_array *array, const void *data)
{
    return ac_elements_checksum(ac_crc32c(0, header, length), array, data);
}
