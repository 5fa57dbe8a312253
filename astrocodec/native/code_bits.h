/* Code bits: what each sample of a piece takes, by the frequencies that it is decoded with. */
#ifndef AC_CODE_BITS_H
#define AC_CODE_BITS_H

#include "rans.h"

void ac_bits_table(float bits[AC_TOTAL + 1]); /* of a symbol, by its frequency */
/* Of states as they stand in a piece: what they take beyond the symbols that are in them. */
double ac_state_bits(const uint8_t *in, uint32_t states);

#endif
