#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axes.h"
#include "blanks.h"
#include "bytes.h"
#include "chain.h"
#include "cuts.h"
#include "float_state.h"
#include "foreign.h"
#include "kernels/kernel.h"
#include "model.h"
#include "outside.h"
#include "quantise.h"
#include "split.h"
#include "stream.h"
#include "piece.h"

enum { CHUNK = 1024 };

/* Where the parts of a stream are. */
typedef struct {
    const uint8_t *stream;
    size_t length;
    ac_header header;
    int is_quantised;     /* whether `quantised` holds */
    ac_quantised quantised;
    ac_array coded;       /* the array, or its steps */
    int is_turned;        /* whether `axes` holds */
    ac_axes axes;
    ac_array array;       /* what is coded, in the order of axes in which it is */
    ac_causal causal;     /* of a stream of this codec, as the grid and the chain */
    ac_grid grid;
    int is_chain;         /* whether `chain` holds for the planes */
    ac_chain chain;
    int is_beside;        /* whether `outside` holds */
    ac_outside outside;
    ac_span inner;        /* stream of the reference, where it goes along */
    ac_blanks blanks;     /* none where there is no mask */
    ac_plane_maps maps;   /* none where all planes have that of the parameters */
    size_t piece_count;
    ac_span data, pieces; /* without the checksum; without `inner` */
    int is_read;          /* all that precedes the data, the parameters of a codec of ours too */
    ac_fault *fault;
} opened;

static int refuse(opened *s, int reason, uint64_t at, uint64_t found, uint64_t allowed)
{
    const ac_refusal why = {ac_status_of(reason), reason, at, found, allowed};
    return ac_fault_take(s->fault, &why, 0);
}

static int refuse_in(opened *s, int part, uint64_t index, const ac_refusal *why, uint64_t origin)
{
    s->fault->part = part;
    s->fault->index = index;
    return ac_fault_take(s->fault, why, origin);
}

static int read_head(opened *s)
{
    ac_reader reader = {.data = s->stream, .length = s->length};
    if (!ac_header_read(&reader, &s->header)) return AC_OK;
    const int section = s->header.at_section;
    return refuse_in(s, section < 0 ? AC_IN_STREAM : AC_IN_SECTION, section < 0 ? 0 : (uint64_t)section, &reader.why, 0);
}

/* Of complex numbers, or of a codec of ours that has none. */
static int refuse_chain(opened *s)
{
    const ac_refusal why = {AC_ERROR_CORRUPT, AC_REASON_CHAIN_NONE, 0, 0, 0};
    return refuse_in(s, AC_IN_SECTION, AC_SECTION_PLANES, &why, (uint64_t)(s->header.planes.bytes - s->stream));
}

/* Of a codec that has no reference. */
static int refuse_outside(opened *s)
{
    const ac_refusal why = {AC_ERROR_CORRUPT, AC_REASON_REFERENCE_NONE, 0, 0, 0};
    return refuse_in(s, AC_IN_SECTION, AC_SECTION_REFERENCE, &why, (uint64_t)(s->header.reference.bytes - s->stream));
}

/* Of a codec that has no order of axes. */
static int refuse_axes(opened *s)
{
    const ac_refusal why = {AC_ERROR_CORRUPT, AC_REASON_AXES_NONE, 0, 0, 0};
    return refuse_in(s, AC_IN_SECTION, AC_SECTION_AXES, &why, (uint64_t)(s->header.axes.bytes - s->stream));
}

/* Of a codec that has no steps, or of elements that are made of none. */
static int refuse_quantised(opened *s)
{
    const ac_refusal why = {AC_ERROR_CORRUPT, AC_REASON_QUANTISE_NONE, 0, 0, 0};
    return refuse_in(s, AC_IN_SECTION, AC_SECTION_QUANTISE, &why, (uint64_t)(s->header.quantise.bytes - s->stream));
}

