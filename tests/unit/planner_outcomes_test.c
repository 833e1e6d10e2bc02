/* What is known of real networks on a DLA, from issues, tutorials and guides: placement must come
 * out the same. */
#include "tests/unit/plan_fixture.h"

static ep_machine *machine_named(const char *name, const char *set)
{
    char path[512];
    ep_machine *machine = NULL;
    ep_error err = {0};
    (void)snprintf(path, sizeof path, EP_SOURCE_DIR "/hwmodels/%s.yaml", name);
    const ep_machine_options options = {.n_sets = set ? 1 : 0, .sets = &set};
    if (ep_machine_load(path, &options, &machine, &err) != EP_OK) fail_msg("%s", err.text);
    return machine;
}

static bool refused_by(const fixture *f, uint32_t layer, const char *id)
{
    const ep_verdict *verdict = &f->planned->verdicts[layer];
    for (uint32_t i = 0; i < verdict->n_refusals; i++) {
        if (strcmp(verdict->refusals[i].rule->id, id) == 0) return true;
    }
    return false;
}

static uint32_t count_refused(const fixture *f, const char *id)
{
    uint32_t n = 0;
    for (uint32_t l = 0; l < f->layers->n_layers; l++) n += refused_by(f, l, id);
    return n;
}

static uint32_t count_fallbacks(const fixture *f)
{
    uint32_t n = 0;
    for (uint32_t l = 0; l < f->layers->n_layers; l++) n += f->plan->device[l] == EP_GPU;
    return n;
}

/* The operators of each subgraph joined by "+", subgraphs by " | ". */
static void assert_subgraphs(const fixture *f, const char *expected)
{
    ep_text text = {0};
    for (uint32_t s = 0; s < f->plan->n_subgraphs; s++) {
        const ep_subgraph *subgraph = &f->plan->subgraphs[s];
        for (uint32_t i = 0; i < subgraph->n_layers; i++) {
            ep_text_printf(&text, "%s%s",
                           i   ? "+"
                           : s ? " | "
                               : "",
                           f->layers->layers[subgraph->layers[i]].op);
        }
    }
    assert_string_equal(ep_text_cstr(&text), expected);
    ep_text_free(&text);
}

/* ---- one layer ------------------------------------------------------------------------------ */

/* github.com/NVIDIA/TensorRT/issues/3499: on Orin with TensorRT 8.5.2 the layer is refused, "reduce
 * size of input or weights"; in FP16, as it was asked for. That INT8 would pass follows from the
 * arithmetic of general.cbuf-group. */
static void a_convolution_that_fills_the_buffer(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x512x80x160");
    onnx_stripped(&f.model, "w", EP_DTYPE_FLOAT, "256x512x3x3");
    onnx_node(&f.model, "y = Conv(x, w) pads=[1,1,1,1]");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "greedy", EP_CHOOSE_FP16);
    assert_int_equal(f.planned->verdicts[0].n_refusals, 1);
    assert_true(refused_by(&f, 0, "general.cbuf-group"));
    assert_int_equal(f.plan->n_subgraphs, 0);
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_true(f.planned->verdicts[0].accepted);
    assert_int_equal(f.plan->n_subgraphs, 1);
    fixture_free(&f);
}

static fixture given_softmax(void)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x1000");
    onnx_node(&f.model, "r = Relu(x)");
    onnx_node(&f.model, "y = Softmax(r) axis=1");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    return f;
}

/* TensorRT 8.4 to 8.6, NvInfer.h and developer guide: Softmax is for Orin only. */
static void softmax_never_on_xavier(void **state)
{
    (void)state;
    static const char *const names[] = {"xavier-agx", "xavier-nx"};
    static const char *const versions[] = {NULL, "dla_software=trt-8.5", "dla_software=trt-8.6"};
    fixture f = given_softmax();
    for (size_t i = 0; i < 2; i++) {
        for (size_t v = 0; v < 3; v++) {
            f.machine = machine_named(names[i], versions[v]);
            make_plan(&f, "greedy", EP_CHOOSE_INT8);
            assert_true(refused_by(&f, layer_index(&f, "y"), "softmax.version"));
            assert_subgraphs(&f, "Relu");
            ep_machine_free(f.machine);
        }
    }
    f.machine = machine_named("orin-agx", NULL);
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_subgraphs(&f, "Relu+Softmax");
    fixture_free(&f);
}

