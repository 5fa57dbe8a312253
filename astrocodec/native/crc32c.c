#include "astrocodec.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#include <string.h>

#define SSE42 __attribute__((target("sse4.2,pclmul")))

static inline uint64_t load(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* The state after so many zero bytes that `power` is x^(8 * bytes - 33) modulo the polynomial, bits reflected. */
SSE42 static uint32_t skip(uint64_t crc, uint32_t power)
{
    const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi64_si128(power), 0);
    return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/* The instruction takes three cycles, but one can begin in each: three stretches at a time. */
SSE42 static uint32_t crc_sse42(uint32_t crc, const uint8_t *p, size_t n)
{
    enum { STRETCH = 1024 };
    const uint32_t over_one = 0x170076fa, over_two = 0xa51b6135;
    uint64_t c = crc;
    for (; n >= 3 * STRETCH; n -= 3 * STRETCH, p += 3 * STRETCH) {
        uint64_t second = 0, third = 0;
        for (size_t i = 0; i < STRETCH; i += 8) {
            c = _mm_crc32_u64(c, load(p + i));
            second = _mm_crc32_u64(second, load(p + STRETCH + i));
            third = _mm_crc32_u64(third, load(p + 2 * STRETCH + i));
        }
        c = skip(c, over_two) ^ skip(second, over_one) ^ third;
    }
    for (; n >= 8; n -= 8, p += 8) c = _mm_crc32_u64(c, load(p));
    for (; n; n--, p++) c = _mm_crc32_u8((uint32_t)c, *p);
    return (uint32_t)c;
}
#endif

/* CRC-32C (Castagnoli), reflected, nibble by nibble: small, and quick enough where there is no instruction for it. */
static uint32_t crc_portable(uint32_t crc, const uint8_t *p, size_t n)
{
    static const uint32_t nibble[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    while (n--) {
        crc ^= *p++;
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return crc;
}

uint32_t ac_crc32c(uint32_t crc, const uint8_t *data, size_t length)
{
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")) return ~crc_sse42(~crc, data, length);
#endif
    return ~crc_portable(~crc, data, length);
}