/* So many elements in so few bytes; then no memory is taken for them. */
static int check_stored(opened *s)
{
    const uint64_t size = s->header.count * ac_item_bytes(s->header.array.dtype);
    if (s->header.planes.bytes) return refuse_chain(s);
    if (s->header.parameters.length) {
        const ac_refusal why = {AC_ERROR_CORRUPT, AC_REASON_PARAMETERS_LONG, 0, s->header.parameters.length, 0};
        return refuse_in(s, AC_IN_SECTION, AC_SECTION_CODEC, &why, (uint64_t)(s->header.parameters.bytes - s->stream));
    }
    s->is_read = 1;
    if (size == s->data.length) return AC_OK;
    return refuse(s, s->data.length < size ? AC_REASON_STORED_CUT : AC_REASON_STORED_LONG, s->header.length, s->data.length, size);
}

static int check_axes(opened *s)
{
    const ac_span section = s->header.axes;
    s->coded = s->header.array;
    if (s->is_quantised) s->coded.dtype = AC_I4;
    s->array = s->coded;
    if (!section.bytes) return AC_OK;
    ac_reader reader = {.data = section.bytes, .length = section.length};
    if (ac_axes_read(&reader, s->array.ndim, &s->axes))
        return refuse_in(s, AC_IN_SECTION, AC_SECTION_AXES, &reader.why, (uint64_t)(section.bytes - s->stream));
    s->is_turned = 1;
    s->array = ac_axes_turned(&s->coded, &s->axes);
    return AC_OK;
}

static int check_chain(opened *s)
{
    const ac_span section = s->header.planes;
    if (!section.bytes) return AC_OK;
    if (ac_is_complex(s->header.array.dtype)) return refuse_chain(s);
    ac_reader reader = {.data = section.bytes, .length = section.length};
    s->is_chain = 1;
    if (!ac_chain_read(&reader, &s->grid.planes, &s->chain)) return AC_OK;
    return refuse_in(s, AC_IN_SECTION, AC_SECTION_PLANES, &reader.why, (uint64_t)(section.bytes - s->stream));
}

static int check_outside(opened *s)
{
    const ac_span section = s->header.reference;
    s->pieces = s->data;
    if (!section.bytes) return AC_OK;
    if (s->header.array.dtype > AC_I8) return refuse_outside(s);
    ac_reader reader = {.data = section.bytes, .length = section.length};
    s->is_beside = 1;
    if (!ac_outside_read(&reader, &s->header.array, &s->outside)) return AC_OK;
    return refuse_in(s, AC_IN_SECTION, AC_SECTION_REFERENCE, &reader.why, (uint64_t)(section.bytes - s->stream));
}

/* The reference's own stream, where it stands before the pieces. */
static int find_inner(opened *s)
{
    if (!s->is_beside || !s->outside.is_embedded) return AC_OK;
    ac_reader r = {.data = s->data.bytes, .length = s->data.length};
    const uint64_t length = ac_take_varint(&r, UINT64_MAX);
    const uint8_t *bytes = ac_take(&r, length);
    if (r.why.status) return refuse_in(s, AC_IN_STREAM, 0, &r.why, s->header.length);
    s->inner = (ac_span){bytes, (size_t)length};
    s->pieces = (ac_span){s->data.bytes + r.at, s->data.length - r.at};
    return AC_OK;
}

static int read_cuts(opened *s)
{
    const ac_span span = s->header.cuts;
    const ac_grid *g = &s->grid;
    if (!span.bytes) return AC_OK;
    ac_reader reader = {.data = span.bytes, .length = span.length};
    if (g->sides.height > g->planes.height) ac_fail_reader(&reader, AC_REASON_CUTS_SHARED, 0, g->sides.height, g->planes.height);
    if (!reader.why.status && !ac_cuts_read(&reader, &g->planes, &s->grid.cuts)) return AC_OK;
    return refuse_in(s, AC_IN_SECTION, AC_SECTION_CUTS, &reader.why, (uint64_t)(span.bytes - s->stream));
}

static int read_blanks(opened *s)
{
    const ac_span span = s->header.blanks;
    if (!span.bytes) return AC_OK;
    ac_reader reader = {.data = span.bytes, .length = span.length};
    if (!ac_blanks_read(&reader, s->array.dtype, &s->blanks)) return AC_OK;
    return refuse_in(s, AC_IN_SECTION, AC_SECTION_BLANKS, &reader.why, (uint64_t)(span.bytes - s->stream));
}

