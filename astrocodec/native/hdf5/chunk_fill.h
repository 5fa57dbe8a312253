/* What fills a chunk beyond the edge of its dataset. */
#ifndef AC_HDF5_CHUNK_FILL_H
#define AC_HDF5_CHUNK_FILL_H

#include "array.h"

/* Whether all of the last row or column is one value that can be none of the others, of types with a bound; its bits. */
int ac_chunk_fill(const ac_array *array, const void *data, uint64_t *bits);

#endif
