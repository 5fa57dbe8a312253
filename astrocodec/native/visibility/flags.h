/* Flags: a stream of booleans whose axes are times, baselines, channels and polarisations, as bitmaps. docs/format.md section "Flags". */
#ifndef AC_FLAGS_H
#define AC_FLAGS_H

#include "header.h"
#include "visibility/bitmap.h"

/* What the parameters say. */
typedef struct {
    ac_bitmap whole;
    uint64_t part_rows; /* of each part but the last */
    size_t parts;
} ac_flags;

/* Checks that so many bytes of data can hold them. */
int ac_flags_read(const ac_header *header, size_t length, ac_flags *out, ac_refusal *why);
/* Where a part is damaged, `part` is which. Places in `why` count from where the data begin. */
int ac_flags_decode(const ac_flags *flags, ac_span data, uint8_t *out, size_t *part, ac_refusal *why);
/* The data of flags, which are one after the other (row, column, depth) of the bitmap. */
AC_API int ac_flags_encode(uint64_t rows, uint64_t period, uint64_t columns, uint64_t depth, const uint8_t *flags, const ac_output *output);

#endif
