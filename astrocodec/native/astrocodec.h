/* astrocodec: the native library's public interface. Specification: docs/format.md.
 *
 * Every function is re-entrant. Global are only what the processor can do, the models (shipped and registered) and the decoder of
 * foreign codecs, all of them set atomically. Functions return an ac_status; results come through pointers. A model may be used by any
 * number of threads at once. docs/native.md has an example. */
#ifndef ASTROCODEC_H
#define ASTROCODEC_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define AC_API __attribute__((visibility("default")))
#else
#define AC_API
#endif

#define AC_ABI_VERSION 5

typedef enum {
    AC_OK = 0,
    AC_ERROR_ARGUMENT = 10,  /* a size, pointer or option outside its range */
    AC_ERROR_MEMORY = 11,    /* allocation failed */
    AC_ERROR_SPACE = 12,     /* the output does not fit the buffer given */
    AC_ERROR_TRUNCATED = 20, /* the input ends too early */
    AC_ERROR_CORRUPT = 21,   /* the input contradicts itself */
    AC_ERROR_MODEL = 30,     /* the model's bytes break its format */
    AC_ERROR_NO_MODEL = 31,  /* a model that is neither given nor shipped nor in the stream */
    AC_ERROR_VERSION = 32,   /* needs a newer version of this library */
    AC_ERROR_FORMAT = 33,    /* no stream at all */
    AC_ERROR_CODEC = 34,     /* a codec that is not in this library, and no decoder is set that has it */
    AC_ERROR_REFERENCE = 35  /* an outside reference that is not given, or is not the one that the stream names */
} ac_status;

typedef struct ac_model ac_model;

AC_API uint32_t ac_abi_version(void);
AC_API const char *ac_status_string(int status);

/* What is wrong with an input, and where. Every function that takes an ac_fault clears it, and fills
 * it when it fails, if it is not NULL. */
typedef enum { AC_IN_STREAM, AC_IN_SECTION, AC_IN_PIECE, AC_IN_VALUES } ac_part;
typedef struct {
    int32_t status, reason;      /* why it failed: an ac_status, and one of reasons.h; reason 0: the status says all */
    int32_t part;                /* an ac_part */
    uint64_t index;              /* id of the section, number of the piece or of the filter value */
    uint64_t plane, row, column; /* of the piece's first element; planes as in docs/format.md section "Planes" */
    uint64_t at;                 /* byte of the stream, or of the piece that ac_piece_decode was given */
    uint64_t found, allowed;     /* numbers that the reason's text has a place for */
    char said[256];              /* what a foreign decoder says, or a stream of its codec */
} ac_fault;
/* One line of text, and its length, as snprintf does: "piece 3 (plane 0, row 512, column 0), byte 1234: ...". */
AC_API int ac_fault_text(const ac_fault *fault, char *out, size_t capacity);

/* Instruction sets: AUTO is the best that the processor has, NEONDOT is NEON with dot products of bytes. */
typedef enum {
    AC_SIMD_AUTO = 0,
    AC_SIMD_PORTABLE = 1,
    AC_SIMD_AVX2 = 2,
    AC_SIMD_AVXVNNI = 3,
    AC_SIMD_AVX512 = 4,
    AC_SIMD_NEON = 5,
    AC_SIMD_NEONDOT = 6
} ac_simd;

/* Model: `weights`, `shapes` and `widths` are the blocks of docs/format.md section "Model"; the last may be NULL, of no bytes. A derived one shares
 * base's frequency tables, which must outlive it. */
AC_API int ac_model_create(const uint8_t *weights, size_t weights_len, const uint8_t *shapes, size_t shapes_len, const uint8_t *widths,
                           size_t widths_len, ac_model **out);
AC_API int ac_model_derive(const ac_model *base, const uint8_t *weights, size_t weights_len, const uint8_t *widths, size_t widths_len, ac_model **out);
AC_API void ac_model_free(ac_model *model);
AC_API int ac_model_tables(const ac_model *model, const uint16_t **cum, size_t *count); /* count tables of 64 cumulative frequencies */

/* The shipped general model, compiled in; lives as long as the library. NULL only when out of memory. */
AC_API const ac_model *ac_model_default(void);
/* Adds a general model to those that streams and tuned models name, until the process ends. One that is known already is not added again. */
AC_API int ac_model_register(const uint8_t *weights, size_t weights_len, const uint8_t *shapes, size_t shapes_len, const uint8_t *widths,
                             size_t widths_len);
