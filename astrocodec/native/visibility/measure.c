/* Measure: which samples can be coded at a cost in noise, and what that cost became. docs/encoder.md section "Visibilities". */
#include <math.h>

#include "array.h"
#include "visibility/block.h"

static double part_of(int dtype, const void *values, uint64_t i) { return dtype == AC_C8 ? (double)((const float *)values)[i] : ((const double *)values)[i]; }

static int is_block(const ac_array *array) { return (array->dtype == AC_C8 || array->dtype == AC_C16) && array->ndim == 4; }

int ac_visibility_classify(const ac_array *array, const void *values, const double *limits, const uint8_t *flags, uint8_t *classes, uint64_t *counts, uint64_t *others)
{
    if (!is_block(array) || !values || !limits || !classes || !counts || !others) return AC_ERROR_ARGUMENT;
    const uint64_t row = array->shape[1] * array->shape[2] * array->shape[3];
    *others = 0;
    for (uint64_t t = 0, i = 0; t < array->shape[0]; t++)
        for (uint64_t at = 0; at < row; at++, i++) {
            const double re = part_of(array->dtype, values, 2 * i), im = part_of(array->dtype, values, 2 * i + 1), a = fabs(re), b = fabs(im);
            const int is_zero = re == 0 && im == 0, is_coded = !is_zero && a < limits[at] && b < limits[at];
            classes[i] = is_coded ? AC_CODED : is_zero ? AC_ZERO : AC_KEPT;
            counts[at] += is_coded && !(flags && flags[i]);
            *others += !is_coded;
        }
    return AC_OK;
}

int ac_visibility_measure(const ac_array *array, const void *values, const void *decoded, const uint8_t *classes, const uint8_t *flags, const double *noise, double *sums,
                          double *largest)
{
    if (!is_block(array) || !values || !decoded || !classes || !noise || !sums || !largest) return AC_ERROR_ARGUMENT;
    const uint64_t inner = array->shape[2] * array->shape[3];
    *largest = 0;
    for (uint64_t t = 0, i = 0; t < array->shape[0]; t++)
        for (uint64_t b = 0; b < array->shape[1]; b++) {
            double squares = 0, shares = 0;
            for (uint64_t at = b * inner; at < (b + 1) * inner; at++, i++) {
                if (classes[i] != AC_CODED) continue;
                const double re = part_of(array->dtype, decoded, 2 * i) - part_of(array->dtype, values, 2 * i);
                const double im = part_of(array->dtype, decoded, 2 * i + 1) - part_of(array->dtype, values, 2 * i + 1);
                const double a = fabs(re), c = fabs(im), most = a > c ? a : c, square = (re * re + im * im) / 2;
                if (most > *largest) *largest = most;
                if (flags && flags[i]) continue;
                squares += square;
                shares += square / (noise[at] * noise[at]);
            }
            sums[2 * b] += squares, sums[2 * b + 1] += shares;
        }
    return AC_OK;
}
