/* The network's layers where sums are 16 bits, with PACKED inputs in a 16-bit lane. Half a row never leaves 16 bits (model.c), and
 * of two halves the saturated sum is right where it counts. Included by predict_simd.h. */

/* Vectors of PACKED inputs: input i of slice s is in x[i / PACKED * SLICES + s]. */
enum { NEXT_SLICE = 1, VECTORS_OF_PAIR = 2 / PACKED };

/* Four inputs of a slice from two vectors of bytes, a then b, c then d */
INLINE void put_bytes(vec *x, int i, vec ab, vec cd)
{
    v_put_pair(x + i / PACKED * SLICES, ab);
    v_put_pair(x + (i + 2) / PACKED * SLICES, cd);
}

/* For each lane of inputs of the first half and of the second: two outputs of the one, two of the other, each twice. */
static int16_t *arrange_layer(const int8_t *w, int outputs, int inputs, int16_t *to)
{
    for (int j = 0; j < outputs; j += 2)
        for (int i = 0; i < inputs / 2; i += PACKED)
            for (int k = 0; k < 4; k++, to += 2) {
                const int8_t *weight = w + (j + k % 2) * inputs + k / 2 * (inputs / 2) + i;
                to[0] = to[1] = (int16_t)(PACKED == 2 ? (uint8_t)weight[0] | weight[1] * 256 : weight[0]);
            }
    return to;
}

/* Of each half: inputs have 64 added, which its offset takes away again. */
static void arrange_offsets(const int8_t *w, const int32_t *bias, int outputs, int inputs, int added, int32_t *to)
{
    for (int j = 0; j < outputs; j++) {
        int32_t first = bias[j], second = 0;
        for (int i = 0; i < inputs / 2; i++) first -= added * w[j * inputs + i], second -= added * w[j * inputs + inputs / 2 + i];
        to[j / 2 * 4 + j % 2] = first;
        to[j / 2 * 4 + 2 + j % 2] = second;
    }
}

/* Two rows of weights, both halves at once */
INLINE void rows(const int16_t *w, const int32_t *offset, int inputs, const vec *x, vec sum[2][SLICES])
{
    vec of[4][SLICES];
    UNROLL for (int k = 0; k < 4; k++) UNROLL for (int s = 0; s < SLICES; s++) of[k][s] = SET16(offset[k]);
    const vec *const end = x + inputs / (2 * PACKED) * SLICES;
    const ptrdiff_t half = end - x;
    ROLLED do {
        UNROLL for (int k = 0; k < 4; k++)
        {
            const vec both = v_weights(w + 2 * k);
            UNROLL for (int s = 0; s < SLICES; s++) of[k][s] = v_add_products(of[k][s], x[k / 2 * half + s], both);
        }
        UNROLL for (int k = 0; k < 4; k++) UNROLL for (int s = 0; s < SLICES; s++) IN_REGISTER(of[k][s]);
        w += 8;
        x += SLICES;
    } while (x < end);
    UNROLL for (int k = 0; k < 2; k++) UNROLL for (int s = 0; s < SLICES; s++) sum[k][s] = V(adds_epi16)(of[k][s], of[k + 2][s]);
}

STAGE void layer(const int16_t *w, const int32_t *offset, int outputs, int inputs, const vec *x, vec *y)
{
    ROLLED for (int j = 0; j < outputs; j += 2, w += 4 * inputs / PACKED, offset += 4, y += VECTORS_OF_PAIR * SLICES)
    {
        vec sum[2][SLICES];
        rows(w, offset, inputs, x, sum);
        UNROLL for (int s = 0; s < SLICES; s++)
        {
            const vec both = V(packus_epi16)(V(srai_epi16)(sum[0][s], AC_SHIFT), V(srai_epi16)(sum[1][s], AC_SHIFT));
            v_put_pair(y + s, V(min_epu8)(both, V(set1_epi8)(AC_ACTIVATION_MAX)));
        }
    }
}

STAGE void last_layer(const int16_t *w, const int32_t *offset, int inputs, const vec *x, vec out[AC_OUTPUTS][SLICES])
{
    ROLLED for (int j = 0; j < AC_OUTPUTS; j += 2, w += 4 * inputs / PACKED, offset += 4) rows(w, offset, inputs, x, out + j);
}
