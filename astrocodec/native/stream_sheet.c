#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cuts.h"
#include "model.h"
#include "plane_choice.h"
#include "stream_pieces.h"

enum { MOST_LOOKED_AT = 8 }; /* planes apart in which cuts are sought */

/* Of one of the choices, whose fingerprint the parameters begin with. */
static ac_header header_of(const ac_encoding *e, size_t index)
{
    const ac_choice *choice = &e->choices[index];
    ac_header header = {.array = e->source->given, .codec = AC_CAUSAL, .planes = e->chain, .axes = e->source->axes, .quantise = e->source->quantise};
    header.cuts = (ac_span){e->cuts.bytes, e->cuts.length}, header.maps = (ac_span){e->planes->maps, e->planes->maps_length};
    header.blanks = e->blank_values;
    header.series = (ac_span){e->planes->series, e->planes->series_length};
    header.parameters = (ac_span){e->parameters.bytes, e->parameters.length};
    if (e->original) header.reference = (ac_span){e->original->section, e->original->section_length};
    header.loss = e->source->loss;
    if (choice->file) header.model = (ac_span){choice->file, choice->file_length};
    memcpy(e->parameters.bytes, choice->model->fingerprint, sizeof choice->model->fingerprint);
    return header;
}

static int has_embedded(const ac_encoding *e) { return e->original && e->original->embedded; }

static size_t stream_size(const ac_encoding *e, size_t choice, const ac_header *header)
{
    size_t size = ac_header_size(header) + AC_CHECKSUM_SIZE;
    if (has_embedded(e)) size += ac_varint_size(e->original->embedded_length) + e->original->embedded_length;
    for (size_t i = 0; i < e->piece_count; i++) {
        const ac_coded_piece *p = ac_coded_piece_at(e, i);
        const size_t length = p->mask.length + p->low.length + p->coded[choice].length;
        size += ac_varint_size(length) + length;
    }
    return size;
}

static uint8_t *put(uint8_t *out, const ac_coded_span *s)
{
    if (s->length) memcpy(out, s->bytes, s->length);
    return out + s->length;
}

static void write_stream(const ac_encoding *e, size_t choice, const ac_header *header, uint8_t *out)
{
    const size_t start = ac_header_write(header, out);
    uint8_t *at = out + start;
    if (has_embedded(e)) {
        at += ac_put_varint(at, e->original->embedded_length);
        memcpy(at, e->original->embedded, e->original->embedded_length);
        at += e->original->embedded_length;
    }
    for (size_t i = 0; i < e->piece_count; i++) {
        const ac_coded_piece *p = ac_coded_piece_at(e, i);
        at += ac_put_varint(at, p->mask.length + p->low.length + p->coded[choice].length);
        at = put(put(put(at, &p->mask), &p->low), &p->coded[choice]);
    }
    ac_put_u32(at, ac_stream_checksum(out, start, &header->array, e->source->elements));
}

/* Writes the shortest stream of all grids and models; AC_ERROR_SPACE where storing takes fewer bytes. */
static int join(const ac_encoding *encodings, size_t count, const ac_output *output)
{
    const ac_encoding *best = NULL;
    size_t choice = 0, least = SIZE_MAX;
    for (const ac_encoding *e = encodings; e < encodings + count; e++)
        for (size_t i = 0; i < e->choice_count; i++) {
            const ac_header header = header_of(e, i);
            const size_t size = stream_size(e, i, &header);
            if (size < least) best = e, choice = i, least = size;
        }
    if ((least > ac_stored_size(&encodings->source->given) && !encodings->source->is_any) || best->parameters.length > AC_MAX_SECTION) return AC_ERROR_SPACE;
    uint8_t *out = output->take(output->owner, least);
    if (!out) return AC_ERROR_MEMORY;
    const ac_header header = header_of(best, choice);
    write_stream(best, choice, &header, out);
    return AC_OK;
}

/* Planes that the pieces suit: all, or one where none share a piece. */
static ac_planes suited(const ac_encoding *e)
{
    ac_planes planes = e->sheet->planes;
    if (e->planes->each) planes.count = 1;
    return planes;
}

