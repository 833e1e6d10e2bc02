/* What layers may not do together on a DLA, each fine alone. The DLA takes Relu and Conv and
 * refuses Elu (its layers, developer guide 8.6). */
#include "tests/unit/plan_fixture.h"

static ep_plan_options plain(void)
{
    return (ep_plan_options){.precision = EP_CHOOSE_INT8};
}

static const ep_refusal *refusal_of(const fixture *f, const char *tensor)
{
    const ep_verdict *verdict = &f->planned->verdicts[layer_index(f, tensor)];
    assert_false(verdict->accepted);
    assert_true(verdict->n_refusals > 0);
    return &verdict->refusals[0];
}

static void assert_on(const fixture *f, const char *tensor, ep_device device)
{
    assert_int_equal(f->plan->device[layer_index(f, tensor)], device);
}

/* ---- batch --------------------------------------------------------------------------------- */

/* One network of two batches, which meet in a Reshape on the GPU (it moves the batch). */
static void a_subgraph_has_one_batch(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "2x8x4x4");
    ONNX_INTS(&f.model, "s", 4, 4, 4, 4);
    onnx_node(&f.model, "a = Relu(x)");
    onnx_node(&f.model, "b = Reshape(a, s)");
    onnx_node(&f.model, "y = Relu(b)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_on(&f, "a", EP_DLA0);
    assert_on(&f, "y", EP_DLA0);
    assert_int_equal(f.plan->n_subgraphs, 2);
    assert_valid(f.plan);
    fixture_free(&f);
}

/* 1x1x4x8 becomes 4x8 by a Squeeze, which is no work: what was height is the batch. The layers of
 * batch 1 are one subgraph, those of batch 4 another, nothing is refused, and the tensor in between
 * stays on the DLA. */
static void other_batches_are_cut_and_not_refused(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x1x4x8");
    ONNX_INTS(&f.model, "axes", 0, 1);
    onnx_node(&f.model, "a = Relu(x)");
    onnx_node(&f.model, "b = Sigmoid(a)");
    onnx_node(&f.model, "s = Squeeze(b, axes)");
    onnx_node(&f.model, "c = Relu(s)");
    onnx_node(&f.model, "y = Relu(c)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_int_equal(f.layers->n_layers, 4);
    for (uint32_t l = 0; l < f.layers->n_layers; l++) {
        assert_int_equal(f.plan->device[l], EP_DLA0);
        assert_true(f.planned->verdicts[l].accepted);
    }
    assert_int_equal(f.plan->n_subgraphs, 2);
    assert_int_equal(f.plan->subgraph[layer_index(&f, "a")],
                     f.plan->subgraph[layer_index(&f, "b")]);
    assert_int_equal(f.plan->subgraph[layer_index(&f, "c")],
                     f.plan->subgraph[layer_index(&f, "y")]);
    assert_int_equal(f.plan->transitions, 0);
    assert_valid(f.plan);
    fixture_free(&f);
}

/* ---- pools --------------------------------------------------------------------------------- */

/* Two subgraphs, an Elu between them. In the first, two convolutions of 32 KiB of INT8 weights each
 * with an intermediate tensor of 128 channels x 64 x 64 bytes, 512 KiB; the second is a Relu. */
static fixture pooled(void)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x256x64x64");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "128x256x1x1");
    onnx_weight(&f.model, "v", EP_DTYPE_FLOAT, "256x128x1x1");
    onnx_node(&f.model, "a = Conv(x, w)");
    onnx_node(&f.model, "b = Conv(a, v)");
    onnx_node(&f.model, "c = Elu(b)");
    onnx_node(&f.model, "y = Relu(c)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    f.machine = load_machine();
    return f;
}

static void pools_bound_a_subgraph(void **state)
{
    (void)state;
    const uint64_t plenty = 1 << 30;
    const struct {
        uint64_t local, global;
        ep_precision_choice precision;
        const char *rule, *value, *bound; /* NULL: accepted */
    } cases[] = {
        {512 << 10, 64 << 10, EP_CHOOSE_INT8, NULL, NULL, NULL},
        {(512 << 10) - 1, plenty, EP_CHOOSE_INT8, "general.local-dram",
         "0.5 MiB of intermediate tensors", "0.499999 MiB a subgraph"},
        {plenty, (64 << 10) - 1, EP_CHOOSE_INT8, "general.global-dram", "0.1 MiB of weights",
         "0.062499 MiB a subgraph"},
        {512 << 10, plenty, EP_CHOOSE_FP16, "general.local-dram", "1.0 MiB of intermediate tensors",
         "0.5 MiB a subgraph"},
        {1 << 20, 128 << 10, EP_CHOOSE_FP16, NULL, NULL, NULL},
    };
    fixture f = pooled();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f.machine->dla.limits.local_dram_bytes = cases[i].local;
        f.machine->dla.limits.global_dram_bytes = cases[i].global;
        make_plan(&f, "greedy", cases[i].precision);
        const bool refused = cases[i].rule;
        assert_on(&f, "a", refused ? EP_GPU : EP_DLA0);
        assert_on(&f, "b", refused ? EP_GPU : EP_DLA0); /* all of the combination */
        assert_on(&f, "y", EP_DLA0);                    /* and nothing else */
        assert_int_equal(f.plan->n_subgraphs, refused ? 1 : 2);
        assert_valid(f.plan);
        if (!refused) continue;
        const ep_refusal *why = refusal_of(&f, "b");
        assert_string_equal(why->rule->id, cases[i].rule);
        assert_string_equal(why->value, cases[i].value);
        assert_string_equal(why->bound, cases[i].bound);
        assert_string_equal(why->hint, why->rule->hint);
        assert_true(ep_rule_is_about_combinations(why->rule));
    }
    fixture_free(&f);
}

