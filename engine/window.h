/* Private to engine: windows that slide over images, for convolutions and poolings. */
#ifndef EP_ENGINE_WINDOW_H
#define EP_ENGINE_WINDOW_H

#include "engine/kernels.h"

/* A window over three spatial dimensions; those that a node lacks come first and have one element.
 * It slides over images of `image` elements and stops at `stops` positions. (A deconvolution's
 * image is its output.) */
typedef struct ep__window {
    int64_t image[3], stops[3];
    int64_t kernel[3], stride[3], dilation[3];
    int64_t pad[3];                              /* before the image */
    int64_t image_size, stops_size, kernel_size; /* products of the three */
} ep__window;

/* The window of a Conv, ConvTranspose or *Pool node whose image has the spatial dimensions of
 * `image`, its stops those of `stops`, its kernel those of `weights` (NULL: the attribute's).
 * EP_BAD_SHAPE when they are not what the node says. */
ep_status ep__window_of(const ep__call *call, const ep_array *image, const ep_array *stops,
                        const ep_array *weights, ep__window *window, ep_error *err);

/* Sets the products from the dimensions; EP_BAD_SHAPE when one passes 2^62, or the kernel has more
 * than 2^31 - 1 elements. */
ep_status ep__window_sizes(ep__window *window, ep_error *err);

/* Where element `k` of the kernel, on dimension `i`, lies within the image: at stops
 * *first .. *last - 1 (empty: *first == *last). At stop s it is image element
 * s * stride + *offset. */
void ep__window_reach(const ep__window *window, int i, int64_t k, int64_t *first, int64_t *last,
                      int64_t *offset);

/* The matrix of what the window shows: a row for each channel and kernel element, a column for each
 * stop. */
typedef struct ep__columns {
    const ep__window *window;
    size_t size;          /* of an element: 4 or 8 */
    int64_t first, count; /* of the stops, which the matrix has */
} ep__columns;

/* Writes rows `begin` .. `end` - 1 of the matrix, dense, from the channels at `image`; what lies
 * beside the image is 0. */
void ep__columns_fill(const ep__columns *columns, const void *image, int64_t begin, int64_t end,
                      void *out);

/* The reverse, of FLOAT or DOUBLE: adds one channel's rows, `ld` elements apart, to the channel at
 * `image`. */
void ep__columns_add(const ep__columns *columns, const void *rows, int64_t ld, void *image);

#endif
