#include "stream_open.h"

#include <string.h>

#include "bytes.h"
#include "piece.h"
#include "visibility/block.h"

int ac_opened_refuse(ac_opened *s, int reason, uint64_t at, uint64_t found, uint64_t allowed)
{
    const ac_refusal why = {ac_status_of(reason), reason, at, found, allowed};
    return ac_fault_take(s->fault, &why, 0);
}

int ac_opened_refuse_in(ac_opened *s, int part, uint64_t index, const ac_refusal *why, uint64_t origin)
{
    s->fault->part = part;
    s->fault->index = index;
    return ac_fault_take(s->fault, why, origin);
}

/* A section that has no place in such a stream: of this codec, or of elements of this type. */
static int refuse_section(ac_opened *s, int id, ac_span section, int reason)
{
    const ac_refusal why = {AC_ERROR_CORRUPT, reason, 0, 0, 0};
    return ac_opened_refuse_in(s, AC_IN_SECTION, (uint64_t)id, &why, (uint64_t)(section.bytes - s->stream));
}

static int read_head(ac_opened *s)
{
    ac_reader reader = {.data = s->stream, .length = s->length};
    if (!ac_header_read(&reader, &s->header)) return AC_OK;
    const int section = s->header.at_section;
    return ac_opened_refuse_in(s, section < 0 ? AC_IN_STREAM : AC_IN_SECTION, section < 0 ? 0 : (uint64_t)section, &reader.why, 0);
}

/* So many elements in so few bytes; then no memory is taken for them. */
static int check_stored(ac_opened *s)
{
    const uint64_t size = s->header.count * ac_item_bytes(s->header.array.dtype);
    if (s->header.planes.bytes) return refuse_section(s, AC_SECTION_PLANES, s->header.planes, AC_REASON_CHAIN_NONE);
    if (s->header.series.bytes) return refuse_section(s, AC_SECTION_SERIES, s->header.series, AC_REASON_SERIES_NONE);
    if (s->header.parameters.length) {
        const ac_refusal why = {AC_ERROR_CORRUPT, AC_REASON_PARAMETERS_LONG, 0, s->header.parameters.length, 0};
        return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_CODEC, &why, (uint64_t)(s->header.parameters.bytes - s->stream));
    }
    s->is_read = 1;
    if (size == s->data.length) return AC_OK;
    return ac_opened_refuse(s, s->data.length < size ? AC_REASON_STORED_CUT : AC_REASON_STORED_LONG, s->header.length, s->data.length, size);
}

static int check_flags(ac_opened *s)
{
    const ac_header *h = &s->header;
    ac_refusal why = {0};
    if (h->planes.bytes) return refuse_section(s, AC_SECTION_PLANES, h->planes, AC_REASON_CHAIN_NONE);
    if (h->series.bytes) return refuse_section(s, AC_SECTION_SERIES, h->series, AC_REASON_SERIES_NONE);
    s->is_read = 1;
    if (!ac_flags_read(h, s->data.length, &s->flags, &why)) return AC_OK;
    return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_CODEC, &why, (uint64_t)(h->parameters.bytes - s->stream));
}

static int check_visibilities(ac_opened *s)
{
    const ac_header *h = &s->header;
    ac_refusal why = {0};
    ac_block block;
    if (h->planes.bytes) return refuse_section(s, AC_SECTION_PLANES, h->planes, AC_REASON_CHAIN_NONE);
    if (h->series.bytes) return refuse_section(s, AC_SECTION_SERIES, h->series, AC_REASON_SERIES_NONE);
    s->is_read = 1;
    if (ac_block_read(&block, h->parameters.bytes, h->parameters.length, &h->array, &why))
        return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_CODEC, &why, (uint64_t)(h->parameters.bytes - s->stream));
    const uint64_t samples = ac_block_samples(&block);
    if (block.kind == AC_FLOATS && !s->data.length && samples <= AC_MOST_ZERO) return AC_OK; /* zeros */
    return samples / AC_SAMPLES_A_BYTE > s->data.length ? ac_opened_refuse(s, AC_REASON_TOO_MANY, h->length, samples, s->data.length) : AC_OK;
}

static int check_axes(ac_opened *s)
{
    const ac_span section = s->header.axes;
    s->coded = s->header.array;
    if (s->is_quantised) s->coded.dtype = AC_I4;
    s->array = s->coded;
    if (!section.bytes) return AC_OK;
    ac_reader reader = {.data = section.bytes, .length = section.length};
    if (ac_axes_read(&reader, s->array.ndim, &s->axes))
        return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_AXES, &reader.why, (uint64_t)(section.bytes - s->stream));
    s->is_turned = 1;
    s->array = ac_axes_turned(&s->coded, &s->axes);
    return AC_OK;
}

