#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "float_state.h"
#include "foreign.h"
#include "kernels/kernel.h"
#include "model.h"
#include "stream_open.h"
#include "piece.h"

enum { CHUNK = 1024 };

/* Pieces */

typedef struct {
    const ac_opened *stream;
    const ac_model *model;
    int flags;
    ac_numbers out;
    uint16_t *samples; /* of all planes, where they are a chain or series; it may be `out` */
    ac_coded_piece *pieces;
} decoding;

/* That of a piece's planes. */
static const ac_plane_map *map_of(const ac_opened *s, const ac_place *place)
{
    const uint32_t index = s->maps.of ? s->maps.of[place->plane] : 0;
    return index ? &s->maps.maps[index - 1] : &s->causal.map;
}

/* What a piece holds before its samples. */
typedef struct {
    uint8_t *mask; /* owned; NULL where no number is blank */
    ac_low_bits low;
} before;

static int read_before(const decoding *d, const ac_place *place, ac_reader *r, before *b)
{
    const ac_opened *s = d->stream;
    const ac_plane_map *map = map_of(s, place);
    uint64_t count = (uint64_t)place->height * place->width, marked = 0;
    b->mask = NULL;
    if (s->blanks.count) {
        b->mask = malloc((size_t)count);
        if (!b->mask) return r->why.status = AC_ERROR_MEMORY;
        if (ac_mask_read(r, s->blanks.count, place->height, place->width, b->mask, &marked)) return r->why.status;
    }
    if (!marked) free(b->mask), b->mask = NULL;
    return ac_low_bits_read(r, count - marked, &map->map, map->low_bits, &b->low);
}

/* Low bits of the next n numbers, zeros where they are blank. */
static void low_bits_of(ac_low_bits *low, const uint8_t *mask, size_t n, uint64_t *bits)
{
    size_t kept = n;
    for (size_t i = 0; mask && i < n; i++) kept -= mask[i] != 0;
    ac_low_bits_get(low, kept, bits);
    for (size_t i = n; mask && i-- > 0;) bits[i] = mask[i] ? 0 : bits[--kept];
}

/* Bits of floats out of the integers of their bins. */
static int floats_of_bins(const ac_pixel_map *map, int dtype, ac_low_bits *low, const uint8_t *mask, uint64_t *u, size_t n, ac_refusal *why)
{
    const ac_bins bins = ac_map_bins(map, dtype);
    uint8_t bits[CHUNK];
    if (!ac_pixels_bins(map, dtype, u, n, why)) return why->status;
    for (size_t i = 0; i < n; i++) {
        uint32_t width;
        u[i] = ac_bin_start(&bins, (int64_t)u[i], &width);
        bits[i] = (uint8_t)width;
    }
    for (size_t i = 0; mask && i < n; i++) bits[i] = mask[i] ? 0 : bits[i];
    if (ac_places_add(low, n, bits, u, why)) return why->status;
    for (size_t i = 0; map->trailing && i < n; i++) u[i] <<= map->trailing;
    return AC_OK;
}

static void put_blanks(const decoding *d, const uint8_t *mask, size_t n, uint64_t first)
{
    for (size_t i = 0; i < n; i++)
        if (mask[i]) ac_pixels_put(&d->out, &d->stream->blanks.values[mask[i] - 1], 1, first + i);
}

/* Numbers out of samples, whose rows are `stride` apart, and low bits. in_place: the samples are where the numbers go. */
static int restore(const decoding *d, const ac_place *place, uint16_t *samples, size_t stride, int in_place, before *b, ac_refusal *why)
{
    const ac_plane_map *c = map_of(d->stream, place);
    const ac_runs runs = ac_runs_of(&d->stream->grid.planes, place);
    const int is_bins = c->map.kind == AC_KIND_BINS;
    const uint8_t *mask = b->mask;
    uint64_t u[CHUNK], bits[CHUNK];
    for (uint64_t row = 0; row < runs.rows; row++) {
        const uint64_t first = runs.first + row * runs.step;
        uint16_t *from = samples + row * stride;
        if (in_place && !c->low_bits && ac_pixels_restore_words(&c->map, from, runs.length)) {
            if (mask) put_blanks(d, mask, runs.length, first), mask += runs.length;
            continue;
        }
        for (size_t done = 0; done < runs.length; done += CHUNK) {
            const size_t n = runs.length - done < CHUNK ? runs.length - done : CHUNK;
            for (size_t i = 0; i < n; i++) u[i] = (uint64_t)from[done + i] << c->low_bits;
            if (c->low_bits) {
                low_bits_of(&b->low, mask, n, bits);
                for (size_t i = 0; i < n; i++) u[i] |= bits[i];
            }
            if (is_bins) {
                if (floats_of_bins(&c->map, d->out.dtype, &b->low, mask, u, n, why)) return why->status;
                ac_pixels_put(&d->out, u, n, first + done);
            } else if (ac_pixels_restore(&c->map, &d->out, u, n, first + done, why)) {
                return why->status;
            }
            if (mask) put_blanks(d, mask, n, first + done), mask += n;
        }
    }
    return is_bins ? ac_places_end(&b->low, why) : AC_OK;
}

