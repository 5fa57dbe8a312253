#include "plane_choice.h"

#include <stdlib.h>
#include <string.h>

#include "chain_choice.h"
#include "pixel_choice.h"
#include "series.h"
#include "series_choice.h"
#include "split.h"

enum { CHUNK = 1024, LARGE = 1 << 20, LEAST_PLANE = 256, NOT_SMALL = 1024, LOOKED_AT = 8, TRIALS = 4, TRIAL_ROWS = 64, TRIAL_COLUMNS = 256, TRIAL_PIXELS = 2048 };

/* Whether a plane has a set or lattice of its own, of at most two thirds of the samples that `whole` has. */
static int is_sparser(const ac_sheet *plane, const ac_sheet *whole)
{
    return plane->map.rule != AC_RULE_NONE && 3 * (plane->largest + 1) <= 2 * (ac_smaller(whole->largest, 1 << 20) + 1);
}

/* Maps a plane by itself. */
static int map_plane(const ac_sheet *sheet, const ac_array *array, uint64_t t, ac_sheet *plane)
{
    const ac_planes *p = &sheet->planes;
    const size_t size = (size_t)(p->height * p->width) * ac_number_bytes(array->dtype);
    const ac_array one = {.dtype = array->dtype, .ndim = 2, .shape = {p->height, p->width}};
    const int status = ac_sheet_init_as(plane, &one, (const uint8_t *)sheet->numbers.data + t * size, sheet->by_bits);
    if (!status) ac_choose_low_bits(plane);
    return status;
}

/* Maps each plane by itself. `differ`: some have another kind, rule or number of low bits than `sheet`, or are sparser. */
static int map_each(const ac_sheet *sheet, const ac_array *array, ac_sheet *each, int *differ)
{
    int status = AC_OK;
    *differ = 0;
    for (uint64_t t = 0; t < sheet->planes.count && !status; t++) {
        ac_sheet *plane = &each[t];
        status = map_plane(sheet, array, t, plane);
        if (status) break;
        *differ |= plane->map.first_exponent != sheet->map.first_exponent || plane->map.linear != sheet->map.linear;
        *differ |= plane->map.kind != sheet->map.kind || plane->map.rule != sheet->map.rule || plane->low_bits != sheet->low_bits;
        *differ |= is_sparser(plane, sheet);
    }
    return status;
}

/* Whether planes of samples that are their integers have ranges far from each other. */
static int ranges_differ(const ac_sheet *sheet)
{
    const size_t size = (size_t)(sheet->planes.height * sheet->planes.width);
    uint16_t samples[CHUNK];
    uint32_t least = UINT32_MAX, most = 0;
    for (uint64_t t = 0; t < sheet->planes.count; t++) {
        uint16_t low = UINT16_MAX, high = 0, part_low, part_high;
        for (size_t done = 0; done < size; done += CHUNK) {
            const size_t n = size - done < CHUNK ? size - done : CHUNK;
            ac_sheet_samples(sheet, t * size + done, n, samples);
            ac_words_range(samples, n, 0, &part_low, &part_high);
            low = part_low < low ? part_low : low;
            high = part_high > high ? part_high : high;
        }
        const uint32_t range = (uint32_t)high - low;
        least = range < least ? range : least;
        most = range > most ? range : most;
    }
    return most >> 2 > least;
}

static void free_each(ac_plane_choice *c)
{
    for (uint64_t t = 0; c->each && t < c->count; t++) ac_sheet_free(&c->each[t]);
    free(c->each);
    free(c->maps);
    c->each = NULL, c->maps = NULL, c->maps_length = 0;
}

/* How many of some planes, and of how many, are sparser. */
static int count_sparser(const ac_sheet *sheet, const ac_array *array, uint64_t *found, uint64_t *looked_at)
{
    const uint64_t last = sheet->planes.count - 1, most = ac_smaller(last, LOOKED_AT - 1);
    int status = AC_OK;
    *found = 0, *looked_at = most + 1;
    for (uint64_t i = 0; i <= most && !status; i++) {
        ac_sheet plane;
        status = map_plane(sheet, array, i * last / most, &plane);
        if (!status) *found += (uint64_t)is_sparser(&plane, sheet);
        ac_sheet_free(&plane);
    }
    return status;
}

