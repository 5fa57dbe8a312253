#include "hdf5/chunk_fill.h"

#include <math.h>

#include "as_double.h"
#include "planes.h"

enum { LEAST_RUN = 16 }; /* of a chunk of one row */

/* Whether elements, so many apart, are those bits, from the last one on. */
static int are_filled(const ac_array *array, const void *data, uint64_t last, uint64_t step, uint64_t count, uint64_t bits)
{
    uint64_t i = 0;
    while (i < count && ac_bits_at(array->dtype, data, last - i * step) == bits) i++;
    return i == count;
}

int ac_chunk_fill(const ac_array *array, const void *data, uint64_t *bits)
{
    const ac_planes p = ac_planes_of(array);
    const uint64_t count = p.count * p.height * p.width;
    if (!count) return 0;
    const double fill = ac_as_double(array->dtype, data, count - 1);
    *bits = ac_bits_at(array->dtype, data, count - 1);
    const uint64_t row = p.height > 1 ? p.width : LEAST_RUN;
    const int is_row = row <= p.width && are_filled(array, data, count - 1, 1, row, *bits);
    const int is_column = p.height > 1 && are_filled(array, data, count - 1, p.width, p.height, *bits);
    if (!isfinite(fill) || !(is_row || is_column)) return 0;
    double least = INFINITY, most = -INFINITY;
    int is_whole = 1;
    for (uint64_t i = 0; i < count; i++) {
        const double v = ac_as_double(array->dtype, data, i);
        if (!isfinite(v) || ac_bits_at(array->dtype, data, i) == *bits) continue;
        least = fmin(least, v), most = fmax(most, v);
        is_whole &= v == rint(v);
    }
    /* among whole numbers steps would meet it too often */
    return least <= most && (fill < least || fill > most || !is_whole);
}
