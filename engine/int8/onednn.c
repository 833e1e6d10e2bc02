/* Convolution of 8-bit integers through oneDNN, where it is exact.
 *
 * Exact are, in oneDNN 2.6, the products of UINT8 by INT8 without zero points in its brgemm kernels
 * on processors that sum four of them in INT32 (VNNI, AMX): elsewhere pairs saturate to INT16, and
 * other kernels, corrections for INT8 and for zero points pass through float, which is exact below
 * 2^24 only. So codes are made UINT8 that lie `offset` too high; what that adds to a sum is taken
 * off the bias:
 *
 *     sum over (code - zero) w  =  sum over u w  -  offset * sum over w,   u = code - zero + offset
 *
 * Beside the image u is `offset`: oneDNN's own padding would be 0, so the image is padded here.
 *
 * The sums are finished by our own code unless float holds each of them: then oneDNN's epilogue
 * computes the same formula. */
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "engine/int8/onednn.h"

enum { FLOAT_EXACT = 1 << 24 };

static ep_status failed(dnnl_status_t status, const char *what, ep_error *err)
{
    if (status == dnnl_out_of_memory) return ep_fail_memory(err);
    return ep_fail(err, EP_UNSUPPORTED, "oneDNN cannot %s (status %d)", what, (int)status);
}

#define TRY(call, what)                                                                            \
    do {                                                                                           \
        const dnnl_status_t dnnl_status_ = (call);                                                 \
        if (dnnl_status_ != dnnl_success) return failed(dnnl_status_, (what), err);                \
    } while (0)

/* ---- threads ------------------------------------------------------------------------------- */

/* oneDNN uses as many threads as OpenMP would; returns how many that were. */
static int set_threads(int threads)
{
#ifdef _OPENMP
    const int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    return before;
#else
    (void)threads;
    return 1;
#endif
}

/* ---- making -------------------------------------------------------------------------------- */

/* Dimensions that oneDNN counts: two that slide, or three. */
static int first_dim(const ep__int8_form *f)
{
    return f->window.image[0] == 1 && f->window.kernel[0] == 1 && f->window.stops[0] == 1 ? 1 : 0;
}

typedef struct shapes {
    int spatial;                                    /* dimensions */
    dnnl_memory_desc_t x, weights, bias, out, onnx; /* onnx: the weights as given */
    dnnl_dims_t stride, dilation, before, after;
} shapes;

static ep_status describe(const ep__int8_dnnl *d, const ep__int8_form *f,
                          const ep__int8_result *result, shapes *s, ep_error *err)
{
    const ep__window *w = &f->window;
    const int first = first_dim(f);
    s->spatial = 3 - first;
    dnnl_dims_t x = {f->batch, f->channels}, out = {f->batch, f->filters}, weights = {f->groups};
    dnnl_dim_t *kernel = weights + (f->groups > 1);
    kernel[0] = f->filters / f->groups;
    kernel[1] = f->channels / f->groups;
    for (int i = first; i < 3; i++) {
        const int to = i - first;
        x[2 + to] = d->image[i];
        out[2 + to] = w->stops[i];
        kernel[2 + to] = w->kernel[i];
        s->stride[to] = w->stride[i];
        s->dilation[to] = w->dilation[i] - 1;
        s->before[to] = d->pads ? 0 : w->pad[i];
        s->after[to] = d->pads ? 0 : ep__dnnl_pad_after(w, i);
    }
    const int dims = 2 + s->spatial, w_dims = dims + (f->groups > 1);
    const dnnl_format_tag_t last = dims == 4 ? dnnl_nhwc : dnnl_ndhwc;
    const dnnl_format_tag_t row_major = w_dims == 4   ? dnnl_abcd
                                        : w_dims == 5 ? dnnl_abcde
                                                      : dnnl_abcdef;
    const dnnl_data_type_t to = !d->fused                        ? dnnl_s32
                                : result->dtype == EP_DTYPE_INT8 ? dnnl_s8
                                                                 : dnnl_u8;
    const dnnl_dims_t filters = {f->filters};
    TRY(dnnl_memory_desc_init_by_tag(&s->x, dims, x, dnnl_u8, last), "describe codes");
    TRY(dnnl_memory_desc_init_by_tag(&s->out, dims, out, to, last), "describe results");
    TRY(dnnl_memory_desc_init_by_tag(&s->weights, w_dims, weights, dnnl_s8, dnnl_format_tag_any),
        "describe weights");
    TRY(dnnl_memory_desc_init_by_tag(&s->onnx, w_dims, weights, dnnl_s8, row_major),
        "describe weights");
    TRY(dnnl_memory_desc_init_by_tag(&s->bias, 1, filters, dnnl_s32, dnnl_a), "describe a bias");
    return EP_OK;
}

