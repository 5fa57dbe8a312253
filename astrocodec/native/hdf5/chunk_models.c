/* The tuned models of the datasets in use. Making one costs as much as coding a small chunk, so a few wait in places that a
 * thread empties to use what is there and fills again: no lock, and no model is ever used by two threads. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5/chunk.h"

enum { PLACES = 16 };

static _Atomic(ac_tuned *) places[PLACES];
static atomic_uint next_to_go;

static void forget(ac_tuned *tuned)
{
    if (!tuned) return;
    ac_model_free(tuned->model);
    free(tuned);
}

static int make(const uint8_t *delta, size_t length, ac_tuned **out)
{
    ac_tuned *made = malloc(sizeof *made + length);
    if (!made) return AC_ERROR_MEMORY;
    const int status = ac_model_from_delta(delta, length, &made->model);
    if (status) {
        free(made);
        return status;
    }
    made->length = length;
    memcpy(made->delta, delta, length);
    *out = made;
    return AC_OK;
}

int ac_tuned_take(const uint8_t *delta, size_t length, ac_tuned **out)
{
    for (int i = 0; i < PLACES; i++) {
        ac_tuned *found = atomic_exchange(&places[i], NULL);
        if (found && found->length == length && !memcmp(found->delta, delta, length)) {
            *out = found;
            return AC_OK;
        }
        ac_tuned_give(found);
    }
    return make(delta, length, out);
}

void ac_tuned_give(ac_tuned *tuned)
{
    if (!tuned) return;
    for (int i = 0; i < PLACES; i++) {
        ac_tuned *empty = NULL;
        if (atomic_compare_exchange_strong(&places[i], &empty, tuned)) return;
    }
    forget(atomic_exchange(&places[atomic_fetch_add(&next_to_go, 1) % PLACES], tuned));
}

__attribute__((destructor)) static void forget_all(void)
{
    for (int i = 0; i < PLACES; i++) forget(atomic_exchange(&places[i], NULL));
}