/* Whether samples are decoded to where the numbers go. */
static int is_in_place(const decoding *d) { return !d->out.half && ac_number_bytes(d->out.dtype) == sizeof(uint16_t); }

static void decode_piece(const decoding *d, size_t index, ac_span bytes, ac_refusal *why)
{
    const ac_opened *s = d->stream;
    const ac_place place = ac_piece_place(&s->grid, index);
    const size_t count = (size_t)place.height * place.width;
    ac_reader r = {.data = bytes.bytes, .length = bytes.length};
    before b;
    if (read_before(d, &place, &r, &b)) {
        free(b.mask);
        *why = r.why;
        return;
    }
    const int in_place = is_in_place(d);
    uint16_t *all = d->samples ? d->samples : in_place ? (uint16_t *)d->out.data : NULL;
    uint16_t *samples = all ? all + ac_place_first(&s->grid.planes, &place) : malloc(count * sizeof *samples);
    const size_t stride = all ? (size_t)s->grid.planes.width : place.width;
    if (!samples) {
        free(b.mask);
        why->status = AC_ERROR_MEMORY;
        return;
    }
    const int status = ac_piece_decode_or_say(d->model, bytes.bytes + r.at, bytes.length - r.at, samples, place.height, place.width, stride, d->flags, why);
    if (!status && !d->samples) restore(d, &place, samples, stride, in_place, &b, why);
    why->at += r.at;
    free(b.mask);
    if (!all) free(samples);
}

static void run_decode(void *work, size_t index)
{
    const decoding *d = work;
    const uint64_t before = ac_float_state_standard();
    d->pieces[index].why.status = AC_OK;
    decode_piece(d, index, d->pieces[index].bytes, &d->pieces[index].why);
    ac_float_state_back(before);
}

static void run_undo(void *work, size_t index)
{
    const decoding *d = work;
    ac_chain_undo_task(&d->stream->chain, &d->stream->grid.planes, index, d->samples);
}

/* Numbers out of the samples of a piece of a chain or of series. */
static void run_restore(void *work, size_t index)
{
    const uint64_t state = ac_float_state_standard();
    const decoding *d = work;
    const ac_opened *s = d->stream;
    const ac_place place = ac_piece_place(&s->grid, index);
    ac_reader r = {.data = d->pieces[index].bytes.bytes, .length = d->pieces[index].bytes.length};
    before b;
    d->pieces[index].why.status = AC_OK;
    if (read_before(d, &place, &r, &b)) /* it was read before, but memory may be short now */
        d->pieces[index].why = r.why;
    else
        restore(d, &place, d->samples + ac_place_first(&s->grid.planes, &place), (size_t)s->grid.planes.width, is_in_place(d), &b, &d->pieces[index].why);
    free(b.mask);
    ac_float_state_back(state);
}

/* Whether all pieces went well. */
static int check_pieces(ac_opened *s, ac_coded_piece *pieces)
{
    for (size_t i = 0; i < s->piece_count; i++) {
        const ac_refusal *why = &pieces[i].why;
        if (why->status == AC_NOT_RUN) return ac_fault_plain(s->fault, AC_ERROR_ARGUMENT);
        if (why->status) return ac_opened_refuse_piece(s, i, why, (uint64_t)(pieces[i].bytes.bytes - s->stream));
        pieces[i].why.status = AC_NOT_RUN;
    }
    return AC_OK;
}