/* NVIDIA Deep-Learning-Accelerator-SW, FAQ: Orin Nano has no DLA. The plan is the GPU's. */
static void orin_nano_has_no_dla(void **state)
{
    (void)state;
    fixture f = given_softmax();
    f.machine = machine_named("orin-nano-8gb", NULL);
    ep_error err = {0};
    const ep_plan_options options = {.dla = EP_DLA_NONE};
    assert_int_equal(try_plan(&f, "greedy", &options, &err), EP_OK);
    assert_int_equal(f.plan->n_subgraphs, 0);
    assert_int_equal(f.plan->transitions, 0);
    const ep_plan_options first = {.dla = EP_DLA_FIRST};
    assert_int_equal(try_plan(&f, "greedy", &first, &err), EP_INFEASIBLE);
    assert_non_null(strstr(err.text, "has 0 DLA cores"));
    ep_arena *arena = ep_arena_new();
    ep_verdict *verdicts;
    assert_int_equal(ep_dla_check(f.layers, f.machine, EP_INT8, arena, &verdicts, &err), EP_OK);
    for (uint32_t l = 0; l < f.layers->n_layers; l++) {
        assert_string_equal(verdicts[l].refusals[0].rule->id, "general.no-dla");
    }
    ep_arena_free(arena);
    fixture_free(&f);
}

/* ---- the tutorial's classifiers ------------------------------------------------------------- */

/* NVIDIA's jetson_dla_tutorial classifies CIFAR-10 and compares GroupNorm with BatchNorm: trtexec
 * prints 5 DLA subgraphs for the one, 2 for the other. Known of its networks: a Sequential of 3x3
 * convolutions, each with its norm and a ReLU, the channels growing from 64; the mean over height
 * and width, which runs on the GPU as a REDUCE; a Linear to 10. In its log of the BatchNorm version
 * everything up to the mean is `{ForeignNode[Conv_0...Relu_7]}`, in that of the GroupNorm version
 * the first fallback is `Reshape_2`, the begin of a group norm directly behind Conv_0.
 * Assumed here: three stages, as five subgraphs need, max pooling between them, as the eight nodes
 * Conv_0 to Relu_7 then need, 64, 128 and 256 channels, 8 groups, a batch of 32. */
typedef enum norm { BATCH_NORM, GROUP_NORM_EXPANDED, GROUP_NORM } norm;

/* As PyTorch exports nn.GroupNorm(8, channels) up to opset 17: as an InstanceNormalization whose
 * channels are the groups. `shape` is that of x. */
static void add_expanded_group_norm(onnx_model *m, int i, int channels, const char *shape)
{
    char name[32], dims[32];
    (void)snprintf(name, sizeof name, "gamma%d", i);
    (void)snprintf(dims, sizeof dims, "%dx1x1", channels);
    onnx_stripped(m, name, EP_DTYPE_FLOAT, dims);
    (void)snprintf(name, sizeof name, "beta%d", i);
    onnx_stripped(m, name, EP_DTYPE_FLOAT, dims);
    int64_t like_x[4];
    int rank;
    onnx_dims(shape, like_x, &rank);
    (void)snprintf(name, sizeof name, "like_x%d", i);
    onnx_int_list(m, name, like_x, 4);
    onnx_node(m, "groups%d = Reshape(c%d, in_groups)", i, i);
    onnx_node(m, "instance%d = InstanceNormalization(groups%d, ones, zeros)", i, i);
    onnx_node(m, "back%d = Reshape(instance%d, like_x%d)", i, i, i);
    onnx_node(m, "scaled%d = Mul(back%d, gamma%d)", i, i, i);
    onnx_node(m, "n%d = Add(scaled%d, beta%d)", i, i, i);
}