static int is_plain(const ac_sheet *sheet) { return sheet->largest <= 65535 && sheet->map.rule == AC_RULE_NONE && sheet->map.kind != AC_KIND_BINS; }

/* Several of real numbers, not tiny. */
static int are_planes(const ac_array *array, const ac_planes *p)
{
    return !ac_is_complex(array->dtype) && p->count > 1 && p->height * p->width >= LEAST_PLANE;
}

/* Whether it is worth a look what planes are by themselves. The sheet has its least low bits. */
static int may_be_apart(const ac_sheet *sheet, const ac_array *array, int *look)
{
    uint64_t found, looked_at;
    *look = 0;
    if (!are_planes(array, &sheet->planes)) return AC_OK;
    *look = sheet->planes.height * sheet->planes.width >= NOT_SMALL && (!is_plain(sheet) || ranges_differ(sheet));
    if (*look) return AC_OK;
    const int status = count_sparser(sheet, array, &found, &looked_at);
    *look = !status && found;
    return status;
}

int ac_planes_are_sparser(const ac_array *array, const void *data, int *sparser)
{
    const ac_planes planes = ac_planes_of(array);
    uint64_t found, looked_at;
    ac_sheet sheet;
    *sparser = 0;
    if (!are_planes(array, &planes)) return AC_OK;
    int status = ac_sheet_init(&sheet, array, data);
    if (!status) status = count_sparser(&sheet, array, &found, &looked_at);
    *sparser = !status && 2 * found > looked_at;
    ac_sheet_free(&sheet);
    return status;
}

/* Sets choice->each where planes by themselves may be smaller. */
static int consider_each(const ac_sheet *sheet, const ac_array *array, ac_plane_choice *c)
{
    const ac_planes *p = &sheet->planes;
    c->count = p->count;
    c->each = calloc((size_t)p->count, sizeof *c->each);
    int differ = 0, fits = 1, status = c->each ? map_each(sheet, array, c->each, &differ) : AC_ERROR_MEMORY;
    differ |= is_plain(sheet);
    if (!status && differ) status = ac_plane_maps_write(c->each, c->count, &c->maps, &c->maps_length, &fits);
    if (status || !differ || !fits) free_each(c);
    return status;
}

/* Part of planes, or of a run of planes that share pieces, which is coded for a trial. */
typedef struct {
    uint64_t start, stop, y, x;
    uint32_t rows, columns;
} part;

/* j counted from 1; 0: the first planes. */
static part part_of(const ac_planes *p, uint64_t shares, uint64_t trials, uint64_t j)
{
    const uint64_t at = j ? 2 * j - 1 : 1;
    const uint64_t columns = ac_smaller(p->width, TRIAL_COLUMNS), share = 32 * trials * columns * (1 + shares);
    const uint64_t rows = ac_smaller(ac_smaller(p->height, TRIAL_ROWS), ac_larger(8, p->count * p->height * p->width / share));
    const uint64_t run = ac_larger(1 + shares, TRIAL_PIXELS / (rows * columns)), start = j ? 1 + (j - 1) * (p->count - 1) / trials : 0;
    return (part){start, ac_smaller(start + run, p->count), at * (p->height - rows) / (2 * trials), at * (p->width - columns) / (2 * trials),
                  (uint32_t)rows, (uint32_t)columns};
}

typedef struct {
    const ac_sheet *sheet;
    const ac_model *model;
    int flags;
    uint64_t trials;
    part first, parts[TRIALS];
    uint16_t *samples; /* room for a part in all planes */
    uint8_t *out;
    size_t bound;
} trial;

static size_t part_size(const part *p) { return (size_t)p->rows * p->columns; }

/* Samples of a part, of the given planes of the sheet. */
static void gather(const ac_sheet *sheet, const part *p, uint64_t start, uint64_t stop, uint16_t *to)
{
    const ac_planes *planes = &sheet->planes;
    for (uint64_t plane = start; plane < stop; plane++)
        for (uint64_t y = p->y; y < p->y + p->rows; y++, to += p->columns)
            ac_sheet_samples(sheet, (plane * planes->height + y) * planes->width + p->x, p->columns, to);
}

