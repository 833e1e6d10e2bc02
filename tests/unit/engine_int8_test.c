/* Convolutions and products of 8-bit integers, as Q/DQ networks have them, against the sums written
 * out and rounded by the C library: the same bits with and without oneDNN, with any number of
 * threads. */
#include "tests/unit/kernel_fixture.h"

/* ---- cases --------------------------------------------------------------------------------- */

typedef struct window {
    int64_t image, stops, kernel, stride, dilation, before, after;
} window;

typedef struct op_case {
    bool slides, columns; /* Conv; MatMul, whose weights are channels x filters */
    int rank;             /* spatial */
    window w[3];          /* those that rank lacks are 1 */
    int64_t batch, groups, channels, filters;
    ep_dtype x_dtype, y_dtype, residual; /* residual UNDEFINED: none */
    bool has_bias, is_float;             /* is_float: the result is not quantised */
    float x_scale, y_scale, r_scale, low, high;
    int32_t x_zero, y_zero, r_zero;
    ep_array x, r, y;
    int8_t *weights;
    int32_t *bias;
    float *w_scale, *b_scale;
} op_case;

static int32_t least(ep_dtype dtype)
{
    return dtype == EP_DTYPE_INT8 ? INT8_MIN : 0;
}

static void roll_windows(dice *d, op_case *c)
{
    for (int i = 0; i < 3; i++) {
        window *w = &c->w[i];
        *w = (window){.image = 1, .stops = 1, .kernel = 1, .stride = 1, .dilation = 1};
        if (i < 3 - c->rank) continue;
        w->kernel = pick(d, 1, 4);
        w->dilation = pick(d, 1, 2);
        w->stride = pick(d, 1, 3);
        w->before = pick(d, 0, w->kernel - 1);
        w->after = pick(d, 0, w->kernel - 1);
        const int64_t reach = (w->kernel - 1) * w->dilation + 1;
        w->image = pick(d, reach, reach + (c->rank > 2 ? 5 : 12));
        w->stops = (w->image + w->before + w->after - reach) / w->stride + 1;
    }
}

static void roll_form(dice *d, op_case *c, int kind)
{
    c->slides = kind < 4;
    c->rank = !c->slides ? 0 : kind == 3 ? (int)pick(d, 1, 3) : 2;
    c->batch = pick(d, 1, 3);
    c->groups = 1;
    c->channels = pick(d, 1, 70);
    c->filters = pick(d, 1, 90);
    roll_windows(d, c);
    if (kind == 1) { /* a channel a filter */
        c->groups = c->channels = c->filters = pick(d, 2, 80);
    } else if (kind == 2) {
        c->groups = pick(d, 2, 5);
        c->channels = c->groups * pick(d, 1, 12);
        c->filters = c->groups * pick(d, 1, 12);
    } else if (!c->slides) { /* sums that float does not hold */
        c->batch = pick(d, 1, 40);
        c->channels = pick(d, 500, 3000);
        c->columns = pick(d, 0, 1);
    }
}

static void roll_result(dice *d, op_case *c)
{
    static const ep_dtype codes[] = {EP_DTYPE_INT8, EP_DTYPE_UINT8};
    c->x_dtype = codes[pick(d, 0, 1)];
    c->y_dtype = codes[pick(d, 0, 1)];
    if (pick(d, 0, 1)) c->x_zero = least(c->x_dtype) + (int32_t)pick(d, 0, 255);
    if (pick(d, 0, 1)) c->y_zero = least(c->y_dtype) + (int32_t)pick(d, 0, 255);
    c->has_bias = !c->columns && pick(d, 0, 3) > 0;
    c->is_float = pick(d, 0, 6) == 0;
    c->low = -INFINITY;
    c->high = INFINITY;
    if (c->is_float) return;
    if (pick(d, 0, 2) == 0) {
        c->residual = codes[pick(d, 0, 1)];
        c->r_zero = least(c->residual) + (int32_t)pick(d, 0, 255);
    }
    if (pick(d, 0, 1)) c->low = 0;
    if (pick(d, 0, 3) == 0) c->high = (float)pick(d, 1, 60) * c->y_scale;
}

