#include "axes_series.h"

#include <stdlib.h>

#include "log512.h"
#include "pixel_choice.h"
#include "split.h"

enum { LEAST = 4096, LEAST_COLUMNS = 64, MAX_ROWS = 1024, LEAST_AXES = 3, MANY = 1 << 15 };
enum { LOOKS = 4, BEFORE = 8, COLUMNS = BEFORE + 1, AHEAD = 300 };

static int longest_of(const ac_array *array)
{
    int longest = 0;
    for (int i = 1; i < array->ndim; i++)
        if (array->shape[i] > array->shape[longest]) longest = i;
    return longest;
}

int ac_series_axes(const ac_array *array, ac_axes *axes)
{
    uint64_t count;
    int many = 0, found = 0;
    if (ac_is_complex(array->dtype) || ac_array_count(array, &count) || count < LEAST) return 0;
    for (int i = 0; i < array->ndim; i++) many += array->shape[i] > 1;
    const int longest = longest_of(array);
    const uint64_t length = array->shape[longest];
    if (many < LEAST_AXES || length < LEAST_COLUMNS || count > MAX_ROWS * length) return 0;
    for (int are_long = 0; are_long < 2; are_long++)
        for (int i = 0; i < array->ndim; i++)
            if ((array->shape[i] > 1) == are_long && i != longest) axes->of[found++] = (uint8_t)i;
    axes->of[found] = (uint8_t)longest;
    return 1;
}

/* Adds the bytes of a part of the array in an order of axes. */
static int add_part(const ac_array *array, const void *data, const ac_array *part, const uint64_t *start, const ac_axes *axes, ac_size_of size, void *work,
                    uint64_t *bytes)
{
    const ac_array turned = ac_axes_turned(part, axes);
    void *elements = malloc(ac_array_size(part));
    if (!elements) return AC_ERROR_MEMORY;
    ac_axes_turn(array, axes, start, &turned, data, elements);
    const int status = size(work, &turned, elements, bytes);
    free(elements);
    return status;
}

static int32_t bits_of(int32_t off) { return ac_log512(1 + (uint32_t)(off < 0 ? -off : off)); }

/* Of rows of eight columns and one more each: whether that is told better by those before it than by the row before, by 0.6 bits. */
static int are_steady(const uint16_t *samples, size_t rows)
{
    int64_t ahead = 0;
    for (size_t look = 0; look < LOOKS; look++, samples += rows * COLUMNS)
        for (size_t i = 1; i < rows; i++) {
            const uint16_t *row = samples + i * COLUMNS;
            int32_t sum = BEFORE / 2;
            for (int x = 0; x < BEFORE; x++) sum += row[x];
            ahead += bits_of(row[BEFORE] - row[-1]) - bits_of(row[BEFORE] - sum / BEFORE) - AHEAD;
        }
    return ahead > 0;
}

/* Whether series look so much steadier in time than from one to the next that they are worth a trial. */
static int look(const ac_array *array, const void *data, const ac_axes *series, int *steady)
{
    uint64_t count, start[AC_MAX_DIMENSIONS] = {0};
    ac_array part = *array;
    const int longest = longest_of(array);
    const uint64_t length = array->shape[longest];
    *steady = 0;
    if (ac_array_count(array, &count)) return AC_ERROR_ARGUMENT;
    const uint64_t rows = count / length;
    part.shape[longest] = COLUMNS;
    const ac_array turned = ac_axes_turned(&part, series), all = {.dtype = array->dtype, .ndim = 2, .shape = {LOOKS * rows, COLUMNS}};
    uint8_t *elements = malloc(ac_array_size(&all));
    uint16_t *samples = malloc((size_t)(LOOKS * rows) * COLUMNS * sizeof *samples);
    int status = elements && samples ? AC_OK : AC_ERROR_MEMORY;
    for (uint64_t j = 0; j < LOOKS && !status; j++) {
        start[longest] = (2 * j + 1) * (length - COLUMNS) / (2 * LOOKS);
        ac_axes_turn(array, series, start, &turned, data, elements + j * ac_array_size(&part));
    }
    ac_sheet sheet = {0};
    if (!status) status = ac_sheet_init(&sheet, &all, elements);
    if (!status) {
        ac_least_low_bits(&sheet);
        ac_sheet_samples(&sheet, 0, (size_t)sheet.count, samples);
        *steady = are_steady(samples, (size_t)rows);
    }
    ac_sheet_free(&sheet);
    free(elements);
    free(samples);
    return status;
}

int ac_series_choose(const ac_array *array, const void *data, const ac_axes *series, const ac_axes *other, ac_size_of as_series, ac_size_of as_planes, void *work,
                     int *is_series)
{
    uint64_t count, start[AC_MAX_DIMENSIONS] = {0}, bytes = 0, planes = 0;
    ac_array part = *array;
    int steady, status = look(array, data, series, &steady);
    *is_series = 0;
    if (status || !steady) return status;
    if (ac_array_count(array, &count)) return AC_ERROR_ARGUMENT;
    const int longest = longest_of(array);
    const uint64_t length = array->shape[longest], wanted = MANY / (count / length);
    part.shape[longest] = ac_smaller(length, ac_larger(LEAST_COLUMNS, wanted));
    start[longest] = (length - part.shape[longest]) / 2;
    status = add_part(array, data, &part, start, series, as_series, work, &bytes);
    if (!status) status = add_part(array, data, &part, start, other, as_planes, work, &planes);
    *is_series = !status && 100 * bytes < 99 * planes;
    return status;
}
