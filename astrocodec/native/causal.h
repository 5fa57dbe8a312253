/* Parameters of the causal codec. docs/format.md section "Causal network". */
#ifndef AC_CAUSAL_H
#define AC_CAUSAL_H

#include "plane_maps.h"

typedef struct {
    uint8_t fingerprint[8];
    ac_plane_map map; /* of all planes, or of the first ones */
    ac_sides sides;
} ac_causal;

size_t ac_causal_bound(const ac_pixel_map *map);
size_t ac_causal_write(const ac_causal *causal, const ac_planes *planes, uint8_t *out);
/* The reader holds the parameters alone. To be freed, also after a failure. */
int ac_causal_read(ac_reader *reader, const ac_array *array, ac_causal *causal);
void ac_causal_free(ac_causal *causal);

#endif