/* Powers of two give ties. */
static float roll_scale(dice *d, bool power, int from, int to)
{
    const float scale = ldexpf(1, (int)pick(d, from, to));
    return power ? scale : scale * (1 + (float)pick(d, 0, 999) / 1000);
}

static ep_array roll_codes(dice *d, ep_dtype dtype, uint64_t n, bool extreme)
{
    ep_array array = {.dtype = dtype, .n = n, .data = allocated(n, 1)};
    uint8_t *codes = array.data;
    for (uint64_t i = 0; i < n; i++) {
        codes[i] = (uint8_t)(extreme ? least(dtype) + 255 : (int32_t)roll(d));
    }
    return array;
}

static void roll_weights(dice *d, op_case *c, bool power, bool extreme)
{
    const int64_t kernel = c->w[0].kernel * c->w[1].kernel * c->w[2].kernel;
    const uint64_t n = (uint64_t)(c->filters * (c->channels / c->groups) * kernel);
    const uint64_t filters = (uint64_t)c->filters;
    c->weights = allocated(n, 1);
    c->bias = allocated(filters, sizeof *c->bias);
    c->w_scale = allocated(filters, sizeof *c->w_scale);
    c->b_scale = allocated(filters, sizeof *c->b_scale);
    for (uint64_t i = 0; i < n; i++) {
        c->weights[i] = (int8_t)(extreme ? 127 - (int)(roll(d) & 1) : (int)(roll(d) & 255) - 128);
    }
    for (uint64_t i = 0; i < filters; i++) {
        c->bias[i] = (int32_t)pick(d, -30000, 30000);
        c->w_scale[i] = roll_scale(d, power, -9, -5);
        c->b_scale[i] = c->x_scale * c->w_scale[i];
    }
}

static void roll_case(dice *d, op_case *c, int index)
{
    const bool power = index % 2 == 0;
    const bool extreme = pick(d, 0, 3) == 0; /* saturates where pairs are summed in INT16 */
    *c = (op_case){0};
    c->x_scale = roll_scale(d, power, -6, -3);
    c->y_scale = roll_scale(d, power, -3, 3);
    c->r_scale = roll_scale(d, power, -3, 3);
    roll_form(d, c, index % 6);
    roll_result(d, c);
    const int64_t image = c->w[0].image * c->w[1].image * c->w[2].image;
    const int64_t stops = c->w[0].stops * c->w[1].stops * c->w[2].stops;
    c->x = roll_codes(d, c->x_dtype, (uint64_t)(c->batch * c->channels * image), extreme);
    c->y = roll_codes(d, c->is_float ? EP_DTYPE_FLOAT : c->y_dtype, 0, false);
    free(c->y.data);
    c->y.n = (uint64_t)(c->batch * c->filters * stops);
    c->y.data = allocated(c->y.n, sizeof(float));
    c->r = roll_codes(d, c->residual, c->y.n, false);
    roll_weights(d, c, power, extreme);
}

static void free_case(op_case *c)
{
    free(c->x.data);
    free(c->y.data);
    free(c->r.data);
    free(c->weights);
    free(c->bias);
    free(c->w_scale);
    free(c->b_scale);
}

/* ---- the reference ------------------------------------------------------------------------- */

static int32_t code(const ep_array *codes, int64_t i)
{
    const uint8_t *data = codes->data;
    return codes->dtype == EP_DTYPE_INT8 ? (int8_t)data[i] : data[i];
}

static int64_t sum_of(const op_case *c, int64_t item, int64_t filter, const int64_t stop[3])
{
    const int64_t channels = c->channels / c->groups, group = filter / (c->filters / c->groups);
    const window *w = c->w;
    int64_t sum = c->has_bias ? c->bias[filter] : 0;
    for (int64_t ch = 0; ch < channels; ch++) {
        for (int64_t k = 0; k < w[0].kernel * w[1].kernel * w[2].kernel; k++) {
            const int64_t e[3] = {k / w[2].kernel / w[1].kernel, k / w[2].kernel % w[1].kernel,
                                  k % w[2].kernel};
            int64_t x = item * c->channels + group * channels + ch;
            bool inside = true;
            for (int i = 0; i < 3; i++) {
                const int64_t at = stop[i] * w[i].stride - w[i].before + e[i] * w[i].dilation;
                inside &= at >= 0 && at < w[i].image;
                x = x * w[i].image + at;
            }
            if (!inside) continue;
            const int64_t kernel = w[0].kernel * w[1].kernel * w[2].kernel;
            const int64_t weight =
                c->columns ? ch * c->filters + filter : (filter * channels + ch) * kernel + k;
            sum += (int64_t)(code(&c->x, x) - c->x_zero) * c->weights[weight];
        }
    }
    return sum;
}

