/* What hints win is what a network has that is written so from the start. */
#include <math.h>

#include "study/study.h"
#include "tests/unit/plan_fixture.h"

static ep_hint_figures figures_of(const fixture *f, ep_arena *arena)
{
    const ep_point point = ep_point_of(f->machine, &f->machine->modes[0]);
    const ep_run_options options = {.batch = 1, .dla_cores = 1};
    ep_run run;
    ep_hint_figures out = {.transitions = f->plan->transitions, .subgraphs = f->plan->n_subgraphs};
    assert_int_equal(ep_sim_run(f->plan, f->planned->costs, &point, &options, arena, &run, NULL),
                     EP_OK);
    out.latency_ns = run.latency_ns;
    for (uint32_t l = 0; l < f->layers->n_layers; l++) {
        out.fallbacks += !ep_device_is_dla(f->plan->device[l]);
    }
    return out;
}

static ep_ranking rank_in(const fixture *f, uint32_t threads, bool searches, ep_arena *arena)
{
    const ep_point point = ep_point_of(f->machine, &f->machine->modes[0]);
    const ep_run_options run_options = {.batch = 1, .dla_cores = 1};
    ep_run run;
    ep_rank_options options = {.machine = f->machine,
                               .mode = &f->machine->modes[0],
                               .plan = {.precision = EP_CHOOSE_INT8},
                               .searches = searches,
                               .threads = threads};
    ep_ranking out;
    assert_int_equal(
        ep_sim_run(f->plan, f->planned->costs, &point, &run_options, arena, &run, NULL), EP_OK);
    assert_int_equal(ep_plan_advise(f->planned, f->machine, run.layer_ns, arena, &options.advice,
                                    &options.n_advice, NULL),
                     EP_OK);
    assert_int_equal(ep_rank_hints(f->planned, &options, arena, &out, NULL), EP_OK);
    return out;
}

static void assert_same(const ep_hint_figures *a, const ep_hint_figures *b)
{
    assert_true(fabs(a->latency_ns - b->latency_ns) <= 1e-9 * b->latency_ns);
    assert_int_equal(a->fallbacks, b->fallbacks);
    assert_int_equal(a->transitions, b->transitions);
    assert_int_equal(a->subgraphs, b->subgraphs);
}

static const ep_hint *find(const ep_ranking *ranking, const char *id, const char *value)
{
    for (uint32_t i = 0; i < ranking->n; i++) {
        if (strcmp(ranking->hints[i].id, id) != 0) continue;
        if (strcmp(ranking->hints[i].value, value) == 0) return &ranking->hints[i];
    }
    fail_msg("no %s %s", id, value);
    return NULL;
}

/* Convolutions, an activation and a global pool between them; as refused, or as hints have it. */
static void build(fixture *f, bool plain_activation, bool pool_in_steps)
{
    onnx_input(&f->model, "x", EP_DTYPE_FLOAT, "1x64x28x28");
    onnx_weight(&f->model, "w1", EP_DTYPE_FLOAT, "64x64x3x3");
    onnx_weight(&f->model, "w2", EP_DTYPE_FLOAT, "64x64x3x3");
    onnx_weight(&f->model, "w3", EP_DTYPE_FLOAT, "32x64x1x1");
    onnx_weight(&f->model, "c", EP_DTYPE_FLOAT, "");
    onnx_node(&f->model, "a = Conv(x, w1) pads=[1,1,1,1]");
    if (plain_activation) {
        onnx_node(&f->model, "b1 = Add(a, c)");
        onnx_node(&f->model, "b2 = Clip(b1) min=0.0 max=6.0");
        onnx_node(&f->model, "b3 = Mul(b2, c)");
        onnx_node(&f->model, "b = Mul(b3, a)");
    } else {
        onnx_node(&f->model, "b = HardSwish(a)");
    }
    onnx_node(&f->model, "d = Conv(b, w2) pads=[1,1,1,1]");
    if (pool_in_steps) {
        onnx_node(&f->model, "e1 = AveragePool(d) kernel_shape=[7,7] strides=[7,7]");
        onnx_node(&f->model, "e = AveragePool(e1) kernel_shape=[4,4] strides=[4,4]");
    } else {
        onnx_node(&f->model, "e = GlobalAveragePool(d)");
    }
    onnx_node(&f->model, "y = Conv(e, w3)");
    onnx_output(&f->model, "y", EP_DTYPE_FLOAT, NULL);
    f->model.opset = plain_activation ? 10 : 17;
    build_layers(f);
    make_plan(f, "greedy", EP_CHOOSE_INT8);
}

