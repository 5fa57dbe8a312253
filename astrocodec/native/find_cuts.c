#include <stdlib.h>
#include <string.h>

#include "cuts.h"

enum {
    LINES = 32, RUN = 8,                 /* lines that are looked at, evenly apart in runs */
    LEAST_SIDE = 16, MOST_SIDE = 65536,
    EVERY = 8,                           /* of those lines, for the usual step */
    MOST = 6, FEW = 2,                   /* breaks that are tried, if asked to be thorough and if not */
    MOST_HINTS = 16,                     /* that are tried beside them */
    SMALL = 65536, MOST_OF_SMALL = 3,    /* planes of so many pixels are looked at only if asked to be thorough */
    BESIDE = 32, LEAST_ALONG = 32, MOST_ALONG = 128, /* what is coded for it */
    SHARE = 1536                         /* of such a plane, so that trials take no longer than its coding */
};

/* One axis of a plane: `length` places, across which lines run. */
typedef struct {
    const ac_sheet *sheet;
    const uint16_t *left;
    const ac_model *model;
    int flags, is_rows;          /* rows are cut, so the lines are columns */
    uint64_t plane;
    uint32_t length, across, count; /* count of lines */
    uint16_t *lines;             /* each of `length` samples */
    uint16_t samples[2 * BESIDE * MOST_ALONG];
    uint8_t coded[1 + 2 * 2 * BESIDE * MOST_ALONG];
} axis;

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }
static int compare_i32(const void *a, const void *b) { return (*(const int32_t *)a > *(const int32_t *)b) - (*(const int32_t *)a < *(const int32_t *)b); }

static uint64_t number_at(const axis *a, uint32_t y, uint32_t x)
{
    return (a->plane * a->sheet->planes.height + y) * a->sheet->planes.width + x;
}

static void get_samples(const axis *a, uint64_t first, size_t n, uint16_t *samples)
{
    if (a->left)
        memcpy(samples, a->left + first, n * sizeof *samples);
    else
        ac_sheet_samples(a->sheet, first, n, samples);
}

static uint32_t run_of(const axis *a) { return a->count < LINES ? a->count : RUN; }

static void look_at_lines(axis *a)
{
    const uint32_t run = run_of(a);
    for (uint32_t done = 0; done < a->count; done += run) {
        const uint32_t first = a->count < LINES ? 0 : (uint32_t)((2 * (uint64_t)(done / RUN) + 1) * a->across / 8) - RUN / 2;
        uint16_t seen[LINES];
        for (uint32_t i = 0; !a->is_rows && i < run; i++)
            get_samples(a, number_at(a, first + i, 0), a->length, a->lines + (size_t)(done + i) * a->length);
        for (uint32_t y = 0; a->is_rows && y < a->length; y++) {
            get_samples(a, number_at(a, y, first), run, seen);
            for (uint32_t i = 0; i < run; i++) a->lines[(size_t)(done + i) * a->length + y] = seen[i];
        }
    }
}

/* The median step between neighbours in some of the lines, bit by bit. */
static int32_t usual_step(const axis *a)
{
    const uint64_t half = (uint64_t)((a->count + EVERY - 1) / EVERY) * (a->length - 1) / 2;
    int32_t usual = 0;
    for (int32_t bit = 32768; bit; bit >>= 1) {
        uint64_t below = 0;
        for (uint32_t line = 0; line < a->count; line += EVERY) {
            const uint16_t *v = a->lines + (size_t)line * a->length;
            uint32_t n = 0;
            for (uint32_t i = 1; i < a->length; i++) n += abs(v[i] - v[i - 1]) < (usual | bit);
            below += n;
        }
        if (below <= half) usual |= bit;
    }
    return usual;
}

