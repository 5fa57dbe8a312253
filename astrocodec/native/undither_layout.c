#include <stdlib.h>
#include <string.h>

#include "undither_parts.h"

enum {
    ROWS = 8,         /* looked at beside the first, or together */
    TURNS_ROUND = 5,  /* times that the random numbers may begin anew before a cut-out */
    MOST_TOPS = 32,   /* rows at which tiles begin */
    SCANNED = 768,    /* rows in which these are sought */
    MOST_ACROSS = 12, /* tiles beside each other that tell the seed */
    NARROWEST = 8,    /* tile */
    FEWEST = 33,      /* different pixels, for what is to be seen */
    FEWEST_CHECKED = 20,
    MOST_GRIDS = 1000,
    MOST_TRIED = 1 << 18, /* ways of tiles to lie */
    MOST_CHECKED = 16,    /* of these against pixels all over the image */
    MOST_HEIGHTS = 48,
    MOST_BROKEN = 6, /* rows with which is begun */
    LATEST_START = 500,
    CHECKS = 16,
    PIECE = 256,
};

/* A pixel's random number: that pixel `pixel` of the tile that is `tile` tiles behind a first one has number `at`. */
typedef struct {
    uint64_t tile, pixel;
    uint32_t at;
} clue;

/* That of a sighting's middle, since some of its first pixels may be in another sequence. */
static clue clue_of(const ac_sighting *s, uint64_t tile, uint64_t pixel)
{
    const uint32_t middle = s->rows / 2 * s->width + (uint32_t)(s->n / 2);
    return (clue){tile, pixel + middle, s->at + middle};
}

static int place_is(const ac_dither *d, uint32_t seed, uint64_t more, clue c)
{
    return ac_dither_place(d, (uint32_t)((seed + more + c.tile) % AC_SEEDS), c.pixel).at == c.at;
}

/* The seed of the first tile, and by how many pixels tiles begin earlier: all clues agree with it. The fewest such pixels are taken, `most` at most. */
static int solve(const ac_dither *d, const clue *clues, size_t n, uint64_t most, uint32_t *seed, uint64_t *earlier)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t first = 0; first < AC_SEEDS; first++) {
        uint64_t before = 0; /* numbers of the sequences that have ended */
        for (uint32_t round = 0; round < TURNS_ROUND; round++) {
            const uint32_t s = (uint32_t)((first + clues->tile + round) % AC_SEEDS);
            const uint64_t pixel = before + clues->at - d->starts[s];
            before += AC_SEEDS - d->starts[s];
            if (clues->at < d->starts[s] || pixel < clues->pixel || pixel - clues->pixel > most || pixel - clues->pixel >= least) continue;
            size_t i = 1;
            const uint64_t earlier_by = pixel - clues->pixel;
            while (i < n && place_is(d, first, 0, (clue){clues[i].tile, clues[i].pixel + earlier_by, clues[i].at})) i++;
            if (i == n) least = pixel - clues->pixel, *seed = first;
        }
    }
    *earlier = least;
    return least != UINT64_MAX;
}

static int look(const ac_dithered_image *image, uint64_t plane, uint64_t row, uint64_t column, size_t n, ac_sighting *s)
{
    *s = (ac_sighting){.plane = plane, .row = row, .column = column, .n = n};
    return ac_undither_look(image, s);
}

/* Rows of a tile of this width that can be looked at together. */
static uint32_t rows_together(uint64_t width, size_t n)
{
    const uint64_t rows = 1 + (AC_MOST_SORTED - n) / width;
    return rows > 1 ? (uint32_t)ac_smaller(rows, ROWS) : 0;
}

/* In what may be the first tile to the right of a column. */
static int look_in_tile(const ac_dithered_image *image, uint64_t plane, uint64_t row, uint64_t column, uint64_t width, ac_sighting *s)
{
    *s = (ac_sighting){.plane = plane, .row = row, .column = column, .n = (size_t)ac_smaller(ac_smaller(width, PIECE), image->planes.width - column)};
    s->rows = (uint32_t)ac_smaller(rows_together(width, s->n), image->planes.height - row);
    s->width = s->rows ? (uint32_t)width : 0;
    return ac_undither_look(image, s);
}

