/* The HDF5 filter, called as HDF5 calls it, in several threads: sound chunks come back byte for byte; damaged chunks and
 * damaged filter values give an error or the same bytes (built with sanitisers, see fuzz.sh). Arguments: seconds, seed. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "hdf5/chunk.h"
#include "damage.h"
#include "hdf5/abi.h"
#include "make_array.h"

enum { THREADS = 2, DAMAGES = 10, DELTAS = 24 };

typedef struct {
    double seconds;
    uint64_t seed, tried, fine;
} job;

const void *H5PLget_plugin_info(void);

static void stop(const char *what, uint64_t seed)
{
    printf("%s, seed now %llu: %s\n", what, (unsigned long long)seed, ac_last_error());
    exit(1);
}

/* Runs the filter on a copy, which it may free; returns its result, 0 for a failure. */
static size_t filter(unsigned flags, const unsigned *values, size_t count, const uint8_t *data, size_t n, uint8_t **out)
{
    const H5Z_class2_t *class = H5PLget_plugin_info();
    unsigned *exact_values = malloc(count * sizeof *values + 1);
    void *buffer = malloc(n ? n : 1);
    if (!buffer || !exact_values) exit(2);
    memcpy(buffer, data, n);
    if (count) memcpy(exact_values, values, count * sizeof *values);
    size_t capacity = n;
    const size_t length = class->filter(flags, count, exact_values, n, &capacity, &buffer);
    if (length > capacity) stop("more bytes than the buffer has", 0);
    free(exact_values);
    *out = buffer;
    return length;
}

static ac_chunk_values make_values(const ac_array *array, uint64_t *seed)
{
    ac_chunk_values v = {.options = random_u32(seed) % 16, .codec = AC_CAUSAL, .dtype = array->dtype, .ndim = array->ndim};
    v.big_endian = random_between(seed, 0, 1);
    v.pairs = !ac_is_complex(array->dtype) && array->ndim > 0 && array->shape[0] % 2 == 0 && random_between(seed, 0, 1);
    memcpy(v.shape, array->shape, sizeof v.shape);
    if (v.pairs) v.shape[0] /= 2;
    if (random_u32(seed) % 2) {
        make_delta(v.delta);
        v.delta_length = DELTA_LENGTH;
        /* more of them than are kept */
        const uint32_t which = random_u32(seed) % DELTAS;
        v.delta[DELTA_HEAD] ^= (uint8_t)(which == 0 ? 0 : 1u << 7);
    }
    return v;
}

static void try_once(job *j, uint8_t *data, uint8_t *hurt)
{
    const ac_array array = make_array(data, &j->seed);
    const size_t size = ac_array_size(&array);
    if (size == 0 || array.ndim == 0) return;
    const ac_chunk_values v = make_values(&array, &j->seed);
    unsigned values[AC_CHUNK_MAX_VALUES + 4];
    size_t count = ac_chunk_values_write(&v, values);
    if (random_u32(&j->seed) % 8 == 0) count = random_u32(&j->seed) % 3;
    uint8_t *stream, *back;
    const size_t n = filter(0, values, count, data, size, &stream);
    if (n == 0 || n > size + 64 + AC_CHUNK_MAX_DELTA) {
        /* the made tuned models need not be sound */
        if (!v.delta_length) stop("a sound chunk is refused", j->seed);
        free(stream);
        return;
    }
    if (filter(H5Z_FLAG_REVERSE, values, count, stream, n, &back) != size || memcmp(back, data, size)) stop("another chunk", j->seed);
    free(back);
    for (int i = 0; i < DAMAGES; i++, j->tried++) {
        unsigned other[AC_CHUNK_MAX_VALUES + 4];
        size_t m = n, others = count;
        memcpy(other, values, sizeof values);
        memcpy(hurt, stream, n);
        if (i % 3 != 0) m = damage(hurt, n, &j->seed);
        if (i % 3 != 1 && count) {
            other[random_u32(&j->seed) % count] ^= 1u << random_u32(&j->seed) % 32;
            if (random_u32(&j->seed) % 4 == 0) others = random_u32(&j->seed) % (count + 1);
        }
        const size_t found = filter(H5Z_FLAG_REVERSE, other, others, hurt, m, &back);
        j->fine += found != 0;
        /* Without values a chunk is little-endian planes: all that its stream says. */
        if (found && others > 2 && (found != size || memcmp(back, data, size))) stop("a damaged chunk gives other bytes", j->seed);
        free(back);
    }
    free(stream);
}

static void *work(void *argument)
{
    job *j = argument;
    const time_t start = time(0);
    uint8_t *data = malloc(ARRAY_ITEM * ARRAY_ELEMENTS), *hurt = malloc(2 * ARRAY_ITEM * ARRAY_ELEMENTS + 4096);
    if (!data || !hurt) exit(2);
    while (difftime(time(0), start) < j->seconds) try_once(j, data, hurt);
    free(data), free(hurt);
    return NULL;
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? atof(argv[1]) : 5;
    const uint64_t seed = argc > 2 ? strtoull(argv[2], 0, 10) : 1;
    job jobs[THREADS];
    pthread_t threads[THREADS];
    uint64_t tried = 0, fine = 0;
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (job){seconds, seed + (uint64_t)i * 1000003, 0, 0};
        if (pthread_create(&threads[i], NULL, work, &jobs[i])) return 2;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        tried += jobs[i].tried, fine += jobs[i].fine;
    }
    printf("%llu damaged chunks, %llu of them still valid\n", (unsigned long long)tried, (unsigned long long)fine);
    return 0;
}
