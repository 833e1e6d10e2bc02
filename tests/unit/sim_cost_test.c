/* What kernels cost: counts by hand, from the geometry of the machine and the shapes. */
#include <math.h>

#include "tests/unit/plan_fixture.h"

static void assert_close(double actual, double expected)
{
    if (fabs(actual - expected) <= 1e-9 * fabs(expected)) return;
    fail_msg("%.12g, expected %.12g", actual, expected);
}

static ep_point maxn_of(const fixture *f)
{
    const ep_mode *mode;
    assert_int_equal(ep_machine_mode(f->machine, "MAXN", &mode, NULL), EP_OK);
    return ep_point_of(f->machine, mode);
}

/* The cost of the kernel that writes `tensor`. */
static const ep_cost *cost_of(const fixture *f, const char *tensor)
{
    const uint32_t t = tensor_index(f, tensor);
    for (uint32_t k = 0; k < f->plan->n_kernels; k++) {
        const ep_kernel *kernel = &f->plan->kernels[k];
        if (kernel->kind == EP_KERNEL_LAYERS && kernel->outputs[0] == t) {
            return &f->planned->costs[k];
        }
    }
    fail_msg("no kernel writes %s", tensor);
    return NULL;
}

/* x -> Conv -> y on the DLA. */
static fixture convolution(const char *x, const char *w, const char *attributes,
                           ep_precision_choice precision)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, x);
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, w);
    onnx_node(&f.model, "y = Conv(x, w) %s", attributes);
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "greedy", precision);
    return f;
}

/* ---- DLA ----------------------------------------------------------------------------------- */

/* Two pipes, each 64 channels in by 64 out a cycle; a row of 56 takes four stripes of 16 pixels: 3
 * x 3 x 56 x 64 / 2 cycles for one block. */
static void a_dla_pipe_takes_blocks_of_channels(void **state)
{
    (void)state;
    const struct {
        const char *x, *w, *attributes;
        double blocks;
    } cases[] = {
        {"1x64x56x56", "64x64x3x3", "pads=[1,1,1,1]", 1},
        {"1x64x56x56", "65x64x3x3", "pads=[1,1,1,1]", 2}, /* one more out */
        {"1x65x56x56", "64x65x3x3", "pads=[1,1,1,1]", 2}, /* one more in */
        {"1x128x56x56", "128x128x3x3", "pads=[1,1,1,1]", 4},
        {"1x8x56x56", "8x8x3x3", "pads=[1,1,1,1]", 1},    /* a block mostly empty */
        {"2x64x56x56", "64x64x3x3", "pads=[1,1,1,1]", 2}, /* two images */
        {"1x128x56x56", "128x64x3x3", "pads=[1,1,1,1] group=2", 2},
        {"1x64x56x56", "64x1x3x3", "pads=[1,1,1,1] group=64", 1}, /* 64 groups share a block */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f = convolution(cases[i].x, cases[i].w, cases[i].attributes, EP_CHOOSE_INT8);
        assert_kernels(&f, "[Conv]");
        assert_close(cost_of(&f, "y")->tactics[0].cpipe_cycles, cases[i].blocks * 9 * 56 * 64 / 2);
        assert_close(cost_of(&f, "y")->tactics[0].macs, (double)layer_of(&f, "y")->macs);
        fixture_free(&f);
    }
}

/* FP16 runs on Rubik: 56 rows of two segments of 32 pixels, for each of which all 64 x 64 x 9
 * weights come again; 512 MACs a cycle. */
static void fp16_convolution_runs_on_rubik(void **state)
{
    (void)state;
    fixture f = convolution("1x64x56x56", "64x64x3x3", "pads=[1,1,1,1]", EP_CHOOSE_FP16);
    const ep_phases *phases = &cost_of(&f, "y")->tactics[0];
    assert_kernels(&f, "[Conv]");
    assert_close(phases->rubik_cycles, 64 * 64 * 9 * 32.0 * 56 * 2 / 512);
    assert_close(phases->dram_bytes, 64 * 64 * 9 * 2.0 * 56 * 2 + 2 * 64 * 56 * 56 * 2);
    assert_close(phases->cpipe_cycles, 0);
    fixture_free(&f);
}

