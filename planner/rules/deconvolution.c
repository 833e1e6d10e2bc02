#include <inttypes.h>

#include "planner/rules/rules.h"

/* Beside its range, a kernel or a stride may be a line of one of these lengths (all versions). */
static const int64_t line_lengths[] = {64, 96, 128};

static bool is_line(const int64_t values[2])
{
    for (size_t i = 0; i < sizeof line_lengths / sizeof line_lengths[0]; i++) {
        if (values[0] == 1 && values[1] == line_lengths[i]) return true;
        if (values[1] == 1 && values[0] == line_lengths[i]) return true;
    }
    return false;
}

static bool dims(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__window_is_2d(c, refusal);
}

static bool weights(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__operands_constant(c, "weights", refusal);
}

static bool within_or_line(const ep_window *window, const char *what, const int64_t *values,
                           ep_range range, ep_refusal *refusal)
{
    if (window->rank == 2 && is_line(values)) return true;
    if (ep__window_within(window, what, values, range, refusal)) return true;
    ep__bound(refusal, "%" PRId64 "..%" PRId64 ", or 1 by 64, 96, 128", range.min, range.max);
    return false;
}

static bool kernel(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    return within_or_line(w, "kernel", w->kernel, c->limits->deconv_kernel, refusal);
}

static bool stride(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    return within_or_line(w, "stride", w->stride, c->limits->deconv_stride, refusal);
}

static bool stride_kernel(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    if (!c->limits->deconv_stride_is_kernel || w->rank != 2) return true;
    if (w->stride[0] == w->kernel[0] && w->stride[1] == w->kernel[1]) return true;
    ep__value(refusal, "stride %" PRId64 "x%" PRId64 ", kernel %" PRId64 "x%" PRId64, w->stride[0],
              w->stride[1], w->kernel[0], w->kernel[1]);
    ep__bound(refusal, "the same");
    return false;
}

static bool square(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    const ep_range refused = c->limits->deconv_square_refused;
    if (w->rank != 2) return true;
    const bool large_kernel = w->kernel[0] == w->kernel[1] && ep__within(refused, w->kernel[0]);
    const bool large_stride = w->stride[0] == w->stride[1] && ep__within(refused, w->stride[0]);
    if (!large_kernel && !large_stride) return true;
    const int64_t side = large_kernel ? w->kernel[0] : w->stride[0];
    ep__value(refusal, "%s %" PRId64 "x%" PRId64, large_kernel ? "kernel" : "stride", side, side);
    ep__bound(refusal, "not square in %" PRId64 "..%" PRId64, refused.min, refused.max);
    return false;
}

/* Without padding the output is larger, and the padded one lies in it if output padding does not
 * reach beyond. */
static void padding_hint(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    if (!c->has_nchw || w->rank != 2) return;
    for (int i = 0; i < 2; i++) {
        if (w->pad_begin[i] >= 0 && w->pad_end[i] >= w->output_pad[i]) continue;
        ep__hint(
            c, refusal, EP_CHANGE_EXACT,
            "Use padding 0 and a kernel that is larger by zeros, and cut the border off with a "
            "Slice.");
        return;
    }
    ep__hint(c, refusal, EP_CHANGE_EXACT,
             "Use padding 0 and a Slice behind it: rows %" PRId64 " to %" PRId64
             ", columns %" PRId64 " to %" PRId64 ".",
             w->pad_begin[0], w->pad_begin[0] + c->out[2] - 1, w->pad_begin[1],
             w->pad_begin[1] + c->out[3] - 1);
}

static bool padding(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    const ep_range range = {0, c->limits->deconv_padding_max};
    if (ep__padding_within(w, range, refusal) &&
        ep__window_within(w, "output padding", w->output_pad, range, refusal))
        return true;
    padding_hint(c, refusal);
    return false;
}

static bool groups(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_range range = {1, c->limits->deconv_groups_max};
    if (ep__within(range, c->layer->groups)) return true;
    ep__value(refusal, "%" PRId64 " groups", c->layer->groups);
    ep__bound_range(refusal, range);
    ep__hint(c, refusal, EP_CHANGE_EXACT,
             "Use %" PRId64
             " deconvolutions of one group between a Split and a Concat, or one whose "
             "weights between groups are 0.",
             c->layer->groups);
    return false;
}

static bool dilation(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    const ep_range range = {1, c->limits->deconv_dilation_max};
    if (ep__window_within(w, "dilation", w->dilation, range, refusal)) return true;
    for (int i = 0; i < w->rank; i++) {
        const ep_range kernel = c->limits->deconv_kernel;
        if (w->kernel[i] == 1 || (kernel.max - 1) / (w->kernel[i] - 1) >= w->dilation[i]) continue;
        ep__hint(c, refusal, EP_CHANGE_RETRAIN, "Use a smaller dilation, and retrain.");
    }
    return false;
}

static bool channels(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__channels_within(c, c->limits->deconv_channels, refusal);
}

static const ep__rule rows[] = {
    {{"deconv.dims", "A deconvolution is two-dimensional.",
      "Write a 1-D deconvolution as 2-D with height 1.", EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     dims},
    {{"deconv.weights", "Weights and bias of a deconvolution are constants.",
      "Store weights and bias in the model.", EP_CHANGE_EXACT, EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     weights},
    {{"deconv.kernel",
      "Kernel height and width lie in {deconv_kernel}, or one is 1 and the other 64, 96 or 128.",
      "Replace it by a Resize and a convolution.", EP_CHANGE_RETRAIN, EP__HEADER, EP_HEADER},
     EP__TYPE(DECONVOLUTION),
     kernel},
    {{"deconv.stride", "Strides lie in {deconv_stride}, or one is 1 and the other 64, 96 or 128.",
      "Upsample in two steps.", EP_CHANGE_RETRAIN, EP__HEADER, EP_HEADER},
     EP__TYPE(DECONVOLUTION),
     stride},
    {{"deconv.stride-kernel",
      "The stride {deconv_stride_is_kernel?is the kernel}{deconv_stride_is_kernel!need not be the "
      "kernel}.",
      "Use a kernel as large as the stride, or TensorRT 8.4 or later.", EP_CHANGE_RETRAIN,
      "TensorRT 8.2, NvInfer.h", EP_HEADER},
     EP__TYPE(DECONVOLUTION),
     stride_kernel},
    {{"deconv.square",
      "TensorRT has turned square kernels and strides in {deconv_square_refused} off: they take "
      "too long to compile.",
      "Upsample in two steps.", EP_CHANGE_RETRAIN, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     square},
    {{"deconv.padding", "Padding and output padding are at most {deconv_padding_max}.",
      "Deconvolve without padding and cut the border off with a Slice.", EP_CHANGE_EXACT,
      EP__GUIDE "; NVIDIA/TensorRT#3365", EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     padding},
    {{"deconv.groups", "There are at most {deconv_groups_max} groups.",
      "Use one group, its weights filled up with zeros.", EP_CHANGE_EXACT, EP__GUIDE,
      EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     groups},
    {{"deconv.dilation", "Dilation is at most {deconv_dilation_max}.",
      "Fill the kernel up with zeros instead.", EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     dilation},
    {{"deconv.channels", "Input and output channels lie in {deconv_channels}.",
      "Split the layer along its channels: parts of the output are concatenated, of the input "
      "added.",
      EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     channels},
};

const ep__rule_family ep__deconvolution_rules = EP__RULE_FAMILY(rows);