static int32_t median_step(const axis *a, uint32_t place)
{
    int32_t step[LINES];
    for (uint32_t i = 0; i < a->count; i++) step[i] = abs(a->lines[(size_t)i * a->length + place] - a->lines[(size_t)i * a->length + place - 1]);
    qsort(step, a->count, sizeof *step, compare_i32);
    return step[a->count / 2];
}

/* agreed: how many lines step by more than the limit before each place, the way that most of their run do: at a border of
 * four amplifiers some runs go up and others down. up and down are of a run. */
static void count_steps(const axis *a, int32_t limit, uint8_t *agreed, uint8_t *up, uint8_t *down)
{
    memset(agreed, 0, a->length);
    for (uint32_t first = 0; first < a->count; first += run_of(a)) {
        memset(up, 0, a->length);
        memset(down, 0, a->length);
        for (uint32_t line = first; line < first + run_of(a); line++) {
            const uint16_t *v = a->lines + (size_t)line * a->length;
            for (uint32_t i = 1; i < a->length; i++) {
                const int32_t step = v[i] - v[i - 1];
                up[i] = (uint8_t)(up[i] + (step > limit));
                down[i] = (uint8_t)(down[i] + (step < -limit));
            }
        }
        for (uint32_t i = 1; i < a->length; i++) agreed[i] = (uint8_t)(agreed[i] + (up[i] > down[i] ? up[i] : down[i]));
    }
}

/* Steps that are larger may be a break. */
static int32_t break_limit(int32_t usual, int thorough)
{
    if (thorough) return usual ? 2 * usual : 1;
    return usual > 1 ? 16 * usual : 3;
}

static uint32_t most_breaks(const axis *a)
{
    if (!(a->flags & AC_THOROUGH)) return FEW;
    return a->sheet->planes.height * a->sheet->planes.width > SMALL ? MOST : MOST_OF_SMALL;
}

/* Places of the largest breaks, the last first; returns how many. */
static uint32_t find_breaks(const axis *a, uint32_t *places)
{
    uint8_t *agreed = malloc(3 * (size_t)a->length);
    if (!agreed) return MOST + 1;
    const uint32_t most = most_breaks(a);
    count_steps(a, break_limit(usual_step(a), (a->flags & AC_THOROUGH) != 0), agreed, agreed + a->length, agreed + 2 * (size_t)a->length);
    int32_t size[MOST + 1];
    uint32_t found = 0;
    for (uint32_t place = 1; place < a->length; place++) {
        if (2u * agreed[place] <= a->count) continue;
        const int32_t here = median_step(a, place);
        uint32_t i = found;
        for (; i && size[i - 1] < here; i--) size[i] = size[i - 1], places[i] = places[i - 1];
        size[i] = here, places[i] = place;
        if (found < most) found++;
    }
    free(agreed);
    for (uint32_t i = 1; i < found; i++)
        for (uint32_t j = i; j && places[j - 1] < places[j]; j--) {
            const uint32_t place = places[j];
            places[j] = places[j - 1], places[j - 1] = place;
        }
    return found;
}

/* Adds hints to the places of breaks, the last first; returns how many there are. */
static uint32_t add_hints(const axis *a, const uint32_t *hints, uint32_t hint_count, uint32_t *places, uint32_t count)
{
    for (uint32_t i = 0; i < hint_count && i < MOST_HINTS; i++) {
        uint32_t at = 0;
        while (at < count && places[at] > hints[i]) at++;
        if (!hints[i] || hints[i] >= a->length || (at < count && places[at] == hints[i])) continue;
        memmove(places + at + 1, places + at, (count++ - at) * sizeof *places);
        places[at] = hints[i];
    }
    return count;
}

/* Rows of what is coded to try a cut: pieces have `side` of them at most. */
static uint32_t rows_along(const axis *a, uint64_t side)
{
    const uint64_t share = a->sheet->planes.height * a->sheet->planes.width / SHARE;
    const uint32_t along = share < LEAST_ALONG ? LEAST_ALONG : share < MOST_ALONG ? (uint32_t)share : MOST_ALONG;
    return smaller(a->across, smaller((uint32_t)side, along));
}