/* 16,128 cycles at 1600 MHz are 10.08 us. Each pipe reads 29 of the 56 rows, one beyond its half,
 * of 3584 bytes, and all 36,864 bytes of weights; 200,704 bytes are written. At 54 GB/s that adds,
 * and 0.7 us to the next layer. */
static void dla_time_is_compute_memory_and_gap(void **state)
{
    (void)state;
    fixture f = convolution("1x64x56x56", "64x64x3x3", "pads=[1,1,1,1]", EP_CHOOSE_INT8);
    const double bytes = 2 * (29 * 3584 + 36864) + 200704;
    assert_close(cost_of(&f, "y")->tactics[0].dram_bytes, bytes);
    f.machine->dla.layer_gap_us = 0.7;
    f.machine->dla.fill_cycles = 0;
    f.machine->dla.dram_gbps = 54;
    f.machine->dla.pipe_gbps = 27;
    for (int overlap = 0; overlap <= 1; overlap++) { /* 1: the longer hides the other */
        f.machine->dla.overlap = overlap;
        make_plan(&f, "greedy", EP_CHOOSE_INT8);
        const ep_point point = maxn_of(&f);
        assert_close(ep_cost_ns(cost_of(&f, "y"), &point, NULL),
                     (overlap ? fmax(10080, bytes / 54) : 10080 + bytes / 54) + 700);
    }
    f.machine->dla.fill_cycles = 3200; /* 2 us */
    const ep_point point = maxn_of(&f);
    assert_close(ep_cost_ns(cost_of(&f, "y"), &point, NULL), fmax(10080, bytes / 54) + 2700);
    fixture_free(&f);
}

/* Between two layers of a loadable a tensor stays inside; channels are padded to 32 bytes: 24 x 16
 * x 16 take 8192. Both pipes read the 768 bytes of weights. */
