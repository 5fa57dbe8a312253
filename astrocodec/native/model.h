/* The model in memory: integer weights, and the frequency tables made from its shapes. */
#ifndef AC_MODEL_H
#define AC_MODEL_H

#include "astrocodec.h"

enum {
    AC_NEIGHBOURS = 22,
    AC_WIDE = 4,
    AC_INPUTS = 32,
    AC_LINEAR = AC_NEIGHBOURS + AC_WIDE,
    AC_OUTPUTS = 4,
    AC_MAX_HIDDEN = 32,
    AC_ACTIVATION_MAX = 127,
    AC_SHIFT = 6 /* of both hidden layers */
};

typedef struct {
    uint8_t tails, skews; /* shape = tail * skews + skew */
    uint16_t *cum;        /* tables of 64 cumulative frequencies, see distribution.h; after them the null table, whose first symbol is certain */
    size_t count;
} ac_tables;

struct ac_model {
    int hidden;
    int owns_tables;
    ac_tables tables;
    int16_t linear[AC_LINEAR];
    int32_t b1[AC_MAX_HIDDEN], b2[AC_MAX_HIDDEN], b3[AC_OUTPUTS];
    int8_t w1[AC_MAX_HIDDEN * AC_INPUTS], w2[AC_MAX_HIDDEN * AC_MAX_HIDDEN], w3[AC_OUTPUTS * AC_MAX_HIDDEN];
};

#endif
