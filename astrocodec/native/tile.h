/* Tile: one plane of 16-bit samples <-> bytes. docs/format.md section "Tile". */
#ifndef AC_TILE_H
#define AC_TILE_H

#include "wavefront.h"

enum { AC_MODE_CONSTANT = 0, AC_MODE_MODELLED = 1, AC_MODE_RAW = 2, AC_TILE_HEADER = 6, AC_STATES = 32 };

/* The samples of a tile with what stands outside its edges: rows -3.., columns -3..width+2. */
typedef struct {
    uint16_t *at; /* pixel (0, 0) */
    size_t stride;
    void *memory;
} ac_padded;

#endif
