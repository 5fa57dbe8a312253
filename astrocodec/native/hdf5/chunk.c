/* The bytes of a chunk, in the file's byte order, <-> a stream. docs/hdf5.md section "Filter values". */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "bytes.h"
#include "hdf5/chunk.h"
#include "hdf5/chunk_fill.h"
#include "header.h"
#include "model.h"

/* What the stream of a chunk holds. Pairs that are no complex numbers are two planes along a new first axis. */
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

/* Whether the first axis of b is two of a, such as times and baselines. */
static int is_of_more_axes(const ac_array *a, const ac_array *b)
{
    return a->dtype == b->dtype && a->ndim == b->ndim + 1 && b->ndim > 1 && a->shape[0] * a->shape[1] == b->shape[0] &&
           !memcmp(a->shape + 2, b->shape + 1, (size_t)(b->ndim - 1) * sizeof *a->shape);
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
    return (arrangement){(int)ac_number_bytes(array->dtype), !bytes && (known ? v->big_endian : 0) != AC_HOST_IS_BIG, !bytes && known && v->pairs};
}

static int is_plain(const arrangement *a) { return !a->pairs && (!a->reverse || a->item == 1); }

/* Brings numbers into the order of the stream, or back. */
static void arrange(const arrangement *a, int to_file, uint8_t *to, const uint8_t *from, size_t size)
{
    const size_t n = size / (size_t)a->item;
    if (!a->pairs) {
        copy_numbers(to, 1, from, 1, n, a->item, a->reverse);
        return;
    }
    for (size_t plane = 0; plane < 2; plane++) {
        const size_t in_stream = plane * (size / 2), in_file = plane * (size_t)a->item;
        if (to_file)
            copy_numbers(to + in_file, 2, from + in_stream, 1, n / 2, a->item, a->reverse);
        else
            copy_numbers(to + in_stream, 1, from + in_file, 2, n / 2, a->item, a->reverse);
    }
}

/* Takes a fault of a stream for one of its chunk, with a text for ac_last_error. HDF5 knows how long a chunk is and hands all of it over: a
 * stream that asks for more is damaged, not cut. */
static int fail_chunk(ac_fault *fault, size_t length)
{
    char text[400];
    if (fault->status == AC_ERROR_TRUNCATED) fault->status = AC_ERROR_CORRUPT;
    ac_fault_text(fault, text, sizeof text);
    const char *how = fault->status == AC_ERROR_CORRUPT  ? " is damaged"
                      : fault->status == AC_ERROR_FORMAT  ? " is no stream of astrocodec"
                      : fault->status == AC_ERROR_VERSION ? " needs a newer astrocodec"
                                                          : " cannot be read";
    return ac_fail(fault->status, "a chunk of %zu bytes%s: %s", length, how, text);
}

static int refuse_chunk(ac_fault *fault, size_t length, int reason, uint64_t found, uint64_t allowed)
{
    const ac_refusal why = {ac_status_of(reason), reason, 0, found, allowed};
    ac_fault_take(fault, &why, 0);
    return fail_chunk(fault, length);
}

static int fail_plain(ac_fault *fault, int status, const char *what)
{
    ac_fault_plain(fault, status);
    return ac_fail(status, "%s: %s", what, ac_status_string(status));
}

/* Bytes that stand for no elements known are kept as they are. */
static int is_bounded(const ac_chunk_values *v, size_t size)
{
    return v->options & AC_CHUNK_BOUNDED && !(v->options & AC_CHUNK_FOLLOWS) && v->ndim && ac_chunk_values_size(v) == size;
}

static int encode_with(const ac_chunk_values *v, const ac_array *array, const void *data, size_t size, const ac_output *output)
{
    ac_model *tuned = NULL;
    const ac_model *general;
    /* HDF5 writes chunks in a flush, and does not survive a filter that fails there. Each stream says what it needs, so one of another codec than the
     * dataset's, or of the default model where the dataset's own is not here, is as good. */
    if (v->codec != AC_CAUSAL || ac_chunk_models(v, &tuned, &general)) {
        ac_tuned_give(tuned);
        tuned = NULL;
        general = ac_model_default();
        if (!general) return fail_plain(NULL, AC_ERROR_MEMORY, "a chunk");
    }
    ac_choice choices[2];
    size_t count = 0;
    if (tuned) choices[count++] = ac_choice_of(tuned, v->options & AC_CHUNK_EMBED);
    if (!tuned || !(v->options & AC_CHUNK_TUNED_ONLY)) choices[count++] = ac_choice_of(general, 0);
    const int flags = AC_SIMD_AUTO | (v->options & AC_CHUNK_THOROUGH ? AC_THOROUGH : 0) | (v->options & AC_CHUNK_RESIDUALS ? AC_RESIDUALS : 0);
    const int is_lossy = is_bounded(v, size);
    ac_bound bound = v->bound;
    if (is_lossy && !bound.has_blank) bound.has_blank = ac_chunk_fill(array, data, &bound.blank);
    const int status = is_lossy ? ac_stream_encode_bounded(choices, count, array, data, &bound, NULL, flags, NULL, output)
                                : ac_stream_encode_with(choices, count, array, data, NULL, NULL, NULL, flags, NULL, output);
    if (status) fail_plain(NULL, status, "a chunk could not be coded");
    ac_tuned_give(tuned);
    return status;
}

