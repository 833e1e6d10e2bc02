/* This file is private to graph/: how the elements of a tensor are spread.
 *
 * A signal is EP__SAMPLES numbers of equal probability. An element-wise operator maps each; two
 * operands that are functions of the same tensor (x and Sigmoid(x)) are combined sample by sample,
 * independent ones by their means and variances. This is an estimate, and good enough to scale
 * weights by: what it is wrong by stays a factor near one for each layer.
 */
#ifndef EP_WEIGHT_SIGNAL_H
#define EP_WEIGHT_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

enum { EP__SAMPLES = 16 };

typedef struct ep__signal {
    double at[EP__SAMPLES];
    uint32_t origin; /* the tensor that this is a function of; 0: none, a constant */
} ep__signal;

/* What all samples are, NaN and large numbers made harmless. */
ep__signal ep__signal_constant(double value);

/* The normal distribution; a new origin, counted by `*origins`. */
ep__signal ep__signal_normal(uint32_t *origins, double mean, double variance);

/* Means of the samples and of their squares. */
void ep__signal_moments(const ep__signal *signal, double *mean, double *square);

/* Less spread by the factor `fewer`, as means over many elements have it. */
ep__signal ep__signal_averaged(uint32_t *origins, const ep__signal *signal, double fewer);

/* Maxima of `window` neighbours, which are somewhat alike. */
ep__signal ep__signal_maximum(uint32_t *origins, const ep__signal *signal, double window);

/* The element-wise operator `op` of ONNX; false when it is none that we know. */
bool ep__signal_unary(const char *op, const ep__signal *in, ep__signal *out);
bool ep__signal_binary(uint32_t *origins, const char *op, const ep__signal *a, const ep__signal *b,
                       ep__signal *out);

#endif
