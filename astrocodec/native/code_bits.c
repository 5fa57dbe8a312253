/* Code bits: what symbols and states take. Analysis only: in floating point. */
#include "code_bits.h"

#include <math.h>

#include "bytes.h"

void ac_bits_table(float bits[AC_TOTAL + 1])
{
    bits[0] = 0;
    for (int f = 1; f <= AC_TOTAL; f++) bits[f] = (float)(AC_PRECISION - log2(f));
}

double ac_state_bits(const uint8_t *in, uint32_t states)
{
    double bits = 0;
    for (uint32_t i = 0; i < states; i++, in += 4) bits += 32 - log2((double)ac_get_u32(in) / AC_RANS_LOW);
    return bits;
}
