/* Loss: what the elements of a stream differ by from those that were given. docs/format.md section "Loss". */
#ifndef AC_LOSS_H
#define AC_LOSS_H

#include "varint.h"

typedef struct {
    int kind;
    double asked, bound, found, noise, variance, unit_variance, share; /* after docs/format.md, in this order */
} ac_loss;

enum { AC_LOSS_SIZE = 57, AC_LOSS_VARIANCE = AC_BOUNDS, AC_LOSS_KINDS }; /* kinds: those of bounds, and of visibilities the variance added */
void ac_loss_write(const ac_loss *loss, uint8_t *out);
/* The reader holds the section alone. */
int ac_loss_read(ac_reader *reader, ac_loss *loss);

#endif
