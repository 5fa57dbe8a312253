/* Which values an image uses: a lattice v = (k * step + phase) >> 32, or an explicit set. docs/format.md section "Pixels". */
#ifndef AC_VALUESET_H
#define AC_VALUESET_H

#include "astrocodec.h"

typedef struct {
    uint64_t step, phase; /* in units of 2^-32 */
} ac_lattice;

/* A lattice that holds all of the ascending values: 1 if there is one. Out of memory counts as none. */
int ac_lattice_fit(const uint16_t *values, uint32_t n, ac_lattice *out);
/* Index of a value that the lattice holds. */
static inline uint64_t ac_lattice_index(ac_lattice l, uint32_t value) { return (((uint64_t)value << 32) + UINT32_MAX - l.phase) / l.step; }

/* About 512 times the bits that ranks among the ascending values save; counts: how often each occurs. */
uint64_t ac_set_saves(const uint64_t *values, uint32_t n, const uint32_t *counts);
/* Whether that is more than a set of so many bytes costs, for so many numbers. */
static inline int ac_set_pays(uint64_t saved, uint64_t numbers, size_t size) { return 50 * saved > 512 * numbers && saved > 2 * 512 * 8 * (uint64_t)size; }
/* Ascending values, the first of which is 0, coded by what their distances are multiples of; NULL without memory. */
uint8_t *ac_set_pack(const uint64_t *values, uint32_t n, size_t *length);
/* 0 where the bytes are none of n ascending values below 2^64. */
int ac_set_unpack(const uint8_t *data, size_t length, uint64_t *values, uint32_t n);

#endif
