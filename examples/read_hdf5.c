/* Reads a dataset of integers with the HDF5 library alone. The filter is found through HDF5_PLUGIN_PATH:
 *
 *   cc read_hdf5.c -I/usr/include/hdf5/serial -L/usr/lib/x86_64-linux-gnu/hdf5/serial -lhdf5 -o read_hdf5
 *   HDF5_PLUGIN_PATH=$(astrocodec plugin-path) ./read_hdf5 night.h5 /sci
 */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s FILE DATASET\n", argv[0]);
        return 2;
    }
    const hid_t file = H5Fopen(argv[1], H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t dataset = file < 0 ? -1 : H5Dopen2(file, argv[2], H5P_DEFAULT);
    if (dataset < 0) return 1;
    const hid_t space = H5Dget_space(dataset);
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    long long *values = malloc((size_t)count * sizeof *values), sum = 0;
    /* HDF5 calls the filter here, and converts to long long whatever the file holds. */
    if (!values || H5Dread(dataset, H5T_NATIVE_LLONG, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
        fprintf(stderr, "%s: %s cannot be read: is HDF5_PLUGIN_PATH set?\n", argv[1], argv[2]);
        return 1;
    }
    for (hssize_t i = 0; i < count; i++) sum += values[i];
    printf("%lld elements, %llu bytes stored, sum %lld\n", (long long)count, (unsigned long long)H5Dget_storage_size(dataset), sum);
    free(values);
    H5Sclose(space), H5Dclose(dataset), H5Fclose(file);
    return 0;
}
