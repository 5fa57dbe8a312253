#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "axes_choice.h"
#include "blank_choice.h"
#include "bounded.h"
#include "bytes.h"
#include "cuts.h"
#include "differences.h"
#include "float_state.h"
#include "kernels/kernel.h"
#include "pixel_choice.h"
#include "model.h"
#include "plane_choice.h"
#include "steps_choice.h"
#include "split.h"
#include "stream.h"

static size_t stored_size(const ac_array *array)
{
    const ac_header header = {.array = *array};
    return ac_header_size(&header) + ac_array_size(array) + AC_CHECKSUM_SIZE;
}

size_t ac_stream_bound(const ac_array *array) { return ac_array_size(array) == SIZE_MAX ? SIZE_MAX : stored_size(array); }

static int encode_stored(const ac_array *array, const void *data, const ac_output *output)
{
    const size_t length = stored_size(array), size = ac_array_size(array), start = length - AC_CHECKSUM_SIZE - size;
    uint8_t *out = output->take(output->owner, length);
    if (!out) return AC_ERROR_MEMORY;
    const ac_header header = {.array = *array, .codec = AC_STORED};
    ac_header_write(&header, out);
    ac_copy_little_endian(out + start, data, size / ac_number_bytes(array->dtype), ac_number_bytes(array->dtype));
    ac_put_u32(out + start + size, ac_stream_checksum(out, start, array, data));
    return AC_OK;
}

/* An array as it is coded, and as the stream gives it back. */
typedef struct {
    ac_array array, given;
    const void *data, *elements;
    ac_span axes;     /* their order; no bytes where it is the array's own */
    ac_span quantise; /* the section, where steps are coded; else no bytes */
    ac_span loss;     /* likewise, where they give not the very elements that were to be encoded */
    int is_trellis;   /* the steps are those of one whose runs are the columns of a piece */
    int is_any;       /* also what is larger than a stored array is wanted */
} source;

enum { LOOKED_AT = 512 };     /* rows and columns that tell whether floats are tried by their bits */
enum { MOST_LOOKED_AT = 8 }; /* planes apart in which cuts are sought */
enum { MIDDLE = 1 << 15 };    /* elements that tell whether floats are smaller by their steps */

/* Pieces */

typedef struct {
    uint8_t *bytes;
    size_t length;
} span;

/* A piece with each of the models. */
typedef struct {
    int status;
    span mask, low; /* its mask of blanks and its low bits, which all share */
    span coded[];
} piece;

typedef struct {
    const ac_sheet *sheet;
    const ac_plane_choice *planes;
    ac_span chain; /* its section; no bytes where there is none */
    const ac_choice *choices;
    size_t choice_count, piece_count, piece_size;
    ac_grid grid;
    int flags;
    uint8_t *pieces; /* piece_size bytes each */
    span parameters, cuts; /* what sections hold; no bytes of cuts where there are none */
    ac_span blank_values;  /* likewise */
    ac_blanks blanks;      /* the sheet has other numbers in their place */
    const source *source;
    const ac_original *original; /* or NULL */
} encoding;

static piece *piece_at(const encoding *e, size_t index) { return (piece *)(e->pieces + index * e->piece_size); }

static void fit(span *s)
{
    uint8_t *fitted = realloc(s->bytes, s->length ? s->length : 1);
    if (fitted) s->bytes = fitted;
}

/* Code widths are of values, not of ranks, differences or parts of them. */
static ac_width_choice widths_of(const ac_sheet *sheet, const uint16_t *left)
{
    int64_t zero = 0;
    const int are_codes = !left && !sheet->low_bits && ac_pixel_map_codes(&sheet->map, &zero);
    return (ac_width_choice){are_codes ? AC_BEST_TABLE : AC_NO_TABLE, (uint8_t)zero};
}

static int encode_samples(const encoding *e, ac_width_choice widths, const uint16_t *samples, const ac_place *place, size_t stride, piece *out)
{
    const size_t bound = ac_piece_bound(place->height, place->width);
    for (size_t i = 0; i < e->choice_count; i++) {
        span *coded = &out->coded[i];
        coded->bytes = malloc(bound);
        if (!coded->bytes) return AC_ERROR_MEMORY;
        const int status = ac_piece_encode_widths(e->choices[i].model, widths, samples, place->height, place->width, stride, coded->bytes, bound,
                                                  &coded->length, e->flags);
        if (status) return status;
        fit(coded);
    }
    return AC_OK;
}

