/* What precedes the tiles of a stream; the only place that knows its bytes. docs/format.md section "Stream". */
#ifndef AC_HEADER_H
#define AC_HEADER_H

#include "pixels.h"

enum { AC_VERSION = 1, AC_CHECKSUM_SIZE = 4 };

typedef struct {
    ac_array array;
    uint64_t count; /* of elements */
    int is_modelled;
    uint8_t fingerprint[8];
    const uint8_t *embedded; /* model file inside the stream, NULL where there is none */
    size_t embedded_length;
    ac_pixel_map map;
    uint32_t low_bits;
    ac_sides tile;
} ac_header;

size_t ac_header_bound(const ac_header *header);
size_t ac_header_write(const ac_header *header, uint8_t *out);
/* The reader stands behind the header then. To be freed, also after a failure. */
int ac_header_read(ac_reader *reader, ac_header *header);
void ac_header_free(ac_header *header);

/* CRC-32C of the header's bytes and the elements in little-endian order. */
uint32_t ac_stream_checksum(const uint8_t *header, size_t length, const ac_header *fields, const void *data);

#endif
