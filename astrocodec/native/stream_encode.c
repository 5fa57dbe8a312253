#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "kernels/kernel.h"
#include "model.h"
#include "split.h"
#include "stream.h"

/* Never fewer bytes than the stored form has. */
static size_t stored_limit(const ac_array *array) { return 10 + 10 * (size_t)array->ndim + ac_array_size(array); }

size_t ac_stream_bound(const ac_array *array) { return ac_array_size(array) == SIZE_MAX ? SIZE_MAX : stored_limit(array); }

static int encode_stored(const ac_array *array, const void *data, uint8_t *out, size_t *length)
{
    ac_header header = {.array = *array};
    const int status = ac_array_count(array, &header.count);
    if (status) return status;
    const size_t start = ac_header_write(&header, out), size = ac_array_size(array);
    ac_copy_little_endian(out + start, data, (size_t)header.count, ac_item_bytes(array->dtype));
    ac_put_u32(out + start + size, ac_stream_checksum(out, start, &header, data));
    *length = start + size + AC_CHECKSUM_SIZE;
    return AC_OK;
}

/* Tiles */

typedef struct {
    const ac_sheet *sheet;
    const ac_model *model;
    ac_sides tile;
    int flags;
    ac_tile_bytes *tiles;
} encoding;

static int encode_samples(const encoding *e, const uint16_t *samples, ac_place place, size_t stride, ac_tile_bytes *out)
{
    const size_t bound = ac_tile_bound(place.height, place.width);
    out->bytes = malloc(bound);
    if (!out->bytes) return AC_ERROR_MEMORY;
    const int status = ac_tile_encode(e->model, samples, place.height, place.width, stride, out->bytes, bound, &out->length, e->flags);
    if (status) return status;
    uint8_t *fitted = realloc(out->bytes, out->length);
    if (fitted) out->bytes = fitted;
    return AC_OK;
}

static int encode_tile(const encoding *e, size_t index)
{
    const ac_place place = ac_tile_place(e->sheet->sides, e->tile, index);
    const uint64_t first = place.y * e->sheet->sides.width + place.x;
    const uint16_t *there = ac_sheet_as_samples(e->sheet);
    if (there) return encode_samples(e, there + first, place, (size_t)e->sheet->sides.width, &e->tiles[index]);
    uint16_t *samples = malloc((size_t)place.height * place.width * sizeof *samples);
    if (!samples) return AC_ERROR_MEMORY;
    for (uint32_t y = 0; y < place.height; y++)
        ac_sheet_samples(e->sheet, first + y * e->sheet->sides.width, place.width, samples + (size_t)y * place.width);
    const int status = encode_samples(e, samples, place, place.width, &e->tiles[index]);
    free(samples);
    return status;
}

static void run_encode(void *work, size_t index)
{
    const encoding *e = work;
    e->tiles[index].status = encode_tile(e, index);
}

static void free_tiles(ac_tile_bytes *tiles, size_t count)
{
    for (size_t i = 0; tiles && i < count; i++) free(tiles[i].bytes);
    free(tiles);
}

/* All tiles with one model. */
static int encode_tiles(encoding *e, size_t count, const ac_parallel *parallel, size_t *length)
{
    e->tiles = calloc(count, sizeof *e->tiles);
    if (!e->tiles) return AC_ERROR_MEMORY;
    const int status = ac_run_tiles(parallel, run_encode, e, e->tiles, count);
    *length = 0;
    for (size_t i = 0; i < count; i++) *length += e->tiles[i].length;
    return status;
}

/* The parts of a modelled stream. */
typedef struct {
    uint8_t *header;
    size_t header_length, tile_count, tiles_length;
    ac_tile_bytes *tiles;
} parts;

static void free_parts(parts *p)
{
    free(p->header);
    free_tiles(p->tiles, p->tile_count);
}

static int write_header(const ac_array *array, const ac_sheet *sheet, ac_sides tile, const ac_choice *choice, parts *p)
{
    ac_header header = {.array = *array, .count = sheet->count, .is_modelled = 1, .embedded = choice->file, .embedded_length = choice->file_length};
    header.map = sheet->map, header.low_bits = sheet->low_bits, header.tile = tile;
    ac_model_fingerprint(choice->model, header.fingerprint);
    p->header = malloc(ac_header_bound(&header));
    if (!p->header) return AC_ERROR_MEMORY;
    p->header_length = ac_header_write(&header, p->header);
    return AC_OK;
}

/* Keeps the smallest stream of all models in `best`. */
static int encode_choices(const ac_choice *choices, size_t count, const ac_array *array, const ac_sheet *sheet, ac_sides tile, int flags,
                          const ac_parallel *parallel, parts *best)
{
    for (size_t i = 0; i < count; i++) {
        parts p = {.tile_count = (size_t)ac_tile_count(sheet->sides, tile)};
        encoding e = {sheet, choices[i].model, tile, flags & ~AC_EMBED, NULL};
        int status = write_header(array, sheet, tile, &choices[i], &p);
        if (!status) status = encode_tiles(&e, p.tile_count, parallel, &p.tiles_length);
        p.tiles = e.tiles;
        if (!status && (!i || p.header_length + p.tiles_length < best->header_length + best->tiles_length)) {
            const parts worse = *best;
            *best = p;
            p = worse;
        }
        free_parts(&p);
        if (status) return status;
    }
    return AC_OK;
}

