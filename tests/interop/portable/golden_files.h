/* Reading golden files. */
#ifndef GOLDEN_FILES_H
#define GOLDEN_FILES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "astrocodec.h"

typedef struct {
    uint8_t *data;
    size_t length;
} file_bytes;

_Noreturn static inline void stop(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s\n", name, what);
    exit(1);
}

static inline void *allocate(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) stop("out of memory", "golden file");
    return p;
}

static inline file_bytes read_file(const char *folder, const char *prefix, const char *name, const char *suffix)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s%s%s", folder, prefix, name, suffix) >= (int)sizeof path) stop("path is too long", name);
    FILE *f = fopen(path, "rb");
    if (!f) stop("cannot be opened", path);
    file_bytes b = {0};
    size_t room = 1 << 16;
    b.data = allocate(room);
    for (size_t n; (n = fread(b.data + b.length, 1, room - b.length, f)) > 0;) {
        b.length += n;
        if (b.length == room) {
            b.data = realloc(b.data, room *= 2);
            if (!b.data) stop("out of memory", path);
        }
    }
    if (ferror(f)) stop("cannot be read", path);
    fclose(f);
    return b;
}

static inline void check(int status, const char *name)
{
    if (status) stop(ac_status_string(status), name);
}

#endif
