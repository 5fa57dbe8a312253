/* astrocodec: the native library's public interface. Specification: docs/format.md.
 *
 * Every function is re-entrant; nothing global is ever written. Functions return an ac_status; results come through
 * pointers. A model may be used by any number of threads at once. */
#ifndef ASTROCODEC_H
#define ASTROCODEC_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define AC_API __attribute__((visibility("default")))
#else
#define AC_API
#endif

#define AC_ABI_VERSION 1

typedef enum {
    AC_OK = 0,
    AC_ERROR_ARGUMENT = 10,  /* a size, pointer or option outside its range */
    AC_ERROR_MEMORY = 11,    /* allocation failed */
    AC_ERROR_SPACE = 12,     /* the output does not fit the buffer given */
    AC_ERROR_TRUNCATED = 20, /* the input ends too early */
    AC_ERROR_CORRUPT = 21,   /* the input contradicts itself */
    AC_ERROR_MODEL = 30      /* the model's bytes break its format */
} ac_status;

typedef struct ac_model ac_model;

AC_API uint32_t ac_abi_version(void);
AC_API const char *ac_status_string(int status);

/* Instruction sets, in the order in which they are preferred. */
typedef enum { AC_SIMD_AUTO = 0, AC_SIMD_PORTABLE = 1, AC_SIMD_AVX2 = 2, AC_SIMD_AVXVNNI = 3, AC_SIMD_AVX512 = 4 } ac_simd;
AC_API int ac_simd_best(void); /* the best that this processor has, whatever the environment says */

/* Model: `weights` is the weight block, `shapes` the shape block of docs/format.md section "Model". */
AC_API int ac_model_create(const uint8_t *weights, size_t weights_len, const uint8_t *shapes, size_t shapes_len, ac_model **out);
AC_API int ac_model_derive(const ac_model *base, const uint8_t *weights, size_t weights_len, ac_model **out); /* shares base's tables; base must outlive it */
AC_API void ac_model_free(ac_model *model);
AC_API int ac_model_tables(const ac_model *model, const uint16_t **cum, size_t *count); /* count tables of 64 cumulative frequencies */

/* One tile of 16-bit samples, rows `stride` samples apart. simd: an ac_simd; when encoding, AC_THOROUGH may be added: every
 * tile mode is tried, not only those that look promising. */
enum { AC_THOROUGH = 256 };
AC_API size_t ac_tile_bound(uint32_t height, uint32_t width); /* bytes that ac_tile_encode never exceeds */
AC_API int ac_tile_encode(const ac_model *model, const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, uint8_t *out,
                          size_t capacity, size_t *length, int simd);
AC_API int ac_tile_decode(const ac_model *model, const uint8_t *in, size_t length, uint16_t *samples, uint32_t height, uint32_t width,
                          size_t stride, int simd);

/* What the network sees at chosen pixels of a tile, for training and tuning: per pixel 32 inputs, 26 linear terms, then
 * m, S and the sample itself. */
typedef struct {
    int16_t input[32];
    int16_t linear[26];
    uint16_t mean, sum, sample;
} ac_context;
AC_API int ac_tile_contexts(const uint16_t *samples, uint32_t height, uint32_t width, size_t stride, const uint32_t *positions, size_t count,
                            ac_context *out);

/* Fits a model's weights to contexts of one frame; `weights` receives a weight block. */
typedef struct {
    int32_t steps, batch, outputs_only; /* outputs_only: all but the two hidden layers' weights stay adjustable */
    uint32_t seed;
    float rate; /* learning rate */
} ac_tune_options;
AC_API int ac_tune(const ac_model *model, const ac_context *contexts, size_t count, const ac_tune_options *options, uint8_t *weights,
                   size_t capacity);

AC_API uint32_t ac_crc32c(uint32_t crc, const uint8_t *data, size_t length);

#endif