static void small_results_stay_in_sram(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x32x16x16");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "24x32x1x1");
    onnx_weight(&f.model, "v", EP_DTYPE_FLOAT, "32x24x1x1");
    onnx_node(&f.model, "a = Conv(x, w)");
    onnx_node(&f.model, "y = Conv(a, v)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_kernels(&f, "[Conv] | [Conv]");
    assert_close(cost_of(&f, "a")->tactics[0].sram_bytes, 8192);
    assert_close(cost_of(&f, "a")->tactics[0].dram_bytes, 8192 + 2 * 768);
    assert_close(cost_of(&f, "y")->tactics[0].sram_bytes, 8192);
    assert_close(cost_of(&f, "y")->tactics[0].dram_bytes, 8192 + 2 * 768);
    f.machine->dla.sram_bytes = 8191;
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_close(cost_of(&f, "a")->tactics[0].sram_bytes, 0);
    assert_close(cost_of(&f, "a")->tactics[0].dram_bytes, 2 * 8192 + 2 * 768);
    fixture_free(&f);
}

/* What leaves in FP16 is computed in FP16: on Rubik, with all of its traffic. */
static void an_fp16_output_is_computed_on_rubik(void **state)
{
    (void)state;
    fixture f = convolution("1x64x56x56", "64x64x3x3", "pads=[1,1,1,1]", EP_CHOOSE_INT8);
    const uint32_t y = tensor_index(&f, "y");
    for (ep_io io = EP_IO_LINEAR; io <= EP_IO_NATIVE_FP16_OUT; io++) {
        const bool fp16 = io == EP_IO_NATIVE_FP16_OUT;
        ep_plan_options options = {.precision = EP_CHOOSE_INT8, .io = io};
        assert_int_equal(try_plan(&f, "greedy", &options, NULL), EP_OK);
        assert_int_equal(ep_sim_tensor_precision(f.plan, y, EP_FP32), fp16 ? EP_FP16 : EP_INT8);
        assert_true((cost_of(&f, "y")->tactics[0].rubik_cycles > 0) == fp16);
        assert_int_equal(cost_of(&f, "y")->precision, fp16 ? EP_FP16 : EP_INT8);
        options.dla = EP_DLA_NONE;
        assert_int_equal(try_plan(&f, "greedy", &options, NULL), EP_OK);
        assert_int_equal(ep_sim_tensor_precision(f.plan, y, EP_FP32), EP_INT8);
    }
    fixture_free(&f);
}

/* ---- sparsity ------------------------------------------------------------------------------ */

/* The cost of y with sparse weights or without. */
static ep_cost cost_when(fixture *f, const char *strategy, ep_precision_choice precision,
                         bool sparse)
{
    const ep_plan_options options = {.precision = precision, .sparse = sparse};
    assert_int_equal(try_plan(f, strategy, &options, NULL), EP_OK);
    return *cost_of(f, "y");
}

/* sparse_rate times the speed where TensorRT's guide allows it; half of the weights and two bits
 * for each of that half: 5/8 of them, read by each pipe or each pipe its own, whichever reads less
 * in all. */
static void the_dla_skips_zeros_of_wide_int8_convolutions(void **state)
{
    (void)state;
    const struct {
        const char *x, *w, *attributes;
        ep_precision_choice precision;
        double weights; /* as they are read; 0: stays dense */
    } cases[] = {
        {"1x128x14x14", "128x128x3x3", "", EP_CHOOSE_INT8, 128 * 128 * 9},
        {"1x65x14x14", "128x65x1x1", "", EP_CHOOSE_INT8, 2 * 128 * 65},
        {"1x64x14x14", "128x64x1x1", "", EP_CHOOSE_INT8, 0}, /* not more than 64 in */
        {"1x128x14x14", "96x128x1x1", "", EP_CHOOSE_INT8, 2 * 96 * 128},
        {"1x128x14x14", "65x128x1x1", "", EP_CHOOSE_INT8, 2 * 65 * 128},
        {"1x128x14x14", "88x128x1x1", "", EP_CHOOSE_INT8, 0}, /* 24 more than 64 out */
        {"1x128x14x14", "67x128x1x1", "", EP_CHOOSE_INT8, 0},
        {"1x256x14x14", "256x128x1x1", "group=2", EP_CHOOSE_INT8, 0},
        {"1x128x14x14", "128x128x3x3", "", EP_CHOOSE_FP16, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f = convolution(cases[i].x, cases[i].w, cases[i].attributes, cases[i].precision);
        const ep_phases dense = cost_when(&f, "greedy", cases[i].precision, false).tactics[0];
        const ep_phases sparse = cost_when(&f, "greedy", cases[i].precision, true).tactics[0];
        const double rate = f.machine->dla.sparse_rate;
        assert_close(sparse.cpipe_cycles, dense.cpipe_cycles / (cases[i].weights > 0 ? rate : 1));
        assert_close(sparse.rubik_cycles, dense.rubik_cycles);
        assert_close(dense.dram_bytes - sparse.dram_bytes, cases[i].weights * 3 / 8);
        assert_close(sparse.macs, dense.macs);
        fixture_free(&f);
    }
}

/* The tactic of that name. */
static ep_phases tactic_of(const fixture *f, const ep_cost *cost, const char *name)
{
    for (uint32_t t = 0; t < ep_cost_n_tactics(cost); t++) {
        ep_phases phases;
        char own[EP_TACTIC_TEXT];
        if (!ep_cost_phases(cost, f->machine, t, &phases)) continue;
        if (strcmp(ep_cost_tactic_name(cost, t, own), name) == 0) return phases;
    }
    fail_msg("no tactic %s", name);
    return (ep_phases){0};
}

/* The first tactic that suits. */
static ep_phases first(const fixture *f, const ep_cost *cost)
{
    ep_phases phases = {0};
    for (uint32_t t = 0; t < ep_cost_n_tactics(cost); t++) {
        if (ep_cost_phases(cost, f->machine, t, &phases)) return phases;
    }
    fail_msg("no tactic");
    return phases;
}

/* A tile of 128 x 128 takes 128 * 128 / 1024 cycles a step along k in FP16, half of it when sparse,
 * twice as many where sums are in FP32, at half the rate. */
static void the_gpu_skips_zeros_on_tensor_cores(void **state)
{
    (void)state;
    fixture f = convolution("1x64x56x56", "256x64x1x1", "", EP_CHOOSE_FP16);
    f.machine->gpu.kernels.sustained_fp16 = 1;
    const ep_cost dense_cost = cost_when(&f, "gpu", EP_CHOOSE_FP16, false);
    const ep_cost sparse_cost = cost_when(&f, "gpu", EP_CHOOSE_FP16, true);
    const ep_phases dense = tactic_of(&f, &dense_cost, "tile 128x128x64");
    const ep_phases sparse = tactic_of(&f, &sparse_cost, "tile 128x128x64");
    assert_close(dense.tensor_tile_cycles, 64 * 16);
    assert_close(sparse.tensor_tile_cycles, 64 * 8);
    assert_close(sparse.macs, dense.macs);
    /* two bytes and two bits a pair: 9/16; through L2 once for each of 25 rows of tiles */
    const double saved = 256 * 64 * 2 * 7.0 / 16;
    assert_close(dense.l2_bytes - sparse.l2_bytes, 25 * saved);
    f.machine->gpu.kernels.fp32_sums = 1;
    assert_close(tactic_of(&f, &dense_cost, "tile 128x128x64").tensor_tile_cycles, 64 * 32);
    f.machine->gpu.kernels.fp32_sums = 0;
    f.machine->gpu.sparse_speedup = 1; /* no sparse tensor cores: stored dense */
    const ep_cost without_cost = cost_when(&f, "gpu", EP_CHOOSE_FP16, true);
    const ep_phases without = tactic_of(&f, &without_cost, "tile 128x128x64");
    assert_close(without.tensor_tile_cycles, dense.tensor_tile_cycles);
    assert_close(without.l2_bytes, dense.l2_bytes);
    fixture_free(&f);
}

/* One sparse instruction takes 32 channels of FP16, 64 of INT8. */
static void narrow_products_stay_dense_on_the_gpu(void **state)
{
    (void)state;
    const struct {
        const char *x, *w, *attributes;
        ep_precision_choice precision;
        double saved;
    } cases[] = {
        {"1x32x8x8", "16x32x1x1", "", EP_CHOOSE_FP16, 16 * 32 * 2 * 7.0 / 16},
        {"1x24x8x8", "16x24x1x1", "", EP_CHOOSE_FP16, 0},
        {"1x64x8x8", "16x64x1x1", "", EP_CHOOSE_INT8, 16 * 64 * 3.0 / 8},
        {"1x32x8x8", "16x32x1x1", "", EP_CHOOSE_INT8, 0},
        {"1x64x8x8", "64x1x3x3", "group=64", EP_CHOOSE_FP16, 0},
        {"1x64x8x8", "16x64x1x1", "", EP_CHOOSE_FP32, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f = convolution(cases[i].x, cases[i].w, cases[i].attributes, cases[i].precision);
        f.machine->gpu.l2_kept_share = 0; /* all bytes come from DRAM */
        const ep_cost dense = cost_when(&f, "gpu", cases[i].precision, false);
        const ep_cost sparse = cost_when(&f, "gpu", cases[i].precision, true);
        assert_close(first(&f, &dense).dram_bytes - first(&f, &sparse).dram_bytes, cases[i].saved);
        fixture_free(&f);
    }
    fixture f = {0}; /* 128 bias values stay; B is 256 x 128 */
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "4x256");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "256x128");
    onnx_weight(&f.model, "b", EP_DTYPE_FLOAT, "128");
    onnx_node(&f.model, "y = Gemm(x, w, b)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "gpu", EP_CHOOSE_FP16);
    f.machine->gpu.l2_kept_share = 0;
    const ep_cost dense = cost_when(&f, "gpu", EP_CHOOSE_FP16, false);
    const ep_cost sparse = cost_when(&f, "gpu", EP_CHOOSE_FP16, true);
    const double operands = 2 * 4 * (256 + 128);
    assert_close(first(&f, &dense).dram_bytes, operands + (256 * 128 + 128) * 2);
    assert_close(first(&f, &sparse).dram_bytes, operands + 256 * 128 * 2 * 9.0 / 16 + 128 * 2);
    fixture_free(&f);
}

/* ---- GPU ----------------------------------------------------------------------------------- */

/* `node` makes y of x and z, in FP16 on the GPU. */
static fixture on_gpu(const char *x, const char *z, const char *node)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, x);
    if (z) onnx_input(&f.model, "z", EP_DTYPE_FLOAT, z);
    onnx_node(&f.model, "%s", node);
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "gpu", EP_CHOOSE_FP16);
    return f;
}

