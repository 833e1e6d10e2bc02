/* DLA rules: the table, the general rules, convolution, deconvolution and pooling, each rule at its
 * bound and just past it. */
#include "tests/unit/rules_fixture.h"

/* ---- the table ----------------------------------------------------------------------------- */

static void test_table(void **state)
{
    (void)state;
    uint32_t n = 0;
    bool left_general = false;
    for (const ep_rule *rule; (rule = ep_rule_row(n)) != NULL; n++) {
        assert_non_null(strchr(rule->id, '.'));
        assert_true(strlen(rule->text) > 10 && rule->text[strlen(rule->text) - 1] == '.');
        assert_true(strlen(rule->hint) > 5 && rule->hint[strlen(rule->hint) - 1] == '.');
        assert_true(strlen(rule->source) > 5);
        for (uint32_t i = 0; i < n; i++) assert_string_not_equal(rule->id, ep_rule_row(i)->id);
        const bool general = strncmp(rule->id, "general.", 8) == 0;
        assert_false(general && left_general);
        if (!general) left_general = true;
        assert_ptr_equal(ep_rule_find(rule->id), rule);
    }
    assert_true(n > 50);
    assert_null(ep_rule_find("general"));
    assert_true(ep_rule_is_about_combinations(ep_rule_find("general.loadables")));
    assert_false(ep_rule_is_about_combinations(ep_rule_find("conv.kernel")));
    assert_null(ep_rule_row(n));
    assert_null(ep_rule_row(UINT32_MAX));
}

/* What a rule prints has a value for every key, whatever the machine and the software. */
static void expect_texts(const char *path, const char *software)
{
    char set[100];
    (void)snprintf(set, sizeof set, "dla_software=%s", software);
    const char *const sets[] = {set};
    const ep_machine_options options = {.n_sets = software[0] != 0, .sets = sets};
    ep_machine *machine;
    ep_error err = {0};
    assert_int_equal(ep_machine_load(path, &options, &machine, &err), EP_OK);
    const ep_rule *rule;
    for (uint32_t i = 0; (rule = ep_rule_row(i)); i++) {
        ep_text text = {0};
        ep_rule_text(rule, machine, &text);
        assert_null(strpbrk(ep_text_cstr(&text), "{}?!"));
        /* every number of a module with a DLA is there; only a module without has "none" */
        if (machine->dla.cores > 0) assert_null(strstr(ep_text_cstr(&text), "none"));
        assert_int_equal(text.data[text.length - 1], '.');
        ep_text_free(&text);
    }
    for (uint32_t i = 0; !software[0] && i < machine->n_dla_softwares; i++) {
        expect_texts(path, machine->dla_softwares[i]);
    }
    ep_machine_free(machine);
}

static void test_texts(void **state)
{
    (void)state;
    const ep_machine_options options = {.installed = EP_SOURCE_DIR "/hwmodels"};
    ep_catalog *catalog;
    ep_error err = {0};
    assert_int_equal(ep_catalog_load(&options, &catalog, &err), EP_OK);
    assert_true(catalog->n > 5);
    for (uint32_t i = 0; i < catalog->n; i++) expect_texts(catalog->entries[i].path, "");
    ep_catalog_free(catalog);
}

static void expect_text(const ep_machine *machine, const char *id, const char *expected)
{
    ep_text text = {0};
    ep_rule_text(ep_rule_find(id), machine, &text);
    assert_string_equal(ep_text_cstr(&text), expected);
    ep_text_free(&text);
}

static void test_text(void **state)
{
    (void)state;
    ep_machine machine = {.dla = orin_dla};
    expect_text(&machine, "conv.kernel", "Kernel height and width lie in 1..32.");
    expect_text(&machine, "general.cbuf",
                "One kernel and the input rows of one output row fit the 16 banks of 32 KiB of the "
                "convolution buffer.");
    expect_text(&machine, "elementwise.function", "The function is Sum, Sub, Prod, Max, Min.");
    machine.dla.limits.div = true;
    machine.dla.limits.conv_kernel.max = 7;
    expect_text(&machine, "elementwise.function", "The function is Sum, Sub, Prod, Max, Min, Div.");
    expect_text(&machine, "conv.kernel", "Kernel height and width lie in 1..7.");
}

/* ---- explaining ---------------------------------------------------------------------------- */