static void written_otherwise(void **state)
{
    fixture as_is = {0}, activation = {0}, pool = {0}, both = {0};
    ep_arena *arena = ep_arena_new();
    build(&as_is, false, false);
    build(&activation, true, false);
    build(&pool, false, true);
    build(&both, true, true);
    const ep_ranking ranking = rank_in(&as_is, 1, true, arena);
    const ep_hint_figures now = figures_of(&as_is, arena), a = figures_of(&activation, arena);
    const ep_hint_figures p = figures_of(&pool, arena), ap = figures_of(&both, arena);
    assert_same(&ranking.now, &now);
    assert_int_equal(now.fallbacks, 2);
    assert_same(&find(&ranking, "activation.function", "HardSwish")->after, &a);
    assert_same(&find(&ranking, "pool.window", "window 28x28")->after, &p);
    assert_int_equal(ap.fallbacks, 0);
    assert_int_not_equal(ranking.pair[0], EP_NO_INDEX);
    assert_same(&ranking.both, &ap);
    assert_true(ranking.both.best_ns > 0 && ranking.both.best_ns <= ap.latency_ns);
    assert_true(ranking.now.best_ns > 0 && ranking.now.best_ns <= now.latency_ns);
    for (uint32_t i = 1; i < ranking.n_estimated; i++) {
        assert_true(ranking.hints[i - 1].after.latency_ns <= ranking.hints[i].after.latency_ns);
    }
    ep_arena_free(arena);
    fixture_free(&as_is);
    fixture_free(&activation);
    fixture_free(&pool);
    fixture_free(&both);
    (void)state;
}

/* A trunk, and a head that the DLA refuses. */
static void build_detector(fixture *f, bool has_head)
{
    onnx_input(&f->model, "x", EP_DTYPE_FLOAT, "1x3x320x320");
    onnx_weight(&f->model, "w1", EP_DTYPE_FLOAT, "64x3x3x3");
    onnx_weight(&f->model, "w2", EP_DTYPE_FLOAT, "84x64x3x3");
    onnx_node(&f->model, "a = Conv(x, w1) pads=[1,1,1,1] strides=[2,2]");
    onnx_node(&f->model, "b = Relu(a)");
    onnx_node(&f->model, "c = Conv(b, w2) pads=[1,1,1,1] strides=[2,2]");
    if (has_head) {
        ONNX_INTS(&f->model, "rows", 1, 84, 6400);
        onnx_node(&f->model, "d = Reshape(c, rows)");
        onnx_node(&f->model, "e = Transpose(d) perm=[0,2,1]");
        onnx_node(&f->model, "g = Softmax(e) axis=2");
        onnx_node(&f->model, "h = Concat(g, e) axis=2");
        onnx_node(&f->model, "y = Exp(h)");
        onnx_output(&f->model, "y", EP_DTYPE_FLOAT, NULL);
    } else {
        onnx_output(&f->model, "c", EP_DTYPE_FLOAT, NULL);
    }
    build_layers(f);
    make_plan(f, "greedy", EP_CHOOSE_INT8);
}

static void heads_are_cut_off(void **state)
{
    fixture whole = {0}, trunk = {0};
    ep_arena *arena = ep_arena_new();
    build_detector(&whole, true);
    build_detector(&trunk, false);
    const ep_ranking ranking = rank_in(&whole, 1, false, arena);
    const ep_hint_figures cut = figures_of(&trunk, arena);
    assert_same(&find(&ranking, "advice.detection-head", "")->after, &cut);
    assert_non_null(find(&ranking, "general.rank", "rank 3: 1x84x6400")->cannot);
    ep_arena_free(arena);
    fixture_free(&whole);
    fixture_free(&trunk);
    (void)state;
}

/* Every hint of every example that has steps can be followed, and no number of threads matters. */
static void rank_example(fixture *f)
{
    ep_arena *arena = ep_arena_new();
    make_plan(f, "greedy", EP_CHOOSE_INT8);
    const ep_ranking one = rank_in(f, 1, false, arena), many = rank_in(f, 3, false, arena);
    assert_int_equal(one.n, many.n);
    assert_int_equal(one.n_estimated, many.n_estimated);
    assert_memory_equal(one.pair, many.pair, sizeof one.pair);
    for (uint32_t i = 0; i < one.n; i++) {
        const ep_hint *a = &one.hints[i], *b = &many.hints[i];
        assert_string_equal(a->id, b->id);
        assert_true((a->cannot != NULL) == (i >= one.n_estimated));
        assert_true(a->after.latency_ns == b->after.latency_ns);
        if (a->cannot) assert_non_null(strstr(a->cannot, "names nothing"));
    }
    ep_arena_free(arena);
}

static void ranks_all_examples(void **state)
{
    ep_machine *machine = load_machine();
    for_each_example(machine, rank_example);
    ep_machine_free(machine);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_otherwise),
        cmocka_unit_test(heads_are_cut_off),
        cmocka_unit_test(ranks_all_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
