/* An open stream: what its sections say, and where its pieces are. */
#ifndef AC_STREAM_OPEN_H
#define AC_STREAM_OPEN_H

#include "axes.h"
#include "blanks.h"
#include "chain.h"
#include "cuts.h"
#include "loss.h"
#include "outside.h"
#include "quantise.h"
#include "series.h"
#include "split.h"
#include "stream.h"
#include "visibility/flags.h"

/* Where the parts of a stream are; `stream`, `length` and `fault` are given. */
typedef struct {
    const uint8_t *stream;
    size_t length;
    ac_header header;
    int is_quantised;     /* whether `quantised` holds */
    ac_quantised quantised;
    ac_array coded;       /* the array, or its steps */
    int is_turned;        /* whether `axes` holds */
    ac_axes axes;
    ac_array array;       /* what is coded, in the order of axes in which it is */
    ac_causal causal;     /* of a stream of this codec, as the grid, the chain and the series */
    ac_grid grid;
    int is_chain;         /* whether `chain` holds for the planes */
    ac_chain chain;
    int is_series;        /* whether `series` holds for the rows */
    ac_series series;
    int is_beside;        /* whether `outside` holds */
    ac_outside outside;
    ac_span inner;        /* stream of the reference, where it goes along */
    ac_blanks blanks;     /* none where there is no mask */
    ac_plane_maps maps;   /* none where all planes have that of the parameters */
    size_t piece_count;
    ac_flags flags;       /* of a stream of this codec */
    ac_span data, pieces; /* without the checksum; without `inner` */
    int is_read;          /* all that precedes the data, the parameters of a codec of ours too */
    ac_fault *fault;
} ac_opened;

typedef struct {
    ac_span bytes;
    ac_refusal why;
} ac_coded_piece;

/* Reads all that precedes the data, and checks that so many bytes can hold such an array. To be freed, also after a failure. */
int ac_opened_read(ac_opened *s);
void ac_opened_free(ac_opened *s);
/* Steps over the pieces; where `pieces` is not NULL it learns where they are. */
int ac_opened_pieces(ac_opened *s, ac_coded_piece *pieces);

/* Fills in the fault, and returns its status; `origin` is where the part begins in the stream. */
int ac_opened_refuse(ac_opened *s, int reason, uint64_t at, uint64_t found, uint64_t allowed);
int ac_opened_refuse_in(ac_opened *s, int part, uint64_t index, const ac_refusal *why, uint64_t origin);
int ac_opened_refuse_piece(ac_opened *s, size_t index, const ac_refusal *why, uint64_t origin);

#endif
