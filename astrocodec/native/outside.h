/* Outside reference: elements of an array <-> what another array, known from outside, leaves of them. docs/format.md section "Outside
 * reference". */
#ifndef AC_OUTSIDE_H
#define AC_OUTSIDE_H

#include "header.h"

enum { AC_HASH_SIZE = 32, AC_MAX_GAIN = 256, AC_MAX_SPREAD = 8191, AC_MAX_SHIFT = 47, AC_MAX_REFERENCE_NAME = 255 };

/* What section 17 holds; docs/format.md names the fields so. */
typedef struct {
    uint8_t hash[AC_HASH_SIZE];
    ac_array array; /* type and shape of the reference */
    int64_t zero;
    uint32_t shift;
    int32_t smooth, small, large, spread;
    uint64_t level, offset;
    uint32_t bits;
    int is_embedded;
    ac_span name;
} ac_outside;

/* The reader holds the section alone. */
int ac_outside_read(ac_reader *reader, const ac_array *array, ac_outside *outside);
/* Whether an array is the reference: AC_ERROR_REFERENCE where its type, shape or elements are others. */
int ac_outside_check(const ac_outside *outside, const ac_array *array, const void *reference);
/* What the reference leaves of an array's elements, or the elements again; in place or not. */
int ac_outside_apply(const ac_outside *outside, const ac_array *array, const void *reference, const void *from, void *to, int undo);

#endif
