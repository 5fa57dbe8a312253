/* Texts of failures: the last one of each thread, and each one once on stderr, since HDF5 passes no text of a filter on. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "hdf5/chunk.h"

enum { TEXT = 400, PRINTED = 64 };

static _Thread_local char last[TEXT];
/* Hashes of the messages that were printed; when all places are taken, nothing more is printed. */
static _Atomic uint32_t printed[PRINTED];

const char *ac_last_error(void) { return last; }

int ac_fail(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last, sizeof last, format, arguments);
    va_end(arguments);
    return status;
}

void ac_print_error(void)
{
    uint32_t hash = 2166136261u;
    for (const char *p = last; *p; p++) hash = (hash ^ (uint8_t)*p) * 16777619u;
    if (hash == 0) hash = 1;
    for (int i = 0; i < PRINTED; i++) {
        uint32_t found = 0;
        if (atomic_compare_exchange_strong(&printed[i], &found, hash)) {
            fprintf(stderr, "astrocodec: %s\n", last);
            return;
        }
        if (found == hash) return;
    }
}
