/* Noise of the blocks that planes are cut into, by second differences of their elements. docs/encoder.md section "Bounds". */
#ifndef AC_NOISE_BLOCKS_H
#define AC_NOISE_BLOCKS_H

#include "planes.h"

enum { AC_NOISE_BLOCK = 64 }; /* rows and columns of a block; those at the far edges have up to twice as many */

typedef struct {
    ac_planes planes;
    uint64_t down, across; /* blocks of a plane */
    double *noise;         /* of each block, plane by plane; NAN where too few elements count; owned */
} ac_noise_blocks;

/* Elements that are not finite, or have these bits or reach the saturation (NAN: none does), do not count. */
typedef struct {
    int has_blank;
    uint64_t blank;
    double saturation;
} ac_unused;
int ac_noise_measure(const ac_array *array, const void *data, const ac_unused *unused, ac_noise_blocks *out);
void ac_noise_free(ac_noise_blocks *blocks);
/* The noise that this share of the blocks does not exceed; 0 where none has any. */
int ac_noise_quantile(const ac_noise_blocks *blocks, double share, double *noise);
/* The noise of which a variance is the share that it is, in the mean, of those of the blocks; 0 where none has any. */
int ac_noise_mean(const ac_noise_blocks *blocks, double *noise);

#endif
