#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "sha256.h"

static int16_t load_i16(const uint8_t *p) { return (int16_t)ac_get_u16(p); }

/* Vector kernels add the products of half a row in 16 bits, in the first half with the bias. */
static int half_fits(const int8_t *w, int n, int32_t bias, int lowest, int highest)
{
    int32_t low = bias, high = bias;
    for (int i = 0; i < n; i++) {
        low += w[i] * (w[i] > 0 ? lowest : highest);
        high += w[i] * (w[i] > 0 ? highest : lowest);
    }
    return low >= INT16_MIN && high <= INT16_MAX;
}

static int rows_fit(const int8_t *w, const int32_t *bias, int rows, int n, int lowest, int highest)
{
    for (int i = 0; i < rows; i++, w += n)
        if (!half_fits(w, n / 2, bias[i], lowest, highest) || !half_fits(w + n / 2, n / 2, 0, lowest, highest)) return 0;
    return 1;
}

size_t ac_weights_size(int h)
{
    const ac_field fields[] = AC_WEIGHT_FIELDS(h);
    size_t size = AC_WEIGHTS_HEADER;
    for (int i = 0; i < AC_FIELDS; i++) size += (size_t)(fields[i].rows * fields[i].columns * fields[i].size);
    return size;
}

static int load_weights(const uint8_t *p, size_t length, ac_model *m)
{
    if (length < AC_WEIGHTS_HEADER) return AC_ERROR_MODEL;
    const int h = p[AC_NEURONS_AT];
    const uint8_t expected[AC_WEIGHTS_HEADER] = AC_WEIGHTS_HEADER_OF(h);
    if (memcmp(p, expected, sizeof expected) || (h != AC_MIN_HIDDEN && h != AC_MAX_HIDDEN)) return AC_ERROR_VERSION;
    if (length != ac_weights_size(h)) return AC_ERROR_MODEL;
    p += AC_WEIGHTS_HEADER;
    m->hidden = h;
    int32_t sum = 0;
    for (int i = 0; i < AC_LINEAR; i++, p += 2) sum += abs(m->linear[i] = load_i16(p));
    if (sum > AC_MAX_LINEAR_SUM) return AC_ERROR_MODEL;
    for (int i = 0; i < h; i++, p += 2) m->b1[i] = load_i16(p);
    memcpy(m->w1, p, (size_t)(AC_INPUTS * h)), p += AC_INPUTS * h;
    for (int i = 0; i < h; i++, p += 2) m->b2[i] = load_i16(p);
    memcpy(m->w2, p, (size_t)(h * h)), p += h * h;
    for (int i = 0; i < AC_OUTPUTS; i++, p += 2) m->b3[i] = load_i16(p);
    memcpy(m->w3, p, (size_t)(AC_OUTPUTS * h));
    const int fits = rows_fit(m->w1, m->b1, h, AC_INPUTS, -AC_INPUT_MAX, AC_INPUT_MAX) && rows_fit(m->w2, m->b2, h, h, 0, AC_ACTIVATION_MAX) &&
                     rows_fit(m->w3, m->b3, AC_OUTPUTS, h, 0, AC_ACTIVATION_MAX);
    return fits ? AC_OK : AC_ERROR_MODEL;
}

static int new_model(const uint8_t *weights, size_t length, const uint8_t *widths, size_t widths_length, ac_model **out)
{
    ac_model *m = aligned_alloc(64, (sizeof *m + 63) / 64 * 64);
    if (!m) return AC_ERROR_MEMORY;
    memset(m, 0, sizeof *m);
    int status = load_weights(weights, length, m);
    if (!status) status = ac_widths_read(widths, widths_length, &m->widths, &m->width_tables);
    if (!status && widths_length && !(m->widths_block = malloc(widths_length))) status = AC_ERROR_MEMORY;
    if (status) {
        ac_widths_free(m->widths, m->width_tables);
        free(m);
        return status;
    }
    memcpy(m->block, weights, length);
    m->block_length = length;
    if (widths_length) memcpy(m->widths_block, widths, widths_length);
    m->widths_length = widths_length;
    *out = m;
    return AC_OK;
}

static void set_fingerprint(ac_model *m)
{
    uint8_t hash[32];
    const ac_hashed parts[] = {{m->block, m->block_length}, {m->shapes, m->shapes_length}, {m->widths_block, m->widths_length}};
    ac_sha256(parts, sizeof parts / sizeof *parts, hash);
    memcpy(m->fingerprint, hash, sizeof m->fingerprint);
}

int ac_model_create(const uint8_t *weights, size_t weights_len, const uint8_t *shapes, size_t shapes_len, const uint8_t *widths, size_t widths_len,
                    ac_model **out)
{
    if (!weights || !shapes || (!widths && widths_len) || !out) return AC_ERROR_ARGUMENT;
    ac_model *m;
    int status = new_model(weights, weights_len, widths, widths_len, &m);
    if (status) return status;
    m->owns_shapes = 1;
    status = ac_tables_build(shapes, shapes_len, &m->tables);
    if (!status && !(m->shapes = malloc(shapes_len))) status = AC_ERROR_MEMORY;
    if (status) {
        ac_model_free(m);
        return status;
    }
    memcpy(m->shapes, shapes, shapes_len);
    m->shapes_length = shapes_len;
    set_fingerprint(m);
    *out = m;
    return AC_OK;
}

int ac_model_derive(const ac_model *base, const uint8_t *weights, size_t weights_len, const uint8_t *widths, size_t widths_len, ac_model **out)
{
    if (!base || !weights || (!widths && widths_len) || !out) return AC_ERROR_ARGUMENT;
    ac_model *m;
    const int status = new_model(weights, weights_len, widths, widths_len, &m);
    if (status) return status;
    m->tables = base->tables;
    m->shapes = base->shapes;
    m->shapes_length = base->shapes_length;
    set_fingerprint(m);
    *out = m;
    return AC_OK;
}

void ac_model_free(ac_model *model)
{
    if (!model) return;
    if (model->owns_shapes) {
        free(model->tables.cum);
        free(model->shapes);
    }
    ac_widths_free(model->widths, model->width_tables);
    free(model->widths_block);
    free(model->file);
    free(model);
}

void ac_model_fingerprint(const ac_model *model, uint8_t out[8]) { memcpy(out, model->fingerprint, sizeof model->fingerprint); }

int ac_model_tables(const ac_model *model, const uint16_t **cum, size_t *count)
{
    if (!model || !cum || !count) return AC_ERROR_ARGUMENT;
    *cum = model->tables.cum;
    *count = model->tables.count;
    return AC_OK;
}
