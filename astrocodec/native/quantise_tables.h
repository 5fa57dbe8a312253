/* Tables of tiles and exceptions: scales and zeros, and elements that no step gives. docs/format.md section of this name, in "Quantise". */
#ifndef AC_QUANTISE_TABLES_H
#define AC_QUANTISE_TABLES_H

#include "quantise.h"

/* How scales are coded: as they are, or where they have one as a noise that fpack found, which divided by this level gave them. */
typedef struct {
    float noise_level; /* 0: as they are */
    uint32_t trailing; /* low bits that are 0 in all of them, or in all noises */
} ac_scale_code;
/* That which takes fewer bits. */
ac_scale_code ac_scale_code_of(const ac_quantised *quantised);

/* To be freed; NULL without memory. */
uint8_t *ac_tables_pack(const ac_quantised *quantised, int dtype, ac_scale_code code, size_t *length);
/* All that is left of the reader, which says what is wrong, into tiles and exceptions, of which there is room for as many as are counted. */
void ac_tables_unpack(ac_reader *reader, int dtype, uint64_t elements, ac_scale_code code, ac_quantised *quantised);

/* Levels that fpack and astropy are mostly given, and orders of the noises that they find. */
enum { AC_NOISE_LEVELS = 13, AC_NOISES = 3 };
extern const float ac_noise_levels[AC_NOISE_LEVELS];
/* The scale next to one that a noise of this order gives. */
double ac_noise_scale(double scale, int order, float level);

#endif
