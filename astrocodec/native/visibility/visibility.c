/* Visibilities: blocks of [time, baseline, channel, polarisation] <-> the parameters and data of codec 96. docs/format.md section "Visibilities". */
#include <stdlib.h>
#include <string.h>

#include "float_state.h"
#include "visibility/float_group.h"
#include "visibility/group.h"

/* A group's bytes, or why there are none. */
typedef struct {
    uint8_t *data;
    size_t length;
} piece;

typedef struct {
    ac_block block;
    ac_steps steps;
    const void *values;
    const uint8_t *classes;
    void *decoded;
    int how;
    piece *pieces;
} encoding;

static void encode_group(void *work, size_t index)
{
    const encoding *const e = work;
    const uint64_t size = ac_group_size(&e->block), first = index * size;
    const ac_group group = {&e->block, e->block.kind == AC_FLOATS ? NULL : &e->steps, first, ac_smaller(size, e->block.baselines - first)};
    piece *const made = e->pieces + index;
    const int how = e->block.pols > AC_MOST_PREDICTED_POLS ? AC_ONLY_PLAIN : e->how;
    const uint64_t before = ac_float_state_standard();
    if (e->block.kind == AC_FLOATS)
        made->data = ac_float_group_encode(&group, e->values, e->classes, how != AC_ONLY_PLAIN, &made->length);
    else
        made->data = ac_group_encode(&group, e->values, e->classes, how, e->decoded, &made->length);
    ac_float_state_back(before);
}

static int write_out(const encoding *e, const uint8_t *steps, size_t steps_length, size_t groups, const ac_output *output)
{
    const int has_steps = e->block.kind != AC_FLOATS;
    size_t length = has_steps ? ac_varint_size(steps_length) + steps_length : 0;
    for (size_t i = 0; i < groups; i++) {
        if (!e->pieces[i].data) return AC_ERROR_MEMORY;
        length += ac_varint_size(e->pieces[i].length) + e->pieces[i].length;
    }
    if (ac_block_samples(&e->block) / AC_SAMPLES_A_BYTE > length) return AC_ERROR_SPACE;
    uint8_t *out = output->take(output->owner, length);
    if (!out) return AC_ERROR_MEMORY;
    if (has_steps) {
        out += ac_put_varint(out, steps_length);
        memcpy(out, steps, steps_length);
        out += steps_length;
    }
    for (size_t i = 0; i < groups; i++) {
        out += ac_put_varint(out, e->pieces[i].length);
        memcpy(out, e->pieces[i].data, e->pieces[i].length);
        out += e->pieces[i].length;
    }
    return AC_OK;
}

int ac_visibility_encode(const uint8_t *parameters, size_t parameters_length, const ac_array *array, const void *values, const uint8_t *classes,
                         const int16_t *of_baselines, const int16_t *of_channels, int how, void *decoded, const ac_parallel *parallel, const ac_output *output)
{
    ac_refusal why = {0};
    encoding e = {.values = values, .classes = classes, .how = how, .decoded = decoded};
    if (!output || how < AC_TRY_ALL || how > AC_ONLY_MIXED || ac_block_read(&e.block, parameters, parameters_length, array, &why)) return AC_ERROR_ARGUMENT;
    const ac_block *const b = &e.block;
    const uint64_t size = ac_group_size(b);
    const size_t groups = (size_t)((b->baselines + size - 1) / size);
    size_t steps_length = 0;
    uint8_t *steps = NULL;
    int status = ac_steps_take(&e.steps, b);
    e.pieces = calloc(groups, sizeof *e.pieces);
    if (!e.pieces) status = AC_ERROR_MEMORY;
    for (uint64_t i = 0; !status && of_baselines && i < b->baselines * b->pols; i++) e.steps.of_baseline[i] = of_baselines[i];
    for (uint64_t i = 0; !status && of_channels && i < b->channels * b->pols; i++) e.steps.of_channel[i] = of_channels[i];
    if (b->kind == AC_FLOATS && decoded) memcpy(decoded, values, ac_block_samples(b) * 2 * b->number_size);
    if (b->kind != AC_FLOATS && !status && !(steps = ac_steps_pack(&e.steps, b, &steps_length))) status = AC_ERROR_MEMORY;
    if (!status && parallel)
        parallel->run(parallel->pool, encode_group, &e, groups);
    else if (!status)
        for (size_t i = 0; i < groups; i++) encode_group(&e, i);
    if (!status) status = write_out(&e, steps, steps_length, groups, output);
    for (size_t i = 0; e.pieces && i < groups; i++) free(e.pieces[i].data);
    free(e.pieces), free(steps);
    ac_steps_free(&e.steps);
    return status;
}

static int decode_groups(const ac_block *b, const ac_steps *steps, ac_reader *r, void *out)
{
    const uint64_t size = ac_group_size(b);
    ac_distances *const tables = malloc(AC_VIS_SHAPES * sizeof *tables);
    uint32_t made = 0;
    int status = tables ? AC_OK : AC_ERROR_MEMORY;
    for (uint64_t first = 0; first < b->baselines && !status; first += size) {
        const uint64_t length = ac_take_varint(r, UINT64_MAX);
        const size_t at = r->at;
        const uint8_t *const data = ac_take(r, length);
        if (!data) break;
        const ac_group group = {b, b->kind == AC_FLOATS ? NULL : steps, first, ac_smaller(size, b->baselines - first)};
        ac_refusal why = {0};
        status = (group.steps ? ac_group_decode : ac_float_group_decode)(&group, data, (size_t)length, tables, &made, out, &why);
        why.at += at;
        if (why.status) r->why = why;
    }
    free(tables);
    return status ? status : r->why.status;
}

int ac_visibility_decode(const uint8_t *parameters, size_t parameters_length, const uint8_t *data, size_t length, const ac_array *array, void *out, size_t capacity, ac_fault *fault)
{
    ac_refusal why = {0};
    ac_block b;
    ac_steps steps = {0};
    ac_reader r = {data, length, 0, {0}};
    if (fault) *fault = (ac_fault){.part = AC_IN_STREAM};
    if (ac_array_size(array) > capacity) return ac_fault_plain(fault, AC_ERROR_SPACE);
    if (ac_block_read(&b, parameters, parameters_length, array, &why)) return ac_fault_take(fault, &why, 0);
    const uint64_t samples = ac_block_samples(&b);
    if (b.kind == AC_FLOATS && !length && samples <= AC_MOST_ZERO) {
        memset(out, 0, ac_array_size(array));
        return AC_OK;
    }
    if (samples / AC_SAMPLES_A_BYTE > length) ac_refuse(&r.why, AC_REASON_TOO_MANY, 0, samples, length);
    const uint64_t steps_length = b.kind == AC_FLOATS ? 0 : ac_take_varint(&r, UINT64_MAX);
    const uint8_t *const packed = ac_take(&r, steps_length);
    if (r.why.status) return ac_fault_take(fault, &r.why, 0);
    int status = ac_steps_take(&steps, &b);
    if (!status && b.kind != AC_FLOATS) status = ac_steps_read(&steps, &b, packed, (size_t)steps_length, &r.why);
    const uint64_t before = ac_float_state_standard();
    if (!status) status = decode_groups(&b, &steps, &r, out);
    ac_float_state_back(before);
    if (!status && r.at < length) status = ac_refuse(&r.why, AC_REASON_PIECES_LONG, r.at, length - r.at, 0);
    ac_steps_free(&steps);
    return r.why.status ? ac_fault_take(fault, &r.why, 0) : ac_fault_plain(fault, status);
}
