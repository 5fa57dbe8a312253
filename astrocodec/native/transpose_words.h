/* Blocks of 8 x 8 words of 16 bits, rows to columns. */
#ifndef AC_TRANSPOSE_WORDS_H
#define AC_TRANSPOSE_WORDS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <immintrin.h>

/* Eight vectors of eight */
static inline __attribute__((always_inline)) void ac_transpose_eights(__m128i v[8])
{
    __m128i a[8], b[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm_unpacklo_epi16(v[2 * i], v[2 * i + 1]);
        a[2 * i + 1] = _mm_unpackhi_epi16(v[2 * i], v[2 * i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        b[4 * i] = _mm_unpacklo_epi32(a[4 * i], a[4 * i + 2]);
        b[4 * i + 1] = _mm_unpackhi_epi32(a[4 * i], a[4 * i + 2]);
        b[4 * i + 2] = _mm_unpacklo_epi32(a[4 * i + 1], a[4 * i + 3]);
        b[4 * i + 3] = _mm_unpackhi_epi32(a[4 * i + 1], a[4 * i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        v[2 * i] = _mm_unpacklo_epi64(b[i], b[4 + i]);
        v[2 * i + 1] = _mm_unpackhi_epi64(b[i], b[4 + i]);
    }
}
#endif

/* Rows lie so many words apart. */
static inline __attribute__((always_inline)) void ac_transpose_words(const int16_t *from, size_t from_row, int16_t *to, size_t to_row)
{
#if defined(__SSE2__)
    __m128i v[8];
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++) v[i] = _mm_loadu_si128((const __m128i *)(from + i * from_row));
    ac_transpose_eights(v);
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++) _mm_storeu_si128((__m128i *)(to + i * to_row), v[i]);
#else
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < 8; j++) to[j * to_row + i] = from[i * from_row + j];
#endif
}

#endif
