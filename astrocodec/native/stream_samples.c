#include <stdlib.h>
#include <string.h>

#include "blank_choice.h"
#include "float_state.h"
#include "pixel_choice.h"
#include "plane_choice.h"
#include "split.h"
#include "steps_choice.h"
#include "stream_encode.h"

/* What a stream codes of an array: its elements, or the steps that they are found to be made of; these are to be freed. */
static int find_coded(const ac_array *array, const void *data, ac_array *coded, const void **there, int32_t **steps)
{
    ac_quantised q = {0};
    const int status = ac_steps_choose(array, data, NULL, &q, steps);
    ac_quantise_free(&q);
    *coded = *array, *there = data;
    if (*steps) coded->dtype = AC_I4, *there = *steps;
    return status;
}

static int take_samples(const ac_array *array, const void *data, int are_steps, uint16_t *samples, int32_t *shift)
{
    ac_sheet sheet = {0};
    ac_blanks blanks;
    void *filled;
    const ac_choice general = {ac_model_default(), NULL, 0};
    ac_settings how = {.choices = &general, .count = 1};
    int doubtful, series, status = general.model ? ac_are_series(array, data, &how, &series) : AC_ERROR_MEMORY;
    if (status) return status;
    status = ac_blanks_choose(array, data, &blanks, &filled, &doubtful);
    if (!status) status = ac_sheet_init(&sheet, array, filled ? filled : data);
    if (!status) {
        ac_plane_choice planes;
        status = series ? ac_planes_as_series(&sheet, &planes)
                        : ac_planes_choose(&sheet, array, ac_planes_together(&sheet.planes, NULL), ac_model_default(), 0, &planes);
        const size_t size = (size_t)(sheet.planes.height * sheet.planes.width);
        if (planes.left)
            memcpy(samples, planes.left, (size_t)sheet.count * sizeof *samples);
        else if (planes.each)
            for (uint64_t t = 0; t < planes.count; t++) ac_sheet_samples(&planes.each[t], 0, size, samples + t * size);
        else if (!status)
            ac_sheet_samples(&sheet, 0, (size_t)sheet.count, samples);
        const ac_width_choice widths = planes.each || are_steps ? (ac_width_choice){AC_NO_TABLE, 0} : ac_widths_of(&sheet, planes.left);
        *shift = widths.table == AC_NO_TABLE ? -1 : widths.shift;
        ac_plane_choice_free(&planes);
    }
    ac_sheet_free(&sheet);
    free(filled);
    return status;
}

int ac_array_samples(const ac_array *array, const void *data, uint16_t *samples, int32_t *shift)
{
    uint64_t elements;
    if (ac_array_count(array, &elements) || !elements || !data || !samples || !shift) return AC_ERROR_ARGUMENT;
    ac_array coded;
    const void *there;
    int32_t *steps = NULL;
    const uint64_t before = ac_float_state_standard();
    int status = find_coded(array, data, &coded, &there, &steps);
    if (!status) status = take_samples(&coded, there, steps != NULL, samples, shift);
    ac_float_state_back(before);
    free(steps);
    return status;
}

int ac_array_order(const ac_array *array, const void *data, int32_t *order)
{
    uint64_t elements;
    if (ac_array_count(array, &elements) || !elements || !data || !order) return AC_ERROR_ARGUMENT;
    const ac_choice general = {ac_model_default(), NULL, 0};
    if (!general.model) return AC_ERROR_MEMORY;
    ac_settings how = {.choices = &general, .count = 1};
    ac_array coded;
    const void *there;
    int32_t *steps = NULL;
    ac_axes axes;
    const uint64_t before = ac_float_state_standard();
    int turned = 0, series, status = find_coded(array, data, &coded, &there, &steps);
    if (!status) status = ac_choose_order(&coded, there, &how, &axes, &turned, &series);
    ac_float_state_back(before);
    free(steps);
    for (int i = 0; i < array->ndim; i++) order[i] = turned ? axes.of[i] : i;
    return status;
}
