/* What is wrong with an input: the reasons, and the text of each in one place. */
#ifndef AC_FAULT_H
#define AC_FAULT_H

#include "astrocodec.h"

typedef enum {
    AC_REASON_NONE,
    /* anywhere */
    AC_REASON_CUT,
    AC_REASON_NUMBER,
    /* stream */
    AC_REASON_MAGIC,
    AC_REASON_STREAM_VERSION,
    AC_REASON_DTYPE,
    AC_REASON_CHECKSUM_KIND,
    AC_REASON_AXES,
    AC_REASON_ELEMENTS,
    AC_REASON_STORED_CUT,
    AC_REASON_STORED_LONG,
    AC_REASON_TOO_MANY,
    AC_REASON_CHECKSUM,
    AC_REASON_BYTES_CHECKSUM,
    /* sections */
    AC_REASON_SECTION_ORDER,
    AC_REASON_SECTION_BIT,
    AC_REASON_SECTION_LONG,
    AC_REASON_SECTION_UNKNOWN,
    AC_REASON_SECTION_RESERVED,
    AC_REASON_CODEC,
    AC_REASON_FOREIGN,
    /* model */
    AC_REASON_MODEL,
    AC_REASON_MODEL_OTHER,
    AC_REASON_NO_MODEL,
    /* parameters of the causal codec */
    AC_REASON_PARAMETERS_LONG,
    AC_REASON_EMPTY,
    AC_REASON_MAP_KIND,
    AC_REASON_MAP_OF_TYPE,
    AC_REASON_MAP_GAPS,
    AC_REASON_SET,
    AC_REASON_LOW_BITS,
    AC_REASON_PIECE_SHAPE,
    /* pieces */
    AC_REASON_PIECES_CUT,
    AC_REASON_PIECES_LONG,
    AC_REASON_BIT_PLANE_MODE,
    AC_REASON_BIT_PLANE_PADDING,
    AC_REASON_MODE,
    AC_REASON_PIECE_LENGTH,
    AC_REASON_STATES,
    AC_REASON_AMPLITUDE,
    AC_REASON_STATE,
    AC_REASON_WORDS,
    AC_REASON_LAST_STATE,
    AC_REASON_WORDS_LEFT,
    AC_REASON_TABLE,
    AC_REASON_OUTSIDE_SET,
    AC_REASON_VALUE,
    /* chunks of HDF5 */
    AC_REASON_VALUES_VERSION,
    AC_REASON_VALUES_COUNT,
    AC_REASON_VALUES_CHECKSUM,
    AC_REASON_VALUES,
    AC_REASON_VALUES_MODEL,
    AC_REASON_VALUES_BASE,
    AC_REASON_CHUNK_SIZE,
    AC_REASON_CHUNK_TYPE,
    AC_REASONS
} ac_reason;

/* The part of an ac_fault that the stages fill in; `at` counts from where the stage's own bytes begin. */
typedef struct {
    int32_t status, reason;
    uint64_t at, found, allowed;
} ac_refusal;

int ac_status_of(int reason);
/* The first refusal is kept. Returns the status. */
static inline int ac_refuse(ac_refusal *why, int reason, uint64_t at, uint64_t found, uint64_t allowed)
{
    if (!why->status) *why = (ac_refusal){ac_status_of(reason), reason, at, found, allowed};
    return why->status;
}
/* Takes a refusal over, its bytes `origin` into the stream. NULL: nobody asks. Returns the status. */
int ac_fault_take(ac_fault *fault, const ac_refusal *why, uint64_t origin);
/* A failure without a reason: the status says all. */
int ac_fault_plain(ac_fault *fault, int status);

#endif
