#include "visibility/joint.h"

#include "exact_doubles.h"
#include "wide_vectors.h"
#include "no_traps.h" /* behind the others */

#define INLINE static inline __attribute__((always_inline))

enum { FEW = 16, MOST_BETWEEN = 16 };
static const double FADE = 511.0 / 512, LITTLE = 1.0 / (1ull << 40), LARGEST = 1e300, LARGEST_WEIGHT = 1e30;

/* Adds products of lanes: halves are added until AC_JOINT_SUMS are left; what fewer lanes have not is 0. */
INLINE void add_products(const double *x, const double *y, const double *u, const double *v, double *restrict re, double *restrict im, uint32_t n)
{
#define RE(l) (x[l] * u[l] + y[l] * v[l])
#define IM(l) (x[l] * v[l] - y[l] * u[l])
    for (uint32_t l = 0; l < AC_JOINT_SUMS; l++) {
        const double p = n == 32 ? (RE(l) + RE(l + 16)) + (RE(l + 8) + RE(l + 24)) : n == 16 ? RE(l) + RE(l + 8) : n == 8 || l < n ? RE(l) : 0;
        const double q = n == 32 ? (IM(l) + IM(l + 16)) + (IM(l + 8) + IM(l + 24)) : n == 16 ? IM(l) + IM(l + 8) : n == 8 || l < n ? IM(l) : 0;
        re[l] = re[l] * FADE + p, im[l] = im[l] * FADE + q;
    }
#undef RE
#undef IM
}

/* Halves are added until one is left. */
INLINE double whole_of(const double *sum)
{
    double left[AC_JOINT_SUMS / 2];
    for (uint32_t l = 0; l < AC_JOINT_SUMS / 2; l++) left[l] = sum[l] + sum[l + AC_JOINT_SUMS / 2];
    for (uint32_t half = AC_JOINT_SUMS / 4; half; half /= 2)
        for (uint32_t l = 0; l < half; l++) left[l] += left[l + half];
    return left[0];
}

INLINE void add_body(ac_joint *j, uint32_t taps, const double tap[][2][AC_LANES], const double value[2][AC_LANES], const double *share, uint32_t n)
{
    for (uint32_t a = 0; a < taps; a++) {
        double x[AC_LANES], y[AC_LANES];
        for (uint32_t l = 0; l < n; l++) x[l] = tap[a][0][l] * share[l], y[l] = tap[a][1][l] * share[l];
        for (uint32_t b = a; b <= taps; b++) {
            const double(*const other)[AC_LANES] = b < taps ? tap[b] : value;
            const uint32_t at = b < taps ? b : AC_JOINT_TAPS;
            add_products(x, y, other[0], other[1], j->sum[0][a][at], j->sum[1][a][at], n);
        }
    }
}

/* Elimination from the first tap on, then weights from the last one back; a tap that the others make up has none. */
INLINE void solve_body(ac_joint *j, uint32_t taps)
{
    double re[AC_JOINT_TAPS][AC_JOINT_TAPS + 1], im[AC_JOINT_TAPS][AC_JOINT_TAPS + 1], pivot[AC_JOINT_TAPS], least[AC_JOINT_TAPS];
    for (uint32_t a = 0; a < taps; a++) {
        for (uint32_t b = a; b <= taps; b++) {
            const uint32_t at = b < taps ? b : AC_JOINT_TAPS;
            re[a][b] = whole_of(j->sum[0][a][at]), im[a][b] = whole_of(j->sum[1][a][at]);
        }
        re[a][a] += 1;
        least[a] = re[a][a] * LITTLE;
    }
    for (uint32_t a = 0; a < taps; a++) {
        const double p = re[a][a];
        pivot[a] = p > least[a] && p < LARGEST ? p : 0;
        for (uint32_t c = a + 1; pivot[a] && c < taps; c++) {
            const double x = re[a][c] / p, y = im[a][c] / p;
            for (uint32_t b = c; b <= taps; b++) {
                re[c][b] -= x * re[a][b] + y * im[a][b];
                im[c][b] -= x * im[a][b] - y * re[a][b];
            }
        }
    }
    for (uint32_t a = taps; a-- > 0;) {
        double x = re[a][taps], y = im[a][taps];
        for (uint32_t b = a + 1; b < taps; b++) {
            const double u = j->weight[b][0], v = j->weight[b][1];
            x -= re[a][b] * u - im[a][b] * v;
            y -= re[a][b] * v + im[a][b] * u;
        }
        x /= pivot[a], y /= pivot[a];
        const int is_fit = pivot[a] && x > -LARGEST_WEIGHT && x < LARGEST_WEIGHT && y > -LARGEST_WEIGHT && y < LARGEST_WEIGHT;
        j->weight[a][0] = is_fit ? x : 0, j->weight[a][1] = is_fit ? y : 0;
    }
}

/* Built for all processors and for two kinds of vectors, and there for most numbers of lanes by themselves. */
#define ADD (ac_joint * joint, uint32_t taps, const double tap[][2][AC_LANES], const double value[2][AC_LANES], const double *share, uint32_t lanes)
#define ADD_LANES                                                                                    \
    switch (lanes) {                                                                                 \
    case 32: add_body(joint, taps, tap, value, share, 32); break;                                    \
    case 16: add_body(joint, taps, tap, value, share, 16); break;                                    \
    case 8: add_body(joint, taps, tap, value, share, 8); break;                                      \
    default: add_body(joint, taps, tap, value, share, lanes);                                        \
    }
static WIDE_VECTORS void add_wide ADD { ADD_LANES }
static LOOPS_OF_AVX512 void add_widest ADD { ADD_LANES }
static WIDE_VECTORS void solve_wide(ac_joint *joint, uint32_t taps) { solve_body(joint, taps); }
static LOOPS_OF_AVX512 void solve_widest(ac_joint *joint, uint32_t taps) { solve_body(joint, taps); }

void ac_joint_learn(ac_joint *j, uint32_t taps, const double tap[][2][AC_LANES], const double value[2][AC_LANES], const double *share, uint32_t lanes)
{
    uint64_t between = 1;
    if (HAS_AVX512)
        add_widest(j, taps, tap, value, share, lanes);
    else if (HAS_WIDE_VECTORS)
        add_wide(j, taps, tap, value, share, lanes);
    else
        add_body(j, taps, tap, value, share, lanes);
    j->steps++;
    while (between < MOST_BETWEEN && FEW * between <= j->steps) between *= 2;
    if (j->steps % between) return;
    if (HAS_AVX512)
        solve_widest(j, taps);
    else if (HAS_WIDE_VECTORS)
        solve_wide(j, taps);
    else
        solve_body(j, taps);
}