/* Rows of the first plane beside the first sighting, as many as are seen. */
static size_t look_beside(const ac_dithered_image *image, const ac_sighting *first, ac_sighting *seen)
{
    const uint64_t height = image->planes.height, from = first->row + ROWS < height ? first->row : height > ROWS ? height - ROWS - 1 : 0;
    size_t n = 0;
    for (uint64_t row = from; row < height && row <= from + ROWS; row++) {
        seen[n] = *first;
        if ((row == first->row && !first->plane) || look(image, 0, row, first->column, first->n, &seen[n])) n++;
    }
    return n;
}

/* How many rows are from plane to plane in what was quantised: the image's height, or that of a whole that this is cut out of. */
static void lay_planes(const ac_dithered_image *image, const ac_sighting *first, ac_quantised *q)
{
    const uint64_t height = image->planes.height;
    ac_sighting seen[ROWS];
    size_t n = 0;
    for (uint64_t i = 0; i < ROWS && i < height; i++)
        if (look(image, 1, i * height / ac_smaller(ROWS, height), first->column, first->n, &seen[n])) n++;
    for (uint64_t apart = height; n > 1 && apart < height + AC_SEEDS; apart++) {
        size_t i = 0;
        while (i < n && place_is(image->dither, q->seed, apart, clue_of(&seen[i], seen[i].row, seen[i].column + q->column))) i++;
        if (i < n) continue;
        q->whole_height = apart == height ? 0 : apart;
        return;
    }
}

/* Tiles are rows of a whole image, of which this may be a part. */
static int lay_rows(const ac_dithered_image *image, const ac_sighting *seen, size_t n, ac_quantised *q)
{
    clue clues[ROWS + 1];
    if (!n) return 0;
    for (size_t i = 0; i < n; i++) clues[i] = clue_of(&seen[i], seen[i].row, seen[i].column);
    if (!solve(image->dither, clues, n, UINT32_MAX, &q->seed, &q->column)) return 0;
    q->tile_height = 1, q->tile_width = 0;
    if (image->planes.count > 1) lay_planes(image, seen, q);
    return 1;
}

/* What most rows that follow each other are apart in the random numbers: a tile's width, or 0. */
static uint64_t width_of(const ac_sighting *seen, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const uint32_t apart = seen[i].at - seen[i - 1].at;
        size_t same = 0;
        for (size_t j = 1; j < n; j++) same += seen[j].row == seen[j - 1].row + 1 && seen[j].at - seen[j - 1].at == apart;
        if (same >= 2 && apart < AC_SEEDS && apart >= NARROWEST) return apart;
    }
    return 0;
}

/* Whether a pixel is on a sighting's line with a random number. */
static int is_on(const ac_dithered_image *image, const ac_sighting *s, uint64_t row, uint64_t column, uint64_t at)
{
    double x;
    ac_undither_load(image, s->plane, row, column, 1, &x);
    const double k = (x - s->line.zero) / s->line.scale + ((double)image->dither->number[at] - 0.5);
    return fabs(k - rint(k)) < 0.02 + fabs(x / s->line.scale) * 0x1p-23;
}

/* The column at which a sighting's tile ends or begins, from its middle on; UINT64_MAX where the image ends before. */
static uint64_t wall_of(const ac_dithered_image *image, const ac_sighting *s, int is_left)
{
    const uint64_t middle = s->column + s->n / 2, most = is_left ? middle : image->planes.width - middle;
    uint32_t wrong = 0; /* of the last eight, a bit each */
    for (uint64_t i = 0; i < most; i++) {
        const uint64_t column = is_left ? middle - 1 - i : middle + i, at = s->at + column - s->column;
        if (at >= AC_SEEDS) return UINT64_MAX;
        wrong = (wrong << 1 | !is_on(image, s, s->row, column, at)) & 255;
        if (__builtin_popcount(wrong) < 6) continue;
        const uint64_t since = 31 - (uint64_t)__builtin_clz(wrong); /* pixels since the first of those */
        return is_left ? column + since + 1 : column - since;
    }
    return UINT64_MAX;
}

