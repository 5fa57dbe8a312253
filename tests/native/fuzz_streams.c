/* Damaged streams, model differences and model files: every level must say the same, a stream that is accepted must be the
 * array, and nothing is read or written outside the buffers (built with sanitisers, see fuzz.sh). Arguments: seconds, seed. */
#include <stdio.h>
#include <time.h>

#include "axes.h"
#include "bytes.h"
#include "damage.h"
#include "header.h"
#include "make_array.h"
#include "model.h"
#include "quantise.h"
#include "sha256.h"
#include "varint.h"
#include "visibility/flags.h"

enum { ROOM = 2 * ARRAY_ITEM * ARRAY_ELEMENTS + 4096, DAMAGES = 12 };

static uint8_t *copy_of(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy) exit(2);
    memcpy(copy, data, n);
    return copy;
}

static void stop(const char *what, uint64_t seed)
{
    printf("%s, seed now %llu\n", what, (unsigned long long)seed);
    exit(1);
}

/* A decoder of foreign codecs that gives zeros. */
static int zeros(const uint8_t *stream, size_t length, void *out, size_t capacity, char *message, size_t room)
{
    (void)stream, (void)length;
    if (room) *message = 0;
    if (capacity) memset(out, 0, capacity);
    return AC_OK;
}

/* A failure says why. */
static void check_fault(const ac_fault *fault, int status, uint64_t seed)
{
    char text[600];
    if (fault->status != status || ac_fault_text(fault, text, sizeof text) >= (int)sizeof text || !*text) stop("another fault", seed);
    if (status && status != AC_ERROR_ARGUMENT && status != AC_ERROR_SPACE && !fault->reason) stop("a fault without a reason", seed);
}

/* Decodes at every level into a buffer of just the right size; returns the status. */
static int decode(const uint8_t *stream, size_t n, const ac_array *original, const uint8_t *data, uint64_t seed)
{
    ac_stream_info info;
    ac_fault fault;
    uint8_t *exact = copy_of(stream, n);
    int first = -1;
    const int status = ac_stream_inspect(exact, n, &info, &fault);
    if (status || !info.is_whole) check_fault(&fault, !ac_is_own(info.codec) && !status ? AC_OK : fault.status, seed);
    const size_t size = status ? 0 : ac_array_size(&info.array);
    const int is_small = !status && size <= 1 << 20;
    for (int level = AC_SIMD_PORTABLE; level <= AC_SIMD_NEONDOT && (status || is_small); level++) {
        uint8_t *out = malloc(size ? size : 1);
        const int r = ac_stream_decode(NULL, 0, exact, n, out, size, level, &fault);
        if (r == AC_OK && (memcmp(&info.array, original, sizeof info.array) || memcmp(out, data, size))) stop("another array", seed);
        if (r == AC_OK && !info.is_whole && ac_is_own(info.codec)) stop("a whole stream is said not to be whole", seed);
        check_fault(&fault, r, seed);
        free(out);
        if (r == AC_ERROR_ARGUMENT) continue; /* not on this processor */
        if (first >= 0 && r != first) stop("levels disagree", seed);
        first = r;
    }
    free(exact);
    return first;
}

static void try_model(const uint8_t *bytes, size_t n, int (*read)(const uint8_t *, size_t, ac_model **))
{
    uint8_t *exact = copy_of(bytes, n);
    ac_model *model = NULL;
    if (!read(exact, n, &model)) ac_model_free(model);
    free(exact);
}