static int decode_pieces(ac_opened *s, const ac_model *model, int flags, const ac_parallel *parallel, void *out)
{
    decoding d = {s, model, flags, ac_numbers_of(&s->array, out, s->header.count), NULL, calloc(s->piece_count, sizeof(ac_coded_piece))};
    const int are_left = s->is_chain || s->is_series;
    if (are_left) d.samples = is_in_place(&d) ? out : malloc((size_t)s->header.count * sizeof *d.samples);
    int status = d.pieces && (d.samples || !are_left) ? ac_opened_pieces(s, d.pieces) : ac_fault_plain(s->fault, AC_ERROR_MEMORY);
    if (!status) {
        ac_run(parallel, run_decode, &d, s->piece_count);
        status = check_pieces(s, d.pieces);
    }
    if (!status && s->is_chain) ac_run(parallel, run_undo, &d, ac_chain_tasks(&s->grid.planes));
    if (!status && s->is_series) status = ac_fault_plain(s->fault, ac_series_undo(&s->series, &s->grid.planes, d.samples));
    if (!status && are_left) {
        ac_run(parallel, run_restore, &d, s->piece_count);
        status = check_pieces(s, d.pieces);
    }
    if (d.samples != out) free(d.samples);
    free(d.pieces);
    return status;
}

/* Model */

/* `owned` is to be freed. */
static int find_model(ac_opened *s, const ac_model *const *models, size_t count, const ac_model **found, ac_model **owned)
{
    const uint8_t *name = s->causal.fingerprint;
    for (size_t i = 0; i < count; i++)
        if (!memcmp(models[i]->fingerprint, name, 8)) {
            *found = models[i];
            return AC_OK;
        }
    const ac_span file = s->header.model;
    int status = ac_model_find(name, found);
    if (status != AC_ERROR_NO_MODEL) return ac_fault_plain(s->fault, status);
    if (file.bytes) status = ac_model_read_file(file.bytes, file.length, owned);
    if (status == AC_ERROR_NO_MODEL) return ac_opened_refuse(s, AC_REASON_NO_MODEL, 0, ac_fingerprint_number(name), 0);
    ac_refusal why = {status, AC_REASON_MODEL, 0, 0, 0};
    if (!status && !memcmp((*owned)->fingerprint, name, 8)) {
        *found = *owned;
        return AC_OK;
    }
    if (!status) why = (ac_refusal){AC_ERROR_CORRUPT, AC_REASON_MODEL_OTHER, 0, ac_fingerprint_number(name), 0};
    if (status == AC_ERROR_MEMORY) return ac_fault_plain(s->fault, status);
    return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_MODEL, &why, (uint64_t)(file.bytes - s->stream));
}

/* Whole streams */

/* What decoding is given beside the stream. */
typedef struct {
    const ac_model *const *models;
    size_t model_count;
    const ac_reference *reference; /* or NULL */
    int flags;
    const ac_parallel *parallel;
    int32_t *steps; /* where those go, or NULL: nobody asks */
} given;

static int decode_stream(ac_opened *s, const given *g, void *out, size_t capacity);

/* Says which reference is needed. */
static int refuse_reference(ac_opened *s, int reason)
{
    const ac_outside *o = &s->outside;
    char *said = s->fault->said;
    for (int i = 0; i < AC_HASH_SIZE; i++) snprintf(said + 2 * i, 3, "%02x", o->hash[i]);
    if (o->name.length) snprintf(said + 2 * AC_HASH_SIZE, sizeof s->fault->said - 2 * AC_HASH_SIZE, ", %.*s", (int)o->name.length, (const char *)o->name.bytes);
    return ac_opened_refuse(s, reason, 0, 0, 0);
}

/* Decodes the reference that goes along; `owned` is to be freed. */
static int decode_inner(ac_opened *s, const given *g, ac_reference *reference, void **owned)
{
    ac_opened inner = {.stream = s->inner.bytes, .length = s->inner.length, .fault = s->fault};
    const ac_outside *o = &s->outside;
    const size_t size = ac_array_size(&o->array);
    int status = ac_opened_read(&inner);
    const ac_array *array = &inner.header.array;
    const int is_other = !status && (inner.is_beside || inner.header.codec > AC_CAUSAL || array->dtype != o->array.dtype || array->ndim != o->array.ndim ||
                                     memcmp(array->shape, o->array.shape, (size_t)array->ndim * sizeof *array->shape));
    if (is_other) status = AC_ERROR_CORRUPT;
    *owned = status ? NULL : malloc(size + 1);
    if (!status && !*owned) status = ac_fault_plain(s->fault, AC_ERROR_MEMORY);
    if (!status) status = decode_stream(&inner, g, *owned, size);
    ac_opened_free(&inner);
    *reference = (ac_reference){o->array, *owned};
    if (!status || status == AC_ERROR_MEMORY || status == AC_ERROR_NO_MODEL) return status;
    return ac_opened_refuse(s, AC_REASON_REFERENCE_INNER, (uint64_t)(s->inner.bytes - s->stream), 0, 0);
}