static double bound(const op_case *c, float number, double otherwise)
{
    return isinf(number) ? otherwise : (double)rintf(number / c->y_scale) + c->y_zero;
}

static void expect(op_case *c, int64_t i)
{
    const window *w = c->w;
    const int64_t stops = w[0].stops * w[1].stops * w[2].stops, rest = i % stops;
    const int64_t stop[3] = {rest / w[2].stops / w[1].stops, rest / w[2].stops % w[1].stops,
                             rest % w[2].stops};
    const int64_t filter = c->slides ? i / stops % c->filters : i % c->filters;
    const int64_t sum = sum_of(c, i / stops / c->filters, filter, stop);
    const double unit = (double)c->x_scale * (double)c->w_scale[filter];
    if (c->is_float) {
        ((float *)c->y.data)[i] = (float)sum * (float)unit;
        return;
    }
    const float scale = (float)(unit / (double)c->y_scale);
    volatile float v = (float)sum * scale; /* volatile: rounded to float each time */
    if (c->residual != EP_DTYPE_UNDEFINED) {
        const float other = (float)((double)c->r_scale / (double)c->y_scale);
        volatile float scaled = (float)(code(&c->r, i) - c->r_zero) * other;
        v = v + scaled;
    }
    double rounded = (double)rintf(v) + c->y_zero;
    rounded = fmin(fmax(rounded, bound(c, c->low, -1e9)), bound(c, c->high, 1e9));
    rounded = fmin(fmax(rounded, least(c->y_dtype)), least(c->y_dtype) + 255);
    ((uint8_t *)c->y.data)[i] = (uint8_t)(int)rounded;
}

/* ---- the network --------------------------------------------------------------------------- */

/* "AxBxC" */
static const char *text_of(char out[100], int n, const int64_t *dims)
{
    int at = 0;
    for (int i = 0; i < n; i++) {
        at += snprintf(out + at, 100 - (size_t)at, "%s%lld", i ? "x" : "", (long long)dims[i]);
    }
    return out;
}

/* A list of one number a spatial dimension. */
#define LIST(name, first, second)                                                                  \
    for (int i = 3 - c->rank; i < 3; i++) {                                                        \
        at += snprintf(out + at, 400 - (size_t)at, "%s%lld", i > 3 - c->rank ? "," : name "=[",    \
                       (long long)c->w[i].first);                                                  \
    }                                                                                              \
    for (int i = 3 - c->rank; (second) && i < 3; i++) {                                            \
        at += snprintf(out + at, 400 - (size_t)at, ",%lld", (long long)c->w[i].after);             \
    }                                                                                              \
    at += snprintf(out + at, 400 - (size_t)at, "] ");

static const char *attributes_of(const op_case *c, char out[400])
{
    int at = snprintf(out, 400, "group=%lld ", (long long)c->groups);
    LIST("kernel_shape", kernel, false)
    LIST("strides", stride, false)
    LIST("dilations", dilation, false)
    LIST("pads", before, true)
    return out;
}

static void add_scale(onnx_model *m, const char *name, float scale, ep_dtype dtype, int32_t zero)
{
    char zeros[20];
    const uint8_t byte = (uint8_t)zero;
    (void)snprintf(zeros, sizeof zeros, "%s_zero", name);
    onnx_raw(m, name, EP_DTYPE_FLOAT, "", &scale, sizeof scale);
    onnx_raw(m, zeros, dtype, "", &byte, 1);
}

static void set_shape(ep_array *array, int rank, const int64_t *dims)
{
    array->shape.rank = rank;
    for (int i = 0; i < rank; i++) array->shape.dims[i] = dims[i];
}