/* The stream of an array of integers beside any reference, which goes along, with any parameters; 0 bytes where that fails. */
static size_t encode_beside(const ac_array *array, const uint8_t *data, int flags, uint8_t *out, uint64_t *seed)
{
    ac_array other = *array;
    other.dtype = 0;
    const size_t size = ac_array_size(array), count = ac_array_size(&other), room = ac_stream_bound(&other);
    uint8_t *beside = malloc(count), *left = malloc(size), *inner = malloc(room), section[160], *p = section;
    size_t inner_length = 0;
    if (!beside || !left || !inner) exit(2);
    const uint32_t most = random_u32(seed) % 2 ? 256 : 9;
    for (size_t i = 0; i < count; i++) beside[i] = (uint8_t)(random_u32(seed) % most);
    if (ac_stream_encode(NULL, 0, &other, beside, NULL, AC_SIMD_AUTO, inner, room, &inner_length)) return 0;
    const ac_hashed hashed = {beside, count};
    ac_sha256(&hashed, 1, section);
    p += 32;
    *p++ = 0, *p++ = (uint8_t)array->ndim;
    p += ac_put_signed_varint(p, (int64_t)(random_u32(seed) % 99) - 9);
    p += ac_put_varint(p, random_u32(seed) % 48);
    for (int i = 0; i < 3; i++) p += ac_put_varint(p, random_u32(seed) % 257);
    p += ac_put_varint(p, random_u32(seed) % 8192);
    p += ac_put_signed_varint(p, (int64_t)((uint64_t)random_u32(seed) << (random_u32(seed) % 32)));
    p += ac_put_signed_varint(p, -(int64_t)random_u32(seed));
    *p++ = (uint8_t)(8 * size / count), *p++ = 1, *p++ = 'r';
    const ac_reference reference = {other, beside};
    if (ac_reference_apply(section, (size_t)(p - section), array, &reference, data, left, 0, NULL)) stop("a sound section is refused", *seed);
    const ac_original original = {section, (size_t)(p - section), data, inner, inner_length};
    ac_room made = {0};
    const ac_output output = {ac_take_room, &made};
    if (ac_stream_encode_with(NULL, 0, array, left, &original, NULL, NULL, flags & ~AC_EMBED, NULL, &output)) return 0;
    if (made.length <= ROOM) memcpy(out, made.data, made.length);
    const size_t length = made.length <= ROOM ? made.length : 0;
    ac_room_free(&made);
    free(beside), free(left), free(inner);
    return length;
}

/* The stream of flags, runs of which the array of booleans becomes. */
static size_t encode_flags(const ac_array *array, uint8_t *data, uint8_t *out, uint64_t *seed)
{
    const size_t size = ac_array_size(array);
    uint8_t parameters[32];
    size_t length = 0, sides[2] = {1, 1};
    for (size_t i = 0; i < size; i++) data[i] = i && random_u32(seed) % 8 ? data[i - 1] : random_u32(seed) % 2;
    for (int i = 0; i < 2; i++) {
        sides[i] = (size_t)random_between(seed, 1, 9);
        while (size / sides[0] % sides[i] || size % sides[0]) sides[i]--;
        length += ac_put_varint(parameters + length, sides[i]);
    }
    const uint64_t rows = size / sides[0] / sides[1], period = 1 + random_u32(seed) % (rows < 20 ? rows : 20);
    length += ac_put_varint(parameters + length, period);
    ac_room made = {0};
    const ac_output output = {ac_take_room, &made};
    if (ac_flags_encode(rows, period, sides[1], sides[0], data, &output)) stop("flags are not encoded", *seed);
    const ac_header header = {.array = *array, .codec = AC_FLAGS, .parameters = {parameters, length}};
    const size_t start = ac_header_write(&header, out);
    memcpy(out + start, made.data, made.length);
    ac_put_u32(out + start + made.length, ac_stream_checksum(out, start, array, data));
    length = start + made.length + AC_CHECKSUM_SIZE;
    ac_room_free(&made);
    return length;
}

static uint64_t random_length(uint64_t *seed, uint64_t length) { return random_u32(seed) % 3 ? (uint64_t)random_between(seed, 1, 40) : random_u32(seed) % 2 ? 0 : length; }