/* The reference, whose elements were compared with their hash; `owned` is to be freed. */
static int find_reference(ac_opened *s, const given *g, ac_reference *found, void **owned)
{
    if (!s->is_beside) return AC_OK;
    int status = AC_OK;
    if (s->inner.bytes)
        status = decode_inner(s, g, found, owned);
    else if (g->reference)
        *found = *g->reference;
    else
        status = refuse_reference(s, AC_REASON_REFERENCE_NEEDED);
    if (status) return status;
    status = ac_outside_check(&s->outside, &found->array, found->data);
    if (status != AC_ERROR_REFERENCE) return status ? ac_fault_plain(s->fault, status) : AC_OK;
    if (s->inner.bytes) return ac_opened_refuse(s, AC_REASON_REFERENCE_INNER, (uint64_t)(s->inner.bytes - s->stream), 0, 0);
    return refuse_reference(s, AC_REASON_REFERENCE_OTHER);
}

/* Decodes the pieces, and brings what was coded into the array's own order of axes. */
static int decode_in_order(ac_opened *s, const ac_model *model, const given *g, void *out)
{
    if (!s->is_turned) return decode_pieces(s, model, g->flags, g->parallel, out);
    void *turned = malloc(ac_array_size(&s->array));
    if (!turned) return ac_fault_plain(s->fault, AC_ERROR_MEMORY);
    const int status = decode_pieces(s, model, g->flags, g->parallel, turned);
    if (!status) ac_axes_turn_back(&s->coded, &s->axes, turned, out);
    free(turned);
    return status;
}

/* Elements, which may be floats of the steps that are decoded. */
static int decode_elements(ac_opened *s, const ac_model *model, const given *g, void *out)
{
    if (!s->is_quantised) return decode_in_order(s, model, g, out);
    /* They are restored where they are: of wider elements in the second half. */
    const size_t steps_size = ac_array_size(&s->coded), size = ac_array_size(&s->header.array);
    void *own = !g->steps && size < steps_size ? malloc(steps_size) : NULL, *steps = g->steps ? (void *)g->steps : own;
    if (!steps && size < steps_size) return ac_fault_plain(s->fault, AC_ERROR_MEMORY);
    if (!steps) steps = (uint8_t *)out + (size - steps_size);
    int status = decode_in_order(s, model, g, steps);
    if (!status) status = ac_fault_plain(s->fault, ac_quantise_restore(&s->quantised, &s->header.array, steps, out));
    free(own);
    return status;
}

static int decode_causal(ac_opened *s, const given *g, void *out)
{
    const ac_model *model;
    ac_model *owned = NULL;
    ac_reference reference = {0};
    void *inner = NULL;
    int status = ac_opened_pieces(s, NULL);
    if (!status) status = find_model(s, g->models, g->model_count, &model, &owned);
    if (!status) status = find_reference(s, g, &reference, &inner);
    if (!status) status = decode_elements(s, model, g, out);
    if (!status && s->is_beside) {
        status = ac_outside_apply(&s->outside, &s->header.array, reference.data, out, out, 1);
        if (status) ac_fault_plain(s->fault, status);
    }
    free(inner);
    ac_model_free(owned);
    return status;
}

static int decode_flags(ac_opened *s, void *out)
{
    ac_refusal why = {0};
    size_t part;
    if (!ac_flags_decode(&s->flags, s->data, out, &part, &why)) return AC_OK;
    if (!why.reason) return ac_fault_plain(s->fault, why.status);
    s->fault->plane = s->fault->column = 0, s->fault->row = part * s->flags.part_rows;
    return ac_opened_refuse_in(s, AC_IN_PIECE, part, &why, (uint64_t)(s->data.bytes - s->stream));
}

static int decode_visibilities(ac_opened *s, void *out, size_t size)
{
    const ac_span p = s->header.parameters;
    const int status = ac_visibility_decode(p.bytes, p.length, s->data.bytes, s->data.length, &s->header.array, out, size, s->fault);
    if (status && s->fault) s->fault->at += (uint64_t)(s->data.bytes - s->stream);
    return status;
}

