#include "stream_encode.h"

#include <stdlib.h>
#include <string.h>

#include "bounded.h"
#include "bytes.h"
#include "float_state.h"
#include "kernels/kernel.h"

size_t ac_stored_size(const ac_array *array)
{
    const ac_header header = {.array = *array};
    return ac_header_size(&header) + ac_array_size(array) + AC_CHECKSUM_SIZE;
}

size_t ac_stream_bound(const ac_array *array) { return ac_array_size(array) == SIZE_MAX ? SIZE_MAX : ac_stored_size(array); }

static int encode_stored(const ac_array *array, const void *data, const ac_output *output)
{
    const size_t length = ac_stored_size(array), size = ac_array_size(array), start = length - AC_CHECKSUM_SIZE - size;
    uint8_t *out = output->take(output->owner, length);
    if (!out) return AC_ERROR_MEMORY;
    const ac_header header = {.array = *array, .codec = AC_STORED};
    ac_header_write(&header, out);
    ac_copy_little_endian(out + start, data, size / ac_number_bytes(array->dtype), ac_number_bytes(array->dtype));
    ac_put_u32(out + start + size, ac_stream_checksum(out, start, array, data));
    return AC_OK;
}

static int check_arguments(const ac_choice *choices, size_t count, const ac_array *array, const void *data, const uint32_t *piece, int flags)
{
    uint64_t elements;
    if (ac_array_count(array, &elements) || ac_array_size(array) == SIZE_MAX) return AC_ERROR_ARGUMENT;
    if ((!data && elements) || (count && !choices) || !ac_kernel_of(flags & ~(AC_THOROUGH | AC_EMBED | AC_RESIDUALS))) return AC_ERROR_ARGUMENT;
    if (piece && (!piece[0] || !piece[1] || (uint64_t)piece[0] * piece[1] > AC_MAX_PIXELS)) return AC_ERROR_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (!choices[i].model || (choices[i].file && choices[i].file_length > AC_MAX_SECTION)) return AC_ERROR_ARGUMENT;
    return AC_OK;
}

int ac_stream_encode_with(const ac_choice *choices, size_t count, const ac_array *array, const void *data, const ac_original *original,
                          const uint32_t *piece, const ac_hints *hints, int flags, const ac_parallel *parallel, const ac_output *output)
{
    int status = check_arguments(choices, count, array, data, piece, flags);
    if (status || !output || (original && (!original->section || original->section_length > AC_MAX_SECTION))) return AC_ERROR_ARGUMENT;
    const ac_choice general = {ac_model_default(), NULL, 0};
    if (!count && !general.model) return AC_ERROR_MEMORY;
    const uint64_t before = ac_float_state_standard();
    status = AC_ERROR_SPACE;
    if (ac_array_size(array)) {
        ac_source from = {.array = *array, .given = *array, .data = data, .elements = original ? original->elements : data};
        ac_settings how = {count ? choices : &general, count ? count : 1, original, piece, hints, flags & ~(AC_EMBED | AC_RESIDUALS), (flags & AC_RESIDUALS) != 0, parallel, 0};
        status = ac_encode_found(&from, &how, output);
    }
    ac_float_state_back(before);
    return status == AC_ERROR_SPACE ? encode_stored(array, original ? original->elements : data, output) : status;
}

int ac_stream_encode_steps(const ac_choice *choices, size_t count, const ac_array *array, const int32_t *steps, const void *elements, const uint8_t *section,
                           size_t section_length, const uint32_t *piece, int flags, const ac_parallel *parallel, const ac_output *output)
{
    if (check_arguments(choices, count, array, elements, piece, flags) || !output || !steps || !section || section_length > AC_MAX_SECTION) return AC_ERROR_ARGUMENT;
    if (!ac_array_size(array) || !ac_is_quantisable(array->dtype)) return AC_ERROR_ARGUMENT;
    const ac_choice general = {ac_model_default(), NULL, 0};
    if (!count && !general.model) return AC_ERROR_MEMORY;
    const ac_settings how = {.choices = count ? choices : &general, .count = count ? count : 1, .wanted = piece, .flags = flags & ~AC_EMBED, .parallel = parallel};
    const uint64_t before = ac_float_state_standard();
    const ac_source from = {.array = *array, .elements = elements, .quantise = {section, section_length}, .is_any = 1};
    const int status = ac_encode_steps(from, steps, how, output);
    ac_float_state_back(before);
    return status;
}