static int read_maps(opened *s)
{
    const ac_header *h = &s->header;
    const ac_span span = h->maps;
    const ac_grid *g = &s->grid;
    if (!span.bytes) return AC_OK;
    ac_reader reader = {.data = span.bytes, .length = span.length};
    if (s->is_chain || g->sides.height > g->planes.height) ac_fail_reader(&reader, AC_REASON_MAPS_SHARED, 0, g->sides.height, g->planes.height);
    const uint64_t left = (h->count << ac_is_complex(h->array.dtype)) - s->causal.map.map.value_count; /* for values of sets */
    if (!reader.why.status && !ac_plane_maps_read(&reader, g->planes.count, s->array.dtype, left, &s->maps)) return AC_OK;
    return refuse_in(s, AC_IN_SECTION, AC_SECTION_MAPS, &reader.why, (uint64_t)(span.bytes - s->stream));
}

static int read_quantised(opened *s)
{
    const ac_span span = s->header.quantise;
    if (!span.bytes) return AC_OK;
    ac_reader reader = {.data = span.bytes, .length = span.length};
    if (!ac_quantise_read(&reader, &s->header.array, &s->quantised)) return AC_OK;
    return refuse_in(s, AC_IN_SECTION, AC_SECTION_QUANTISE, &reader.why, (uint64_t)(span.bytes - s->stream));
}

static int check_causal(opened *s)
{
    const ac_header *h = &s->header;
    s->is_quantised = h->quantise.bytes != NULL;
    if (s->is_quantised && h->array.dtype != AC_F4 && h->array.dtype != AC_F8) return refuse_quantised(s);
    int status = check_axes(s);
    if (status) return status;
    ac_reader reader = {.data = h->parameters.bytes, .length = h->parameters.length};
    if (ac_causal_read(&reader, &s->array, &s->causal))
        return refuse_in(s, AC_IN_SECTION, AC_SECTION_CODEC, &reader.why, (uint64_t)(h->parameters.bytes - s->stream));
    s->grid.planes = ac_planes_of(&s->array);
    s->grid.sides = s->causal.sides;
    status = check_chain(s);
    if (!status) status = check_outside(s);
    if (!status) status = read_cuts(s);
    if (!status) status = read_blanks(s);
    if (status) return status;
    s->is_read = 1;
    status = find_inner(s);
    if (status) return status;
    /* Four bytes bound what the largest run of constant pieces can claim. */
    const uint64_t numbers = h->count << ac_is_complex(h->array.dtype), most = AC_MAX_PIXELS / 4, left = s->pieces.length;
    if (numbers / most > left || numbers > left * most || h->count > SIZE_MAX / 16) return refuse(s, AC_REASON_TOO_MANY, h->length, h->count, left);
    const uint64_t count = ac_piece_count(&s->grid);
    if (count > left) return refuse(s, AC_REASON_PIECES_CUT, h->length, count, left);
    s->piece_count = (size_t)count;
    status = read_quantised(s);
    return status ? status : read_maps(s);
}

/* Reads all that precedes the data, and checks that so many bytes can hold such an array. */
static int open_stream(opened *s)
{
    int status = read_head(s);
    if (status) return status;
    const ac_header *h = &s->header;
    if (h->unknown.status) return refuse_in(s, AC_IN_SECTION, (uint64_t)h->unknown_section, &h->unknown, 0);
    const size_t left = s->length - h->length;
    if (left < AC_CHECKSUM_SIZE) return refuse(s, AC_REASON_CUT, h->length, AC_CHECKSUM_SIZE, left);
    s->data = (ac_span){s->stream + h->length, left - AC_CHECKSUM_SIZE};
    if (h->codec == AC_CAUSAL) return check_causal(s);
    if (h->reference.bytes) return refuse_outside(s);
    if (h->axes.bytes) return refuse_axes(s);
    if (h->quantise.bytes) return refuse_quantised(s);
    if (h->codec == AC_STORED) return check_stored(s);
    s->is_read = 1;
    return AC_OK;
}

