#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "kernels/kernel.h"
#include "model.h"
#include "split.h"
#include "stream.h"

enum { CHUNK = 1024 };

/* Where the parts of a modelled stream are. */
typedef struct {
    ac_header header;
    ac_reader reader; /* all but the checksum; stands behind the header, then behind the tiles, then at the end */
    size_t header_length;
} opened;

/* Reads the header, and checks that so many bytes can hold such an array. */
static int open_stream(const uint8_t *stream, size_t length, opened *s)
{
    s->reader = (ac_reader){stream, length, 0, AC_OK};
    const int status = ac_header_read(&s->reader, &s->header);
    if (status) return status;
    s->header_length = s->reader.at;
    const size_t left = length - s->header_length;
    if (left < AC_CHECKSUM_SIZE) return AC_ERROR_TRUNCATED;
    s->reader.length = length - AC_CHECKSUM_SIZE;
    const uint64_t size = s->header.count * ac_item_bytes(s->header.array.dtype);
    if (!s->header.is_modelled) return size == left - AC_CHECKSUM_SIZE ? AC_OK : left - AC_CHECKSUM_SIZE < size ? AC_ERROR_TRUNCATED : AC_ERROR_CORRUPT;
    /* Four bytes bound what the largest run of constant tiles can claim. */
    if (s->header.count / (AC_MAX_PIXELS / 4) > left || s->header.count > (uint64_t)left * (AC_MAX_PIXELS / 4) || size > SIZE_MAX) return AC_ERROR_CORRUPT;
    return ac_tile_count(ac_sheet_of(&s->header.array), s->header.tile) > left - AC_CHECKSUM_SIZE ? AC_ERROR_TRUNCATED : AC_OK;
}

/* Steps over the tiles; where `tiles` is not NULL it learns where they are. */
static int find_tiles(ac_reader *r, size_t count, ac_tile_bytes *tiles)
{
    for (size_t i = 0; i < count && !r->status; i++) {
        const uint64_t length = ac_take_varint(r, UINT64_MAX);
        uint8_t *bytes = (uint8_t *)ac_take(r, length);
        if (tiles) tiles[i] = (ac_tile_bytes){bytes, (size_t)length, AC_NOT_RUN};
    }
    return r->status;
}

static int is_whole(opened *s, int status)
{
    if (status || !s->header.is_modelled) return !status;
    ac_reader behind = s->reader;
    return !find_tiles(&behind, (size_t)ac_tile_count(ac_sheet_of(&s->header.array), s->header.tile), NULL);
}

int ac_stream_inspect(const uint8_t *stream, size_t length, ac_stream_info *info)
{
    if (!stream || !info) return AC_ERROR_ARGUMENT;
    memset(info, 0, sizeof *info);
    opened s = {0};
    const int status = open_stream(stream, length, &s);
    if (length > 2) info->version = stream[2];
    if (!s.header_length) {
        ac_header_free(&s.header);
        return status;
    }
    info->array = s.header.array;
    info->modelled = s.header.is_modelled;
    info->low_bits = (int32_t)s.header.low_bits;
    info->is_whole = is_whole(&s, status);
    info->tile[0] = (uint32_t)s.header.tile.height;
    info->tile[1] = (uint32_t)s.header.tile.width;
    memcpy(info->fingerprint, s.header.fingerprint, sizeof info->fingerprint);
    if (s.header.embedded) info->embedded_at = (size_t)(s.header.embedded - stream);
    info->embedded_length = s.header.embedded_length;
    info->header_length = s.header_length;
    ac_header_free(&s.header);
    return AC_OK;
}

/* Model */

static int names(const ac_header *h, const ac_model *model) { return !memcmp(model->fingerprint, h->fingerprint, sizeof h->fingerprint); }

/* `owned` is to be freed. */
static int find_model(const ac_header *h, const ac_model *const *models, size_t count, const ac_model **found, ac_model **owned)
{
    for (size_t i = 0; i < count; i++)
        if (names(h, models[i])) {
            *found = models[i];
            return AC_OK;
        }
    if (!h->embedded) return ac_model_shipped(h->fingerprint, sizeof h->fingerprint, found);
    const int status = ac_model_read_file(h->embedded, h->embedded_length, owned);
    if (status) return status;
    *found = *owned;
    return names(h, *owned) ? AC_OK : AC_ERROR_CORRUPT;
}

/* Tiles */

typedef struct {
    const ac_model *model;
    ac_sides sheet, tile;
    int flags;
    uint16_t *samples;
    ac_tile_bytes *tiles;
} decoding;

