/* Kernel: what every instruction set provides; piece.c does the rest. */
#ifndef AC_KERNEL_H
#define AC_KERNEL_H

#include "kernels/lanes.h"
#include "rans.h"

/* What the encoder's first pass leaves for the rANS pass, which runs backwards: one entry per group with pixels. */
typedef struct {
    uint32_t *pairs; /* AC_GROUP per group: cumulative frequency below the symbol | that above it << 16 */
    uint32_t *raws;  /* AC_GROUP per group that has raw bits: raw | bits << 16; with code widths also | share << 24 */
    uint8_t *has_raws;
    size_t groups, raw_groups;
    int have_shares; /* code widths were used: raw is the start of a share of 2^bits, 1 of those that are raw bits */
} ac_records;

/* Words left to decode. Near the end they move to a buffer with room behind, so that groups need no check of their own. */
enum { AC_WORDS_MARGIN = 4 * AC_GROUP + 64 }; /* bytes that decoding a group may read */
typedef struct {
    const uint8_t *next, *end;
    int in_tail;
    uint8_t tail[2 * AC_WORDS_MARGIN];
} ac_words;

static inline void ac_words_prepare(ac_words *w)
{
    const size_t left = (size_t)(w->end - w->next);
    if (left >= AC_WORDS_MARGIN || w->in_tail) return;
    memset(w->tail, 0, sizeof w->tail);
    memcpy(w->tail, w->next, left);
    w->next = w->tail;
    w->end = w->tail + left;
    w->in_tail = 1;
}

typedef struct {
    void (*record)(ac_lanes *lanes, const uint16_t *samples, size_t stride, ac_records *records);
    /* Returns the first of the words written before `end`. Has 32 places for states whatever their number. */
    uint16_t *(*push)(const ac_records *records, uint32_t states, uint32_t *state, uint16_t *end);
    /* AC_ERROR_TRUNCATED when words run out; checks no final states. */
    int (*decode)(ac_lanes *lanes, ac_words *words, uint32_t states, uint32_t *state, uint16_t *samples, size_t stride);
} ac_kernel;

extern const ac_kernel ac_kernel_portable;
#if defined(__x86_64__)
extern const ac_kernel ac_kernel_avx2, ac_kernel_avxvnni, ac_kernel_avx512;
#elif defined(__aarch64__) && !defined(__AARCH64EB__)
extern const ac_kernel ac_kernel_neon, ac_kernel_neondot;
#endif

const ac_kernel *ac_kernel_of(int simd); /* 0: no such level here */

#endif