/* A tuned model from the bytes of docs/format.md section "Tuned model"; its base is a shipped or registered one. */
AC_API int ac_model_from_delta(const uint8_t *delta, size_t length, ac_model **out);
AC_API void ac_model_fingerprint(const ac_model *model, uint8_t out[8]);

/* One piece of 16-bit samples, rows `stride` samples apart. simd: an ac_simd; when encoding, AC_THOROUGH may be added: every
 * piece mode is tried, not only those that look promising. */
enum { AC_THOROUGH = 256 };
AC_API size_t ac_piece_bound(uint32_t height, uint32_t width); /* bytes that ac_piece_encode never exceeds */
AC_API int ac_piece_encode(const ac_model *model, const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out,
                          size_t capacity, size_t *length, int simd);
/* With code widths: `shift` is the code of sample 0 modulo 256, `table` one of the model's; AC_NO_TABLE: none, AC_BEST_TABLE: what codes the
 * middle of the piece shortest. */
enum { AC_NO_TABLE = -1, AC_BEST_TABLE = -2 };
typedef struct {
    int32_t table;
    uint8_t shift;
} ac_width_choice;
AC_API int ac_piece_encode_widths(const ac_model *model, ac_width_choice widths, const uint16_t *samples, uint32_t height, uint32_t width, size_t stride,
                                 uint8_t *out, size_t capacity, size_t *length, int simd);
/* Of integers that stand for more than themselves by a trellis of `odd`, 0 or 1 (docs/format.md section "Pieces of a trellis"); they are at most 32767. */
enum { AC_MAX_TRELLIS_SAMPLE = 32767 };
AC_API int ac_piece_encode_trellis(const ac_model *model, int odd, const uint16_t *samples, uint32_t height, uint32_t width, size_t stride,
                                  uint8_t *out, size_t capacity, size_t *length, int simd);
AC_API int ac_piece_decode(const ac_model *model, const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width,
                          size_t stride, int simd, ac_fault *fault);

/* Code length of each sample of a piece, by the frequencies that ac_piece_decode pops it with, raw bits included; rows `stride`
 * apart. `header` receives the bits that belong to no sample: of the piece's header, its tables, and of its states what they
 * take beyond the symbols in them. Both add up to the piece but for the rounding of rANS, less than a thousandth. */
AC_API int ac_piece_bits(const ac_model *model, const uint8_t *in, size_t length, uint32_t height, uint32_t width, float *bits, size_t stride,
                        double *header, int simd);

/* What the network sees at chosen pixels of a piece, for training and tuning: per pixel 32 inputs, 26 linear terms, then
 * m, S and the sample itself. The last ones are for the caller to set where code widths are learned: what sample + shift, modulo 256, is the
 * array's value by, and which table of widths it belongs to. Two lines of a cache. `positions` ascend, from the top left on; the context of
 * each goes to out[i] or, where places are given, to out[places[i]]. */
typedef struct {
    int16_t input[32];
    int16_t linear[26];
    uint16_t mean, sum, sample, shift, area, unused;
} ac_context;
AC_API int ac_piece_contexts(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, const uint32_t *positions, const uint32_t *places,
                            size_t count, ac_context *out);

enum { AC_MAX_AREAS = 15 };

/* Fits weights to contexts of one frame; they start from one model and pay for what differs from its base, of as many neurons. `weights` receives a
 * weight block. Of the contexts, 256 or more, some are held back: what gains nothing on them is not taken. */
typedef struct {
    int32_t steps, round; /* at most so many steps, and so many before each look at what is held back */
    int32_t batch;        /* contexts a step */
    int32_t outputs_only; /* all but the two hidden layers' weights stay adjustable */
    uint32_t seed;        /* of the order in which contexts are taken, by sixteen */
    int32_t simd;  /* an ac_simd */
    float rate;    /* learning rate */
    float least;   /* part of its bits that a round must gain for another one to follow */
    float charge;  /* bits per sample that the first unit of change of an 8-bit weight costs */
    float rival;   /* bits of a sample held back after two rounds that it must not exceed to go on */
    /* Code widths that samples are coded with: for each area 2^period_bits displacements in 1/64 of a code; NULL for even codes. */
    const int16_t *tables;
    int32_t areas, period_bits;
} ac_tune_options;
/* What became of it: steps taken, and the bits that a sample held back takes at the start, after two rounds, and at the end. */
typedef struct {
    int32_t steps;
    float start, early, end;
} ac_tuned;
AC_API int ac_tune(const ac_model *base, const ac_model *start, const ac_context *contexts, size_t count, const ac_tune_options *options,
                   uint8_t *weights, size_t capacity, ac_tuned *tuned);