/* The mask of a piece in bytes; `marks` is to be freed, NULL where no number is blank. */
static int encode_mask(const encoding *e, const ac_place *place, uint8_t **marks, span *out)
{
    const ac_numbers numbers = ac_numbers_of(&e->source->array, (void *)e->source->data, e->sheet->count >> (e->sheet->numbers.half > 0));
    *marks = NULL;
    if (!e->blanks.count) return AC_OK;
    *marks = malloc((size_t)place->height * place->width);
    if (!*marks) return AC_ERROR_MEMORY;
    const uint64_t marked = ac_mask_of(&e->blanks, &numbers, &e->sheet->planes, place, *marks);
    const int status = ac_mask_pack(*marks, e->blanks.count, place->height, place->width, &out->bytes, &out->length);
    if (!marked) free(*marks), *marks = NULL;
    return status;
}

static int encode_split(const encoding *e, const ac_sheet *sheet, const uint8_t *marks, const ac_place *place, piece *out)
{
    const uint16_t *left = e->planes->left;
    const ac_width_choice widths = e->original || e->source->quantise.length ? (ac_width_choice){AC_NO_TABLE, 0} : widths_of(sheet, left);
    const uint16_t *there = left && !ac_has_low_bits(sheet) ? left : ac_sheet_as_samples(sheet);
    if (there) return encode_samples(e, widths, there + ac_place_first(&sheet->planes, place), place, (size_t)sheet->planes.width, out);
    const size_t count = (size_t)place->height * place->width;
    uint16_t *samples = malloc(count * sizeof *samples);
    out->low.bytes = malloc(ac_low_bits_bound(sheet, count) + 1);
    int status = samples && out->low.bytes ? AC_OK : AC_ERROR_MEMORY;
    if (!status) {
        out->low.length = ac_split(sheet, place, marks, samples, out->low.bytes);
        fit(&out->low);
        if (left)
            status = encode_samples(e, widths, left + ac_place_first(&sheet->planes, place), place, (size_t)sheet->planes.width, out);
        else
            status = encode_samples(e, widths, samples, place, place->width, out);
    }
    free(samples);
    return status;
}

static int encode_piece(const encoding *e, size_t index, piece *out)
{
    const ac_sheet *sheet = e->sheet;
    ac_place place = ac_piece_place(&e->grid, index);
    uint8_t *marks;
    int status = encode_mask(e, &place, &marks, &out->mask);
    if (e->planes->each) sheet = &e->planes->each[place.plane], place.plane = 0;
    if (!status) status = encode_split(e, sheet, marks, &place, out);
    free(marks);
    return status;
}

static void run_encode(void *work, size_t index)
{
    const encoding *e = work;
    piece *out = piece_at(e, index);
    const uint64_t before = ac_float_state_standard();
    out->status = encode_piece(e, index, out);
    ac_float_state_back(before);
}

static void free_encoding(encoding *e)
{
    for (size_t i = 0; e->pieces && i < e->piece_count; i++) {
        piece *p = piece_at(e, i);
        free(p->mask.bytes);
        free(p->low.bytes);
        for (size_t k = 0; k < e->choice_count; k++) free(p->coded[k].bytes);
    }
    free(e->pieces);
    free(e->parameters.bytes);
    free(e->cuts.bytes);
}

static int encode_pieces(encoding *e, const ac_parallel *parallel)
{
    e->piece_count = (size_t)ac_piece_count(&e->grid);
    e->piece_size = sizeof(piece) + e->choice_count * sizeof(span);
    e->pieces = calloc(e->piece_count, e->piece_size);
    if (!e->pieces) return AC_ERROR_MEMORY;
    for (size_t i = 0; i < e->piece_count; i++) piece_at(e, i)->status = AC_NOT_RUN;
    ac_run(parallel, run_encode, e, e->piece_count);
    for (size_t i = 0; i < e->piece_count; i++) {
        const int status = piece_at(e, i)->status;
        if (status) return status == AC_NOT_RUN ? AC_ERROR_ARGUMENT : status;
    }
    return AC_OK;
}

/* The stream */