static int check_chain(ac_opened *s)
{
    const ac_span section = s->header.planes;
    if (!section.bytes) return AC_OK;
    if (ac_is_complex(s->header.array.dtype)) return refuse_section(s, AC_SECTION_PLANES, s->header.planes, AC_REASON_CHAIN_NONE);
    ac_reader reader = {.data = section.bytes, .length = section.length};
    s->is_chain = 1;
    if (!ac_chain_read(&reader, &s->grid.planes, &s->chain)) return AC_OK;
    return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_PLANES, &reader.why, (uint64_t)(section.bytes - s->stream));
}

static int check_series(ac_opened *s)
{
    const ac_span section = s->header.series;
    if (!section.bytes) return AC_OK;
    if (ac_is_complex(s->header.array.dtype) || s->is_chain) return refuse_section(s, AC_SECTION_SERIES, section, AC_REASON_SERIES_NONE);
    ac_reader reader = {.data = section.bytes, .length = section.length};
    s->is_series = 1;
    if (!ac_series_read(&reader, &s->grid.planes, &s->series)) return AC_OK;
    return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_SERIES, &reader.why, (uint64_t)(section.bytes - s->stream));
}

static int check_outside(ac_opened *s)
{
    const ac_span section = s->header.reference;
    s->pieces = s->data;
    if (!section.bytes) return AC_OK;
    if (s->header.array.dtype > AC_I8) return refuse_section(s, AC_SECTION_REFERENCE, s->header.reference, AC_REASON_REFERENCE_NONE);
    ac_reader reader = {.data = section.bytes, .length = section.length};
    s->is_beside = 1;
    if (!ac_outside_read(&reader, &s->header.array, &s->outside)) return AC_OK;
    return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_REFERENCE, &reader.why, (uint64_t)(section.bytes - s->stream));
}

/* The reference's own stream, where it stands before the pieces. */
static int find_inner(ac_opened *s)
{
    if (!s->is_beside || !s->outside.is_embedded) return AC_OK;
    ac_reader r = {.data = s->data.bytes, .length = s->data.length};
    const uint64_t length = ac_take_varint(&r, UINT64_MAX);
    const uint8_t *bytes = ac_take(&r, length);
    if (r.why.status) return ac_opened_refuse_in(s, AC_IN_STREAM, 0, &r.why, s->header.length);
    s->inner = (ac_span){bytes, (size_t)length};
    s->pieces = (ac_span){s->data.bytes + r.at, s->data.length - r.at};
    return AC_OK;
}

static int read_cuts(ac_opened *s)
{
    const ac_span span = s->header.cuts;
    const ac_grid *g = &s->grid;
    if (!span.bytes) return AC_OK;
    ac_reader reader = {.data = span.bytes, .length = span.length};
    if (g->sides.height > g->planes.height) ac_fail_reader(&reader, AC_REASON_CUTS_SHARED, 0, g->sides.height, g->planes.height);
    if (!reader.why.status && !ac_cuts_read(&reader, &g->planes, &s->grid.cuts)) return AC_OK;
    return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_CUTS, &reader.why, (uint64_t)(span.bytes - s->stream));
}

static int read_blanks(ac_opened *s)
{
    const ac_span span = s->header.blanks;
    if (!span.bytes) return AC_OK;
    ac_reader reader = {.data = span.bytes, .length = span.length};
    if (!ac_blanks_read(&reader, s->array.dtype, &s->blanks)) return AC_OK;
    return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_BLANKS, &reader.why, (uint64_t)(span.bytes - s->stream));
}

static int read_maps(ac_opened *s)
{
    const ac_header *h = &s->header;
    const ac_span span = h->maps;
    const ac_grid *g = &s->grid;
    if (!span.bytes) return AC_OK;
    ac_reader reader = {.data = span.bytes, .length = span.length};
    if (s->is_chain || s->is_series || g->sides.height > g->planes.height) ac_fail_reader(&reader, AC_REASON_MAPS_SHARED, 0, g->sides.height, g->planes.height);
    const uint64_t left = (h->count << ac_is_complex(h->array.dtype)) - s->causal.map.map.value_count; /* for values of sets */
    if (!reader.why.status && !ac_plane_maps_read(&reader, g->planes.count, s->array.dtype, left, &s->maps)) return AC_OK;
    return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_MAPS, &reader.why, (uint64_t)(span.bytes - s->stream));
}

static int read_quantised(ac_opened *s)
{
    const ac_span span = s->header.quantise;
    if (!span.bytes) return AC_OK;
    ac_reader reader = {.data = span.bytes, .length = span.length};
    if (!ac_quantise_read(&reader, &s->header.array, &s->quantised)) return AC_OK;
    return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_QUANTISE, &reader.why, (uint64_t)(span.bytes - s->stream));
}

