/* Backpropagation: the network's loss on sixteen samples and its slopes, in vectors of WIDTH floats, neurons side by side. */

enum { SAMPLES = AC_LOCKSTEP, PARTS = 16 / WIDTH, ROWS = 8 / PARTS };
typedef float vec __attribute__((vector_size(4 * WIDTH)));
typedef float four __attribute__((vector_size(16)));

/* c[r][:] = start[r][:] + sum over n of a(r, n) b[n][:] for sixteen columns at a time, so few rows at once that their sums stay in registers.
 * a(r, n) stands at a[r * row + n * term]; where every row begins alike, `stride` is 0. */
static AC_INLINE void product(int rows, int terms, int columns, const float *a, int row, int term, const float *b, const float *start, int stride,
                              float *c)
{
    for (int group = 0; group < columns; group += 16)
        for (int first = 0; first < rows; first += ROWS) {
            vec sum[ROWS][PARTS];
            for (int r = 0; r < ROWS; r++)
                for (int p = 0; p < PARTS; p++) sum[r][p] = *(const vec *)(start + (first + r) * stride + group + p * WIDTH);
#pragma GCC unroll 2
            for (int n = 0; n < terms; n++)
                for (int r = 0; r < ROWS; r++)
                    for (int p = 0; p < PARTS; p++)
                        sum[r][p] += a[(first + r) * row + n * term] * *(const vec *)(b + n * columns + group + p * WIDTH);
            for (int r = 0; r < ROWS; r++)
                for (int p = 0; p < PARTS; p++) *(vec *)(c + (first + r) * columns + group + p * WIDTH) = sum[r][p];
        }
}

/* The same of four columns. */
static AC_INLINE void product4(int rows, int terms, const float *a, int row, int term, const float *b, const float *start, int stride, float *c)
{
    for (int first = 0; first < rows; first += 8) {
        four sum[8];
        for (int r = 0; r < 8; r++) sum[r] = *(const four *)(start + (first + r) * stride);
        for (int n = 0; n < terms; n++)
            for (int r = 0; r < 8; r++) sum[r] += a[(first + r) * row + n * term] * *(const four *)(b + 4 * n);
        for (int r = 0; r < 8; r++) *(four *)(c + 4 * (first + r)) = sum[r];
    }
}

/* Sums become activations, and `open` says where they still react. */
static AC_INLINE void activate(int count, float *restrict a, float *restrict open)
{
    for (int i = 0; i < count; i++) {
        open[i] = a[i] > 0 && a[i] < 8128 ? 1.0f / 64 : 0;
        a[i] = (float)(int32_t)fminf(fmaxf(a[i] * (1.0f / 64), 0), AC_ACTIVATION_MAX);
    }
}

/* What sixteen samples are on their way through the network. */
typedef struct {
    _Alignas(64) float input[SAMPLES][AC_INPUTS];
    float terms[SAMPLES][AC_TERMS];
    float h1[SAMPLES * AC_MAX_HIDDEN], open1[SAMPLES * AC_MAX_HIDDEN], h2[SAMPLES * AC_MAX_HIDDEN], open2[SAMPLES * AC_MAX_HIDDEN];
    float answer[SAMPLES][AC_OUTPUTS];
    float sum[SAMPLES], location[SAMPLES], q[SAMPLES], tail[SAMPLES], skew[SAMPLES];
    int32_t sample[SAMPLES], shift[SAMPLES], area[SAMPLES];
} passage;

static AC_INLINE void forward(const int h, const ac_learner *w, const ac_context *contexts, passage *t)
{
    const float *p = w->rounded;
    const ac_parameters *l = &w->at;
    for (int s = 0; s < SAMPLES; s++) {
        const ac_context *c = contexts + s;
        /* A context is a row of 64 such numbers; those behind the linear terms meet weights of nothing. */
        const int16_t *row = c->input;
        for (int i = 0; i < AC_INPUTS; i++) t->input[s][i] = row[i];
        for (int i = 0; i < AC_TERMS; i++) t->terms[s][i] = row[AC_INPUTS + i];
        t->shift[s] = c->shift, t->area[s] = c->area;
        t->sample[s] = c->sample, t->sum[s] = c->sum, t->location[s] = 16.0f * c->mean + 0.5f, t->q[s] = (float)ac_log512(c->sum) - 256;
    }
    product(SAMPLES, AC_INPUTS, h, t->input[0], AC_INPUTS, 1, p + l->w1, p + l->b1, 0, t->h1);
    activate(SAMPLES * h, t->h1, t->open1);
    product(SAMPLES, h, h, t->h1, h, 1, p + l->w2, p + l->b2, 0, t->h2);
    activate(SAMPLES * h, t->h2, t->open2);
    product4(SAMPLES, h, t->h2, h, 1, p + l->w3, p + l->b3, 0, t->answer[0]);
    for (int s = 0; s < SAMPLES; s++) {
        float linear = 0;
        for (int i = 0; i < AC_TERMS; i++) linear += t->terms[s][i] * p[l->linear + i];
        t->location[s] += linear * (1.0f / 512);
    }
    for (int s = 0; s < SAMPLES; s++) {
        t->location[s] = fminf(fmaxf(t->location[s] + t->sum[s] * t->answer[s][0] * (1.0f / 512), 0), 65535 * 16 + 15);
        t->q[s] = fminf(fmaxf((t->q[s] + t->answer[s][1]) * (1.0f / 64), -AC_OUTSIDE), AC_SCALES + AC_OUTSIDE);
        t->tail[s] = t->answer[s][2] * (1.0f / 128);
        t->skew[s] = t->answer[s][3] * (1.0f / 128);
    }
}

