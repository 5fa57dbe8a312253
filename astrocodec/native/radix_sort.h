/* Sorts numbers of 64 bits by their bytes. */
#ifndef AC_RADIX_SORT_H
#define AC_RADIX_SORT_H

#include <stddef.h>
#include <stdint.h>

/* Ascending; `room` is for as many. */
void ac_radix_sort(uint64_t *v, uint64_t *room, size_t n);

#endif
