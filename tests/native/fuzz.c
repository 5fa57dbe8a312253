/* Damaged pieces: every level must say what the oracle says, and read and write nothing outside its buffers (built with
 * sanitisers, see fuzz.sh). Arguments: seconds, seed. */
#include <stdio.h>
#include <time.h>

#include "damage.h"
#include "make_model.h"
#include "oracle.h"

enum { MAX_SIDE = 90 };

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? atof(argv[1]) : 5;
    uint64_t seed = argc > 2 ? strtoull(argv[2], 0, 10) : 1, tried = 0, fine = 0;
    const time_t start = time(0);
    const size_t room = 2 * ac_piece_bound(MAX_SIDE * 4, MAX_SIDE);
    uint16_t *frame = malloc(room), *want = malloc(room);
    uint8_t *coded = malloc(room), *hurt = malloc(room);
    while (difftime(time(0), start) < seconds) {
        ac_model *model = make_model(random_u32(&seed) % 4 ? 16 : 32, random_between(&seed, 1, 127), random_between(&seed, 0, 60), 4, 3, seed);
        if (!model) return 2;
        for (int i = 0; i < 20; i++) {
            uint32_t height = (uint32_t)random_between(&seed, 1, MAX_SIDE), width = (uint32_t)random_between(&seed, 1, MAX_SIDE);
            if (i % 5 == 0) width *= 4;
            size_t n = 0;
            make_frame(frame, height, width, random_between(&seed, 0, FRAME_KINDS - 1), seed);
            const ac_width_choice widths = {random_between(&seed, AC_NO_TABLE, 3), (uint8_t)random_u32(&seed)};
            const int odd = widths.table < 0 ? random_between(&seed, -1, 1) : -1;
            for (size_t at = 0; odd >= 0 && at < (size_t)height * width; at++) frame[at] /= 2;
            if (oracle_piece_encode(model, widths, odd, frame, height, width, width, coded, room, &n)) return 2;
            for (int j = 0; j < 10; j++, tried++) {
                memcpy(hurt, coded, n);
                const size_t m = damage(hurt, n, &seed);
                uint8_t *exact = malloc(m);
                memcpy(exact, hurt, m);
                ac_fault fault;
                char text[200];
                const int status = oracle_piece_decode(model, exact, m, want, height, width, width);
                fine += status == AC_OK;
                for (int level = AC_SIMD_PORTABLE; level <= AC_SIMD_NEONDOT; level++) {
                    uint16_t *got = malloc(sizeof *got * height * width);
                    const int r = ac_piece_decode(model, exact, m, got, height, width, width, level, &fault);
                    if (r != fault.status || (r && r != AC_ERROR_ARGUMENT && !fault.reason) || ac_fault_text(&fault, text, sizeof text) >= (int)sizeof text) {
                        printf("level %d: status %d, fault %d, %s\n", level, r, fault.status, text);
                        return 1;
                    }
                    if (r != AC_ERROR_ARGUMENT && (r != status || (!status && memcmp(got, want, sizeof *got * height * width)))) {
                        printf("level %d, %ux%u, %zu of %zu bytes: status %d, oracle %d\n", level, height, width, m, n, r, status);
                        return 1;
                    }
                    free(got);
                }
                float *bits = malloc(sizeof *bits * height * width);
                double header;
                if (ac_piece_bits(model, exact, m, height, width, bits, width, &header, AC_SIMD_AUTO) != status) {
                    printf("bits, %ux%u, %zu of %zu bytes: not status %d\n", height, width, m, n, status);
                    return 1;
                }
                free(bits);
                free(exact);
            }
        }
        ac_model_free(model);
    }
    printf("%llu damaged pieces, %llu of them still valid\n", (unsigned long long)tried, (unsigned long long)fine);
    free(frame), free(want), free(coded), free(hurt);
    return 0;
}
