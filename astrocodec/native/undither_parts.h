/* What the files that undo fpack's dither share. docs/encoder.md section "Quantise". */
#ifndef AC_UNDITHER_PARTS_H
#define AC_UNDITHER_PARTS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* The FITS standard's random numbers, and where a tile begins among them. */
enum { AC_RANDOMS = 10000 };
typedef struct {
    float value[AC_RANDOMS];
    uint16_t start[AC_RANDOMS];       /* floor(500 * value) */
    uint16_t turn[AC_RANDOMS + 1100];  /* value in turns of 2^16, and room for what is behind the last */
} ac_dither;

/* Those of n numbers that are known not to be NaN or infinite, by value. */
enum { AC_MOST_SORTED = 1024 };
typedef struct {
    double x[AC_MOST_SORTED];   /* ascending, each once */
    uint16_t at[AC_MOST_SORTED]; /* where it stands */
    size_t count;
} ac_sorted;
/* Of every `stride`-th of n numbers, AC_MOST_SORTED at most. */
void ac_undither_sort(const double *x, size_t n, size_t stride, ac_sorted *sorted);

/* Where in the random numbers these may begin, best first: how many of at most `most`. */
size_t ac_undither_starts(const ac_dither *dither, const ac_sorted *sorted, uint16_t *starts, size_t most);

/* A line through pixels: x = (k - r + 0.5) * scale + zero, near enough to tell the k. */
typedef struct {
    double scale, zero;
    size_t within; /* pixels that are on it */
} ac_dithered_line;
/* By numbers and their r alone: 0 where none is seen. */
int ac_undither_line(const double *x, const float *r, size_t n, ac_dithered_line *line);

enum { AC_DITHERED_ROOM = 40 };
/* A tile's pixels that are no NaN, no infinity and, with dither 2, not 0. */
typedef struct {
    const double *x;
    const float *r; /* 0.5 where there is no dither */
    size_t n;
    int is_double;
    uint32_t kind; /* of scale and zero: what the tile before had */
    void *room;    /* AC_DITHERED_ROOM bytes a pixel */
} ac_dithered_tile;
/* Scale and zero that prove the most pixels; returns how many they do not prove. */
size_t ac_undither_tile(ac_dithered_tile *tile, const ac_dithered_line *line, ac_dithered_line *found);
double ac_undither_step(const ac_dithered_tile *tile, size_t i, double scale, double zero);
int ac_undither_proves(const ac_dithered_tile *tile, size_t i, double scale, double zero);

#endif
