/* About how many bits samples take, told by those beside them; choices of the encoder go by it. */
#ifndef AC_BITS_ABOUT_H
#define AC_BITS_ABOUT_H

#include <stddef.h>
#include <stdint.h>

/* 512 times those of a row below another, the first column aside. */
uint32_t ac_row_bits(const uint16_t *row, const uint16_t *north, size_t columns);

#endif