static void run_decode(void *work, size_t index)
{
    const decoding *d = work;
    ac_tile_bytes *tile = &d->tiles[index];
    const ac_place place = ac_tile_place(d->sheet, d->tile, index);
    uint16_t *samples = d->samples + place.y * d->sheet.width + place.x;
    tile->status = ac_tile_decode(d->model, tile->bytes, tile->length, samples, place.height, place.width, (size_t)d->sheet.width, d->flags);
}

static int decode_tiles(opened *s, const ac_model *model, int flags, const ac_parallel *parallel, uint16_t *samples)
{
    decoding d = {model, ac_sheet_of(&s->header.array), s->header.tile, flags, samples, NULL};
    const size_t count = (size_t)ac_tile_count(d.sheet, d.tile);
    d.tiles = calloc(count, sizeof *d.tiles);
    if (!d.tiles) return AC_ERROR_MEMORY;
    int status = find_tiles(&s->reader, count, d.tiles);
    if (!status) status = ac_run_tiles(parallel, run_decode, &d, d.tiles, count);
    free(d.tiles);
    return status;
}

/* Elements out of samples and low bits; the samples may be where the elements go, if both have two bytes. */
static int restore(opened *s, const uint16_t *samples, void *out)
{
    const ac_header *h = &s->header;
    ac_planes planes;
    const int status = ac_low_bits_read(&s->reader, h->count, h->low_bits, &planes);
    if (status) return status;
    if (s->reader.at != s->reader.length) return AC_ERROR_CORRUPT;
    if (samples == out && !h->low_bits && ac_pixels_restore_words(&h->map, out, h->count)) return AC_OK;
    uint64_t u[CHUNK], low[CHUNK];
    for (uint64_t first = 0; first < h->count; first += CHUNK) {
        const size_t n = h->count - first < CHUNK ? (size_t)(h->count - first) : CHUNK;
        for (size_t i = 0; i < n; i++) u[i] = (uint64_t)samples[first + i] << h->low_bits;
        if (h->low_bits) {
            ac_low_bits_get(&planes, first, n, low);
            for (size_t i = 0; i < n; i++) u[i] |= low[i];
        }
        const int wrong = ac_pixels_restore(&h->map, h->array.dtype, u, n, out, first);
        if (wrong) return wrong;
    }
    return AC_OK;
}

static int decode_modelled(opened *s, const ac_model *const *models, size_t count, int flags, const ac_parallel *parallel, void *out)
{
    const ac_model *model;
    ac_model *owned = NULL;
    ac_reader behind = s->reader;
    int status = find_tiles(&behind, (size_t)ac_tile_count(ac_sheet_of(&s->header.array), s->header.tile), NULL);
    if (!status) status = find_model(&s->header, models, count, &model, &owned);
    const int in_place = ac_item_bytes(s->header.array.dtype) == sizeof(uint16_t);
    uint16_t *samples = in_place || status ? out : malloc((size_t)s->header.count * sizeof *samples);
    if (!samples) status = AC_ERROR_MEMORY;
    if (!status) status = decode_tiles(s, model, flags, parallel, samples);
    if (!status) status = restore(s, samples, out);
    if (samples != out) free(samples);
    ac_model_free(owned);
    return status;
}

static int decode_opened(opened *s, const ac_model *const *models, size_t count, int flags, const ac_parallel *parallel, void *out)
{
    const ac_header *h = &s->header;
    const uint8_t *stream = s->reader.data;
    if (h->is_modelled) {
        const int status = decode_modelled(s, models, count, flags, parallel, out);
        if (status) return status;
    } else {
        ac_copy_little_endian(out, stream + s->header_length, (size_t)h->count, ac_item_bytes(h->array.dtype));
    }
    const uint32_t expected = ac_get_u32(stream + s->reader.length);
    return ac_stream_checksum(stream, s->header_length, h, out) == expected ? AC_OK : AC_ERROR_CORRUPT;
}

int ac_stream_decode_with(const ac_model *const *models, size_t count, const uint8_t *stream, size_t length, void *out, size_t capacity, int flags,
                          const ac_parallel *parallel)
{
    if (!stream || (count && !models) || !ac_kernel_of(flags)) return AC_ERROR_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (!models[i]) return AC_ERROR_ARGUMENT;
    opened s = {0};
    int status = open_stream(stream, length, &s);
    if (!status && !out && s.header.count) status = AC_ERROR_ARGUMENT;
    if (!status && capacity < ac_array_size(&s.header.array)) status = AC_ERROR_SPACE;
    if (!status) status = decode_opened(&s, models, count, flags, parallel, out);
    ac_header_free(&s.header);
    return status;
}

int ac_stream_decode(const ac_model *const *models, size_t count, const uint8_t *stream, size_t length, void *out, size_t capacity, int flags)
{
    return ac_stream_decode_with(models, count, stream, length, out, capacity, flags, NULL);
}
