/* Advice: patterns of several layers. The counts of the examples were taken from their ONNX files
 * with a script of its own; the figures of the small networks follow from their shapes and from
 * what the DLA takes (its layers, developer guide 8.6) and are calculated at each test. */
#include <time.h>

#include "sim/sim.h"
#include "tests/unit/plan_fixture.h"

typedef struct advised {
    fixture f;
    ep_arena *arena;
    ep_run run;
    const ep_advice *list;
    uint32_t n;
} advised;

/* Plans what `a->f` has as layers and asks for advice, in the machine's default mode. */
static void advise(advised *a, ep_precision_choice precision)
{
    ep_error err = {0};
    const ep_mode *mode = NULL;
    make_plan(&a->f, "greedy", precision);
    a->arena = ep_arena_new();
    assert_non_null(a->arena);
    assert_int_equal(ep_machine_mode(a->f.machine, NULL, &mode, &err), EP_OK);
    const ep_point point = ep_point_of(a->f.machine, mode);
    if (ep_sim_run(a->f.plan, a->f.planned->costs, &point, &(ep_run_options){1, 1}, a->arena,
                   &a->run, &err) != EP_OK ||
        ep_plan_advise(a->f.planned, a->f.machine, a->run.layer_ns, a->arena, &a->list, &a->n,
                       &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
}

static void advised_free(advised *a)
{
    ep_arena_free(a->arena);
    fixture_free(&a->f);
}

static const ep_advice *find(const advised *a, const char *id)
{
    for (uint32_t i = 0; i < a->n; i++) {
        if (strcmp(a->list[i].id, id) == 0) return &a->list[i];
    }
    return NULL;
}

static const ep_advice *found(const advised *a, const char *id)
{
    const ep_advice *advice = find(a, id);
    if (!advice) fail_msg("no %s", id);
    return advice;
}

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("no \"%s\" in \"%s\"", part, text);
}

/* The finding's layers are those that write these tensors. */
static void assert_layers_write(const advised *a, const ep_advice *advice,
                                const char *const *tensors)
{
    uint32_t n = 0;
    for (; tensors[n]; n++) {
        const uint32_t l = layer_index(&a->f, tensors[n]);
        bool listed = false;
        for (uint32_t i = 0; i < advice->n_layers; i++) listed |= advice->layers[i] == l;
        if (!listed) fail_msg("%s: no layer that writes '%s'", advice->id, tensors[n]);
    }
    assert_int_equal(advice->n_layers, n);
}
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- examples ------------------------------------------------------------------------------ */

static void examples_have_what_their_files_have(void **state)
{
    (void)state;
    static const struct {
        const char *model, *id, *text;
    } cases[] = {
        {"mobilenet_v3_large", "advice.squeeze-excite", "8 squeeze-excite blocks"},
        {"mobilenet_v3_large_dynamo", "advice.squeeze-excite", "8 squeeze-excite blocks"},
        {"mobilenet_v3_small", "advice.squeeze-excite", "9 squeeze-excite blocks"},
        {"efficientnet_b0", "advice.squeeze-excite", "16 squeeze-excite blocks"},
        {"efficientnet_b4", "advice.squeeze-excite", "32 squeeze-excite blocks"},
        {"regnet_y_800mf", "advice.squeeze-excite", "14 squeeze-excite blocks"},
        {"googlenet", "advice.squeeze-excite", NULL},
        {"swin_t", "advice.transformer-block",
         "12 attentions (MatMul, Softmax, MatMul) and 29 LayerNormalizations"},
        {"vit_b_16_dynamo", "advice.transformer-block",
         "12 attentions (MatMul, Softmax, MatMul) and 25 LayerNormalizations"},
        {"bert_base_128", "advice.transformer-block",
         "12 attentions (MatMul, Softmax, MatMul) and 25 LayerNormalizations"},
        {"yolo11n", "advice.transformer-block", "1 attention "},
        {"yolov8s", "advice.transformer-block", NULL},
        {"convnext_tiny", "advice.transformer-block", "23 LayerNormalizations"},
        {"yolov8s", "advice.detection-head", "the DLA refuses 20 of them"},
        {"ssd_resnet34_1200", "advice.detection-head", "the DLA refuses"},
        {"swin_t", "advice.detection-head", NULL},
        {"cifar_groupnorm", "advice.detection-head", NULL},
        {"mobilenet_v2", "advice.detection-head", NULL},
        {"resnet50", "advice.islands", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char file[64];
        advised a = {0};
        (void)snprintf(file, sizeof file, "%s.onnx", cases[i].model);
        load_example(&a.f, file);
        advise(&a, EP_CHOOSE_INT8);
        if (cases[i].text) {
            assert_contains(found(&a, cases[i].id)->text, cases[i].text);
        } else {
            assert_null(find(&a, cases[i].id));
        }
        advised_free(&a);
    }
}

/* YOLOv8 joins box and class maps of three scales, and reshapes them to three dimensions: there it
 * is cut. RetinaNet has a map for boxes and one for classes at each of five scales. */
static void detectors_are_cut_where_their_maps_end(void **state)
{
    (void)state;
    advised yolo = {0}, retina = {0};
    load_example(&yolo.f, "yolov8s.onnx");
    advise(&yolo, EP_CHOOSE_INT8);
    const ep_advice *head = found(&yolo, "advice.detection-head");
    assert_contains(head->hint, "'/Concat_4_output_0', '/Concat_6_output_0' and "
                                "'/Concat_8_output_0',");
    assert_int_equal(head->change, EP_CHANGE_SETTING);
    advised_free(&yolo);

    load_example(&retina.f, "retinanet_resnext50_800.onnx");
    advise(&retina, EP_CHOOSE_INT8);
    head = found(&retina, "advice.detection-head");
    assert_contains(head->hint, "'/h/classification_head/cls_logits/Conv_output_0', ");
    assert_contains(head->hint, " and 6 more,");
    advised_free(&retina);
}

/* ---- squeeze-excite ------------------------------------------------------------------------ */

/* A block on a map of `size` x `size`, between convolutions. */
static advised squeeze_excite(int size, bool closed)
{
    advised a = {0};
    onnx_model *m = &a.f.model;
    char shape[32];
    (void)snprintf(shape, sizeof shape, "1x64x%dx%d", size, size);
    onnx_input(m, "x", EP_DTYPE_FLOAT, shape);
    onnx_weight(m, "w", EP_DTYPE_FLOAT, "64x64x3x3");
    onnx_weight(m, "w1", EP_DTYPE_FLOAT, "16x64x1x1");
    onnx_weight(m, "w2", EP_DTYPE_FLOAT, "64x16x1x1");
    onnx_node(m, "map = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(m, "pool: p = GlobalAveragePool(map)");
    onnx_node(m, "a = Conv(p, w1)");
    onnx_node(m, "b = Relu(a)");
    onnx_node(m, "c = Conv(b, w2)");
    onnx_node(m, "s = HardSigmoid(c)");
    onnx_node(m, "y = Mul(%s, s)", closed ? "map" : "x");
    onnx_output(m, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&a.f);
    advise(&a, EP_CHOOSE_INT8);
    return a;
}

static void a_squeeze_excite_block_is_found(void **state)
{
    (void)state;
    advised a = squeeze_excite(28, true);
    const ep_advice *advice = found(&a, "advice.squeeze-excite");
    assert_layers_write(&a, advice, LIST("p", "a", "b", "c", "s", "y"));
    assert_contains(advice->text, "1 squeeze-excite block: the DLA refuses 2 of their 6 layers "
                                  "(1 global mean, 1 HardSigmoid), and 3 of 3 subgraphs");
    assert_contains(advice->hint, "'pool' as AveragePool 7x7 then 4x4"); /* none above 8x8 */
    assert_contains(advice->hint, "HardSigmoid as Mul, Add and Clip");
    assert_int_equal(advice->change, EP_CHANGE_EXACT);
    advised_free(&a);
}

static void a_prime_map_is_pooled_by_a_convolution(void **state)
{
    (void)state;
    advised a = squeeze_excite(19, true);
    assert_contains(found(&a, "advice.squeeze-excite")->hint,
                    "depthwise convolution with 19x19 equal weights");
    advised_free(&a);
    a = squeeze_excite(37, true); /* the largest kernel is 32 */
    assert_int_equal(found(&a, "advice.squeeze-excite")->change, EP_CHANGE_RETRAIN);
    advised_free(&a);
}

static void what_scales_another_map_is_no_block(void **state)
{
    (void)state;
    advised a = squeeze_excite(28, false);
    assert_null(find(&a, "advice.squeeze-excite"));
    advised_free(&a);
}

/* ---- transformers -------------------------------------------------------------------------- */

/* Convolutions, then one attention of rank 3, which the DLA refuses; its mask is broadcast. */
static void a_network_is_cut_where_attention_begins(void **state)
{
    (void)state;
    advised a = {0};
    onnx_model *m = &a.f.model;
    onnx_input(m, "x", EP_DTYPE_FLOAT, "1x64x16x16");
    onnx_input(m, "mask", EP_DTYPE_FLOAT, "1x1x64");
    onnx_weight(m, "w", EP_DTYPE_FLOAT, "64x64x3x3");
    onnx_weight(m, "gamma", EP_DTYPE_FLOAT, "256");
    ONNX_INTS(m, "rows", 1, 64, 256);
    onnx_node(m, "c = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(m, "d = Conv(c, w) pads=[1,1,1,1]");
    onnx_node(m, "r = Reshape(d, rows)");
    onnx_node(m, "n = LayerNormalization(r, gamma)");
    onnx_node(m, "t = Transpose(n) perm=[0,2,1]");
    onnx_node(m, "qk = MatMul(n, t)");
    onnx_node(m, "masked = Add(mask, qk)");
    onnx_node(m, "s = Softmax(masked) axis=2");
    onnx_node(m, "y = MatMul(s, n)");
    onnx_output(m, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&a.f);
    advise(&a, EP_CHOOSE_INT8);
    const ep_advice *advice = found(&a, "advice.transformer-block");
    assert_layers_write(&a, advice, LIST("n", "qk", "masked", "s", "y"));
    assert_contains(advice->text, "1 attention (MatMul, Softmax, MatMul) and 1 LayerNormalization: "
                                  "the DLA refuses 5 of their 5 layers");
    assert_contains(advice->hint, "cut the network at 'r', where they begin");
    assert_int_equal(advice->change, EP_CHANGE_SETTING);
    advised_free(&a);
}

/* ---- ends ---------------------------------------------------------------------------------- */

static void layers_before_the_dla_are_preprocessing(void **state)
{
    (void)state;
    advised a = {0};
    onnx_model *m = &a.f.model;
    onnx_input(m, "x", EP_DTYPE_UINT8, "1x3x64x64");
    onnx_weight(m, "w", EP_DTYPE_FLOAT, "64x3x3x3");
    onnx_node(m, "to_float: f = Cast(x) to=1");
    onnx_node(m, "c = Conv(f, w)");
    onnx_node(m, "e = Elu(c)");
    onnx_node(m, "y = Relu(e)");
    onnx_output(m, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&a.f);
    advise(&a, EP_CHOOSE_INT8);
    const ep_advice *advice = found(&a, "advice.preprocessing-head");
    assert_layers_write(&a, advice, LIST("f"));
    assert_contains(advice->text, "1 layer between the inputs and the DLA");
    assert_contains(advice->text, "'to_float'");
    assert_contains(advice->hint, "begins with 'f'");
    advised_free(&a);
}

static void an_image_wants_a_convolution_first(void **state)
{
    (void)state;
    for (int scaled = 0; scaled < 2; scaled++) {
        advised a = {0};
        onnx_model *m = &a.f.model;
        onnx_input(m, "x", EP_DTYPE_FLOAT, "1x3x64x64");
        onnx_weight(m, "w", EP_DTYPE_FLOAT, "64x3x3x3");
        onnx_floats(m, "k", "1x3x1x1", (const float[]){1, 2, 3});
        if (scaled) onnx_node(m, "s = Mul(x, k)");
        onnx_node(m, "y = Conv(%s, w)", scaled ? "s" : "x");
        onnx_output(m, "y", EP_DTYPE_FLOAT, NULL);
        build_layers(&a.f);
        advise(&a, EP_CHOOSE_INT8);
        if (scaled) {
            const ep_advice *advice = found(&a, "advice.first-format");
            assert_layers_write(&a, advice, LIST("s"));
            assert_contains(advice->text, "input 'x' cannot be kDLA_HWC4");
        } else {
            assert_null(find(&a, "advice.first-format"));
        }
        advised_free(&a);
    }
}

/* ---- layers on the DLA --------------------------------------------------------------------- */

/* One convolution c -> k of `groups` on a map of 112 x 112. */
static advised convolution(int c, int k, int kernel, int groups, ep_precision_choice precision)
{
    advised a = {0};
    onnx_model *m = &a.f.model;
    char shape[64];
    (void)snprintf(shape, sizeof shape, "1x%dx112x112", c);
    onnx_input(m, "x", EP_DTYPE_FLOAT, shape);
    (void)snprintf(shape, sizeof shape, "%dx%dx%dx%d", k, c / groups, kernel, kernel);
    onnx_weight(m, "w", EP_DTYPE_FLOAT, shape);
    onnx_node(m, "conv: y = Conv(x, w) group=%d", groups);
    onnx_output(m, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&a.f);
    advise(&a, precision);
    return a;
}

/* INT8: blocks of 64 channels in by 64 out; FP16: 16 by 16. */
static void narrow_convolutions_waste_the_array(void **state)
{
    (void)state;
    static const struct {
        int c, k, kernel, groups;
        ep_precision_choice precision;
        const char *use; /* NULL: half of the array or more */
    } cases[] = {
        {64, 64, 3, 1, EP_CHOOSE_INT8, NULL},
        {32, 32, 3, 1, EP_CHOOSE_INT8, "'conv' 25 %"}, /* 32/64 x 32/64 */
        {48, 48, 3, 1, EP_CHOOSE_INT8, NULL},          /* 56 % */
        /* 64 on the diagonal of 64 x 64, 110 results of seven stripes of 16 pixels */
        {64, 64, 3, 64, EP_CHOOSE_INT8, "'conv' 1.5 %"},
        {3, 64, 7, 1, EP_CHOOSE_INT8, NULL}, /* an image: 147 taps in 3 blocks of 64, 77 % */
        {32, 32, 3, 1, EP_CHOOSE_FP16, NULL},
        /* 8/32 x 8/16 of a block, 110 results of four segments of 32 pixels */
        {8, 8, 3, 1, EP_CHOOSE_FP16, "'conv' 11 %"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        advised a = convolution(cases[i].c, cases[i].k, cases[i].kernel, cases[i].groups,
                                cases[i].precision);
        if (cases[i].use) {
            const ep_advice *advice = found(&a, "advice.mac-waste");
            assert_contains(advice->text, cases[i].use);
            assert_int_equal(advice->change, EP_CHANGE_RETRAIN);
        } else if (find(&a, "advice.mac-waste")) {
            fail_msg("case %zu: %s", i, find(&a, "advice.mac-waste")->text);
        }
        advised_free(&a);
    }
}

static void fp16_convolutions_are_slow(void **state)
{
    (void)state;
    advised a = convolution(64, 64, 3, 1, EP_CHOOSE_FP16);
    const ep_advice *advice = found(&a, "advice.fp16-convolution");
    assert_contains(advice->text, "1/16 of its INT8 rate"); /* 512 and 8192 a cycle */
    assert_contains(advice->text, "100 % of the time");
    advised_free(&a);
    a = convolution(64, 64, 3, 1, EP_CHOOSE_INT8);
    assert_null(find(&a, "advice.fp16-convolution"));
    advised_free(&a);
}

/* Puts a Q/DQ pair of that scale on tensor NAME; what comes out is NAME_q. */
static void quantize(onnx_model *m, const char *name, float scale)
{
    char scale_name[64], zero[64];
    (void)snprintf(scale_name, sizeof scale_name, "%s_scale", name);
    (void)snprintf(zero, sizeof zero, "%s_zero", name);
    onnx_floats(m, scale_name, "", &scale);
    onnx_raw(m, zero, EP_DTYPE_INT8, "", "", 1);
    onnx_node(m, "%s_i = QuantizeLinear(%s, %s, %s)", name, name, scale_name, zero);
    onnx_node(m, "%s_q = DequantizeLinear(%s_i, %s, %s)", name, name, scale_name, zero);
}

/* The convolution that reads the input through a Q/DQ pair wants INT8, the other FP16. */
static void an_image_is_of_one_precision(void **state)
{
    (void)state;
    advised a = {0};
    onnx_model *m = &a.f.model;
    onnx_input(m, "x", EP_DTYPE_FLOAT, "1x3x64x64");
    onnx_weight(m, "w", EP_DTYPE_FLOAT, "64x3x3x3");
    quantize(m, "x", 0.5F);
    onnx_node(m, "y = Conv(x_q, w)");
    onnx_node(m, "z = Conv(x, w)");
    onnx_output(m, "y", EP_DTYPE_FLOAT, NULL);
    onnx_output(m, "z", EP_DTYPE_FLOAT, NULL);
    build_layers(&a.f);
    advise(&a, EP_CHOOSE_INT8);
    const ep_advice *advice = found(&a, "advice.first-format");
    assert_layers_write(&a, advice, LIST("y", "z"));
    assert_contains(advice->text, "in INT8 and in FP16");
    assert_int_equal(advice->change, EP_CHANGE_SETTING);
    advised_free(&a);
}

static void layers_without_scales_are_named(void **state)
{
    (void)state;
    advised a = {0};
    onnx_model *m = &a.f.model;
    onnx_input(m, "x", EP_DTYPE_FLOAT, "1x64x32x32");
    onnx_weight(m, "w", EP_DTYPE_FLOAT, "64x64x3x3");
    quantize(m, "x", 0.5F);
    onnx_node(m, "first: c = Conv(x_q, w)");
    onnx_node(m, "second: d = Conv(c, w)");
    onnx_node(m, "y = Sigmoid(d)"); /* FP16 with a scale or without */
    onnx_output(m, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&a.f);
    advise(&a, EP_CHOOSE_INT8);
    const ep_advice *advice = found(&a, "advice.int8-scales");
    assert_layers_write(&a, advice, LIST("d"));
    assert_contains(advice->hint, "before every input of 'second'.");
    assert_layers_write(&a, found(&a, "advice.fp16-convolution"), LIST("d"));
    advised_free(&a);
}

static void operands_share_a_range(void **state)
{
    (void)state;
    for (int same = 0; same < 2; same++) {
        advised a = {0};
        onnx_model *m = &a.f.model;
        onnx_input(m, "u", EP_DTYPE_FLOAT, "1x64x32x32");
        onnx_input(m, "v", EP_DTYPE_FLOAT, "1x64x32x32");
        quantize(m, "u", 0.02F);
        quantize(m, "v", same ? 0.02F : 0.05F);
        onnx_node(m, "sum: y = Add(u_q, v_q)");
        onnx_output(m, "y", EP_DTYPE_FLOAT, NULL);
        build_layers(&a.f);
        advise(&a, EP_CHOOSE_INT8);
        if (same) {
            assert_null(find(&a, "advice.shared-range"));
        } else {
            const ep_advice *advice = found(&a, "advice.shared-range");
            assert_layers_write(&a, advice, LIST("y"));
            assert_contains(advice->text, "up to 2.5 times apart");
        }
        advised_free(&a);
    }
}

static void small_subgraphs_are_islands(void **state)
{
    (void)state;
    advised a = {0};
    onnx_model *m = &a.f.model;
    onnx_input(m, "x", EP_DTYPE_FLOAT, "1x64x32x32");
    onnx_weight(m, "w", EP_DTYPE_FLOAT, "64x64x3x3");
    onnx_node(m, "c = Conv(x, w)");
    onnx_node(m, "r = Relu(c)");
    onnx_node(m, "d = Conv(r, w)");
    onnx_node(m, "e = Elu(d)");
    onnx_node(m, "island: i = Relu(e)");
    onnx_node(m, "y = Elu(i)");
    onnx_output(m, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&a.f);
    advise(&a, EP_CHOOSE_INT8);
    const ep_advice *advice = found(&a, "advice.islands");
    assert_layers_write(&a, advice, LIST("i"));
    assert_contains(advice->text, "1 of 2 subgraphs is small, 1 layer with 0 % of the MACs");
    assert_contains(advice->text, "1 of 16 loadables, 2 transitions");
    assert_contains(advice->hint, "'island'");
    advised_free(&a);
}

/* ---- what holds for all -------------------------------------------------------------------- */

static void check_example(fixture *f)
{
    advised a = {.f = *f};
    advise(&a, EP_CHOOSE_INT8);
    for (uint32_t i = 0; i < a.n; i++) {
        const ep_advice *advice = &a.list[i];
        double ns = 0;
        assert_true(advice->n_layers > 0 && advice->text[0] && advice->hint[0]);
        for (uint32_t j = 0; j < advice->n_layers; j++) {
            assert_true(advice->layers[j] < f->layers->n_layers);
            assert_true(j == 0 || advice->layers[j] > advice->layers[j - 1]);
            ns += a.run.layer_ns[advice->layers[j]];
        }
        assert_true(ns >= advice->ns * 0.999999 && ns <= advice->ns * 1.000001);
        assert_true(i == 0 || advice->ns <= a.list[i - 1].ns);
        for (uint32_t j = 0; j < i; j++) assert_string_not_equal(advice->id, a.list[j].id);
    }
    ep_arena_free(a.arena);
    ep_planned_free(a.f.planned);
    f->planned = NULL;
    f->plan = NULL;
}

static void examples_get_sound_advice(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    for_each_example(machine, check_example);
    ep_machine_free(machine);
}

static void without_a_dla_there_is_nothing_to_say(void **state)
{
    (void)state;
    advised a = {0};
    ep_error err = {0};
    const double ns[1] = {1};
    onnx_input(&a.f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_node(&a.f.model, "y = Relu(x)");
    onnx_output(&a.f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&a.f);
    make_plan(&a.f, "gpu", EP_CHOOSE_INT8);
    a.arena = ep_arena_new();
    assert_int_equal(ep_plan_advise(a.f.planned, a.f.machine, ns, a.arena, &a.list, &a.n, &err),
                     EP_OK);
    assert_int_equal(a.n, 0);
    advised_free(&a);
}

/* Many pools of one map, many readers of one tensor, many operands of one layer: nothing is looked
 * at once for each of the others. */
static void large_networks_take_no_longer_than_their_size(void **state)
{
    (void)state;
    enum { N = 13000 };
    advised a = {0};
    onnx_model *m = &a.f.model;
    pb all = {0};
    onnx_input(m, "x", EP_DTYPE_FLOAT, "1x8x16x16");
    for (int i = 0; i < N; i++) {
        char name[32];
        onnx_node(m, "p%d = GlobalAveragePool(x)", i);
        onnx_node(m, "s%d = Softmax(p%d) axis=1", i, i % 7);
        onnx_node(m, "e%d = Elu(s%d)", i, i);
        (void)snprintf(name, sizeof name, "e%d", i);
        pb_string(&all, 1, name);
    }
    pb_string(&all, 2, "y");
    pb_string(&all, 4, "Concat");
    pb axis = {0};
    pb_string(&axis, 1, "axis");
    pb_int(&axis, 3, 1);
    pb_int(&axis, 20, 2);
    pb_message(&all, 5, &axis);
    pb_message(&m->graph, 1, &all);
    onnx_output(m, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&a.f);
    const clock_t planning = clock();
    advise(&a, EP_CHOOSE_INT8);
    const clock_t begin = clock();
    ep_error err = {0};
    assert_int_equal(
        ep_plan_advise(a.f.planned, a.f.machine, a.run.layer_ns, a.arena, &a.list, &a.n, &err),
        EP_OK);
    const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (seconds > 1) {
        fail_msg("%.2f s, %.2f s with the plan", seconds,
                 (double)(clock() - planning) / CLOCKS_PER_SEC);
    }
    advised_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_have_what_their_files_have),
        cmocka_unit_test(detectors_are_cut_where_their_maps_end),
        cmocka_unit_test(a_squeeze_excite_block_is_found),
        cmocka_unit_test(a_prime_map_is_pooled_by_a_convolution),
        cmocka_unit_test(what_scales_another_map_is_no_block),
        cmocka_unit_test(layers_before_the_dla_are_preprocessing),
        cmocka_unit_test(an_image_wants_a_convolution_first),
        cmocka_unit_test(an_image_is_of_one_precision),
        cmocka_unit_test(a_network_is_cut_where_attention_begins),
        cmocka_unit_test(narrow_convolutions_waste_the_array),
        cmocka_unit_test(fp16_convolutions_are_slow),
        cmocka_unit_test(layers_without_scales_are_named),
        cmocka_unit_test(operands_share_a_range),
        cmocka_unit_test(small_subgraphs_are_islands),
        cmocka_unit_test(examples_get_sound_advice),
        cmocka_unit_test(without_a_dla_there_is_nothing_to_say),
        cmocka_unit_test(large_networks_take_no_longer_than_their_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
