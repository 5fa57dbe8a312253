/* Host functions by way of the return address: only this names the libhdf5 that called, whatever others there are. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5/host.h"

static void *library_of(void *address)
{
    Dl_info info;
    if (!dladdr(address, &info) || !info.dli_fname) return NULL;
    void *library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    /* a program with HDF5 in itself does not go by its file name */
    return library ? library : dlopen(NULL, RTLD_LAZY);
}

static int take(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

int ac_host_find(void *caller, ac_host *out)
{
    void *library = library_of(caller);
    if (!library) return 0;
    const int found = take(library, "H5Pget_chunk", &out->get_chunk) && take(library, "H5Pget_filter_by_id2", &out->get_filter) &&
                      take(library, "H5Pget_nfilters", &out->count_filters) && take(library, "H5Pget_filter2", &out->filter_at) &&
                      take(library, "H5Pmodify_filter", &out->modify_filter) && take(library, "H5Tget_class", &out->type_class) &&
                      take(library, "H5Tget_size", &out->type_size) && take(library, "H5Tget_order", &out->type_order) &&
                      take(library, "H5Tget_sign", &out->type_sign) && take(library, "H5Tget_super", &out->type_super) &&
                      take(library, "H5Tget_nmembers", &out->type_members) && take(library, "H5Tget_member_type", &out->member_type) &&
                      take(library, "H5Tget_member_offset", &out->member_offset) && take(library, "H5Tget_member_name", &out->member_name) &&
                      take(library, "H5Tget_member_value", &out->member_value) && take(library, "H5Tget_fields", &out->float_fields) &&
                      take(library, "H5Tget_ebias", &out->float_bias) &&
                      take(library, "H5Tget_precision", &out->precision) && take(library, "H5Pfill_value_defined", &out->fill_defined) &&
                      take(library, "H5Pget_fill_value", &out->fill_value) && take(library, "H5free_memory", &out->free_memory) &&
                      take(library, "H5Tclose", &out->type_close);
    dlclose(library); /* the caller keeps it open */
    return found;
}

static void *allocate_plainly(size_t size, int clear)
{
    return clear ? calloc(size, 1) : malloc(size);
}

ac_host_memory ac_host_memory_find(void *caller)
{
    const ac_host_memory plain = {allocate_plainly, free};
    ac_host_memory host;
    void *library = library_of(caller);
    if (!library) return plain;
    const int found = take(library, "H5allocate_memory", &host.allocate) && take(library, "H5free_memory", &host.release);
    dlclose(library);
    return found ? host : plain;
}