/* Every rule of the layer's type, in the order of the table, those that hold too. */
static void test_explain(void **state)
{
    (void)state;
    fixture f = given_conv("1x4x64x64", "1x8x64x64", 33);
    connect(&f);
    ep_arena *arena = ep_arena_new();
    ep_trial *trials;
    uint32_t n, row = 0, refused = 0;
    ep_error err = {0};
    assert_int_equal(ep_dla_explain(&f.layers, &f.machine, EP_INT8, 0, arena, &trials, &n, &err),
                     EP_OK);
    for (uint32_t t = 0; t < n; t++) {
        while (ep_rule_row(row) != trials[t].refusal.rule) assert_non_null(ep_rule_row(row++));
        assert_false(ep_rule_is_about_combinations(trials[t].refusal.rule));
        if (trials[t].holds) {
            assert_string_equal(trials[t].refusal.value, "");
            continue;
        }
        refused++;
        assert_string_equal(trials[t].refusal.rule->id, "conv.kernel");
        assert_string_equal(trials[t].refusal.value, "kernel 33x33");
        assert_int_equal(trials[t].refusal.change, EP_CHANGE_EXACT);
    }
    assert_int_equal(refused, 1);
    /* general: no-dla, precision, type, rank, batch, dimension, dynamic-shape, cbuf, cbuf-group;
     * conv: dims, weights, kernel, padding, stride, dilation, groups, channels */
    assert_int_equal(n, 17);
    f.machine.dla = (ep_dla){0};
    assert_int_equal(ep_dla_explain(&f.layers, &f.machine, EP_INT8, 0, arena, &trials, &n, &err),
                     EP_OK);
    assert_int_equal(n, 1);
    assert_string_equal(trials[0].refusal.rule->id, "general.no-dla");
    ep_arena_free(arena);
}

/* ---- general ------------------------------------------------------------------------------- */

static void test_no_dla(void **state)
{
    (void)state;
    fixture f = given_conv("1x3xx", "", 99);
    f.machine.dla = (ep_dla){0};
    refuses(&f, "general.no-dla: no DLA [a module with a DLA]");
    refuses_in(&f, EP_FP32, "general.no-dla: no DLA [a module with a DLA]");
}

static void test_unsupported(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_GATHER, EP_FN_NONE, "Gather", "1x5x6", "1x6");
    refuses(&f, "general.unsupported: Gather [an operator of the DLA]");
    f = given(EP_LAYER_PLUGIN, EP_FN_NONE, "My\nOp", "1x5x6", "1x6");
    refuses(&f, "general.unsupported: My?Op [an operator of the DLA]");
    /* nothing to read and nothing to write must not trip the rules */
    for (ep_layer_type type = 0; type < EP_LAYER_TYPE_COUNT; type++) {
        f = given(type, EP_FN_NONE, "Op", "1x1x1x1", "1x1x1x1");
        f.layer[0].n_inputs = f.layer[0].n_outputs = 0;
        char text[1000];
        ep_precision precision;
        ask(&f, EP_INT8, text, sizeof text, &precision);
    }
}

static void test_precision(void **state)
{
    (void)state;
    fixture f = given_conv("1x64x56x56", "1x64x56x56", 3);
    refuses_in(&f, EP_FP32, "general.precision: fp32 [fp16, int8]");
    refuses_in(&f, EP_TF32, "general.precision: tf32 [fp16, int8]");
    accepts_as(&f, EP_FP16, EP_FP16);
    accepts_as(&f, EP_INT8, EP_INT8);
}

static void test_precision_in_quantized_network(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_ELEMENTWISE, EP_FN_SUM, "Add", "1x8x4x4", "1x8x4x4");
    add_input(&f, "1x8x4x4");
    accepts_as(&f, EP_INT8, EP_INT8); /* no Q/DQ anywhere: scales are assumed */
    f.layers.quantized = true;
    accepts_as(&f, EP_INT8, EP_FP16);
    f.scale[f.inputs[0]] = 0.5F;
    accepts_as(&f, EP_INT8, EP_FP16); /* the other input still has none */
    f.scale[f.inputs[1]] = 0.5F;
    accepts_as(&f, EP_INT8, EP_INT8);
    f.scale[f.inputs[1]] = 0;
    f.is_quantized[f.outputs[0]] = true;
    accepts_as(&f, EP_INT8, EP_INT8); /* between a convolution and its Q */
    accepts_as(&f, EP_FP16, EP_FP16);
}

static void test_type(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_ELEMENTWISE, EP_FN_SUM, "Add", "1x8x4x4", "1x8x4x4");
    f.tensor[f.inputs[0]].dtype = EP_DTYPE_FLOAT16;
    accepts(&f);
    f.tensor[f.inputs[0]].dtype = EP_DTYPE_INT64;
    refuses(&f, "general.type: int64 [real numbers]");
}

