/* SHA-256 (FIPS 180-4) of pieces of memory, one behind the other: names models. */
#ifndef AC_SHA256_H
#define AC_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *data;
    size_t length;
} ac_hashed;

void ac_sha256(const ac_hashed *parts, size_t count, uint8_t out[32]);

#endif
