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
/* Whether ranks among the ascending values save more than listing the values costs. */
int ac_set_pays(const uint64_t *values, uint32_t n, const uint32_t *counts);
/* The distances, or how many times the last other one each is. Room for ac_set_bound(n) bytes; returns how many were written. */
static inline size_t ac_set_bound(uint32_t n) { return 18 * (size_t)n + 2; }
size_t ac_set_pack(const uint64_t *values, uint32_t n, uint8_t *out);
/* 0 where the bytes are none of n ascending values below 2^62. */
int ac_set_unpack(const uint8_t *data, size_t length, uint64_t *values, uint32_t n);

#endif
