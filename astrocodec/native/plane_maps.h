/* Maps of planes: pixel maps and low bits that some planes have of their own. docs/format.md section "Maps of planes". */
#ifndef AC_PLANE_MAPS_H
#define AC_PLANE_MAPS_H

#include "header.h"
#include "pixels.h"

/* How numbers became samples and low bits. */
typedef struct {
    ac_pixel_map map;
    uint32_t low_bits;
} ac_plane_map;

size_t ac_plane_map_bound(const ac_pixel_map *map);
size_t ac_plane_map_write(const ac_pixel_map *map, uint32_t low_bits, uint8_t *out);
/* Of numbers of this type, with a set of at most so many values. To be freed, also after a failure. */
int ac_plane_map_read(ac_reader *reader, int dtype, uint64_t most, ac_plane_map *map);

/* The section for the maps of all planes, `count` sheets, the first of which stands in the parameters. No bytes where that is all, or where a section
 * cannot hold them, and then `fits` is 0. `bytes` is to be freed. */
int ac_plane_maps_write(const ac_sheet *planes, uint64_t count, uint8_t **bytes, size_t *length, int *fits);

typedef struct {
    ac_plane_map *maps; /* those of the section; owned */
    uint32_t count;
    uint32_t *of; /* of each plane: which of them, counted from 1, or 0 for that of the parameters; owned */
} ac_plane_maps;
/* The reader holds the section alone, whose sets have at most so many values together. To be freed, also after a failure. */
int ac_plane_maps_read(ac_reader *reader, uint64_t planes, int dtype, uint64_t most, ac_plane_maps *maps);
void ac_plane_maps_free(ac_plane_maps *maps);

#endif
