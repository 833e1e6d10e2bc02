/* Convolutions and poolings on random shapes, against loops that follow the operators' definitions
 * element by element. */
#include "tests/unit/kernel_fixture.h"

/* A window over `rank` dimensions. */
typedef struct window {
    int rank;
    int64_t image[3], kernel[3], stride[3], dilation[3], pad[6], stops[3];
    bool ceils;
} window;

/* One that fits, with padding smaller than the kernel, as poolings want it. */
static window random_window(dice *d, bool ceils)
{
    window w = {.rank = (int)pick(d, 1, 3), .ceils = ceils};
    for (int i = 0; i < w.rank; i++) {
        w.kernel[i] = pick(d, 1, 4);
        w.stride[i] = pick(d, 1, 3);
        w.dilation[i] = pick(d, 1, 2);
        w.pad[i] = pick(d, 0, w.kernel[i] - 1);
        w.pad[w.rank + i] = pick(d, 0, w.kernel[i] - 1);
        const int64_t reach = (w.kernel[i] - 1) * w.dilation[i] + 1;
        w.image[i] = reach + pick(d, 0, w.rank == 1 ? 200 : w.rank == 2 ? 20 : 6);
        const int64_t room = w.image[i] + w.pad[i] + w.pad[w.rank + i] - reach;
        w.stops[i] = room / w.stride[i] + 1;
        if (ceils && room % w.stride[i] && w.stops[i] * w.stride[i] < w.image[i] + w.pad[i]) {
            w.stops[i]++;
        }
    }
    return w;
}

static void add_list(char *text, size_t size, const char *name, const int64_t *values, int count)
{
    size_t at = strlen(text);
    at += (size_t)snprintf(text + at, size - at, " %s=[", name);
    for (int i = 0; i < count; i++) {
        at += (size_t)snprintf(text + at, size - at, "%s%lld", i ? "," : "", (long long)values[i]);
    }
    (void)snprintf(text + at, size - at, "]");
}

static void add_window(char *text, size_t size, const window *w)
{
    add_list(text, size, "kernel_shape", w->kernel, w->rank);
    add_list(text, size, "strides", w->stride, w->rank);
    add_list(text, size, "dilations", w->dilation, w->rank);
    add_list(text, size, "pads", w->pad, 2 * w->rank);
}

static int64_t product(const int64_t *dims, int rank)
{
    int64_t n = 1;
    for (int i = 0; i < rank; i++) n *= dims[i];
    return n;
}

/* The element of the image under element `k` of the kernel at stop `s`, both counted in row-major
 * order; -1 beside the image. */
static int64_t seen(const window *w, int64_t s, int64_t k)
{
    int64_t at = 0, scale = 1;
    for (int i = w->rank - 1; i >= 0; i--) {
        const int64_t x =
            s % w->stops[i] * w->stride[i] + k % w->kernel[i] * w->dilation[i] - w->pad[i];
        if (x < 0 || x >= w->image[i]) return -1;
        at += x * scale;
        scale *= w->image[i];
        s /= w->stops[i];
        k /= w->kernel[i];
    }
    return at;
}

static ep_array new_image(ep_dtype dtype, int64_t n, int64_t channels, const int64_t *dims,
                          int rank)
{
    int64_t all[EP_MAX_RANK] = {n, channels};
    memcpy(all + 2, dims, (size_t)rank * sizeof *dims);
    return new_array(dtype, rank + 2, all);
}

static ep_array random_image(dice *d, ep_dtype dtype, int64_t n, int64_t channels,
                             const int64_t *dims, int rank)
{
    int64_t all[EP_MAX_RANK] = {n, channels};
    memcpy(all + 2, dims, (size_t)rank * sizeof *dims);
    return random_array(d, dtype, rank + 2, all);
}

/* ---- convolutions -------------------------------------------------------------------------- */

typedef struct conv {
    window w;
    int64_t n, groups, in_each, out_each; /* channels a group */
} conv;