/* Of one of the choices, whose fingerprint the parameters begin with. */
static ac_header header_of(const encoding *e, size_t index)
{
    const ac_choice *choice = &e->choices[index];
    ac_header header = {.array = e->source->given, .codec = AC_CAUSAL, .planes = e->chain, .axes = e->source->axes, .quantise = e->source->quantise};
    header.cuts = (ac_span){e->cuts.bytes, e->cuts.length}, header.maps = (ac_span){e->planes->maps, e->planes->maps_length};
    header.blanks = e->blank_values;
    header.parameters = (ac_span){e->parameters.bytes, e->parameters.length};
    if (e->original) header.reference = (ac_span){e->original->section, e->original->section_length};
    header.loss = e->source->loss;
    if (choice->file) header.model = (ac_span){choice->file, choice->file_length};
    memcpy(e->parameters.bytes, choice->model->fingerprint, sizeof choice->model->fingerprint);
    return header;
}

static int has_embedded(const encoding *e) { return e->original && e->original->embedded; }

static size_t stream_size(const encoding *e, size_t choice, const ac_header *header)
{
    size_t size = ac_header_size(header) + AC_CHECKSUM_SIZE;
    if (has_embedded(e)) size += ac_varint_size(e->original->embedded_length) + e->original->embedded_length;
    for (size_t i = 0; i < e->piece_count; i++) {
        const piece *p = piece_at(e, i);
        const size_t length = p->mask.length + p->low.length + p->coded[choice].length;
        size += ac_varint_size(length) + length;
    }
    return size;
}

static uint8_t *put(uint8_t *out, const span *s)
{
    if (s->length) memcpy(out, s->bytes, s->length);
    return out + s->length;
}

static void write_stream(const encoding *e, size_t choice, const ac_header *header, uint8_t *out)
{
    const size_t start = ac_header_write(header, out);
    uint8_t *at = out + start;
    if (has_embedded(e)) {
        at += ac_put_varint(at, e->original->embedded_length);
        memcpy(at, e->original->embedded, e->original->embedded_length);
        at += e->original->embedded_length;
    }
    for (size_t i = 0; i < e->piece_count; i++) {
        const piece *p = piece_at(e, i);
        at += ac_put_varint(at, p->mask.length + p->low.length + p->coded[choice].length);
        at = put(put(put(at, &p->mask), &p->low), &p->coded[choice]);
    }
    ac_put_u32(at, ac_stream_checksum(out, start, &header->array, e->source->elements));
}

/* Writes the shortest stream of all grids and models; AC_ERROR_SPACE where storing takes fewer bytes. */
static int join(const encoding *encodings, size_t count, const ac_output *output)
{
    const encoding *best = NULL;
    size_t choice = 0, least = SIZE_MAX;
    for (const encoding *e = encodings; e < encodings + count; e++)
        for (size_t i = 0; i < e->choice_count; i++) {
            const ac_header header = header_of(e, i);
            const size_t size = stream_size(e, i, &header);
            if (size < least) best = e, choice = i, least = size;
        }
    if ((least > stored_size(&encodings->source->given) && !encodings->source->is_any) || best->parameters.length > AC_MAX_SECTION) return AC_ERROR_SPACE;
    uint8_t *out = output->take(output->owner, least);
    if (!out) return AC_ERROR_MEMORY;
    const ac_header header = header_of(best, choice);
    write_stream(best, choice, &header, out);
    return AC_OK;
}

/* Planes that the pieces suit: all, or one where none share a piece. */
static ac_planes suited(const encoding *e)
{
    ac_planes planes = e->sheet->planes;
    if (e->planes->each) planes.count = 1;
    return planes;
}

/* Codes all pieces of the grid that suits the cuts. */
static int encode_grid(encoding *e, const uint32_t *wanted, const ac_parallel *parallel)
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
    return encode_pieces(e, parallel);
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
static int find_cuts(const encoding *e, const ac_model *model, const ac_hints *hints, ac_cuts *cuts)
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

static uint64_t planes_together(const ac_planes *planes, const uint32_t *wanted)
{
    const ac_cuts none = {0};
    const uint64_t height = ac_choose_sides(planes, wanted, &none).height;
    return height > planes->height ? height / planes->height : 1;
}

