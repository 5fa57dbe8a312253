#include "outside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "planes.h"
#include "sha256.h"

enum { NEIGHBOURS = 24, REACH = 2, CHUNK = 256 };
#define LARGEST ((int64_t)1 << 62)

int ac_outside_read(ac_reader *r, const ac_array *array, ac_outside *o)
{
    memset(o, 0, sizeof *o);
    const uint8_t *hash = ac_take(r, AC_HASH_SIZE);
    if (hash) memcpy(o->hash, hash, sizeof o->hash);
    const size_t type_at = r->at;
    const uint32_t dtype = ac_take_byte(r), axes = ac_take_byte(r);
    const uint32_t most = (uint32_t)array->ndim, least = most < 2 ? most : 2;
    if (dtype > AC_F8) ac_fail_reader(r, AC_REASON_DTYPE, type_at, dtype, AC_F8);
    if (axes < least || axes > most) ac_fail_reader(r, AC_REASON_REFERENCE_AXES, type_at + 1, axes, most);
    o->zero = ac_take_signed_varint(r);
    if (o->zero >= LARGEST || o->zero <= -LARGEST) ac_fail_reader(r, AC_REASON_REFERENCE_FIELD, r->at, 0, 0);
    o->shift = (uint32_t)ac_take_varint(r, AC_MAX_SHIFT);
    o->smooth = (int32_t)ac_take_varint(r, AC_MAX_GAIN);
    o->small = (int32_t)ac_take_varint(r, AC_MAX_GAIN);
    o->large = (int32_t)ac_take_varint(r, AC_MAX_GAIN);
    o->spread = (int32_t)ac_take_varint(r, AC_MAX_SPREAD);
    o->level = (uint64_t)ac_take_signed_varint(r);
    o->offset = (uint64_t)ac_take_signed_varint(r);
    const size_t bits_at = r->at;
    o->bits = ac_take_byte(r);
    const uint32_t embedded = ac_take_byte(r);
    if (r->why.status) return r->why.status;
    if (!o->bits || o->bits > 8 * ac_number_bytes(array->dtype)) ac_fail_reader(r, AC_REASON_REFERENCE_FIELD, bits_at, o->bits, 0);
    if (embedded > 1) ac_fail_reader(r, AC_REASON_REFERENCE_FIELD, bits_at + 1, embedded, 0);
    o->is_embedded = (int)embedded;
    if (r->length - r->at > AC_MAX_REFERENCE_NAME) ac_fail_reader(r, AC_REASON_SECTION_LONG, r->at, r->length - r->at, AC_MAX_REFERENCE_NAME);
    o->name = (ac_span){r->data + r->at, r->length - r->at};
    if (r->why.status) return r->why.status;
    o->array = (ac_array){.dtype = (int32_t)dtype, .ndim = (int32_t)axes};
    memcpy(o->array.shape, array->shape + most - axes, axes * sizeof *array->shape);
    return AC_OK;
}

int ac_outside_check(const ac_outside *o, const ac_array *array, const void *reference)
{
    if (array->dtype != o->array.dtype || array->ndim != o->array.ndim) return AC_ERROR_REFERENCE;
    if (memcmp(array->shape, o->array.shape, (size_t)array->ndim * sizeof *array->shape)) return AC_ERROR_REFERENCE;
    const size_t size = ac_array_size(array), item = ac_number_bytes(array->dtype);
    uint8_t hash[AC_HASH_SIZE], *swapped = NULL;
    if (AC_HOST_IS_BIG) {
        swapped = malloc(size + 1);
        if (!swapped) return AC_ERROR_MEMORY;
        ac_copy_little_endian(swapped, reference, size / item, item);
    }
    const ac_hashed elements = {swapped ? swapped : reference, size};
    ac_sha256(&elements, 1, hash);
    free(swapped);
    return memcmp(hash, o->hash, sizeof hash) ? AC_ERROR_REFERENCE : AC_OK;
}

/* Elements of the reference */

static int64_t rounded(double v)
{
    if (!(v >= -(double)LARGEST)) return v == v ? -LARGEST : 0;
    if (v >= (double)LARGEST) return LARGEST; /* its double is exact */
    const double below = floor(v);
    return (int64_t)below + (v - below >= 0.5);
}

static int64_t element(const void *from, int dtype, size_t i)
{
    switch (dtype) {
    case AC_U1: return ((const uint8_t *)from)[i];
    case AC_I1: return ((const int8_t *)from)[i];
    case AC_U2: return ((const uint16_t *)from)[i];
    case AC_I2: return ((const int16_t *)from)[i];
    case AC_U4: return ((const uint32_t *)from)[i];
    case AC_I4: return ((const int32_t *)from)[i];
    case AC_U8: return ((const uint64_t *)from)[i] < (uint64_t)LARGEST ? (int64_t)((const uint64_t *)from)[i] : LARGEST;
    case AC_I8: {
        const int64_t v = ((const int64_t *)from)[i];
        return v < -LARGEST ? -LARGEST : v > LARGEST ? LARGEST : v;
    }
    case AC_F4: return rounded(((const float *)from)[i]);
    default: return rounded(((const double *)from)[i]);
    }
}

