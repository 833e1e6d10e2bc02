/* How the elements of a tensor are spread. */
#include "graph/weight_signal.h"

#include <math.h>
#include <string.h>

#define LARGEST 1e6

/* The means of the upper eight sixteenths of the normal distribution, over their RMS: samples of
 * mean 0 and variance 1. */
static const double normal_samples[EP__SAMPLES / 2] = {0.0794, 0.2401, 0.4073, 0.5865,
                                                       0.7867, 1.0243, 1.3409, 1.9900};

static double bounded(double value)
{
    if (isnan(value)) return 0;
    return fmin(fmax(value, -LARGEST), LARGEST);
}

ep__signal ep__signal_constant(double value)
{
    ep__signal s = {.origin = 0};
    for (int i = 0; i < EP__SAMPLES; i++) s.at[i] = bounded(value);
    return s;
}

ep__signal ep__signal_normal(uint32_t *origins, double mean, double variance)
{
    ep__signal s = {.origin = ++*origins};
    const double deviation = sqrt(fmax(variance, 0));
    for (int i = 0; i < EP__SAMPLES / 2; i++) {
        s.at[2 * i] = bounded(mean + deviation * normal_samples[i]);
        s.at[2 * i + 1] = bounded(mean - deviation * normal_samples[i]);
    }
    return s;
}

void ep__signal_moments(const ep__signal *s, double *mean, double *square)
{
    *mean = *square = 0;
    for (int i = 0; i < EP__SAMPLES; i++) {
        *mean += s->at[i] / EP__SAMPLES;
        *square += s->at[i] * s->at[i] / EP__SAMPLES;
    }
}

ep__signal ep__signal_averaged(uint32_t *origins, const ep__signal *s, double fewer)
{
    double mean, square;
    if (!s->origin) return *s;
    ep__signal_moments(s, &mean, &square);
    return ep__signal_normal(origins, mean, (square - mean * mean) / fewer);
}

/* Of 4, 9, 25 independent numbers the maximum is 1.03, 1.49, 1.97 deviations above the mean on
 * average and varies by 0.49, 0.36, 0.26 of the variance; neighbours are not independent. */
ep__signal ep__signal_maximum(uint32_t *origins, const ep__signal *s, double window)
{
    double mean, square;
    if (!s->origin || !(window > 1)) return *s;
    ep__signal_moments(s, &mean, &square);
    const double variance = fmax(square - mean * mean, 0);
    const double above = 0.55 + 0.33 * log(window);
    return ep__signal_normal(origins, mean + above * sqrt(variance), 0.4 * variance);
}

/* ---- element-wise operators ---------------------------------------------------------------- */

/* Parameters are those that networks usually have. */
static double relu(double x)
{
    return fmax(x, 0);
}
static double leaky_relu(double x)
{
    return x > 0 ? x : x / 10;
}
static double elu(double x)
{
    return x > 0 ? x : expm1(x);
}
static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}
static double hard_sigmoid(double x)
{
    return fmin(fmax(x / 6 + 0.5, 0), 1);
}
static double hard_swish(double x)
{
    return x * hard_sigmoid(x);
}
static double swish(double x)
{
    return x * sigmoid(x);
}
static double gelu(double x)
{
    return x * (1 + erf(x * 0.70710678118654752)) / 2;
}
static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}
static double root(double x)
{
    return sqrt(fabs(x));
}
static double negative(double x)
{
    return -x;
}
static double reciprocal(double x)
{
    return 1 / x;
}

bool ep__signal_unary(const char *op, const ep__signal *in, ep__signal *out)
{
    static const struct {
        const char *op;
        double (*function)(double x);
    } operators[] = {
        {"Abs", fabs},
        {"Celu", elu},
        {"Cos", cos},
        {"Elu", elu},
        {"Erf", erf},
        {"Exp", exp},
        {"Gelu", gelu},
        {"HardSigmoid", hard_sigmoid},
        {"HardSwish", hard_swish},
        {"LeakyRelu", leaky_relu},
        {"Log", log},
        {"Mish", swish},
        {"Neg", negative},
        {"PRelu", leaky_relu},
        {"Reciprocal", reciprocal},
        {"Relu", relu},
        {"Selu", elu},
        {"Sigmoid", sigmoid},
        {"Sin", sin},
        {"Softplus", softplus},
        {"Sqrt", root},
        {"Swish", swish},
        {"Tanh", tanh},
    };
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(op, operators[i].op) != 0) continue;
        out->origin = in->origin;
        for (int k = 0; k < EP__SAMPLES; k++)
            out->at[k] = bounded(operators[i].function(in->at[k]));
        return true;
    }
    return false;
}

static double add(double a, double b)
{
    return a + b;
}
static double sub(double a, double b)
{
    return a - b;
}
static double mul(double a, double b)
{
    return a * b;
}
static double quotient(double a, double b)
{
    return a / b;
}

typedef double (*binary_function)(double a, double b);

static ep__signal combine(uint32_t *origins, binary_function function, const ep__signal *a,
                          const ep__signal *b)
{
    const bool related = a->origin == b->origin || !a->origin || !b->origin;
    if (!related && (function == add || function == sub || function == mul)) {
        double mean_a, mean_b, square_a, square_b;
        ep__signal_moments(a, &mean_a, &square_a);
        ep__signal_moments(b, &mean_b, &square_b);
        const double mean = function(mean_a, mean_b);
        const double variance = function == mul
                                    ? square_a * square_b - mean * mean
                                    : square_a - mean_a * mean_a + square_b - mean_b * mean_b;
        return ep__signal_normal(origins, mean, variance);
    }
    ep__signal out = {.origin = a->origin ? a->origin : b->origin};
    for (int i = 0; i < EP__SAMPLES; i++) out.at[i] = bounded(function(a->at[i], b->at[i]));
    return out;
}

bool ep__signal_binary(uint32_t *origins, const char *op, const ep__signal *a, const ep__signal *b,
                       ep__signal *out)
{
    static const struct {
        const char *op;
        binary_function function;
    } operators[] = {
        {"Add", add}, {"Div", quotient}, {"Max", fmax}, {"Min", fmin},
        {"Mul", mul}, {"Pow", pow},      {"Sub", sub},
    };
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(op, operators[i].op) != 0) continue;
        *out = combine(origins, operators[i].function, a, b);
        return true;
    }
    return false;
}
