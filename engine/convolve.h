/* Private to engine: the convolution that Conv and its relatives share. */
#ifndef EP_ENGINE_CONVOLVE_H
#define EP_ENGINE_CONVOLVE_H

#include "engine/window.h"

typedef struct ep__convolution ep__convolution;

/* Writes rows `begin` .. `end` - 1 of the matrix that the filters are multiplied by, for item
 * `item` of the batch; called from several threads. */
typedef void (*ep__columns_writer)(const ep__convolution *c, int64_t item,
                                   const ep__columns *columns, int64_t begin, int64_t end,
                                   void *out);

struct ep__convolution {
    ep__window window;
    int64_t batch, groups;
    int64_t channels, filters; /* of all groups */
    ep_dtype dtype;            /* FLOAT or DOUBLE, of all arrays */
    const void *x, *weights;
    const void *bias; /* NULL, or one a filter */
    void *out;
    ep__columns_writer writer;       /* NULL: what the window shows of x */
    const void *context;             /* of the writer */
    struct ep__half_sums *half_sums; /* as ep__call has it */
};

/* Batch, groups, channels, filters and window of the node, after checking that the arrays have
 * them. `transposed`: weights are channels x filters / groups x kernel. */
ep_status ep__convolution_of(const ep__call *call, const ep_array *x, const ep_array *weights,
                             bool transposed, ep__convolution *out, ep_error *err);

/* The whole of a Conv or ConvTranspose: input, weights and bias of one float type, and output. */
ep_status ep__float_convolution_of(ep__call *call, bool transposed, ep__convolution *out,
                                   ep_error *err);

ep_status ep__convolve(ep__call *call, const ep__convolution *convolution, ep_error *err);

/* Stops that a matrix of `rows` rows has at a time: it stays within a cache. */
int64_t ep__columns_at_once(int64_t rows, int64_t stops);

#endif