/* One cosmic ray among large differences must not outweigh a thousand ordinary pixels. `usual_pull` follows the upper quartile of the
 * pulls where neighbours differ at all: empty sky around a bright disc says nothing about the disc. */
static AC_INLINE void limit_pull(const passage *t, float *slope, float *usual_pull)
{
    float pull[SAMPLES], counts[SAMPLES], active = 0, total = 0, above = 0;
    for (int s = 0; s < SAMPLES; s++) {
        float reach = 0;
        for (int i = 0; i < AC_NEIGHBOURS; i++) reach += fabsf(t->terms[s][i]);
        counts[s] = fminf(reach, 1);
        pull[s] = fabsf(slope[s]) * (reach + 1);
    }
    for (int s = 0; s < SAMPLES; s++) {
        active += counts[s];
        total += counts[s] * pull[s];
        above += pull[s] > *usual_pull ? counts[s] : 0;
    }
    if (active > 0) *usual_pull = *usual_pull > 0 ? *usual_pull * (1 + 0.02f * (above / active - 0.25f)) : total / active;
    const float most = 4 * *usual_pull;
    for (int s = 0; s < SAMPLES; s++) slope[s] *= pull[s] > most && most > 0 ? most / pull[s] : 1;
}

/* sum[:] += sum over samples of factor[s] rows[s][:]. */
static AC_INLINE void add_rows(int columns, const float *factor, const float *rows, float *sum)
{
    for (int i = 0; i < columns; i += WIDTH) {
        vec all = *(const vec *)(sum + i);
        for (int s = 0; s < SAMPLES; s++) all += factor[s] * *(const vec *)(rows + s * columns + i);
        *(vec *)(sum + i) = all;
    }
}

/* Sixteen samples: the slopes of the loss are added to the gradient (per integer unit of each parameter). */
static AC_INLINE void learn(const int h, const int displaced, ac_learner *w, const ac_context *contexts)
{
    passage t;
    _Alignas(64) float g[SAMPLES][AC_OUTPUTS], g2[SAMPLES * AC_MAX_HIDDEN], g1[SAMPLES * AC_MAX_HIDDEN];
    static const _Alignas(64) float none[AC_MAX_HIDDEN];
    static const float one[SAMPLES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const ac_parameters *l = &w->at;
    float *d = w->gradient;
    forward(h, w, contexts, &t);
    ac_slopes slopes;
    const ac_samples samples = {t.sample, t.shift, t.area};
    ac_slopes_of(displaced, &w->lengths, &samples, t.location, t.q, t.tail, t.skew, &slopes);
    limit_pull(&t, slopes.location, &w->usual_pull);
    for (int s = 0; s < SAMPLES; s++) {
        slopes.location[s] *= 1.0f / 512;
        g[s][0] = slopes.location[s] * t.sum[s];
        g[s][1] = slopes.q[s] * (1.0f / 64);
        g[s][2] = slopes.tail[s] * (1.0f / 128);
        g[s][3] = slopes.skew[s] * (1.0f / 128);
    }
    add_rows(AC_TERMS, slopes.location, t.terms[0], d + l->linear);
    for (int s = 0; s < SAMPLES; s++)
        for (int k = 0; k < AC_OUTPUTS; k++) d[l->b3 + k] += g[s][k];
    product4(h, SAMPLES, t.h2, 1, h, g[0], d + l->w3, 4, d + l->w3);
    product(SAMPLES, AC_OUTPUTS, h, g[0], AC_OUTPUTS, 1, w->turned3, none, 0, g2);
    for (int i = 0; i < SAMPLES * h; i++) g2[i] *= t.open2[i];
    add_rows(h, one, g2, d + l->b2);
    product(h, SAMPLES, h, t.h1, 1, h, g2, d + l->w2, h, d + l->w2);
    product(SAMPLES, h, h, g2, h, 1, w->turned2, none, 0, g1);
    for (int i = 0; i < SAMPLES * h; i++) g1[i] *= t.open1[i];
    add_rows(h, one, g1, d + l->b1);
    product(AC_INPUTS, SAMPLES, h, t.input[0], 1, AC_INPUTS, g1, d + l->w1, h, d + l->w1);
}

/* Bits that sixteen samples take. */
static AC_INLINE float bits_of(const int h, const int displaced, const ac_learner *w, const ac_context *contexts)
{
    passage t;
    float bits[SAMPLES], total = 0;
    forward(h, w, contexts, &t);
    const ac_samples samples = {t.sample, t.shift, t.area};
    ac_bits_of(displaced, &w->lengths, &samples, t.location, t.q, t.tail, t.skew, bits);
    for (int s = 0; s < SAMPLES; s++) total += bits[s];
    return total;
}

/* Where sixteen samples stand in their tables. */
static AC_INLINE void cells_of(const int h, const ac_learner *w, const ac_context *contexts, ac_coded_sample *out)
{
    passage t;
    forward(h, w, contexts, &t);
    const ac_samples samples = {t.sample, t.shift, t.area};
    ac_cells_of(&w->lengths, &samples, t.location, t.q, t.tail, t.skew, out);
}
