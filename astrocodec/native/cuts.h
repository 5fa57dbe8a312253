/* Cuts: the section that says where planes are cut, and where the encoder would cut them. docs/format.md section "Cuts", docs/encoder.md
 * section "Cuts". */
#ifndef AC_CUTS_H
#define AC_CUTS_H

#include "pixels.h"

enum { AC_CUTS_BOUND = 2 * (2 + AC_MAX_CUTS * AC_MAX_VARINT) };

size_t ac_cuts_write(const ac_cuts *cuts, uint8_t *out);
/* The reader holds the section alone. */
int ac_cuts_read(ac_reader *reader, const ac_planes *planes, ac_cuts *cuts);
/* Of pieces of such sides; no planes share one. left: what a chain leaves of all samples, or NULL. hints: NULL for none. */
int ac_find_cuts(const ac_sheet *sheet, const uint16_t *left, ac_sides sides, const ac_model *model, const ac_hints *hints, int flags,
                 ac_cuts *cuts);

#endif
