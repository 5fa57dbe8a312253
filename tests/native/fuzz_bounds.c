/* Arrays of any values within any bound: what is decoded keeps to what the stream states, and what is no number, blank or saturated comes back bit by bit.
 * Damaged streams are refused, or decoded within the buffers and at every level alike (built with sanitisers, see fuzz.sh). Arguments: seconds, seed. */
#include <stdio.h>
#include <time.h>

#include "as_double.h"
#include "damage.h"
#include "loss.h"
#include "make_array.h"
#include "quantise.h"

enum { DAMAGES = 6, LOSS = 24 };

static void stop(const char *what, uint64_t seed)
{
    printf("%s, seed now %llu\n", what, (unsigned long long)seed);
    exit(1);
}

static void *take(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) exit(2);
    return p;
}

/* From the smallest to the largest numbers, most of them about one. */
static double any_number(uint64_t *seed)
{
    static const double ends[] = {5e-324, 1e-310, 1e-45, 1e-38, 1e-12, 1e12, 1e38, 1e100, 1.7e308};
    return random_u32(seed) % 4 ? pow(2, random_between(seed, -24, 24) / 2.0) : ends[random_u32(seed) % (sizeof ends / sizeof *ends)];
}

/* Where the array is of floats, some are no numbers, or ends of the type. */
static void spoil(const ac_array *array, uint8_t *data, uint64_t *seed)
{
    const size_t count = ac_array_size(array) / ac_number_bytes(array->dtype);
    const double odd[] = {NAN, INFINITY, -INFINITY, -0.0, 1e300, -1e300, 5e-324, any_number(seed)};
    const uint32_t rare = 1u << random_u32(seed) % 9;
    for (size_t i = 0; i < count; i++)
        if (random_u32(seed) % rare == 0) put_number(data, array->dtype, i, odd[random_u32(seed) % (rare < 8 ? 3 : 8)]);
}

/* Hostile ones too, which are refused. */
static ac_bound make_bound(const ac_array *array, const uint8_t *data, float *noise, uint64_t *seed)
{
    ac_bound b = {.kind = random_between(seed, 0, AC_BOUNDS - 1), .dither = random_between(seed, AC_DITHER_AUTO, AC_DITHER_ALWAYS)};
    const size_t count = ac_array_size(array) / ac_number_bytes(array->dtype);
    b.value = any_number(seed);
    if (b.kind == AC_BOUND_RELATIVE && random_u32(seed) % 8) b.value = fmod(b.value, 1);
    if (random_u32(seed) % 4 == 0) b.gain = any_number(seed);
    if (random_u32(seed) % 4 == 0) b.read_noise = any_number(seed);
    b.saturation = random_u32(seed) % 3 ? NAN : random_u32(seed) % 2 ? 1000 : any_number(seed);
    b.protect = random_u32(seed) % 3 == 0;
    b.has_blank = count && random_u32(seed) % 3 == 0;
    if (b.has_blank) b.blank = ac_bits_at(array->dtype, data, random_u32(seed) % count);
    if (random_u32(seed) % 4 == 0) {
        for (size_t i = 0; i < count; i++) noise[i] = random_u32(seed) % 50 ? (float)any_number(seed) : random_u32(seed) % 2 ? NAN : -1;
        b.noise = noise;
    }
    if (random_u32(seed) % 40 == 0) b.value = random_u32(seed) % 2 ? NAN : random_u32(seed) % 2 ? 0 : -1;
    return b;
}

static void check_kept(const ac_array *array, const uint8_t *data, const uint8_t *out, const ac_bound *b, const ac_loss *loss, uint64_t seed)
{
    const size_t count = ac_array_size(array) / ac_number_bytes(array->dtype);
    double largest = 0;
    if (!(loss->found <= loss->bound)) stop("more is lost than the bound that is stated", seed);
    if ((b->kind == AC_BOUND_ABSOLUTE || b->kind == AC_BOUND_RELATIVE) && !(loss->bound <= b->value)) stop("a wider bound than was asked", seed);
    for (size_t i = 0; i < count; i++) {
        const double given = ac_as_double(array->dtype, data, i), found = ac_as_double(array->dtype, out, i);
        const int is_same = ac_bits_at(array->dtype, data, i) == ac_bits_at(array->dtype, out, i);
        const int is_blank = b->has_blank && b->blank == ac_bits_at(array->dtype, data, i);
        if (is_same) continue;
        if (!isfinite(given) || is_blank || given >= b->saturation) stop("an element that is to be kept has changed", seed);
        if (b->has_blank && b->blank == ac_bits_at(array->dtype, out, i)) stop("an element became blank", seed);
        const double error = fabs(found - given), by = b->kind == AC_BOUND_RELATIVE ? error / fabs(given) : error;
        if (!(by <= loss->found * (1 + 1e-12))) stop("an element differs by more than is said", seed);
        if (b->kind == AC_BOUND_RELATIVE && (!found != !given || signbit(found) != signbit(given))) stop("a sign has changed", seed);
        largest = fmax(largest, by);
    }
    if (largest < loss->found * (1 - 1e-12)) stop("less is lost than is said", seed);
}