/* 16 Mi elements in FP16: 32 MiB in, 32 MiB out, all through DRAM at its reachable rate, 204.736
 * GB/s x 0.925; what the arithmetic takes is far less. */
static void a_large_stream_takes_dram_time(void **state)
{
    (void)state;
    fixture f = on_gpu("1x64x512x512", NULL, "y = Relu(x)");
    const ep_point point = maxn_of(&f);
    assert_close(cost_of(&f, "y")->tactics[0].dram_bytes, 64.0 * 1024 * 1024);
    const double memory_ns = 64.0 * 1024 * 1024 / (204.736 * 0.925);
    const double start_ns = f.machine->gpu.kernels.stream_cycles / 1.3005;
    const double ns = ep_cost_ns(cost_of(&f, "y"), &point, NULL);
    assert_close(ns, ep_launch_ns(&point) + start_ns + memory_ns);
    fixture_free(&f);
}

/* 32 MiB in FP16, of which a window of 1x1 and stride 2 reads every other row, one of 2x2 all; 8
 * MiB of results. */
static void rows_between_windows_are_not_read(void **state)
{
    (void)state;
    static const char *const nodes[] = {"y = MaxPool(x) kernel_shape=[1,1] strides=[2,2]",
                                        "y = MaxPool(x) kernel_shape=[2,2] strides=[2,2]"};
    for (int i = 0; i < 2; i++) {
        fixture f = on_gpu("1x64x512x512", NULL, nodes[i]);
        assert_close(cost_of(&f, "y")->tactics[0].dram_bytes, (i ? 40.0 : 24.0) * 1024 * 1024);
        fixture_free(&f);
    }
}

