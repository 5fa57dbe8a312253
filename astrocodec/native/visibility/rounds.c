#include "visibility/rounds.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "visibility/classes.h"
#include "visibility/mixing.h"

static int start(ac_round *k, const ac_group *g, uint64_t first, uint32_t baselines)
{
    const ac_block *const b = g->block;
    *k = (ac_round){.g = g, .b = b, .first = first, .baselines = baselines, .lanes = ac_lanes_of(baselines), .row = b->channels * b->pols};
    k->samples = k->row * b->times;
    k->unit = g->steps ? malloc((size_t)(k->row * k->lanes) * sizeof *k->unit) : NULL;
    k->classes = calloc((size_t)(k->samples * k->lanes), 1);
    if ((g->steps && !k->unit) || !k->classes) return AC_ERROR_MEMORY;
    for (uint64_t f = 0; g->steps && f < b->channels; f++)
        for (uint64_t j = 0; j < b->pols; j++)
            for (uint32_t l = 0; l < k->lanes; l++)
                k->unit[(f * b->pols + j) * k->lanes + l] = ac_unit_of(g->steps, b, first + (l < baselines ? l : 0), f, ac_pol_at(b, j));
    for (uint64_t i = 0; i < k->samples && k->lanes > baselines; i++) memset(k->classes + i * k->lanes + baselines, AC_ZERO, k->lanes - baselines);
    return AC_OK;
}

int ac_rounds_start(ac_rounds *all, const ac_group *g)
{
    const uint64_t size = ac_round_size(g->block), count = (g->baselines + size - 1) / size;
    int status = AC_OK;
    *all = (ac_rounds){calloc((size_t)count, sizeof(ac_round)), (size_t)count};
    if (!all->at) return AC_ERROR_MEMORY;
    for (uint64_t i = 0; i < count && !status; i++) status = start(all->at + i, g, g->first + i * size, (uint32_t)ac_smaller(size, g->baselines - i * size));
    return status;
}

void ac_rounds_end(ac_rounds *all)
{
    for (ac_round *k = all->at; k && k < all->at + all->count; k++) free(k->unit), free(k->classes), free(k->steps);
    free(all->at);
}

/* The classes of all rounds, to be freed. */
static ac_round_classes *classes_of(const ac_rounds *all)
{
    ac_round_classes *const c = malloc(all->count * sizeof *c);
    for (size_t i = 0; c && i < all->count; i++) c[i] = (ac_round_classes){all->at[i].classes, all->at[i].baselines, all->at[i].lanes};
    return c;
}

/* Bytes of the samples that are kept, in the order of the walk. Returns their number. */
static size_t kept_bytes(const ac_round *k)
{
    size_t n = 0;
    for (uint64_t i = 0; k->has_classes && i < k->samples * k->lanes; i++) n += k->classes[i] == AC_KEPT;
    return n * 2 * k->b->number_size;
}

static void copy_kept(const ac_round *k, uint8_t *bytes, void *values, int is_read)
{
    const size_t number = k->b->number_size;
    uint64_t i = 0;
    for (uint64_t t = 0; t < k->b->times; t++)
        for (uint64_t f = 0; f < k->b->channels; f++)
            for (uint64_t j = 0; j < k->b->pols; j++, i++)
                for (uint32_t l = 0; l < k->baselines; l++) {
                    const uint8_t class = k->classes[i * k->lanes + l];
                    uint8_t *const at = (uint8_t *)values + 2 * number * (class == AC_CODED ? 0 : ac_element_of(k, t, l, f, j));
                    if (class == AC_ZERO && is_read) memset(at, 0, 2 * number);
                    if (class != AC_KEPT) continue;
                    if (is_read)
                        ac_copy_little_endian(at, bytes, 2, number);
                    else
                        ac_copy_little_endian(bytes, at, 2, number);
                    bytes += 2 * number;
                }
}

void ac_round_take_classes(ac_round *k, const uint8_t *classes)
{
    const ac_block *const b = k->b;
    for (uint64_t t = 0; t < b->times; t++)
        for (uint32_t l = 0; l < k->baselines; l++) {
            const uint8_t *const row = classes + ac_element_of(k, t, l, 0, 0);
            uint8_t *const to = k->classes + t * k->row * k->lanes + l;
            uint8_t others = 0;
            for (uint64_t i = 0; i < k->row; i++) others |= row[i] ^ AC_CODED;
            if (!others) continue; /* as they began */
            k->has_classes = 1;
            for (uint64_t f = 0; f < b->channels; f++)
                for (uint64_t j = 0; j < b->pols; j++) to[(f * b->pols + j) * k->lanes] = row[f * b->pols + ac_pol_at(b, j)];
        }
}

