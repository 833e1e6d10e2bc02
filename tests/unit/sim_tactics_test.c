/* Which tactics a product has on which machine, and what they take: counted by hand, and on H200
 * compared with measured kernels (bench/h200/kernels.csv). */
#include <math.h>

#include "tests/unit/plan_fixture.h"

#define EXACT 1e-9

/* y[m,n] = x[m,k] w[k,n] on H200; the caller frees it. */
static fixture product(int m, int n, int k, ep_precision precision)
{
    fixture f = {.machine = load_machine_of("h200-sxm.yaml")};
    char shape[64];
    (void)snprintf(shape, sizeof shape, "%dx%d", m, k);
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, shape);
    (void)snprintf(shape, sizeof shape, "%dx%d", k, n);
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, shape);
    onnx_node(&f.model, "y = Gemm(x, w)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    const ep_plan_options options = {.precision = precision == EP_FP16   ? EP_CHOOSE_FP16
                                                  : precision == EP_INT8 ? EP_CHOOSE_INT8
                                                                         : EP_CHOOSE_FP32,
                                     .dla = EP_DLA_NONE,
                                     .no_tf32 = precision == EP_FP32};
    assert_int_equal(try_plan(&f, "gpu", &options, NULL), EP_OK);
    return f;
}

static const ep_cost *cost_of_product(const fixture *f, ep_precision precision)
{
    for (uint32_t k = 0; k < f->plan->n_kernels; k++) {
        if (!(f->planned->costs[k].product.repeat > 0)) continue;
        assert_int_equal(f->planned->costs[k].precision, precision);
        return &f->planned->costs[k];
    }
    fail_msg("no product");
    return NULL;
}

/* False: there is no tactic of that name. */
static bool find(const fixture *f, const ep_cost *cost, const char *name, ep_phases *phases)
{
    for (uint32_t t = 0; t < ep_cost_n_tactics(cost); t++) {
        char own[EP_TACTIC_TEXT];
        if (!ep_cost_phases(cost, f->machine, t, phases)) continue;
        if (strcmp(ep_cost_tactic_name(cost, t, own), name) == 0) return true;
    }
    return false;
}

/* ---- FP32 on CUDA cores -------------------------------------------------------------------- */

/* A tile of 64x64: a slice of 8 is written once, (64 + 64) x 8 x 4 bytes, and 128 threads read 8
 * rows and 4 columns of it each, 128 x 12 x 8 x 4 bytes; of 128 a cycle. Its FMAs take 64 x 64 x 8
 * / 128 cycles. */
static void a_small_fp32_tile_waits_for_shared_memory(void **state)
{
    (void)state;
    fixture f = product(256, 256, 1024, EP_FP32);
    f.machine->gpu.kernels.sustained_fp32 = 1;
    f.machine->gpu.kernels.step_cycles = 200;
    ep_phases phases;
    assert_true(find(&f, cost_of_product(&f, EP_FP32), "cuda 64x64x8", &phases));
    assert_true(phases.tiles == 16);
    const double steps = 1024.0 / 8;
    assert_true(fabs(phases.shared_tile_cycles - steps * (32 + 384)) < EXACT);
    assert_true(fabs(phases.cuda_tile_cycles - steps * 256) < EXACT);
    assert_true(fabs(phases.lockstep_cycles - steps * 200) < EXACT);
    assert_true(phases.resident ==
                4); /* 65536 registers / (128 threads x (2 x 32 + 48)), rounded */
    fixture_free(&f);
}