static void add_weights(const op_case *c, onnx_model *m)
{
    char shape[100];
    const window *w = c->w + 3 - c->rank;
    int64_t dims[5] = {c->filters, c->channels / c->groups};
    if (c->columns) dims[0] = c->channels, dims[1] = c->filters;
    size_t n = (size_t)(dims[0] * dims[1]);
    for (int i = 0; i < c->rank; i++) n *= (size_t)(dims[2 + i] = w[i].kernel);
    onnx_raw(m, "w", EP_DTYPE_INT8, text_of(shape, 2 + c->rank, dims), c->weights, n);
    const size_t scales = (size_t)c->filters * sizeof(float);
    onnx_raw(m, "w_scale", EP_DTYPE_FLOAT, text_of(shape, 1, &c->filters), c->w_scale, scales);
    onnx_node(m, "wf = DequantizeLinear(w, w_scale) axis=%d", c->columns ? 1 : 0);
    if (!c->has_bias) return;
    onnx_raw(m, "b", EP_DTYPE_INT32, shape, c->bias, scales);
    onnx_raw(m, "b_scale", EP_DTYPE_FLOAT, shape, c->b_scale, scales);
    onnx_node(m, "bf = DequantizeLinear(b, b_scale) axis=0");
}

static void add_result(const op_case *c, onnx_model *m)
{
    const char *from = "p";
    if (c->residual != EP_DTYPE_UNDEFINED) {
        onnx_node(m, "rf = DequantizeLinear(r, r_scale, r_scale_zero)");
        onnx_node(m, "s = Add(p, rf)");
        from = "s";
    }
    if (!isinf(c->high)) {
        onnx_raw(m, "low", EP_DTYPE_FLOAT, "", &c->low, sizeof c->low);
        onnx_raw(m, "high", EP_DTYPE_FLOAT, "", &c->high, sizeof c->high);
        onnx_node(m, "f = Clip(%s, %s, high)", from, isinf(c->low) ? "" : "low");
        from = "f";
    } else if (!isinf(c->low)) {
        onnx_node(m, "f = Relu(%s)", from);
        from = "f";
    }
    onnx_node(m, "y = QuantizeLinear(%s, y_scale, y_scale_zero)", from);
}