static void close_stream(opened *s)
{
    ac_causal_free(&s->causal);
    ac_plane_maps_free(&s->maps);
    ac_quantise_free(&s->quantised);
}

/* Pieces */

typedef struct {
    ac_span bytes;
    ac_refusal why;
} piece;

static int refuse_piece(opened *s, size_t index, const ac_refusal *why, uint64_t origin)
{
    const ac_place place = ac_piece_place(&s->grid, index);
    s->fault->plane = place.plane, s->fault->row = place.row, s->fault->column = place.column;
    return refuse_in(s, AC_IN_PIECE, index, why, origin);
}

/* Steps over the pieces; where `pieces` is not NULL it learns where they are. */
static int find_pieces(opened *s, piece *pieces)
{
    ac_reader r = {.data = s->pieces.bytes, .length = s->pieces.length};
    const uint64_t at = (uint64_t)(s->pieces.bytes - s->stream);
    for (size_t i = 0; i < s->piece_count; i++) {
        const uint64_t length = ac_take_varint(&r, UINT64_MAX);
        const uint8_t *bytes = ac_take(&r, length);
        if (r.why.status) return refuse_piece(s, i, &r.why, at);
        if (pieces) pieces[i] = (piece){{bytes, (size_t)length}, {.status = AC_NOT_RUN}};
    }
    return r.at == r.length ? AC_OK : refuse(s, AC_REASON_PIECES_LONG, at + r.at, r.length - r.at, 0);
}

typedef struct {
    const opened *stream;
    const ac_model *model;
    int flags;
    ac_numbers out;
    uint16_t *samples; /* of all planes, where they are a chain; it may be `out` */
    piece *pieces;
} decoding;

/* That of a piece's planes. */
static const ac_plane_map *map_of(const opened *s, const ac_place *place)
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
    const opened *s = d->stream;
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
    const opened *s = d->stream;
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