static void add_norm(onnx_model *m, norm kind, int i, int channels, const char *shape)
{
    char name[32], dims[32];
    if (kind == GROUP_NORM_EXPANDED) {
        add_expanded_group_norm(m, i, channels, shape);
        return;
    }
    if (kind == BATCH_NORM) return; /* the exporter folds it into the convolution */
    (void)snprintf(dims, sizeof dims, "%d", channels);
    (void)snprintf(name, sizeof name, "gamma%d", i);
    onnx_stripped(m, name, EP_DTYPE_FLOAT, dims);
    (void)snprintf(name, sizeof name, "beta%d", i);
    onnx_stripped(m, name, EP_DTYPE_FLOAT, dims);
    onnx_node(m, "n%d = GroupNormalization(c%d, gamma%d, beta%d) num_groups=8", i, i, i, i);
}

static fixture tutorial(norm kind)
{
    static const int channels[] = {3, 64, 128, 256};
    fixture f = {.model.opset = kind == GROUP_NORM ? 21 : 17};
    onnx_model *m = &f.model;
    onnx_input(m, "r0", EP_DTYPE_FLOAT, "32x3x32x32");
    onnx_floats(m, "ones", "8", (const float[]){1, 1, 1, 1, 1, 1, 1, 1});
    onnx_weight(m, "zeros", EP_DTYPE_FLOAT, "8");
    ONNX_INTS(m, "in_groups", 0, 8, -1);
    for (int i = 1; i <= 3; i++) {
        char name[32], dims[64], shape[64];
        const int size = 64 >> i; /* 32, 16, 8 */
        (void)snprintf(name, sizeof name, "w%d", i);
        (void)snprintf(dims, sizeof dims, "%dx%dx3x3", channels[i], channels[i - 1]);
        (void)snprintf(shape, sizeof shape, "32x%dx%dx%d", channels[i], size, size);
        onnx_stripped(m, name, EP_DTYPE_FLOAT, dims);
        onnx_node(m, "c%d = Conv(r%d, w%d) pads=[1,1,1,1]", i, i - 1, i);
        add_norm(m, kind, i, channels[i], shape);
        onnx_node(m, "%s%d = Relu(%c%d)", i < 3 ? "relu" : "r", i, kind == BATCH_NORM ? 'c' : 'n',
                  i);
        if (i < 3) {
            onnx_node(m, "r%d = MaxPool(relu%d) kernel_shape=[2,2] strides=[2,2]", i, i);
        }
    }
    onnx_stripped(m, "w_fc", EP_DTYPE_FLOAT, "10x256");
    if (kind == GROUP_NORM) { /* opset 18 made an input of the axes */
        ONNX_INTS(m, "hw", 2, 3);
        onnx_node(m, "mean = ReduceMean(r3, hw) keepdims=0");
    } else {
        onnx_node(m, "mean = ReduceMean(r3) axes=[2,3] keepdims=0");
    }
    onnx_node(m, "y = Gemm(mean, w_fc) transB=1");
    onnx_output(m, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_valid(f.plan);
    return f;
}

static void the_tutorial_with_batch_norm(void **state)
{
    (void)state;
    fixture f = tutorial(BATCH_NORM);
    assert_subgraphs(&f, "Conv+Relu+MaxPool+Conv+Relu+MaxPool+Conv+Relu | Gemm");
    fixture_free(&f);
}

/* Scale and shift behind an expanded norm run on the DLA: they go with the layers that follow and
 * make no subgraph of their own. */
static void the_tutorial_with_group_norm(void **state)
{
    (void)state;
    fixture f = tutorial(GROUP_NORM_EXPANDED);
    assert_subgraphs(&f, "Conv | Mul+Add+Relu+MaxPool+Conv | Mul+Add+Relu+MaxPool+Conv | "
                         "Mul+Add+Relu | Gemm");
    assert_int_equal(count_fallbacks(&f), 3 * 3 + 1);
    fixture_free(&f);
    f = tutorial(GROUP_NORM);
    assert_subgraphs(&f, "Conv | Relu+MaxPool+Conv | Relu+MaxPool+Conv | Relu | Gemm");
    assert_int_equal(count_fallbacks(&f), 3 + 1);
    fixture_free(&f);
}

/* Ours have five stages. */
static void the_example_classifiers(void **state)
{
    (void)state;
    fixture f = {0};
    load_example(&f, "cifar_groupnorm.onnx");
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_int_equal(f.plan->n_subgraphs, 5 + 2);
    fixture_free(&f);
    load_example(&f, "cifar_batchnorm.onnx");
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_int_equal(f.plan->n_subgraphs, 2);
    fixture_free(&f);
}

/* ---- whole networks ------------------------------------------------------------------------- */

/* GoogLeNet without its Softmax, as our file is, is one subgraph on Orin (its per-layer profile in
 * github.com/ismetdagli/HaX-CoNN); ResNet-50 runs on the DLA alone
 * (NVIDIA Deep-Learning-Accelerator-SW, README). */
static void classifiers_are_one_subgraph(void **state)
{
    (void)state;
    static const char *const names[] = {"googlenet.onnx", "resnet50.onnx"};
    for (size_t i = 0; i < 2; i++) {
        fixture f = {0};
        load_example(&f, names[i]);
        make_plan(&f, "greedy", EP_CHOOSE_INT8);
        assert_int_equal(f.plan->n_subgraphs, 1);
        assert_int_equal(count_fallbacks(&f), 0);
        assert_int_equal(f.plan->transitions, 0);
        fixture_free(&f);
    }
}

/* Per layer, whether it is a Reshape from four dimensions to three or follows from one. */
static bool *behind_reshape(const fixture *f)
{
    const ep_layers *layers = f->layers;
    const ep_tensor *tensors = layers->network->tensors;
    bool *behind = calloc(layers->n_layers, sizeof *behind);
    assert_non_null(behind);
    for (uint32_t l = 0; l < layers->n_layers; l++) {
        const ep_layer *layer = &layers->layers[l];
        behind[l] |= layer->function == EP_FN_RESHAPE &&
                     tensors[layer->inputs[0]].shape.rank == 4 &&
                     tensors[layer->outputs[0]].shape.rank == 3;
        for (uint32_t i = 0; i < layer->n_inputs; i++) {
            const uint32_t producer = layers->producer[layers->root[layer->inputs[i]]];
            if (producer != EP_NO_INDEX) behind[l] |= behind[producer];
        }
    }
    return behind;
}

/* github.com/ultralytics/ultralytics/issues/23488: "DLA only supports slicing 4 dimensional
 * tensors", "DLA only supports concatenation on the C dimension", for layers of the head, where
 * boxes become rows of three dimensions. SiLU is Sigmoid and Mul, both of which the DLA has (NVIDIA
 * Deep-Learning-Accelerator-SW, operators/README.md). */
static void yolov8_falls_back_in_its_head(void **state)
{
    (void)state;
    static const char *const names[] = {"yolov8n.onnx", "yolov8s.onnx"};
    for (size_t i = 0; i < 2; i++) {
        fixture f = {0};
        load_example(&f, names[i]);
        make_plan(&f, "greedy", EP_CHOOSE_INT8);
        bool *in_head = behind_reshape(&f);
        uint32_t sigmoids = 0, products = 0;
        for (uint32_t l = 0; l < f.layers->n_layers; l++) {
            const ep_layer *layer = &f.layers->layers[l];
            assert_int_equal(f.planned->verdicts[l].accepted, !in_head[l]);
            if (in_head[l] && layer->type == EP_LAYER_CONCATENATION) {
                assert_true(refused_by(&f, l, "concat.axis"));
            }
            if (in_head[l] && layer->type == EP_LAYER_SLICE) {
                assert_true(refused_by(&f, l, "slice.rank"));
            }
            sigmoids += !in_head[l] && layer->function == EP_FN_SIGMOID;
            products += !in_head[l] && layer->function == EP_FN_PROD;
        }
        assert_int_equal(count_refused(&f, "concat.axis"), 3);
        assert_int_equal(count_refused(&f, "slice.rank"), 3);
        assert_int_equal(sigmoids, products);
        assert_true(sigmoids > 50);
        assert_int_equal(f.plan->n_subgraphs, 1);
        free(in_head);
        fixture_free(&f);
    }
}

/* ---- settings ------------------------------------------------------------------------------- */

static void assert_all_refused_by(const fixture *f, const char *id)
{
    assert_int_equal(count_refused(f, id), f->layers->n_layers);
    assert_int_equal(f->plan->n_subgraphs, 0);
}

/* TensorRT developer guide 8.4 and 8.5, Working with DLA: FP16 and INT8 only, a batch of at most
 * 4096, min = opt = max in every profile. */
static void fp32_stays_on_the_gpu(void **state)
{
    (void)state;
    fixture f = {0};
    load_example(&f, "resnet18.onnx");
    make_plan(&f, "greedy", EP_CHOOSE_FP32);
    assert_all_refused_by(&f, "general.precision");
    fixture_free(&f);
}

/* A network with a symbolic batch, so small that nothing but the batch can be too large. */
static fixture small_with(const ep_specialize_options *options)
{
    fixture f = {0};
    ep_error err = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "Nx8x8x8");
    onnx_stripped(&f.model, "w", EP_DTYPE_FLOAT, "8x8x3x3");
    onnx_node(&f.model, "c = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "y = Relu(c)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    if (onnx_parse(&f.model, &f.imported, &err) != EP_OK ||
        ep_specialize(f.imported, options, &f.network, &err) != EP_OK ||
        ep_layers_build(f.network, &f.layers, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    return f;
}

static void the_batch_is_limited(void **state)
{
    (void)state;
    fixture f = small_with(&(ep_specialize_options){.batch = 4096});
    assert_subgraphs(&f, "Conv+Relu");
    fixture_free(&f);
    f = small_with(&(ep_specialize_options){.batch = 4097});
    assert_all_refused_by(&f, "general.batch");
    fixture_free(&f);
}

static void a_dynamic_batch_stays_on_the_gpu(void **state)
{
    (void)state;
    static const ep_input_shape one = {"x", {4, {1, 8, 8, 8}}}, eight = {"x", {4, {8, 8, 8, 8}}};
    ep_specialize_options options = {.n_min_shapes = 1, .n_max_shapes = 1};
    options.min_shapes = options.max_shapes = &eight;
    fixture f = small_with(&options);
    assert_subgraphs(&f, "Conv+Relu");
    fixture_free(&f);
    options.min_shapes = &one;
    f = small_with(&options);
    assert_int_equal(f.network->batch_to, 8);
    assert_all_refused_by(&f, "general.dynamic-shape");
    fixture_free(&f);
}

/* Behind a pooling that makes 1x1 of every size the shapes are fixed again. */
static void a_dynamic_size_ends_at_the_global_pool(void **state)
{
    (void)state;
    static const ep_input_shape least = {"x", {4, {1, 8, 4, 8}}}, most = {"x", {4, {1, 8, 8, 8}}};
    fixture f = {0};
    ep_error err = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8xhx8");
    onnx_stripped(&f.model, "w", EP_DTYPE_FLOAT, "8x8x3x3");
    onnx_stripped(&f.model, "v", EP_DTYPE_FLOAT, "16x8x1x1");
    onnx_node(&f.model, "c = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "r = Relu(c)");
    onnx_node(&f.model, "p = GlobalMaxPool(r)");
    onnx_node(&f.model, "y = Conv(p, v)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    const ep_specialize_options options = {
        .min_shapes = &least, .n_min_shapes = 1, .max_shapes = &most, .n_max_shapes = 1};
    if (onnx_parse(&f.model, &f.imported, &err) != EP_OK ||
        ep_specialize(f.imported, &options, &f.network, &err) != EP_OK ||
        ep_layers_build(f.network, &f.layers, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_int_equal(count_refused(&f, "general.dynamic-shape"), 3);
    assert_true(f.planned->verdicts[layer_index(&f, "y")].accepted);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_that_fills_the_buffer),
        cmocka_unit_test(softmax_never_on_xavier),
        cmocka_unit_test(orin_nano_has_no_dla),
        cmocka_unit_test(the_tutorial_with_batch_norm),
        cmocka_unit_test(the_tutorial_with_group_norm),
        cmocka_unit_test(the_example_classifiers),
        cmocka_unit_test(classifiers_are_one_subgraph),
        cmocka_unit_test(yolov8_falls_back_in_its_head),
        cmocka_unit_test(fp32_stays_on_the_gpu),
        cmocka_unit_test(the_batch_is_limited),
        cmocka_unit_test(a_dynamic_batch_stays_on_the_gpu),
        cmocka_unit_test(a_dynamic_size_ends_at_the_global_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
