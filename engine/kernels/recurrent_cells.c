/* The cells of RNN, GRU and LSTM, and their activations. */
#include "engine/kernels/recurrent.h"

#include <cblas.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "engine/functions.h"

/* ---- activations --------------------------------------------------------------------------- */

/* name, parameters it takes, their defaults, f(x, alpha, beta) */
#define ACTIVATIONS(X)                                                                             \
    X(Affine, 2, 1, 0, a *x + b)                                                                   \
    X(Elu, 1, 1, 0, x >= 0 ? x : a * expm1f(x))                                                    \
    X(HardSigmoid, 2, 0.2F, 0.5F, fminf(fmaxf(a *x + b, 0), 1))                                    \
    X(LeakyRelu, 1, 0.01F, 0, x >= 0 ? x : a * x)                                                  \
    X(Relu, 0, 0, 0, x > 0 ? x : 0)                                                                \
    X(ScaledTanh, 2, 1, 1, a *ep__tanh(b *x))                                                      \
    X(Sigmoid, 0, 0, 0, ep__sigmoid(x))                                                            \
    X(Softplus, 0, 0, 0, fmaxf(x, 0) + log1pf(expf(-fabsf(x))))                                    \
    X(Softsign, 0, 0, 0, x / (1 + fabsf(x)))                                                       \
    X(Tanh, 0, 0, 0, ep__tanh(x))                                                                  \
    X(ThresholdedRelu, 1, 1, 0, x > a ? x : 0)

#define DEFINE(name, parameters, alpha, beta, expression)                                          \
    static void name(int64_t n, float *values, float a, float b)                                   \
    {                                                                                              \
        (void)a, (void)b;                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const float x = values[i];                                                             \
            values[i] = (expression);                                                              \
        }                                                                                          \
    }
ACTIVATIONS(DEFINE)

static const struct {
    const char *name;
    int parameters;
    ep__activation usual;
} activations[] = {
#define ROW(name, parameters, alpha, beta, expression) {#name, parameters, {name, alpha, beta}},
    ACTIVATIONS(ROW)};

/* A list of alphas or betas is used up in the order of the activations that take one. */
static float next_parameter(const ep_attr *list, uint32_t *used, float otherwise)
{
    if (!list || list->type != EP_ATTR_FLOATS || *used >= list->count) return otherwise;
    return list->floats[(*used)++];
}

ep_status ep__read_activations(const ep_node *node, const ep__cell *cell, uint32_t count,
                               ep__activation *out, ep_error *err)
{
    const ep_attr *given = ep_attr_find(node, "activations");
    const ep_attr *alphas = ep_attr_find(node, "activation_alpha");
    const ep_attr *betas = ep_attr_find(node, "activation_beta");
    const size_t known = sizeof activations / sizeof *activations;
    uint32_t used_alphas = 0, used_betas = 0;
    if (given && (given->type != EP_ATTR_STRINGS || given->count == 0)) given = NULL;
    EP_FAIL_IF(given && given->count != count, err, EP_BAD_MODEL,
               "'activations' has %u names, must have %u", given->count, count);
    for (uint32_t i = 0; i < count; i++) {
        const char *name = given ? given->strings[i] : cell->names[i % cell->functions];
        size_t k = 0;
        while (k < known && strcasecmp(name, activations[k].name) != 0) k++;
        EP_FAIL_IF(k == known, err, EP_BAD_MODEL, "'%s' is no activation", name);
        out[i] = activations[k].usual;
        if (activations[k].parameters > 0) {
            out[i].alpha = next_parameter(alphas, &used_alphas, out[i].alpha);
        }
        if (activations[k].parameters > 1) {
            out[i].beta = next_parameter(betas, &used_betas, out[i].beta);
        }
    }
    return EP_OK;
}

/* ---- cells --------------------------------------------------------------------------------- */

static void clip(const ep__direction *d, int64_t n, float *values)
{
    for (int64_t i = 0; isfinite(d->clip) && i < n; i++) {
        values[i] = fminf(fmaxf(values[i], -d->clip), d->clip);
    }
}

/* clip and activation `k`, in place */
static void activate(const ep__direction *d, int k, int64_t n, float *values)
{
    clip(d, n, values);
    d->f[k].run(n, values, d->f[k].alpha, d->f[k].beta);
}