/* Any way of making floats of steps. */
static ac_quantised make_quantised(const ac_array *array, uint64_t *seed)
{
    const ac_planes planes = ac_planes_of(array);
    ac_quantised q = {.tile_height = random_length(seed, planes.height), .tile_width = random_length(seed, planes.width), .is_stacked = random_u32(seed) % 2};
    q.dither = (uint8_t)(random_u32(seed) % 3);
    if (q.dither)
        q.seed = random_u32(seed) % AC_SEEDS;
    else
        q.arithmetic = (uint8_t)(random_u32(seed) % (array->dtype == AC_F4 ? 8 : 16));
    if (random_u32(seed) % 3 == 0) q.row = random_u32(seed) % 90, q.column = (uint64_t)random_u32(seed) << random_u32(seed) % 8;
    if (random_u32(seed) % 3 == 0) q.whole_width = q.column + planes.width + random_u32(seed) % 50;
    q.has_null = random_u32(seed) % 2, q.null_step = -2147483647, q.null_bits = random_u32(seed) % 2 ? 0x7fc00000 : 0x40e00000; /* not a number, or 7 */
    const ac_tiling t = ac_quantise_tiling(&q, array);
    q.tile_count = ac_tiling_count(&t);
    q.tiles = malloc((size_t)q.tile_count * sizeof *q.tiles);
    if (!q.tiles) exit(2);
    const double scale = pow(2, random_between(seed, -20, 20) / 2.0), wide = random_u32(seed) % 2 ? 0 : 1e-3;
    for (ac_quantised_tile *tile = q.tiles; tile < q.tiles + q.tile_count; tile++) {
        tile->scale = scale * (1 + wide * random_normal(seed));
        tile->zero = random_between(seed, -9, 9) * tile->scale + (random_u32(seed) % 4 ? 0 : 0.1);
    }
    return q;
}

/* The stream of an array of floats by steps, most of which are exceptions unless the array becomes what the steps give. 0 bytes where that fails. */
static size_t encode_quantised(const ac_array *array, uint8_t *data, int flags, uint8_t *out, uint64_t *seed)
{
    ac_quantised q = make_quantised(array, seed);
    const size_t count = ac_array_size(array) / ac_number_bytes(array->dtype);
    int32_t *steps = malloc(count * sizeof *steps);
    uint8_t *section;
    size_t length, made = 0;
    if (!steps) exit(2);
    for (int again = random_u32(seed) % 8 != 0; again >= 0; again--) {
        if (ac_quantise_steps(&q, array, data, steps)) stop("no steps are found", *seed);
        if (again) q.exception_count = random_u32(seed) % 2 ? q.exception_count / 8 : 0;
        if (again && ac_quantise_restore(&q, array, steps, data)) exit(2);
    }
    const int status = ac_quantise_write(&q, array, &section, &length);
    if (status && status != AC_ERROR_SPACE) stop("sound steps are refused", *seed);
    if (!status) {
        ac_room room = {0};
        const ac_output output = {ac_take_room, &room};
        if (ac_stream_encode_steps(NULL, 0, array, steps, data, section, length, NULL, flags & ~(AC_EMBED | AC_RESIDUALS), NULL, &output)) stop("steps are not encoded", *seed);
        if (room.length <= ROOM) memcpy(out, room.data, made = room.length);
        ac_room_free(&room);
        free(section);
    }
    ac_quantise_free(&q);
    free(steps);
    return made;
}

