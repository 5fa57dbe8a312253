/* Geometry: what the chunks of a dataset are, from the host. */
#ifndef AC_HDF5_GEOMETRY_H
#define AC_HDF5_GEOMETRY_H

#include "hdf5/chunk.h"
#include "hdf5/host.h"

/* Fills dtype, big_endian, pairs and shape. AC_ERROR_ARGUMENT, with a text, for a type that cannot be coded. */
int ac_geometry_read(const ac_host *host, hid_t plist, hid_t type, ac_chunk_values *out);
/* Refuses what no bound is kept of: AC_ERROR_ARGUMENT, with a text. Of integers, elements of the fill value that a user chose are blank. */
int ac_geometry_bound(const ac_host *host, hid_t plist, hid_t type, ac_chunk_values *values);

#endif
