/* Subgraphs: connected, convex, as few as the turns allow. The DLA takes Relu and Add and refuses
 * Elu and Div (its layers, developer guide 8.6), so the operators of a network place it. */
#include "tests/unit/plan_fixture.h"

/* Nodes in order, then a plan with all the loadables it wants. Every tensor nobody reads should be
 * an output. */
static fixture placed(const char *const *nodes, const char *const *outputs)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    for (; *nodes; nodes++) onnx_node(&f.model, "%s", *nodes);
    for (; *outputs; outputs++) onnx_output(&f.model, *outputs, EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_valid(f.plan);
    return f;
}
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void a_chain_is_one_subgraph(void **state)
{
    (void)state;
    fixture f = placed(LIST("a = Relu(x)", "b = Sigmoid(a)", "y = Tanh(b)"), LIST("y"));
    assert_int_equal(f.plan->n_subgraphs, 1);
    assert_int_equal(f.plan->subgraphs[0].n_layers, 3);
    assert_int_equal(f.plan->subgraphs[0].device, EP_DLA0);
    for (uint32_t l = 0; l < 3; l++) assert_int_equal(f.plan->subgraphs[0].layers[l], l);
    fixture_free(&f);
}

static void the_gpu_cuts_a_chain(void **state)
{
    (void)state;
    fixture f = placed(LIST("a = Relu(x)", "b = Elu(a)", "y = Tanh(b)"), LIST("y"));
    assert_int_equal(f.plan->n_subgraphs, 2);
    assert_int_equal(f.plan->subgraph[layer_index(&f, "a")], 0);
    assert_int_equal(f.plan->subgraph[layer_index(&f, "b")], EP_NO_INDEX);
    assert_int_equal(f.plan->subgraph[layer_index(&f, "y")], 1);
    fixture_free(&f);
}

/* a feeds an Elu and a Relu whose sum is y: y waits for the GPU, so it cannot be where a is. */
static void a_diamond_stays_convex(void **state)
{
    (void)state;
    fixture f =
        placed(LIST("a = Relu(x)", "b = Elu(a)", "c = Sigmoid(a)", "y = Add(b, c)"), LIST("y"));
    assert_int_equal(f.plan->n_subgraphs, 2);
    assert_int_equal(f.plan->subgraph[layer_index(&f, "a")], 0);
    assert_int_equal(f.plan->subgraph[layer_index(&f, "c")], 0);
    assert_int_equal(f.plan->subgraph[layer_index(&f, "y")], 1);
    fixture_free(&f);
}

/* A diamond all on the DLA is one. */
static void a_diamond_on_the_dla_is_one(void **state)
{
    (void)state;
    fixture f =
        placed(LIST("a = Relu(x)", "b = Tanh(a)", "c = Sigmoid(a)", "y = Add(b, c)"), LIST("y"));
    assert_int_equal(f.plan->n_subgraphs, 1);
    fixture_free(&f);
}

/* Branches that share only the network's input exchange nothing. */
static void separate_branches_are_separate_subgraphs(void **state)
{
    (void)state;
    fixture f = placed(LIST("a = Relu(x)", "b = Tanh(x)", "y = Sigmoid(a)", "z = Sigmoid(b)"),
                       LIST("y", "z"));
    assert_int_equal(f.plan->n_subgraphs, 2);
    assert_int_equal(f.plan->subgraph[0], f.plan->subgraph[2]);
    assert_int_equal(f.plan->subgraph[1], f.plan->subgraph[3]);
    assert_int_not_equal(f.plan->subgraph[0], f.plan->subgraph[1]);
    fixture_free(&f);
}

/* ---- random networks ----------------------------------------------------------------------- */

enum { MAX_NODES = 24, N_NETWORKS = 500 };

/* xorshift32: the same networks everywhere. */
static uint32_t random_below(uint32_t *state, uint32_t n)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state % n;
}

typedef struct graph {
    uint32_t n;
    bool on_dla[MAX_NODES];
    bool edge[MAX_NODES][MAX_NODES];    /* from, to */
    bool reaches[MAX_NODES][MAX_NODES]; /* by one edge or more */
} graph;

/* Layer i reads one or two of the tensors before it: t0 is the network's input, layer i writes
 * t(i + 1). */
