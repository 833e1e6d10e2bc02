/* Private to the kernels: one direction of an RNN, GRU or LSTM, and its cells. */
#ifndef EP_ENGINE_KERNELS_RECURRENT_H
#define EP_ENGINE_KERNELS_RECURRENT_H

#include "engine/kernels.h"

typedef struct ep__activation {
    void (*run)(int64_t n, float *values, float a, float b);
    float alpha, beta;
} ep__activation;

typedef struct ep__direction ep__direction;

/* What sets the three operators apart. */
typedef struct ep__cell {
    int64_t gates;
    uint32_t functions;       /* activations of a direction */
    const char *const *names; /* their defaults */
    const char *option;       /* attribute */
    /* Finds W's products and all that may be added to them in `gates`, and replaces the state in
     * `h`, and `c`, by the next. */
    void (*step)(const ep__direction *d);
} ep__cell;

extern const ep__cell ep__rnn, ep__gru, ep__lstm;

struct ep__direction {
    const ep__cell *cell;
    int64_t steps, batch, features, hidden;
    bool reverse;
    const float *w, *r;             /* gates * hidden rows */
    const float *input_bias, *bias; /* W's and R's part, gates * hidden each, or NULL */
    const float *peepholes;         /* 3 x hidden, or NULL */
    const int64_t *lengths;         /* a sequence, or NULL */
    const ep__activation *f;
    float clip;          /* infinity: none */
    bool option;         /* linear_before_reset, input_forget */
    float *h, *c;        /* the state: batch x hidden */
    float *projected;    /* W's products: steps x batch x (gates * hidden) */
    float *gates, *work; /* batch x (gates * hidden) */
};

/* The activations of `count / cell->functions` directions. */
ep_status ep__read_activations(const ep_node *node, const ep__cell *cell, uint32_t count,
                               ep__activation *out, ep_error *err);

/* c[m][n] += a[m][k] b[n][k]; rows of c are `c_pitch` apart, all others dense. */
void ep__add_product(int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *c,
                     int64_t c_pitch);

#endif
