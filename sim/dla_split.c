/* How a convolution is cut to fit the convolution buffer of a pipe, in the order in which NVDLA's
 * compiler tries (ConvCoreNode, splitNodes): all of data and weights; all data and two kernel
 * groups, one loading while the other works; all data and one group; else bands of rows, with the
 * weights wholly in the buffer, or group by group again for each band, or a part of the kernels
 * that stays while all bands go by. Of the last three, the one that reads least. */
#include <assert.h>
#include <math.h>

#include "sim/dla_parts.h"

/* Kernels that the hardware loads at once (NVDLA unit description, kernel group). */
enum { GROUP_KERNELS_INT8 = 32, GROUP_KERNELS_FP16 = 16 };

/* The work of one pipe. */
typedef struct share {
    double banks, entries_per_bank, bank_bytes;
    double rows, window_rows, stride;
    double row_entries, row_bytes;
    double kernel_groups, group_bytes, weight_bytes;
} share;

static double weight_banks(const share *s, double bytes)
{
    return ceil(ceil(bytes / EP__ENTRY_BYTES) * EP__ENTRY_BYTES / s->bank_bytes);
}

/* Bands of rows that `banks` hold, each with the rows that its window shares with the band before;
 * 0: not even one window fits. */
static double bands(const share *s, double banks, double *rows_read)
{
    const double held = floor(banks * s->entries_per_bank / s->row_entries);
    const double again = fmax(0, s->window_rows - s->stride);
    if (held < s->window_rows || held <= again) return 0;
    const double n = fmax(1, ceil((s->rows - again) / (held - again)));
    *rows_read = s->rows + (n - 1) * again;
    return n;
}

static double read_cost(const ep_cbuf_split *split, bool data_is_near)
{
    return split->weight_bytes + (data_is_near ? 0 : split->data_bytes);
}

static void keep_better(ep_cbuf_split *best, const ep_cbuf_split *other, bool data_is_near)
{
    const double a = read_cost(best, data_is_near), b = read_cost(other, data_is_near);
    if (best->bands == 0 || b < a || (b == a && other->data_bytes < best->data_bytes)) {
        *best = *other;
    }
}

/* Bands of rows beside `banks` of weights, each reading the weights `again` or not. */
static void try_bands(const share *s, double banks, ep_cbuf_mode mode, bool again, bool near,
                      ep_cbuf_split *best)
{
    double rows = 0;
    const double n = bands(s, s->banks - banks, &rows);
    if (n == 0) return;
    const ep_cbuf_split split = {.mode = mode,
                                 .bands = n,
                                 .kernel_parts = 1,
                                 .data_bytes = rows * s->row_bytes,
                                 .weight_bytes = s->weight_bytes * (again ? n : 1)};
    keep_better(best, &split, near);
}

/* The kernels in `parts`, all bands for each. */
static void try_parts(const share *s, double parts, bool near, ep_cbuf_split *best)
{
    double rows = 0;
    const double groups = ceil(s->kernel_groups / parts);
    const double n = bands(s, s->banks - weight_banks(s, groups * s->group_bytes), &rows);
    if (n == 0) return;
    const ep_cbuf_split split = {.mode = EP_CBUF_KERNEL_PARTS,
                                 .bands = n,
                                 .kernel_parts = parts,
                                 .data_bytes = rows * s->row_bytes * parts,
                                 .weight_bytes = s->weight_bytes};
    keep_better(best, &split, near);
}

static ep_cbuf_split split_share(const share *s, bool near)
{
    const double data = ceil(s->rows * s->row_entries / s->entries_per_bank);
    const double all = weight_banks(s, s->weight_bytes), one = weight_banks(s, s->group_bytes);
    ep_cbuf_split whole = {.mode = EP_CBUF_ALL,
                           .bands = 1,
                           .kernel_parts = 1,
                           .data_bytes = s->rows * s->row_bytes,
                           .weight_bytes = s->weight_bytes};
    if (data + all <= s->banks) return whole;
    whole.mode = EP_CBUF_PING_PONG;
    if (data + 2 * one <= s->banks) return whole;
    whole.mode = EP_CBUF_ONE_GROUP;
    if (data + one <= s->banks) return whole;
    ep_cbuf_split best = {0};
    try_bands(s, all, EP_CBUF_BANDS, false, near, &best);
    try_bands(s, one, EP_CBUF_BANDS_OF_GROUPS, true, near, &best);
    for (double parts = 2; parts <= s->kernel_groups; parts++) try_parts(s, parts, near, &best);
    if (best.bands > 0) return best;
    /* Nothing fits (rule general.cbuf): a window of rows at a time, for each group. */
    whole.mode = EP_CBUF_KERNEL_PARTS;
    whole.bands = fmax(1, s->rows);
    whole.kernel_parts = s->kernel_groups;
    whole.data_bytes *= s->kernel_groups * s->window_rows;
    return whole;
}

