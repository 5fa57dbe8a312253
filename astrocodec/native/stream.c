#include "stream.h"

void ac_run(const ac_parallel *parallel, ac_task task, void *work, size_t count)
{
    if (parallel && count > 1)
        parallel->run(parallel->pool, task, work, count);
    else
        for (size_t i = 0; i < count; i++) task(work, i);
}
