/* Chunk: the bytes of one HDF5 chunk <-> one stream, told by the filter's values ("cd_values") what the bytes are.
 * docs/hdf5.md section "Filter values". */
#ifndef AC_CHUNK_H
#define AC_CHUNK_H

#include "fault.h"

enum {
    AC_CHUNK_LAYOUT = 1,       /* version of the layout of the values */
    AC_CHUNK_MAX_VALUES = 256, /* in all */
    AC_CHUNK_MAX_DELTA = 944,  /* bytes of a tuned model */
    AC_CHUNK_BIG_ENDIAN = 1 << 8,
    AC_CHUNK_PAIRS = 1 << 9, /* elements of two equal numbers that are no complex type of a stream */
    AC_CHUNK_WIDE = 1 << 10, /* lengths of axes take two values */
    /* options */
    AC_CHUNK_THOROUGH = 1,
    AC_CHUNK_EMBED = 2,      /* a tuned model goes into every chunk */
    AC_CHUNK_TUNED_ONLY = 4, /* chunks do not try the general model as well */
    AC_CHUNK_FOLLOWS = 8,    /* another filter stands before this one, and may change the number of bytes */
    AC_CHUNK_RESIDUALS = 16, /* planes are coded as differences to the one before */
    AC_CHUNK_BOUNDED = 32,   /* elements are kept within a bound, which stands behind the tuned model */
    AC_CHUNK_OPTIONS = 63,
    /* what a bound has, beside its kind */
    AC_CHUNK_HAS_DITHER = 1 << 8,
    AC_CHUNK_DITHER = 1 << 9,
    AC_CHUNK_PROTECT = 1 << 10,
    AC_CHUNK_HAS_GAIN = 1 << 11,
    AC_CHUNK_HAS_READ_NOISE = 1 << 12,
    AC_CHUNK_HAS_SATURATION = 1 << 13,
    AC_CHUNK_HAS_BLANK = 1 << 14,
    AC_CHUNK_BOUND_BITS = 0x7fff
};

/* The values, read. ndim 0: it is not known what the bytes are. */
typedef struct {
    uint32_t options;
    int32_t codec, dtype, big_endian, pairs, ndim;
    uint64_t shape[AC_MAX_DIMENSIONS]; /* in elements, a pair being one */
    uint8_t fingerprint[8];            /* of the model to write with; zeros: the default */
    size_t delta_length;
    uint8_t delta[AC_CHUNK_MAX_DELTA];
    ac_bound bound; /* where the options say so */
} ac_chunk_values;

/* AC_ERROR_VERSION for a newer layout, AC_ERROR_CORRUPT for values that contradict each other or their checksum; `why` then counts values, not
 * bytes. */
int ac_chunk_values_read(const unsigned *values, size_t count, ac_chunk_values *out, ac_refusal *why);
/* Returns how many values were written, at most AC_CHUNK_MAX_VALUES. Leading axes are taken together where there are too many. */
size_t ac_chunk_values_write(const ac_chunk_values *values, unsigned out[AC_CHUNK_MAX_VALUES]);
/* Bytes of a chunk; 0 where it is not known. */
uint64_t ac_chunk_values_size(const ac_chunk_values *values);
int ac_has_fingerprint(const ac_chunk_values *values);
/* Types of a stream that bounds are kept of. */
int ac_chunk_takes_bound(const ac_chunk_values *values);
/* A failure to read the values, with its text for ac_last_error. */
int ac_fail_values(ac_fault *fault, const ac_refusal *why);

/* The same for bytes. On failure a text is left for ac_last_error too. */
AC_API int ac_chunk_encode(const unsigned *values, size_t count, const void *data, size_t size, const ac_output *output);
AC_API int ac_chunk_size(const unsigned *values, size_t count, const uint8_t *stream, size_t length, size_t *size, ac_fault *fault);
AC_API int ac_chunk_decode(const unsigned *values, size_t count, const uint8_t *stream, size_t length, void *out, size_t size, ac_fault *fault);

/* A tuned model: one of a few that are kept, or made anew; to be given back. */
int ac_tuned_take(const uint8_t *delta, size_t length, ac_model **out);
void ac_tuned_give(ac_model *tuned); /* NULL is allowed */
/* The models that the values say to write with: a tuned one, to be given back in any case, or NULL; and a general one. */
int ac_chunk_models(const ac_chunk_values *values, ac_model **tuned, const ac_model **general);

/* Why this thread's last call failed, in one line; "" before any failure. */
AC_API const char *ac_last_error(void);
/* Keeps a message for ac_last_error, and returns `status`. */
int ac_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints this thread's last error to stderr, each message once. */
void ac_print_error(void);

#endif