static void random_model(uint32_t *random, graph *g, onnx_model *m)
{
    bool read[MAX_NODES + 1] = {false};
    *g = (graph){.n = 1 + random_below(random, MAX_NODES)};
    onnx_input(m, "t0", EP_DTYPE_FLOAT, "1x8x4x4");
    for (uint32_t i = 0; i < g->n; i++) {
        const uint32_t near = i + 1 < 5 ? i + 1 : 5; /* mostly short edges: deep networks */
        const uint32_t a = i - random_below(random, near), b = random_below(random, i + 1);
        const bool two = random_below(random, 2);
        g->on_dla[i] = random_below(random, 3) > 0;
        if (two) {
            onnx_node(m, "t%u = %s(t%u, t%u)", i + 1, g->on_dla[i] ? "Add" : "Div", a, b);
        } else {
            onnx_node(m, "t%u = %s(t%u)", i + 1, g->on_dla[i] ? "Relu" : "Elu", a);
        }
        read[a] = true;
        if (a > 0) g->edge[a - 1][i] = true;
        if (two) read[b] = true;
        if (two && b > 0) g->edge[b - 1][i] = true;
    }
    for (uint32_t i = 1; i <= g->n; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "t%u", i);
        if (!read[i]) onnx_output(m, name, EP_DTYPE_FLOAT, NULL);
    }
    memcpy(g->reaches, g->edge, sizeof g->edge);
    for (uint32_t k = 0; k < g->n; k++) {
        for (uint32_t i = 0; i < g->n; i++) {
            for (uint32_t j = 0; j < g->n; j++) {
                g->reaches[i][j] |= g->reaches[i][k] && g->reaches[k][j];
            }
        }
    }
}

/* No path leaves subgraph `s` and comes back. */
static void assert_convex(const graph *g, const uint32_t *subgraph, uint32_t s)
{
    for (uint32_t out = 0; out < g->n; out++) {
        if (subgraph[out] == s) continue;
        bool from = false, to = false;
        for (uint32_t i = 0; i < g->n; i++) {
            from |= subgraph[i] == s && g->reaches[i][out];
            to |= subgraph[i] == s && g->reaches[out][i];
        }
        assert_false(from && to);
    }
}

/* Undirected edges inside reach all members from the first. */
static void assert_connected(const graph *g, const ep_subgraph *s)
{
    bool seen[MAX_NODES] = {false};
    seen[s->layers[0]] = true;
    for (uint32_t round = 0; round < s->n_layers; round++) {
        for (uint32_t i = 0; i < s->n_layers; i++) {
            for (uint32_t j = 0; j < s->n_layers; j++) {
                const uint32_t a = s->layers[i], b = s->layers[j];
                if (seen[a] && (g->edge[a][b] || g->edge[b][a])) seen[b] = true;
            }
        }
    }
    for (uint32_t i = 0; i < s->n_layers; i++) assert_true(seen[s->layers[i]]);
}

static void check_partition(const graph *g, const ep_plan *plan)
{
    uint32_t listed[MAX_NODES] = {0};
    assert_int_equal(plan->layers->n_layers, g->n);
    for (uint32_t s = 0; s < plan->n_subgraphs; s++) {
        const ep_subgraph *sub = &plan->subgraphs[s];
        assert_true(sub->n_layers > 0);
        for (uint32_t i = 0; i < sub->n_layers; i++) {
            listed[sub->layers[i]]++;
            assert_int_equal(plan->subgraph[sub->layers[i]], s);
            assert_true(i == 0 || sub->layers[i - 1] < sub->layers[i]);
        }
        assert_connected(g, sub);
        assert_convex(g, plan->subgraph, s);
    }
    for (uint32_t l = 0; l < g->n; l++) {
        assert_int_equal(plan->device[l], g->on_dla[l] ? EP_DLA0 : EP_GPU);
        assert_int_equal(listed[l], g->on_dla[l]);
        if (!g->on_dla[l]) assert_int_equal(plan->subgraph[l], EP_NO_INDEX);
    }
}

static void random_networks_are_cut_well(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    machine->dla.limits.loadables_per_core = machine->dla.limits.loadables_total = MAX_NODES;
    uint32_t random = 2463534242u;
    for (int i = 0; i < N_NETWORKS; i++) {
        fixture f = {.machine = machine};
        graph g;
        random_model(&random, &g, &f.model);
        build_layers(&f);
        make_plan(&f, "greedy", EP_CHOOSE_INT8);
        check_partition(&g, f.plan);
        assert_valid(f.plan);
        f.machine = NULL;
        fixture_free(&f);
    }
    ep_machine_free(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_one_subgraph),
        cmocka_unit_test(the_gpu_cuts_a_chain),
        cmocka_unit_test(a_diamond_stays_convex),
        cmocka_unit_test(a_diamond_on_the_dla_is_one),
        cmocka_unit_test(separate_branches_are_separate_subgraphs),
        cmocka_unit_test(random_networks_are_cut_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
