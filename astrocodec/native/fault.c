#include "fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* In the texts %f stands for the number found, %a for the one allowed, %x for the one found as 16 hexadecimal digits, %i for the
 * index, %s for what was said. */
static const struct {
    int status;
    const char *text;
} reasons[AC_REASONS] = {
    [AC_REASON_CUT] = {AC_ERROR_TRUNCATED, "%f bytes needed, %a are left"},
    [AC_REASON_NUMBER] = {AC_ERROR_CORRUPT, "a number above %a, or not in its shortest form"},
    [AC_REASON_MAGIC] = {AC_ERROR_FORMAT, "does not begin with ac0d, so it is no astrocodec stream"},
    [AC_REASON_STREAM_VERSION] = {AC_ERROR_VERSION, "stream version %f found, this astrocodec reads %a: upgrade astrocodec"},
    [AC_REASON_DTYPE] = {AC_ERROR_CORRUPT, "data type %f found, at most %a allowed"},
    [AC_REASON_CHECKSUM_KIND] = {AC_ERROR_CORRUPT, "data type %f: its kind of checksum is not the codec's, or reserved bits are set"},
    [AC_REASON_AXES] = {AC_ERROR_CORRUPT, "%f axes found, at most %a allowed"},
    [AC_REASON_ELEMENTS] = {AC_ERROR_CORRUPT, "more than %a elements"},
    [AC_REASON_STORED_CUT] = {AC_ERROR_TRUNCATED, "%f bytes of a stored array found, %a expected"},
    [AC_REASON_STORED_LONG] = {AC_ERROR_CORRUPT, "%f bytes of a stored array found, %a expected"},
    [AC_REASON_TOO_MANY] = {AC_ERROR_CORRUPT, "%f elements are more than %a bytes can hold"},
    [AC_REASON_CHECKSUM] = {AC_ERROR_CORRUPT, "the checksum of the decoded elements differs: the stream is damaged"},
    [AC_REASON_BYTES_CHECKSUM] = {AC_ERROR_CORRUPT, "the checksum of the bytes differs: the stream is damaged"},
    [AC_REASON_SECTION_ORDER] = {AC_ERROR_CORRUPT, "section %f follows section %a"},
    [AC_REASON_SECTION_BIT] = {AC_ERROR_CORRUPT, "its critical bit is wrong"},
    [AC_REASON_SECTION_LONG] = {AC_ERROR_CORRUPT, "%f bytes found, at most %a allowed"},
    [AC_REASON_SECTION_UNKNOWN] = {AC_ERROR_VERSION, "must be understood to read the stream, and is not known here: upgrade astrocodec"},
    [AC_REASON_SECTION_RESERVED] = {AC_ERROR_VERSION, "is of a later version of the format: upgrade astrocodec"},
    [AC_REASON_CODEC] = {AC_ERROR_CODEC, "codec %s"},
    [AC_REASON_FOREIGN] = {AC_ERROR_CORRUPT, "%s"},
    [AC_REASON_MODEL] = {AC_ERROR_CORRUPT, "the model in the stream is damaged"},
    [AC_REASON_MODEL_OTHER] = {AC_ERROR_CORRUPT, "the model in the stream is not %x, which the stream names"},
    [AC_REASON_NO_MODEL] = {AC_ERROR_NO_MODEL, "the stream needs model %x, which is neither given nor installed: upgrade astrocodec, or pass the model that was stored beside the stream"},
    [AC_REASON_PARAMETERS_LONG] = {AC_ERROR_CORRUPT, "%f bytes of parameters found, %a expected"},
    [AC_REASON_EMPTY] = {AC_ERROR_CORRUPT, "an array without elements that is not stored"},
    [AC_REASON_MAP_KIND] = {AC_ERROR_CORRUPT, "pixel map of kind and rule %f, which there are not"},
    [AC_REASON_MAP_OF_TYPE] = {AC_ERROR_CORRUPT, "pixel map of kind %f, data type %a does not have it"},
    [AC_REASON_MAP_GAPS] = {AC_ERROR_CORRUPT, "%f gaps with rule %a, which has none"},
    [AC_REASON_SET] = {AC_ERROR_CORRUPT, "a set of %f values that do not ascend within 0 to 65535, or do not fill their %a bytes"},
    [AC_REASON_LOW_BITS] = {AC_ERROR_CORRUPT, "%f low bits found, at most %a allowed"},
    [AC_REASON_PIECE_SHAPE] = {AC_ERROR_CORRUPT, "pieces of %f rows and %a columns do not cut the array's planes"},
    [AC_REASON_PIECES_CUT] = {AC_ERROR_TRUNCATED, "%f pieces announced, %a bytes are left: the stream is cut"},
    [AC_REASON_PIECES_LONG] = {AC_ERROR_CORRUPT, "%f bytes follow the last piece"},
    [AC_REASON_BIT_PLANE_MODE] = {AC_ERROR_CORRUPT, "low bits of mode %f, which there is not"},
    [AC_REASON_BIT_PLANE_PADDING] = {AC_ERROR_CORRUPT, "low bits with more bits than they have"},
    [AC_REASON_MODE] = {AC_ERROR_CORRUPT, "mode %f found, at most %a allowed"},
    [AC_REASON_PIECE_LENGTH] = {AC_ERROR_CORRUPT, "%f bytes found, %a expected"},
    [AC_REASON_STATES] = {AC_ERROR_CORRUPT, "2^%f states found, at most 2^%a allowed"},
    [AC_REASON_AMPLITUDE] = {AC_ERROR_CORRUPT, "amplitude %f found, at most %a allowed"},
    [AC_REASON_STATE] = {AC_ERROR_CORRUPT, "a state of %f found, at least %a needed"},
    [AC_REASON_WORDS] = {AC_ERROR_TRUNCATED, "words end before the pixels"},
    [AC_REASON_LAST_STATE] = {AC_ERROR_CORRUPT, "a last state of %f found, %a expected"},
    [AC_REASON_WORDS_LEFT] = {AC_ERROR_CORRUPT, "%f bytes are left after the last pixel"},
    [AC_REASON_TABLE] = {AC_ERROR_CORRUPT, "a table of differences that breaks its rules"},
    [AC_REASON_OUTSIDE_SET] = {AC_ERROR_CORRUPT, "rank %f in a set of %a values"},
    [AC_REASON_VALUE] = {AC_ERROR_CORRUPT, "a value that data type %f does not have"},
    [AC_REASON_VALUES_VERSION] = {AC_ERROR_VERSION, "the dataset needs a newer astrocodec: its filter values are of version %f, this one reads %a"},
    [AC_REASON_VALUES_COUNT] = {AC_ERROR_CORRUPT, "the values of the filter contradict each other: %f values announced, %a are there"},
    [AC_REASON_VALUES_CHECKSUM] = {AC_ERROR_CORRUPT, "the values of the filter contradict each other: their checksum differs, the dataset's header is damaged"},
    [AC_REASON_VALUES] = {AC_ERROR_CORRUPT, "the values of the filter contradict each other: %f is value %i, the dataset's header is damaged"},
    [AC_REASON_VALUES_BASE] = {AC_ERROR_NO_MODEL, "the model that the one in the filter's values was made from is not installed: upgrade astrocodec; the user's own models are known to Python programs that import hdf5_filter"},
    [AC_REASON_VALUES_MODEL] = {AC_ERROR_CORRUPT, "the tuned model in the filter's values is damaged"},
    [AC_REASON_CHUNK_SIZE] = {AC_ERROR_CORRUPT, "the chunk holds %f bytes, expected are %a"},
    [AC_REASON_CHUNK_TYPE] = {AC_ERROR_CORRUPT, "the chunk holds data type %f, the dataset has %a, or another shape"},
};

