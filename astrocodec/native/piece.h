/* Piece: one plane of 16-bit samples <-> bytes. docs/format.md section "Piece". */
#ifndef AC_PIECE_H
#define AC_PIECE_H

#include "fault.h"
#include "kernels/kernel.h"

enum { AC_MODE_CONSTANT = 0, AC_MODE_MODELLED = 1, AC_MODE_RAW = 2, AC_MODE_WIDTHS = 4, AC_PIECE_HEADER = 8, AC_WIDTHS_HEADER = 10, AC_STATES = 32 };

/* ac_piece_decode, whose arguments are right. */
int ac_piece_decode_or_say(const ac_model *model, const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width, size_t stride,
                          int simd, ac_refusal *why);
/* What the header of a modelled piece says of code widths. */
static inline ac_width_choice ac_piece_widths(const uint8_t *in)
{
    return in[0] == AC_MODE_WIDTHS ? (ac_width_choice){in[8], in[9]} : (ac_width_choice){AC_NO_TABLE, 0};
}
/* What stands above the piece: the median of 64 samples of the first row, and about their mean deviation; and the floor
 * from which signal counts: the ninth smallest of 256 samples of the whole piece. */
ac_start ac_choose_start(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride);

/* The records of a piece, in one piece of memory with the lanes that they come from and with `room`, for the caller, whose bytes are a multiple
 * of 64. `memory` is to be freed. */
typedef struct {
    uint8_t *memory, *room;
    ac_records records;
} ac_recording;
int ac_piece_record(const ac_kernel *kernel, const ac_model *model, ac_width_choice widths, const uint16_t *samples, uint32_t height, uint32_t width,
                    size_t stride, ac_start start, size_t room, ac_recording *out);

#endif
