#include "loss.h"

#include <math.h>
#include <string.h>

enum { NUMBERS = 7 };

void ac_loss_write(const ac_loss *loss, uint8_t *out)
{
    const double numbers[NUMBERS] = {loss->asked, loss->bound, loss->found, loss->noise, loss->variance, loss->unit_variance, loss->share};
    *out++ = (uint8_t)loss->kind;
    for (int i = 0; i < NUMBERS; i++) {
        uint64_t bits;
        memcpy(&bits, &numbers[i], sizeof bits);
        for (int byte = 0; byte < 8; byte++) *out++ = (uint8_t)(bits >> 8 * byte);
    }
}

int ac_loss_read(ac_reader *r, ac_loss *loss)
{
    const size_t length = r->length - r->at;
    double numbers[NUMBERS];
    const uint8_t *p = length == AC_LOSS_SIZE ? ac_take(r, AC_LOSS_SIZE) : NULL;
    int is_good = p && *p < AC_LOSS_KINDS;
    for (int i = 0; p && i < NUMBERS; i++) {
        uint64_t bits = 0;
        for (int byte = 0; byte < 8; byte++) bits |= (uint64_t)p[1 + 8 * i + byte] << 8 * byte;
        memcpy(&numbers[i], &bits, sizeof bits);
        is_good &= isfinite(numbers[i]) && numbers[i] >= 0;
    }
    if (is_good) {
        *loss = (ac_loss){*p, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]};
        is_good = loss->asked > 0 && loss->found <= loss->bound;
    }
    if (!is_good) ac_fail_reader(r, AC_REASON_LOSS, 0, length, AC_LOSS_SIZE);
    return r->why.status;
}