/* Scales, and the bounds that the type does not have anyway. */
static ep_status set_epilogue(const ep__int8 *op, dnnl_primitive_attr_t attr, ep_error *err)
{
    const ep__int8_result *r = &op->result;
    const bool is_signed = r->dtype == EP_DTYPE_INT8;
    TRY(dnnl_primitive_attr_set_output_scales(attr, op->form.filters, 2, op->scale), "set scales");
    if (r->low == (is_signed ? INT8_MIN : 0) && r->high == (is_signed ? INT8_MAX : UINT8_MAX)) {
        return EP_OK;
    }
    dnnl_post_ops_t posts;
    TRY(dnnl_post_ops_create(&posts), "make an epilogue");
    dnnl_status_t status =
        dnnl_post_ops_append_eltwise(posts, 1.0f, dnnl_eltwise_clip, (float)r->low, (float)r->high);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attr, posts);
    dnnl_post_ops_destroy(posts);
    return status == dnnl_success ? EP_OK : failed(status, "clamp", err);
}

/* True when a kernel of oneDNN gives sums below `most` exactly. */
static bool is_exact(const ep__int8_form *f, const_dnnl_primitive_desc_t pd, uint64_t most)
{
    enum { AMX_CHANNELS = 64 }; /* a row of a tile */
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    const bool sums_four = isa == dnnl_cpu_isa_avx512_core_vnni ||
                           isa == dnnl_cpu_isa_avx512_core_bf16 ||
                           isa == dnnl_cpu_isa_avx512_core_amx || isa == dnnl_cpu_isa_avx2_vnni;
    const char *name = "";
    if (!sums_four) return false;
    if (dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name) != dnnl_success) {
        return false;
    }
    /* wrong sums were seen with 62 channels, at strides, on a Xeon with AMX */
    const bool is_tiled = strncmp(name, "brgconv:avx512_core_amx", 23) == 0;
    if (is_tiled && f->channels / f->groups % AMX_CHANNELS != 0) return false;
    const bool brgemm = strncmp(name, "brgconv", 7) == 0 || strncmp(name, "brdgmm", 6) == 0;
    const bool reference = strncmp(name, "ref", 3) == 0 || strncmp(name, "gemm", 4) == 0;
    return !reference && (brgemm || most < FLOAT_EXACT);
}

/* The first of the kernels that oneDNN has for this, the fastest by its own judgement, that is
 * exact; d->pd stays NULL when none is. */
static ep_status choose(ep__int8_dnnl *d, const ep__int8_form *f,
                        const dnnl_convolution_desc_t *desc, const_dnnl_primitive_attr_t attr,
                        uint64_t most, ep_error *err)
{
    dnnl_primitive_desc_iterator_t kernels;
    TRY(dnnl_primitive_desc_iterator_create(&kernels, desc, attr, d->engine, NULL), "convolve");
    dnnl_status_t status = dnnl_success;
    while (status == dnnl_success) {
        dnnl_primitive_desc_t pd = dnnl_primitive_desc_iterator_fetch(kernels);
        if (pd && is_exact(f, pd, most)) {
            d->pd = pd;
            break;
        }
        dnnl_primitive_desc_destroy(pd);
        status = dnnl_primitive_desc_iterator_next(kernels);
    }
    dnnl_primitive_desc_iterator_destroy(kernels);
    EP_FAIL_IF(!d->pd, err, EP_UNSUPPORTED,
               "oneDNN is not exact here, in 8-bit integers on this processor");
    return EP_OK;
}

static ep_status make_pd(ep__int8_dnnl *d, const ep__int8 *op, const shapes *s, uint64_t most,
                         dnnl_primitive_attr_t attr, ep_error *err)
{
    dnnl_convolution_desc_t desc;
    if (d->fused) EP_TRY(set_epilogue(op, attr, err));
    TRY(dnnl_dilated_convolution_forward_desc_init(
            &desc, dnnl_forward_inference, dnnl_convolution_direct, &s->x, &s->weights,
            d->fused ? &s->bias : NULL, &s->out, s->stride, s->dilation, s->before, s->after),
        "describe the convolution");
    return choose(d, &op->form, &desc, attr, most, err);
}

