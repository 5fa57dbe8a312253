/* Codes made chunks of every type and byte order, decodes them, and prints a checksum of each stream: the bytes of a chunk in a
 * file give the same stream on every machine. */
#include <stdio.h>

#include "hdf5/chunk.h"

enum { ROWS = 20, COLUMNS = 30 };

/* Small numbers in the byte order of the file. */
static void make_chunk(uint8_t *data, size_t numbers, int item, int dtype, int big_endian)
{
    uint32_t state = 1;
    for (size_t i = 0; i < numbers; i++) {
        state = state * 1103515245 + 12345;
        for (int place = 0; place < item; place++) {
            const int significance = big_endian ? item - 1 - place : place;
            data[i * (size_t)item + (size_t)place] = significance == 0 ? (uint8_t)(state >> 16 & 15) : significance == item - 1 && dtype >= 8 ? 0x40 : 0;
        }
    }
}

int main(void)
{
    static uint8_t data[16 * ROWS * COLUMNS], back[sizeof data], stream[sizeof data + 1000];
    for (int dtype = 0; dtype < 10; dtype++)
        for (int variant = 0; variant < 4; variant++) {
            const ac_chunk_values v = {.dtype = dtype, .big_endian = variant & 1, .pairs = variant >> 1, .ndim = 2, .shape = {ROWS, COLUMNS}};
            unsigned values[AC_CHUNK_MAX_VALUES];
            const size_t count = ac_chunk_values_write(&v, values), size = (size_t)ac_chunk_values_size(&v);
            const int item = ac_item_size(dtype);
            size_t length;
            make_chunk(data, size / (size_t)item, item, dtype, v.big_endian);
            if (ac_chunk_encode(values, count, data, size, stream, sizeof stream, &length)) return 1;
            if (ac_chunk_decode(values, count, stream, length, back, size)) return 2;
            for (size_t i = 0; i < size; i++)
                if (back[i] != data[i]) return 3;
            printf("type %d variant %d: %zu bytes %08x\n", dtype, variant, length, ac_crc32c(0, stream, length));
        }
    return 0;
}
