/* Every level that this processor has against the oracle: the same bytes, the same pixels back. Arguments: seed, and
 * "quick" for fewer sizes, or "few" for smaller ones too, for emulators, or "one". */
#include <stdio.h>

#include "make_model.h"
#include "oracle.h"

static int failures, pieces_of[AC_SIMD_NEONDOT + 1];

static void compare(const ac_model *model, ac_width_choice widths, int odd, uint32_t height, uint32_t width, int kind, uint64_t seed)
{
    const size_t stride = width + (seed & 3), bound = ac_piece_bound(height, width);
    uint16_t *frame = malloc(sizeof *frame * height * width), *samples = calloc(stride * height, sizeof *samples), *back = calloc(stride * height, sizeof *back);
    uint8_t *want = malloc(bound), *got = malloc(bound);
    size_t n = 0, m = 0;
    make_frame(frame, height, width, kind, seed);
    for (uint32_t y = 0; y < height; y++) memcpy(samples + y * stride, frame + (size_t)y * width, width * sizeof *frame);
    for (size_t i = 0; odd >= 0 && i < stride * height; i++) samples[i] /= 2;
    const int status = oracle_piece_encode(model, widths, odd, samples, height, width, stride, want, bound, &n);
    for (int level = AC_SIMD_PORTABLE; level <= AC_SIMD_NEONDOT; level++) {
        const char *what = 0;
        m = 0;
        const int r = odd >= 0 ? ac_piece_encode_trellis(model, odd, samples, height, width, stride, got, bound, &m, level)
                               : ac_piece_encode_widths(model, widths, samples, height, width, stride, got, bound, &m, level);
        if (r == AC_ERROR_ARGUMENT) continue; /* not on this processor */
        pieces_of[level]++;
        if (r != status || m != n || memcmp(want, got, n)) what = "encoded bytes differ";
        memset(back, 0, stride * height * sizeof *back);
        uint8_t *exact = malloc(n); /* so that a sanitiser sees reads beyond the end */
        memcpy(exact, want, n);
        if (ac_piece_decode(model, exact, n, back, height, width, stride, level, NULL)) what = what ? what : "decoding fails";
        free(exact);
        for (uint32_t y = 0; y < height && !what; y++)
            if (memcmp(back + y * stride, samples + y * stride, width * sizeof *back)) what = "decoded pixels differ";
        if (what) {
            failures++;
            printf("level %d, table %d, odd %d, %ux%u, kind %d, seed %llu, first bytes %d %d: %s (%zu, %zu bytes, status %d)\n", level, widths.table, odd, height, width, kind,
                   (unsigned long long)seed, want[0], want[1], what, n, m, r);
        }
    }
    free(frame), free(samples), free(back), free(want), free(got);
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[][2] = {{1, 1},   {1, 2},    {1, 300},  {300, 1},  {3, 5},    {65, 2},   {300, 7},   {2, 3000},  {31, 58},
                                        {32, 250}, {33, 249}, {64, 122}, {70, 251}, {130, 260}, {37, 131}, {200, 255}, {100, 317}, {256, 256}};
    const uint64_t seed = argc > 1 ? strtoull(argv[1], 0, 10) : 1;
    const int one = argc > 2 && !strcmp(argv[2], "one"), few = one || (argc > 2 && !strcmp(argv[2], "few"));
    const int quick = few || (argc > 2 && !strcmp(argv[2], "quick"));
    for (int hidden = 16; hidden <= 32; hidden += 16)
        for (int largest = 9; largest <= 127; largest += quick ? 118 : 59) {
            const int tails = largest < 20 ? 1 : 4, skews = largest < 20 ? 1 : 3;
            ac_model *model = make_model(hidden, largest, largest < 20 ? 2 : largest / 2, tails, skews, seed * 77 + (uint64_t)largest);
            if (!model) return 2;
            for (size_t i = one ? 8 : 0; i < (one ? 9 : few ? 13 : sizeof sizes / sizeof *sizes); i += quick ? 4 : 1)
                for (int kind = 0; kind < FRAME_KINDS; kind++) {
                    compare(model, (ac_width_choice){AC_NO_TABLE, 0}, kind & 1, sizes[i][0], sizes[i][1], kind, seed + (uint64_t)kind);
                    for (int32_t table = AC_NO_TABLE; table < 4; table += few ? 2 + kind % 3 : quick ? 1 + kind % 2 : 1)
                        compare(model, (ac_width_choice){table, (uint8_t)(11 * kind)}, -1, sizes[i][0], sizes[i][1], kind, seed + (uint64_t)kind);
                }
            ac_model_free(model);
        }
    printf("levels");
    for (int level = 0; level <= AC_SIMD_NEONDOT; level++)
        if (pieces_of[level]) printf(" %d", level);
    printf(": %d failures\n", failures);
    return failures != 0;
}