static void add_model(op_case *c, onnx_model *m)
{
    char shape[100], attributes[400];
    const window *w = c->w + 3 - c->rank;
    int64_t x[5] = {c->batch, c->channels}, y[5] = {c->batch, c->filters};
    for (int i = 0; i < c->rank; i++) x[2 + i] = w[i].image, y[2 + i] = w[i].stops;
    set_shape(&c->x, 2 + c->rank, x);
    set_shape(&c->y, 2 + c->rank, y);
    set_shape(&c->r, 2 + c->rank, y);
    onnx_input(m, "x", c->x_dtype, text_of(shape, 2 + c->rank, x));
    if (c->residual) onnx_input(m, "r", c->residual, text_of(shape, 2 + c->rank, y));
    add_scale(m, "x_scale", c->x_scale, c->x_dtype, c->x_zero);
    add_scale(m, "y_scale", c->y_scale, c->y_dtype, c->y_zero);
    if (c->residual) add_scale(m, "r_scale", c->r_scale, c->residual, c->r_zero);
    onnx_node(m, "xf = DequantizeLinear(x, x_scale, x_scale_zero)");
    add_weights(c, m);
    if (c->slides) {
        onnx_node(m, "p = Conv(xf, wf%s) %s", c->has_bias ? ", bf" : "",
                  attributes_of(c, attributes));
    } else if (c->columns) {
        onnx_node(m, "p = MatMul(xf, wf)");
    } else {
        onnx_node(m, "p = Gemm(xf, wf%s) transB=1", c->has_bias ? ", bf" : "");
    }
    if (!c->is_float) add_result(c, m);
    onnx_output(m, c->is_float ? "p" : "y", c->y.dtype, NULL);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void random_shapes(void **state)
{
    (void)state;
    dice d = {11};
    for (int i = 0; i < 500; i++) {
        op_case c;
        fixture f = {0};
        roll_case(&d, &c, i);
        add_model(&c, &f.m);
        for (uint64_t k = 0; k < c.y.n; k++) expect(&c, (int64_t)k);
        for (int form = 0; form < 4; form++) {
            f.options = (ep_session_options){.threads = form & 1 ? 3 : 1, .plain = form & 2};
            start(&f);
            RUN(&f, c.x, c.r);
            assert_output(&f, 0, c.y);
        }
        teardown(&f);
        free_case(&c);
    }
}

/* 2.5 and -2.5 go to the even 2, 3.5 to 4; what passes the type stays at its end. */
static void ties_and_ends(void **state)
{
    (void)state;
    static const int8_t x[] = {5, -5, 7, 127, -128}, one = 1;
    static const int8_t halved[] = {2, -2, 4, 64, -64}, tripled[] = {15, -15, 21, 127, -128};
    for (int i = 0; i < 2; i++) {
        fixture f = {0};
        const float unit = 1, scale = i ? 3 : 0.5f;
        onnx_input(&f.m, "x", EP_DTYPE_INT8, "5x1");
        onnx_raw(&f.m, "unit", EP_DTYPE_FLOAT, "", &unit, sizeof unit);
        onnx_raw(&f.m, "scale", EP_DTYPE_FLOAT, "", &scale, sizeof scale);
        onnx_raw(&f.m, "zero", EP_DTYPE_INT8, "", "", 1);
        onnx_raw(&f.m, "w", EP_DTYPE_INT8, "1x1", &one, 1);
        onnx_node(&f.m, "xf = DequantizeLinear(x, unit)");
        onnx_node(&f.m, "wf = DequantizeLinear(w, scale)");
        onnx_node(&f.m, "p = MatMul(xf, wf)");
        onnx_node(&f.m, "y = QuantizeLinear(p, unit, zero)");
        onnx_output(&f.m, "y", EP_DTYPE_INT8, NULL);
        for (int plain = 0; plain < 2; plain++) {
            f.options.plain = plain;
            start(&f);
            RUN(&f, array_of(EP_DTYPE_INT8, "5x1", x));
            assert_output(&f, 0, array_of(EP_DTYPE_INT8, "5x1", i ? tripled : halved));
        }
        teardown(&f);
    }
}

/* 16,908,289 is no float, and with the bias 1 it lies above the middle of 64 and 65: in floats one
 * by one it would be the middle, and go to 64. */
static void sums_beyond_float(void **state)
{
    (void)state;
    enum { CHANNELS = 524 };
    uint8_t x[CHANNELS];
    int8_t w[CHANNELS];
    for (int i = 0; i < CHANNELS; i++) x[i] = 255, w[i] = 127; /* 522 of them are 16,904,970 */
    w[522] = 13;
    x[523] = 4, w[523] = 1;
    const float unit = 1, scale = 0x1p-18f;
    const int32_t bias = 1;
    fixture f = {0};
    onnx_input(&f.m, "x", EP_DTYPE_UINT8, "1x524");
    onnx_raw(&f.m, "unit", EP_DTYPE_FLOAT, "", &unit, sizeof unit);
    onnx_raw(&f.m, "scale", EP_DTYPE_FLOAT, "", &scale, sizeof scale);
    onnx_raw(&f.m, "zero", EP_DTYPE_INT8, "", "", 1);
    onnx_raw(&f.m, "w", EP_DTYPE_INT8, "1x524", w, sizeof w);
    onnx_raw(&f.m, "b", EP_DTYPE_INT32, "1", &bias, sizeof bias);
    onnx_node(&f.m, "xf = DequantizeLinear(x, unit)");
    onnx_node(&f.m, "wf = DequantizeLinear(w, scale)");
    onnx_node(&f.m, "bf = DequantizeLinear(b, scale)");
    onnx_node(&f.m, "p = Gemm(xf, wf, bf) transB=1");
    onnx_node(&f.m, "y = QuantizeLinear(p, unit, zero)");
    onnx_output(&f.m, "y", EP_DTYPE_INT8, NULL);
    for (int plain = 0; plain < 2; plain++) {
        f.options.plain = plain;
        start(&f);
        RUN(&f, array_of(EP_DTYPE_UINT8, "1x524", x));
        assert_output(&f, 0, array_of(EP_DTYPE_INT8, "1x1", (const int8_t[]){65}));
    }
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes),
        cmocka_unit_test(ties_and_ends),
        cmocka_unit_test(sums_beyond_float),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
