/* The bytes of a chunk, in the file's byte order, <-> a stream. docs/hdf5.md section "Filter values". */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5/chunk.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
enum { HOST_IS_BIG = 1 };
#else
enum { HOST_IS_BIG = 0 };
#endif

/* What the stream of a chunk holds. Pairs are two planes along a new first axis. */
static ac_array array_of(const ac_chunk_values *v, size_t size)
{
    ac_array array = {.dtype = 0, .ndim = 1, .shape = {size}};
    if (v->ndim && ac_chunk_values_size(v) == size) {
        array.dtype = v->dtype;
        array.ndim = v->ndim + v->pairs;
        array.shape[0] = 2;
        memcpy(array.shape + v->pairs, v->shape, (size_t)v->ndim * sizeof *v->shape);
    }
    return array;
}

static int is_same(const ac_array *a, const ac_array *b)
{
    return a->dtype == b->dtype && a->ndim == b->ndim && !memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape);
}

/* Copies n numbers of `item` bytes, `from` and `to` that many apart, with their bytes reversed or not. */
static void copy_numbers(uint8_t *to, size_t to_step, const uint8_t *from, size_t from_step, size_t n, int item, int reverse)
{
#define LOOP(type, reversed) \
    for (size_t i = 0; i < n; i++) { \
        type x; \
        memcpy(&x, from + i * from_step * sizeof x, sizeof x); \
        if (reverse) x = reversed(x); \
        memcpy(to + i * to_step * sizeof x, &x, sizeof x); \
    }
    switch (item) {
    case 1: LOOP(uint8_t, ) break;
    case 2: LOOP(uint16_t, __builtin_bswap16) break;
    case 4: LOOP(uint32_t, __builtin_bswap32) break;
    default: LOOP(uint64_t, __builtin_bswap64) break;
    }
#undef LOOP
}

typedef struct {
    int item, reverse, pairs;
} arrangement;

static arrangement arrangement_of(const ac_chunk_values *v, const ac_array *array)
{
    /* a chunk of bytes is kept as it is */
    const int bytes = array->dtype == 0 && array->ndim == 1;
    const int known = v->ndim != 0;
    return (arrangement){ac_item_size(array->dtype), !bytes && (known ? v->big_endian : 0) != HOST_IS_BIG, !bytes && known && v->pairs};
}

static int is_plain(const arrangement *a) { return !a->pairs && (!a->reverse || a->item == 1); }

static void to_stream_order(const arrangement *a, uint8_t *to, const uint8_t *from, size_t size)
{
    const size_t n = size / (size_t)a->item;
    if (!a->pairs) {
        copy_numbers(to, 1, from, 1, n, a->item, a->reverse);
        return;
    }
    for (size_t plane = 0; plane < 2; plane++)
        copy_numbers(to + plane * (size / 2), 1, from + plane * (size_t)a->item, 2, n / 2, a->item, a->reverse);
}

static void to_file_order(const arrangement *a, uint8_t *to, const uint8_t *from, size_t size)
{
    const size_t n = size / (size_t)a->item;
    if (!a->pairs) {
        copy_numbers(to, 1, from, 1, n, a->item, a->reverse);
        return;
    }
    for (size_t plane = 0; plane < 2; plane++)
        copy_numbers(to + plane * (size_t)a->item, 2, from + plane * (size / 2), 1, n / 2, a->item, a->reverse);
}

static int fail_with(int status, const char *what)
{
    return ac_fail(status, "%s: %s", what, ac_status_string(status));
}

/* HDF5 knows how long a chunk is and hands all of it over: a stream that asks for more is damaged, not cut. */
static int damaged(int status, size_t length)
{
    if (status == AC_ERROR_TRUNCATED) status = AC_ERROR_CORRUPT;
    const char *what = status == AC_ERROR_CORRUPT  ? "is damaged: it contradicts itself or its checksum"
                       : status == AC_ERROR_FORMAT ? "is no stream of astrocodec"
                                                   : ac_status_string(status);
    return ac_fail(status, "a chunk of %zu bytes %s", length, what);
}

size_t ac_chunk_bound(const unsigned *values, size_t count, size_t size)
{
    ac_chunk_values v;
    if (ac_chunk_values_read(values, count, &v)) memset(&v, 0, sizeof v);
    const ac_array array = array_of(&v, size);
    return ac_stream_bound(&array);
}