/* Their low bits. */
static uint64_t low_bits(const ac_sheet *sheet, const part *p, uint64_t start, uint64_t stop)
{
    const ac_planes *planes = &sheet->planes;
    uint64_t bits = 0;
    if (sheet->map.kind != AC_KIND_BINS) return sheet->low_bits * (stop - start) * part_size(p);
    for (uint64_t plane = start; plane < stop; plane++)
        for (uint64_t y = p->y; y < p->y + p->rows; y++) bits += ac_sheet_low_bits(sheet, (plane * planes->height + y) * planes->width + p->x, p->columns);
    return bits;
}

/* Adds the bits of so many planes of a part, whose low bits are known. */
static int code(const trial *w, const part *p, uint64_t planes, uint64_t low, const uint16_t *samples, uint64_t *bits)
{
    size_t length;
    const int status = ac_piece_encode(w->model, samples, (uint32_t)planes * p->rows, p->columns, p->columns, w->out, w->bound, &length, w->flags);
    if (!status) *bits += 8 * (uint64_t)length + low;
    return status;
}

static int code_together(const trial *w, const part *p, uint64_t *bits)
{
    gather(w->sheet, p, p->start, p->stop, w->samples);
    return code(w, p, p->stop - p->start, low_bits(w->sheet, p, p->start, p->stop), w->samples, bits);
}

static int code_apart(const trial *w, const part *p, const ac_sheet *each, uint64_t *bits)
{
    int status = AC_OK;
    for (uint64_t t = p->start; t < p->stop && !status; t++) {
        gather(&each[t], p, 0, 1, w->samples);
        status = code(w, p, 1, low_bits(&each[t], p, 0, 1), w->samples, bits);
    }
    return status;
}

static int code_left(const trial *w, const part *p, const ac_chain *chain, uint64_t *bits)
{
    const size_t size = part_size(p);
    const ac_stack stack = {p->stop, size, size};
    gather(w->sheet, p, 0, p->stop, w->samples);
    ac_chain_apply(chain, &stack, w->samples, w->samples, size);
    return code(w, p, p->stop - p->start, low_bits(w->sheet, p, p->start, p->stop), w->samples + p->start * size, bits);
}

/* Whether planes by themselves take fewer bits in trials; `alone`: what they then take, or what those of all planes together do. */
static int try_each(const trial *w, const ac_plane_choice *c, uint64_t *alone, int *better)
{
    const part first = w->first;
    uint64_t together = 0, apart = 0, more = 0, pixels = (first.stop - first.start) * part_size(&first);
    int status = code_together(w, &first, &together);
    if (!status) status = code_apart(w, &first, c->each, &more);
    for (uint64_t j = 0; j < w->trials && !status; j++) {
        status = code_apart(w, &w->parts[j], c->each, &apart);
        pixels += (w->parts[j].stop - w->parts[j].start) * part_size(&w->parts[j]);
    }
    more += 8 * (uint64_t)(c->maps_length + c->each[0].map.packed_size) * pixels / w->sheet->count;
    together += 8 * (uint64_t)w->sheet->map.packed_size * pixels / w->sheet->count;
    *better = !status && apart + more < *alone + together;
    if (*better) *alone = apart;
    return status;
}

/* Whether what a chain leaves takes less than 99 % of that. The sheet has its least low bits. */
static int try_chain(const trial *w, const ac_chain *chain, uint64_t alone, int *better)
{
    uint64_t left = 0;
    int status = AC_OK;
    for (uint64_t j = 0; j < w->trials && !status; j++) status = code_left(w, &w->parts[j], chain, &left);
    *better = !status && 100 * left < 99 * alone;
    return status;
}

