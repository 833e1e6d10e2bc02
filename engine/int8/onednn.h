/* Private to engine/int8: a convolution in oneDNN. */
#ifndef EP_ENGINE_INT8_ONEDNN_H
#define EP_ENGINE_INT8_ONEDNN_H

#include <oneapi/dnnl/dnnl.h>

#include "engine/int8/core.h"

struct ep__int8_dnnl {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t primitive;
    dnnl_memory_t x, weights, bias, out;
    int32_t offset;
    bool flips;                  /* codes are INT8, some negative: their sign bit is flipped */
    bool pads;                   /* the image is copied into a larger one */
    bool fused;                  /* oneDNN finishes the sums */
    int64_t image[3], before[3]; /* the larger image; its elements before the image's first */
    int32_t *shifted;            /* bias less what the offset adds; one a filter */
};

/* Image elements that the last stop sees after the image, on dimension `i`. */
int64_t ep__dnnl_pad_after(const ep__window *w, int i);
/* Sets offset, flips, pads, image and before. */
void ep__dnnl_plan_codes(ep__int8_dnnl *d, const ep__int8_form *f);
/* The codes of `x` as oneDNN shall see them, in place where they are that already. */
ep_status ep__dnnl_prepare_codes(const ep__int8 *op, uint32_t threads, const void *x,
                                 const void **out, ep_arena *scratch, ep_error *err);

/* Aligned as oneDNN likes it; NULL when out of memory. */
void *ep__dnnl_take_aligned(ep_arena *scratch, uint64_t bytes);

#endif