/* Input rows under `out_rows` rows of the result, from its upper edge on. */
static double input_rows(const ep_dla_conv *conv, double out_rows)
{
    const double window = (double)((conv->taps_h - 1) * conv->dilation + 1);
    const double rows = (out_rows - 1) * (double)conv->stride + window - (double)conv->pad;
    return fmax(1, fmin((double)conv->h, rows));
}

static share share_of(const ep_dla *dla, const ep_dla_conv *conv, const ep__dla_rounds *round)
{
    const bool int8 = conv->element_bytes == 1;
    const double element = (double)conv->element_bytes, width = (double)conv->w;
    const double atoms = ceil(round->c * element / EP__ATOM_BYTES);
    const double pixel = conv->c == 1 ? 1 : EP__IMAGE_CHANNELS;
    const double image_row = ceil(width * pixel * element / EP__ROW_BYTES) * EP__ROW_BYTES;
    const double kernel = round->c * (double)conv->taps_h * (double)conv->taps_w * element;
    const double group = fmin(round->k, int8 ? GROUP_KERNELS_INT8 : GROUP_KERNELS_FP16);
    return (share){
        .banks = (double)dla->cbuf_banks,
        .bank_bytes = (double)dla->cbuf_bank_bytes,
        .entries_per_bank = floor((double)dla->cbuf_bank_bytes / EP__ENTRY_BYTES),
        .window_rows = (double)((conv->taps_h - 1) * conv->dilation + 1),
        .stride = (double)conv->stride,
        .row_entries = conv->is_image ? ceil(image_row / EP__ENTRY_BYTES)
                                      : ceil(atoms * width * EP__ATOM_BYTES / EP__ENTRY_BYTES),
        .row_bytes = conv->is_image ? image_row : atoms * width * EP__ATOM_BYTES,
        .kernel_groups = ceil(round->k / group),
        .group_bytes = kernel * group * conv->weight_share,
        .weight_bytes = kernel * round->k * conv->weight_share,
    };
}

static ep_cbuf_split times(ep_cbuf_split split, double n)
{
    split.data_bytes *= n;
    split.weight_bytes *= n;
    return split;
}

ep_cbuf_split ep_sim_cbuf_split(const ep_dla *dla, const ep_dla_conv *conv, bool data_is_near)
{
    assert(conv->weight_share > 0);
    const bool int8 = conv->element_bytes == 1;
    const ep__dla_rounds round = ep__dla_rounds_of(conv, int8 ? dla->atomic_c : dla->fp16_atomic_c,
                                                   int8 ? dla->atomic_k : dla->fp16_atomic_k);
    const double pipes = (double)ep__dla_conv_pipes(dla, conv);
    const share whole = share_of(dla, conv, &round);
    ep_cbuf_split best = {0};
    if (pipes == 1 || conv->out_h > 1) { /* each pipe its rows, and all kernels */
        share rows = whole;
        rows.rows =
            pipes == 1 ? (double)conv->h : input_rows(conv, ceil((double)conv->out_h / pipes));
        best = times(split_share(&rows, data_is_near), pipes * round.n);
    }
    if (pipes > 1 && whole.kernel_groups > 1) { /* each pipe its kernels, and all rows */
        share kernels = whole;
        kernels.rows = (double)conv->h;
        kernels.kernel_groups = ceil(whole.kernel_groups / pipes);
        kernels.weight_bytes = whole.weight_bytes / pipes;
        ep_cbuf_split split = times(split_share(&kernels, data_is_near), pipes * round.n);
        split.pipes_share_kernels = true;
        keep_better(&best, &split, data_is_near);
    }
    if (best.bands > 0) return best;
    share one = whole;
    one.rows = (double)conv->h;
    return times(split_share(&one, data_is_near), round.n);
}