/* Fits tables of code widths to contexts whose samples a model predicts: `tables`, 2^period_bits displacements for each area, are where the fit
 * begins, and become what it found. Of the contexts, 256 or more, each eighth is held back; `bits` receives what those take on average with even codes, and with the tables. */
AC_API int ac_learn_widths(const ac_model *model, const ac_context *contexts, size_t count, int32_t areas, int32_t period_bits, int32_t simd,
                           int16_t *tables, double bits[2]);

/* Streams. An array is contiguous, in native byte order; dtype is an index into u1 i1 u2 i2 u4 i4 u8 i8 f4 f8 b1 f2 c8 c16. */
enum { AC_MAX_DIMENSIONS = 32 };
typedef struct {
    int32_t dtype, ndim;
    uint64_t shape[AC_MAX_DIMENSIONS];
} ac_array;
AC_API size_t ac_array_size(const ac_array *array); /* bytes; 0 for an array without elements, SIZE_MAX for what is no array */
/* What a stream of an array would be modelled from, for tuning: a sample for each element, in the order of the planes. AC_ERROR_SPACE: it would
 * be stored. `shift` becomes the code of sample 0 modulo 256, or -1 where samples are no codes, and code widths are not used. */
AC_API int ac_array_samples(const ac_array *array, const void *data, uint16_t *samples, int32_t *shift);

/* The order of axes in which a stream would have an array: axis i of what is coded is axis order[i] of the array. */
AC_API int ac_array_order(const ac_array *array, const void *data, int32_t *order);

/* What an outside reference leaves of an array's elements, or with `undo` the elements of what it left; `to` may be `from`. The section is
 * that of docs/format.md "Outside reference"; type, shape and elements of the reference must be those that it names. */
typedef struct {
    ac_array array;
    const void *data;
} ac_reference;
AC_API int ac_reference_apply(const uint8_t *section, size_t length, const ac_array *array, const ac_reference *reference, const void *from,
                              void *to, int undo, ac_fault *fault);
/* An array of which a reference leaves what is encoded: the section, the elements themselves, and the reference's stream where it goes along. */
typedef struct {
    const uint8_t *section;
    size_t section_length;
    const void *elements;
    const uint8_t *embedded;
    size_t embedded_length;
} ac_original;

/* How the tasks 0 ... count - 1 of a call are run: in any order, or at once in threads; `run` returns when all are done. NULL: one
 * after the other. */
typedef void (*ac_task)(void *work, size_t index);
typedef struct {
    void (*run)(void *pool, ac_task task, void *work, size_t count);
    void *pool;
} ac_parallel;

/* Where a stream goes: `take` is called once, when the length is known, and gives room for just so many bytes; NULL: no memory. */
typedef struct {
    uint8_t *(*take)(void *owner, size_t length);
    void *owner;
} ac_output;
/* A `take` of malloc, whose owner is an ac_room. */
typedef struct {
    uint8_t *data;
    size_t length;
} ac_room;
AC_API uint8_t *ac_take_room(void *owner, size_t length);
AC_API void ac_room_free(ac_room *room);

/* A model to encode with. `file` is what goes into the stream of it, a "Model file" of docs/format.md of at most 2^20 bytes; NULL: it
 * stays outside. */
typedef struct {
    const ac_model *model;
    const uint8_t *file;
    size_t file_length;
} ac_choice;

/* Rows and columns where the picture may break, such as borders of an overscan; they are tried as cuts. */
typedef struct {
    uint32_t row_count, column_count;
    const uint32_t *rows, *columns;
} ac_hints;

enum {
    AC_EMBED = 512,     /* ac_stream_encode: a model of ac_model_from_delta goes into the stream */
    AC_RESIDUALS = 1024 /* of each plane but the first what is coded is the difference to the one before, whether or not that is smaller */
};
AC_API size_t ac_stream_bound(const ac_array *array); /* bytes that no encoder exceeds */
/* Of several models the one that gives the smallest stream is taken; none: the default. piece: the height and width that are wanted, as in
 * docs/encoder.md section "Pieces", NULL for about 512 x 512. flags: an ac_simd, AC_THOROUGH, AC_EMBED, AC_RESIDUALS. original: NULL without a reference.
 * hints: NULL for none. */