static int check_causal(ac_opened *s)
{
    const ac_header *h = &s->header;
    s->is_quantised = h->quantise.bytes != NULL;
    if (s->is_quantised && !ac_is_quantisable(h->array.dtype)) return refuse_section(s, AC_SECTION_QUANTISE, s->header.quantise, AC_REASON_QUANTISE_NONE);
    int status = check_axes(s);
    if (status) return status;
    ac_reader reader = {.data = h->parameters.bytes, .length = h->parameters.length};
    if (ac_causal_read(&reader, &s->array, &s->causal))
        return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_CODEC, &reader.why, (uint64_t)(h->parameters.bytes - s->stream));
    s->grid.planes = ac_planes_of(&s->array);
    s->grid.sides = s->causal.sides;
    status = check_chain(s);
    if (!status) status = check_series(s);
    if (!status) status = check_outside(s);
    if (!status) status = read_cuts(s);
    if (!status) status = read_blanks(s);
    if (status) return status;
    s->is_read = 1;
    status = find_inner(s);
    if (status) return status;
    /* Four bytes bound what the largest run of constant pieces can claim. */
    const uint64_t numbers = h->count << ac_is_complex(h->array.dtype), most = AC_MAX_PIXELS / 4, left = s->pieces.length;
    if (numbers / most > left || numbers > left * most || h->count > SIZE_MAX / 16) return ac_opened_refuse(s, AC_REASON_TOO_MANY, h->length, h->count, left);
    const uint64_t count = ac_piece_count(&s->grid);
    if (count > left) return ac_opened_refuse(s, AC_REASON_PIECES_CUT, h->length, count, left);
    s->piece_count = (size_t)count;
    status = read_quantised(s);
    return status ? status : read_maps(s);
}

static int check_loss(ac_opened *s)
{
    const ac_span span = s->header.loss;
    ac_loss loss;
    ac_reader reader = {.data = span.bytes, .length = span.length};
    if (!span.bytes || !ac_loss_read(&reader, &loss)) return AC_OK;
    return ac_opened_refuse_in(s, AC_IN_SECTION, AC_SECTION_LOSS, &reader.why, (uint64_t)(span.bytes - s->stream));
}

int ac_opened_read(ac_opened *s)
{
    int status = read_head(s);
    if (status) return status;
    const ac_header *h = &s->header;
    if (h->unknown.status) return ac_opened_refuse_in(s, AC_IN_SECTION, (uint64_t)h->unknown_section, &h->unknown, 0);
    status = check_loss(s);
    if (status) return status;
    const size_t left = s->length - h->length;
    if (left < AC_CHECKSUM_SIZE) return ac_opened_refuse(s, AC_REASON_CUT, h->length, AC_CHECKSUM_SIZE, left);
    s->data = (ac_span){s->stream + h->length, left - AC_CHECKSUM_SIZE};
    if (h->codec == AC_CAUSAL) return check_causal(s);
    if (h->reference.bytes) return refuse_section(s, AC_SECTION_REFERENCE, s->header.reference, AC_REASON_REFERENCE_NONE);
    if (h->axes.bytes) return refuse_section(s, AC_SECTION_AXES, s->header.axes, AC_REASON_AXES_NONE);
    if (h->quantise.bytes) return refuse_section(s, AC_SECTION_QUANTISE, s->header.quantise, AC_REASON_QUANTISE_NONE);
    if (h->codec == AC_STORED) return check_stored(s);
    if (h->codec == AC_FLAGS) return check_flags(s);
    if (h->codec == AC_VISIBILITY) return check_visibilities(s);
    s->is_read = 1;
    return AC_OK;
}

void ac_opened_free(ac_opened *s)
{
    ac_causal_free(&s->causal);
    ac_plane_maps_free(&s->maps);
    ac_quantise_free(&s->quantised);
}

int ac_opened_refuse_piece(ac_opened *s, size_t index, const ac_refusal *why, uint64_t origin)
{
    const ac_place place = ac_piece_place(&s->grid, index);
    s->fault->plane = place.plane, s->fault->row = place.row, s->fault->column = place.column;
    return ac_opened_refuse_in(s, AC_IN_PIECE, index, why, origin);
}

int ac_opened_pieces(ac_opened *s, ac_coded_piece *pieces)
{
    ac_reader r = {.data = s->pieces.bytes, .length = s->pieces.length};
    const uint64_t at = (uint64_t)(s->pieces.bytes - s->stream);
    for (size_t i = 0; i < s->piece_count; i++) {
        const uint64_t length = ac_take_varint(&r, UINT64_MAX);
        const uint8_t *bytes = ac_take(&r, length);
        if (r.why.status) return ac_opened_refuse_piece(s, i, &r.why, at);
        if (pieces) pieces[i] = (ac_coded_piece){{bytes, (size_t)length}, {.status = AC_NOT_RUN}};
    }
    return r.at == r.length ? AC_OK : ac_opened_refuse(s, AC_REASON_PIECES_LONG, at + r.at, r.length - r.at, 0);
}

/* Looking into a stream */

static void tell(const ac_opened *s, ac_stream_info *info)
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
    ac_opened s = {.stream = stream, .length = length, .fault = fault};
    int status = ac_opened_read(&s);
    if (!status && s.header.codec == AC_CAUSAL) status = ac_opened_pieces(&s, NULL);
    tell(&s, info);
    info->is_whole = !status && ac_is_own(s.header.codec);
    ac_opened_free(&s);
    /* where too few bytes follow, `is_whole` tells it, and `fault` why */
    return s.is_read ? AC_OK : status;
}