/* Where tiles of this width begin, modulo their width: what most rows say; UINT64_MAX where no wall is seen. */
static uint64_t walls_of(const ac_dithered_image *image, const ac_sighting *seen, size_t n, uint64_t width)
{
    uint64_t walls[2 * (ROWS + 1)];
    size_t count = 0, most = 0, best = 0;
    for (size_t i = 0; i < 2 * n; i++) {
        const uint64_t wall = wall_of(image, &seen[i / 2], i & 1);
        if (wall != UINT64_MAX) walls[count++] = wall % width;
    }
    for (size_t i = 0; i < count; i++) {
        size_t same = 0;
        for (size_t j = 0; j < count; j++) same += walls[j] == walls[i];
        if (same > most) most = same, best = i;
    }
    return count ? walls[best] : UINT64_MAX;
}

/* Rows in which a tile may begin at this column: the numbers do not go on from the row above. */
static size_t tops_of(const ac_dithered_image *image, uint64_t plane, uint64_t column, uint64_t width, ac_sighting *tops)
{
    ac_sighting before = {0};
    size_t count = 0;
    int is_seen = 0;
    for (uint64_t row = 0; row < image->planes.height && row < SCANNED && count < MOST_TOPS; row++) {
        ac_sighting s;
        if (!look_in_tile(image, plane, row, column, width, &s)) continue;
        const uint64_t rows = row - before.row;
        if (!is_seen || s.at != before.at + rows * width) tops[count++] = s;
        before = s, is_seen = 1;
    }
    return count;
}

/* Some rows of a tile, or fewer where it ends, with their random numbers: how many pixels. */
static size_t load_laid(const ac_dithered_image *image, const ac_quantised *q, const ac_tiling *t, uint64_t plane, uint64_t row, uint64_t column, double *x, float *r)
{
    const uint64_t left = (q->column + column) / t->tile_width * t->tile_width, from = left > q->column ? left - q->column : 0;
    const size_t width = (size_t)ac_smaller(PIECE, ac_smaller(left + t->tile_width - q->column, t->planes.width) - from);
    const uint64_t height = ac_smaller(t->tile_height - (q->row + row) % t->tile_height, t->planes.height - row), rows = ac_smaller(AC_MOST_SORTED / 2 / width, height);
    size_t n = 0;
    for (uint64_t i = 0; i < rows || !i; i++, n += width) {
        ac_undither_load(image, plane, row + i, from, width, x + n);
        ac_undither_random(image->dither, q, t, plane, row + i, from, width, r + n);
    }
    return n;
}

/* How many places spread over the image are on lines, as tiles are laid; 0 unless most are. */
static uint32_t count_laid(const ac_dithered_image *image, const ac_quantised *q)
{
    const ac_tiling t = ac_quantise_tiling(q, image->array);
    uint32_t random = 1, agreed = 0, looked_at = 0;
    for (int i = 0; i < CHECKS; i++) {
        double x[AC_MOST_SORTED];
        float r[AC_MOST_SORTED];
        ac_dithered_line line = {0};
        random = random * 1664525 + 1013904223;
        const uint64_t plane = (random >> 8) % t.planes.count, row = i < 2 ? (t.planes.height - 1) * (uint64_t)i : (random >> 4) % t.planes.height;
        random = random * 1664525 + 1013904223;
        const size_t n = load_laid(image, q, &t, plane, row, i % 4 ? (random >> 4) % t.planes.width : t.planes.width - 1, x, r);
        ac_sorted sorted;
        ac_undither_sort(x, n, 1, &sorted);
        if (sorted.count < FEWEST_CHECKED) continue;
        looked_at++;
        agreed += ac_undither_line(x, r, n, 1, &line) && 10 * line.within >= 9 * sorted.count;
    }
    return 8 * agreed >= 5 * looked_at ? agreed : 0;
}

/* The seed of the tile that holds the first element, from that of one `down` and `across` tiles from there. */
static uint32_t seed_before(uint32_t seed, uint64_t down, uint64_t all_across, uint64_t across)
{
    const uint64_t tiles = down % AC_SEEDS * (all_across % AC_SEEDS) + across;
    return (uint32_t)((seed + AC_SEEDS - tiles % AC_SEEDS) % AC_SEEDS);
}

/* Rows in which tiles may begin, with the number that their first pixel has then; the distances between them, and what is usual, are heights that tiles may have. */
typedef struct {
    size_t count, height_count;
    ac_sighting tops[MOST_TOPS];
    uint64_t heights[MOST_HEIGHTS];
    uint32_t tried, checked; /* so far */
} guesses;

