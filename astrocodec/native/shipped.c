/* The models that come with the library, compiled in: setup.py writes shipped_models.h from models/ *.acm. Each is made ready
 * at its first use and stays. */
#include <stdatomic.h>
#include <string.h>

#include "model.h"

typedef struct {
    int is_default;
    size_t weights_length, shapes_length;
    const uint8_t *weights, *shapes;
    uint8_t fingerprint[8];
} shipped_model;

#include "shipped_models.h"

enum { COUNT = sizeof shipped / sizeof *shipped };
static _Atomic(ac_model *) ready[COUNT];

static int make_ready(size_t i, const ac_model **out)
{
    ac_model *model = atomic_load_explicit(&ready[i], memory_order_acquire);
    if (!model) {
        ac_model *mine, *first = NULL;
        const int status = ac_model_create(shipped[i].weights, shipped[i].weights_length, shipped[i].shapes, shipped[i].shapes_length, &mine);
        if (status) return status;
        if (atomic_compare_exchange_strong(&ready[i], &first, mine)) {
            model = mine;
        } else {
            ac_model_free(mine);
            model = first;
        }
    }
    *out = model;
    return AC_OK;
}

const ac_model *ac_model_default(void)
{
    const ac_model *model = NULL;
    for (size_t i = 0; i < COUNT && !model; i++)
        if (shipped[i].is_default && make_ready(i, &model)) return NULL;
    return model;
}

int ac_model_shipped(const uint8_t fingerprint[8], const ac_model **out)
{
    for (size_t i = 0; i < COUNT; i++)
        if (!memcmp(shipped[i].fingerprint, fingerprint, sizeof shipped[i].fingerprint)) return make_ready(i, out);
    return AC_ERROR_NO_MODEL;
}
