/* The HDF5 filter: what libhdf5 calls when it finds this library in its plugin path. docs/hdf5.md. */
#include <string.h>

#include "hdf5/chunk.h"
#include "hdf5/geometry.h"
#include "model.h"

/* Of the range for private use, until one is assigned: docs/registering.md. */
enum { FILTER_ID = 44045, SHUFFLE_ID = 2, NBIT_ID = 5, SCALEOFFSET_ID = 6 };

static htri_t can_apply(hid_t plist, hid_t type, hid_t space)
{
    ac_host host;
    ac_chunk_values values;
    (void)space;
    return !ac_host_find(__builtin_return_address(0), &host) || !ac_geometry_read(&host, plist, type, &values);
}

/* Names the model, so that what is appended by a later release is written with the same one, and sees that it is here. */
static int name_model(ac_chunk_values *values)
{
    if (values->codec != AC_CAUSAL) return AC_OK;
    ac_model *tuned;
    const ac_model *general;
    const int status = ac_chunk_models(values, &tuned, &general);
    if (!status) ac_model_fingerprint(tuned ? tuned : general, values->fingerprint);
    ac_tuned_give(tuned);
    return status;
}

static int filter_at(const ac_host *host, hid_t plist, int place)
{
    unsigned flags, config;
    size_t count = 0;
    return host->filter_at(plist, (unsigned)place, &flags, &count, NULL, 0, NULL, &config);
}

/* Filters before this one: their shuffled bytes are no pixels any more, and what the model knows of neighbours is lost.
 * Filters after it: some change bytes, and take those of a stream for numbers. */
static int check_others(const ac_host *host, hid_t plist, int *follows)
{
    const int n = host->count_filters(plist);
    int place = 0;
    while (place < n && filter_at(host, plist, place) != FILTER_ID) {
        if (filter_at(host, plist, place++) != SHUFFLE_ID) continue;
        ac_fail(0, "warning: the filter shuffle stands before this one; leave it out, the data become larger with it");
        ac_print_error();
    }
    *follows = place > 0;
    while (++place < n) {
        const int id = filter_at(host, plist, place);
        if (id == NBIT_ID || id == SCALEOFFSET_ID)
            return ac_fail(AC_ERROR_ARGUMENT, "the filter %s stands behind this one, and would destroy its streams: leave it out", id == NBIT_ID ? "nbit" : "scaleoffset");
    }
    return AC_OK;
}

/* Completes the options that a user gave by what the chunks are. */
static int complete(const ac_host *host, hid_t plist, hid_t type)
{
    unsigned flags, given[AC_CHUNK_MAX_VALUES], all[AC_CHUNK_MAX_VALUES];
    size_t count = AC_CHUNK_MAX_VALUES;
    ac_chunk_values values;
    if (host->get_filter(plist, FILTER_ID, &flags, &count, given, 0, NULL, NULL) < 0) return ac_fail(AC_ERROR_ARGUMENT, "the filter's values cannot be read");
    if (count > AC_CHUNK_MAX_VALUES) return ac_fail(AC_ERROR_ARGUMENT, "%zu filter values found, at most %d allowed", count, AC_CHUNK_MAX_VALUES);
    ac_refusal why;
    int status = ac_chunk_values_read(given, count, &values, &why);
    if (status) return ac_fail_values(NULL, &why);
    if (values.options & ~(unsigned)AC_CHUNK_OPTIONS) return ac_fail(AC_ERROR_ARGUMENT, "options 0x%x of the filter are not known", values.options);
    int follows = 0;
    if ((status = ac_geometry_read(host, plist, type, &values)) || (status = check_others(host, plist, &follows))) return status;
    values.options = (values.options & ~(unsigned)AC_CHUNK_FOLLOWS) | (follows ? AC_CHUNK_FOLLOWS : 0);
    if (values.options & AC_CHUNK_BOUNDED) {
        if (follows) return ac_fail(AC_ERROR_ARGUMENT, "another filter stands before this one, whose bytes have no bound: leave it out, or max_error and noise_increase");
        if ((status = ac_geometry_bound(host, plist, type, &values))) return status;
    }
    if ((status = name_model(&values))) return status;
    count = ac_chunk_values_write(&values, all);
    if (host->modify_filter(plist, FILTER_ID, flags, count, all) < 0) return ac_fail(AC_ERROR_ARGUMENT, "the filter's values cannot be set");
    return AC_OK;
}

static herr_t set_local(hid_t plist, hid_t type, hid_t space)
{
    ac_host host;
    (void)space;
    if (!ac_host_find(__builtin_return_address(0), &host)) return 0; /* chunks are coded as bytes then */
    if (complete(&host, plist, type)) {
        ac_print_error();
        return -1;
    }
    return 0;
}

/* Memory of the host's for a chunk. */
typedef struct {
    ac_host_memory memory;
    void *bytes;
    size_t size;
} room;

static uint8_t *take_room(void *owner, size_t size)
{
    room *r = owner;
    r->bytes = r->memory.allocate(size ? size : 1, 0);
    r->size = size;
    return r->bytes;
}

static int decode(size_t count, const unsigned values[], const uint8_t *stream, size_t length, room *out)
{
    size_t size;
    const int status = ac_chunk_size(values, count, stream, length, &size, NULL);
    if (status) return status;
    if (!take_room(out, size)) return ac_fail(AC_ERROR_MEMORY, "no memory for %zu bytes of a chunk", size);
    return ac_chunk_decode(values, count, stream, length, out->bytes, size, NULL);
}

static size_t filter(unsigned flags, size_t count, const unsigned values[], size_t length, size_t *capacity, void **buffer)
{
    room out = {ac_host_memory_find(__builtin_return_address(0)), NULL, 0};
    const ac_output output = {take_room, &out};
    const int status = flags & H5Z_FLAG_REVERSE ? decode(count, values, *buffer, length, &out) : ac_chunk_encode(values, count, *buffer, length, &output);
    if (status || !out.size) {
        if (out.bytes) out.memory.release(out.bytes);
        ac_print_error();
        return 0;
    }
    out.memory.release(*buffer);
    *buffer = out.bytes;
    *capacity = out.size;
    return out.size;
}

static const H5Z_class2_t class = {1, FILTER_ID, 1, 1, "astrocodec", can_apply, set_local, filter};

AC_API int H5PLget_plugin_type(void) { return H5PL_TYPE_FILTER; }
AC_API const void *H5PLget_plugin_info(void) { return &class; }
