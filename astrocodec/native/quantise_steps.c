#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quantise_runs.h"

enum { LOOKED_AT = 1024 };

/* Bits of a float. */
static uint64_t get_bits(const ac_run *r, const ac_run_elements *from, size_t i)
{
    uint32_t low;
    uint64_t bits;
    memcpy(&low, from->f4 + i, sizeof low);
    memcpy(&bits, from->f8 + i, sizeof bits);
    return r->dtype == AC_F4 ? low : bits;
}

typedef struct {
    ac_quantised *quantised;
    const uint8_t *data;
    int32_t *steps, last;
    uint64_t room; /* for exceptions */
} finding;

int ac_exception_add(ac_quantised *q, uint64_t *room, uint64_t at, uint64_t bits)
{
    ac_exception *before = q->exception_count ? q->exceptions + q->exception_count - 1 : NULL;
    if (before && before->bits == bits && before->first + before->length == at) {
        before->length++;
        return AC_OK;
    }
    if (q->exception_count == AC_MAX_EXCEPTIONS) return AC_ERROR_SPACE;
    if (q->exception_count == *room) {
        const uint64_t wanted = 2 * *room + 64;
        ac_exception *more = realloc(q->exceptions, (size_t)wanted * sizeof *more);
        if (!more) return AC_ERROR_MEMORY;
        q->exceptions = more, *room = wanted;
    }
    q->exceptions[q->exception_count++] = (ac_exception){at, 1, bits};
    return AC_OK;
}

static int is_meant(const ac_quantised *q, int32_t step) { return (q->has_null && step == q->null_step) || (q->dither == AC_DITHER_2 && step == AC_ZERO_STEP); }

static int find_there(void *work, const ac_run *r)
{
    finding *f = work;
    const ac_quantised *q = r->quantised;
    const size_t item = ac_number_bytes(r->dtype);
    int32_t *steps = f->steps + r->first;
    ac_run_elements given, again;
    memcpy(&given, f->data + r->first * item, r->count * item);
    for (size_t i = 0; i < r->count; i++) {
        const double v = r->dtype == AC_F4 ? given.f4[i] : given.f8[i];
        const uint64_t bits = get_bits(r, &given, i);
        if (q->has_null && bits == q->null_bits)
            steps[i] = q->null_step;
        else if (q->dither == AC_DITHER_2 && !bits)
            steps[i] = AC_ZERO_STEP;
        else
            steps[i] = ac_run_step(r, v, i);
    }
    ac_run_restore(r, steps, NULL, &again);
    for (size_t i = 0; i < r->count; i++) {
        const uint64_t bits = get_bits(r, &given, i);
        if (bits == get_bits(r, &again, i)) {
            if (!is_meant(q, steps[i])) f->last = steps[i];
            continue;
        }
        steps[i] = f->last;
        const int status = ac_exception_add(f->quantised, &f->room, r->first + i, bits);
        if (status) return status;
    }
    return AC_OK;
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The middle one of some elements, as a float; 0 where none is finite. */
static float level_of(const ac_array *array, const void *data, uint64_t count)
{
    float some[LOOKED_AT];
    size_t n = 0;
    for (uint64_t i = 0; i < count; i += count / LOOKED_AT + 1) {
        const float v = array->dtype == AC_F4 ? ((const float *)data)[i] : (float)((const double *)data)[i];
        if (isfinite(v)) some[n++] = v;
    }
    qsort(some, n, sizeof *some, compare);
    return n ? some[n / 2] + 0.0f : 0; /* of both zeros the positive one */
}

int ac_quantise_steps(ac_quantised *q, const ac_array *array, const void *data, int32_t *steps)
{
    uint64_t count;
    if (ac_array_count(array, &count) || !count) return AC_ERROR_ARGUMENT;
    finding f = {q, data, steps, 0, 0};
    free(q->exceptions);
    q->exceptions = NULL, q->exception_count = 0;
    q->level = level_of(array, data, count);
    ac_quantise_base(q);
    return ac_quantise_visit(q, array, find_there, &f);
}