/* cuBLAS' own 64x64x8 and 128x128x8, where it chose them: one to six blocks on an SM. */
static void fp32_tiles_take_what_those_of_cublas_take(void **state)
{
    (void)state;
    static const struct {
        int m, n, k;
        const char *tactic;
        double us;
    } cases[] = {
        {128, 4096, 4096, "cuda 64x64x8", 172.5},  {384, 4096, 4096, "cuda 64x64x8", 338.5},
        {1024, 1024, 1024, "cuda 64x64x8", 64.3},  {3072, 1024, 4096, "cuda 64x64x8", 691.4},
        {384, 768, 768, "cuda 32x32x8", 30.3},     {197, 8192, 8192, "cuda 128x128x8", 692.0},
        {1024, 768, 768, "cuda 128x64x8", 41.4},   {3072, 4096, 4096, "cuda 128x128x8", 2059.5},
        {384, 1024, 4096, "cuda 128x32x8", 130.1}, {8, 1024, 4096, "gemv 8x8x64", 21.4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f = product(cases[i].m, cases[i].n, cases[i].k, EP_FP32);
        const ep_cost *cost = cost_of_product(&f, EP_FP32);
        ep_cost one = {.device = EP_GPU, .precision = EP_FP32, .n_tactics = 1};
        assert_true(find(&f, cost, cases[i].tactic, &one.tactics[0]));
        const ep_point point = ep_point_of(f.machine, &f.machine->modes[0]);
        const double us = ep_cost_ns(&one, &point, NULL) / 1e3;
        if (fabs(us / cases[i].us - 1) > 0.3) {
            fail_msg("%s of %dx%dx%d: %g us, measured %g", cases[i].tactic, cases[i].m, cases[i].n,
                     cases[i].k, us, cases[i].us);
        }
        fixture_free(&f);
    }
}

/* ---- what only some libraries have ----------------------------------------------------------- */

static void warp_groups_load_together(void **state)
{
    (void)state;
    fixture f = product(384, 1024, 4096, EP_FP16);
    ep_phases phases;
    assert_true(find(&f, cost_of_product(&f, EP_FP16), "tile 64x96x64", &phases));
    assert_true(phases.tiles == 6 * 11);
    f.machine->gpu.kernels.cluster_blocks = 4;
    assert_int_equal(try_plan(&f, "gpu",
                              &(ep_plan_options){.precision = EP_CHOOSE_FP16, .dla = EP_DLA_NONE},
                              NULL),
                     EP_OK);
    assert_true(find(&f, cost_of_product(&f, EP_FP16), "tile 64x64x64", &phases));
    const double slices = 6 * 16 * 64.0 * (64 + 64) * 64 * 2;
    assert_true(fabs(phases.l2_bytes - slices / 4) < EXACT);
    f.machine->gpu.kernels.cluster_blocks = 1;
    assert_int_equal(try_plan(&f, "gpu",
                              &(ep_plan_options){.precision = EP_CHOOSE_FP16, .dla = EP_DLA_NONE},
                              NULL),
                     EP_OK);
    assert_true(find(&f, cost_of_product(&f, EP_FP16), "tile 64x64x64", &phases));
    assert_true(fabs(phases.l2_bytes - slices) < EXACT);
    assert_false(find(&f, cost_of_product(&f, EP_FP16), "tile 64x96x64", &phases));
    fixture_free(&f);
}

/* 64x64x64: 4096 x 64 / (4096 x 1) cycles of math and 3 x (64 + 64) x 64 / 128 of reading. */
static void int8_warps_read_and_multiply_in_turn(void **state)
{
    (void)state;
    fixture f = product(64, 64, 64, EP_INT8);
    f.machine->gpu.kernels.sustained_int8 = 1;
    ep_phases phases;
    assert_true(find(&f, cost_of_product(&f, EP_INT8), "tile 64x64x64", &phases));
    assert_true(fabs(phases.tensor_tile_cycles - (64 + 192)) < EXACT);
    fixture_free(&f);
}

/* At every level of the search: there is no other. */
static void odd_int8_columns_have_one_tile(void **state)
{
    (void)state;
    for (int n = 1000; n <= 1008; n += 8) {
        fixture f = product(128, n, 2048, EP_INT8);
        ep_cost cost = *cost_of_product(&f, EP_INT8);
        for (int level = 0; level <= EP_SEARCH_LEVEL_MAX; level++) {
            cost.search.level = level - EP_SEARCH_LEVEL_DEFAULT;
            ep_phases phases;
            assert_int_equal(find(&f, &cost, "tile 64x64x64", &phases), n % 16 == 0);
            assert_true(n % 16 == 0 || find(&f, &cost, "tile 256x128x64", &phases));
            assert_true(n % 16 == 0 || !find(&f, &cost, "tile 128x256x64", &phases));
        }
        fixture_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_fp32_tile_waits_for_shared_memory),
        cmocka_unit_test(fp32_tiles_take_what_those_of_cublas_take),
        cmocka_unit_test(warp_groups_load_together),
        cmocka_unit_test(int8_warps_read_and_multiply_in_turn),
        cmocka_unit_test(odd_int8_columns_have_one_tile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