int ac_chunk_encode(const unsigned *values, size_t count, const void *data, size_t size, uint8_t *out, size_t capacity, size_t *length)
{
    ac_chunk_values v;
    int status = ac_chunk_values_read(values, count, &v);
    if (status) return status;
    if (v.options & ~(unsigned)AC_CHUNK_OPTIONS)
        return ac_fail(AC_ERROR_VERSION, "writing needs a newer astrocodec: options 0x%x of the filter are not known", v.options & ~(unsigned)AC_CHUNK_OPTIONS);
    const ac_array array = array_of(&v, size);
    const arrangement how = arrangement_of(&v, &array);
    uint8_t *ordered = NULL;
    if (!is_plain(&how)) {
        ordered = malloc(size);
        if (!ordered) return ac_fail(AC_ERROR_MEMORY, "no memory for %zu bytes of a chunk", size);
        to_stream_order(&how, ordered, data, size);
    }
    ac_tuned *tuned = NULL;
    if (v.delta_length && (status = ac_tuned_take(v.delta, v.delta_length, &tuned))) {
        free(ordered);
        return fail_with(status, "the tuned model in the filter's values");
    }
    const ac_model *models[2];
    size_t n = 0;
    if (tuned) models[n++] = tuned->model;
    if (!tuned || !(v.options & AC_CHUNK_TUNED_ONLY)) models[n++] = ac_model_default();
    const int flags = AC_SIMD_AUTO | (v.options & AC_CHUNK_THOROUGH ? AC_THOROUGH : 0) | (v.options & AC_CHUNK_EMBED ? AC_EMBED : 0);
    status = models[n - 1] ? ac_stream_encode(models, n, &array, ordered ? ordered : data, NULL, flags, out, capacity, length) : AC_ERROR_MEMORY;
    ac_tuned_give(tuned);
    free(ordered);
    return status ? fail_with(status, "a chunk could not be coded") : AC_OK;
}

/* Reads the head of a chunk's stream, and checks it against the values. */
static int examine(const ac_chunk_values *v, const uint8_t *stream, size_t length, ac_stream_info *info, size_t *size)
{
    int status = ac_stream_inspect(stream, length, info);
    if (status == AC_ERROR_VERSION) return ac_fail(status, "a chunk needs a newer astrocodec: its stream is of version %u", length > 2 ? stream[2] : 0u);
    if (status) return damaged(status, length);
    *size = ac_array_size(&info->array);
    if (!info->is_whole || !*size || *size == SIZE_MAX) return damaged(AC_ERROR_TRUNCATED, length);
    if (!v->ndim) return AC_OK;
    const size_t expected = (size_t)ac_chunk_values_size(v);
    const ac_array array = array_of(v, expected), bytes = {.dtype = 0, .ndim = 1, .shape = {*size}};
    /* Where another filter changed the number of bytes, or the host said nothing, the stream holds bytes. HDF5 itself
     * does not compare their number with the chunk's, and would read on behind them. */
    const int any_size = (v->options & AC_CHUNK_FOLLOWS) != 0;
    if (is_same(&info->array, &array) || (is_same(&info->array, &bytes) && (any_size || *size == expected))) return AC_OK;
    return ac_fail(AC_ERROR_CORRUPT, "a chunk of %zu bytes is damaged: it holds %zu bytes of type %d in %d axes, the dataset has chunks of %zu bytes of type %d in %d axes",
                   length, *size, (int)info->array.dtype, (int)info->array.ndim, expected, (int)array.dtype, (int)array.ndim);
}

int ac_chunk_size(const unsigned *values, size_t count, const uint8_t *stream, size_t length, size_t *size)
{
    ac_chunk_values v;
    ac_stream_info info;
    const int status = ac_chunk_values_read(values, count, &v);
    return status ? status : examine(&v, stream, length, &info, size);
}

/* The model that the stream names, where that is the one in the values. */
static int tuned_model(const ac_chunk_values *v, const ac_stream_info *info, ac_tuned **out)
{
    uint8_t fingerprint[8];
    const ac_model *general = ac_model_default();
    *out = NULL;
    if (!general) return ac_fail(AC_ERROR_MEMORY, "no memory for a model");
    if (!info->modelled || info->embedded_length || !v->delta_length) return AC_OK;
    ac_model_fingerprint(general, fingerprint);
    if (!memcmp(fingerprint, info->fingerprint, sizeof fingerprint)) return AC_OK;
    const int status = ac_tuned_take(v->delta, v->delta_length, out);
    return status ? fail_with(status, "the tuned model in the filter's values") : AC_OK;
}

int ac_chunk_decode(const unsigned *values, size_t count, const uint8_t *stream, size_t length, void *out, size_t size)
{
    ac_chunk_values v;
    ac_stream_info info;
    size_t found;
    int status = ac_chunk_values_read(values, count, &v);
    if (!status) status = examine(&v, stream, length, &info, &found);
    if (status) return status;
    if (found != size) return ac_fail(AC_ERROR_CORRUPT, "a chunk of %zu bytes is damaged: it holds %zu bytes, expected are %zu", length, found, size);
    const arrangement how = arrangement_of(&v, &info.array);
    uint8_t *ordered = is_plain(&how) ? out : malloc(size);
    if (!ordered) return ac_fail(AC_ERROR_MEMORY, "no memory for %zu bytes of a chunk", size);
    ac_tuned *tuned;
    if (!(status = tuned_model(&v, &info, &tuned))) {
        const ac_model *models[2] = {ac_model_default(), tuned ? tuned->model : NULL};
        status = ac_stream_decode(models, tuned ? 2 : 1, stream, length, ordered, size, AC_SIMD_AUTO);
        ac_tuned_give(tuned);
        if (status == AC_ERROR_NO_MODEL) {
            uint64_t name = 0;
            for (int i = 0; i < 8; i++) name = name << 8 | info.fingerprint[i];
            ac_fail(status, "model %016" PRIx64 " not installed: upgrade astrocodec; a tuned model stands in the filter's values of its dataset", name);
        } else if (status) {
            status = damaged(status, length);
        }
    }
    if (ordered != out) {
        if (!status) to_file_order(&how, out, ordered, size);
        free(ordered);
    }
    return status;
}