static int decode_opened(ac_opened *s, const given *g, void *out)
{
    const ac_header *h = &s->header;
    const size_t end = s->length - AC_CHECKSUM_SIZE, size = ac_array_size(&h->array);
    const uint32_t expected = ac_get_u32(s->stream + end);
    if (h->checksum_kind && ac_crc32c(0, s->stream, end) != expected) return ac_opened_refuse(s, AC_REASON_BYTES_CHECKSUM, end, 0, 0);
    int status = AC_OK;
    if (h->codec == AC_CAUSAL)
        status = decode_causal(s, g, out);
    else if (h->codec == AC_STORED)
        ac_copy_little_endian(out, s->data.bytes, size / ac_number_bytes(h->array.dtype), ac_number_bytes(h->array.dtype));
    else if (h->codec == AC_FLAGS)
        status = decode_flags(s, out);
    else if (h->codec == AC_VISIBILITY)
        status = decode_visibilities(s, out, size);
    else
        status = ac_foreign_decode(h, s->stream, s->length, out, size, s->fault);
    if (status || h->checksum_kind) return status;
    return ac_stream_checksum(s->stream, h->length, &h->array, out) == expected ? AC_OK : ac_opened_refuse(s, AC_REASON_CHECKSUM, end, 0, 0);
}

static int decode_stream(ac_opened *s, const given *g, void *out, size_t capacity)
{
    if ((!out && s->header.count) || (g->steps && !s->is_quantised)) return ac_fault_plain(s->fault, AC_ERROR_ARGUMENT);
    if (capacity < ac_array_size(&s->header.array)) return ac_fault_plain(s->fault, AC_ERROR_SPACE);
    return decode_opened(s, g, out);
}

static int decode_given(const given *g, const uint8_t *stream, size_t length, void *out, size_t capacity, ac_fault *fault)
{
    ac_fault own;
    if (!fault) fault = &own;
    memset(fault, 0, sizeof *fault);
    if (!stream || (g->model_count && !g->models) || (g->reference && !g->reference->data) || !ac_kernel_of(g->flags)) return ac_fault_plain(fault, AC_ERROR_ARGUMENT);
    for (size_t i = 0; i < g->model_count; i++)
        if (!g->models[i]) return ac_fault_plain(fault, AC_ERROR_ARGUMENT);
    const uint64_t before = ac_float_state_standard();
    ac_opened s = {.stream = stream, .length = length, .fault = fault};
    int status = ac_opened_read(&s);
    if (!status) status = decode_stream(&s, g, out, capacity);
    ac_opened_free(&s);
    ac_float_state_back(before);
    return status;
}

int ac_stream_decode_with(const ac_model *const *models, size_t count, const ac_reference *reference, const uint8_t *stream, size_t length, void *out,
                          size_t capacity, int flags, const ac_parallel *parallel, ac_fault *fault)
{
    const given g = {models, count, reference, flags, parallel, NULL};
    return decode_given(&g, stream, length, out, capacity, fault);
}

int ac_stream_decode_steps(const ac_model *const *models, size_t count, const uint8_t *stream, size_t length, void *out, size_t capacity, int32_t *steps,
                           int flags, const ac_parallel *parallel, ac_fault *fault)
{
    const given g = {models, count, NULL, flags, parallel, steps};
    return decode_given(&g, stream, length, out, capacity, fault);
}

int ac_stream_decode(const ac_model *const *models, size_t count, const uint8_t *stream, size_t length, void *out, size_t capacity, int flags,
                     ac_fault *fault)
{
    return ac_stream_decode_with(models, count, NULL, stream, length, out, capacity, flags, NULL, fault);
}

/* References */

int ac_reference_apply(const uint8_t *section, size_t length, const ac_array *array, const ac_reference *reference, const void *from, void *to, int undo,
                       ac_fault *fault)
{
    ac_fault own;
    uint64_t count;
    if (!fault) fault = &own;
    memset(fault, 0, sizeof *fault);
    if (!section || !array || !reference || !reference->data || !from || !to) return ac_fault_plain(fault, AC_ERROR_ARGUMENT);
    if (ac_array_count(array, &count) || !count || array->dtype > AC_I8) return ac_fault_plain(fault, AC_ERROR_ARGUMENT);
    ac_opened s = {.stream = section, .fault = fault};
    ac_reader reader = {.data = section, .length = length};
    if (ac_outside_read(&reader, array, &s.outside)) return ac_opened_refuse_in(&s, AC_IN_SECTION, AC_SECTION_REFERENCE, &reader.why, 0);
    int status = ac_outside_check(&s.outside, &reference->array, reference->data);
    if (status == AC_ERROR_REFERENCE) return refuse_reference(&s, AC_REASON_REFERENCE_OTHER);
    const uint64_t before = ac_float_state_standard();
    if (!status) status = ac_outside_apply(&s.outside, array, reference->data, from, to, undo);
    ac_float_state_back(before);
    return status ? ac_fault_plain(fault, status) : AC_OK;
}