/* Of encode_causal. */
typedef struct {
    const ac_choice *choices;
    size_t count;
    const ac_original *original; /* or NULL */
    const uint32_t *wanted;      /* or NULL */
    const ac_hints *hints;       /* or NULL */
    int flags, residuals;
    const ac_parallel *parallel; /* or NULL */
} settings;

/* The sheet is of the array, or of that without blanks. */
static int encode_sheet(ac_sheet *sheet, const ac_blanks *blanks, const source *from, const settings *how, const ac_output *output)
{
    const ac_array *array = &from->array;
    ac_plane_choice planes;
    uint8_t section[AC_CHAIN_BOUND], blank_values[AC_BLANKS_BOUND];
    const ac_model *model = how->choices->model;
    int status = how->residuals ? ac_planes_subtract(sheet, array, &planes)
                                : ac_planes_choose(sheet, array, planes_together(&sheet->planes, how->wanted), model, how->flags & ~AC_THOROUGH, &planes);
    encoding none = {.sheet = sheet, .planes = &planes, .choices = how->choices, .choice_count = how->count, .flags = how->flags};
    none.source = from, none.original = how->original, none.blanks = *blanks;
    if (planes.left) none.chain = (ac_span){section, ac_chain_write(&planes.chain, section)};
    if (blanks->count) none.blank_values = (ac_span){blank_values, ac_blanks_write(blanks, blank_values)};
    encoding e[2] = {none, none}; /* without and with cuts */
    ac_cuts *cuts = &e[1].grid.cuts;
    if (!status) status = encode_grid(&e[0], how->wanted, how->parallel);
    if (!status && !from->is_trellis) status = find_cuts(&e[0], model, how->hints, cuts);
    const size_t grids = cuts->rows.count + cuts->columns.count ? 2 : 1;
    if (!status && grids == 2) status = encode_grid(&e[1], how->wanted, how->parallel);
    if (!status) status = join(e, grids, output);
    free_encoding(&e[0]);
    free_encoding(&e[1]);
    ac_plane_choice_free(&planes);
    return status;
}

/* The shorter of two streams, of equal ones the first, as far as they were found. They are freed. */
static int put_shorter(ac_room *rooms, const int *found, const ac_output *output)
{
    int status = AC_OK;
    for (int i = 0; i < 2 && !status; i++)
        if (found[i] != AC_ERROR_SPACE) status = found[i];
    const int best = found[1] || (!found[0] && rooms[0].length <= rooms[1].length) ? 0 : 1;
    if (!status) status = found[best];
    if (!status) {
        uint8_t *out = output->take(output->owner, rooms[best].length);
        if (out)
            memcpy(out, rooms[best].data, rooms[best].length);
        else
            status = AC_ERROR_MEMORY;
    }
    ac_room_free(&rooms[0]);
    ac_room_free(&rooms[1]);
    return status;
}

/* Whether floats by their bits, in the middle of an array, show few differences: what a table of those takes no estimate of bins knows. */
static int are_bits_promising(ac_sheet *bits, int *promising)
{
    const ac_planes *p = &bits->planes;
    const uint32_t height = (uint32_t)ac_smaller(p->height, LOOKED_AT), width = (uint32_t)ac_smaller(p->width, LOOKED_AT);
    const uint64_t y = p->count / 2 * p->height + (p->height - height) / 2, x = (p->width - width) / 2;
    uint16_t *samples = malloc((size_t)height * width * sizeof *samples);
    if (!samples) return AC_ERROR_MEMORY;
    ac_choose_low_bits(bits);
    for (uint32_t row = 0; row < height; row++) ac_sheet_samples(bits, (y + row) * p->width + x, width, samples + (size_t)row * width);
    *promising = ac_differences_promising(samples, height, width, width);
    free(samples);
    return AC_OK;
}

