/* Directions: which way steps go. Inputs of a layer are much alike, so that single steps along each of them zigzag; along the directions below
 * they do not, which saves more than half of them. Encoder only, in floating point. */
#include <math.h>
#include <string.h>

#include "tuning/learner.h"

/* The linear terms: directions W in which they vary alone and by as much as the local loudness, W = L^-1, where L L^T is their covariance.
 * Terms are frozen where a running mean lags so far behind that a single unit of its weight moves the location by about the noise. */
void ac_whiten_linear(ac_learner *w, size_t count)
{
    enum { N = AC_LINEAR, SAMPLE = 20000 };
    const double coarse = 0.1;
    double covariance[N][N] = {{0}}, l[N][N] = {{0}}, trace = 0;
    for (size_t k = 0; k < count; k += 1 + count / SAMPLE) {
        double x[N];
        for (int i = 0; i < N; i++) x[i] = w->contexts[k].linear[i] / (512.0 * w->contexts[k].sum);
        for (int i = 0; i < N; i++)
            for (int j = 0; j <= i; j++) covariance[i][j] += x[i] * x[j];
    }
    const double n = (double)((count - 1) / (1 + count / SAMPLE) + 1);
    for (int i = 0; i < N; i++) {
        if (covariance[i][i] > coarse * coarse * n) w->moves[w->at.linear + i] = 0;
        else trace += covariance[i][i] / n;
    }
    for (int i = 0; i < N; i++)
        if (w->moves[w->at.linear + i] == 0) {
            for (int j = 0; j < N; j++) covariance[i > j ? i : j][i > j ? j : i] = 0;
            covariance[i][i] = n;
        }
    const double ridge = 1e-4 * trace / N + 1e-12;
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++) {
            double v = covariance[i][j] / n + (i == j ? ridge : 0);
            for (int k = 0; k < j; k++) v -= l[i][k] * l[j][k];
            l[i][j] = i == j ? sqrt(v) : v / l[j][j];
        }
    for (int c = 0; c < N; c++)
        for (int i = c; i < N; i++) {
            double v = i == c;
            for (int k = c; k < i; k++) v -= l[i][k] * w->whiten[k][c];
            w->whiten[i][c] = (float)(v / l[i][i]);
        }
}

/* Eigenvectors of a symmetric matrix by Jacobi's rotations: `a` becomes diagonal, `v` has them in rows. */
static void turn(int n, double a[AC_INPUTS][AC_INPUTS], double v[AC_INPUTS][AC_INPUTS])
{
    enum { SWEEPS = 8 };
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) v[i][j] = i == j;
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) {
                if (fabs(a[p][q]) <= 1e-6 * sqrt(fabs(a[p][p] * a[q][q]))) continue;
                const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]), t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
                const double c = 1 / sqrt(t * t + 1), s = t * c;
                for (int k = 0; k < n; k++) {
                    const double x = a[k][p], y = a[k][q];
                    a[k][p] = c * x - s * y, a[k][q] = s * x + c * y;
                }
                for (int k = 0; k < n; k++) {
                    const double x = a[p][k], y = a[q][k], u = v[p][k], z = v[q][k];
                    a[p][k] = c * x - s * y, a[q][k] = s * x + c * y;
                    v[p][k] = c * u - s * z, v[q][k] = s * u + c * z;
                }
            }
}

/* What a layer's inputs sum up to over a sample. */
typedef struct {
    double mean[AC_INPUTS], products[AC_INPUTS][AC_INPUTS];
} moments;

static void add(moments *m, const float *x, int n)
{
    for (int i = 0; i < n; i++) {
        m->mean[i] += x[i];
        for (int j = 0; j <= i; j++) m->products[i][j] += x[i] * x[j];
    }
}

/* Directions of a layer's inputs, and the unit of its weights: steps along all of them are alike, since rare inputs, of edges and stars, count too. */
static void directions_of(moments *m, int n, int neurons, double count, ac_directions *out, float *scale)
{
    static const double UNIT = 1024;
    double v[AC_INPUTS][AC_INPUTS], variance = 0;
    for (int i = 0; i < n; i++) m->mean[i] /= count;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) m->products[j][i] = m->products[i][j] = m->products[i][j] / count - m->mean[i] * m->mean[j];
        variance += m->products[i][i] / n;
        out->mean[i] = (float)m->mean[i];
    }
    turn(n, m->products, v);
    for (int i = 0; i < n * n; i++) out->along[i] = (float)v[i / n][i % n];
    for (int i = 0; i < n * neurons; i++) scale[i] = (float)(UNIT / sqrt(variance + 1));
}

/* The two hidden layers, by what they read at the start. */
void ac_turn_layers(ac_learner *w, size_t count)
{
    enum { SAMPLE = 8192 };
    const ac_parameters *l = &w->at;
    const int h = l->hidden;
    const size_t step = 1 + count / SAMPLE;
    moments of_inputs = {{0}, {{0}}}, of_neurons = {{0}, {{0}}};
    double n = 0;
    for (size_t k = 0; k < count; k += step, n++) {
        float x[AC_INPUTS], sum[AC_MAX_HIDDEN];
        for (int i = 0; i < AC_INPUTS; i++) x[i] = w->contexts[k].input[i];
        memcpy(sum, w->p + l->b1, sizeof sum);
        for (int i = 0; i < AC_INPUTS; i++)
            for (int j = 0; j < h; j++) sum[j] += x[i] * w->p[l->w1 + i * h + j];
        for (int j = 0; j < h; j++) sum[j] = fminf(fmaxf(sum[j] / 64, 0), AC_ACTIVATION_MAX);
        add(&of_inputs, x, AC_INPUTS);
        add(&of_neurons, sum, h);
    }
    directions_of(&of_inputs, AC_INPUTS, h, n, &w->layers[0], w->scale + l->w1);
    directions_of(&of_neurons, h, h, n, &w->layers[1], w->scale + l->w2);
}