AC_API int ac_stream_encode(const ac_model *const *models, size_t count, const ac_array *array, const void *data, const uint32_t *piece, int flags,
                            uint8_t *out, size_t capacity, size_t *length);
AC_API int ac_stream_encode_with(const ac_choice *choices, size_t count, const ac_array *array, const void *data, const ac_original *original,
                                 const uint32_t *piece, const ac_hints *hints, int flags, const ac_parallel *parallel, const ac_output *output);

/* Floats that were made of integer steps, by these: the section is that of docs/format.md "Quantise", steps are less their tiles' bases, and must give the
 * elements. No stream is stored; it may be larger than ac_stream_bound. */
AC_API int ac_stream_encode_steps(const ac_choice *choices, size_t count, const ac_array *array, const int32_t *steps, const void *elements,
                                  const uint8_t *section, size_t section_length, const uint32_t *piece, int flags, const ac_parallel *parallel,
                                  const ac_output *output);

/* Lossy: elements of integers of 8 to 32 bits or floats of 32 or 64, each within a bound, docs/encoder.md section "Bounds". */
enum { AC_BOUND_ABSOLUTE, AC_BOUND_NOISE, AC_BOUND_RELATIVE, AC_BOUND_INCREASE, AC_BOUND_ADDED, AC_BOUNDS }; /* kinds, as docs/format.md section "Loss" has them */
enum { AC_DITHER_AUTO = -1, AC_DITHER_NEVER, AC_DITHER_ALWAYS };
typedef struct {
    int32_t kind;
    int32_t dither;       /* auto: where steps are wider than twice the noise */
    double value;         /* in the elements' unit; in noises; as a share; as a share; in the elements' unit */
    double gain;          /* electrons per unit, with which the noise grows; 0: it does not */
    double read_noise;    /* in the elements' unit; 0: not known */
    double saturation;    /* elements from here on are kept; NAN: none is */
    int32_t protect;      /* sources have a quarter of the step */
    int32_t has_blank;    /* elements of these bits stand for none, and are kept */
    uint64_t blank;
    const float *noise;   /* of each element, in its unit; NULL: it is measured */
} ac_bound;
/* Nothing is lost where nothing can be: then the stream is that of ac_stream_encode_with, and has no section 24. The section says what was lost. */
AC_API int ac_stream_encode_bounded(const ac_choice *choices, size_t count, const ac_array *array, const void *data, const ac_bound *bound,
                                    const uint32_t *piece, int flags, const ac_parallel *parallel, const ac_output *output);
/* What the contexts of such a stream are of, for tuning: steps, of a trellis 2 n + p. AC_ERROR_SPACE where nothing is lost. */
AC_API int ac_bounded_codes(const ac_array *array, const void *data, const ac_bound *bound, int32_t *codes);

/* Visibilities [time, baseline, channel, polarisation]: complex numbers, or integers with a last axis of 2. Parameters and data are those of codec 96 in
 * docs/format.md. classes: of each sample, 0: on the lattice, 1: 0 + 0i, 2: kept; NULL: all are on it. Exponents of steps in 1/8 octaves, [baseline][pol]
 * and [channel][pol], NULL: 0. how: 0: what is smaller, 1: without predictions, 2: with them, 3: with those that a network mixes. decoded: NULL, or receives what a decoder gives.
 * AC_ERROR_SPACE: it would be smaller than a stream may be. */
AC_API int ac_visibility_encode(const uint8_t *parameters, size_t parameters_length, const ac_array *array, const void *values, const uint8_t *classes,
                                const int16_t *of_baselines, const int16_t *of_channels, int how, void *decoded, const ac_parallel *parallel,
                                const ac_output *output);
/* Classes of complex numbers by how large they may be, limits [baseline][channel][pol], 0: none is coded; counts [baseline][channel][pol] grow by the coded
 * ones that have no flag, others are all that are not coded. Then, of coded ones without a flag, sums[baseline][0] grows by half the squared errors, [1] by these over
 * the squared noise [baseline][channel][pol]; largest is of all. */
AC_API int ac_visibility_classify(const ac_array *array, const void *values, const double *limits, const uint8_t *flags, uint8_t *classes, uint64_t *counts,
                                  uint64_t *others);
AC_API int ac_visibility_measure(const ac_array *array, const void *values, const void *decoded, const uint8_t *classes, const uint8_t *flags, const double *noise,
                                 double *sums, double *largest);
