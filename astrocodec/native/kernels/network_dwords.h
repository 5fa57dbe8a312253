/* The network's layers by dot products of four bytes, summed in 32 bits. Included by predict_simd.h. */

/* Dwords of four inputs, of the lanes that unpacklo and unpackhi leave: input i of slice s is in x[(i / 4 * SLICES + s) * 2], and behind. */
enum { PACKED = 4, NEXT_SLICE = 2, VECTORS_OF_PAIR = 1 };

/* Four inputs of a slice from two vectors of bytes, a then b, c then d */
INLINE void put_bytes(vec *x, int i, vec ab, vec cd)
{
    const vec ac = V(unpacklo_epi8)(ab, cd), bd = V(unpackhi_epi8)(ab, cd);
    x[i / 2 * SLICES] = V(unpacklo_epi8)(ac, bd);
    x[i / 2 * SLICES + 1] = V(unpackhi_epi8)(ac, bd);
}

/* Dwords of four weights: four outputs after each other, for each four inputs. */
static int16_t *arrange_layer(const int8_t *w, int outputs, int inputs, int16_t *to)
{
    for (int j = 0; j < outputs; j += 4)
        for (int i = 0; i < inputs; i += 4)
            for (int k = 0; k < 4; k++, to += 2) memcpy(to, w + (j + k) * inputs + i, 4);
    return to;
}

/* Inputs have 64 added, which a row's offset takes away again. */
static void arrange_offsets(const int8_t *w, const int32_t *bias, int outputs, int inputs, int added, int32_t *to)
{
    for (int j = 0; j < outputs; j++) {
        to[j] = bias[j];
        for (int i = 0; i < inputs; i++) to[j] -= added * w[j * inputs + i];
    }
}

/* Four rows: sums of a slice's lanes, low and high */
INLINE void rows(const int16_t *w, const int32_t *offset, int inputs, const vec *x, vec low[4], vec high[4])
{
    UNROLL for (int k = 0; k < 4; k++) low[k] = high[k] = SET32(offset[k]);
    INPUT_LOOP for (int i = 0; i < inputs / 4; i++)
    {
        UNROLL for (int k = 0; k < 4; k++)
        {
            const vec four = v_weights(w + 8 * i + 2 * k);
            low[k] = v_dot8(low[k], x[2 * i * SLICES], four);
            high[k] = v_dot8(high[k], x[2 * i * SLICES + 1], four);
        }
        UNROLL for (int k = 0; k < 4; k++)
        {
            IN_REGISTER(low[k]);
            IN_REGISTER(high[k]);
        }
    }
}

/* Sums of a layer's four outputs -> their activations, one byte each in the dword of a lane. */
INLINE vec requantise(const vec sum[4])
{
    const vec ab = V(srai_epi16)(V(packs_epi32)(sum[0], sum[1]), AC_SHIFT), cd = V(srai_epi16)(V(packs_epi32)(sum[2], sum[3]), AC_SHIFT);
    return v_transpose8(V(min_epu8)(V(packus_epi16)(ab, cd), V(set1_epi8)(AC_ACTIVATION_MAX)));
}

STAGE void layer(const int16_t *w, const int32_t *offset, int outputs, int inputs, const vec *x, vec *y)
{
    ROLLED for (int j = 0; j < outputs; j += 4, w += 2 * inputs)
        ROLLED for (int s = 0; s < SLICES; s++)
        {
            vec low[4], high[4], *to = y + (j / 4 * SLICES + s) * 2;
            rows(w, offset + j, inputs, x + 2 * s, low, high);
            to[0] = requantise(low);
            to[1] = requantise(high);
        }
}

STAGE void last_layer(const int16_t *w, const int32_t *offset, int inputs, const vec *x, vec out[4][SLICES])
{
    ROLLED for (int s = 0; s < SLICES; s++)
    {
        vec low[4], high[4];
        rows(w, offset, inputs, x + 2 * s, low, high);
        UNROLL for (int k = 0; k < 4; k++) out[k][s] = V(packs_epi32)(low[k], high[k]);
    }
}
