/* Codes made chunks of every type and byte order, decodes them, and prints a checksum of each stream: the bytes of a chunk in a
 * file give the same stream on every machine. */
#include <stdio.h>

#include "array.h"
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
            data[i * (size_t)item + (size_t)place] = significance == 0 ? (uint8_t)(state >> 16 & 15) : significance == item - 1 && ac_is_float(dtype) ? 0x40 : 0;
        }
    }
}

static uint8_t stream[17 * ROWS * COLUMNS];
static size_t made;

static uint8_t *take(void *owner, size_t length)
{
    (void)owner;
    made = length;
    return length <= sizeof stream ? stream : NULL;
}

int main(void)
{
    const ac_output output = {take, NULL};
    static uint8_t data[16 * ROWS * COLUMNS], back[sizeof data];
    for (int dtype = 0; dtype < AC_DTYPES; dtype++)
        for (int variant = 0; variant < (ac_is_complex(dtype) ? 2 : 4); variant++) {
            const ac_chunk_values v = {.codec = AC_CAUSAL, .dtype = dtype, .big_endian = variant & 1, .pairs = variant >> 1, .ndim = 2, .shape = {ROWS, COLUMNS}};
            unsigned values[AC_CHUNK_MAX_VALUES];
            const size_t count = ac_chunk_values_write(&v, values), size = (size_t)ac_chunk_values_size(&v);
            const int item = (int)ac_number_bytes(dtype);
            made = 0;
            make_chunk(data, size / (size_t)item, item, dtype, v.big_endian);
            if (ac_chunk_encode(values, count, data, size, &output)) return 1;
            if (ac_chunk_decode(values, count, stream, made, back, size, NULL)) return 2;
            for (size_t i = 0; i < size; i++)
                if (back[i] != data[i]) return 3;
            printf("type %d variant %d: %zu bytes %08x\n", dtype, variant, made, ac_crc32c(0, stream, made));
        }
    return 0;
}
