/* The MAC array of a pipe multiplies atomic_c channels of one pixel with the weights of atomic_k
 * kernels, one tap a cycle (NVDLA unit description: atomic operation). A convolution is so many
 * blocks of channels, each block as many cycles as there are taps and output pixels. */
#include <math.h>

#include "sim/dla_parts.h"

static double blocks(double channels, int64_t atomic)
{
    return ceil(channels / (double)atomic);
}

static void set_window(const ep_layer *layer, ep_dla_conv *conv)
{
    const ep_window *w = &layer->window;
    conv->taps_h = w->kernel[0];
    conv->taps_w = w->rank > 1 ? w->kernel[1] : 1;
    conv->stride = w->stride[0];
    conv->dilation = w->dilation[0];
    conv->pad = w->pad_begin[0];
}

static bool is_image(const ep_plan *plan, const ep_layer *layer, int64_t channels)
{
    const bool input = plan->layers->producer[plan->layers->root[layer->inputs[0]]] == EP_NO_INDEX;
    return input && layer->type == EP_LAYER_CONVOLUTION && layer->groups == 1 &&
           channels <= EP__IMAGE_CHANNELS;
}

bool ep__dla_conv_of(const ep_plan *plan, const ep_layer *layer, ep_precision precision,
                     ep_dla_conv *conv, double *images)
{
    const ep_tensor *tensors = plan->layers->network->tensors;
    int64_t in[4], out[4];
    *conv = (ep_dla_conv){.taps_h = 1,
                          .taps_w = 1,
                          .stride = 1,
                          .dilation = 1,
                          .groups = layer->groups,
                          .element_bytes = (int64_t)ep_precision_bytes(precision)};
    if (layer->type == EP_LAYER_FULLY_CONNECTED) {
        conv->c = (int64_t)layer->gemm.k;
        conv->k = (int64_t)layer->gemm.n;
        conv->h = conv->w = conv->out_h = conv->out_w = 1;
        *images = (double)layer->gemm.batch * (double)layer->gemm.m;
        return true;
    }
    if (layer->type != EP_LAYER_CONVOLUTION && layer->type != EP_LAYER_DECONVOLUTION) return false;
    if (!ep_nchw(&tensors[layer->inputs[0]].shape, in)) return false;
    if (!ep_nchw(&tensors[layer->outputs[0]].shape, out)) return false;
    set_window(layer, conv);
    conv->c = in[1], conv->h = in[2], conv->w = in[3];
    conv->k = out[1], conv->out_h = out[2], conv->out_w = out[3];
    if (layer->type == EP_LAYER_DECONVOLUTION) {
        conv->out_h = in[2], conv->out_w = in[3];
        conv->stride = 1;
    }
    conv->is_image = is_image(plan, layer, conv->c);
    *images = (double)out[0];
    return true;
}

ep__dla_rounds ep__dla_rounds_of(const ep_dla_conv *conv, int64_t atomic_c, int64_t atomic_k)
{
    const double groups = (double)conv->groups;
    const double c = (double)conv->c / groups, k = (double)conv->k / groups;
    const double fit = floor(fmin((double)atomic_c / c, (double)atomic_k / k));
    const double shared = fmax(1, fmin(groups, fit));
    return (ep__dla_rounds){.n = ceil(groups / shared), .c = c * shared, .k = k * shared};
}

int64_t ep__dla_conv_pipes(const ep_dla *dla, const ep_dla_conv *conv)
{
    return conv->out_h * conv->out_w > 1 ? dla->pipes : 1;
}

/* The pixels of a row are taken in stripes, which hide that the next block of weights is loaded: a
 * shorter one takes as long (NVDLA: at least 16 atomic operations). */
static double in_stripes(const ep_dla *dla, double width)
{
    const double stripe = fmax(1, (double)dla->stripe_pixels);
    return ceil(width / stripe) * stripe;
}

double ep__dla_conv_cycles(const ep_dla *dla, const ep_dla_conv *conv)
{
    const bool int8 = conv->element_bytes == 1;
    const int64_t atomic_c = int8 ? dla->atomic_c : dla->fp16_atomic_c;
    const int64_t atomic_k = int8 ? dla->atomic_k : dla->fp16_atomic_k;
    const ep__dla_rounds rounds = ep__dla_rounds_of(conv, atomic_c, atomic_k);
    const double taps = (double)conv->taps_h * (double)conv->taps_w;
    const double pixels = (double)conv->out_h * in_stripes(dla, (double)conv->out_w);
    const double pipes = (double)ep__dla_conv_pipes(dla, conv);
    if (conv->is_image) {
        /* Pixels of four channels lie side by side: a block takes channels and taps alike (NVDLA:
         * channel post-extension). */
        const double c = conv->c == 1 ? 1 : EP__IMAGE_CHANNELS;
        return blocks(c * taps, atomic_c) * blocks((double)conv->k, atomic_k) * pixels / pipes;
    }
    return rounds.n * blocks(rounds.c, atomic_c) * blocks(rounds.k, atomic_k) * taps * pixels /
           pipes;
}