/* AC_ERROR_SPACE where it takes more than `limit` bytes. */
static int join(const parts *p, const ac_sheet *sheet, const ac_array *array, size_t limit, uint8_t *out, size_t *length)
{
    size_t total = p->header_length + p->tiles_length + AC_CHECKSUM_SIZE, at = p->header_length, low_length;
    uint8_t prefix[AC_MAX_VARINT];
    for (size_t i = 0; i < p->tile_count; i++) total += ac_put_varint(prefix, p->tiles[i].length);
    if (total > limit) return AC_ERROR_SPACE;
    memcpy(out, p->header, p->header_length);
    for (size_t i = 0; i < p->tile_count; i++) {
        at += ac_put_varint(out + at, p->tiles[i].length);
        memcpy(out + at, p->tiles[i].bytes, p->tiles[i].length);
        at += p->tiles[i].length;
    }
    const int status = ac_low_bits_pack(sheet, out + at, limit - total, &low_length);
    if (status) return status;
    at += low_length;
    const ac_header header = {.array = *array, .count = sheet->count};
    ac_put_u32(out + at, ac_stream_checksum(p->header, p->header_length, &header, sheet->data));
    *length = at + AC_CHECKSUM_SIZE;
    return AC_OK;
}

/* AC_ERROR_SPACE where storing takes fewer bytes. */
static int encode_modelled(const ac_choice *choices, size_t count, const ac_array *array, const void *data, const uint32_t *wanted, int flags,
                           const ac_parallel *parallel, uint8_t *out, size_t *length)
{
    ac_sheet sheet;
    parts best = {0};
    int mappable, status = ac_sheet_init(&sheet, array, data, &mappable);
    if (!status && !mappable) status = AC_ERROR_SPACE;
    if (!status) {
        ac_choose_low_bits(&sheet);
        status = encode_choices(choices, count, array, &sheet, ac_fitting_tile(sheet.sides, wanted), flags, parallel, &best);
    }
    if (!status) status = join(&best, &sheet, array, stored_limit(array) - 3, out, length);
    free_parts(&best);
    ac_sheet_free(&sheet);
    return status;
}

static int check_arguments(const ac_choice *choices, size_t count, const ac_array *array, const void *data, const uint32_t *tile, int flags,
                           const uint8_t *out, const size_t *length)
{
    uint64_t elements;
    if (ac_array_count(array, &elements) || ac_array_size(array) == SIZE_MAX) return AC_ERROR_ARGUMENT;
    if (!out || !length || (!data && elements) || (count && !choices) || !ac_kernel_of(flags & ~(AC_THOROUGH | AC_EMBED))) return AC_ERROR_ARGUMENT;
    if (tile && (!tile[0] || !tile[1] || (uint64_t)tile[0] * tile[1] > AC_MAX_PIXELS)) return AC_ERROR_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (!choices[i].model || (choices[i].file && choices[i].file_length > 65536)) return AC_ERROR_ARGUMENT;
    return AC_OK;
}

int ac_stream_encode_with(const ac_choice *choices, size_t count, const ac_array *array, const void *data, const uint32_t *tile, int flags,
                          const ac_parallel *parallel, uint8_t *out, size_t capacity, size_t *length)
{
    int status = check_arguments(choices, count, array, data, tile, flags, out, length);
    if (status) return status;
    if (capacity < ac_stream_bound(array)) return AC_ERROR_SPACE;
    const ac_choice general = {ac_model_default(), NULL, 0};
    if (!count && !general.model) return AC_ERROR_MEMORY;
    status = AC_ERROR_SPACE;
    if (ac_array_size(array)) status = encode_modelled(count ? choices : &general, count ? count : 1, array, data, tile, flags, parallel, out, length);
    return status == AC_ERROR_SPACE ? encode_stored(array, data, out, length) : status;
}

int ac_stream_encode(const ac_model *const *models, size_t count, const ac_array *array, const void *data, const uint32_t *tile, int flags,
                     uint8_t *out, size_t capacity, size_t *length)
{
    if (count && !models) return AC_ERROR_ARGUMENT;
    size_t room = count * sizeof(ac_choice);
    for (size_t i = 0; i < count; i++) room += models[i] ? ac_model_file_bound(models[i]) : 0;
    ac_choice *choices = calloc(room + 1, 1);
    if (!choices) return AC_ERROR_MEMORY;
    uint8_t *file = (uint8_t *)(choices + count);
    for (size_t i = 0; i < count; i++) {
        choices[i].model = models[i];
        if (!models[i] || !(flags & AC_EMBED) || !ac_model_file_bound(models[i])) continue;
        choices[i].file = file;
        choices[i].file_length = ac_model_write_file(models[i], file);
        file += choices[i].file_length;
    }
    const int status = ac_stream_encode_with(choices, count, array, data, tile, flags, NULL, out, capacity, length);
    free(choices);
    return status;
}
