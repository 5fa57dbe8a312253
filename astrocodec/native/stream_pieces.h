/* The pieces of a stream that is being encoded. */
#ifndef AC_STREAM_PIECES_H
#define AC_STREAM_PIECES_H

#include "plane_choice.h"
#include "stream_encode.h"

typedef struct {
    uint8_t *bytes;
    size_t length;
} ac_coded_span;

/* A piece with each of the models. */
typedef struct {
    int status;
    ac_coded_span mask, low; /* its mask of blanks and its low bits, which all share */
    ac_coded_span coded[];
} ac_coded_piece;

typedef struct {
    const ac_sheet *sheet;
    const ac_plane_choice *planes;
    ac_span chain; /* its section; no bytes where there is none */
    const ac_choice *choices;
    size_t choice_count, piece_count, piece_size;
    ac_grid grid;
    int flags;
    uint8_t *pieces; /* piece_size bytes each */
    ac_coded_span parameters, cuts; /* what sections hold; no bytes of cuts where there are none */
    ac_span blank_values;           /* likewise */
    ac_blanks blanks;               /* the sheet has other numbers in their place */
    const ac_source *source;
    const ac_original *original; /* or NULL */
} ac_encoding;

static inline ac_coded_piece *ac_coded_piece_at(const ac_encoding *e, size_t index) { return (ac_coded_piece *)(e->pieces + index * e->piece_size); }
/* Codes all pieces of the grid. */
int ac_encode_pieces(ac_encoding *e, const ac_parallel *parallel);
void ac_free_encoding(ac_encoding *e);

#endif
