/* Piece: one plane of 16-bit samples <-> bytes. docs/format.md section "Piece". */
#ifndef AC_PIECE_H
#define AC_PIECE_H

#include "fault.h"
#include "kernels/kernel.h"

enum { AC_MODE_CONSTANT = 0, AC_MODE_MODELLED = 1, AC_MODE_RAW = 2, AC_MODE_WIDTHS = 4, AC_MODE_TRELLIS = 6, AC_STATES = 32 };

/* ac_piece_decode, whose arguments are right. */
int ac_piece_decode_or_say(const ac_model *model, const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride,
                          int simd, ac_refusal *why);
/* How a modelled piece is coded: at most one of code widths and a trellis. */
typedef struct {
    ac_width_choice widths;
    int odd; /* of the trellis, or AC_NO_TRELLIS */
} ac_modelling;
enum { AC_NO_TRELLIS = -1 };

static inline int ac_is_modelled(uint8_t mode) { return mode == AC_MODE_MODELLED || mode == AC_MODE_WIDTHS || mode == AC_MODE_TRELLIS; }
/* Bytes before the states */
static inline uint32_t ac_piece_header(uint8_t mode) { return mode == AC_MODE_WIDTHS ? 10 : mode == AC_MODE_TRELLIS ? 9 : 8; }
/* What the header of a modelled piece says. */
static inline ac_modelling ac_piece_modelling(const uint8_t *in)
{
    ac_modelling how = {{AC_NO_TABLE, 0}, AC_NO_TRELLIS};
    if (in[0] == AC_MODE_WIDTHS) how.widths = (ac_width_choice){in[8], in[9]};
    if (in[0] == AC_MODE_TRELLIS) how.odd = in[8];
    return how;
}
/* 2 n + p of samples n, without gaps between rows. */
void ac_piece_doubled(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, int odd, uint16_t *out);
/* What stands above the piece: the median of 64 samples of the first row, and about their mean deviation; and the floor
 * from which signal counts: the ninth smallest of 256 samples of the whole piece. */
ac_start ac_choose_start(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride);

/* The records of a piece, with a trellis of its samples' 2 n + p, in one piece of memory with the lanes that they come from and with `room`, for the caller, whose bytes are a multiple
 * of 64. `memory` is to be freed. */
typedef struct {
    uint8_t *memory, *room;
    ac_records records;
} ac_recording;
int ac_piece_record(const ac_kernel *kernel, const ac_model *model, ac_modelling how, const uint16_t *samples, uint32_t height, uint32_t width,
                    size_t stride, ac_start start, size_t room, ac_recording *out);

#endif
