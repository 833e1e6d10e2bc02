/* Convolution of 8-bit integers in C: what the window shows, less its zero point, as rows of INT16,
 * times the filters. Products of INT16 summed in pairs are one instruction everywhere. */
#include <string.h>

#include "engine/int8/core.h"

/* Stops and filters of a piece, and how much of what a stop sees is multiplied at a time: what a
 * piece has of all three fits a first-level cache, and its stack. */
enum { TILE = 16, FILTERS = 64, DEPTH = 512 };

typedef struct work {
    const ep__int8 *op;
    const uint8_t *x, *residual;
    char *out;
    int64_t each;          /* weights of a filter */
    int64_t tiles, blocks; /* of stops in an item; of filters in a group */
} work;

/* The stops of one item of the batch and the filters that a piece is about. */
typedef struct piece {
    int64_t item, stop, stops;
    int64_t group, filter, filters;
} piece;

/* ---- what the window shows ----------------------------------------------------------------- */

/* The image element under kernel element `k` at a stop; -1 beside the image. */
static int64_t under(const ep__window *w, int64_t stop, int64_t k)
{
    int64_t at[3];
    for (int i = 2; i >= 0; i--) {
        at[i] = stop % w->stops[i] * w->stride[i] + k % w->kernel[i] * w->dilation[i] - w->pad[i];
        if (at[i] < 0 || at[i] >= w->image[i]) return -1;
        stop /= w->stops[i];
        k /= w->kernel[i];
    }
    return (at[0] * w->image[1] + at[1]) * w->image[2] + at[2];
}

static void less_zero(const ep__int8_form *f, const uint8_t *codes, int64_t n, int16_t *out)
{
    const int32_t zero = f->x_zero;
    if (f->x_dtype == EP_DTYPE_INT8) {
        for (int64_t i = 0; i < n; i++) out[i] = (int16_t)((int8_t)codes[i] - zero);
    } else {
        for (int64_t i = 0; i < n; i++) out[i] = (int16_t)(codes[i] - zero);
    }
}

/* Elements `begin` .. `end` - 1 of what a stop sees of a group: kernel x channels. */
static void show(const work *k, const piece *p, int64_t stop, int64_t begin, int64_t end,
                 int16_t *out)
{
    const ep__int8_form *f = &k->op->form;
    const int64_t channels = f->channels / f->groups;
    for (int64_t n; begin < end; begin += n, out += n) {
        const int64_t channel = begin % channels, left = channels - channel;
        const int64_t at = under(&f->window, stop, begin / channels);
        n = left < end - begin ? left : end - begin;
        if (at < 0) {
            memset(out, 0, (size_t)n * sizeof *out);
        } else {
            const int64_t element = (p->item * f->window.image_size + at) * f->channels;
            less_zero(f, k->x + element + p->group * channels + channel, n, out);
        }
    }
}

/* ---- products ------------------------------------------------------------------------------ */

/* Adds four rows times one filter to four sums. */
EP_CLONES static void dot4(int64_t n, const int16_t *rows, int64_t ld, const int16_t *w,
                           int32_t *sums, int64_t sums_ld)
{
    const int16_t *a = rows, *b = a + ld, *c = b + ld, *d = c + ld;
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (int64_t i = 0; i < n; i++) {
        s0 += a[i] * w[i];
        s1 += b[i] * w[i];
        s2 += c[i] * w[i];
        s3 += d[i] * w[i];
    }
    sums[0] += s0;
    sums[sums_ld] += s1;
    sums[2 * sums_ld] += s2;
    sums[3 * sums_ld] += s3;
}

/* Rows that a piece lacks of a multiple of four are multiplied too, and nobody reads the sums. */
static void multiply(const work *k, const piece *p, int32_t sums[TILE][FILTERS])
{
    int16_t rows[TILE][DEPTH], filter[DEPTH];
    memset(sums, 0, sizeof(int32_t[TILE][FILTERS]));
    memset(rows, 0, sizeof rows);
    for (int64_t begin = 0; begin < k->each; begin += DEPTH) {
        const int64_t left = k->each - begin, n = left < DEPTH ? left : DEPTH;
        for (int64_t s = 0; s < p->stops; s++) show(k, p, p->stop + s, begin, begin + n, rows[s]);
        for (int64_t f = 0; f < p->filters; f++) {
            const int8_t *w = k->op->weights + (p->filter + f) * k->each + begin;
            for (int64_t i = 0; i < n; i++) filter[i] = w[i];
            for (int64_t s = 0; s < p->stops; s += 4) {
                dot4(n, rows[s], DEPTH, filter, &sums[s][f], FILTERS);
            }
        }
    }
}

