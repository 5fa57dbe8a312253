#include "stream_pieces.h"

#include <stdlib.h>
#include <string.h>

#include "float_state.h"
#include "piece.h"
#include "split.h"

static void fit(ac_coded_span *s)
{
    uint8_t *fitted = realloc(s->bytes, s->length ? s->length : 1);
    if (fitted) s->bytes = fitted;
}

ac_width_choice ac_widths_of(const ac_sheet *sheet, const uint16_t *left)
{
    int64_t zero = 0;
    const int are_codes = !left && !sheet->low_bits && ac_pixel_map_codes(&sheet->map, &zero);
    return (ac_width_choice){are_codes ? AC_BEST_TABLE : AC_NO_TABLE, (uint8_t)zero};
}

/* What a sample of 0 is, modulo 2, where samples are steps of a trellis; AC_NO_TRELLIS where they are something else. */
static int odd_of(const ac_encoding *e, const ac_sheet *sheet)
{
    int64_t zero = 0;
    const int are_steps = e->source->is_trellis && !e->planes->left && !sheet->low_bits && !sheet->map.rule && ac_pixel_map_codes(&sheet->map, &zero);
    return are_steps ? (int)(zero & 1) : AC_NO_TRELLIS;
}

static int are_within(const uint16_t *samples, const ac_place *place, size_t stride, uint16_t most)
{
    uint16_t largest = 0;
    for (uint32_t y = 0; y < place->height; y++)
        for (uint32_t x = 0; x < place->width; x++) largest = samples[y * stride + x] > largest ? samples[y * stride + x] : largest;
    return largest <= most;
}

static int encode_samples(const ac_encoding *e, ac_modelling how, const uint16_t *samples, const ac_place *place, size_t stride, ac_coded_piece *out)
{
    const int is_trellis = how.odd != AC_NO_TRELLIS && are_within(samples, place, stride, INT16_MAX);
    const size_t bound = ac_piece_bound(place->height, place->width);
    for (size_t i = 0; i < e->choice_count; i++) {
        ac_coded_span *coded = &out->coded[i];
        coded->bytes = malloc(bound);
        if (!coded->bytes) return AC_ERROR_MEMORY;
        const ac_model *model = e->choices[i].model;
        const int status =
            is_trellis ? ac_piece_encode_trellis(model, how.odd, samples, place->height, place->width, stride, coded->bytes, bound, &coded->length, e->flags)
                       : ac_piece_encode_widths(model, how.widths, samples, place->height, place->width, stride, coded->bytes, bound, &coded->length, e->flags);
        if (status) return status;
        fit(coded);
    }
    return AC_OK;
}

/* The mask of a piece in bytes; `marks` is to be freed, NULL where no number is blank. */
static int encode_mask(const ac_encoding *e, const ac_place *place, uint8_t **marks, ac_coded_span *out)
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

static int encode_split(const ac_encoding *e, const ac_sheet *sheet, const uint8_t *marks, const ac_place *place, ac_coded_piece *out)
{
    const uint16_t *left = e->planes->left;
    const ac_modelling how = {e->original || e->source->quantise.length ? (ac_width_choice){AC_NO_TABLE, 0} : ac_widths_of(sheet, left), odd_of(e, sheet)};
    const uint16_t *there = left && !ac_has_low_bits(sheet) ? left : ac_sheet_as_samples(sheet);
    if (there) return encode_samples(e, how, there + ac_place_first(&sheet->planes, place), place, (size_t)sheet->planes.width, out);
    const size_t count = (size_t)place->height * place->width;
    uint16_t *samples = malloc(count * sizeof *samples);
    out->low.bytes = malloc(ac_low_bits_bound(sheet, count) + 1);
    int status = samples && out->low.bytes ? AC_OK : AC_ERROR_MEMORY;
    if (!status) {
        out->low.length = ac_split(sheet, place, marks, samples, out->low.bytes);
        fit(&out->low);
        if (left)
            status = encode_samples(e, how, left + ac_place_first(&sheet->planes, place), place, (size_t)sheet->planes.width, out);
        else
            status = encode_samples(e, how, samples, place, place->width, out);
    }
    free(samples);
    return status;
}

static int encode_piece(const ac_encoding *e, size_t index, ac_coded_piece *out)
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
    const ac_encoding *e = work;
    ac_coded_piece *out = ac_coded_piece_at(e, index);
    const uint64_t before = ac_float_state_standard();
    out->status = encode_piece(e, index, out);
    ac_float_state_back(before);
}

void ac_free_encoding(ac_encoding *e)
{
    for (size_t i = 0; e->pieces && i < e->piece_count; i++) {
        ac_coded_piece *p = ac_coded_piece_at(e, i);
        free(p->mask.bytes);
        free(p->low.bytes);
        for (size_t k = 0; k < e->choice_count; k++) free(p->coded[k].bytes);
    }
    free(e->pieces);
    free(e->parameters.bytes);
    free(e->cuts.bytes);
}

int ac_encode_pieces(ac_encoding *e, const ac_parallel *parallel)
{
    e->piece_count = (size_t)ac_piece_count(&e->grid);
    e->piece_size = sizeof(ac_coded_piece) + e->choice_count * sizeof(ac_coded_span);
    e->pieces = calloc(e->piece_count, e->piece_size);
    if (!e->pieces) return AC_ERROR_MEMORY;
    for (size_t i = 0; i < e->piece_count; i++) ac_coded_piece_at(e, i)->status = AC_NOT_RUN;
    ac_run(parallel, run_encode, e, e->piece_count);
    for (size_t i = 0; i < e->piece_count; i++) {
        const int status = ac_coded_piece_at(e, i)->status;
        if (status) return status == AC_NOT_RUN ? AC_ERROR_ARGUMENT : status;
    }
    return AC_OK;
}
