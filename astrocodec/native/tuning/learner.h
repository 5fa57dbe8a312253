/* Learner: the network's parameters in floating point, and what a descent works with. Encoder only. */
#ifndef AC_LEARNER_H
#define AC_LEARNER_H

#include "tuning/code_lengths.h"
#include "predict.h"

enum {
    AC_TERMS = 32, /* linear terms, with what follows them in a context at a weight of nothing */
    AC_MAX_PARAMETERS = AC_TERMS + AC_MAX_HIDDEN * (2 + AC_INPUTS + AC_MAX_HIDDEN + AC_OUTPUTS) + 16
};

/* Where each array starts among the parameters. Weights are kept by input, [input][neuron]; b3 fills up a vector of sixteen. */
typedef struct {
    int hidden, linear, b1, w1, b2, w2, w3, b3, count;
} ac_parameters;

static inline ac_parameters ac_parameters_of(int h)
{
    ac_parameters l = {.hidden = h, .linear = 0, .b1 = AC_TERMS};
    l.w1 = l.b1 + h;
    l.b2 = l.w1 + AC_INPUTS * h;
    l.w2 = l.b2 + h;
    l.w3 = l.w2 + h * h;
    l.b3 = l.w3 + h * AC_OUTPUTS;
    l.count = l.b3 + 16;
    return l;
}

/* Of the code length in nats by each displacement; `next` is the curvature between a boundary and the one above it. */
typedef struct {
    double slope[AC_RESIDUES], curvature[AC_RESIDUES], next[AC_RESIDUES];
} ac_pulls;

/* Steps of a hidden layer's weights are taken along directions in which what it reads varies alone. */
typedef struct {
    float along[AC_INPUTS * AC_INPUTS]; /* [direction][input], rows as long as there are inputs */
    float mean[AC_INPUTS];
} ac_directions;

/* All of 64 bytes and more, so that vectors are aligned. */
typedef struct {
    float p[AC_MAX_PARAMETERS], rounded[AC_MAX_PARAMETERS], gradient[AC_MAX_PARAMETERS];
    float turned2[AC_MAX_HIDDEN * AC_MAX_HIDDEN], turned3[AC_OUTPUTS * AC_MAX_HIDDEN]; /* of `rounded`, [neuron][input] */
    float mean[AC_MAX_PARAMETERS], square[AC_MAX_PARAMETERS], scale[AC_MAX_PARAMETERS], limit[AC_MAX_PARAMETERS];
    float charged[AC_MAX_PARAMETERS]; /* what the first unit of a weight's change costs */
    float moves[AC_MAX_PARAMETERS];   /* 0: stays as it is */
    float base[AC_MAX_PARAMETERS], best[AC_MAX_PARAMETERS], average[AC_MAX_PARAMETERS]; /* that of the last steps */
    float whiten[AC_TERMS][AC_TERMS]; /* lower triangle */
    ac_directions layers[AC_LAYERS];
    float usual_norm, usual_pull;
    ac_parameters at;
    ac_code_lengths lengths;
    const ac_context *contexts;
    const uint32_t *order;      /* of groups of sixteen contexts, a random one */
    size_t learned, held_back;  /* groups; the latter behind the former */
    size_t next, width_next;
    float best_displaced[AC_MAX_AREAS][AC_RESIDUES];
    int areas, period_bits;
    ac_pulls pulls[AC_MAX_AREAS];
    int displaced; /* samples are coded with boundaries of codes as `lengths` has them */
    int taken;     /* steps */
} ac_learner;

/* What is compiled once for each kind of vectors. */
typedef struct {
    /* So many steps of `groups` of sixteen contexts each, at rates that change evenly. */
    void (*descend)(ac_learner *w, int steps, int groups, float from, float to);
    double (*held_back_bits)(ac_learner *w, const float *p); /* that one of the contexts held back takes on average */
    void (*cells)(ac_learner *w, size_t first, size_t groups, ac_coded_sample *out); /* of groups in their order, or as they lie where that is NULL */
} ac_descent;

extern const ac_descent ac_descent_portable;
#if defined(__x86_64__)
extern const ac_descent ac_descent_avx2, ac_descent_avx512;
#endif
/* Bits of samples, by log2 of 0 ... AC_TOTAL; where `out` is given, its slopes and curvatures by area are added to. d: displacements in codes. */
double ac_width_bits(const float *log2_of, const ac_coded_sample *samples, size_t count, float (*d)[AC_RESIDUES], int period_bits, ac_pulls *out);

/* Whether all contexts belong to one of so many tables, and such tables may be. */
int ac_can_have_widths(const ac_context *contexts, size_t count, int areas, int period_bits);
void ac_widths_follow(ac_learner *w, const ac_descent *by);
/* Directions of steps, from how contexts vary. */
void ac_whiten_linear(ac_learner *w, size_t count);
void ac_turn_layers(ac_learner *w, size_t count);

const ac_descent *ac_best_descent(int simd);
ac_parameters ac_parameters_from(const ac_model *model, float *p);

#endif
