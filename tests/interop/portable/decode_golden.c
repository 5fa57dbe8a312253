/* Decodes golden pieces and encodes them again: decode_golden FOLDER MODEL PIECE [MODEL PIECE ...]
 *
 * Reads FOLDER/v1_model_MODEL.weights, .shapes and .widths, FOLDER/v1_piece_PIECE.acp and .npy. Plain C11, for any processor. */
#include "golden_files.h"

/* Height and width of a .npy file, version 1, of little-endian 16-bit samples; returns where these begin. */
static const uint8_t *parse_npy(const file_bytes *b, const char *name, uint32_t *height, uint32_t *width)
{
    if (b->length < 10 || memcmp(b->data, "\x93NUMPY\x01\x00", 8)) stop("not a .npy file of version 1", name);
    const size_t header = (size_t)b->data[8] | (size_t)b->data[9] << 8;
    char text[512];
    if (header >= sizeof text || 10 + header > b->length) stop("header of the .npy file is too long", name);
    memcpy(text, b->data + 10, header);
    text[header] = 0;
    const char *shape = strstr(text, "'shape': (");
    unsigned h, w;
    if (!strstr(text, "'descr': '<u2'") || !strstr(text, "'fortran_order': False") || !shape || sscanf(shape, "'shape': (%u, %u)", &h, &w) != 2)
        stop("not a plane of u2 samples", name);
    if (b->length != 10 + header + (size_t)h * w * 2) stop("length of the .npy file is wrong", name);
    *height = h;
    *width = w;
    return b->data + 10 + header;
}

static void check_piece(const char *folder, const char *model_name, const char *name)
{
    file_bytes weights = read_file(folder, "v1_model_", model_name, ".weights"), shapes = read_file(folder, "v1_model_", model_name, ".shapes");
    file_bytes widths = read_file(folder, "v1_model_", model_name, ".widths");
    file_bytes piece = read_file(folder, "v1_piece_", name, ".acp"), npy = read_file(folder, "v1_piece_", name, ".npy");
    uint32_t height, width;
    const uint8_t *expected = parse_npy(&npy, name, &height, &width);
    const size_t pixels = (size_t)height * width;
    uint16_t *samples = allocate(pixels * sizeof *samples);
    ac_model *model;
    check(ac_model_create(weights.data, weights.length, shapes.data, shapes.length, widths.data, widths.length, &model), name);
    check(ac_piece_decode(model, piece.data, piece.length, samples, height, width, width, AC_SIMD_AUTO, NULL), name);
    for (size_t i = 0; i < pixels; i++)
        if (samples[i] != (expected[2 * i] | expected[2 * i + 1] << 8)) stop("decoded samples differ", name);
    const size_t capacity = ac_piece_bound(height, width);
    uint8_t *again = allocate(capacity);
    size_t length;
    ac_width_choice choice = {AC_NO_TABLE, 0};
    if (piece.data[0] == 4) choice.table = piece.data[8], choice.shift = piece.data[9];
    const int is_trellis = piece.data[0] == 6;
    check(is_trellis ? ac_piece_encode_trellis(model, piece.data[8], samples, height, width, width, again, capacity, &length, AC_SIMD_AUTO)
                     : ac_piece_encode_widths(model, choice, samples, height, width, width, again, capacity, &length, AC_SIMD_AUTO),
          name);
    if (length != piece.length || memcmp(again, piece.data, length)) stop("encoded bytes differ", name);
    printf("%s: %ux%u samples, %zu bytes\n", name, (unsigned)height, (unsigned)width, length);
    ac_model_free(model);
    free(again);
    free(samples);
    free(weights.data);
    free(shapes.data);
    free(widths.data);
    free(piece.data);
    free(npy.data);
}

int main(int argc, char **argv)
{
    static const uint8_t digits[] = "123456789";
    if (argc < 4 || argc % 2) {
        fprintf(stderr, "usage: decode_golden FOLDER MODEL PIECE [MODEL PIECE ...]\n");
        return 2;
    }
    if (ac_crc32c(0, digits, 9) != 0xe3069283u) stop("CRC-32C differs", "123456789");
    for (int i = 2; i < argc; i += 2) check_piece(argv[1], argv[i], argv[i + 1]);
    return 0;
}