/* Of the array, or of that without its blanks; floats by bins, and by their bits where these may be shorter. */
static int encode_numbers(const void *numbers, const ac_blanks *blanks, const source *from, const settings *how, const ac_output *output)
{
    ac_sheet sheet = {0}, bits = {0};
    int promising = 0, status = ac_sheet_init(&sheet, &from->array, numbers);
    if (!status && sheet.map.kind == AC_KIND_BINS) {
        status = ac_sheet_init_as(&bits, &from->array, numbers, 1);
        if (!status) status = are_bits_promising(&bits, &promising);
    }
    if (!status && promising) {
        ac_room rooms[2] = {{0}, {0}};
        const ac_output outputs[2] = {{ac_take_room, &rooms[0]}, {ac_take_room, &rooms[1]}};
        const int by_bins = encode_sheet(&sheet, blanks, from, how, &outputs[0]);
        const int found[2] = {by_bins, encode_sheet(&bits, blanks, from, how, &outputs[1])};
        status = put_shorter(rooms, found, output);
    } else if (!status) {
        status = encode_sheet(&sheet, blanks, from, how, output);
    }
    ac_sheet_free(&sheet);
    ac_sheet_free(&bits);
    return status;
}

/* With a mask or without, whichever is shorter. */
static int encode_both(const void *filled, const ac_blanks *blanks, const source *from, const settings *how, const ac_output *output)
{
    const ac_blanks none = {0};
    ac_room rooms[2] = {{0}, {0}};
    const ac_output outputs[2] = {{ac_take_room, &rooms[0]}, {ac_take_room, &rooms[1]}};
    const int without = encode_numbers(from->data, &none, from, how, &outputs[0]);
    const int found[2] = {without, encode_numbers(filled, blanks, from, how, &outputs[1])};
    return put_shorter(rooms, found, output);
}

/* AC_ERROR_SPACE where storing takes fewer bytes. */
static int encode_causal(const source *from, const settings *how, const ac_output *output)
{
    ac_blanks blanks;
    void *filled;
    int doubtful, status = ac_blanks_choose(&from->array, from->data, &blanks, &filled, &doubtful);
    if (!status && filled && doubtful)
        status = encode_both(filled, &blanks, from, how, output);
    else if (!status)
        status = encode_numbers(filled ? filled : from->data, &blanks, from, how, output);
    free(filled);
    return status;
}

/* Adds the bytes that an array would take with the first of the models. */
static int add_size(void *work, const ac_array *array, const void *data, uint64_t *bytes)
{
    settings how = *(const settings *)work;
    how.count = 1, how.original = NULL, how.hints = NULL, how.parallel = NULL, how.flags &= ~AC_THOROUGH;
    const source from = {.array = *array, .given = *array, .data = data, .elements = data};
    ac_room room = {0};
    const ac_output output = {ac_take_room, &room};
    const int status = encode_causal(&from, &how, &output);
    *bytes += status ? stored_size(array) : room.length;
    ac_room_free(&room);
    return status == AC_ERROR_SPACE ? AC_OK : status;
}

/* Encodes the array in the order of axes that is smallest, where nobody says how its planes shall be cut or what of them is coded. */
static int encode_in_order(source *from, settings *how, const ac_output *output)
{
    ac_axes axes;
    const ac_array own = from->array;
    int turned = 0, status = how->wanted || how->residuals ? AC_OK : ac_axes_choose(&own, from->data, add_size, how, &axes, &turned);
    if (status || !turned) return status ? status : encode_causal(from, how, output);
    void *data = malloc(ac_array_size(&own));
    if (!data) return AC_ERROR_MEMORY;
    from->array = ac_axes_turned(&own, &axes);
    ac_axes_turn(&own, &axes, NULL, &from->array, from->data, data);
    from->data = data, from->axes = (ac_span){axes.of, (size_t)own.ndim};
    how->hints = NULL; /* of other planes */
    status = encode_causal(from, how, output);
    free(data);
    return status;
}

/* Floats by their steps. AC_ERROR_SPACE where storing takes fewer bytes and that matters. */
static int encode_steps(source from, const int32_t *steps, settings how, const ac_output *output)
{
    from.given = from.array, from.array.dtype = AC_I4, from.data = steps;
    return from.is_trellis ? encode_causal(&from, &how, output) : encode_in_order(&from, &how, output);
}

