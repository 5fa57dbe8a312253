/* What encoding and decoding of streams share: the pieces as tasks. */
#ifndef AC_STREAM_H
#define AC_STREAM_H

#include "causal.h"
#include "header.h"

enum { AC_NOT_RUN = -1 }; /* status of a piece before its task */

/* Runs the tasks 0 ... count - 1; which of them were run the tasks note themselves. */
void ac_run(const ac_parallel *parallel, ac_task task, void *work, size_t count);

#endif