/* The stream in `found`, which is to be freed, where the elements as they are do not give a shorter one; else AC_ERROR_SPACE. */
static int prefer_lossless(const ac_array *array, const void *data, const ac_settings *how, const ac_room *found)
{
    double expected;
    int status = ac_estimate_size(how, array, data, &expected);
    if (status || (double)found->length < 0.8 * expected) return status;
    ac_source from = {.array = *array, .given = *array, .data = data, .elements = data};
    ac_settings same = *how;
    ac_room plain = {0};
    const ac_output output = {ac_take_room, &plain};
    status = ac_encode_found(&from, &same, &output);
    const size_t least = status == AC_ERROR_SPACE ? ac_stored_size(array) : plain.length;
    ac_room_free(&plain);
    if (status && status != AC_ERROR_SPACE) return status;
    return least <= found->length ? AC_ERROR_SPACE : AC_OK;
}

/* Within the bound; AC_ERROR_SPACE where nothing is lost, or nothing gained. */
static int encode_bounded(const ac_array *array, const void *data, const ac_bound *bound, const ac_settings *how, const ac_output *output)
{
    const ac_planes planes = ac_planes_of(array);
    const ac_cuts none = {0};
    ac_quantised q;
    int32_t *steps;
    void *elements;
    ac_loss loss;
    uint8_t *section = NULL, said[AC_LOSS_SIZE];
    size_t length;
    int status = ac_bounded_steps(bound, array, data, ac_choose_sides(&planes, how->wanted, &none).width, &q, &steps, &elements, &loss);
    if (!status) status = steps ? ac_quantise_write(&q, array, &section, &length) : AC_ERROR_SPACE;
    if (!status) {
        ac_loss_write(&loss, said);
        const ac_source from = {.array = *array, .elements = elements, .quantise = {section, length}, .loss = {said, sizeof said}, .is_trellis = q.dither == AC_TRELLIS};
        ac_room room = {0};
        const ac_output found = {ac_take_room, &room};
        status = ac_encode_steps(from, steps, *how, &found);
        if (!status) status = prefer_lossless(array, data, how, &room);
        uint8_t *out = status ? NULL : output->take(output->owner, room.length);
        if (out) memcpy(out, room.data, room.length);
        if (!status && !out) status = AC_ERROR_MEMORY;
        ac_room_free(&room);
    }
    ac_quantise_free(&q);
    free(section);
    free(steps);
    free(elements);
    return status;
}

int ac_stream_encode_bounded(const ac_choice *choices, size_t count, const ac_array *array, const void *data, const ac_bound *bound, const uint32_t *piece,
                             int flags, const ac_parallel *parallel, const ac_output *output)
{
    if (check_arguments(choices, count, array, data, piece, flags) || !output || !ac_is_bound(bound, array)) return AC_ERROR_ARGUMENT;
    const ac_choice general = {ac_model_default(), NULL, 0};
    if (!count && !general.model) return AC_ERROR_MEMORY;
    const ac_settings how = {.choices = count ? choices : &general, .count = count ? count : 1, .wanted = piece, .flags = flags & ~AC_EMBED, .parallel = parallel};
    const uint64_t before = ac_float_state_standard();
    const int status = ac_array_size(array) ? encode_bounded(array, data, bound, &how, output) : AC_ERROR_SPACE;
    ac_float_state_back(before);
    return status == AC_ERROR_SPACE ? ac_stream_encode_with(choices, count, array, data, NULL, piece, NULL, flags, parallel, output) : status;
}

/* A buffer of the caller's. */
typedef struct {
    uint8_t *out;
    size_t capacity, length;
} buffer;

static uint8_t *take_buffer(void *owner, size_t length)
{
    buffer *b = owner;
    b->length = length;
    return length <= b->capacity ? b->out : NULL;
}

int ac_stream_encode(const ac_model *const *models, size_t count, const ac_array *array, const void *data, const uint32_t *piece, int flags,
                     uint8_t *out, size_t capacity, size_t *length)
{
    if ((count && !models) || !out || !length) return AC_ERROR_ARGUMENT;
    ac_choice *choices = calloc(count + 1, sizeof *choices);
    if (!choices) return AC_ERROR_MEMORY;
    for (size_t i = 0; i < count; i++)
        if (models[i]) choices[i] = ac_choice_of(models[i], flags & AC_EMBED);
    buffer whole = {out, capacity, 0};
    const ac_output output = {take_buffer, &whole};
    const int status = ac_stream_encode_with(choices, count, array, data, NULL, piece, NULL, flags, NULL, &output);
    free(choices);
    *length = status ? 0 : whole.length;
    return status && whole.length > capacity ? AC_ERROR_SPACE : status;
}
