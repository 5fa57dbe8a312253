/* Float group: baselines of a block of floats, exact <-> bytes. docs/format.md section "Floats". */
#ifndef AC_VISIBILITY_FLOAT_GROUP_H
#define AC_VISIBILITY_FLOAT_GROUP_H

#include "visibility/rounds.h"
#include "visibility/tables.h"

/* values and classes (NULL: all are coded) are the block's. Bytes to be freed; NULL without memory. */
uint8_t *ac_float_group_encode(const ac_group *group, const void *values, const uint8_t *classes, int is_predicted, size_t *length);
/* tables has room for all shapes; made are those that are made. */
int ac_float_group_decode(const ac_group *group, const uint8_t *data, size_t length, ac_distances *tables, uint32_t *made, void *values, ac_refusal *why);

#endif
