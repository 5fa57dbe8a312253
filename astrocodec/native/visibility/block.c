#include "visibility/block.h"

#include "bytes.h"

#include <math.h>


enum { PARAMETERS = 1 + 8 + 8 + 4 };

static double double_at(const uint8_t *p)
{
    const uint64_t bits = ac_get_u64(p);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static int is_power_of_two(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return !(bits << 12);
}

int ac_block_read(ac_block *b, const uint8_t *p, size_t length, const ac_array *array, ac_refusal *why)
{
    const int is_integer = array->dtype >= AC_U1 && array->dtype <= AC_I4;
    *b = (ac_block){0};
    if (length != PARAMETERS) return ac_refuse(why, AC_REASON_PARAMETERS_LONG, 0, length, PARAMETERS);
    if (!is_integer && array->dtype != AC_C8 && array->dtype != AC_C16) return ac_refuse(why, AC_REASON_VISIBILITY_TYPE, 0, (uint64_t)array->dtype, 0);
    if (array->ndim != 4 + is_integer || (is_integer && array->shape[4] != 2) || !ac_array_size(array))
        return ac_refuse(why, AC_REASON_VISIBILITY_SHAPE, 0, (uint64_t)array->ndim, (uint64_t)(4 + is_integer));
    b->times = array->shape[0], b->baselines = array->shape[1], b->channels = array->shape[2], b->pols = array->shape[3];
    if (b->channels > AC_MAX_ROW || b->channels * b->pols > AC_MAX_ROW) return ac_refuse(why, AC_REASON_VISIBILITY_ROW, 0, b->channels, AC_MAX_ROW);
    b->dtype = array->dtype, b->number_size = ac_number_bytes(array->dtype);
    b->kind = p[0];
    b->base = double_at(p + 1), b->noise = double_at(p + 9), b->seed = ac_get_u32(p + 17);
    if (b->kind >= AC_KINDS || (is_integer && b->kind != AC_INTEGERS)) return ac_refuse(why, AC_REASON_VISIBILITY_KIND, 0, (uint64_t)b->kind, AC_KINDS - 1);
    /* Within these no product below leaves the range of a double. */
    if (!(b->base >= 0x1p-400 && b->base <= 0x1p400)) return ac_refuse(why, AC_REASON_VISIBILITY_FIELD, 1, 1, 0);
    if (!(b->noise >= 16 && b->noise <= 0x1p40)) return ac_refuse(why, AC_REASON_VISIBILITY_FIELD, 9, 9, 0);
    if (is_integer && b->base != (double)(int32_t)b->base) return ac_refuse(why, AC_REASON_VISIBILITY_FIELD, 1, 1, 0);
    if (b->kind == AC_FLOATS && !is_power_of_two(b->base)) return ac_refuse(why, AC_REASON_VISIBILITY_FIELD, 1, 1, 0);
    if (b->kind == AC_FLOATS && (b->seed & 255) > (b->number_size == 4 ? 22 : 51)) return ac_refuse(why, AC_REASON_VISIBILITY_FIELD, 17, 17, 0);
    if (b->kind == AC_FLOATS && b->seed > 255 && ((b->seed >> 8) < (b->number_size == 4 ? 1024 - 149 : 24) || (b->seed >> 8) > 1924)) return ac_refuse(why, AC_REASON_VISIBILITY_FIELD, 17, 17, 0);
    return AC_OK;
}
