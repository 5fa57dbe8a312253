#include <stdlib.h>
#include <string.h>

#include "axes_choice.h"
#include "axes_series.h"
#include "blank_choice.h"
#include "differences.h"
#include "pixel_choice.h"
#include "split.h"
#include "steps_choice.h"
#include "stream_encode.h"
#include "viterbi.h"

enum { SOME = 1024 }; /* steps that tell what is usual */
enum { LOOKED_AT = 512 }; /* rows and columns that tell whether floats are tried by their bits */
/* Elements that tell whether floats are smaller by their steps, an eighth of all at most; that is clear by a sixteenth, or equal to one in 4096. */
enum { MIDDLE = 1 << 15, PART = 8, LEAST = 1 << 12, CLEAR = 16, EQUAL = 4096 };

/* The shorter of two streams, of equal ones the first, as far as they were found. They are freed. */
static int put_shorter(ac_room *rooms, const int *found, const ac_output *output)
{
    int status = AC_OK;
    for (int i = 0; i < 2 && !status; i++)
        if (found[i] != AC_ERROR_SPACE) status = found[i];
    const int best = found[1] || (!found[0] && rooms[0].length <= rooms[1].length) ? 0 : 1;
    if (!status) status = found[best];
    if (!status) {
        uint8_t *out = output->take(output->owner, rooms[best].length);
        if (out)
            memcpy(out, rooms[best].data, rooms[best].length);
        else
            status = AC_ERROR_MEMORY;
    }
    ac_room_free(&rooms[0]);
    ac_room_free(&rooms[1]);
    return status;
}

/* Whether floats by their bits, in the middle of an array, show few differences: what a table of those takes no estimate of bins knows. */
static int are_bits_promising(ac_sheet *bits, int *promising)
{
    const ac_planes *p = &bits->planes;
    const uint32_t height = (uint32_t)ac_smaller(p->height, LOOKED_AT), width = (uint32_t)ac_smaller(p->width, LOOKED_AT);
    const uint64_t y = p->count / 2 * p->height + (p->height - height) / 2, x = (p->width - width) / 2;
    uint16_t *samples = malloc((size_t)height * width * sizeof *samples);
    if (!samples) return AC_ERROR_MEMORY;
    ac_choose_low_bits(bits);
    for (uint32_t row = 0; row < height; row++) ac_sheet_samples(bits, (y + row) * p->width + x, width, samples + (size_t)row * width);
    *promising = ac_differences_promising(samples, height, width, width);
    free(samples);
    return AC_OK;
}

/* Of the array, or of that without its blanks; floats by bins, and by their bits where these may be shorter. */
static int encode_numbers(const void *numbers, const ac_blanks *blanks, const ac_source *from, const ac_settings *how, const ac_output *output)
{
    ac_sheet sheet = {0}, bits = {0};
    int promising = 0, status = ac_sheet_init(&sheet, &from->array, numbers);
    if (!status && sheet.map.kind == AC_KIND_BINS) {
        status = ac_sheet_init_as(&bits, &from->array, numbers, 1);
        if (!status) status = are_bits_promising(&bits, &promising);
    }
    if (!status && promising) {
        ac_room rooms[2] = {{0}, {0}};
        const ac_output outputs[2] = {{ac_take_room, &rooms[0]}, {ac_take_room, &rooms[1]}};
        const int by_bins = ac_encode_sheet(&sheet, blanks, from, how, &outputs[0]);
        const int found[2] = {by_bins, ac_encode_sheet(&bits, blanks, from, how, &outputs[1])};
        status = put_shorter(rooms, found, output);
    } else if (!status) {
        status = ac_encode_sheet(&sheet, blanks, from, how, output);
    }
    ac_sheet_free(&sheet);
    ac_sheet_free(&bits);
    return status;
}

/* With a mask or without, whichever is shorter. */
static int encode_both(const void *filled, const ac_blanks *blanks, const ac_source *from, const ac_settings *how, const ac_output *output)
{
    const ac_blanks none = {0};
    ac_room rooms[2] = {{0}, {0}};
    const ac_output outputs[2] = {{ac_take_room, &rooms[0]}, {ac_take_room, &rooms[1]}};
    const int without = encode_numbers(from->data, &none, from, how, &outputs[0]);
    const int found[2] = {without, encode_numbers(filled, blanks, from, how, &outputs[1])};
    return put_shorter(rooms, found, output);
}

