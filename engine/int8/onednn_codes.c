/* Codes as oneDNN shall see them. */
#include <string.h>

#include "engine/int8/onednn.h"

int64_t ep__dnnl_pad_after(const ep__window *w, int i)
{
    const int64_t end = (w->stops[i] - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1;
    const int64_t after = end - w->pad[i] - w->image[i];
    return after > 0 ? after : 0;
}

void ep__dnnl_plan_codes(ep__int8_dnnl *d, const ep__int8_form *f)
{
    const ep__window *w = &f->window;
    d->flips = f->x_dtype == EP_DTYPE_INT8 && !(f->x_positive && f->x_zero >= 0);
    d->offset = f->x_zero + (d->flips ? 128 : 0);
    bool padded = false;
    for (int i = 0; i < 3; i++) padded |= w->pad[i] > 0 || ep__dnnl_pad_after(w, i) > 0;
    d->pads = padded && d->offset != 0;
    for (int i = 0; i < 3; i++) {
        d->before[i] = d->pads ? w->pad[i] : 0;
        d->image[i] = w->image[i] + (d->pads ? w->pad[i] + ep__dnnl_pad_after(w, i) : 0);
    }
}

typedef struct lines {
    const ep__int8_dnnl *d;
    const ep__int8_form *f;
    const uint8_t *x;
    uint8_t *out;
} lines;

static void copy_codes(const uint8_t *from, int64_t n, uint8_t flip, uint8_t *to)
{
    for (int64_t i = 0; i < n; i++) to[i] = from[i] ^ flip;
}

/* Lines of the larger image: the innermost dimension with its channels. */
static void copy_lines(uint64_t begin, uint64_t end, void *context)
{
    const lines *l = context;
    const ep__int8_dnnl *d = l->d;
    const ep__window *w = &l->f->window;
    const int64_t channels = l->f->channels, line = d->image[2] * channels;
    const int64_t left = d->before[2] * channels, inside = w->image[2] * channels;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        const int64_t y = i % d->image[1] - d->before[1];
        const int64_t z = i / d->image[1] % d->image[0] - d->before[0];
        const int64_t item = i / d->image[1] / d->image[0];
        uint8_t *to = l->out + i * line;
        if (y < 0 || y >= w->image[1] || z < 0 || z >= w->image[0]) {
            memset(to, d->offset, (size_t)line);
            continue;
        }
        const int64_t at = ((item * w->image[0] + z) * w->image[1] + y) * inside;
        memset(to, d->offset, (size_t)left);
        copy_codes(l->x + at, inside, d->flips ? 0x80 : 0, to + left);
        memset(to + left + inside, d->offset, (size_t)(line - left - inside));
    }
}

void *ep__dnnl_take_aligned(ep_arena *scratch, uint64_t bytes)
{
    enum { ALIGNMENT = 64 };
    char *p = ep_arena_take_raw(scratch, bytes + ALIGNMENT, 1);
    return p ? p + (ALIGNMENT - (uintptr_t)p % ALIGNMENT) % ALIGNMENT : NULL;
}

ep_status ep__dnnl_prepare_codes(const ep__int8 *op, uint32_t threads, const void *x,
                                 const void **out, ep_arena *scratch, ep_error *err)
{
    enum { PIECE = 1 << 15 };
    const ep__int8_dnnl *d = op->dnnl;
    *out = x;
    if (!d->flips && !d->pads) return EP_OK;
    const int64_t line = d->image[2] * op->form.channels;
    const int64_t count = op->form.batch * d->image[0] * d->image[1];
    void *copy = ep__dnnl_take_aligned(scratch, (uint64_t)(count * line));
    if (!copy) return ep_fail_memory(err);
    lines l = {.d = d, .f = &op->form, .x = x, .out = copy};
    ep_parallel(threads, (uint64_t)count, PIECE / (uint64_t)line + 1, copy_lines, &l);
    *out = copy;
    return EP_OK;
}
