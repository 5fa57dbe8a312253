#include "radix_sort.h"

#include <string.h>

void ac_radix_sort(uint64_t *v, uint64_t *room, size_t n)
{
    uint64_t differ = 0, *from = v, *to = room;
    for (size_t i = 1; i < n; i++) differ |= v[i] ^ v[0];
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        if (!(differ >> shift & 255)) continue;
        size_t at[256] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++) at[from[i] >> shift & 255]++;
        for (int b = 0; b < 256; b++) {
            const size_t count = at[b];
            at[b] = sum, sum += count;
        }
        for (size_t i = 0; i < n; i++) to[at[from[i] >> shift & 255]++] = from[i];
        uint64_t *other = from;
        from = to, to = other;
    }
    if (from != v) memcpy(v, from, n * sizeof *v);
}