void ep__add_product(int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *c,
                     int64_t c_pitch)
{
    if (m == 0 || n == 0 || k == 0) return;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)m, (blasint)n, (blasint)k, 1, a,
                (blasint)k, b, (blasint)k, 1, c, (blasint)c_pitch);
}

static void rnn_step(const ep__direction *d)
{
    const int64_t n = d->batch * d->hidden;
    ep__add_product(d->batch, d->hidden, d->hidden, d->h, d->r, d->gates, d->hidden);
    activate(d, 0, n, d->gates);
    memcpy(d->h, d->gates, (size_t)n * sizeof(float));
}

/* gates: update, reset, hidden */
static void gru_step(const ep__direction *d)
{
    const int64_t hidden = d->hidden, pitch = 3 * hidden;
    const float *hidden_bias = d->bias ? d->bias + 2 * hidden : NULL;
    /* work: what the reset gate acts on, and R's product with it */
    float *work = d->work, *product = d->work + d->batch * hidden;
    memset(product, 0, (size_t)(d->batch * hidden) * sizeof(float));
    ep__add_product(d->batch, 2 * hidden, hidden, d->h, d->r, d->gates, pitch);
    for (int64_t b = 0; b < d->batch; b++) {
        float *gates = d->gates + b * pitch;
        activate(d, 0, 2 * hidden, gates);
        for (int64_t i = 0; i < hidden; i++) {
            const float reset = d->option ? 1 : gates[hidden + i];
            work[b * hidden + i] = reset * d->h[b * hidden + i];
        }
    }
    ep__add_product(d->batch, hidden, hidden, work, d->r + 2 * hidden * hidden, product, hidden);
    for (int64_t b = 0; b < d->batch; b++) {
        float *gates = d->gates + b * pitch, *next = gates + 2 * hidden, *h = d->h + b * hidden;
        for (int64_t i = 0; i < hidden; i++) {
            const float sum = product[b * hidden + i] + (hidden_bias ? hidden_bias[i] : 0);
            next[i] += d->option ? gates[hidden + i] * sum : sum;
        }
        activate(d, 1, hidden, next);
        for (int64_t i = 0; i < hidden; i++) h[i] = (1 - gates[i]) * next[i] + gates[i] * h[i];
    }
}

/* a[i] += p[i] c[i] */
static void add_peephole(const ep__direction *d, int gate, float *a, const float *c)
{
    const float *p = d->peepholes ? d->peepholes + gate * d->hidden : NULL;
    for (int64_t i = 0; p && i < d->hidden; i++) a[i] += p[i] * c[i];
}

/* gates: input, output, forget, cell; peepholes: input, output, forget */
static void lstm_step(const ep__direction *d)
{
    const int64_t hidden = d->hidden, pitch = 4 * hidden;
    ep__add_product(d->batch, pitch, hidden, d->h, d->r, d->gates, pitch);
    for (int64_t b = 0; b < d->batch; b++) {
        float *input = d->gates + b * pitch, *output = input + hidden, *forget = output + hidden;
        float *candidate = forget + hidden, *c = d->c + b * hidden, *h = d->h + b * hidden;
        add_peephole(d, 0, input, c);
        add_peephole(d, 2, forget, c);
        activate(d, 0, hidden, input);
        if (!d->option) activate(d, 0, hidden, forget);
        activate(d, 1, hidden, candidate);
        for (int64_t i = 0; i < hidden; i++) {
            const float kept = d->option ? 1 - input[i] : forget[i];
            c[i] = kept * c[i] + input[i] * candidate[i];
            h[i] = c[i];
        }
        add_peephole(d, 1, output, c);
        activate(d, 0, hidden, output);
        d->f[2].run(hidden, h, d->f[2].alpha, d->f[2].beta); /* not clipped, as in ONNX Runtime */
        for (int64_t i = 0; i < hidden; i++) h[i] *= output[i];
    }
}

/* ---- the operators ------------------------------------------------------------------------- */

static const char *const usual[] = {"Sigmoid", "Tanh", "Tanh"};

const ep__cell ep__rnn = {1, 1, usual + 1, "", rnn_step};
const ep__cell ep__gru = {3, 2, usual, "linear_before_reset", gru_step};
const ep__cell ep__lstm = {4, 3, usual, "input_forget", lstm_step};