/* NVIDIA's tensors are padded to 32 channels in INT8: three channels take as much as 32. */
static void pools_count_padded_channels(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x64x64");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "3x8x1x1");
    onnx_weight(&f.model, "v", EP_DTYPE_FLOAT, "8x3x1x1");
    onnx_node(&f.model, "a = Conv(x, w)");
    onnx_node(&f.model, "y = Conv(a, v)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    f.machine = load_machine();
    f.machine->dla.limits.local_dram_bytes = 32 * 64 * 64;
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_int_equal(f.plan->n_subgraphs, 1);
    f.machine->dla.limits.local_dram_bytes--;
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_int_equal(f.plan->n_subgraphs, 0);
    fixture_free(&f);
}

/* ---- loadables ----------------------------------------------------------------------------- */

enum { STAGES = 20 };

/* Relu, Elu, Relu, Elu, ...: each Relu a subgraph of its own. */
static fixture staged(uint32_t stages)
{
    fixture f = {0};
    onnx_input(&f.model, "e0", EP_DTYPE_FLOAT, "1x8x1x1");
    for (uint32_t i = 0; i < stages; i++) {
        onnx_node(&f.model, "c%u = Relu(e%u)", i, i);
        onnx_node(&f.model, "e%u = Elu(c%u)", i + 1, i);
    }
    char last[16];
    (void)snprintf(last, sizeof last, "e%u", stages);
    onnx_output(&f.model, last, EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    f.machine = load_machine();
    return f;
}

/* 16 a core and 20 in all (documentation of TensorRT 10, DLA), some in use. */
static void other_networks_have_loadables(void **state)
{
    (void)state;
    const struct {
        ep_dla_choice dla;
        uint32_t used, used_total, left;
        const char *value, *bound;
    } cases[] = {
        {EP_DLA_FIRST, 0, 0, 16, "20 loadables", "16 a core"},
        {EP_DLA_FIRST, 4, 4, 12, "subgraph 13 of 20", "16 a core, 4 in use"},
        {EP_DLA_FIRST, 2, 14, 6, "subgraph 7 of 20", "20 in all, 14 in use"},
        {EP_DLA_FIRST, 16, 16, 0, "subgraph 1 of 20", "16 a core, 16 in use"},
        {EP_DLA_FIRST, 99, 99, 0, "subgraph 1 of 20", "16 a core, 99 in use"},
        {EP_DLA_BOTH, 0, 0, 10, "20 loadables", "10 a core"},
        {EP_DLA_BOTH, 2, 4, 8, "subgraph 9 of 20", "20 in all, 4 in use"},
    };
    fixture f = staged(STAGES);
    f.machine->dla.limits.loadables_per_core = 16;
    f.machine->dla.limits.loadables_total = 20;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ep_plan_options options = plain();
        options.dla = cases[i].dla;
        options.loadables_used = cases[i].used;
        options.loadables_used_total = cases[i].used_total;
        assert_int_equal(try_plan(&f, "greedy", &options, &(ep_error){0}), EP_OK);
        assert_int_equal(f.plan->n_subgraphs, cases[i].left);
        for (uint32_t c = 0; c < STAGES; c++) {
            char name[16];
            (void)snprintf(name, sizeof name, "c%u", c);
            assert_on(&f, name, c < cases[i].left ? EP_DLA0 : EP_GPU);
            if (c != cases[i].left) continue;
            const ep_refusal *why = refusal_of(&f, name);
            assert_string_equal(why->rule->id, "general.loadables");
            assert_string_equal(why->value, cases[i].value);
            assert_string_equal(why->bound, cases[i].bound);
        }
        assert_valid(f.plan);
    }
    fixture_free(&f);
}

/* What a pool takes off the DLA leaves its loadable to the next. */
static void pools_come_before_loadables(void **state)
{
    (void)state;
    fixture f = pooled();
    f.machine->dla.limits.local_dram_bytes = 4096;
    f.machine->dla.limits.loadables_per_core = 1;
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_on(&f, "a", EP_GPU);
    assert_on(&f, "y", EP_DLA0);
    fixture_free(&f);
}

/* 40,000 layers, first one subgraph, then 20,000 of which 16 stay. Were any step quadratic, this
 * would take minutes. */
static void long_chains_are_planned(void **state)
{
    (void)state;
    enum { LAYERS = 40000 };
    fixture f = staged(LAYERS / 2);
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_int_equal(f.layers->n_layers, LAYERS);
    assert_int_equal(f.plan->n_subgraphs, 16);
    fixture_free(&f);
    onnx_input(&f.model, "t0", EP_DTYPE_FLOAT, "1x1x4x8");
    onnx_input(&f.model, "u0", EP_DTYPE_FLOAT, "4x8");
    ONNX_INTS(&f.model, "axes", 0, 1);
    for (uint32_t i = 0; i < LAYERS / 2; i++) { /* two batches, one waits for the other */
        onnx_node(&f.model, "t%u = Relu(t%u)", i + 1, i);
        onnx_node(&f.model, "s%u = Squeeze(t%u, axes)", i, i);
        onnx_node(&f.model, "u%u = Add(u%u, s%u)", i + 1, i, i);
    }
    onnx_output(&f.model, "u20000", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.model, "t20000", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_int_equal(f.layers->n_layers, LAYERS);
    assert_int_equal(f.plan->n_subgraphs, 2);
    ep_arena *arena = ep_arena_new();
    const ep_boundary *boundaries;
    uint32_t n;
    assert_int_equal(ep_plan_boundaries(f.plan, arena, &boundaries, &n, &(ep_error){0}), EP_OK);
    assert_true(n >= LAYERS / 2); /* all of t enter the other subgraph */
    ep_arena_free(arena);
    fixture_free(&f);
}

/* ---- standalone ---------------------------------------------------------------------------- */

static void assert_standalone(const char *const *nodes, const char *says)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "8x8x1x1");
    for (; *nodes; nodes++) onnx_node(&f.model, "%s", *nodes);
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.model, "z", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    ep_plan_options options = plain();
    options.standalone = true;
    ep_error err = {0};
    const ep_status status = try_plan(&f, "greedy", &options, &err);
    if (says) {
        assert_int_equal(status, EP_INFEASIBLE);
        if (!strstr(err.text, says)) fail_msg("%s", err.text);
    } else {
        assert_int_equal(status, EP_OK);
        assert_int_equal(f.plan->n_subgraphs, 1);
        assert_int_equal(f.plan->transitions + f.plan->io_reformats, 0);
        for (uint32_t k = 0; k < f.plan->n_kernels; k++) {
            assert_int_equal(f.plan->kernels[k].device, EP_DLA0);
        }
    }
    fixture_free(&f);
}
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* EngineCapability::kDLA_STANDALONE (NvInferRuntime.h): only the DLA, no reformats. */
static void a_loadable_stands_alone(void **state)
{
    (void)state;
    assert_standalone(LIST("y = Conv(x, w)", "z = Relu(y)"), NULL);
    assert_standalone(LIST("y = Conv(x, w)", "elu: z = Elu(y)"), "'elu' (activation.function");
    assert_standalone(LIST("y = Conv(x, w)", "relu: z = Relu(x)"), "2 subgraphs; 'relu'");
    /* the Sigmoid is FP16, the convolution INT8, and both read x */
    assert_standalone(LIST("a = Sigmoid(x)", "y = Conv(x, w)", "z = Add(a, y)"),
                      "'x' is read in int8 and in fp16");
}

static void nothing_stands_alone_without_a_dla(void **state)
{
    (void)state;
    fixture f = staged(1);
    ep_plan_options options = plain();
    options.standalone = true;
    options.dla = EP_DLA_NONE;
    assert_int_equal(try_plan(&f, "greedy", &options, &(ep_error){0}), EP_BAD_USAGE);
    assert_int_equal(try_plan(&f, "gpu", &options, &(ep_error){0}), EP_OK); /* to compare with */
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subgraph_has_one_batch),
        cmocka_unit_test(other_batches_are_cut_and_not_refused),
        cmocka_unit_test(pools_bound_a_subgraph),
        cmocka_unit_test(pools_count_padded_channels),
        cmocka_unit_test(other_networks_have_loadables),
        cmocka_unit_test(pools_come_before_loadables),
        cmocka_unit_test(long_chains_are_planned),
        cmocka_unit_test(a_loadable_stands_alone),
        cmocka_unit_test(nothing_stands_alone_without_a_dla),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
