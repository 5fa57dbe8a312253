/* The loops over a piece, the same for all kernels. Included last in a kernel's source. */
#include "kernels/trellis_lanes.h"

#ifndef DECODE_WIDTHS
#define DECODE_WIDTHS decode_widths
#define RECORD_WIDTHS record_widths
#define PUSH_SHARES push_shares
#endif

static void record_trellis(ac_lanes *a, uint32_t first, ac_records *out)
{
    _Alignas(64) uint16_t n[AC_GROUP];
    ac_halve_window(ac_lanes_samples(a, first), n);
    record_group(a, first, n, out);
}

static const uint8_t *decode_trellis(ac_lanes *a, uint32_t first, const uint8_t *next, uint32_t states, uint32_t *state)
{
    next = decode_group(a, first, next, states, state);
    ac_double_window(a, first);
    return next;
}

static void record(ac_lanes *a, const uint16_t *samples, size_t stride, ac_records *out)
{
    void (*const predict_group)(ac_lanes *, uint32_t) = a->model->hidden == 16 ? predict_group_16 : predict_group_32;
    arrange_weights(a);
    while (a->step < a->wave.steps) {
        fill_window(a, samples, stride);
        const uint32_t end = a->wave.steps - a->block < AC_BLOCK ? a->wave.steps : a->block + AC_BLOCK;
        while (a->step < end) {
            ac_lanes_begin_step(a);
            for (uint32_t first = 0; first < a->wave.lanes; first += AC_GROUP) {
                if (!a->active_count[first / AC_GROUP]) {
                    ac_lanes_idle(a, first, 0);
                    continue;
                }
                if (a->has_trellis) ac_grids_of_window(a, first);
                predict_group(a, first);
                if (a->has_trellis)
                    record_trellis(a, first, out);
                else if (a->widths)
                    RECORD_WIDTHS(a, first, out);
                else
                    record_group(a, first, ac_lanes_samples(a, first), out);
                update_group(a, first);
            }
            ac_lanes_end_step(a);
        }
        ac_lanes_next_block(a);
    }
}

static int decode(ac_lanes *a, ac_words *words, uint32_t states, uint32_t *state, uint16_t *samples, size_t stride)
{
    void (*const predict_group)(ac_lanes *, uint32_t) = a->model->hidden == 16 ? predict_group_16 : predict_group_32;
    arrange_weights(a);
    while (a->step < a->wave.steps) {
        const uint32_t end = a->wave.steps - a->block < AC_BLOCK ? a->wave.steps : a->block + AC_BLOCK;
        while (a->step < end) {
            ac_lanes_begin_step(a);
            for (uint32_t first = 0; first < a->wave.lanes; first += AC_GROUP) {
                if (!a->active_count[first / AC_GROUP]) {
                    ac_lanes_idle(a, first, 1);
                    continue;
                }
                predict_group(a, first);
                ac_words_prepare(words);
                words->next = (a->has_trellis ? decode_trellis : a->widths ? DECODE_WIDTHS : decode_group)(a, first, words->next, states, state);
                if (words->next > words->end) return AC_ERROR_TRUNCATED;
                update_group(a, first);
            }
            ac_lanes_pad_left(a);
            ac_lanes_end_step(a);
        }
        drain_window(a, samples, stride);
        ac_lanes_next_block(a);
    }
    return AC_OK;
}

static uint16_t *push_any(const ac_records *records, uint32_t states, uint32_t *state, uint16_t *end)
{
    return (records->have_shares ? PUSH_SHARES : push)(records, states, state, end);
}

const ac_kernel KERNEL = {record, push_any, decode};