static conv random_conv(dice *d)
{
    conv c = {.w = random_window(d, false), .n = pick(d, 1, 2)};
    switch (roll(d) % 3) {
    case 0: /* depthwise */
        c.groups = pick(d, 2, 9);
        c.in_each = 1;
        c.out_each = pick(d, 1, 2);
        break;
    case 1:
        c.groups = 1;
        c.in_each = pick(d, 1, 20);
        c.out_each = pick(d, 1, 150);
        break;
    default:
        c.groups = pick(d, 1, 3);
        c.in_each = pick(d, 1, 5);
        c.out_each = pick(d, 1, 9);
    }
    if (roll(d) % 4 == 0) { /* 1 x 1 */
        for (int i = 0; i < c.w.rank; i++) {
            c.w.kernel[i] = c.w.stride[i] = 1;
            c.w.pad[i] = c.w.pad[c.w.rank + i] = 0;
            c.w.stops[i] = c.w.image[i];
        }
    }
    return c;
}

/* x less its zero point, by the weights less theirs. */
static ep_array convolved(const conv *c, const ep_array *x, double x_zero, const ep_array *weights,
                          double w_zero, const ep_array *bias, ep_dtype dtype)
{
    const window *w = &c->w;
    const int64_t filters = c->groups * c->out_each, elements = product(w->kernel, w->rank);
    const int64_t pixels = product(w->image, w->rank), stops = product(w->stops, w->rank);
    ep_array y = new_image(dtype, c->n, filters, w->stops, w->rank);
    for (int64_t i = 0; i < c->n * filters * stops; i++) {
        const int64_t s = i % stops, m = i / stops % filters, n = i / stops / filters;
        double sum = bias ? element(bias, m) : 0;
        for (int64_t ck = 0; ck < c->in_each * elements; ck++) {
            const int64_t channel = m / c->out_each * c->in_each + ck / elements;
            const int64_t at = seen(w, s, ck % elements);
            if (at < 0) continue;
            const int64_t from = (n * c->groups * c->in_each + channel) * pixels + at;
            sum += (element(x, from) - x_zero) *
                   (element(weights, m * c->in_each * elements + ck) - w_zero);
        }
        set_element(&y, i, sum);
    }
    return y;
}

static void convolutions(void **state)
{
    (void)state;
    dice d = {1};
    for (int i = 0; i < 150; i++) {
        const conv c = random_conv(&d);
        const ep_dtype dtype = i % 5 ? EP_DTYPE_FLOAT : EP_DTYPE_DOUBLE;
        const int64_t filters = c.groups * c.out_each;
        char text[512];
        (void)snprintf(text, sizeof text, "y = Conv(a, b, c) group=%lld", (long long)c.groups);
        add_window(text, sizeof text, &c.w);
        one_node node = {.text = text, .n_inputs = 3};
        node.inputs[0] = random_image(&d, dtype, c.n, c.groups * c.in_each, c.w.image, c.w.rank);
        node.inputs[1] = random_image(&d, dtype, filters, c.in_each, c.w.kernel, c.w.rank);
        node.inputs[2] = RANDOM_ARRAY(&d, dtype, filters);
        ep_array y = convolved(&c, &node.inputs[0], 0, &node.inputs[1], 0, &node.inputs[2], dtype);
        check_node(&node, y, 1e-5);
    }
}

/* More stops than one matrix of columns has, more filters than one tile. */
static void large_convolutions(void **state)
{
    (void)state;
    dice d = {2};
    const window w = {.rank = 2,
                      .image = {70, 90},
                      .kernel = {5, 5},
                      .stride = {1, 1},
                      .dilation = {1, 1},
                      .pad = {2, 2, 2, 2},
                      .stops = {70, 90}};
    const conv c = {.w = w, .n = 1, .groups = 1, .in_each = 12, .out_each = 140};
    one_node node = {.text = "y = Conv(a, b, c) pads=[2,2,2,2]", .n_inputs = 3};
    node.inputs[0] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 1, 12, 70, 90);
    node.inputs[1] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 140, 12, 5, 5);
    node.inputs[2] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 140);
    ep_array y =
        convolved(&c, &node.inputs[0], 0, &node.inputs[1], 0, &node.inputs[2], EP_DTYPE_FLOAT);
    check_node(&node, y, 1e-5);
}