static int compare(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* In place of steps that stand for none one even number, so that the trellis of the samples is theirs: a usual one where they are alone, else one at the foot of
 * the others, where models know flat regions. NULL without memory. */
static int32_t *fill_nulls(const int32_t *steps, size_t count)
{
    int32_t some[SOME];
    size_t n = 0, nulls = 0, edges = 0;
    int32_t *filled = malloc(count * sizeof *filled);
    if (!filled) return NULL;
    for (size_t i = 0; i < count; i += count / SOME + 1)
        if (steps[i] != AC_TRELLIS_NULL) some[n++] = steps[i];
    qsort(some, n, sizeof *some, compare);
    for (size_t i = 0; i < count; i++) nulls += steps[i] == AC_TRELLIS_NULL, edges += i && (steps[i] == AC_TRELLIS_NULL) != (steps[i - 1] == AC_TRELLIS_NULL);
    const int32_t fill = n ? some[edges > nulls ? n / 2 : n / 32] & ~1 : 0;
    for (size_t i = 0; i < count; i++) filled[i] = steps[i] == AC_TRELLIS_NULL ? fill : steps[i];
    return filled;
}

/* Steps of a trellis as they are. */
static int encode_trellis(const ac_source *from, const ac_settings *how, const ac_output *output)
{
    const size_t count = ac_array_size(&from->array) / sizeof(int32_t);
    const int32_t *steps = from->data;
    ac_sheet sheet = {0};
    ac_blanks blanks = {.count = 0, .values = {(uint32_t)AC_TRELLIS_NULL}};
    int32_t *filled = NULL;
    int status = ac_sheet_init_plain(&sheet, &from->array, steps);
    if ((int32_t)sheet.map.offset == AC_TRELLIS_NULL) {
        ac_sheet_free(&sheet);
        filled = fill_nulls(steps, count);
        if (!filled) return AC_ERROR_MEMORY;
        blanks.count = 1;
        status = ac_sheet_init_plain(&sheet, &from->array, filled);
    }
    if (!status) status = ac_encode_sheet(&sheet, &blanks, from, how, output);
    ac_sheet_free(&sheet);
    free(filled);
    return status;
}

/* AC_ERROR_SPACE where storing takes fewer bytes. */
static int encode_causal(const ac_source *from, const ac_settings *how, const ac_output *output)
{
    ac_blanks blanks;
    void *filled;
    int doubtful, status = ac_blanks_choose(&from->array, from->data, &blanks, &filled, &doubtful);
    if (!status && filled && doubtful)
        status = encode_both(filled, &blanks, from, how, output);
    else if (!status)
        status = encode_numbers(filled ? filled : from->data, &blanks, from, how, output);
    free(filled);
    return status;
}

/* Adds the bytes that an array would take with the first of the models, its rows as series or not. */
static int add_size_as(const ac_settings *given, int series, const ac_array *array, const void *data, uint64_t *bytes)
{
    ac_settings how = *given;
    how.count = 1, how.original = NULL, how.hints = NULL, how.parallel = NULL, how.flags &= ~AC_THOROUGH, how.series = series;
    const ac_source from = {.array = *array, .given = *array, .data = data, .elements = data};
    ac_room room = {0};
    const ac_output output = {ac_take_room, &room};
    const int status = encode_causal(&from, &how, &output);
    *bytes += status ? ac_stored_size(array) : room.length;
    ac_room_free(&room);
    return status == AC_ERROR_SPACE ? AC_OK : status;
}

static int add_size(void *work, const ac_array *array, const void *data, uint64_t *bytes) { return add_size_as(work, 0, array, data, bytes); }

int ac_estimate_size(const ac_settings *how, const ac_array *array, const void *data, double *bytes)
{
    const ac_planes planes = ac_planes_of(array);
    const uint64_t lines = planes.count * planes.height, all = lines * planes.width, width = ac_smaller(planes.width, MIDDLE / 2);
    const uint64_t rows = ac_smaller(ac_larger(MIDDLE / 2 / width, 1), lines), part = rows * width, first = (all - part) / 2 / width * width;
    const ac_array middle = {array->dtype, 2, {rows, width}};
    ac_settings one = *how;
    uint64_t found = 0;
    const int status = add_size(&one, &middle, (const uint8_t *)data + first * ac_item_bytes(array->dtype), &found);
    *bytes = (double)found * ((double)all / (double)part);
    return status;
}

static int add_size_of_series(void *work, const ac_array *array, const void *data, uint64_t *bytes) { return add_size_as(work, 1, array, data, bytes); }

static int is_own_order(const ac_array *array, const ac_axes *axes)
{
    for (int i = 0; i < array->ndim; i++)
        if (axes->of[i] != i) return 0;
    return 1;
}

int ac_choose_order(const ac_array *array, const void *data, ac_settings *how, ac_axes *axes, int *turned, int *series)
{
    ac_axes rows;
    *turned = *series = 0;
    int status = ac_axes_choose(array, data, add_size, how, axes, turned);
    if (status || !ac_series_axes(array, &rows)) return status;
    for (int i = 0; !*turned && i < array->ndim; i++) axes->of[i] = (uint8_t)i;
    status = ac_series_choose(array, data, &rows, axes, add_size_of_series, add_size, how, series);
    if (!*series) return status;
    *axes = rows, *turned = !is_own_order(array, &rows);
    return status;
}

int ac_are_series(const ac_array *array, const void *data, ac_settings *how, int *series)
{
    ac_axes axes;
    int turned = 0, status = AC_OK;
    *series = 0;
    if (ac_series_axes(array, &axes) && is_own_order(array, &axes)) status = ac_choose_order(array, data, how, &axes, &turned, series);
    *series &= !turned;
    return status;
}

/* Encodes the array in the order of axes that is smallest, where nobody says how its planes shall be cut or what of them is coded. */
static int encode_in_order(ac_source *from, ac_settings *how, const ac_output *output)
{
    ac_axes axes;
    const ac_array own = from->array;
    int turned = 0, status = how->wanted || how->residuals ? AC_OK : ac_choose_order(&own, from->data, how, &axes, &turned, &how->series);
    if (status || !turned) return status ? status : encode_causal(from, how, output);
    void *data = malloc(ac_array_size(&own));
    if (!data) return AC_ERROR_MEMORY;
    from->array = ac_axes_turned(&own, &axes);
    ac_axes_turn(&own, &axes, NULL, &from->array, from->data, data);
    from->data = data, from->axes = (ac_span){axes.of, (size_t)own.ndim};
    how->hints = NULL; /* of other planes */
    status = encode_causal(from, how, output);
    free(data);
    return status;
}

int ac_encode_steps(ac_source from, const int32_t *steps, ac_settings how, const ac_output *output)
{
    from.given = from.array, from.array.dtype = AC_I4, from.data = steps;
    return from.is_trellis ? encode_trellis(&from, &how, output) : encode_in_order(&from, &how, output);
}

/* Bytes of the set of values that an array has a list of. */
static int set_size(const ac_array *array, const void *data, uint64_t *bytes)
{
    ac_sheet sheet;
    const int status = ac_sheet_init(&sheet, array, data);
    *bytes = sheet.map.packed_size;
    ac_sheet_free(&sheet);
    return status;
}

/* Which of two ways rows of the middle leave: by steps, and as they are. A list of values, which is about as long for all of the array, does not count where
 * its ranks are no shorter than steps. */
static int look_at_middle(const ac_source *from, const ac_settings *how, const int32_t *steps, int *is_left)
{
    const ac_planes planes = ac_planes_of(&from->given);
    const uint64_t all = planes.count * planes.height * planes.width, most = ac_smaller(MIDDLE, all / PART), width = ac_smaller(planes.width, most);
    is_left[0] = is_left[1] = 1;
    if (most < LEAST) return AC_OK;
    const uint64_t rows = most / width, part = rows * width, first = (all - part) / 2 / width * width;
    const void *middle = (const uint8_t *)from->data + first * ac_item_bytes(from->given.dtype);
    ac_array floats = {from->given.dtype, 2, {rows, width}}, integers = {AC_I4, 2, {rows, width}};
    uint64_t plain = 0, by_steps = 0, set = 0;
    ac_settings one = *how;
    int status = add_size(&one, &floats, middle, &plain);
    if (!status) status = add_size(&one, &integers, steps + first, &by_steps);
    if (!status && by_steps <= plain) status = set_size(&floats, middle, &set);
    const uint64_t ranks = plain - ac_smaller(set, plain);
    if (by_steps + by_steps / CLEAR < plain || by_steps <= ranks + ranks / EQUAL) is_left[1] = 0;
    if (plain + plain / CLEAR < by_steps) is_left[0] = 0;
    return status;
}

/* Floats that were made of steps by these or as they are, whatever is smaller. */
static int encode_both_ways(ac_source *from, const ac_settings *how, const ac_quantised *q, const int32_t *steps, const ac_output *output)
{
    uint8_t *section;
    size_t length;
    ac_settings plain = *how;
    int status = ac_quantise_write(q, &from->given, &section, &length);
    if (status) return status == AC_ERROR_SPACE ? encode_in_order(from, &plain, output) : status;
    ac_room rooms[2] = {{0}};
    const ac_output by_steps = {ac_take_room, &rooms[0]}, as_they_are = {ac_take_room, &rooms[1]};
    int found[2] = {AC_ERROR_SPACE, AC_ERROR_SPACE}, is_left[2];
    const ac_source made = {.array = from->given, .elements = from->elements, .quantise = {section, length}};
    status = look_at_middle(from, how, steps, is_left);
    if (!status && is_left[0]) found[0] = ac_encode_steps(made, steps, *how, &by_steps);
    if (!status && (is_left[1] || found[0])) found[1] = encode_in_order(from, &plain, &as_they_are);
    free(section);
    if (!status) return put_shorter(rooms, found, output);
    ac_room_free(&rooms[0]);
    ac_room_free(&rooms[1]);
    return status;
}

int ac_encode_found(ac_source *from, ac_settings *how, const ac_output *output)
{
    ac_quantised q = {0};
    int32_t *steps = NULL;
    int status = how->original || how->residuals ? AC_OK : ac_steps_choose(&from->given, from->data, how->hints, &q, &steps);
    if (!status) status = steps ? encode_both_ways(from, how, &q, steps, output) : encode_in_order(from, how, output);
    ac_quantise_free(&q);
    free(steps);
    return status;
}
