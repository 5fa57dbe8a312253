/* What encoding and decoding of streams share: the pieces as tasks. */
#ifndef AC_STREAM_H
#define AC_STREAM_H

#include "causal.h"
#include "header.h"

enum { AC_NOT_RUN = -1 }; /* status of a piece before its task */

/* Runs the tasks 0 ... count - 1; which of them were run the tasks note themselves. */
static inline void ac_run(const ac_parallel *parallel, ac_task task, void *work, size_t count)
{
    if (parallel && count > 1)
        parallel->run(parallel->pool, task, work, count); /* in threads that have the state of floats that the process gave them */
    else
        for (size_t i = 0; i < count; i++) task(work, i);
}

#endif