static void test_rank(void **state)
{
    (void)state;
    fixture f = given_relu("8x100");
    accepts(&f);
    f = given_relu("1x84x8400");
    refuses(&f, "general.rank: rank 3: 1x84x8400 [2, or 4 and more]");
    f = given_relu("7");
    refuses(&f, "general.rank: rank 1: 7 [2, or 4 and more]");
    f = given_relu("2x3x4x5x6");
    accepts(&f);
}

static void test_batch(void **state)
{
    (void)state;
    fixture f = given_relu("4096x1x2x2");
    accepts(&f);
    f = given_relu("4097x1x2x2");
    refuses(&f, "general.batch: batch 4097 [1..4096]");
    f = given_relu("64x64x1x2x2");
    accepts(&f);
    f = given_relu("64x65x1x2x2");
    refuses(&f, "general.batch: batch 4160 [1..4096]");
    f = given_relu("0x1x2x2");
    refuses(&f, "general.batch: batch 0 [1..4096]");
}

static void test_dimension(void **state)
{
    (void)state;
    fixture f = given_relu("1x8192x2x8192");
    accepts(&f);
    f = given_relu("1x1x8193x2");
    refuses(&f, "general.dimension: height 8193 [1..8192]");
    f = given_relu("1x9216");
    refuses(&f, "general.dimension: channels 9216 [1..8192]");
}

static void test_dynamic_shape(void **state)
{
    (void)state;
    fixture f = given_relu("1x3x8x8");
    accepts(&f);
    f.tensor[f.outputs[0]].was_symbolic = 1 << 2;
    refuses(&f, "general.dynamic-shape: varying dimension 2 of map [min = opt = max]");
    /* a long name is cut between characters */
    f.tensor[f.outputs[0]].name = "/backbone/stage3/layer\xc3\xa4/"
                                  "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                                  "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4";
    refuses(&f, "general.dynamic-shape: varying dimension 2 of /backbone/stage3/layer\xc3\xa4/"
                "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4..."
                " [min = opt = max]");
}

/* Numbers by hand: tests/unit/sim_cbuf_test.c. */
static void test_cbuf(void **state)
{
    (void)state;
    /* NVIDIA/TensorRT#3499 */
    fixture f = given_conv("1x512x80x160", "1x256x80x160", 3);
    accepts_as(&f, EP_INT8, EP_INT8);
    refuses_in(&f, EP_FP16, "general.cbuf-group: 5 weight + 15 input banks [16 banks]");
    f.layers.quantized = true; /* no scale: INT8 is asked, FP16 is what it would be */
    refuses_in(&f, EP_INT8, "general.cbuf-group: 5 weight + 15 input banks [16 banks]");

    /* 180 columns: 32 atoms x 45 entries x 3 rows = 4320: 16.9 banks, too much with any kernel */
    f = given_conv("1x512x180x180", "1x128x180x180", 3);
    refuses_in(&f, EP_FP16, "general.cbuf: 1 weight + 17 input banks [16 banks]");

    /* 11 data banks and 5 weight banks fill the buffer exactly: 117 columns are 936 entries x 3 =
     * 2808; a 118th makes 944 x 3 = 2832, 12 banks */
    f = given_conv("1x512x20x117", "1x64x20x117", 3);
    accepts_as(&f, EP_FP16, EP_FP16);
    f = given_conv("1x512x20x118", "1x64x20x118", 3);
    refuses_in(&f, EP_FP16, "general.cbuf-group: 5 weight + 12 input banks [16 banks]");
}

/* ---- convolution --------------------------------------------------------------------------- */