static void integer_convolutions(void **state)
{
    (void)state;
    dice d = {3};
    for (int i = 0; i < 60; i++) {
        const conv c = random_conv(&d);
        const ep_dtype x = i % 2 ? EP_DTYPE_UINT8 : EP_DTYPE_INT8;
        const ep_dtype weights = i % 3 ? EP_DTYPE_INT8 : EP_DTYPE_UINT8;
        char text[512];
        (void)snprintf(text, sizeof text, "y = ConvInteger(a, b, c, d) group=%lld",
                       (long long)c.groups);
        add_window(text, sizeof text, &c.w);
        one_node node = {.text = text, .n_inputs = 4};
        node.inputs[0] = random_image(&d, x, c.n, c.groups * c.in_each, c.w.image, c.w.rank);
        node.inputs[1] =
            random_image(&d, weights, c.groups * c.out_each, c.in_each, c.w.kernel, c.w.rank);
        node.inputs[2] = random_array(&d, x, 0, NULL);
        node.inputs[3] = random_array(&d, weights, 0, NULL);
        ep_array y = convolved(&c, &node.inputs[0], element(&node.inputs[2], 0), &node.inputs[1],
                               element(&node.inputs[3], 0), NULL, EP_DTYPE_INT32);
        check_node(&node, y, 0);
    }
}

/* Scales and zero points a filter; the result is rounded to even and saturated. */
static void quantised_convolutions(void **state)
{
    (void)state;
    dice d = {4};
    for (int i = 0; i < 40; i++) {
        const conv c = random_conv(&d);
        const int64_t filters = c.groups * c.out_each;
        char text[512];
        (void)snprintf(text, sizeof text, "y = QLinearConv(a, b, c, d, e, f, g, h, i) group=%lld",
                       (long long)c.groups);
        add_window(text, sizeof text, &c.w);
        one_node node = {.text = text, .n_inputs = 9};
        ep_array *in = node.inputs;
        in[0] = random_image(&d, EP_DTYPE_UINT8, c.n, c.groups * c.in_each, c.w.image, c.w.rank);
        in[3] = random_image(&d, EP_DTYPE_INT8, filters, c.in_each, c.w.kernel, c.w.rank);
        in[1] = new_array(EP_DTYPE_FLOAT, 0, NULL);
        in[4] = NEW_ARRAY(EP_DTYPE_FLOAT, filters);
        in[6] = new_array(EP_DTYPE_FLOAT, 0, NULL);
        in[2] = random_array(&d, EP_DTYPE_UINT8, 0, NULL);
        in[5] = NEW_ARRAY(EP_DTYPE_INT8, filters);
        in[7] = random_array(&d, EP_DTYPE_INT8, 0, NULL);
        in[8] = RANDOM_ARRAY(&d, EP_DTYPE_INT32, filters);
        set_element(&in[1], 0, 0.5);
        set_element(&in[6], 0, 64);
        for (int64_t m = 0; m < filters; m++) set_element(&in[4], m, ldexp(1, (int)(m % 3) - 2));
        ep_array sums =
            convolved(&c, &in[0], element(&in[2], 0), &in[3], 0, &in[8], EP_DTYPE_INT32);
        ep_array y = new_array(EP_DTYPE_INT8, sums.shape.rank, sums.shape.dims);
        const int64_t stops = product(c.w.stops, c.w.rank);
        for (int64_t k = 0; k < (int64_t)y.n; k++) {
            const double scale = 0.5 * element(&in[4], k / stops % filters) / 64;
            const double exact = rint(element(&sums, k) * scale) + element(&in[7], 0);
            set_element(&y, k, fmin(fmax(exact, -128), 127));
        }
        free(sums.data);
        check_node(&node, y, 0);
    }
}