static ep_status pack(ep__int8_dnnl *d, const ep__int8_form *f, const shapes *s, ep_error *err)
{
    const dnnl_memory_desc_t *packed =
        dnnl_primitive_desc_query_md(d->pd, dnnl_query_weights_md, 0);
    dnnl_memory_t given = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t reorder = NULL;
    TRY(dnnl_memory_create(&d->weights, packed, d->engine, DNNL_MEMORY_ALLOCATE), "hold weights");
    dnnl_status_t status =
        dnnl_memory_create(&given, &s->onnx, d->engine, (void *)(uintptr_t)f->weights);
    if (status == dnnl_success) {
        status =
            dnnl_reorder_primitive_desc_create(&pd, &s->onnx, d->engine, packed, d->engine, NULL);
    }
    if (status == dnnl_success) status = dnnl_primitive_create(&reorder, pd);
    if (status == dnnl_success) {
        const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, given}, {DNNL_ARG_TO, d->weights}};
        status = dnnl_primitive_execute(reorder, d->stream, 2, args);
    }
    if (status == dnnl_success) status = dnnl_stream_wait(d->stream);
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(pd);
    dnnl_memory_destroy(given);
    return status == dnnl_success ? EP_OK : failed(status, "pack weights", err);
}

/* Bias less what the offset adds to the sums, modulo 2^32. */
static ep_status shift_bias(ep__int8_dnnl *d, const ep__int8_form *f, const int32_t *bias,
                            ep_error *err)
{
    const int64_t each = ep__int8_weights_each(f);
    d->shifted = malloc(((size_t)f->filters + 1) * sizeof *d->shifted);
    if (!d->shifted) return ep_fail_memory(err);
    for (int64_t i = 0; i < f->filters; i++) {
        const int8_t *w = f->weights + i * each;
        int64_t sum = 0;
        for (int64_t k = 0; k < each; k++) sum += w[k];
        d->shifted[i] = (int32_t)(uint32_t)((uint64_t)bias[i] - (uint64_t)(d->offset * sum));
    }
    return EP_OK;
}

/* True when oneDNN may finish the sums: its formula has no residual and rounds a zero point with
 * the rest, and converts sum and bias to float one by one. */
static bool may_fuse(const ep__int8_dnnl *d, const ep__int8 *op, uint64_t most)
{
    const ep__int8_result *r = &op->result;
    if (r->zero != 0 || r->residual != EP_DTYPE_UNDEFINED || ep_dtype_bits(r->dtype) != 8) {
        return false;
    }
    uint64_t bias = 0;
    for (int64_t i = 0; i < op->form.filters; i++) {
        bias = ep_max_u64(bias, (uint64_t)llabs((long long)d->shifted[i]));
    }
    return most + bias < FLOAT_EXACT;
}

static ep_status make_primitive(ep__int8_dnnl *d, const ep__int8_form *f, const ep__int8 *op,
                                uint64_t most, ep_error *err)
{
    shapes s = {0};
    dnnl_primitive_attr_t attr = NULL;
    EP_TRY(describe(d, f, &op->result, &s, err));
    TRY(dnnl_primitive_attr_create(&attr), "make attributes");
    const ep_status status = make_pd(d, op, &s, most, attr, err);
    dnnl_primitive_attr_destroy(attr);
    EP_TRY(status);
    TRY(dnnl_primitive_create(&d->primitive, d->pd), "convolve");
    TRY(dnnl_memory_create(&d->x, &s.x, d->engine, DNNL_MEMORY_NONE), "hold codes");
    TRY(dnnl_memory_create(&d->out, &s.out, d->engine, DNNL_MEMORY_NONE), "hold results");
    if (d->fused) TRY(dnnl_memory_create(&d->bias, &s.bias, d->engine, d->shifted), "hold a bias");
    return pack(d, f, &s, err);
}

/* oneDNN counts in int. */
static bool is_small(const ep__int8_dnnl *d, const ep__int8_form *f)
{
    uint64_t codes = (uint64_t)f->batch, sums = (uint64_t)f->batch;
    bool overflows = ep_mul_overflows(codes, (uint64_t)f->channels, &codes) ||
                     ep_mul_overflows(sums, (uint64_t)f->filters * 4, &sums);
    for (int i = 0; i < 3 && !overflows; i++) {
        overflows = ep_mul_overflows(codes, (uint64_t)d->image[i], &codes) ||
                    ep_mul_overflows(sums, (uint64_t)f->window.stops[i], &sums);
    }
    return !overflows && codes <= INT32_MAX && sums <= INT32_MAX;
}