/* At each level into a buffer of just the size; what the first gives, or its status. */
static int decode(const uint8_t *stream, size_t n, uint8_t **out, uint64_t seed)
{
    ac_stream_info info;
    ac_fault fault;
    int first = -1;
    uint8_t *exact = take(n);
    memcpy(exact, stream, n);
    *out = NULL;
    if (!ac_stream_inspect(exact, n, &info, &fault) && info.is_whole && ac_array_size(&info.array) <= 1 << 20) {
        const size_t size = ac_array_size(&info.array);
        for (int level = AC_SIMD_PORTABLE; level <= AC_SIMD_NEONDOT; level++) {
            uint8_t *found = take(size);
            const int r = ac_stream_decode(NULL, 0, exact, n, found, size, level, &fault);
            if (r != AC_ERROR_ARGUMENT && first >= 0 && r != first) stop("levels disagree", seed);
            if (r == AC_OK && *out && memcmp(*out, found, size)) stop("levels give different arrays", seed);
            if (r != AC_ERROR_ARGUMENT) first = r;
            if (r == AC_OK && !*out) *out = found;
            else free(found);
        }
    }
    free(exact);
    return first;
}

static int find_loss(const uint8_t *stream, size_t n, ac_loss *loss, uint64_t seed)
{
    ac_stream_info info;
    if (ac_stream_inspect(stream, n, &info, NULL)) stop("a sound stream is not inspected", seed);
    for (int i = 0; i < info.section_count; i++)
        if (info.sections[i].id == LOSS) {
            ac_reader reader = {.data = stream + info.sections[i].at, .length = info.sections[i].length};
            if (ac_loss_read(&reader, loss)) stop("a loss that cannot be read", seed);
            return 1;
        }
    return 0;
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? atof(argv[1]) : 5;
    uint64_t seed = argc > 2 ? strtoull(argv[2], 0, 10) : 1, arrays = 0, lossy = 0, tried = 0, fine = 0;
    const time_t start = time(0);
    uint8_t *made = take(ARRAY_ITEM * ARRAY_ELEMENTS);
    for (; difftime(time(0), start) < seconds; arrays++) {
        const ac_array array = make_array(made, &seed);
        if (!ac_is_quantisable(array.dtype)) continue;
        const size_t size = ac_array_size(&array), count = size / ac_number_bytes(array.dtype);
        if (random_u32(&seed) % 2) spoil(&array, made, &seed);
        uint8_t *data = take(size), *out;
        float *noise = take(count * sizeof *noise);
        memcpy(data, made, size);
        const ac_bound bound = make_bound(&array, data, noise, &seed);
        const uint32_t piece[2] = {(uint32_t)random_between(&seed, 1, 60), (uint32_t)random_between(&seed, 1, 60)};
        ac_room room = {0};
        const ac_output output = {ac_take_room, &room};
        const int flags = AC_SIMD_AUTO | (random_u32(&seed) % 4 ? 0 : AC_THOROUGH);
        const int status = ac_stream_encode_bounded(NULL, 0, &array, data, &bound, random_u32(&seed) % 2 ? piece : NULL, flags, NULL, &output);
        if (status && status != AC_ERROR_ARGUMENT) stop("it is not encoded", seed);
        if (status && bound.value > 0 && !(bound.kind == AC_BOUND_RELATIVE && bound.value >= 1)) stop("a sound bound is refused", seed);
        if (!status) {
            ac_loss loss;
            if (decode(room.data, room.length, &out, seed)) stop("a sound stream is refused", seed);
            const int is_lossy = find_loss(room.data, room.length, &loss, seed);
            if (is_lossy) check_kept(&array, data, out, &bound, &loss, seed);
            else if (memcmp(data, out, size)) stop("it is lossy and does not say so", seed);
            free(out);
            lossy += (uint64_t)is_lossy;
            uint8_t *hurt = take(room.length + 64);
            for (int i = 0; i < DAMAGES && is_lossy; i++, tried++) {
                memcpy(hurt, room.data, room.length);
                const size_t m = damage(hurt, room.length, &seed);
                if (i % 2) hurt[random_u32(&seed) % (m < 160 ? m : 160)] = (uint8_t)random_u32(&seed); /* the header */
                fine += decode(hurt, m, &out, seed) == AC_OK;
                free(out);
            }
            free(hurt);
        }
        ac_room_free(&room);
        free(data), free(noise);
    }
    printf("%llu arrays, %llu of them lossy; %llu damaged streams, %llu of them still valid\n", (unsigned long long)arrays, (unsigned long long)lossy,
           (unsigned long long)tried, (unsigned long long)fine);
    free(made);
    return 0;
}