/* The same pieces as a stream of an array with its axes in another order, which `array` and `data` become. */
static size_t in_other_order(ac_array *array, uint8_t *data, uint8_t *stream, size_t n, uint64_t *seed)
{
    ac_reader reader = {.data = stream, .length = n};
    ac_header header;
    const size_t size = ac_array_size(array);
    if (ac_header_read(&reader, &header) || header.codec != AC_CAUSAL || header.reference.bytes || header.axes.bytes || header.quantise.bytes || n + 40 > ROOM) return n;
    ac_axes axes;
    for (int i = 0; i < array->ndim; i++) {
        const int there = random_between(seed, 0, i);
        axes.of[i] = axes.of[there], axes.of[there] = (uint8_t)i;
    }
    for (int i = 0; i < array->ndim; i++) array->shape[axes.of[i]] = header.array.shape[i];
    uint8_t *whole = malloc(ROOM), *turned = copy_of(data, size);
    if (!whole) exit(2);
    ac_axes_turn_back(array, &axes, turned, data);
    header.array = *array, header.axes = (ac_span){axes.of, (size_t)array->ndim};
    const size_t start = ac_header_write(&header, whole), left = n - header.length - AC_CHECKSUM_SIZE;
    memcpy(whole + start, stream + header.length, left);
    ac_put_u32(whole + start + left, ac_stream_checksum(whole, start, array, data));
    memcpy(stream, whole, start + left + AC_CHECKSUM_SIZE);
    free(whole), free(turned);
    return start + left + AC_CHECKSUM_SIZE;
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? atof(argv[1]) : 5;
    uint64_t seed = argc > 2 ? strtoull(argv[2], 0, 10) : 1, tried = 0, fine = 0;
    const time_t start = time(0);
    uint8_t *data = malloc(ARRAY_ITEM * ARRAY_ELEMENTS), *stream = malloc(ROOM), *hurt = malloc(ROOM), delta[DELTA_LENGTH + 16];
    ac_model *tuned = NULL;
    make_delta(delta);
    if (!data || !stream || !hurt || ac_model_from_delta(delta, DELTA_LENGTH, &tuned)) return 2;
    while (difftime(time(0), start) < seconds) {
        ac_array array = make_array(data, &seed);
        const uint32_t piece[2] = {(uint32_t)random_between(&seed, 1, 60), (uint32_t)random_between(&seed, 1, 60)};
        const ac_model *models[1] = {tuned};
        const int flags = AC_SIMD_AUTO | (random_u32(&seed) % 4 ? 0 : AC_THOROUGH) | (random_u32(&seed) % 4 ? 0 : AC_RESIDUALS) | AC_EMBED;
        size_t n = 0;
        const size_t room = ac_stream_bound(&array);
        uint8_t *bound = malloc(room);
        if (ac_stream_encode(models, random_u32(&seed) % 3 == 0, &array, data, random_u32(&seed) % 2 ? piece : NULL, flags, bound, room, &n)) return 2;
        memcpy(stream, bound, n);
        free(bound);
        if (array.dtype < 8 && ac_array_size(&array) && random_u32(&seed) % 3 == 0) {
            n = encode_beside(&array, data, flags, stream, &seed);
            if (!n) return 2;
        }
        if (array.dtype == AC_B1 && ac_array_size(&array) && random_u32(&seed) % 2) n = encode_flags(&array, data, stream, &seed);
        const int are_floats = array.dtype == AC_F4 || array.dtype == AC_F8;
        if (are_floats && ac_array_size(&array) && random_u32(&seed) % 2) {
            const size_t made = encode_quantised(&array, data, flags, stream, &seed);
            if (!made) continue;
            n = made;
        }
        if (random_u32(&seed) % 4 == 0) n = in_other_order(&array, data, stream, n, &seed);
        ac_set_decoder(random_u32(&seed) % 2 ? zeros : NULL);
        if (decode(stream, n, &array, data, seed)) stop("a sound stream is refused", seed);
        for (int i = 0; i < DAMAGES; i++, tried++) {
            memcpy(hurt, stream, n);
            size_t m = damage(hurt, n, &seed);
            if (i % 3 == 0) hurt[random_u32(&seed) % (n < 64 ? n : 64)] = (uint8_t)random_u32(&seed); /* the header */
            fine += decode(hurt, m, &array, data, seed) == AC_OK;
        }
        uint8_t model[300];
        memcpy(model, delta, DELTA_LENGTH);
        try_model(model, damage(model, DELTA_LENGTH, &seed), ac_model_from_delta);
        memcpy(model, tuned->file, tuned->file_length);
        try_model(model, damage(model, tuned->file_length, &seed), ac_model_read_file);
    }
    printf("%llu damaged streams, %llu of them still valid\n", (unsigned long long)tried, (unsigned long long)fine);
    ac_model_free(tuned);
    free(data), free(stream), free(hurt);
    return 0;
}
