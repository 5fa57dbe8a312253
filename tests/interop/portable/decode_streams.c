/* Decodes golden streams and encodes them again: decode_streams FOLDER STREAM [STREAM ...]
 *
 * Reads FOLDER/v1_stream_STREAM.acs and .npy, or FOLDER/v1_STREAM.acs and .npy of a STREAM visibility_*, which is encoded again where
 * that is exact; models are the one that is compiled in and those inside the streams. Plain C11, for any processor. */
#include "golden_files.h"
#include "visibility/flags.h"
#include "visibility/group.h"

static int is_big_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return !first;
}

/* Elements of a .npy file, version 1, in native byte order. */
static uint8_t *npy_elements(file_bytes *b, size_t item, size_t size, const char *name)
{
    if (b->length < 10 || memcmp(b->data, "\x93NUMPY\x01\x00", 8)) stop("not a .npy file of version 1", name);
    const size_t header = (size_t)b->data[8] | (size_t)b->data[9] << 8;
    if (b->length != 10 + header + size) stop("length of the .npy file is wrong", name);
    b->data[10 + header - 1] = 0;
    const char *type = strstr((const char *)b->data + 10, "'descr': '");
    if (!type) stop("the .npy file has no type", name);
    uint8_t *elements = b->data + 10 + header;
    if ((type[10] == '>') == is_big_endian()) return elements;
    for (size_t i = 0; i < size; i += item)
        for (size_t j = 0; j < item / 2; j++) {
            const uint8_t byte = elements[i + j];
            elements[i + j] = elements[i + item - 1 - j];
            elements[i + item - 1 - j] = byte;
        }
    return elements;
}

/* The model to encode with again: the one that is compiled in, or a tuned one inside the stream, whose difference stands between 9 bytes and
 * a checksum of 4. What stands inside goes into the stream again. */
static ac_choice choice_of(const file_bytes *stream, const ac_stream_info *info, ac_model **owned, const char *name)
{
    const uint8_t *file = stream->data + info->model_at;
    ac_choice choice = {ac_model_default(), NULL, 0};
    if (!info->model_length) return choice;
    choice.file = file;
    choice.file_length = info->model_length;
    if (file[4] == 'T') {
        check(ac_model_from_delta(file + 9, info->model_length - 13, owned), name);
        choice.model = *owned;
    }
    return choice;
}

static uint8_t *take(void *owner, size_t length)
{
    file_bytes *out = owner;
    out->data = allocate(length);
    out->length = length;
    return out->data;
}

/* Flags (time, baseline, channel, polarisation) to the data that the stream has. */
static void check_flags(const ac_stream_info *info, const uint8_t *stream, const uint8_t *flags, const char *name)
{
    const uint64_t *side = info->array.shape;
    file_bytes again = {0};
    const ac_output output = {take, &again};
    check(ac_flags_encode(side[0] * side[1], side[1], side[2], side[3], flags, &output), name);
    if (again.length != info->data_length || memcmp(again.data, stream + info->data_at, again.length)) stop("encoded bytes differ", name);
    free(again.data);
}

/* Visibilities of whole numbers to the data that the stream has. */
static void check_integers(const ac_stream_info *info, const file_bytes *stream, const uint8_t *values, const char *name)
{
    const uint8_t *const parameters = stream->data + info->parameters_at;
    file_bytes again = {0};
    const ac_output output = {take, &again};
    uint8_t *const decoded = allocate(ac_array_size(&info->array));
    check(ac_visibility_encode(parameters, info->parameters_length, &info->array, values, NULL, NULL, NULL, strstr(name, "mixed") ? AC_ONLY_MIXED : AC_ONLY_PREDICTED, decoded, NULL, &output), name);
    if (again.length != info->data_length || memcmp(again.data, stream->data + info->data_at, again.length)) stop("encoded bytes differ", name);
    free(again.data), free(decoded);
}

static int has_unknown_sections(const ac_stream_info *info)
{
    for (int i = 0; i < info->section_count; i++)
        if (info->sections[i].id != 1 && info->sections[i].id != 127) return 1;
    return 0;
}

/* Encodes a stream's elements to the bytes that it has. */
static void encode_again(const file_bytes *stream, const ac_stream_info *info, const uint8_t *elements, const char *name)
{
    ac_model *model = NULL;
    const ac_choice choice = choice_of(stream, info, &model, name);
    file_bytes again = {0};
    const ac_output output = {take, &again};
    const int flags = AC_SIMD_AUTO | (strstr(name, "thorough") ? AC_THOROUGH : 0);
    check(ac_stream_encode_with(&choice, 1, &info->array, elements, NULL, info->codec == AC_CAUSAL ? info->piece : NULL, NULL, flags, NULL, &output), name);
    if (info->codec != AC_FLAGS && !has_unknown_sections(info) && (again.length != stream->length || memcmp(again.data, stream->data, stream->length))) stop("encoded bytes differ", name);
    printf("%s: %zu bytes of elements, %zu bytes\n", name, ac_array_size(&info->array), again.length);
    ac_model_free(model);
    free(again.data);
}

static void check_stream(const char *folder, const char *name)
{
    static const size_t items[] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 1, 2, 8, 16}, numbers[] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 1, 2, 4, 8};
    const char *prefix = strncmp(name, "visibility_", 11) ? "v1_stream_" : "v1_";
    file_bytes stream = read_file(folder, prefix, name, ".acs"), npy = read_file(folder, prefix, name, ".npy");
    ac_stream_info info;
    check(ac_stream_inspect(stream.data, stream.length, &info, NULL), name);
    if (!info.is_whole) stop("the stream is not whole", name);
    const size_t size = ac_array_size(&info.array);
    uint8_t *out = allocate(size);
    check(ac_stream_decode(NULL, 0, stream.data, stream.length, out, size, AC_SIMD_AUTO, NULL), name);
    if (size % items[info.array.dtype]) stop("a size that is no multiple of an element's", name);
    if (size && memcmp(out, npy_elements(&npy, numbers[info.array.dtype], size, name), size)) stop("decoded elements differ", name);
    if (info.codec == AC_FLAGS) check_flags(&info, stream.data, out, name);
    if (strstr(name, "visibility_integers")) check_integers(&info, &stream, out, name);
    if (info.codec == AC_VISIBILITY)
        printf("%s: %zu bytes of elements\n", name, size);
    else
        encode_again(&stream, &info, out, name);
    free(out);
    free(stream.data);
    free(npy.data);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: decode_streams FOLDER STREAM [STREAM ...]\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) check_stream(argv[1], argv[i]);
    return 0;
}
