#include "stream.h"

int ac_run_tiles(const ac_parallel *parallel, ac_task task, void *work, ac_tile_bytes *tiles, size_t count)
{
    for (size_t i = 0; i < count; i++) tiles[i].status = AC_NOT_RUN;
    if (parallel && count > 1)
        parallel->run(parallel->pool, task, work, count);
    else
        for (size_t i = 0; i < count; i++) task(work, i);
    for (size_t i = 0; i < count; i++)
        if (tiles[i].status) return tiles[i].status == AC_NOT_RUN ? AC_ERROR_ARGUMENT : tiles[i].status;
    return AC_OK;
}