/* Bytes of a piece across the axis from first to last. */
static int try_piece(axis *a, uint32_t rows, uint32_t first, uint32_t last, size_t *size)
{
    const uint32_t start = (a->across - rows) / 4, /* in the middle there may be a break of the other axis */
                   height = a->is_rows ? last - first : rows, width = a->is_rows ? rows : last - first;
    for (uint32_t y = 0; y < height; y++)
        get_samples(a, number_at(a, (a->is_rows ? first : start) + y, a->is_rows ? start : first), width, a->samples + (size_t)y * width);
    return ac_piece_encode(a->model, a->samples, height, width, width, a->coded, sizeof a->coded, size, a->flags & ~AC_THOROUGH);
}

/* Keeps the breaks whose cut saves bytes. */
static int keep_worthy(axis *a, uint32_t rows, const uint32_t *hints, uint32_t hint_count, ac_axis_cuts *cuts)
{
    uint32_t places[MOST + 1 + MOST_HINTS], end = a->length, count = find_breaks(a, places);
    if (count > MOST) return AC_ERROR_MEMORY;
    count = add_hints(a, hints, hint_count, places, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t place = places[i], first = place < BESIDE ? 0 : place - BESIDE, last = smaller(end, place + BESIDE);
        size_t whole, before, behind;
        int status = try_piece(a, rows, first, last, &whole);
        if (!status) status = try_piece(a, rows, first, place, &before);
        if (!status) status = try_piece(a, rows, place, last, &behind);
        if (status) return status;
        /* A thousandth of the plane, at least: what passes is coded with and without cuts. */
        const size_t share = (size_t)((uint64_t)whole * a->length >> 16);
        if (before + behind + (share > whole >> 8 ? share : whole >> 8) >= whole) continue;
        memmove(cuts->at + 1, cuts->at, cuts->count++ * sizeof *cuts->at);
        cuts->at[0] = end = place;
    }
    return AC_OK;
}

static int find_along(axis *a, const ac_planes *planes, int is_rows, uint64_t side, const ac_hints *hints, ac_axis_cuts *cuts)
{
    a->is_rows = is_rows;
    a->length = (uint32_t)(is_rows ? planes->height : planes->width), a->across = (uint32_t)(is_rows ? planes->width : planes->height);
    a->count = smaller(a->across, LINES);
    a->lines = malloc((size_t)a->count * a->length * sizeof *a->lines);
    if (!a->lines) return AC_ERROR_MEMORY;
    look_at_lines(a);
    const int status = is_rows ? keep_worthy(a, rows_along(a, side), hints->rows, hints->row_count, cuts)
                               : keep_worthy(a, rows_along(a, side), hints->columns, hints->column_count, cuts);
    free(a->lines);
    return status;
}

int ac_find_cuts(const ac_sheet *sheet, const uint16_t *left, ac_sides sides, const ac_model *model, const ac_hints *hints, int flags,
                 ac_cuts *cuts)
{
    const ac_planes *planes = &sheet->planes;
    cuts->rows.count = cuts->columns.count = 0;
    if (planes->height < LEAST_SIDE || planes->height > MOST_SIDE || planes->width < LEAST_SIDE || planes->width > MOST_SIDE) return AC_OK;
    if (!(flags & AC_THOROUGH) && planes->height * planes->width <= SMALL) return AC_OK;
    axis *a = malloc(sizeof *a);
    if (!a) return AC_ERROR_MEMORY;
    a->sheet = sheet, a->left = left, a->model = model, a->flags = flags, a->plane = planes->count / 2;
    static const ac_hints none;
    if (!hints) hints = &none;
    int status = find_along(a, planes, 1, sides.width, hints, &cuts->rows);
    if (!status) status = find_along(a, planes, 0, sides.height, hints, &cuts->columns);
    free(a);
    return status;
}