static void test_convolution_window(void **state)
{
    (void)state;
    fixture f = given_conv("1x4x64x64", "1x8x64x64", 3);
    ep_window *w = &f.layer[0].window;
    accepts(&f);
    set2(w->kernel, 32, 1);
    accepts(&f);
    set2(w->kernel, 33, 1);
    refuses(&f, "conv.kernel: kernel 33x1 [1..32]");

    set2(w->kernel, 32, 32);
    set2(w->pad_begin, 31, 0);
    set2(w->pad_end, 0, 31);
    accepts(&f);
    set2(w->pad_end, 0, 32);
    refuses(&f, "conv.padding: padding 31x0 before, 0x32 after [0..31]");
    set2(w->kernel, 3, 3);
    set2(w->pad_begin, 2, 2);
    set2(w->pad_end, 2, 2);
    accepts(&f);
    set2(w->pad_begin, 2, 3);
    refuses(&f, "conv.padding: padding 2x3 before, 2x2 after [below the window, 3x3]");
    set2(w->pad_begin, -1, 0);
    refuses(&f, "conv.padding: padding -1x0 before, 2x2 after [0..31]");
    set2(w->pad_begin, 0, 0);

    set2(w->stride, 8, 8);
    accepts(&f);
    set2(w->stride, 8, 9);
    refuses(&f, "conv.stride: stride 8x9 [1..8]");
    set2(w->stride, 1, 1);
    set2(w->dilation, 32, 32);
    accepts(&f);
    set2(w->dilation, 33, 1);
    refuses(&f, "conv.dilation: dilation 33x1 [1..32]");
}

static void test_convolution(void **state)
{
    (void)state;
    fixture f = given_conv("1x8192x4x4", "1x8192x4x4", 1);
    f.layer[0].groups = 8192;
    accepts(&f);
    f.layer[0].groups = 8193;
    refuses(&f, "conv.groups: 8193 groups [1..8192]");
    f.layer[0].groups = 0;
    refuses(&f, "conv.groups: 0 groups [1..8192]");

    f = given_conv("1x8192x4x4", "1x8192x4x4", 1);
    accepts(&f);
    f.machine.dla.limits.dim_max = 9000; /* bounds are the machine's */
    f.tensor[f.outputs[0]].shape.dims[1] = 8193;
    refuses(&f, "conv.channels: channels 8192 in, 8193 out [1..8192]");
    f.machine.dla.limits.conv_channels.max = 8193;
    accepts(&f);
    f.machine.dla.limits.conv_kernel = (ep_range){2, 5};
    refuses(&f, "conv.kernel: kernel 1x1 [2..5]");

    f = given_conv("1x8x4x4x4", "1x8x4x4x4", 3);
    f.layer[0].window.rank = 3;
    f.layer[0].window.kernel[2] = f.layer[0].window.stride[2] = f.layer[0].window.dilation[2] = 1;
    refuses(&f, "conv.dims: 3-D [2-D]");
    f = given_conv("1x8x100", "1x8x100", 3);
    f.layer[0].window.rank = 1;
    refuses(&f, "general.rank: rank 3: 1x8x100 [2, or 4 and more]\nconv.dims: 1-D [2-D]");

    f = given_conv("1x8x4x4", "1x8x4x4", 1);
    add_input(&f, "8x8x1x1");
    refuses(&f, "conv.weights: weights computed at run time [constants]");
}

/* All refusals are collected, general ones first. */
static void test_several_refusals(void **state)
{
    (void)state;
    fixture f = given_conv("5000x4x64x64", "5000x8x1x1", 33);
    set2(f.layer[0].window.stride, 9, 9);
    refuses_in(&f, EP_FP32,
               "general.precision: fp32 [fp16, int8]\n"
               "general.batch: batch 5000 [1..4096]\n"
               "conv.kernel: kernel 33x33 [1..32]\n"
               "conv.stride: stride 9x9 [1..8]");
}

static void test_fully_connected(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_FULLY_CONNECTED, EP_FN_NONE, "Gemm", "8x8192", "8x1000");
    f.layer[0].gemm = (ep_gemm){.batch = 1, .m = 8, .n = 1000, .k = 8192};
    accepts(&f);
    f.layer[0].gemm.n = 8193;
    refuses(&f, "fc.channels: channels 8192 in, 8193 out [1..8192]");

    /* VGG's first: 512 x 7 x 7 */
    f = given(EP_LAYER_FULLY_CONNECTED, EP_FN_NONE, "Gemm", "1x25088", "1x4096");
    f.layer[0].gemm = (ep_gemm){.batch = 1, .m = 1, .n = 4096, .k = 25088};
    refuses(&f, "general.dimension: channels 25088 [1..8192]\n"
                "fc.channels: channels 25088 in, 4096 out [1..8192]");

    /* rows are the batch */
    f = given(EP_LAYER_FULLY_CONNECTED, EP_FN_NONE, "Gemm", "4097x16", "4097x8");
    f.layer[0].gemm = (ep_gemm){.batch = 1, .m = 4097, .n = 8, .k = 16};
    refuses(&f, "general.batch: batch 4097 [1..4096]");

    f = given(EP_LAYER_FULLY_CONNECTED, EP_FN_NONE, "MatMul", "1x197x768", "1x197x768");
    f.layer[0].gemm = (ep_gemm){.batch = 1, .m = 197, .n = 768, .k = 768};
    refuses(&f, "general.rank: rank 3: 1x197x768 [2, or 4 and more]");
    f = given(EP_LAYER_FULLY_CONNECTED, EP_FN_NONE, "MatMul", "1x56x56x96", "1x56x56x384");
    f.layer[0].gemm = (ep_gemm){.batch = 1, .m = 3136, .n = 384, .k = 96};
    refuses(&f, "fc.operand: 1x56x56x96 [N x C]");

    f = given(EP_LAYER_FULLY_CONNECTED, EP_FN_NONE, "Gemm", "16x16", "16x8");
    f.layer[0].gemm = (ep_gemm){.batch = 1, .m = 16, .n = 8, .k = 16};
    f.attr = (ep_attr){.name = "transA", .type = EP_ATTR_INT, .i = 1};
    f.node.n_attrs = 1;
    refuses(&f, "fc.operand: 16x16 transposed [N x C]");
}

