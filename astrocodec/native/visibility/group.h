/* Group: baselines of a block, 32 and 32 of them <-> bytes. docs/format.md section "Groups of baselines". */
#ifndef AC_VISIBILITY_GROUP_H
#define AC_VISIBILITY_GROUP_H

#include "visibility/rounds.h"
#include "visibility/tables.h"

/* Whether groups are predicted, and these predictions mixed by a network. */
enum { AC_TRY_ALL = 0, AC_ONLY_PLAIN = 1, AC_ONLY_PREDICTED = 2, AC_ONLY_MIXED = 3 };

/* values, classes (NULL: all are coded) and decoded are the block's. Bytes to be freed; NULL without memory. */
uint8_t *ac_group_encode(const ac_group *group, const void *values, const uint8_t *classes, int how, void *decoded, size_t *length);
/* tables has room for all shapes; made are those that are made. */
int ac_group_decode(const ac_group *group, const uint8_t *data, size_t length, ac_distances *tables, uint32_t *made, void *values, ac_refusal *why);

#endif
