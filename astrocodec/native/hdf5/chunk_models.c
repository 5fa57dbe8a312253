/* The tuned models of the datasets in use. Making one costs as much as coding a small chunk, so a few wait in places that a
 * thread empties to use what is there and fills again: no lock, and no model is ever used by two threads. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5/chunk.h"
#include "model.h"

enum { PLACES = 16 };

static _Atomic(ac_model *) places[PLACES];
static atomic_uint next_to_go;

int ac_tuned_take(const uint8_t *delta, size_t length, ac_model **out)
{
    for (int i = 0; i < PLACES; i++) {
        ac_model *found = atomic_exchange(&places[i], NULL);
        if (found && found->delta_length == length && !memcmp(found->delta, delta, length)) {
            *out = found;
            return AC_OK;
        }
        ac_tuned_give(found);
    }
    return ac_model_from_delta(delta, length, out);
}

void ac_tuned_give(ac_model *tuned)
{
    if (!tuned) return;
    for (int i = 0; i < PLACES; i++) {
        ac_model *empty = NULL;
        if (atomic_compare_exchange_strong(&places[i], &empty, tuned)) return;
    }
    ac_model_free(atomic_exchange(&places[atomic_fetch_add(&next_to_go, 1) % PLACES], tuned));
}

__attribute__((destructor)) static void forget_all(void)
{
    for (int i = 0; i < PLACES; i++) ac_model_free(atomic_exchange(&places[i], NULL));
}

int ac_chunk_models(const ac_chunk_values *v, ac_model **tuned, const ac_model **general)
{
    *tuned = NULL;
    *general = ac_model_default();
    int status = *general ? AC_OK : AC_ERROR_MEMORY;
    if (!status && v->delta_length)
        status = ac_tuned_take(v->delta, v->delta_length, tuned);
    else if (!status && ac_has_fingerprint(v))
        status = ac_model_find(v->fingerprint, general);
    if (status == AC_ERROR_NO_MODEL) return ac_fail(status, "the model that the filter's values name is not installed: upgrade astrocodec");
    if (status) return ac_fail(status, "the model in the filter's values: %s", ac_status_string(status));
    if (*tuned && ac_has_fingerprint(v) && memcmp((*tuned)->fingerprint, v->fingerprint, sizeof v->fingerprint))
        return ac_fail(AC_ERROR_CORRUPT, "the filter's values hold another model than they name");
    return AC_OK;
}
