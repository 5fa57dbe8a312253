/* Speed of the native piece codec per instruction set, in CPU time of one thread. Built after the package, which writes
 * shipped_models.h:
 *
 *   cd astrocodec/native && gcc -O3 -fwrapv -ffp-contract=off -I . -I ../../tests/native ../../benchmarks/native_speed.c $(find . -name "*.c") -lm -o native_speed
 *   ./native_speed [-t piece] [-h hidden] [-r rounds] [-s sigma] [-w table] [file width height [offset]]
 *
 * With -w, a table of code widths from 0 to 3 (periods 2, 16, 64, 256) is used.
 * Without a file (raw uint16, little endian) the frame is 2048 x 2048 of noise of the given sigma. Levels take turns in
 * every round; printed are the best and the median round in Mpixel/s, and bits per pixel. */
#include <stdio.h>
#include <time.h>

#include "make_model.h"

enum { LEVELS = 7, MAX_ROUNDS = 99 };
static const char *const level_names[LEVELS] = {"auto", "portable", "avx2", "avxvnni", "avx512", "neon", "neondot"};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    uint32_t piece = 512, width = 2048, height = 2048;
    int hidden = 16, rounds = 7, i = 1;
    double sigma = 10;
    ac_width_choice widths = {AC_NO_TABLE, 0};
    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        const double v = atof(argv[i + 1]);
        switch (argv[i][1]) {
        case 't': piece = (uint32_t)v; break;
        case 'h': hidden = (int)v; break;
        case 'r': rounds = v > MAX_ROUNDS ? MAX_ROUNDS : (int)v; break;
        case 's': sigma = v; break;
        case 'w': widths.table = (int32_t)v; break;
        default: return 2;
        }
    }
    if (i + 2 < argc) width = (uint32_t)atoi(argv[i + 1]), height = (uint32_t)atoi(argv[i + 2]);
    uint16_t *frame = malloc(sizeof *frame * width * height), *back = malloc(sizeof *back * width * height);
    if (!frame || !back) return 2;
    if (i + 2 < argc) {
        FILE *f = fopen(argv[i], "rb");
        if (!f || (i + 3 < argc && fseek(f, atol(argv[i + 3]), SEEK_SET)) || fread(frame, 2, (size_t)width * height, f) != (size_t)width * height) return 2;
        fclose(f);
    } else {
        uint64_t seed = 1;
        for (size_t p = 0; p < (size_t)width * height; p++) {
            const double v = 3000 + sigma * random_normal(&seed);
            frame[p] = (uint16_t)(v < 0 ? 0 : v > 65535 ? 65535 : v);
        }
    }
    ac_model *model = make_model(hidden, 30, 1, 4, 3, 5);
    const uint32_t across = (width + piece - 1) / piece, down = (height + piece - 1) / piece;
    const size_t bound = ac_piece_bound(piece, piece);
    uint8_t *coded = malloc(bound * across * down);
    size_t *length = malloc(sizeof *length * across * down);
    static double seconds[LEVELS][2][MAX_ROUNDS];
    int has[LEVELS] = {0};
    size_t total = 0;
    if (!model || !coded || !length) return 2;
    for (int round = 0; round < rounds; round++)
        for (int level = AC_SIMD_PORTABLE; level < LEVELS; level++) {
            double start = cpu_seconds();
            int status = 0;
            size_t bytes = 0;
            for (uint32_t t = 0; t < across * down && !status; t++) {
                const uint32_t y = t / across * piece, x = t % across * piece, h = height - y < piece ? height - y : piece, w = width - x < piece ? width - x : piece;
                status = ac_piece_encode_widths(model, widths, frame + (size_t)y * width + x, h, w, width, coded + bound * t, bound, &length[t], level);
                bytes += length[t];
            }
            if (status == AC_ERROR_ARGUMENT) continue;
            has[level] = 1;
            total = bytes;
            seconds[level][0][round] = cpu_seconds() - start;
            start = cpu_seconds();
            for (uint32_t t = 0; t < across * down && !status; t++) {
                const uint32_t y = t / across * piece, x = t % across * piece, h = height - y < piece ? height - y : piece, w = width - x < piece ? width - x : piece;
                status = ac_piece_decode(model, coded + bound * t, length[t], back + (size_t)y * width + x, h, w, width, level, NULL);
            }
            seconds[level][1][round] = cpu_seconds() - start;
            if (status || memcmp(frame, back, sizeof *frame * width * height)) {
                printf("%s: status %d or wrong pixels\n", level_names[level], status);
                return 1;
            }
        }
    const double pixels = 1e-6 * width * height;
    printf("%ux%u, pieces of %u, hidden %d, %.4f bits per pixel; Mpixel/s best (median)\n", width, height, piece, hidden, 8e-6 * (double)total / pixels);
    for (int level = AC_SIMD_PORTABLE; level < LEVELS; level++)
        if (has[level]) {
            printf("%-9s", level_names[level]);
            for (int way = 0; way < 2; way++) {
                qsort(seconds[level][way], (size_t)rounds, sizeof(double), by_value);
                printf("  %s %6.1f (%6.1f)", way ? "decode" : "encode", pixels / seconds[level][way][0], pixels / seconds[level][way][rounds / 2]);
            }
            printf("\n");
        }
    ac_model_free(model);
    free(frame), free(back), free(coded), free(length);
    return 0;
}
