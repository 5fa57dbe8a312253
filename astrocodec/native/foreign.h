/* Streams of codecs that are not in this library. */
#ifndef AC_FOREIGN_H
#define AC_FOREIGN_H

#include "header.h"

/* By the decoder that was set, if there is one. The checksum of the elements is not compared. */
int ac_foreign_decode(const ac_header *header, const uint8_t *stream, size_t length, void *out, size_t size, ac_fault *fault);
/* Says which codec is needed, and what to install. */
int ac_foreign_missing(const ac_header *header, ac_fault *fault);

#endif
