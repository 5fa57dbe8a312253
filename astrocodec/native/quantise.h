/* Quantise: floats <-> the integers that they were made of, with a scale and a zero for each tile and the dither of FITS.
 * docs/format.md section "Quantise". */
#ifndef AC_QUANTISE_H
#define AC_QUANTISE_H

#include "curves.h"
#include "planes.h"
#include "varint.h"

/* The numbers after docs/format.md, which says what each does. */
enum { AC_DITHER_NONE, AC_DITHER_1, AC_DITHER_2, AC_TRELLIS };
enum { AC_WIDE_PRODUCT, AC_OWN_PRODUCT, AC_WIDE_QUOTIENT, AC_OWN_QUOTIENT, AC_ZERO_FIRST = 4, AC_SINGLE = 8 /* both are added */ };
enum { AC_NULL_STEP = -2147483647, AC_ZERO_STEP = -2147483646, AC_SEEDS = 10000, AC_MAX_TILES = 1 << 20, AC_MAX_EXCEPTIONS = 1 << 20 };

/* A tile. `base` is set by ac_quantise_base: what of each step is not coded. */
typedef struct {
    double scale, zero, base;
} ac_quantised_tile;

/* So many elements in the array's order, from `first` on, all with the same bits. */
typedef struct {
    uint64_t first, length, bits;
} ac_exception;

/* What section 20 holds. A zeroed one with one tile of a scale means: whole planes, k * scale + zero in double. */
typedef struct {
    uint8_t dither, arithmetic;
    int is_stacked;                   /* planes lie one below the other, as one of so many rows */
    uint64_t tile_height, tile_width; /* 0: those of the whole */
    uint64_t row, column;             /* of the array's first element in what was quantised */
    uint64_t whole_height, whole_width; /* of that; 0: it ends where the array does */
    uint32_t seed;                    /* with dither 1 and 2: 0 to 9999, that of the tile that holds the first element */
    uint64_t run;                     /* of a trellis, columns; 0: rows */
    ac_curve curve;
    float level;                      /* a usual element, as it is before the curve */
    int has_null;
    int32_t null_step;
    uint64_t null_bits;        /* of the element that the null step stands for */
    ac_quantised_tile *tiles;  /* of the array, across, then down, then plane by plane; owned */
    uint64_t tile_count;
    ac_exception *exceptions;  /* ascending, apart from each other; owned */
    uint64_t exception_count;
} ac_quantised;

void ac_quantise_free(ac_quantised *quantised);

/* How tiles lie in an array. */
typedef struct {
    ac_planes planes;              /* as stacked */
    uint64_t tile_height, tile_width;
    uint64_t whole_height, whole_width;
    uint64_t down, across;         /* tiles of a plane that the array has a part of */
    uint64_t all_down, all_across; /* tiles of a whole plane */
} ac_tiling;
ac_tiling ac_quantise_tiling(const ac_quantised *quantised, const ac_array *array);
/* Tiles that the array has a part of: so many the list must have. */
static inline uint64_t ac_tiling_count(const ac_tiling *t) { return t->planes.count * t->down * t->across; }

/* The FITS standard's random numbers. Tile number t of a whole, counted from 0, has the seed (ZDITHER0 - 1 + t) modulo 10,000; its pixel i, in the
 * order of its rows, has number i of the sequence that begins with `starts[seed]` and goes on with the starts of the following seeds. */
typedef struct {
    float number[AC_SEEDS];
    uint32_t starts[AC_SEEDS];
    uint32_t before[AC_SEEDS + 1]; /* how many numbers all sequences of lower seeds have; the last is that of all */
} ac_dither;
ac_dither *ac_dither_create(void); /* NULL without memory; to be freed by free */
/* The AC_SEEDS numbers as integers below 2^31 - 1, by which they are divided. */
void ac_dither_states(uint32_t *states);
/* Where the random number of a pixel of a tile is; that of the next is behind it, or where its seed's sequence ends, at the start of the next. */
typedef struct {
    uint32_t seed, at;
} ac_random_place;
ac_random_place ac_dither_place(const ac_dither *dither, uint32_t seed, uint64_t pixel);

/* The reader holds the section alone; the array is that of the elements, and has some. To be freed, also after a failure. */
int ac_quantise_read(ac_reader *reader, const ac_array *array, ac_quantised *quantised);
/* Whether elements of a type can be made of steps: integers of 8 to 32 bits, floats of 32 and 64. */
int ac_is_quantisable(int dtype);
/* The section; `bytes` is to be freed. AC_ERROR_SPACE where a section cannot hold it, AC_ERROR_ARGUMENT where the list of tiles does not suit the array, or a
 * number is not allowed. */
int ac_quantise_write(const ac_quantised *quantised, const ac_array *array, uint8_t **bytes, size_t *length);
/* Whether scale and zero give no element that is not a number, whose bits differ between processors. */
int ac_quantise_allows(const ac_quantised *quantised, int dtype, const ac_quantised_tile *tile);
/* Sets `base` of all tiles after level, scale and zero; reading does it. */
void ac_quantise_base(ac_quantised *quantised);

/* Elements of steps, which are those less the bases of their tiles. `out` may hold them itself: all of it, or with f8 its second half, not with integers of fewer bits. */
int ac_quantise_restore(const ac_quantised *quantised, const ac_array *array, const int32_t *steps, void *out);
/* One more exception behind all others; `room` is for how many there is memory. */
int ac_exception_add(ac_quantised *quantised, uint64_t *room, uint64_t at, uint64_t bits);
/* The other way for floats without trellis and curve: scales, zeros and all else but level and exceptions are given, which are found as steps are. Each element is proven; where a step does not give
 * its bits it is an exception, whose step is that of the element before. AC_ERROR_SPACE where there are too many. */
int ac_quantise_steps(ac_quantised *quantised, const ac_array *array, const void *data, int32_t *steps);

#endif