/* Numbers out of the samples of a chain's piece. */
static void run_restore(void *work, size_t index)
{
    const uint64_t state = ac_float_state_standard();
    const decoding *d = work;
    const opened *s = d->stream;
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
static int check_pieces(opened *s, piece *pieces)
{
    for (size_t i = 0; i < s->piece_count; i++) {
        const ac_refusal *why = &pieces[i].why;
        if (why->status == AC_NOT_RUN) return ac_fault_plain(s->fault, AC_ERROR_ARGUMENT);
        if (why->status) return refuse_piece(s, i, why, (uint64_t)(pieces[i].bytes.bytes - s->stream));
        pieces[i].why.status = AC_NOT_RUN;
    }
    return AC_OK;
}

static int decode_pieces(opened *s, const ac_model *model, int flags, const ac_parallel *parallel, void *out)
{
    decoding d = {s, model, flags, ac_numbers_of(&s->array, out, s->header.count), NULL, calloc(s->piece_count, sizeof(piece))};
    if (s->is_chain) d.samples = is_in_place(&d) ? out : malloc((size_t)s->header.count * sizeof *d.samples);
    int status = d.pieces && (d.samples || !s->is_chain) ? find_pieces(s, d.pieces) : ac_fault_plain(s->fault, AC_ERROR_MEMORY);
    if (!status) {
        ac_run(parallel, run_decode, &d, s->piece_count);
        status = check_pieces(s, d.pieces);
    }
    if (!status && s->is_chain) {
        ac_run(parallel, run_undo, &d, ac_chain_tasks(&s->grid.planes));
        ac_run(parallel, run_restore, &d, s->piece_count);
        status = check_pieces(s, d.pieces);
    }
    if (d.samples != out) free(d.samples);
    free(d.pieces);
    return status;
}

/* Model */

/* `owned` is to be freed. */
static int find_model(opened *s, const ac_model *const *models, size_t count, const ac_model **found, ac_model **owned)
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
    if (status == AC_ERROR_NO_MODEL) return refuse(s, AC_REASON_NO_MODEL, 0, ac_fingerprint_number(name), 0);
    ac_refusal why = {status, AC_REASON_MODEL, 0, 0, 0};
    if (!status && !memcmp((*owned)->fingerprint, name, 8)) {
        *found = *owned;
        return AC_OK;
    }
    if (!status) why = (ac_refusal){AC_ERROR_CORRUPT, AC_REASON_MODEL_OTHER, 0, ac_fingerprint_number(name), 0};
    if (status == AC_ERROR_MEMORY) return ac_fault_plain(s->fault, status);
    return refuse_in(s, AC_IN_SECTION, AC_SECTION_MODEL, &why, (uint64_t)(file.bytes - s->stream));
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

static int decode_stream(opened *s, const given *g, void *out, size_t capacity);

/* Says which reference is needed. */
static int refuse_reference(opened *s, int reason)
{
    const ac_outside *o = &s->outside;
    char *said = s->fault->said;
    for (int i = 0; i < AC_HASH_SIZE; i++) snprintf(said + 2 * i, 3, "%02x", o->hash[i]);
    if (o->name.length) snprintf(said + 2 * AC_HASH_SIZE, sizeof s->fault->said - 2 * AC_HASH_SIZE, ", %.*s", (int)o->name.length, (const char *)o->name.bytes);
    return refuse(s, reason, 0, 0, 0);
}

/* Decodes the reference that goes along; `owned` is to be freed. */
static int decode_inner(opened *s, const given *g, ac_reference *reference, void **owned)
{
    opened inner = {.stream = s->inner.bytes, .length = s->inner.length, .fault = s->fault};
    const ac_outside *o = &s->outside;
    const size_t size = ac_array_size(&o->array);
    int status = open_stream(&inner);
    const ac_array *array = &inner.header.array;
    const int is_other = !status && (inner.is_beside || inner.header.codec > AC_CAUSAL || array->dtype != o->array.dtype || array->ndim != o->array.ndim ||
                                     memcmp(array->shape, o->array.shape, (size_t)array->ndim * sizeof *array->shape));
    if (is_other) status = AC_ERROR_CORRUPT;
    *owned = status ? NULL : malloc(size + 1);
    if (!status && !*owned) status = ac_fault_plain(s->fault, AC_ERROR_MEMORY);
    if (!status) status = decode_stream(&inner, g, *owned, size);
    close_stream(&inner);
    *reference = (ac_reference){o->array, *owned};
    if (!status || status == AC_ERROR_MEMORY || status == AC_ERROR_NO_MODEL) return status;
    return refuse(s, AC_REASON_REFERENCE_INNER, (uint64_t)(s->inner.bytes - s->stream), 0, 0);
}

/* The reference, whose elements were compared with their hash; `owned` is to be freed. */
static int find_reference(opened *s, const given *g, ac_reference *found, void **owned)
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
    if (s->inner.bytes) return refuse(s, AC_REASON_REFERENCE_INNER, (uint64_t)(s->inner.bytes - s->stream), 0, 0);
    return refuse_reference(s, AC_REASON_REFERENCE_OTHER);
}

/* Decodes the pieces, and brings what was coded into the array's own order of axes. */
static int decode_in_order(opened *s, const ac_model *model, const given *g, void *out)
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
static int decode_elements(opened *s, const ac_model *model, const given *g, void *out)
{
    if (!s->is_quantised) return decode_in_order(s, model, g, out);
    /* They are restored where they are: of wider elements in the second half. */
    const size_t steps_size = ac_array_size(&s->coded), unused = ac_array_size(&s->header.array) - steps_size;
    void *steps = g->steps ? (void *)g->steps : (uint8_t *)out + unused;
    const int status = decode_in_order(s, model, g, steps);
    return status ? status : ac_fault_plain(s->fault, ac_quantise_restore(&s->quantised, &s->header.array, steps, out));
}

