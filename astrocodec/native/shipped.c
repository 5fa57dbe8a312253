/* The general models that streams may name: those that come with the library, compiled in (setup.py writes shipped_models.h from
 * models/ *.acm), each made ready at its first use; and a list of those that were registered, which only grows. All stay. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

typedef struct {
    int is_default;
    size_t weights_length, shapes_length;
    const uint8_t *weights, *shapes;
    uint8_t fingerprint[8];
} shipped_model;

#include "shipped_models.h"

typedef struct registered {
    ac_model *model;
    const struct registered *next;
} registered;

enum { COUNT = sizeof shipped / sizeof *shipped };
static _Atomic(ac_model *) ready[COUNT];
static _Atomic(const registered *) newest;

static int make_ready(size_t i, const ac_model **out)
{
    ac_model *model = atomic_load_explicit(&ready[i], memory_order_acquire);
    if (!model) {
        ac_model *mine, *first = NULL;
        const int status = ac_model_create(shipped[i].weights, shipped[i].weights_length, shipped[i].shapes, shipped[i].shapes_length, NULL, 0, &mine);
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

/* Among those from `first` up to `end`. */
static const ac_model *find_registered(const registered *first, const registered *end, const uint8_t fingerprint[8])
{
    for (const registered *r = first; r != end; r = r->next)
        if (!memcmp(r->model->fingerprint, fingerprint, sizeof r->model->fingerprint)) return r->model;
    return NULL;
}

int ac_model_find(const uint8_t fingerprint[8], const ac_model **out)
{
    for (size_t i = 0; i < COUNT; i++)
        if (!memcmp(shipped[i].fingerprint, fingerprint, sizeof shipped[i].fingerprint)) return make_ready(i, out);
    *out = find_registered(atomic_load_explicit(&newest, memory_order_acquire), NULL, fingerprint);
    return *out ? AC_OK : AC_ERROR_NO_MODEL;
}

int ac_model_register(const uint8_t *weights, size_t weights_len, const uint8_t *shapes, size_t shapes_len, const uint8_t *widths, size_t widths_len)
{
    registered *mine = malloc(sizeof *mine);
    if (!mine) return AC_ERROR_MEMORY;
    int status = ac_model_create(weights, weights_len, shapes, shapes_len, widths, widths_len, &mine->model);
    if (status) {
        free(mine);
        return status;
    }
    const ac_model *known;
    status = ac_model_find(mine->model->fingerprint, &known);
    const registered *checked = NULL, *first = atomic_load_explicit(&newest, memory_order_acquire);
    while (status == AC_ERROR_NO_MODEL) {
        /* what others appended meanwhile may be the same */
        if (find_registered(first, checked, mine->model->fingerprint)) break;
        mine->next = checked = first;
        if (atomic_compare_exchange_strong(&newest, &first, mine)) return AC_OK;
    }
    ac_model_free(mine->model);
    free(mine);
    return status == AC_ERROR_NO_MODEL ? AC_OK : status;
}