/* ---- each channel its own filter ----------------------------------------------------------- */

EP_CLONES static void add_products(int64_t n, const uint8_t *x, bool is_signed, int32_t zero,
                                   const int8_t *w, int32_t *sums)
{
    const int8_t *x_signed = (const int8_t *)x;
    if (is_signed) {
        for (int64_t i = 0; i < n; i++) sums[i] += (x_signed[i] - zero) * w[i];
    } else {
        for (int64_t i = 0; i < n; i++) sums[i] += (x[i] - zero) * w[i];
    }
}

static void multiply_depthwise(const work *k, const piece *p, int32_t sums[TILE][FILTERS])
{
    const ep__int8_form *f = &k->op->form;
    memset(sums, 0, sizeof(int32_t[TILE][FILTERS]));
    for (int64_t s = 0; s < p->stops; s++) {
        for (int64_t e = 0; e < f->window.kernel_size; e++) {
            const int64_t at = under(&f->window, p->stop + s, e);
            if (at < 0) continue;
            const int64_t element = (p->item * f->window.image_size + at) * f->channels;
            add_products(p->filters, k->x + element + p->filter, f->x_dtype == EP_DTYPE_INT8,
                         f->x_zero, k->op->weights + e * f->filters + p->filter, sums[s]);
        }
    }
}

/* ---- pieces -------------------------------------------------------------------------------- */

static piece piece_of(const work *k, int64_t index)
{
    const ep__int8_form *f = &k->op->form;
    const bool depthwise = ep__int8_is_depthwise(f);
    const int64_t groups = depthwise ? 1 : f->groups, filters = f->filters / groups;
    const int64_t block = index % k->blocks * FILTERS, more = filters - block;
    piece p = {.filters = more < FILTERS ? more : FILTERS};
    index /= k->blocks;
    p.group = index % groups;
    p.filter = p.group * filters + block;
    index /= groups;
    p.stop = index % k->tiles * TILE;
    p.item = index / k->tiles;
    const int64_t left = f->window.stops_size - p.stop;
    p.stops = left < TILE ? left : TILE;
    return p;
}

static void finish(const work *k, const piece *p, const int32_t *sums)
{
    const ep__int8_form *f = &k->op->form;
    const int64_t at = (p->item * f->window.stops_size + p->stop) * f->filters + p->filter;
    const ep__int8_sums s = {.sums = sums,
                             .rows = p->stops,
                             .n = p->filters,
                             .ld = FILTERS,
                             .bias = k->op->bias + p->filter,
                             .scale = k->op->scale + p->filter,
                             .residual = k->residual ? k->residual + at : NULL,
                             .out = k->out + ep_dtype_bytes(k->op->result.dtype, (uint64_t)at),
                             .out_ld = f->filters};
    ep__int8_finish(&k->op->result, &s);
}

static void run_pieces(uint64_t begin, uint64_t end, void *context)
{
    const work *k = context;
    for (uint64_t i = begin; i < end; i++) {
        const piece p = piece_of(k, (int64_t)i);
        int32_t sums[TILE][FILTERS];
        if (ep__int8_is_depthwise(&k->op->form)) {
            multiply_depthwise(k, &p, sums);
        } else {
            multiply(k, &p, sums);
        }
        finish(k, &p, sums[0]);
    }
}

void ep__int8_plain_run(const ep__int8 *op, uint32_t threads, const void *x, const void *residual,
                        void *out)
{
    const ep__int8_form *f = &op->form;
    const int64_t groups = ep__int8_is_depthwise(f) ? 1 : f->groups;
    work k = {.op = op, .x = x, .residual = residual, .out = out};
    k.each = ep__int8_weights_each(f);
    k.tiles = (int64_t)ep_div_up((uint64_t)f->window.stops_size, TILE);
    k.blocks = (int64_t)ep_div_up((uint64_t)(f->filters / groups), FILTERS);
    ep_parallel(threads, (uint64_t)(f->batch * k.tiles * groups * k.blocks), 1, run_pieces, &k);
}
