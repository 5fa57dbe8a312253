/* The model in memory: integer weights, and the frequency tables made from its shapes. */
#ifndef AC_MODEL_H
#define AC_MODEL_H

#include "distribution.h"
#include "network.h"

struct ac_model {
    int hidden;
    int owns_shapes; /* and the tables made from them */
    ac_tables tables;
    uint8_t fingerprint[8];
    uint8_t *shapes, *delta;    /* the shape block; the difference to a shipped model, NULL where it is none */
    size_t shapes_length, delta_length, block_length;
    uint8_t block[AC_MAX_WEIGHTS]; /* the weight block */
    int16_t linear[AC_LINEAR];
    int32_t b1[AC_MAX_HIDDEN], b2[AC_MAX_HIDDEN], b3[AC_OUTPUTS];
    int8_t w1[AC_MAX_HIDDEN * AC_INPUTS], w2[AC_MAX_HIDDEN * AC_MAX_HIDDEN], w3[AC_OUTPUTS * AC_MAX_HIDDEN];
};

/* A field of a weight block, and the bytes of a whole one. */
typedef struct {
    int rows, columns, size;
} ac_field;
size_t ac_weights_size(int hidden);

/* Shipped or registered model of this fingerprint: AC_ERROR_NO_MODEL where there is none. */
int ac_model_find(const uint8_t fingerprint[8], const ac_model **out);
/* A tuned "Model file" (docs/format.md): its bytes at most, writing it, and reading it. A general one gives AC_ERROR_NO_MODEL. */
size_t ac_model_file_bound(const ac_model *model);
size_t ac_model_write_file(const ac_model *model, uint8_t *out);
int ac_model_read_file(const uint8_t *file, size_t length, ac_model **out);

#endif
