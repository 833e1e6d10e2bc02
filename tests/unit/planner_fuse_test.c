/* Fusion: what TensorRT's developer guide lists under "Types of Fusions", and what the DLA's
 * convolution pipeline (NVDLA: convolution, SDP, PDP) does on the fly. */
#include "tests/unit/plan_fixture.h"

/* x is 1x8x8x8, tensors for transformers 1x4x16; weights for both. */
static void operands(fixture *f)
{
    onnx_input(&f->model, "x", EP_DTYPE_FLOAT, "1x8x8x8");
    onnx_weight(&f->model, "w", EP_DTYPE_FLOAT, "8x8x3x3");
    for (const char *const *s = (const char *const[]){"g", "b", "m", "v", NULL}; *s; s++) {
        onnx_weight(&f->model, *s, EP_DTYPE_FLOAT, "8");
    }
    onnx_input(&f->model, "t", EP_DTYPE_FLOAT, "1x4x16");
    onnx_weight(&f->model, "wt", EP_DTYPE_FLOAT, "16x16");
    onnx_weight(&f->model, "bt", EP_DTYPE_FLOAT, "16");
    onnx_floats(&f->model, "root2", "", &(float){1.41421356F});
    onnx_floats(&f->model, "one", "", &(float){1});
    onnx_floats(&f->model, "half", "", &(float){0.5F});
    onnx_floats(&f->model, "two", "", &(float){2});
    onnx_floats(&f->model, "three", "", &(float){3});
}

/* `kernels` as assert_kernels says. */
static void plans_as(const char *strategy, ep_precision_choice precision, const char *const *nodes,
                     const char *const *outputs, const char *kernels)
{
    fixture f = {0};
    operands(&f);
    for (; *nodes; nodes++) onnx_node(&f.model, "%s", *nodes);
    for (; *outputs; outputs++) onnx_output(&f.model, *outputs, EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, strategy, precision);
    assert_kernels(&f, kernels);
    assert_valid(f.plan);
    fixture_free(&f);
}
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define CONV "c = Conv(x, w) pads=[1,1,1,1]"

static void on_gpu(const char *const *nodes, const char *kernels)
{
    plans_as("gpu", EP_CHOOSE_FP16, nodes, LIST("y"), kernels);
}

/* ---- convolution --------------------------------------------------------------------------- */

static void activations_join_a_convolution(void **state)
{
    (void)state;
    on_gpu(LIST(CONV, "n = BatchNormalization(c, g, b, m, v)", "y = Relu(n)"),
           "Conv+BatchNormalization+Relu");
    on_gpu(LIST(CONV, "y = Clip(c)"), "Conv+Clip");
    on_gpu(LIST(CONV, "y = Gelu(c)"), "Conv+Gelu");
    on_gpu(LIST(CONV, "e = Erf(c)", "h = Add(e, one)", "y = Mul(c, h)"), "Conv+Erf+Add+Mul");
}

/* TensorRT documents no fusion of these with a convolution. */
static void other_functions_are_a_pass_of_their_own(void **state)
{
    (void)state;
    on_gpu(LIST(CONV, "s = Sigmoid(c)", "y = Mul(c, s)"), "Conv | Sigmoid+Mul"); /* SiLU */
    on_gpu(LIST(CONV, "s = HardSigmoid(c)", "y = Mul(s, c)"), "Conv | HardSigmoid+Mul");
    on_gpu(LIST(CONV, "y = HardSwish(c)"), "Conv | HardSwish");
    on_gpu(LIST(CONV, "y = LeakyRelu(c)"), "Conv | LeakyRelu");
}

static void a_convolution_stops_at_the_next(void **state)
{
    (void)state;
    on_gpu(LIST(CONV, "r = Relu(c)", "y = Conv(r, w)"), "Conv+Relu | Conv");
    on_gpu(LIST(CONV, "r = Relu(c)", "y = MaxPool(r) kernel_shape=[2,2]"), "Conv+Relu | MaxPool");
}

/* y = Relu(Conv(Relu(Conv(x))) + x): the sum and what follows join the convolution before it. */
static void a_residual_block_is_two_kernels(void **state)
{
    (void)state;
    on_gpu(
        LIST(CONV, "r = Relu(c)", "d = Conv(r, w) pads=[1,1,1,1]", "s = Add(d, x)", "y = Relu(s)"),
        "Conv+Relu | Conv+Add+Relu");
}

