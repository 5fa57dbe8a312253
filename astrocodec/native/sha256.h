/* SHA-256 (FIPS 180-4) of two pieces of memory, one behind the other: names models. */
#ifndef AC_SHA256_H
#define AC_SHA256_H

#include <stddef.h>
#include <stdint.h>

void ac_sha256(const uint8_t *first, size_t first_length, const uint8_t *second, size_t second_length, uint8_t out[32]);

#endif
