/* The model in memory: integer weights, and the frequency tables made from its shapes. */
#ifndef AC_MODEL_H
#define AC_MODEL_H

#include "distribution.h"
#include "network.h"
#include "widths.h"

struct ac_model {
    int hidden;
    int owns_shapes; /* and the tables made from them */
    ac_tables tables;
    uint8_t fingerprint[8];
    uint8_t *shapes;       /* the shape block */
    uint8_t *file, *delta; /* of a tuned model: its "Model file" (docs/format.md), and within it the difference to its base; else NULL */
    uint8_t *widths_block; /* of code widths, NULL without */
    ac_widths *widths;     /* its tables */
    uint32_t width_tables;
    size_t shapes_length, file_length, delta_length, block_length, widths_length;
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
/* From the file of a tuned model. That of a general one gives AC_ERROR_NO_MODEL. */
int ac_model_read_file(const uint8_t *file, size_t length, ac_model **out);
/* A model to encode with, which goes into the stream where it is a tuned one and that is wanted. */
static inline ac_choice ac_choice_of(const ac_model *model, int embed)
{
    return (ac_choice){model, embed ? model->file : NULL, embed ? model->file_length : 0};
}

/* As %016 PRIx64 writes it. */
static inline uint64_t ac_fingerprint_number(const uint8_t fingerprint[8])
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) number = number << 8 | fingerprint[i];
    return number;
}

#endif