/* Whether rows of the middle take so much less by steps that floats need not be coded as they are. */
static int are_steps_clear(const source *from, const settings *how, const int32_t *steps, int *are_clear)
{
    const ac_planes planes = ac_planes_of(&from->given);
    const uint64_t all = planes.count * planes.height * planes.width, width = ac_smaller(planes.width, MIDDLE), rows = MIDDLE / width, part = rows * width;
    ac_array floats = {from->given.dtype, 2, {rows, width}}, integers = {AC_I4, 2, {rows, width}};
    uint64_t plain = 0, by_steps = 0;
    *are_clear = 0;
    if (all < 4 * part) return AC_OK;
    const uint64_t first = (all - part) / 2 / width * width;
    settings one = *how;
    int status = add_size(&one, &floats, (const uint8_t *)from->data + first * ac_item_bytes(floats.dtype), &plain);
    if (!status) status = add_size(&one, &integers, steps + first, &by_steps);
    *are_clear = by_steps + by_steps / 4 < plain;
    return status;
}

/* Floats that were made of steps by these or as they are, whatever is smaller. */
static int encode_both_ways(source *from, const settings *how, const ac_quantised *q, const int32_t *steps, const ac_output *output)
{
    uint8_t *section;
    size_t length;
    settings plain = *how;
    int status = ac_quantise_write(q, &from->given, &section, &length);
    if (status) return status == AC_ERROR_SPACE ? encode_in_order(from, &plain, output) : status;
    ac_room rooms[2] = {{0}};
    const ac_output by_steps = {ac_take_room, &rooms[0]}, as_they_are = {ac_take_room, &rooms[1]};
    int found[2] = {AC_ERROR_SPACE, AC_ERROR_SPACE}, are_clear = 0;
    status = are_steps_clear(from, how, steps, &are_clear);
    if (!status) found[0] = encode_steps((source){.array = from->given, .elements = from->elements, .quantise = {section, length}}, steps, *how, &by_steps);
    if (!status && (!are_clear || found[0])) found[1] = encode_in_order(from, &plain, &as_they_are);
    free(section);
    if (!status) return put_shorter(rooms, found, output);
    ac_room_free(&rooms[0]);
    ac_room_free(&rooms[1]);
    return status;
}

/* The array's elements, or the steps that they are found to be made of. */
static int encode_found(source *from, settings *how, const ac_output *output)
{
    ac_quantised q = {0};
    int32_t *steps = NULL;
    int status = how->original || how->residuals ? AC_OK : ac_steps_choose(&from->given, from->data, how->hints, &q, &steps);
    if (!status) status = steps ? encode_both_ways(from, how, &q, steps, output) : encode_in_order(from, how, output);
    ac_quantise_free(&q);
    free(steps);
    return status;
}

static int check_arguments(const ac_choice *choices, size_t count, const ac_array *array, const void *data, const uint32_t *piece, int flags)
{
    uint64_t elements;
    if (ac_array_count(array, &elements) || ac_array_size(array) == SIZE_MAX) return AC_ERROR_ARGUMENT;
    if ((!data && elements) || (count && !choices) || !ac_kernel_of(flags & ~(AC_THOROUGH | AC_EMBED | AC_RESIDUALS))) return AC_ERROR_ARGUMENT;
    if (piece && (!piece[0] || !piece[1] || (uint64_t)piece[0] * piece[1] > AC_MAX_PIXELS)) return AC_ERROR_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (!choices[i].model || (choices[i].file && choices[i].file_length > AC_MAX_SECTION)) return AC_ERROR_ARGUMENT;
    return AC_OK;
}

int ac_stream_encode_with(const ac_choice *choices, size_t count, const ac_array *array, const void *data, const ac_original *original,
                          const uint32_t *piece, const ac_hints *hints, int flags, const ac_parallel *parallel, const ac_output *output)
{
    int status = check_arguments(choices, count, array, data, piece, flags);
    if (status || !output || (original && (!original->section || original->section_length > AC_MAX_SECTION))) return AC_ERROR_ARGUMENT;
    const ac_choice general = {ac_model_default(), NULL, 0};
    if (!count && !general.model) return AC_ERROR_MEMORY;
    const uint64_t before = ac_float_state_standard();
    status = AC_ERROR_SPACE;
    if (ac_array_size(array)) {
        source from = {.array = *array, .given = *array, .data = data, .elements = original ? original->elements : data};
        settings how = {count ? choices : &general, count ? count : 1, original, piece, hints, flags & ~(AC_EMBED | AC_RESIDUALS), (flags & AC_RESIDUALS) != 0, parallel};
        status = encode_found(&from, &how, output);
    }
    ac_float_state_back(before);
    return status == AC_ERROR_SPACE ? encode_stored(array, original ? original->elements : data, output) : status;
}