/* What L2 holds is still there: 128 KiB in, 128 KiB out. */
static void small_tensors_stay_in_l2(void **state)
{
    (void)state;
    fixture f = on_gpu("1x4x128x128", NULL, "y = Relu(x)");
    assert_close(cost_of(&f, "y")->tactics[0].dram_bytes, 0);
    assert_close(cost_of(&f, "y")->tactics[0].l2_bytes, 2.0 * 128 * 1024);
    fixture_free(&f);
}

static void no_kernel_is_shorter_than_its_launch(void **state)
{
    (void)state;
    fixture f = on_gpu("1x8x2x2", NULL, "y = Relu(x)");
    const ep_point point = maxn_of(&f);
    assert_true(ep_cost_ns(cost_of(&f, "y"), &point, NULL) >= ep_launch_ns(&point));
    fixture_free(&f);
}

static void views_are_free(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    ONNX_INTS(&f.model, "shape", 1, 8, 16);
    onnx_node(&f.model, "a = Relu(x)");
    onnx_node(&f.model, "y = Reshape(a, shape)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "gpu", EP_CHOOSE_FP16);
    const ep_point point = maxn_of(&f);
    assert_kernels(&f, "Relu | Reshape");
    assert_true(cost_of(&f, "y")->is_view);
    assert_false(cost_of(&f, "a")->is_view);
    assert_close(ep_cost_ns(cost_of(&f, "y"), &point, NULL), 0);
    fixture_free(&f);
}

/* A concatenation of results that nobody else concatenates moves nothing; of a network input it
 * copies that. */
static void concatenations_are_written_in_place(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_node(&f.model, "a = Relu(x)");
    onnx_node(&f.model, "b = MaxPool(x) kernel_shape=[3,3] pads=[1,1,1,1]");
    onnx_node(&f.model, "y = Concat(a, b) axis=1");
    onnx_node(&f.model, "z = Concat(a, x) axis=1");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.model, "z", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "gpu", EP_CHOOSE_FP16);
    /* a is in two: one of them copies, here both; b is in place. 128 elements, read and written */
    assert_false(cost_of(&f, "y")->is_view);
    assert_close(cost_of(&f, "y")->tactics[0].l2_bytes, 2 * 128 * 2);
    assert_close(cost_of(&f, "z")->tactics[0].l2_bytes, 2 * 2 * 128 * 2);
    fixture_free(&f);

    f = (fixture){0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_node(&f.model, "a = Relu(x)");
    onnx_node(&f.model, "b = MaxPool(x) kernel_shape=[3,3] pads=[1,1,1,1]");
    onnx_node(&f.model, "y = Concat(a, b) axis=1");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "gpu", EP_CHOOSE_FP16);
    assert_true(cost_of(&f, "y")->is_view);
    fixture_free(&f);
}