static int decode_causal(opened *s, const given *g, void *out)
{
    const ac_model *model;
    ac_model *owned = NULL;
    ac_reference reference = {0};
    void *inner = NULL;
    int status = find_pieces(s, NULL);
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

static int decode_opened(opened *s, const given *g, void *out)
{
    const ac_header *h = &s->header;
    const size_t end = s->length - AC_CHECKSUM_SIZE, size = ac_array_size(&h->array);
    const uint32_t expected = ac_get_u32(s->stream + end);
    if (h->checksum_kind && ac_crc32c(0, s->stream, end) != expected) return refuse(s, AC_REASON_BYTES_CHECKSUM, end, 0, 0);
    int status = AC_OK;
    if (h->codec == AC_CAUSAL)
        status = decode_causal(s, g, out);
    else if (h->codec == AC_STORED)
        ac_copy_little_endian(out, s->data.bytes, size / ac_number_bytes(h->array.dtype), ac_number_bytes(h->array.dtype));
    else
        status = ac_foreign_decode(h, s->stream, s->length, out, size, s->fault);
    if (status || h->checksum_kind) return status;
    return ac_stream_checksum(s->stream, h->length, &h->array, out) == expected ? AC_OK : refuse(s, AC_REASON_CHECKSUM, end, 0, 0);
}

static int decode_stream(opened *s, const given *g, void *out, size_t capacity)
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
    opened s = {.stream = stream, .length = length, .fault = fault};
    int status = open_stream(&s);
    if (!status) status = decode_stream(&s, g, out, capacity);
    close_stream(&s);
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

/* Looking into a stream */

static void tell(const opened *s, ac_stream_info *info)
{
    const ac_header *h = &s->header;
    const ac_span spans[] = {h->model, h->name, h->parameters, s->data};
    size_t *places[][2] = {{&info->model_at, &info->model_length},
                           {&info->name_at, &info->name_length},
                           {&info->parameters_at, &info->parameters_length},
                           {&info->data_at, &info->data_length}};
    info->array = h->array;
    info->version = h->version;
    info->codec = h->codec;
    info->checksum_kind = h->checksum_kind;
    info->section_count = h->section_count;
    memcpy(info->sections, h->sections, sizeof info->sections);
    for (int i = 0; i < 4; i++) {
        if (!spans[i].bytes) continue;
        *places[i][0] = (size_t)(spans[i].bytes - s->stream);
        *places[i][1] = spans[i].length;
    }
    info->low_bits = (int32_t)s->causal.map.low_bits;
    info->piece[0] = (uint32_t)s->causal.sides.height;
    info->piece[1] = (uint32_t)s->causal.sides.width;
    memcpy(info->fingerprint, s->causal.fingerprint, sizeof info->fingerprint);
}

int ac_stream_inspect(const uint8_t *stream, size_t length, ac_stream_info *info, ac_fault *fault)
{
    ac_fault own;
    if (!fault) fault = &own;
    memset(fault, 0, sizeof *fault);
    if (!stream || !info) return ac_fault_plain(fault, AC_ERROR_ARGUMENT);
    memset(info, 0, sizeof *info);
    opened s = {.stream = stream, .length = length, .fault = fault};
    int status = open_stream(&s);
    if (!status && s.header.codec == AC_CAUSAL) status = find_pieces(&s, NULL);
    tell(&s, info);
    info->is_whole = !status && s.header.codec <= AC_CAUSAL;
    close_stream(&s);
    /* where too few bytes follow, `is_whole` tells it, and `fault` why */
    return s.is_read ? AC_OK : status;
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
    opened s = {.stream = section, .fault = fault};
    ac_reader reader = {.data = section, .length = length};
    if (ac_outside_read(&reader, array, &s.outside)) return refuse_in(&s, AC_IN_SECTION, AC_SECTION_REFERENCE, &reader.why, 0);
    int status = ac_outside_check(&s.outside, &reference->array, reference->data);
    if (status == AC_ERROR_REFERENCE) return refuse_reference(&s, AC_REASON_REFERENCE_OTHER);
    const uint64_t before = ac_float_state_standard();
    if (!status) status = ac_outside_apply(&s.outside, array, reference->data, from, to, undo);
    ac_float_state_back(before);
    return status ? ac_fault_plain(fault, status) : AC_OK;
}