/* Codes all pieces of the grid that suits the cuts. */
static int encode_grid(ac_encoding *e, const uint32_t *wanted, const ac_parallel *parallel)
{
    const ac_sheet *sheet = e->sheet, *first = e->planes->each ? e->planes->each : sheet;
    const ac_cuts *cuts = &e->grid.cuts;
    const ac_planes planes = suited(e);
    e->grid.planes = sheet->planes;
    e->grid.sides = ac_choose_sides(&planes, wanted, cuts);
    const ac_causal causal = {.map = {first->map, first->low_bits}, .sides = e->grid.sides};
    e->parameters.bytes = malloc(ac_causal_bound(&causal.map.map));
    e->cuts.bytes = malloc(AC_CUTS_BOUND);
    if (!e->parameters.bytes || !e->cuts.bytes) return AC_ERROR_MEMORY;
    e->parameters.length = ac_causal_write(&causal, &sheet->planes, e->parameters.bytes);
    if (cuts->rows.count + cuts->columns.count) e->cuts.length = ac_cuts_write(cuts, e->cuts.bytes);
    return ac_encode_pieces(e, parallel);
}

/* Adds one more place, unless it is there. Eight planes have a few each beside the hints that they share: AC_MAX_CUTS is far. */
static void add_place(ac_axis_cuts *cuts, uint64_t place)
{
    uint32_t i = cuts->count;
    for (; i && cuts->at[i - 1] >= place; i--)
        if (cuts->at[i - 1] == place) return;
    memmove(cuts->at + i + 1, cuts->at + i, (cuts->count - i) * sizeof *cuts->at);
    cuts->at[i] = place;
    cuts->count++;
}

static void add_cuts(ac_cuts *cuts, const ac_cuts *more)
{
    for (uint32_t i = 0; i < more->rows.count; i++) add_place(&cuts->rows, more->rows.at[i]);
    for (uint32_t i = 0; i < more->columns.count; i++) add_place(&cuts->columns, more->columns.at[i]);
}

/* Those of the middle plane; of planes that are apart those of some of them. */
static int find_cuts(const ac_encoding *e, const ac_model *model, const ac_hints *hints, ac_cuts *cuts)
{
    const uint64_t planes = e->sheet->planes.count, looked_at = ac_smaller(planes, MOST_LOOKED_AT);
    int status = AC_OK;
    if (e->grid.sides.height > e->sheet->planes.height) return AC_OK;
    if (!e->planes->each) return ac_find_cuts(e->sheet, e->planes->left, e->grid.sides, model, hints, e->flags, cuts);
    for (uint64_t i = 0; i < looked_at && !status; i++) {
        ac_cuts found;
        status = ac_find_cuts(&e->planes->each[i * (planes - 1) / (looked_at - 1)], NULL, e->grid.sides, model, hints, e->flags, &found);
        if (!status) add_cuts(cuts, &found);
    }
    return status;
}

uint64_t ac_planes_together(const ac_planes *planes, const uint32_t *wanted)
{
    const ac_cuts none = {0};
    const uint64_t height = ac_choose_sides(planes, wanted, &none).height;
    return height > planes->height ? height / planes->height : 1;
}

int ac_encode_sheet(ac_sheet *sheet, const ac_blanks *blanks, const ac_source *from, const ac_settings *how, const ac_output *output)
{
    const ac_array *array = &from->array;
    ac_plane_choice planes;
    uint8_t section[AC_CHAIN_BOUND], blank_values[AC_BLANKS_BOUND];
    const ac_model *model = how->choices->model;
    int status;
    if (how->series)
        status = ac_planes_as_series(sheet, &planes);
    else if (how->residuals)
        status = ac_planes_subtract(sheet, array, &planes);
    else
        status = ac_planes_choose(sheet, array, ac_planes_together(&sheet->planes, how->wanted), model, how->flags & ~AC_THOROUGH, &planes);
    ac_encoding none = {.sheet = sheet, .planes = &planes, .choices = how->choices, .choice_count = how->count, .flags = how->flags};
    none.source = from, none.original = how->original, none.blanks = *blanks;
    if (planes.left && !planes.series) none.chain = (ac_span){section, ac_chain_write(&planes.chain, section)};
    if (blanks->count) none.blank_values = (ac_span){blank_values, ac_blanks_write(blanks, blank_values)};
    ac_encoding e[2] = {none, none}; /* without and with cuts */
    ac_cuts *cuts = &e[1].grid.cuts;
    if (!status) status = encode_grid(&e[0], how->wanted, how->parallel);
    if (!status && !from->is_trellis) status = find_cuts(&e[0], model, how->hints, cuts);
    const size_t grids = cuts->rows.count + cuts->columns.count ? 2 : 1;
    if (!status && grids == 2) status = encode_grid(&e[1], how->wanted, how->parallel);
    if (!status) status = join(e, grids, output);
    ac_free_encoding(&e[0]);
    ac_free_encoding(&e[1]);
    ac_plane_choice_free(&planes);
    return status;
}