/* The time is the least over the tactics, each evaluated alone. */
static void the_fastest_tactic_is_chosen(void **state)
{
    (void)state;
    fixture f = on_gpu("1x12x384x64", "1x12x64x384", "y = MatMul(x, z)");
    const ep_cost *cost = cost_of(&f, "y");
    for (uint32_t m = 0; m < f.machine->n_modes; m++) {
        const ep_point point = ep_point_of(f.machine, &f.machine->modes[m]);
        uint32_t chosen, suitable = 0;
        const double ns = ep_cost_ns(cost, &point, &chosen);
        for (uint32_t t = 0; t < ep_cost_n_tactics(cost); t++) {
            ep_cost one = {.device = EP_GPU, .precision = cost->precision, .n_tactics = 1};
            if (!ep_cost_phases(cost, f.machine, t, &one.tactics[0])) continue;
            const double alone = ep_cost_ns(&one, &point, NULL);
            assert_true(t == chosen ? alone == ns : alone >= ns);
            suitable++;
        }
        assert_true(suitable >= 2);
    }
    fixture_free(&f);
}

/* 17 tiles on 16 SMs take two rounds, 16 take one, 8 as long as 16. */
static void sms_work_in_rounds(void **state)
{
    (void)state;
    fixture f = on_gpu("1x8x2x2", NULL, "y = Relu(x)");
    f.machine->gpu.kernel_floor_us = f.machine->gpu.launch_cycles = 0;
    const ep_point point = maxn_of(&f);
    ep_cost cost = {.device = EP_GPU, .precision = EP_FP16, .n_tactics = 1};
    const struct {
        double tiles, rounds;
    } cases[] = {{1, 1}, {8, 1}, {16, 1}, {17, 2}, {32, 2}, {33, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cost.tactics[0] = (ep_phases){.tiles = cases[i].tiles, .tensor_tile_cycles = 13005};
        assert_close(ep_cost_ns(&cost, &point, NULL), cases[i].rounds * 10000); /* at 1300.5 MHz */
    }
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dla_pipe_takes_blocks_of_channels),
        cmocka_unit_test(fp16_convolution_runs_on_rubik),
        cmocka_unit_test(dla_time_is_compute_memory_and_gap),
        cmocka_unit_test(small_results_stay_in_sram),
        cmocka_unit_test(an_fp16_output_is_computed_on_rubik),
        cmocka_unit_test(the_dla_skips_zeros_of_wide_int8_convolutions),
        cmocka_unit_test(the_gpu_skips_zeros_on_tensor_cores),
        cmocka_unit_test(narrow_products_stay_dense_on_the_gpu),
        cmocka_unit_test(a_large_stream_takes_dram_time),
        cmocka_unit_test(rows_between_windows_are_not_read),
        cmocka_unit_test(small_tensors_stay_in_l2),
        cmocka_unit_test(no_kernel_is_shorter_than_its_launch),
        cmocka_unit_test(views_are_free),
        cmocka_unit_test(concatenations_are_written_in_place),
        cmocka_unit_test(the_fastest_tactic_is_chosen),
        cmocka_unit_test(sms_work_in_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