/* With a convolution on the shortcut, the sum joins one of the two and the other stays alone. */
static void a_sum_joins_one_of_two_convolutions(void **state)
{
    (void)state;
    fixture f = {0};
    operands(&f);
    onnx_node(&f.model, "%s", CONV);
    onnx_node(&f.model, "d = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "s = Add(c, d)");
    onnx_node(&f.model, "y = Relu(s)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "gpu", EP_CHOOSE_FP16);
    assert_valid(f.plan);
    uint32_t alone = 0, with_sum = 0;
    for (uint32_t k = 0; k < f.plan->n_kernels; k++) {
        alone += f.plan->kernels[k].n_layers == 1;
        with_sum += f.plan->kernels[k].n_layers == 3;
    }
    assert_int_equal(alone, 1);
    assert_int_equal(with_sum, 1);
    fixture_free(&f);
}

/* ---- exits --------------------------------------------------------------------------------- */

static void what_others_read_is_not_swallowed(void **state)
{
    (void)state;
    /* c is an output of the network */
    plans_as("gpu", EP_CHOOSE_FP16, LIST(CONV, "y = Relu(c)"), LIST("y", "c"), "Conv | Relu");
    /* c is read twice and the two never meet */
    plans_as("gpu", EP_CHOOSE_FP16, LIST(CONV, "y = Relu(c)", "z = MaxPool(c) kernel_shape=[2,2]"),
             LIST("y", "z"), "Conv | Relu | MaxPool");
    /* SiLU whose sigmoid is wanted outside */
    plans_as("gpu", EP_CHOOSE_FP16, LIST(CONV, "s = Sigmoid(c)", "y = Mul(c, s)"), LIST("y", "s"),
             "Conv | Sigmoid | Mul");
}

/* ---- element-wise -------------------------------------------------------------------------- */

static void pointwise_layers_join(void **state)
{
    (void)state;
    on_gpu(LIST("a = Elu(x)", "b2 = Sigmoid(a)", "d = Mul(b2, x)", "y = Exp(d)"),
           "Elu+Sigmoid+Mul+Exp");
    on_gpu(LIST("a = Elu(x)", "p = MaxPool(a) kernel_shape=[2,2]", "y = Exp(p)"),
           "Elu | MaxPool | Exp");
}

/* ---- transformers -------------------------------------------------------------------------- */

/* 0.5 x (1 + erf(x / sqrt 2)), as PyTorch exports it. */
static void the_gelu_of_erf_joins_its_product(void **state)
{
    (void)state;
    on_gpu(LIST("p = MatMul(t, wt)", "a = Add(bt, p)", "d = Div(a, root2)", "e = Erf(d)",
                "s = Add(e, one)", "q = Mul(a, s)", "y = Mul(q, half)"),
           "MatMul+Add+Div+Erf+Add+Mul+Mul");
    on_gpu(LIST("p = MatMul(t, wt)", "a = Add(bt, p)", "h = Mul(a, half)", "d = Div(a, root2)",
                "e = Erf(d)", "s = Add(e, one)", "y = Mul(h, s)"),
           "MatMul+Add+Mul+Div+Erf+Add+Mul");
}

/* 0.5 x (1 + tanh(k (x + c x^3))). */
static void the_gelu_of_tanh_joins_its_product(void **state)
{
    (void)state;
    on_gpu(LIST("p = MatMul(t, wt)", "a = Add(bt, p)", "h = Mul(a, half)", "c3 = Pow(a, three)",
                "k = Mul(c3, two)", "i = Add(a, k)", "j = Mul(i, root2)", "e = Tanh(j)",
                "s = Add(e, one)", "y = Mul(h, s)"),
           "MatMul+Add+Mul+Pow+Mul+Add+Mul+Tanh+Add+Mul");
}

static void a_layer_norm_written_out_is_one_kernel(void **state)
{
    (void)state;
    on_gpu(LIST("mean = ReduceMean(t) axes=[-1]", "d = Sub(t, mean)", "sq = Pow(d, two)",
                "var = ReduceMean(sq) axes=[-1]", "e = Add(var, one)", "s = Sqrt(e)",
                "q = Div(d, s)", "h = Mul(q, bt)", "y = Add(h, bt)"),
           "ReduceMean+Sub+Pow+ReduceMean+Add+Sqrt+Div+Mul+Add");
}

/* Q K^T / sqrt d + mask, SoftMax, V. */
static void attends(ep_precision_choice precision, const char *kernels)
{
    fixture f = {0};
    operands(&f);
    onnx_input(&f.model, "mask", EP_DTYPE_FLOAT, "1x4x4");
    onnx_node(&f.model, "tt = Transpose(t) perm=[0,2,1]");
    onnx_node(&f.model, "k = MatMul(t, tt)");
    onnx_node(&f.model, "d = Div(k, two)");
    onnx_node(&f.model, "a = Add(d, mask)");
    onnx_node(&f.model, "p = Softmax(a) axis=-1");
    onnx_node(&f.model, "y = MatMul(p, t)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "gpu", precision);
    assert_kernels(&f, kernels);
    assert_valid(f.plan);
    fixture_free(&f);
}

static void attention_is_one_kernel(void **state)
{
    (void)state;
    attends(EP_CHOOSE_FP16, "Transpose | MatMul+Div+Add+Softmax+MatMul");
    attends(EP_CHOOSE_INT8, "Transpose | MatMul+Div+Add+Softmax+MatMul");
    /* there are no fused attention kernels of FP32; the mask is a residual sum */
    attends(EP_CHOOSE_FP32, "Transpose | MatMul+Div+Add | Softmax | MatMul");
}

/* What was pending is given up: the product keeps only what it fuses by itself. */
static void a_softmax_without_values_is_its_own_kernel(void **state)
{
    (void)state;
    fixture f = {0};
    operands(&f);
    onnx_node(&f.model, "tt = Transpose(t) perm=[0,2,1]");
    onnx_node(&f.model, "k = MatMul(t, tt)");
    onnx_node(&f.model, "d = Div(k, two)");
    onnx_node(&f.model, "y = Softmax(d) axis=-1");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "gpu", EP_CHOOSE_FP16);
    assert_kernels(&f, "Transpose | MatMul+Div | Softmax");
    assert_valid(f.plan);
    fixture_free(&f);
}

/* ---- DLA ----------------------------------------------------------------------------------- */

static void on_dla(const char *const *nodes, const char *kernels)
{
    plans_as("greedy", EP_CHOOSE_INT8, nodes, LIST("y"), kernels);
}

static void the_dla_pipeline_is_one_kernel(void **state)
{
    (void)state;
    on_dla(LIST(CONV, "n = BatchNormalization(c, g, b, m, v)", "r = Relu(n)",
                "y = MaxPool(r) kernel_shape=[2,2] strides=[2,2]"),
           "[Conv+BatchNormalization+Relu+MaxPool]");
    on_dla(LIST(CONV, "s = Add(c, x)", "y = Relu(s)"), "[Conv+Add+Relu]");
    on_dla(LIST(CONV, "r = Relu(c)", "d = Conv(r, w)", "y = Relu(d)"), "[Conv+Relu] | [Conv+Relu]");
    /* pooling is the last stage */
    on_dla(LIST(CONV, "p = MaxPool(c) kernel_shape=[2,2] strides=[2,2]", "y = Relu(p)"),
           "[Conv+MaxPool] | [Relu]");
}

/* A window of 3 x 3 and stride 2 keeps two lines of the result open, one of stride 1 four: 128
 * pixels hold lines of 64 and of 32. Each scale right behind the convolution is folded into its
 * weights. */
static void pooling_joins_while_its_lines_fit(void **state)
{
    (void)state;
    static const struct {
        int width, stride;
        bool joins;
    } cases[] = {{128, 2, true}, {130, 2, false}, {32, 1, true}, {33, 1, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f = {0};
        char text[96];
        (void)snprintf(text, sizeof text, "1x8x16x%d", cases[i].width);
        onnx_input(&f.model, "x", EP_DTYPE_FLOAT, text);
        onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "8x8x3x3");
        onnx_weight(&f.model, "a", EP_DTYPE_FLOAT, "1x8x1x1");
        onnx_node(&f.model, "c = Conv(x, w) pads=[1,1,1,1]");
        onnx_node(&f.model, "m = Mul(c, a)");
        onnx_node(&f.model, "n = Add(m, a)");
        onnx_node(&f.model, "s = Add(n, x)");
        onnx_node(&f.model, "r = Relu(s)");
        (void)snprintf(text, sizeof text,
                       "y = MaxPool(r) kernel_shape=[3,3] pads=[1,1,1,1] strides=[%d,%d]",
                       cases[i].stride, cases[i].stride);
        onnx_node(&f.model, "%s", text);
        onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
        build_layers(&f);
        make_plan(&f, "greedy", EP_CHOOSE_INT8);
        assert_kernels(&f, cases[i].joins ? "[Conv+Mul+Add+Add+Relu+MaxPool]"
                                          : "[Conv+Mul+Add+Add+Relu] | [MaxPool]");
        fixture_free(&f);
    }
}

/* The sigmoid of a SiLU needs a pass of its own, whose result the product then reads. */
static void a_silu_leaves_the_convolution(void **state)
{
    (void)state;
    on_dla(LIST(CONV, "s = Sigmoid(c)", "y = Mul(c, s)"), "[Conv] | [Sigmoid+Mul]");
}

/* ---- reformats ----------------------------------------------------------------------------- */

/* In execution order: the tensor, the precisions, "D" when it is for the DLA. */
static void assert_reformats(const fixture *f, const char *expected)
{
    ep_text text = {0};
    for (uint32_t k = 0; k < f->plan->n_kernels; k++) {
        const ep_kernel *kernel = &f->plan->kernels[k];
        if (kernel->kind != EP_KERNEL_REFORMAT) continue;
        ep_text_printf(&text, "%s%s %s>%s%s", text.length ? " | " : "",
                       f->network->tensors[kernel->inputs[0]].name, ep_precision_name(kernel->from),
                       ep_precision_name(kernel->precision),
                       strstr(kernel->name, "to the DLA") ? " D" : "");
    }
    assert_string_equal(ep_text_cstr(&text), expected);
    assert_valid(f->plan);
    ep_text_free(&text);
}

/* Of a plan in INT8. i and j are integers, which leave as they are. */
static void reformats(const char *strategy, ep_io io, const char *const *nodes,
                      const char *const *outputs, const char *expected)
{
    fixture f = {0};
    ep_error err = {0};
    operands(&f);
    onnx_input(&f.model, "h", EP_DTYPE_FLOAT16, "1x8x8x8");
    onnx_input(&f.model, "ids", EP_DTYPE_INT64, "1x8x8x8");
    for (; *nodes; nodes++) onnx_node(&f.model, "%s", *nodes);
    for (; *outputs; outputs++) onnx_output(&f.model, *outputs, EP_DTYPE_UNDEFINED, NULL);
    build_layers(&f);
    const ep_plan_options options = {.precision = EP_CHOOSE_INT8, .io = io};
    if (try_plan(&f, strategy, &options, &err) != EP_OK) fail_msg("%s", err.text);
    assert_reformats(&f, expected);
    fixture_free(&f);
}
#define ENDS "i = ArgMax(c) axis=1", "j = ArgMax(s) axis=1"
#define SOFTMAX "s = Softmax(x) axis=1"

/* An input is read in its own type, or reformatted once for each precision in which it is read:
 * SoftMax has no INT8, what gives integers is FP32. */
static void each_precision_has_its_input(void **state)
{
    (void)state;
    const struct {
        const char *const *nodes, *expected;
    } cases[] = {
        {LIST(CONV, SOFTMAX, ENDS), "x fp32>int8 | x fp32>fp16"},
        {LIST(SOFTMAX, CONV, ENDS), "x fp32>fp16 | x fp32>int8"},
        {LIST("i = ArgMax(x) axis=1", CONV, "j = ArgMax(c) axis=1"), "x fp32>int8"},
        {LIST(CONV, "i = ArgMax(x) axis=1", "j = ArgMax(c) axis=1"), "x fp32>int8"},
        {LIST(CONV, "d = Conv(x, w)", "i = ArgMax(c) axis=1", "j = ArgMax(d) axis=1"),
         "x fp32>int8"},
        {LIST("s = Softmax(h) axis=1", "c = Elu(h)", ENDS), "h fp16>int8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reformats("gpu", EP_IO_LINEAR, cases[i].nodes, LIST("i", "j"), cases[i].expected);
    }
    /* the same on the DLA, ArgMax apart */
    reformats("greedy", EP_IO_LINEAR, LIST(CONV, SOFTMAX, ENDS), LIST("i", "j"),
              "x fp32>int8 D | x fp32>fp16 D | c int8>fp32 | s fp16>fp32");
}

/* What crosses is one copy for all its readers, Softplus in INT8 and ReduceMean in FP16. */
static void a_crossing_is_one_reformat(void **state)
{
    (void)state;
    reformats("greedy", EP_IO_LINEAR,
              LIST(CONV, "e = Softplus(c)", "r = ReduceMean(c)", "i = ArgMax(e) axis=1",
                   "j = ArgMax(r) axis=1"),
              LIST("i", "j"), "x fp32>int8 D | c int8>int8");
}

/* Natively, the first reader's format is the input's; results stay in that of their kernel. */
static void native_ends_take_no_reformat(void **state)
{
    (void)state;
    for (ep_io io = EP_IO_NATIVE; io <= EP_IO_NATIVE_FP16_OUT; io++) {
        reformats("gpu", io, LIST(CONV, "y = Relu(c)"), LIST("y"), "");
        reformats("greedy", io, LIST(CONV, "y = Relu(c)"), LIST("y"), "");
        reformats("gpu", io, LIST(CONV, "s = Softmax(x) axis=1"), LIST("c", "s"), "x int8>fp16");
        reformats("greedy", io, LIST(CONV, "y = Softplus(x)"), LIST("c", "y"), "x int8>int8 D");
        /* integers have no precision to differ in */
        reformats("gpu", io, LIST("e = Equal(ids, ids)", "y = Cast(ids) to=1"), LIST("e", "y"), "");
    }
}

/* The DLA writes its output once, in FP16; what the GPU reads of it is made from that. */
static void an_output_of_the_dla_can_be_fp16(void **state)
{
    (void)state;
    const char *const *nodes = LIST(CONV, "y = Softplus(c)");
    reformats("greedy", EP_IO_NATIVE, nodes, LIST("c", "y"), "c int8>int8");
    reformats("greedy", EP_IO_NATIVE_FP16_OUT, nodes, LIST("c", "y"), "c fp16>int8");
    reformats("greedy", EP_IO_NATIVE_FP16_OUT, nodes, LIST("y"), "c int8>int8");
}

/* ---- all examples -------------------------------------------------------------------------- */

static void visit(fixture *f)
{
    for (ep_io io = EP_IO_LINEAR; io <= EP_IO_NATIVE_FP16_OUT; io++) {
        const ep_plan_options options = {.precision = EP_CHOOSE_INT8, .io = io};
        for (uint32_t s = 0; ep_strategy_name(s); s++) {
            assert_int_equal(try_plan(f, ep_strategy_name(s), &options, NULL), EP_OK);
            assert_valid(f->plan);
        }
    }
}

static void examples_have_valid_plans(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    for_each_example(machine, visit);
    ep_machine_free(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_join_a_convolution),
        cmocka_unit_test(other_functions_are_a_pass_of_their_own),
        cmocka_unit_test(a_convolution_stops_at_the_next),
        cmocka_unit_test(a_residual_block_is_two_kernels),
        cmocka_unit_test(a_sum_joins_one_of_two_convolutions),
        cmocka_unit_test(what_others_read_is_not_swallowed),
        cmocka_unit_test(pointwise_layers_join),
        cmocka_unit_test(the_gelu_of_erf_joins_its_product),
        cmocka_unit_test(the_gelu_of_tanh_joins_its_product),
        cmocka_unit_test(a_layer_norm_written_out_is_one_kernel),
        cmocka_unit_test(attention_is_one_kernel),
        cmocka_unit_test(a_softmax_without_values_is_its_own_kernel),
        cmocka_unit_test(the_dla_pipeline_is_one_kernel),
        cmocka_unit_test(pooling_joins_while_its_lines_fit),
        cmocka_unit_test(a_silu_leaves_the_convolution),
        cmocka_unit_test(each_precision_has_its_input),
        cmocka_unit_test(a_crossing_is_one_reformat),
        cmocka_unit_test(native_ends_take_no_reformat),
        cmocka_unit_test(an_output_of_the_dla_can_be_fp16),
        cmocka_unit_test(examples_have_valid_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