int ac_status_of(int reason) { return reasons[reason].status; }

int ac_fault_take(ac_fault *fault, const ac_refusal *why, uint64_t origin)
{
    if (fault) {
        fault->status = why->status, fault->reason = why->reason;
        fault->at = origin + why->at, fault->found = why->found, fault->allowed = why->allowed;
    }
    return why->status;
}

int ac_fault_plain(ac_fault *fault, int status)
{
    if (fault && !fault->status) fault->status = status;
    return status;
}

/* Text that grows in a buffer, whether or not it fits. */
typedef struct {
    char *out;
    size_t capacity, length;
} writer;

static void put(writer *w, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++, w->length++)
        if (w->length + 1 < w->capacity) w->out[w->length] = text[i];
}

static void put_number(writer *w, uint64_t number, int is_hexadecimal)
{
    char text[24];
    const int length = is_hexadecimal ? snprintf(text, sizeof text, "%016" PRIx64, number) : snprintf(text, sizeof text, "%" PRIu64, number);
    put(w, text, (size_t)length);
}

static void put_filled(writer *w, const char *text, const ac_fault *f)
{
    for (const char *p = text; *p; p++) {
        if (*p != '%') {
            put(w, p, 1);
            continue;
        }
        switch (*++p) {
        case 'f': put_number(w, f->found, 0); break;
        case 'a': put_number(w, f->allowed, 0); break;
        case 'x': put_number(w, f->found, 1); break;
        case 'i': put_number(w, f->index, 0); break;
        default: put(w, f->said, strlen(f->said));
        }
    }
}

static const char *section_name(uint64_t id)
{
    static const char *reserved[] = {"planes", "reference", "cuts", "code weights", "quantise"};
    if (id >= 16 && id <= 20) return reserved[id - 16];
    return id == 1 ? "model" : id == 2 ? "name" : id == 127 ? "codec" : NULL;
}

static void put_place(writer *w, const ac_fault *f)
{
    char text[120];
    int n = 0;
    if (f->part == AC_IN_VALUES) return; /* their texts name it */
    if (f->part == AC_IN_PIECE)
        n = snprintf(text, sizeof text, "piece %" PRIu64 " (plane %" PRIu64 ", row %" PRIu64 ", column %" PRIu64 "), ", f->index, f->plane, f->row, f->column);
    if (f->part == AC_IN_SECTION) {
        const char *name = section_name(f->index);
        n = snprintf(text, sizeof text, name ? "section %" PRIu64 " (%s), " : "section %" PRIu64 ", ", f->index, name);
    }
    put(w, text, (size_t)n);
    put(w, "byte ", 5);
    put_number(w, f->at, 0);
    put(w, ": ", 2);
}

int ac_fault_text(const ac_fault *fault, char *out, size_t capacity)
{
    if (!fault || (!out && capacity)) return -1;
    writer w = {out, capacity, 0};
    if (fault->reason <= AC_REASON_NONE || fault->reason >= AC_REASONS) {
        const char *text = ac_status_string(fault->status);
        put(&w, text, strlen(text));
    } else {
        /* what a missing codec is called and what a decoder says need no place */
        if (fault->reason != AC_REASON_CODEC && fault->reason != AC_REASON_FOREIGN && fault->reason != AC_REASON_NO_MODEL) put_place(&w, fault);
        put_filled(&w, reasons[fault->reason].text, fault);
    }
    if (capacity) out[w.length < capacity ? w.length : capacity - 1] = 0;
    return (int)w.length;
}