int ac_stream_encode_steps(const ac_choice *choices, size_t count, const ac_array *array, const int32_t *steps, const void *elements, const uint8_t *section,
                           size_t section_length, const uint32_t *piece, int flags, const ac_parallel *parallel, const ac_output *output)
{
    if (check_arguments(choices, count, array, elements, piece, flags) || !output || !steps || !section || section_length > AC_MAX_SECTION) return AC_ERROR_ARGUMENT;
    if (!ac_array_size(array) || !ac_is_quantisable(array->dtype)) return AC_ERROR_ARGUMENT;
    const ac_choice general = {ac_model_default(), NULL, 0};
    if (!count && !general.model) return AC_ERROR_MEMORY;
    const settings how = {.choices = count ? choices : &general, .count = count ? count : 1, .wanted = piece, .flags = flags & ~AC_EMBED, .parallel = parallel};
    const uint64_t before = ac_float_state_standard();
    const source from = {.array = *array, .elements = elements, .quantise = {section, section_length}, .is_any = 1};
    const int status = encode_steps(from, steps, how, output);
    ac_float_state_back(before);
    return status;
}

static int is_bound(const ac_bound *b, const ac_array *array)
{
    const int is_kind = b && b->kind >= 0 && b->kind < AC_BOUNDS && b->dither >= AC_DITHER_AUTO && b->dither <= AC_DITHER_ALWAYS;
    return is_kind && b->value > 0 && isfinite(b->value) && b->gain >= 0 && isfinite(b->gain) && b->read_noise >= 0 && isfinite(b->read_noise) &&
           (b->kind != AC_BOUND_RELATIVE || b->value < 1) && ac_is_quantisable(array->dtype);
}

/* Within the bound; AC_ERROR_SPACE where nothing is lost, or nothing gained. */
static int encode_bounded(const ac_array *array, const void *data, const ac_bound *bound, const settings *how, const ac_output *output)
{
    const ac_planes planes = ac_planes_of(array);
    const ac_cuts none = {0};
    ac_quantised q;
    int32_t *steps;
    void *elements;
    ac_loss loss;
    uint8_t *section = NULL, said[AC_LOSS_SIZE];
    size_t length;
    int status = ac_bounded_steps(bound, array, data, ac_choose_sides(&planes, how->wanted, &none).width, &q, &steps, &elements, &loss);
    if (!status) status = steps ? ac_quantise_write(&q, array, &section, &length) : AC_ERROR_SPACE;
    if (!status) {
        ac_loss_write(&loss, said);
        const source from = {.array = *array, .elements = elements, .quantise = {section, length}, .loss = {said, sizeof said}, .is_trellis = q.dither == AC_TRELLIS};
        status = encode_steps(from, steps, *how, output);
    }
    ac_quantise_free(&q);
    free(section);
    free(steps);
    free(elements);
    return status;
}

int ac_stream_encode_bounded(const ac_choice *choices, size_t count, const ac_array *array, const void *data, const ac_bound *bound, const uint32_t *piece,
                             int flags, const ac_parallel *parallel, const ac_output *output)
{
    if (check_arguments(choices, count, array, data, piece, flags) || !output || !is_bound(bound, array)) return AC_ERROR_ARGUMENT;
    const ac_choice general = {ac_model_default(), NULL, 0};
    if (!count && !general.model) return AC_ERROR_MEMORY;
    const settings how = {.choices = count ? choices : &general, .count = count ? count : 1, .wanted = piece, .flags = flags & ~AC_EMBED, .parallel = parallel};
    const uint64_t before = ac_float_state_standard();
    const int status = ac_array_size(array) ? encode_bounded(array, data, bound, &how, output) : AC_ERROR_SPACE;
    ac_float_state_back(before);
    return status == AC_ERROR_SPACE ? ac_stream_encode_with(choices, count, array, data, NULL, piece, NULL, flags, parallel, output) : status;
}

/* A buffer of the caller's. */
typedef struct {
    uint8_t *out;
    size_t capacity, length;
} buffer;

static uint8_t *take_buffer(void *owner, size_t length)
{
    buffer *b = owner;
    b->length = length;
    return length <= b->capacity ? b->out : NULL;
}