uint8_t *ac_rounds_head(const ac_rounds *all, const void *values, void *decoded, size_t *length)
{
    size_t map_length = 0, kept = 0;
    int has_classes = 0;
    for (size_t i = 0; i < all->count; i++) has_classes |= all->at[i].has_classes, kept += kept_bytes(all->at + i);
    *length = 1;
    if (!has_classes) return calloc(1, 1);
    ac_round_classes *const c = classes_of(all);
    uint8_t *const map = c ? ac_classes_pack(c, all->count, all->at->b, &map_length) : NULL;
    uint8_t *const head = map ? malloc(1 + ac_varint_size(map_length) + map_length + kept) : NULL;
    if (head) {
        head[0] = AC_HAS_CLASSES;
        *length = 1 + ac_put_varint(head + 1, map_length) + map_length;
        memcpy(head + *length - map_length, map, map_length);
        for (size_t i = 0; i < all->count; i++) {
            copy_kept(all->at + i, head + *length, (void *)values, 0);
            if (decoded) copy_kept(all->at + i, head + *length, decoded, 1);
            *length += kept_bytes(all->at + i);
        }
    }
    free(c), free(map);
    return head;
}

int ac_rounds_read_classes(ac_rounds *all, ac_reader *r, void *values)
{
    const uint64_t length = ac_take_varint(r, UINT64_MAX);
    const size_t at = r->at;
    const uint8_t *const map = ac_take(r, length);
    if (!map) return r->why.status;
    ac_round_classes *const c = classes_of(all);
    if (!c) return AC_ERROR_MEMORY;
    ac_classes_read(c, all->count, all->at->b, map, (size_t)length, &r->why);
    if (r->why.status) r->why.at += at;
    free(c);
    for (ac_round *k = all->at; k < all->at + all->count && !r->why.status; k++) {
        k->has_classes = 1;
        const uint8_t *const kept = ac_take(r, kept_bytes(k));
        if (kept) copy_kept(k, (uint8_t *)kept, values, 1);
    }
    return r->why.status;
}

int ac_rounds_decode(const ac_group *g, const uint8_t *data, size_t length, ac_distances *tables, uint32_t *made, ac_rounds_decoder *decode, void *values, ac_refusal *why)
{
    ac_rounds all;
    ac_reader r = {data, length, 0, {0}};
    const uint32_t flags = ac_take_byte(&r), shape = flags >> AC_SHAPE_SHIFT & AC_SHAPE_BITS;
    int status = ac_rounds_start(&all, g);
    if (flags > AC_GROUP_FLAGS || shape >= AC_VIS_SHAPES) ac_refuse(&r.why, AC_REASON_VISIBILITY_GROUP, 0, flags, AC_GROUP_FLAGS);
    if ((flags & AC_PREDICTED) && g->block->pols > AC_MOST_PREDICTED_POLS) ac_refuse(&r.why, AC_REASON_VISIBILITY_POLS, 0, g->block->pols, AC_MOST_PREDICTED_POLS);
    if ((flags & AC_MIXED) && (!(flags & AC_PREDICTED) || g->block->kind == AC_FLOATS)) ac_refuse(&r.why, AC_REASON_VISIBILITY_GROUP, 0, flags, AC_GROUP_FLAGS);
    const uint8_t *const layer = flags & AC_MIXED ? ac_take(&r, AC_MIX_SIZE) : NULL;
    if (!status) status = r.why.status;
    if (!status && (flags & AC_HAS_CLASSES)) status = ac_rounds_read_classes(&all, &r, values);
    ac_rounds_reader in = {0};
    const uint32_t states = status ? 0 : ac_states_of(&all);
    const uint8_t *const first = status ? NULL : ac_take(&r, 4 * states);
    if (first) ac_states_read(data, (size_t)(first - data), states, in.state, &r.why);
    if (!status) status = r.why.status;
    if (!status) {
        if (!(*made >> shape & 1)) ac_distances_make(tables + shape, shape), *made |= 1u << shape;
        in.words = (ac_word_reader){data + r.at, data + length, 0};
        status = decode(&all, (int)(flags & AC_PREDICTED), (const int8_t *)layer, tables + shape, &in, values, &r.why);
    }
    if (!status) status = ac_states_end(in.state, states, (size_t)(in.words.end - in.words.next), length, &r.why);
    if (r.why.status) *why = r.why;
    ac_rounds_end(&all);
    return status;
}