int ac_chunk_encode(const unsigned *values, size_t count, const void *data, size_t size, const ac_output *output)
{
    ac_chunk_values v;
    ac_refusal why;
    /* What values of a later version ask for is not known: bytes are a chunk of any dataset. */
    const int status = ac_chunk_values_read(values, count, &v, &why);
    if (status == AC_ERROR_VERSION || (!status && v.options & ~(unsigned)AC_CHUNK_OPTIONS))
        v = (ac_chunk_values){.codec = AC_CAUSAL};
    else if (status)
        return ac_fail_values(NULL, &why);
    const ac_array array = array_of(&v, size);
    const arrangement how = arrangement_of(&v, &array);
    if (is_plain(&how)) return encode_with(&v, &array, data, size, output);
    uint8_t *ordered = malloc(size);
    if (!ordered) return ac_fail(AC_ERROR_MEMORY, "no memory for %zu bytes of a chunk", size);
    arrange(&how, 0, ordered, data, size);
    const int coded = encode_with(&v, &array, ordered, size, output);
    free(ordered);
    return coded;
}

/* Reads the values and the head of a chunk's stream, and checks one against the other. */
static int examine(const unsigned *values, size_t count, const uint8_t *stream, size_t length, ac_chunk_values *v, ac_stream_info *info, size_t *size,
                   ac_fault *fault)
{
    ac_refusal why;
    memset(fault, 0, sizeof *fault);
    if (ac_chunk_values_read(values, count, v, &why)) return ac_fail_values(fault, &why);
    const uint64_t most = v->ndim ? ac_chunk_values_size(v) : (uint64_t)UINT32_MAX; /* HDF5's own limit */
    const int is_foreign = !ac_stream_inspect(stream, length, info, fault) && !ac_is_own(info->codec);
    if (fault->status) return fail_chunk(fault, length);
    *size = ac_array_size(&info->array);
    if (!*size || *size == SIZE_MAX || (is_foreign && *size > most)) return refuse_chunk(fault, length, AC_REASON_CHUNK_SIZE, *size, most);
    if (!v->ndim) return AC_OK;
    const ac_array array = array_of(v, (size_t)most), bytes = {.dtype = 0, .ndim = 1, .shape = {*size}};
    /* Where another filter changed the number of bytes, or the host said nothing, the stream holds bytes. HDF5 itself
     * does not compare their number with the chunk's, and would read on behind them. */
    const int any_size = (v->options & AC_CHUNK_FOLLOWS) != 0;
    if (ac_is_of_visibilities(info->codec) && *size == most && ac_number_bytes(info->array.dtype) == ac_number_bytes(array.dtype)) return AC_OK;
    if (is_same(&info->array, &array) || is_of_more_axes(&info->array, &array) || (is_same(&info->array, &bytes) && (any_size || *size == most))) return AC_OK;
    if (*size != most) return refuse_chunk(fault, length, AC_REASON_CHUNK_SIZE, *size, most);
    return refuse_chunk(fault, length, AC_REASON_CHUNK_TYPE, (uint64_t)info->array.dtype, (uint64_t)array.dtype);
}

int ac_chunk_size(const unsigned *values, size_t count, const uint8_t *stream, size_t length, size_t *size, ac_fault *fault)
{
    ac_chunk_values v;
    ac_stream_info info;
    ac_fault own;
    return examine(values, count, stream, length, &v, &info, size, fault ? fault : &own);
}

/* The model that the stream names, where that is the one in the values. */
static int tuned_model(const ac_chunk_values *v, const ac_stream_info *info, ac_model **out)
{
    *out = NULL;
    const int is_named = !ac_has_fingerprint(v) || !memcmp(v->fingerprint, info->fingerprint, sizeof info->fingerprint);
    if (info->codec != AC_CAUSAL || !v->delta_length || !is_named) return AC_OK;
    return ac_tuned_take(v->delta, v->delta_length, out);
}

int ac_chunk_decode(const unsigned *values, size_t count, const uint8_t *stream, size_t length, void *out, size_t size, ac_fault *fault)
{
    ac_chunk_values v;
    ac_stream_info info;
    ac_fault own;
    size_t found;
    if (!fault) fault = &own;
    int status = examine(values, count, stream, length, &v, &info, &found, fault);
    if (status) return status;
    if (found != size) return refuse_chunk(fault, length, AC_REASON_CHUNK_SIZE, found, size);
    arrangement how = arrangement_of(&v, &info.array);
    if (ac_is_of_visibilities(info.codec)) how.pairs = 0; /* as they lie in the file */
    uint8_t *ordered = how.pairs ? malloc(size) : out;
    if (!ordered) return fail_plain(fault, AC_ERROR_MEMORY, "a chunk");
    ac_model *tuned;
    const int lost = tuned_model(&v, &info, &tuned); /* a stream of another model needs it not */
    const ac_model *models[1] = {tuned};
    status = ac_stream_decode(models, tuned != NULL, stream, length, ordered, size, AC_SIMD_AUTO, fault);
    ac_tuned_give(tuned);
    if (status == AC_ERROR_NO_MODEL && lost) {
        const int has_no_base = lost == AC_ERROR_NO_MODEL; /* whose fingerprint follows the version */
        const ac_refusal why = {lost, has_no_base ? AC_REASON_VALUES_BASE : AC_REASON_VALUES_MODEL, 0, has_no_base ? ac_fingerprint_number(v.delta + 1) : 0, 0};
        memset(fault, 0, sizeof *fault);
        status = ac_fail_values(fault, &why);
    } else if (status == AC_ERROR_NO_MODEL)
        ac_fail(status, "model %016" PRIx64 " not installed: upgrade astrocodec; a tuned model stands in the filter's values of its dataset", fault->found);
    else if (status)
        status = fail_chunk(fault, length);
    if (!status && !is_plain(&how)) arrange(&how, 1, out, ordered, size);
    if (ordered != out) free(ordered);
    return status;
}
