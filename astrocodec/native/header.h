/* What precedes the data of a stream, the codec's parameters left unread; the only place that knows its bytes. docs/format.md sections
 * "Stream", "Sections", "Codecs". */
#ifndef AC_HEADER_H
#define AC_HEADER_H

#include "array.h"
#include "varint.h"

enum { AC_VERSION = 1, AC_CHECKSUM_SIZE = 4, AC_MAX_SECTION = 1 << 20 };
enum { AC_SECTION_MODEL = 1, AC_SECTION_NAME = 2, AC_SECTION_PLANES = 16, AC_SECTION_REFERENCE = 17, AC_SECTION_CUTS = 18, AC_SECTION_QUANTISE = 20, AC_SECTION_MAPS = 21, AC_SECTION_AXES = 22, AC_SECTION_BLANKS = 23, AC_SECTION_LOSS = 24, AC_SECTION_SERIES = 25 };
enum { AC_SECTION_CODEC = 127, AC_SECTIONS = 128 };

typedef struct {
    const uint8_t *bytes;
    size_t length;
} ac_span;

typedef struct {
    ac_array array;
    uint64_t count; /* of elements */
    int version, codec, checksum_kind;
    int section_count;
    ac_section sections[AC_SECTIONS];
    ac_span model, name, planes, reference, cuts, quantise, maps, axes, blanks, loss, series, parameters; /* no bytes where there is no such section */
    size_t length;                   /* of all that precedes the data */
    int at_section;                  /* where reading stopped: id of a section, or -1 */
    ac_refusal unknown;              /* of the first section that must be understood and is not */
    int unknown_section;
} ac_header;

/* Whether a codec is one of this library. */
static inline int ac_is_own(int codec) { return codec <= AC_CAUSAL || codec == AC_VISIBILITY || codec == AC_FLAGS; }
/* Whether its arrays have axes of their own, by which chunks of files need not be cut. */
static inline int ac_is_of_visibilities(int codec) { return codec == AC_VISIBILITY || codec == AC_FLAGS; }

size_t ac_header_size(const ac_header *header);
/* Of all fields down to `codec`, `model`, `planes`, `reference`, `cuts`, `quantise`, `maps`, `axes`, `blanks`, `loss`, `series` and `parameters`. Returns ac_header_size. */
size_t ac_header_write(const ac_header *header, uint8_t *out);
/* The reader stands behind the header then. A section that is not understood is no failure yet. */
int ac_header_read(ac_reader *reader, ac_header *header);

/* CRC-32C that goes on over elements in little-endian order, on any processor. */
uint32_t ac_elements_checksum(uint32_t crc, const ac_array *array, const void *data);
/* That of the header's bytes and the elements. */
uint32_t ac_stream_checksum(const uint8_t *header, size_t length, const ac_array *array, const void *data);

#endif
