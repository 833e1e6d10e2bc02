/* Private to the DLA's half of sim/: one file a mechanism.
 *
 *   dla_conv.c      cycles and weights of a convolution, in blocks of the MAC array
 *   dla_split.c     how a convolution is cut to fit the convolution buffer, and what that reads
 * again dla_rubik.c     FP16 convolution on Rubik dla_memory.c    which tensors stay in SRAM, which
 * concatenations need no copy, bytes of tensors dla_reformat.c  tensors that cross between GPU and
 * DLA dla_time.c      counts at an operating point dla.c           a kernel, put together from
 * these
 *
 * Facts about NVDLA are from its documentation (unit description, programming guide) and its
 * compiler (ConvCoreNode), whose numbers TensorRT's check of the convolution buffer shares.
 */
#ifndef EP_DLA_PARTS_H
#define EP_DLA_PARTS_H

#include "sim/sim_internal.h"

enum {
    EP__ATOM_BYTES = 32,    /* smallest piece of a feature map: channels of one pixel */
    EP__ENTRY_BYTES = 128,  /* of the convolution buffer: four atoms */
    EP__IMAGE_CHANNELS = 4, /* kDLA_HWC4 */
    EP__ROW_BYTES = 64,     /* rows of kDLA_HWC4 and kDLA_LINEAR start at multiples (NvInfer.h) */
};

/* ---- dla_conv.c ---------------------------------------------------------------------------- */

/* The layer as a convolution of one image; `images` of them in a batch. A fully connected layer is
 * one of 1 x 1 taps on one pixel, a deconvolution the stride-1 convolutions over its input that
 * NVDLA makes of it. False: no such layer. */
bool ep__dla_conv_of(const ep_plan *plan, const ep_layer *layer, ep_precision precision,
                     ep_dla_conv *conv, double *images);

/* How the groups of a convolution share blocks of the MAC array: groups too small for a block stand
 * side by side on its diagonal. */
typedef struct ep__dla_rounds {
    double n;    /* times that the array is filled anew, groups in turn */
    double c, k; /* channels in and out of one round; its weights are stored with the zeros beside
                    the diagonal */
} ep__dla_rounds;

ep__dla_rounds ep__dla_rounds_of(const ep_dla_conv *conv, int64_t atomic_c, int64_t atomic_k);

/* Pipes that work on it. A single pixel is not shared out: one-layer engines read their weights at
 * the pace of one pipe (fully connected layers of orin-dla-layer). */
int64_t ep__dla_conv_pipes(const ep_dla *dla, const ep_dla_conv *conv);

/* Cycles of one image on the pipes. */
double ep__dla_conv_cycles(const ep_dla *dla, const ep_dla_conv *conv);

/* ---- dla_rubik.c --------------------------------------------------------------------------- */

bool ep__dla_on_rubik(const ep_dla *dla, ep_precision precision);

typedef struct ep__dla_rubik {
    double cycles, weight_bytes; /* one image */
} ep__dla_rubik;

ep__dla_rubik ep__dla_rubik_conv(const ep_dla *dla, const ep_dla_conv *conv);

/* ---- dla_memory.c -------------------------------------------------------------------------- */

/* Bytes of tensor `t` as the DLA holds it: feature maps in atoms, a network input of up to four
 * channels as an image or as planes. */
double ep__dla_tensor_bytes(const ep_plan *plan, uint32_t t, ep_precision precision);

/* Calls `take` for what tensor `t` lies in: the tensor, or the parts of a placed concatenation.
 * `places`: of the plan, NULL: none. */
typedef void (*ep__dla_take)(void *context, uint32_t t);
void ep__dla_parts_of(const ep_layers *layers, const ep_dla_place *places, uint32_t t,
                      ep__dla_take take, void *context);

/* ---- dla_reformat.c ------------------------------------------------------------------------ */

void ep__dla_reformat(const ep_machine *machine, const ep_plan *plan, const ep_kernel *kernel,
                      ep_cost *cost);

/* ---- dla_time.c ---------------------------------------------------------------------------- */

ep__breakdown ep__dla_evaluate(const ep_phases *phases, const ep_point *point);
ep__breakdown ep__dla_evaluate_reformat(const ep_phases *phases, const ep_point *point);
void ep__dla_add_parts(const ep_phases *p, const ep_point *point, ep_parts *parts);
void ep__dla_add_reformat_parts(const ep_phases *p, const ep_point *point, ep_parts *parts);

#endif
