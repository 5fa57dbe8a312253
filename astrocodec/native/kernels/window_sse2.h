/* The way of samples between a piece's rows and the window, in blocks of 8 x 8. Included after predict_simd.h. */

/* Eight vectors of eight 16-bit numbers, rows to columns */
INLINE void transpose8(__m128i v[8])
{
    __m128i a[8], b[8];
    UNROLL for (int i = 0; i < 4; i++)
    {
        a[2 * i] = _mm_unpacklo_epi16(v[2 * i], v[2 * i + 1]);
        a[2 * i + 1] = _mm_unpackhi_epi16(v[2 * i], v[2 * i + 1]);
    }
    UNROLL for (int i = 0; i < 2; i++)
    {
        b[4 * i] = _mm_unpacklo_epi32(a[4 * i], a[4 * i + 2]);
        b[4 * i + 1] = _mm_unpackhi_epi32(a[4 * i], a[4 * i + 2]);
        b[4 * i + 2] = _mm_unpacklo_epi32(a[4 * i + 1], a[4 * i + 3]);
        b[4 * i + 3] = _mm_unpackhi_epi32(a[4 * i + 1], a[4 * i + 3]);
    }
    UNROLL for (int i = 0; i < 4; i++)
    {
        v[2 * i] = _mm_unpacklo_epi64(b[i], b[4 + i]);
        v[2 * i + 1] = _mm_unpackhi_epi64(b[i], b[4 + i]);
    }
}

static void fill_window(ac_lanes *a, const uint16_t *samples, size_t stride)
{
    const uint16_t *source[AC_MAX_LANES];
    const __m128i bias = _mm_set1_epi16((short)AC_BIAS);
    ac_lanes_sources(a, samples, stride, source);
    for (uint32_t lane = 0; lane < a->wave.lanes; lane += 8)
        for (int t = 0; t < AC_BLOCK; t += 8) {
            __m128i v[8];
            UNROLL for (int i = 0; i < 8; i++) v[i] = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(source[lane + (uint32_t)i] + t)), bias);
            transpose8(v);
            UNROLL for (int i = 0; i < 8; i++) _mm_storeu_si128((__m128i *)&a->samples[AC_LOOKBACK + t + i][AC_BEFORE + lane], v[i]);
        }
}

static void drain_window(ac_lanes *a, uint16_t *samples, size_t stride)
{
    uint16_t *target[AC_MAX_LANES];
    const __m128i bias = _mm_set1_epi16((short)AC_BIAS);
    ac_lanes_targets(a, samples, stride, target);
    for (uint32_t lane = 0; lane < a->wave.lanes; lane += 8)
        for (int t = 0; t < AC_BLOCK; t += 8) {
            __m128i v[8];
            UNROLL for (int i = 0; i < 8; i++) v[i] = _mm_xor_si128(_mm_loadu_si128((const __m128i *)&a->samples[AC_LOOKBACK + t + i][AC_BEFORE + lane]), bias);
            transpose8(v);
            UNROLL for (int i = 0; i < 8; i++) _mm_storeu_si128((__m128i *)(target[lane + (uint32_t)i] + t), v[i]);
        }
    ac_lanes_store_edges(a, target, samples, stride);
}