/* The window slides over the output. */
static void transposed_convolutions(void **state)
{
    (void)state;
    dice d = {5};
    for (int i = 0; i < 100; i++) {
        const conv c = random_conv(&d);
        const window *w = &c.w;
        const int64_t channels = c.groups * c.in_each, filters = c.groups * c.out_each;
        const int64_t elements = product(w->kernel, w->rank), stops = product(w->stops, w->rank);
        const int64_t pixels = product(w->image, w->rank);
        char text[512];
        int64_t output_padding[3];
        for (int k = 0; k < w->rank; k++) {
            output_padding[k] = w->image[k] + w->pad[k] + w->pad[w->rank + k] -
                                (w->kernel[k] - 1) * w->dilation[k] - 1 -
                                (w->stops[k] - 1) * w->stride[k];
        }
        (void)snprintf(text, sizeof text, "y = ConvTranspose(a, b, c) group=%lld",
                       (long long)c.groups);
        add_window(text, sizeof text, w);
        add_list(text, sizeof text, "output_padding", output_padding, w->rank);
        one_node node = {.text = text, .n_inputs = 3};
        ep_array *in = node.inputs;
        in[0] = random_image(&d, EP_DTYPE_FLOAT, c.n, channels, w->stops, w->rank);
        in[1] = random_image(&d, EP_DTYPE_FLOAT, channels, c.out_each, w->kernel, w->rank);
        in[2] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, filters);
        ep_array y = new_image(EP_DTYPE_FLOAT, c.n, filters, w->image, w->rank);
        double *sums = allocated(y.n, sizeof *sums);
        for (int64_t k = 0; k < c.n * filters * elements * stops; k++) {
            const int64_t s = k % stops, e = k / stops % elements;
            const int64_t m = k / stops / elements % filters, n = k / stops / elements / filters;
            const int64_t at = seen(w, s, e), group = m / c.out_each;
            if (at < 0) continue;
            for (int64_t j = 0; j < c.in_each; j++) {
                const int64_t channel = group * c.in_each + j;
                sums[(n * filters + m) * pixels + at] +=
                    element(&in[0], (n * channels + channel) * stops + s) *
                    element(&in[1], (channel * c.out_each + m % c.out_each) * elements + e);
            }
        }
        for (int64_t k = 0; k < (int64_t)y.n; k++) {
            set_element(&y, k, sums[k] + element(&in[2], k / pixels % filters));
        }
        free(sums);
        check_node(&node, y, 1e-5);
    }
}

/* ---- poolings ------------------------------------------------------------------------------ */

static void maxima(void **state)
{
    (void)state;
    static const ep_dtype dtypes[] = {EP_DTYPE_FLOAT, EP_DTYPE_DOUBLE, EP_DTYPE_INT8,
                                      EP_DTYPE_UINT8};
    dice d = {6};
    for (int i = 0; i < 120; i++) {
        const window w = random_window(&d, i % 2 == 0);
        const ep_dtype dtype = dtypes[i % 4];
        const int64_t pixels = product(w.image, w.rank), stops = product(w.stops, w.rank);
        char text[512];
        (void)snprintf(text, sizeof text, "y, z = MaxPool(a) ceil_mode=%d", w.ceils);
        add_window(text, sizeof text, &w);
        one_node node = {.text = text, .n_inputs = 1, .n_outputs = 2};
        node.inputs[0] = random_image(&d, dtype, 2, 3, w.image, w.rank);
        ep_array y = new_image(dtype, 2, 3, w.stops, w.rank);
        ep_array z = new_image(EP_DTYPE_INT64, 2, 3, w.stops, w.rank);
        for (int64_t k = 0; k < (int64_t)y.n; k++) {
            int64_t best = -1;
            for (int64_t e = 0; e < product(w.kernel, w.rank); e++) {
                const int64_t at = seen(&w, k % stops, e), from = k / stops * pixels + at;
                if (at < 0) continue;
                if (best < 0 || element(&node.inputs[0], from) > element(&node.inputs[0], best)) {
                    best = from;
                }
            }
            assert_true(best >= 0);
            set_element(&y, k, element(&node.inputs[0], best));
            set_element(&z, k, (double)best);
        }
        fixture f;
        run_node(&f, &node);
        assert_close(&f, text, 0, &y, 0);
        assert_close(&f, text, 1, &z, 0);
        teardown(&f);
        free_inputs(&node);
        free(y.data);
        free(z.data);
    }
}

