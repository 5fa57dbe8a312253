/* Chains: samples of planes <-> what is left of them once earlier planes have told what they can. docs/format.md section "Chains". */
#ifndef AC_CHAIN_H
#define AC_CHAIN_H

#include "planes.h"
#include "varint.h"

enum { AC_MAX_PLACES = 255, AC_MAX_CHAIN_LIMIT = 1 << 20, AC_CHAIN_BOUND = 3 * AC_MAX_VARINT + 3 + 2 * AC_MAX_PLACES };

/* By how much of an innovation level and slope change, in 1/256. */
typedef struct {
    int32_t level, slope;
} ac_gains;

typedef struct {
    uint64_t period;            /* planes of a chain; 0: all */
    int32_t base, limit, scale; /* docs/format.md names them so */
    int32_t first;              /* as ac_gains.level, of first planes */
    uint32_t place_count;
    ac_gains places[AC_MAX_PLACES];
} ac_chain;

size_t ac_chain_write(const ac_chain *chain, uint8_t *out);
/* The reader holds the section alone. */
int ac_chain_read(ac_reader *reader, const ac_planes *planes, ac_chain *chain);

/* The number of places and their gains, as sections hold them; the reader notes what is wrong. */
size_t ac_put_gains(uint8_t *out, const ac_chain *chain);
void ac_take_gains(ac_reader *reader, ac_chain *chain);

/* Samples that lie plane behind plane, `step` from one plane to the next, `length` of each. */
typedef struct {
    uint64_t planes, step, length;
} ac_stack;
/* What is left of samples; `left` may be `samples`, its planes are left_step apart. */
void ac_chain_apply(const ac_chain *chain, const ac_stack *stack, const uint16_t *samples, uint16_t *left, uint64_t left_step);
/* Undoes ac_chain_apply in place. */
void ac_chain_undo(const ac_chain *chain, const ac_stack *stack, uint16_t *samples);

/* Pixels that are taken through all planes at once: so many tasks, each of them. */
size_t ac_chain_tasks(const ac_planes *planes);
/* Undoes it for one task's pixels of whole planes. */
void ac_chain_undo_task(const ac_chain *chain, const ac_planes *planes, size_t task, uint16_t *samples);

#endif
