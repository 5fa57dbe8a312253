/* What the files that undo fpack's dither share. docs/encoder.md section "Quantise". */
#ifndef AC_UNDITHER_PARTS_H
#define AC_UNDITHER_PARTS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "quantise.h"

/* Random numbers as turns of 2^8, with room for what would be behind the last. */
enum { AC_TURNS = AC_SEEDS + 1100 };
void ac_undither_turns(uint8_t *turns);

/* Those of n numbers that are known not to be NaN or infinite, by value. */
enum { AC_MOST_SORTED = 1024 };
typedef struct {
    double x[AC_MOST_SORTED];   /* ascending, each once */
    uint16_t at[AC_MOST_SORTED]; /* where it stands */
    size_t count;
} ac_sorted;
/* Of every `stride`-th of n numbers, AC_MOST_SORTED at most. */
void ac_undither_sort(const double *x, size_t n, size_t stride, ac_sorted *sorted);

/* Where in the random numbers these may begin, best first: how many of at most `most`, which is 8 or less. */
size_t ac_undither_starts(const uint8_t *turns, const ac_sorted *sorted, uint16_t *starts, size_t most);

/* A line through pixels: x = (k - r + 0.5) * scale + zero, near enough to tell the k. */
typedef struct {
    double scale, zero;
    size_t within; /* pixels that are on it */
} ac_dithered_line;
/* By numbers and their r alone, which are 0.5 without dither: 0 where none is seen. A scale that is expected comes in the line, or 0. */
int ac_undither_line(const double *x, const float *r, size_t n, int is_dithered, ac_dithered_line *line);

enum { AC_DITHERED_ROOM = 40 };
/* A tile's pixels that are no NaN, no infinity and, with dither 2, not 0. */
typedef struct {
    const double *x;
    const float *r; /* 0.5 where there is no dither */
    size_t n;
    int is_double;
    uint32_t kind; /* of scale and zero: what the tile before had */
    void *room;    /* AC_DITHERED_ROOM bytes a pixel */
    float level;   /* with which cfitsio made scales of noises, once it is known; else 0 */
    int64_t work;  /* pixels that may still be looked at where scale and zero hang together */
} ac_dithered_tile;
/* Scale and zero that prove the most pixels; returns how many they do not prove. */
size_t ac_undither_tile(ac_dithered_tile *tile, const ac_dithered_line *line, ac_dithered_line *found);
/* How many pixels are not proven, counted up to one more than `most`. */
size_t ac_undither_failing(const ac_dithered_tile *tile, double scale, double zero, size_t most);
/* The zero beside another scale that is nearly the same. */
double ac_undither_zero(double scale, double zero, double other);

/* An image whose tiles are sought. */
typedef struct {
    const ac_array *array;
    const void *data;
    int is_single; /* float64 that float32 would hold */
    ac_planes planes;
    ac_dither *dither; /* NULL until it is needed */
    const uint8_t *turns;
} ac_dithered_image;
void ac_undither_load(const ac_dithered_image *image, uint64_t plane, uint64_t row, uint64_t column, size_t n, double *x);

/* Pixels of a row that have the random numbers from `at` on; or of some rows of a tile of this width, which is guessed: those below go on `width` behind. */
typedef struct {
    uint64_t plane, row, column;
    size_t n;             /* of a row; (rows - 1) * width + n are AC_MOST_SORTED at most */
    uint32_t rows, width; /* 0 for a row */
    uint32_t at;
    ac_dithered_line line;
} ac_sighting;
/* Whether it is worth to look for the random numbers that they have; that needs the turns alone. */
int ac_undither_may(const ac_dithered_image *image, const ac_sighting *sighting);
/* Looks for them: 1 if they are seen. */
int ac_undither_look(const ac_dithered_image *image, ac_sighting *sighting);

/* The random numbers of n elements beside each other, of one tile. */
void ac_undither_random(const ac_dither *dither, const ac_quantised *quantised, const ac_tiling *tiling, uint64_t plane, uint64_t row, uint64_t column, size_t n,
                        float *r);
/* From a first sighting on: how tiles lie, and the seed; 0 where that stays unknown. */
int ac_undither_layout(const ac_dithered_image *image, const ac_sighting *first, ac_quantised *quantised);

#endif
