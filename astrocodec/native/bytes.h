/* Little-endian numbers in bytes, on any processor. */
#ifndef AC_BYTES_H
#define AC_BYTES_H

#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
enum { AC_HOST_IS_BIG = 1 };
#else
enum { AC_HOST_IS_BIG = 0 };
#endif

static inline void ac_put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> 8 * i);
}

static inline void ac_put_u16(uint8_t *p, uint32_t v) { p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8); }
static inline uint16_t ac_get_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t ac_get_u32(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

static inline uint64_t ac_get_u64(const uint8_t *p)
{
    uint64_t v;
    if (AC_HOST_IS_BIG) return ac_get_u32(p) | (uint64_t)ac_get_u32(p + 4) << 32;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Copies elements of `size` bytes between native and little-endian order. */
static inline void ac_copy_little_endian(void *to, const void *from, size_t count, size_t size)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if (!AC_HOST_IS_BIG && count) memcpy(to, from, count * size);
    for (size_t i = 0; AC_HOST_IS_BIG && i < count; i++)
        for (size_t j = 0; j < size; j++) t[i * size + j] = f[i * size + size - 1 - j];
}

#endif
