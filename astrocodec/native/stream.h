/* What encoding and decoding of streams share: the tiles as tasks. */
#ifndef AC_STREAM_H
#define AC_STREAM_H

#include "header.h"

/* Bytes of one tile, and how it went. */
typedef struct {
    uint8_t *bytes; /* the encoder's own, the decoder's within the stream */
    size_t length;
    int status;
} ac_tile_bytes;

enum { AC_NOT_RUN = -1 }; /* status of a tile before its task */

/* Runs all tasks, then gives the status of the first tile that failed. */
int ac_run_tiles(const ac_parallel *parallel, ac_task task, void *work, ac_tile_bytes *tiles, size_t count);

#endif
