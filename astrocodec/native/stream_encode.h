/* What the files that encode streams share. docs/encoder.md. */
#ifndef AC_STREAM_ENCODE_H
#define AC_STREAM_ENCODE_H

#include "axes.h"
#include "blanks.h"
#include "stream.h"

/* An array as it is coded, and as the stream gives it back. */
typedef struct {
    ac_array array, given;
    const void *data, *elements;
    ac_span axes;     /* their order; no bytes where it is the array's own */
    ac_span quantise; /* the section, where steps are coded; else no bytes */
    ac_span loss;     /* likewise, where they give not the very elements that were to be encoded */
    int is_trellis;   /* the steps are those of one whose runs are the columns of a piece */
    int is_any;       /* also what is larger than a stored array is wanted */
} ac_source;

/* How it is encoded. */
typedef struct {
    const ac_choice *choices;
    size_t count;
    const ac_original *original; /* or NULL */
    const uint32_t *wanted;      /* or NULL */
    const ac_hints *hints;       /* or NULL */
    int flags, residuals;
    const ac_parallel *parallel; /* or NULL */
    int series;                  /* rows are coded as such */
} ac_settings;

size_t ac_stored_size(const ac_array *array);
/* Code widths are of values, not of ranks, differences or parts of them. */
ac_width_choice ac_widths_of(const ac_sheet *sheet, const uint16_t *left);
uint64_t ac_planes_together(const ac_planes *planes, const uint32_t *wanted);

/* AC_ERROR_SPACE where storing takes fewer bytes, here and below. The sheet is of the array, or of that without blanks. */
int ac_encode_sheet(ac_sheet *sheet, const ac_blanks *blanks, const ac_source *from, const ac_settings *how, const ac_output *output);
/* About what an array takes as it is, by rows of its middle. */
int ac_estimate_size(const ac_settings *how, const ac_array *array, const void *data, double *bytes);
/* An array by its steps. */
int ac_encode_steps(ac_source from, const int32_t *steps, ac_settings how, const ac_output *output);
/* The array's elements, or the steps that they are found to be made of. */
int ac_encode_found(ac_source *from, ac_settings *how, const ac_output *output);
/* The order of axes in which the array is smallest, which is its own where `turned` is 0, and whether its rows are then series. */
int ac_choose_order(const ac_array *array, const void *data, ac_settings *how, ac_axes *axes, int *turned, int *series);
/* Whether its rows are series in its own order of axes. */
int ac_are_series(const ac_array *array, const void *data, ac_settings *how, int *series);

#endif
