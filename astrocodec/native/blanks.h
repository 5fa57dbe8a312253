/* Blanks: numbers of a few values that stand for no measurement, told by a mask before each piece. docs/format.md section "Blanks". */
#ifndef AC_BLANKS_H
#define AC_BLANKS_H

#include "pixels.h"

enum { AC_MAX_BLANKS = 8, AC_BLANKS_BOUND = 1 + AC_MAX_BLANKS * AC_MAX_VARINT };
typedef struct {
    uint32_t count;
    uint64_t values[AC_MAX_BLANKS]; /* their bits */
} ac_blanks;

size_t ac_blanks_write(const ac_blanks *blanks, uint8_t *out);
/* The reader holds the section alone. */
int ac_blanks_read(ac_reader *reader, int dtype, ac_blanks *blanks);

/* A mask has a byte for each number of a piece: 0, or 1 and the index of its value. Returns how many are not 0. */
uint64_t ac_mask_of(const ac_blanks *blanks, const ac_numbers *numbers, const ac_planes *planes, const ac_place *place, uint8_t *mask);
/* `bytes` is to be freed. */
int ac_mask_pack(const uint8_t *mask, uint32_t values, uint32_t height, uint32_t width, uint8_t **bytes, size_t *length);
/* The reader stands behind it then. `marked`: how many are not 0. */
int ac_mask_read(ac_reader *reader, uint32_t values, uint32_t height, uint32_t width, uint8_t *mask, uint64_t *marked);

#endif