int ac_stream_encode(const ac_model *const *models, size_t count, const ac_array *array, const void *data, const uint32_t *piece, int flags,
                     uint8_t *out, size_t capacity, size_t *length)
{
    if ((count && !models) || !out || !length) return AC_ERROR_ARGUMENT;
    ac_choice *choices = calloc(count + 1, sizeof *choices);
    if (!choices) return AC_ERROR_MEMORY;
    for (size_t i = 0; i < count; i++)
        if (models[i]) choices[i] = ac_choice_of(models[i], flags & AC_EMBED);
    buffer whole = {out, capacity, 0};
    const ac_output output = {take_buffer, &whole};
    const int status = ac_stream_encode_with(choices, count, array, data, NULL, piece, NULL, flags, NULL, &output);
    free(choices);
    *length = status ? 0 : whole.length;
    return status && whole.length > capacity ? AC_ERROR_SPACE : status;
}

/* What a stream codes of an array: its elements, or the steps that they are found to be made of; these are to be freed. */
static int find_coded(const ac_array *array, const void *data, ac_array *coded, const void **there, int32_t **steps)
{
    ac_quantised q = {0};
    const int status = ac_steps_choose(array, data, NULL, &q, steps);
    ac_quantise_free(&q);
    *coded = *array, *there = data;
    if (*steps) coded->dtype = AC_I4, *there = *steps;
    return status;
}

static int take_samples(const ac_array *array, const void *data, int are_steps, uint16_t *samples, int32_t *shift)
{
    ac_sheet sheet = {0};
    ac_blanks blanks;
    void *filled;
    int doubtful, status = ac_blanks_choose(array, data, &blanks, &filled, &doubtful);
    if (!status) status = ac_sheet_init(&sheet, array, filled ? filled : data);
    if (!status) {
        ac_plane_choice planes;
        status = ac_planes_choose(&sheet, array, planes_together(&sheet.planes, NULL), ac_model_default(), 0, &planes);
        const size_t size = (size_t)(sheet.planes.height * sheet.planes.width);
        if (planes.left)
            memcpy(samples, planes.left, (size_t)sheet.count * sizeof *samples);
        else if (planes.each)
            for (uint64_t t = 0; t < planes.count; t++) ac_sheet_samples(&planes.each[t], 0, size, samples + t * size);
        else if (!status)
            ac_sheet_samples(&sheet, 0, (size_t)sheet.count, samples);
        const ac_width_choice widths = planes.each || are_steps ? (ac_width_choice){AC_NO_TABLE, 0} : widths_of(&sheet, planes.left);
        *shift = widths.table == AC_NO_TABLE ? -1 : widths.shift;
        ac_plane_choice_free(&planes);
    }
    ac_sheet_free(&sheet);
    free(filled);
    return status;
}

int ac_array_samples(const ac_array *array, const void *data, uint16_t *samples, int32_t *shift)
{
    uint64_t elements;
    if (ac_array_count(array, &elements) || !elements || !data || !samples || !shift) return AC_ERROR_ARGUMENT;
    ac_array coded;
    const void *there;
    int32_t *steps = NULL;
    const uint64_t before = ac_float_state_standard();
    int status = find_coded(array, data, &coded, &there, &steps);
    if (!status) status = take_samples(&coded, there, steps != NULL, samples, shift);
    ac_float_state_back(before);
    free(steps);
    return status;
}

int ac_array_order(const ac_array *array, const void *data, int32_t *order)
{
    uint64_t elements;
    if (ac_array_count(array, &elements) || !elements || !data || !order) return AC_ERROR_ARGUMENT;
    const ac_choice general = {ac_model_default(), NULL, 0};
    if (!general.model) return AC_ERROR_MEMORY;
    settings how = {.choices = &general, .count = 1};
    ac_array coded;
    const void *there;
    int32_t *steps = NULL;
    ac_axes axes;
    const uint64_t before = ac_float_state_standard();
    int turned = 0, status = find_coded(array, data, &coded, &there, &steps);
    if (!status) status = ac_axes_choose(&coded, there, add_size, &how, &axes, &turned);
    ac_float_state_back(before);
    free(steps);
    for (int i = 0; i < array->ndim; i++) order[i] = turned ? axes.of[i] : i;
    return status;
}