static void averages_and_norms(void **state)
{
    (void)state;
    dice d = {7};
    for (int i = 0; i < 120; i++) {
        const window w = random_window(&d, i % 2 == 0);
        const bool average = i % 3 != 0, pads = i % 4 == 1;
        const int64_t p = pick(&d, 1, 3), elements = product(w.kernel, w.rank);
        const int64_t pixels = product(w.image, w.rank), stops = product(w.stops, w.rank);
        char text[512];
        (void)snprintf(text, sizeof text, "y = %s(a) ceil_mode=%d %s=%lld",
                       average ? "AveragePool" : "LpPool", w.ceils,
                       average ? "count_include_pad" : "p", average ? pads : (long long)p);
        add_window(text, sizeof text, &w);
        one_node node = {.text = text, .opset = 19, .n_inputs = 1};
        node.inputs[0] = random_image(&d, EP_DTYPE_FLOAT, 2, 3, w.image, w.rank);
        ep_array y = new_image(EP_DTYPE_FLOAT, 2, 3, w.stops, w.rank);
        for (int64_t k = 0; k < (int64_t)y.n; k++) {
            double sum = 0, count = 0;
            for (int64_t e = 0; e < elements; e++) {
                const int64_t at = seen(&w, k % stops, e);
                if (at < 0) continue;
                const double x = element(&node.inputs[0], k / stops * pixels + at);
                sum += average ? x : pow(fabs(x), (double)p);
                count++;
            }
            const double mean = pads ? sum / (double)elements : count > 0 ? sum / count : 0;
            set_element(&y, k, average ? mean : pow(sum, 1 / (double)p));
        }
        check_node(&node, y, 1e-5);
    }
}

static void global_poolings(void **state)
{
    (void)state;
    static const char *const texts[] = {"y = GlobalAveragePool(a)", "y = GlobalMaxPool(a)",
                                        "y = GlobalLpPool(a) p=1"};
    for (int i = 0; i < 3; i++) {
        dice d = {8};
        one_node node = {.text = texts[i], .n_inputs = 1};
        node.inputs[0] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 2, 3, 40, 50);
        ep_array y = NEW_ARRAY(EP_DTYPE_FLOAT, 2, 3, 1, 1);
        for (int64_t k = 0; k < 6; k++) {
            double sum = 0, max = -1, norm = 0;
            for (int64_t e = 0; e < 2000; e++) {
                const double x = element(&node.inputs[0], k * 2000 + e);
                sum += x;
                norm += fabs(x);
                max = fmax(max, x);
            }
            set_element(&y, k, i == 0 ? sum / 2000 : i == 1 ? max : norm);
        }
        check_node(&node, y, 1e-5);
    }
}

/* What the image looks like is not known before the run. */
static void images_of_the_run(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "5");
    onnx_floats(&f.m, "w", "1x1x2", (const float[]){1, 2});
    ONNX_INTS(&f.m, "axis", 0);
    onnx_node(&f.m, "i = NonZero(x)");
    onnx_node(&f.m, "r = Cast(i) to=1");
    onnx_node(&f.m, "s = Unsqueeze(r, axis)");
    onnx_node(&f.m, "c = Conv(s, w)");
    onnx_node(&f.m, "y = MaxPool(c) kernel_shape=[2]");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    start(&f);
    RUN(&f, FLOATS("5", 1, 0, 1, 1, 0)); /* 0 2 3, then 4 8 */
    assert_output(&f, 0, FLOATS("1x1x1", 8));
    RUN(&f, FLOATS("5", 1, 1, 1, 1, 1)); /* 0 1 2 3 4, then 2 5 8 11 */
    assert_output(&f, 0, FLOATS("1x1x3", 5, 8, 11));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(large_convolutions),
        cmocka_unit_test(integer_convolutions),
        cmocka_unit_test(quantised_convolutions),
        cmocka_unit_test(transposed_convolutions),
        cmocka_unit_test(maxima),
        cmocka_unit_test(averages_and_norms),
        cmocka_unit_test(global_poolings),
        cmocka_unit_test(images_of_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