static void add_height(guesses *g, uint64_t height, uint64_t most)
{
    if (!height || height > most || g->height_count == MOST_HEIGHTS) return;
    for (size_t i = 0; i < g->height_count; i++)
        if (g->heights[i] == height) return;
    g->heights[g->height_count++] = height;
}

static void guess(const ac_dithered_image *image, const ac_sighting *tops, size_t n, uint64_t width, guesses *g)
{
    static const uint64_t usual[] = {100, 16, 50, 64, 128, 256, 32, 512};
    g->count = g->height_count = 0;
    g->tried = g->checked = 0;
    for (size_t i = 0; i < n && i < MOST_BROKEN; i++) /* the first rows of a tile may not have been seen, or with some of the tile above */
        for (int64_t down = tops[i].rows / 4; down >= -(int64_t)tops[i].row && g->count < MOST_TOPS; down--) {
            const int64_t at = tops[i].at + down * (int64_t)width, row = (int64_t)tops[i].row + down;
            if (at < 0) break;
            if (at >= LATEST_START || row >= (int64_t)image->planes.height) continue;
            g->tops[g->count] = tops[i];
            g->tops[g->count].row = (uint64_t)row, g->tops[g->count++].at = (uint32_t)at;
        }
    add_height(g, image->planes.height, image->planes.height);
    add_height(g, width, image->planes.height);
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) add_height(g, usual[i], image->planes.height);
    for (size_t i = 0; i < g->count; i++)
        for (size_t j = i + 1; j < g->count; j++)
            if (g->tops[j].row > g->tops[i].row) add_height(g, g->tops[j].row - g->tops[i].row, image->planes.height);
}

/* What rows say where the numbers begin anew, as tiles that begin in row `top` lie. */
static size_t clues_of(const ac_sighting *tops, size_t n, uint64_t top, uint64_t height, uint64_t width, clue *clues)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t middle = tops[i].rows / 2, row = tops[i].row + middle; /* the first may be of the tile above */
        if (row < top) continue;
        clues[count] = clue_of(&tops[i], (row - top) / height, (row - top) % height * width);
        clues[count++].pixel -= middle * width;
    }
    return count;
}

static int agree(const ac_dither *d, uint32_t seed, const clue *clues, size_t n, uint64_t factor)
{
    size_t wrong = 0;
    for (size_t i = 0; i < n && 8 * wrong <= n; i++) wrong += !place_is(d, seed, 0, (clue){clues[i].tile * factor, clues[i].pixel, clues[i].at});
    return 8 * wrong <= n;
}

/* A part of an image whose tiles are as wide as it. */
static int lay_down(const ac_dithered_image *image, const ac_sighting *tops, size_t n, guesses *g, ac_quantised *q)
{
    clue clues[MOST_TOPS];
    for (size_t i = 0; i < n && i < MOST_BROKEN; i++)
        for (size_t j = 0; j < g->height_count && g->checked < MOST_CHECKED; j++) {
            const uint64_t height = g->heights[j];
            const size_t count = clues_of(tops, n, tops[i].row, height, q->tile_width, clues);
            uint32_t seed;
            if (count < 3 || !solve(image->dither, clues, count, q->tile_width - image->planes.width, &seed, &q->column)) continue;
            q->tile_height = height, q->row = (height - tops[i].row % height) % height;
            q->seed = seed_before(seed, (q->row + tops[i].row) / height, 1, 0);
            q->whole_width = q->tile_width;
            g->checked++;
            if (count_laid(image, q)) return 1;
        }
    return 0;
}

/* Tiles beside each other, and where they begin in the random numbers. */
static size_t look_across(const ac_dithered_image *image, const ac_sighting *top, uint64_t tile, clue *clues)
{
    size_t count = 0;
    for (uint64_t i = 0; i < MOST_ACROSS && top->column + i * tile + FEWEST < image->planes.width; i++) {
        ac_sighting s;
        const uint64_t column = top->column + i * tile, left = image->planes.width - column;
        const int is_seen = look_in_tile(image, top->plane, top->row, column, ac_smaller(tile, left), &s);
        if (is_seen || (left < tile && look(image, top->plane, top->row, column, (size_t)ac_smaller(left, PIECE), &s))) clues[count++] = clue_of(&s, i, 0);
    }
    return count;
}