/* A plane of the reference in 16 bits. They are kept less 32768, as instructions for signed words are found everywhere. */
static void take_plane(const ac_outside *o, const void *reference, size_t first, size_t count, int16_t *plane)
{
    for (size_t i = 0; i < count; i++) {
        const int64_t v = (element(reference, o->array.dtype, first + i) - o->zero) >> o->shift;
        plane[i] = (int16_t)((v < 0 ? 0 : v > 65535 ? 65535 : v) - 32768);
    }
}

/* What is expected */

typedef int16_t column[CHUNK];

static inline void order(int16_t *restrict low, int16_t *restrict high, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int16_t a = low[i], b = high[i];
        low[i] = a < b ? a : b;
        high[i] = a < b ? b : a;
    }
}

/* Sorts the neighbours of each pixel: Batcher's exchanges, as D. Knuth has them (5.2.2, algorithm M). */
static void sort(column *n)
{
    for (int p = 16; p; p >>= 1)
        for (int q = 16, r = 0, d = p; d; d = q - p, q >>= 1, r = p)
            for (int i = 0; i < NEIGHBOURS - d; i++)
                if ((i & p) == r) order(n[i], n[i + d], CHUNK);
}

static size_t within(int64_t at, size_t length) { return at < 0 ? 0 : at >= (int64_t)length ? length - 1 : (size_t)at; }

/* The neighbours of up to CHUNK pixels of a row; beyond the edges stands what is at them. */
static void gather(const int16_t *plane, size_t height, size_t width, size_t y, size_t x, size_t count, column *n)
{
    for (int k = 0; k < NEIGHBOURS + 1; k++) {
        if (k == NEIGHBOURS / 2) continue;
        const int dx = k % 5 - REACH;
        const int16_t *row = plane + within((int64_t)y + k / 5 - REACH, height) * width;
        int16_t *to = n[k - (k > NEIGHBOURS / 2)];
        if ((int64_t)x + dx >= 0 && x + dx + count <= width)
            memcpy(to, row + x + dx, count * sizeof *to);
        else
            for (size_t i = 0; i < count; i++) to[i] = row[within((int64_t)(x + i) + dx, width)];
    }
}

/* What the reference lets expect of a run of pixels, shifted back. */
static void expect(const ac_outside *o, const int16_t *plane, size_t height, size_t width, size_t y, size_t x, size_t count, column *n, int64_t *expected)
{
    gather(plane, height, width, y, x, count, n);
    sort(n);
    for (size_t i = 0; i < count; i++) {
        const int32_t low = n[11][i] + 32768, high = n[12][i] + 32768, middle = (low + high + 1) >> 1;
        const int32_t spread = n[18][i] - n[5][i], off = plane[y * width + x + i] + 32768 - middle, d = off < 0 ? -off : off;
        const int32_t certain = 512 * d - o->spread * spread, large = o->large * d, small = o->small * d;
        int32_t part = certain < large ? certain : large;
        if (part < small) part = small;
        expected[i] = (int64_t)((o->smooth * middle + (off < 0 ? -part : part) + 128) >> 8) * ((int64_t)1 << o->shift);
    }
}

/* Elements of any width */

static uint64_t get(const void *from, size_t bytes, size_t i)
{
    switch (bytes) {
    case 1: return ((const uint8_t *)from)[i];
    case 2: return ((const uint16_t *)from)[i];
    case 4: return ((const uint32_t *)from)[i];
    default: return ((const uint64_t *)from)[i];
    }
}

static void put(void *to, size_t bytes, size_t i, uint64_t v)
{
    switch (bytes) {
    case 1: ((uint8_t *)to)[i] = (uint8_t)v; break;
    case 2: ((uint16_t *)to)[i] = (uint16_t)v; break;
    case 4: ((uint32_t *)to)[i] = (uint32_t)v; break;
    default: ((uint64_t *)to)[i] = v;
    }
}

int ac_outside_apply(const ac_outside *o, const ac_array *array, const void *reference, const void *from, void *to, int undo)
{
    const ac_planes all = ac_planes_of(array), there = ac_planes_of(&o->array);
    const size_t height = (size_t)all.height, width = (size_t)all.width, size = height * width, bytes = ac_number_bytes(array->dtype);
    const uint64_t mask = o->bits < 64 ? ((uint64_t)1 << o->bits) - 1 : UINT64_MAX;
    int16_t *plane = malloc(size * sizeof *plane);
    column *n = calloc(NEIGHBOURS, sizeof *n);
    int64_t expected[CHUNK];
    for (uint64_t p = 0; plane && n && p < there.count; p++) {
        take_plane(o, reference, (size_t)p * size, size, plane);
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width; x += CHUNK) {
                const size_t count = width - x < CHUNK ? width - x : CHUNK;
                expect(o, plane, height, width, y, x, count, n, expected);
                for (uint64_t t = p; t < all.count; t += there.count)
                    for (size_t i = 0; i < count; i++) {
                        const size_t at = (size_t)t * size + y * width + x + i;
                        const uint64_t shift = (uint64_t)expected[i] - o->level, v = get(from, bytes, at) - o->offset;
                        put(to, bytes, at, o->offset + ((undo ? v + shift : v - shift) & mask));
                    }
            }
    }
    const int status = plane && n ? AC_OK : AC_ERROR_MEMORY;
    free(plane);
    free(n);
    return status;
}