/* Noise of c8 from differences, medians of which are over what noise of 1 gives. chosen: counts[0] times, then counts[1] baselines, that are looked at; scale: a power
 * of two that brings usual values near 1. which: of operators, a bit for each: medians and how many differences were known, [operator][chosen baseline][pol]. Baselines without noise
 * are not known. of_all, where `which` is one operator: of all chosen baselines at once; or NULL. */
enum { AC_NOISE_OPERATORS = 7 };
AC_API int ac_visibility_differences(const ac_array *array, const void *values, const uint8_t *flags, const uint64_t *chosen, const size_t counts[2], float scale,
                                     uint32_t which, uint8_t *is_noiseless, uint8_t *is_known, float *medians, uint64_t *known, float *of_all,
                                     const ac_parallel *parallel);
/* Medians by channel and polarisation of one operator's differences over the noise, [chosen baseline][pol], NAN where it is not known. */
AC_API int ac_visibility_profile(const ac_array *array, const void *values, const uint8_t *flags, const uint64_t *chosen, const size_t counts[2], float scale, uint32_t which,
                                 const float *noise, float *medians, uint64_t *known, const ac_parallel *parallel);
AC_API int ac_visibility_decode(const uint8_t *parameters, size_t parameters_length, const uint8_t *data, size_t length, const ac_array *array, void *out,
                                size_t capacity, ac_fault *fault);

/* What a stream says of itself. */
enum { AC_STORED = 0, AC_CAUSAL = 1, AC_VISIBILITY = 96, AC_FLAGS = 97 }; /* codecs of this library */
typedef struct {
    int32_t id, critical;
    size_t at, length; /* of what it holds */
} ac_section;
typedef struct {
    ac_array array;
    int32_t version, codec;
    int32_t checksum_kind; /* 0: of the elements, 1: of the bytes */
    int32_t is_whole;      /* the bytes can hold the array, so that memory may be taken for it; 0 for foreign codecs, of which that is not known */
    /* of the causal codec; 0 for others */
    int32_t low_bits;
    uint32_t piece[2]; /* height and width; more rows than a plane has: so many whole planes */
    uint8_t fingerprint[8];
    /* where the sections model, name and codec and the data lie; a length of 0 for those that are not there */
    size_t model_at, model_length, name_at, name_length, parameters_at, parameters_length, data_at, data_length;
    int32_t section_count;
    ac_section sections[128];
} ac_stream_info;
/* AC_OK for streams of foreign codecs too, and where only the data are not whole, of which `fault` tells. A section that must be understood
 * and is not gives AC_ERROR_VERSION; `info` is filled all the same. */
AC_API int ac_stream_inspect(const uint8_t *stream, size_t length, ac_stream_info *info, ac_fault *fault);
/* The model is looked for among those given, those shipped and registered, and in the stream (a tuned one). `out` is then the array, native
 * byte order. Where the stream needs a reference that it does not hold, ac_stream_decode_with must be given it. */
AC_API int ac_stream_decode(const ac_model *const *models, size_t count, const uint8_t *stream, size_t length, void *out, size_t capacity, int flags,
                            ac_fault *fault);
AC_API int ac_stream_decode_with(const ac_model *const *models, size_t count, const ac_reference *reference, const uint8_t *stream, size_t length,
                                 void *out, size_t capacity, int flags, const ac_parallel *parallel, ac_fault *fault);

/* The steps too, one for each element; AC_ERROR_ARGUMENT where the stream has none. */
AC_API int ac_stream_decode_steps(const ac_model *const *models, size_t count, const uint8_t *stream, size_t length, void *out, size_t capacity,
                                  int32_t *steps, int flags, const ac_parallel *parallel, ac_fault *fault);

/* Decodes streams of foreign codecs for all of the process, ac_stream_decode and the HDF5 filter included; NULL, as at first: none. `out`
 * is as long as the array, native byte order. Returns AC_ERROR_CODEC where it has no such codec; of any failure it writes one line to
 * `message`. The checksum is compared by the caller. It may be called in any thread, from within HDF5. */
typedef int (*ac_decoder)(const uint8_t *stream, size_t length, void *out, size_t capacity, char *message, size_t message_capacity);
AC_API void ac_set_decoder(ac_decoder decoder);

AC_API uint32_t ac_crc32c(uint32_t crc, const uint8_t *data, size_t length);

#endif