static void test_matrix_multiply(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_MATRIX_MULTIPLY, EP_FN_NONE, "MatMul", "1x8x64x64", "1x8x64x64");
    refuses(&f, "matmul.operand: MatMul [a constant matrix as second operand]");
    add_input(&f, "1x8x64x64");
    refuses(&f, "matmul.operand: MatMul of computed operands "
                "[a constant matrix as second operand]");
}

/* ---- deconvolution ------------------------------------------------------------------------- */

static fixture given_deconv(int64_t kernel, int64_t stride)
{
    fixture f = given_window(EP_LAYER_DECONVOLUTION, EP_FN_NONE, "ConvTranspose", "1x16x8x8",
                             "1x16x16x16", kernel);
    set2(f.layer[0].window.stride, stride, stride);
    return f;
}

static void test_deconvolution_window(void **state)
{
    (void)state;
    fixture f = given_deconv(2, 2);
    ep_window *w = &f.layer[0].window;
    accepts(&f);
    set2(w->kernel, 22, 22);
    set2(w->stride, 22, 22);
    accepts(&f);
    set2(w->stride, 2, 2);
    set2(w->kernel, 23, 23);
    refuses(&f, "deconv.square: kernel 23x23 [not square in 23..32]");
    set2(w->kernel, 32, 31);
    accepts(&f);
    set2(w->stride, 32, 32);
    refuses(&f, "deconv.square: stride 32x32 [not square in 23..32]");
    set2(w->stride, 1, 32);
    accepts(&f);
    set2(w->kernel, 33, 2);
    refuses(&f, "deconv.kernel: kernel 33x2 [1..32, or 1 by 64, 96, 128]");
    set2(w->kernel, 2, 2);
    set2(w->stride, 33, 1);
    refuses(&f, "deconv.stride: stride 33x1 [1..32, or 1 by 64, 96, 128]");
    set2(w->stride, 1, 96);
    set2(w->kernel, 1, 96);
    accepts(&f);
    set2(w->stride, 128, 1);
    set2(w->kernel, 64, 1);
    accepts(&f);
    set2(w->kernel, 64, 64);
    refuses(&f, "deconv.kernel: kernel 64x64 [1..32, or 1 by 64, 96, 128]");
}

static void test_deconvolution(void **state)
{
    (void)state;
    fixture f = given_deconv(4, 2);
    set2(f.layer[0].window.pad_begin, 1, 1);
    set2(f.layer[0].window.pad_end, 1, 1);
    refuses(&f, "deconv.padding: padding 1x1 before, 1x1 after [0]");
    f = given_deconv(3, 2);
    set2(f.layer[0].window.output_pad, 1, 0);
    refuses(&f, "deconv.padding: output padding 1x0 [0]");
    f = given_deconv(2, 2);
    f.layer[0].groups = 16;
    refuses(&f, "deconv.groups: 16 groups [1]");
    f = given_deconv(2, 2);
    set2(f.layer[0].window.dilation, 2, 2);
    refuses(&f, "deconv.dilation: dilation 2x2 [1]");
    f = given_deconv(2, 2);
    f.machine.dla.limits.deconv_channels.max = 16;
    accepts(&f);
    f.machine.dla.limits.deconv_channels.max = 15;
    refuses(&f, "deconv.channels: channels 16 in, 16 out [1..15]");
    f = given_deconv(2, 2);
    f.layer[0].window.rank = 1;
    refuses(&f, "deconv.dims: 1-D [2-D]");
    f = given_deconv(2, 2);
    add_input(&f, "16x16x2x2");
    refuses(&f, "deconv.weights: weights computed at run time [constants]");
}

