#include "cuts.h"

static size_t write_axis(const ac_axis_cuts *cuts, uint8_t *out)
{
    size_t n = ac_put_varint(out, cuts->count);
    for (uint32_t i = 0; i < cuts->count; i++) n += ac_put_varint(out + n, cuts->at[i] - (i ? cuts->at[i - 1] : 0));
    return n;
}

size_t ac_cuts_write(const ac_cuts *cuts, uint8_t *out)
{
    const size_t n = write_axis(&cuts->rows, out);
    return n + write_axis(&cuts->columns, out + n);
}

static void read_axis(ac_reader *r, uint64_t length, ac_axis_cuts *cuts)
{
    const uint32_t count = (uint32_t)ac_take_varint(r, AC_MAX_CUTS);
    uint64_t at = 0;
    for (cuts->count = 0; cuts->count < count && !r->why.status; cuts->count++) {
        const size_t start = r->at;
        const uint64_t step = ac_take_varint(r, UINT64_MAX), most = length - 1 - at;
        if (!step || step > most) ac_fail_reader(r, AC_REASON_CUTS, start, step, most);
        cuts->at[cuts->count] = at += step;
    }
}

int ac_cuts_read(ac_reader *r, const ac_planes *planes, ac_cuts *cuts)
{
    read_axis(r, planes->height, &cuts->rows);
    read_axis(r, planes->width, &cuts->columns);
    if (r->at != r->length || !(cuts->rows.count + cuts->columns.count)) ac_fail_reader(r, AC_REASON_CUTS_LENGTH, r->at, r->length, r->at);
    return r->why.status;
}
