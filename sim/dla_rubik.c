/* FP16 convolution on Rubik, which otherwise changes layouts. It takes one segment of a row of the
 * input at a time, rubik_line_bytes long, and reads all weights again for each: single FP16
 * convolutions take the time of that traffic whatever the shape, and hardly change with the clock
 * of the DLA (docs/cost-model.md). Channels are padded to whole blocks of fp16_atomic_c by
 * fp16_atomic_k, groups side by side on their diagonal. */
#include <math.h>

#include "sim/dla_parts.h"

bool ep__dla_on_rubik(const ep_dla *dla, ep_precision precision)
{
    return precision == EP_FP16 && dla->rubik_line_bytes > 0;
}

static double padded(double channels, int64_t atomic)
{
    return ceil(channels / (double)atomic) * (double)atomic;
}

ep__dla_rubik ep__dla_rubik_conv(const ep_dla *dla, const ep_dla_conv *conv)
{
    const double line = (double)dla->rubik_line_bytes / (double)conv->element_bytes; /* pixels */
    const double segments = (double)conv->out_h * ceil((double)conv->w / line);
    const ep__dla_rounds rounds = ep__dla_rounds_of(conv, dla->fp16_atomic_c, dla->fp16_atomic_k);
    const double taps = (double)conv->taps_h * (double)conv->taps_w;
    const double weights = rounds.n * padded(rounds.c, dla->fp16_atomic_c) *
                           padded(rounds.k, dla->fp16_atomic_k) * taps;
    const double pixels = fmin(line, (double)conv->w);
    return (ep__dla_rubik){.cycles = weights * pixels * segments / dla->fp16_macs,
                           .weight_bytes = weights * (double)conv->element_bytes * segments};
}