/* ---- pooling ------------------------------------------------------------------------------- */

static fixture given_pool(ep_function function, const char *op, int64_t window)
{
    return given_window(EP_LAYER_POOLING, function, op, "1x64x56x56", "1x64x28x28", window);
}

static void test_pooling(void **state)
{
    (void)state;
    fixture f = given_pool(EP_FN_MAX_POOL, "MaxPool", 8);
    ep_window *w = &f.layer[0].window;
    accepts(&f);
    set2(w->pad_begin, 7, 7);
    set2(w->pad_end, 7, 7);
    set2(w->stride, 16, 16);
    accepts(&f);
    set2(w->stride, 17, 16);
    refuses(&f, "pool.stride: stride 17x16 [1..16]");
    set2(w->stride, 1, 1);
    set2(w->kernel, 8, 9);
    refuses(&f, "pool.window: window 8x9 [1..8]");
    set2(w->kernel, 8, 8);
    set2(w->pad_end, 8, 7);
    refuses(&f, "pool.padding: padding 7x7 before, 8x7 after [0..7]\n"
                "pool.padding-window: padding 7x7 before, 8x7 after [below the window, 8x8]");
    set2(w->pad_begin, 0, 0);
    set2(w->pad_end, 3, 3);
    set2(w->kernel, 3, 3);
    refuses(&f, "pool.padding-window: padding 0x0 before, 3x3 after [below the window, 3x3]");
    set2(w->pad_end, 0, 0);
    set2(w->dilation, 2, 1);
    refuses(&f, "pool.dilation: dilation 2x1 [1]");
    f = given_pool(EP_FN_OTHER_POOL, "LpPool", 2);
    refuses(&f, "pool.function: LpPool [Max, Average]");
    f = given_pool(EP_FN_MAX_POOL, "MaxPool", 2);
    f.layer[0].window.rank = 1;
    refuses(&f, "pool.dims: 1-D [2-D]");
}

static void test_global_pooling(void **state)
{
    (void)state;
    fixture f = given_pool(EP_FN_AVERAGE_POOL, "GlobalAveragePool", 8);
    f.layer[0].global = true;
    accepts(&f);
    set2(f.layer[0].window.kernel, 14, 14);
    refuses(&f, "pool.window: window 14x14 [1..8]");
    f.machine.dla.limits.reduce_max = true;
    refuses(&f, "pool.window: window 14x14 [1..8]");
    f.layer[0].function = EP_FN_MAX_POOL;
    accepts(&f); /* a ReduceMax */
    f.machine.dla.limits.reduce_max = false;
    refuses(&f, "pool.window: window 14x14 [1..8]");
}

static void test_inclusive_padding(void **state)
{
    (void)state;
    fixture f = given_pool(EP_FN_AVERAGE_POOL, "AveragePool", 3);
    set2(f.layer[0].window.pad_begin, 1, 1);
    accepts(&f);
    f.machine.dla.limits.pool_inclusive_padding_only = true; /* Xavier */
    refuses(&f, "pool.inclusive-padding: average without its padding [count_include_pad = 1]");
    f.layer[0].count_include_pad = true;
    accepts(&f);
    f.layer[0].count_include_pad = false;
    set2(f.layer[0].window.pad_begin, 0, 0);
    accepts(&f);
    f.layer[0].function = EP_FN_MAX_POOL;
    set2(f.layer[0].window.pad_begin, 1, 1);
    accepts(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_no_dla),
        cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_precision),
        cmocka_unit_test(test_precision_in_quantized_network),
        cmocka_unit_test(test_type),
        cmocka_unit_test(test_rank),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_dimension),
        cmocka_unit_test(test_dynamic_shape),
        cmocka_unit_test(test_cbuf),
        cmocka_unit_test(test_convolution_window),
        cmocka_unit_test(test_convolution),
        cmocka_unit_test(test_several_refusals),
        cmocka_unit_test(test_fully_connected),
        cmocka_unit_test(test_matrix_multiply),
        cmocka_unit_test(test_deconvolution_window),
        cmocka_unit_test(test_deconvolution),
        cmocka_unit_test(test_pooling),
        cmocka_unit_test(test_global_pooling),
        cmocka_unit_test(test_inclusive_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
