/* Blanks: which numbers are, and what an array holds in their place while it is coded. docs/encoder.md section "Blanks". */
#ifndef AC_BLANK_CHOICE_H
#define AC_BLANK_CHOICE_H

#include "blanks.h"

/* Finds blanks; where there are some `filled` is the array without them, to be freed, else NULL. `doubtful`: the array as it is may be smaller. The
 * array is not empty. */
int ac_blanks_choose(const ac_array *array, const void *data, ac_blanks *blanks, void **filled, int *doubtful);

#endif