static int begin_trial(trial *w, uint64_t together)
{
    const ac_planes *p = &w->sheet->planes;
    w->trials = ac_smaller(p->count - 1, w->sheet->count < LARGE ? TRIALS / 2 : TRIALS);
    w->first = part_of(p, together > 1, w->trials, 0);
    for (uint64_t j = 0; j < w->trials; j++) w->parts[j] = part_of(p, together > 1, w->trials, j + 1);
    const part *one = &w->first; /* none has more planes */
    w->bound = ac_piece_bound((uint32_t)(one->stop - one->start) * one->rows, one->columns);
    w->samples = malloc((size_t)p->count * part_size(one) * sizeof *w->samples);
    w->out = malloc(w->bound);
    return w->samples && w->out ? AC_OK : AC_ERROR_MEMORY;
}

static int leave(const ac_sheet *sheet, ac_plane_choice *c)
{
    const uint64_t size = sheet->planes.height * sheet->planes.width;
    const ac_stack stack = {sheet->planes.count, size, size};
    const uint16_t *there = ac_sheet_as_samples(sheet);
    c->left = malloc((size_t)sheet->count * sizeof *c->left);
    if (!c->left) return AC_ERROR_MEMORY;
    if (!there) ac_sheet_samples(sheet, 0, (size_t)sheet->count, c->left);
    ac_chain_apply(&c->chain, &stack, there ? there : c->left, c->left, size);
    return AC_OK;
}

/* Trials of what may be smaller than the sheet as it is. */
static int choose(ac_sheet *sheet, uint32_t least, int has_chain, uint64_t together, const ac_model *model, int flags, ac_plane_choice *c)
{
    const uint32_t chosen = sheet->low_bits;
    trial w = {.sheet = sheet, .model = model, .flags = flags};
    uint64_t alone = 0;
    int better = 0, status = begin_trial(&w, together);
    for (uint64_t j = 0; j < w.trials && !status; j++) status = code_together(&w, &w.parts[j], &alone);
    if (!status && c->each) status = try_each(&w, c, &alone, &better);
    if (!better) free_each(c);
    better = 0;
    sheet->low_bits = least; /* a level in time is worth more than the bits are loud in space */
    if (!status && has_chain) status = try_chain(&w, &c->chain, alone, &better);
    free(w.samples);
    free(w.out);
    if (better) {
        free_each(c);
        return leave(sheet, c);
    }
    sheet->low_bits = chosen;
    return status;
}

int ac_planes_choose(ac_sheet *sheet, const ac_array *array, uint64_t together, const ac_model *model, int flags, ac_plane_choice *c)
{
    memset(c, 0, sizeof *c);
    int has_chain, look = 0;
    ac_least_low_bits(sheet);
    const uint32_t least = sheet->low_bits;
    int status = ac_chain_fit(sheet, array, &c->chain, &has_chain);
    if (!status) status = may_be_apart(sheet, array, &look);
    ac_choose_low_bits(sheet);
    if (!status && look) status = consider_each(sheet, array, c);
    if (status || !(has_chain || c->each)) return status;
    return choose(sheet, least, has_chain, together, model, flags, c);
}

int ac_planes_subtract(ac_sheet *sheet, const ac_array *array, ac_plane_choice *c)
{
    memset(c, 0, sizeof *c);
    ac_least_low_bits(sheet);
    if (ac_chain_plain(&sheet->planes, array, &c->chain)) return leave(sheet, c);
    ac_choose_low_bits(sheet);
    return AC_OK;
}

int ac_planes_as_series(ac_sheet *sheet, ac_plane_choice *c)
{
    const ac_planes *p = &sheet->planes;
    memset(c, 0, sizeof *c);
    ac_least_low_bits(sheet);
    c->left = malloc((size_t)sheet->count * sizeof *c->left);
    if (!c->left) return AC_ERROR_MEMORY;
    ac_sheet_samples(sheet, 0, (size_t)sheet->count, c->left);
    int status = ac_series_fit(p, c->left, &c->chain);
    if (!status) status = ac_series_write(&c->chain, p, c->left, &c->series, &c->series_length);
    return status ? status : ac_series_apply(&c->chain, p, c->left, c->left);
}

void ac_plane_choice_free(ac_plane_choice *c)
{
    free_each(c);
    free(c->series);
    free(c->left);
    c->left = NULL, c->series = NULL;
}