static ep_status make(ep__int8_dnnl *d, const ep__int8_form *f, const ep__int8 *op,
                      uint32_t threads, ep_error *err)
{
    ep__dnnl_plan_codes(d, f);
    EP_FAIL_IF(!is_small(d, f), err, EP_UNSUPPORTED, "too large for oneDNN");
    const bool halved = f->x_dtype == EP_DTYPE_INT8 && !d->flips;
    const uint64_t most = ep__int8_most(f) * (halved ? 127 : 255);
    EP_TRY(shift_bias(d, f, op->bias, err));
    d->fused = may_fuse(d, op, most);
    TRY(dnnl_engine_create(&d->engine, dnnl_cpu, 0), "start");
    TRY(dnnl_stream_create(&d->stream, d->engine, dnnl_stream_default_flags), "start");
    const int before = set_threads((int)threads);
    const ep_status status = make_primitive(d, f, op, most, err);
    (void)set_threads(before);
    return status;
}

ep_status ep__int8_dnnl_new(const ep__int8_form *form, const ep__int8 *op, uint32_t threads,
                            ep__int8_dnnl **out, ep_error *err)
{
    *out = NULL;
    EP_FAIL_IF(form->batch == 0 || form->filters == 0 || ep__int8_weights_each(form) == 0 ||
                   form->window.stops_size == 0 || form->window.image_size == 0,
               err, EP_UNSUPPORTED, "nothing for oneDNN to do");
    ep__int8_dnnl *d = calloc(1, sizeof *d);
    if (!d) return ep_fail_memory(err);
    const ep_status status = make(d, form, op, threads, err);
    if (status == EP_OK) {
        *out = d;
    } else {
        ep__int8_dnnl_free(d);
    }
    return status;
}

void ep__int8_dnnl_free(ep__int8_dnnl *d)
{
    if (!d) return;
    dnnl_memory_destroy(d->x);
    dnnl_memory_destroy(d->weights);
    dnnl_memory_destroy(d->bias);
    dnnl_memory_destroy(d->out);
    dnnl_primitive_destroy(d->primitive);
    dnnl_primitive_desc_destroy(d->pd);
    dnnl_stream_destroy(d->stream);
    dnnl_engine_destroy(d->engine);
    free(d->shifted);
    free(d);
}

/* ---- running ------------------------------------------------------------------------------- */

static ep_status execute(const ep__int8_dnnl *d, uint32_t threads, const void *x, void *out,
                         ep_error *err)
{
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, d->x},
                                    {DNNL_ARG_WEIGHTS, d->weights},
                                    {DNNL_ARG_DST, d->out},
                                    {DNNL_ARG_BIAS, d->bias}};
    TRY(dnnl_memory_set_data_handle_v2(d->x, (void *)(uintptr_t)x, d->stream), "read");
    TRY(dnnl_memory_set_data_handle_v2(d->out, out, d->stream), "write");
    const int before = set_threads((int)threads);
    dnnl_status_t status = dnnl_primitive_execute(d->primitive, d->stream, d->fused ? 4 : 3, args);
    if (status == dnnl_success) status = dnnl_stream_wait(d->stream);
    (void)set_threads(before);
    return status == dnnl_success ? EP_OK : failed(status, "run", err);
}

typedef struct finishing {
    const ep__int8 *op;
    const int32_t *sums;
    const uint8_t *residual;
    char *out;
} finishing;

static void finish_rows(uint64_t begin, uint64_t end, void *context)
{
    const finishing *k = context;
    const ep__int8 *op = k->op;
    const int64_t filters = op->form.filters;
    const uint64_t at = begin * (uint64_t)filters;
    const ep__int8_sums s = {.sums = k->sums + at,
                             .rows = (int64_t)(end - begin),
                             .n = filters,
                             .ld = filters,
                             .bias = op->dnnl->shifted,
                             .scale = op->scale,
                             .residual = k->residual ? k->residual + at : NULL,
                             .out = k->out + ep_dtype_bytes(op->result.dtype, at),
                             .out_ld = filters};
    ep__int8_finish(&op->result, &s);
}

ep_status ep__int8_dnnl_run(const ep__int8 *op, uint32_t threads, const void *x,
                            const void *residual, void *out, ep_arena *scratch, ep_error *err)
{
    enum { PIECE = 1 << 14 };
    const ep__int8_form *f = &op->form;
    const uint64_t rows = (uint64_t)(f->batch * f->window.stops_size);
    const void *codes;
    EP_TRY(ep__dnnl_prepare_codes(op, threads, x, &codes, scratch, err));
    if (op->dnnl->fused) return execute(op->dnnl, threads, codes, out, err);
    int32_t *sums = ep__dnnl_take_aligned(scratch, rows * (uint64_t)f->filters * sizeof *sums);
    if (!sums) return ep_fail_memory(err);
    EP_TRY(execute(op->dnnl, threads, codes, sums, err));
    finishing k = {.op = op, .sums = sums, .residual = residual, .out = out};
    ep_parallel(threads, rows, PIECE / (uint64_t)f->filters + 1, finish_rows, &k);
    return EP_OK;
}
