/* Tuned models: the coded difference to another one, and the file that carries it. docs/format.md section "Tuned model". */
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "bytes.h"
#include "model.h"

enum { DELTA_VERSION = 1, DELTA_HEADER = 9, FILE_HEADER = 9, FILE_CHECKSUM = 4, MAX_FILE = 1 << 20 };

/* A field of the weight block: rows of numbers of 1 or 2 bytes, changed in place. */
static int change_field(ac_bit_reader *b, uint8_t *at, int rows, int columns, int size)
{
    int in_range = 1;
    for (int row = 0; row < rows; row++) {
        const uint32_t k = (uint32_t)ac_take_bits(b, 4);
        for (int i = 0; i < columns; i++, at += size) {
            if (k == AC_NO_DIFFERENCE) continue;
            const int32_t old = size == 1 ? (int8_t)*at : (int16_t)ac_get_u16(at), limit = size == 1 ? 128 : 32768;
            const int64_t v = old + ac_unfolded(ac_take_rice(b, k));
            if (b->is_short) return AC_ERROR_TRUNCATED;
            in_range &= v >= -limit && v < limit;
            at[0] = (uint8_t)v;
            if (size == 2) at[1] = (uint8_t)(v >> 8);
        }
    }
    return b->is_short ? AC_ERROR_TRUNCATED : in_range ? AC_OK : AC_ERROR_CORRUPT;
}

/* Reads to the end of a byte. */
static int change_weights(ac_bit_reader *b, uint8_t *block)
{
    const int h = block[AC_NEURONS_AT];
    const ac_field fields[] = AC_WEIGHT_FIELDS(h);
    block += AC_WEIGHTS_HEADER;
    for (int i = 0; i < AC_FIELDS; i++) {
        const int status = change_field(b, block, fields[i].rows, fields[i].columns, fields[i].size);
        if (status) return status;
        block += fields[i].rows * fields[i].columns * fields[i].size;
    }
    return ac_take_padding(b) ? AC_OK : AC_ERROR_CORRUPT;
}

/* CRC-32 as in zlib, bit by bit: for a thousand bytes. */
static uint32_t crc32_of(const uint8_t *data, size_t length)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* Keeps the difference in the file that a stream may carry. */
static int keep_file(ac_model *m, const uint8_t *delta, size_t length)
{
    const size_t checked = FILE_HEADER + length;
    m->file = malloc(checked + FILE_CHECKSUM);
    if (!m->file) return AC_ERROR_MEMORY;
    m->file_length = checked + FILE_CHECKSUM;
    m->delta = m->file + FILE_HEADER;
    m->delta_length = length;
    memcpy(m->file, "ACM\1T", 5);
    ac_put_u32(m->file + 5, (uint32_t)m->block_length);
    memcpy(m->delta, delta, length);
    ac_put_u32(m->file + checked, crc32_of(m->file, checked));
    return AC_OK;
}

int ac_model_from_delta(const uint8_t *delta, size_t length, ac_model **out)
{
    if (!delta || !out) return AC_ERROR_ARGUMENT;
    if (length < DELTA_HEADER) return AC_ERROR_TRUNCATED;
    if (delta[0] != DELTA_VERSION) return AC_ERROR_VERSION;
    const ac_model *base;
    int status = ac_model_find(delta + 1, &base);
    if (status) return status;
    uint8_t block[AC_MAX_WEIGHTS];
    memcpy(block, base->block, base->block_length);
    ac_bit_reader bits = {delta + DELTA_HEADER, length - DELTA_HEADER, 0, 0};
    status = change_weights(&bits, block);
    if (status) return status;
    ac_model *m;
    status = ac_model_derive(base, block, base->block_length, bits.data + bits.at / 8, bits.length - bits.at / 8, &m);
    if (status) return status;
    status = keep_file(m, delta, length);
    if (status)
        ac_model_free(m);
    else
        *out = m;
    return status;
}

int ac_model_read_file(const uint8_t *file, size_t length, ac_model **out)
{
    if (length < FILE_HEADER + FILE_CHECKSUM) return AC_ERROR_TRUNCATED;
    if (length > MAX_FILE) return AC_ERROR_MODEL;
    if (memcmp(file, "ACM", 3)) return AC_ERROR_MODEL;
    if (file[3] != 1) return AC_ERROR_VERSION;
    if (crc32_of(file, length - FILE_CHECKSUM) != ac_get_u32(file + length - FILE_CHECKSUM)) return AC_ERROR_CORRUPT;
    if (file[4] == 'G') return AC_ERROR_NO_MODEL;
    if (file[4] != 'T') return AC_ERROR_MODEL;
    ac_model *m;
    const int status = ac_model_from_delta(file + FILE_HEADER, length - FILE_HEADER - FILE_CHECKSUM, &m);
    if (status) return status;
    if (ac_get_u32(file + 5) != m->block_length) {
        ac_model_free(m);
        return AC_ERROR_CORRUPT;
    }
    *out = m;
    return AC_OK;
}