/* All of a grid but how many tiles are beside each other in the whole image: whether that is so many. */
static int try_grid(const ac_dithered_image *image, uint32_t seed, uint64_t down, uint64_t all_across, uint64_t phase, ac_quantised *q)
{
    const uint64_t width = image->planes.width, tile = q->tile_width, column = q->column, visible = (column + width + tile - 1) / tile;
    q->seed = seed_before(seed, down, all_across, phase > 0);
    const ac_quantised first = *q;
    ac_quantised best = first;
    uint32_t most = 0;
    for (int is_last = 0; is_last < (all_across > visible ? 2 : 1); is_last++) { /* the last of them may be cut off at the whole image's end */
        q->column = column + (is_last ? (all_across - visible) * tile : 0);
        q->whole_width = is_last || all_across == visible ? 0 : all_across * tile;
        const uint32_t agreed = count_laid(image, q);
        if (agreed > most) most = agreed, best = *q;
    }
    *q = most ? best : first;
    return most > 0;
}

/* Tiles below and beside each other, of which so many may be beside each other in the whole. */
static int lay_grid(const ac_dithered_image *image, const ac_sighting *tops, size_t n, guesses *g, uint64_t phase, uint64_t least, uint64_t most, ac_quantised *q)
{
    clue across[MOST_ACROSS], clues[MOST_TOPS];
    const uint64_t tile = q->tile_width;
    q->column = phase ? tile - phase : 0;
    for (size_t i = 0; i < g->count; i++) {
        const ac_sighting *top = &g->tops[i];
        const size_t beside = look_across(image, top, tile, across);
        if (beside < ac_smaller(2, (image->planes.width - phase) / tile)) continue; /* no tile begins in that row */
        for (uint32_t seed = 0; seed < AC_SEEDS; seed++) {
            if (image->dither->starts[seed] != top->at || !agree(image->dither, seed, across, beside, 1)) continue;
            for (size_t j = 0; j < g->height_count; j++) {
                const uint64_t height = g->heights[j];
                const size_t count = clues_of(tops, n, top->row, height, tile, clues);
                q->tile_height = height, q->row = (height - top->row % height) % height;
                for (uint64_t all = least; all <= most && g->tried++ < MOST_TRIED && g->checked < MOST_CHECKED; all++) {
                    if (!agree(image->dither, seed, clues, count, all)) continue;
                    g->checked++;
                    if (try_grid(image, seed, (q->row + top->row) / height, all, phase, q)) return 1;
                }
            }
        }
    }
    return 0;
}

static int lay_tiles(const ac_dithered_image *image, const ac_sighting *seen, size_t n, ac_quantised *q)
{
    ac_sighting tops[MOST_TOPS];
    uint64_t phase = 0;
    q->tile_width = seen->width ? seen->width : width_of(seen, n);
    if (!q->tile_width) q->tile_width = image->planes.width;
    if (q->tile_width < image->planes.width) phase = walls_of(image, seen, n, q->tile_width);
    if (phase == UINT64_MAX || phase + FEWEST > image->planes.width) return 0;
    const size_t count = tops_of(image, seen->plane, phase, q->tile_width, tops);
    guesses g;
    guess(image, tops, count, q->tile_width, &g);
    if (q->tile_width > image->planes.width) return lay_down(image, tops, count, &g, q);
    const uint64_t visible = (image->planes.width - phase + q->tile_width - 1) / q->tile_width + (phase > 0);
    if (lay_grid(image, tops, count, &g, phase, visible, visible, q)) return 1;
    g.checked = 0;
    return visible > 1 && lay_grid(image, tops, count, &g, phase, visible + 1, visible + MOST_GRIDS, q);
}

int ac_undither_layout(const ac_dithered_image *image, const ac_sighting *first, ac_quantised *q)
{
    ac_sighting seen[ROWS + 1];
    const ac_quantised none = *q;
    size_t n = first->rows;
    for (uint32_t i = 0; i < n; i++) {
        seen[i] = *first;
        seen[i].row += i, seen[i].at += i * first->width;
    }
    if (n) return lay_tiles(image, seen, n, q);
    n = look_beside(image, first, seen);
    if (lay_rows(image, seen, n, q) && count_laid(image, q)) return 1;
    *q = none;
    return lay_tiles(image, seen, n, q);
}
