/* The ONNX importer: local functions are inlined. */
#include "tests/unit/graph_import.h"

static void import_domain(onnx_model *m, const char *domain)
{
    pb opset = onnx_opset(domain, 1);
    pb_message(&m->model, 8, &opset);
}

/* x -> the node -> y */
static onnx_model calling(const char *node)
{
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1");
    onnx_node(&m, "%s", node);
    onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
    import_domain(&m, "a");
    return m;
}

static void calls_are_inlined(void **state)
{
    (void)state;
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1");
    onnx_input(&m, "z", EP_DTYPE_FLOAT, "1");
    onnx_node(&m, "top: p, q = a.Outer(x, z)");
    onnx_node(&m, "y = a.Outer(q, p)");
    onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
    import_domain(&m, "a");
    pb inner = onnx_function("a", "Inner", "i, j", "o", "");
    onnx_function_node(&inner, "t = Neg(i)");
    onnx_function_node(&inner, "sum: o = Add(t, j)");
    pb outer = onnx_function("a", "Outer", "i, j", "o, second", "");
    onnx_function_node(&outer, "call: t = a.Inner(i, i)");
    onnx_function_node(&outer, "k = Constant() value_float=2.0");
    onnx_function_node(&outer, "second = Mul(t, k)");
    onnx_function_node(&outer, "o = a.Inner(second, j)");
    pb_message(&m.model, 25, &inner);
    pb_message(&m.model, 25, &outer);
    ep_network *n = imported(&m);
    assert_int_equal(n->n_nodes, 10);
    assert_node(n, 0, "top/call/Neg_0", "Neg(x) -> top/call/t");
    assert_node(n, 1, "top/call/sum", "Add(top/call/t, x) -> top/t");
    assert_node(n, 2, "top/Mul_2", "Mul(top/t, top/k) -> q");
    assert_node(n, 3, "top/Inner_3/Neg_0", "Neg(q) -> top/Inner_3/t");
    assert_node(n, 4, "top/Inner_3/sum", "Add(top/Inner_3/t, z) -> p");
    assert_node(n, 5, "Outer_1/call/Neg_0", "Neg(q) -> Outer_1/call/t");
    /* the second output is left out, but the body needs it */
    assert_node(n, 7, "Outer_1/Mul_2", "Mul(Outer_1/t, Outer_1/k) -> Outer_1/second");
    assert_node(n, 9, "Outer_1/Inner_3/sum", "Add(Outer_1/Inner_3/t, p) -> y");
    finish(&m, n);
}

static void attributes_are_substituted(void **state)
{
    (void)state;
    onnx_model m = calling("y = a.Outer(x) alpha=0.5");
    pb inner = onnx_function("a", "Inner", "i", "o", "alpha, k, none");
    onnx_function_node(&inner, "e = Elu(i) alpha=@alpha");
    onnx_function_node(&inner, "c = Constant() value_float=@k");
    onnx_function_node(&inner, "m = Mul(e, c)");
    onnx_function_node(&inner, "o = LeakyRelu(m) alpha=@none");
    pb outer = onnx_function("a", "Outer", "i", "o", "alpha");
    pb defaults = {0}; /* k = 3 unless the call says otherwise */
    pb_string(&defaults, 1, "k");
    pb_float(&defaults, 2, 3);
    pb_int(&defaults, 20, 1);
    pb_message(&outer, 11, &defaults);
    onnx_function_node(&outer, "o = a.Inner(i) alpha=@alpha k=@k");
    pb_message(&m.model, 25, &inner);
    pb_message(&m.model, 25, &outer);
    ep_network *n = imported(&m);
    assert_int_equal(n->n_nodes, 3);
    assert_true(ep_attr_float(&n->nodes[0], "alpha", 0) == 0.5f);
    double value = 0;
    assert_true(ep_tensor_scalar(tensor_of(n, "Outer_0/Inner_0/c"), &value));
    assert_true(value == 3);
    assert_null(ep_attr_find(&n->nodes[2], "alpha")); /* not given: the operator's own default */
    finish(&m, n);
}

static void missing_operands_stay_missing(void **state)
{
    (void)state;
    onnx_model m = calling("y = a.F(x)");
    pb f = onnx_function("a", "F", "i, low, high", "o", "");
    onnx_function_node(&f, "o = Clip(i, low, high)");
    pb_message(&m.model, 25, &f);
    ep_network *n = imported(&m);
    assert_node(n, 0, "F_0/Clip_0", "Clip(x, -, -) -> y");
    finish(&m, n);
}

static void inputs_may_be_outputs(void **state)
{
    (void)state;
    onnx_model m = calling("y = a.F(x)");
    pb f = onnx_function("a", "F", "i", "i", "");
    pb_message(&m.model, 25, &f);
    ep_network *n = imported(&m);
    assert_node(n, 0, "F_0/Identity_0", "Identity(x) -> y");
    finish(&m, n);
}

/* Names that the file chose stay; made-up ones give way. */
static void inlined_names_give_way(void **state)
{
    (void)state;
    onnx_model m = calling("call: t = a.F(x)");
    onnx_node(&m, "call/t = Relu(t)");
    onnx_node(&m, "y = Relu(call/t)");
    pb f = onnx_function("a", "F", "i", "o", "");
    onnx_function_node(&f, "t = Neg(i)");
    onnx_function_node(&f, "o = Neg(t)");
    pb_message(&m.model, 25, &f);
    ep_network *n = imported(&m);
    assert_node(n, 0, "call/Neg_0", "Neg(x) -> call/t_2");
    assert_node(n, 1, "call/Neg_1", "Neg(call/t_2) -> t");
    assert_node(n, 2, "Relu_1", "Relu(t) -> call/t");
    finish(&m, n);
}

static void functions_shadow_operators(void **state)
{
    (void)state;
    onnx_model m = calling("y = Relu(x)");
    pb f = onnx_function("ai.onnx", "Relu", "i", "o", "");
    onnx_function_node(&f, "o = Abs(i)");
    pb_message(&m.model, 25, &f);
    ep_network *n = imported(&m);
    assert_node(n, 0, "Relu_0/Abs_0", "Abs(x) -> y");
    finish(&m, n);

    m = calling("y = Relu(x)"); /* an overload is another function */
    f = onnx_function("", "Relu", "i", "o", "");
    pb_string(&f, 13, "special");
    onnx_function_node(&f, "o = Abs(i)");
    pb_message(&m.model, 25, &f);
    n = imported(&m);
    assert_node(n, 0, "Relu_0", "Relu(x) -> y");
    finish(&m, n);
}

static void functions_import_their_own_opset(void **state)
{
    (void)state;
    onnx_model m = calling("y = a.F(x)");
    m.opset = 20;
    pb f = onnx_function("a", "F", "i", "o", ""); /* imports 17 */
    onnx_function_node(&f, "t = Relu(i)");
    onnx_function_node(&f, "o = a.Custom(t)");
    pb_message(&m.model, 25, &f);
    ep_network *n = imported(&m);
    assert_int_equal(n->opset, 20);
    assert_int_equal(n->nodes[0].opset, 17);
    assert_int_equal(n->nodes[1].opset, 1);
    finish(&m, n);

    m = calling("y = a.F(x)");
    f = onnx_function("a", "F", "i", "o", "");
    pb opset = onnx_opset("", 99);
    pb_message(&f, 9, &opset);
    pb_message(&m.model, 25, &f);
    refused(&m, EP_UNSUPPORTED, "F_0 imports opset 99 of ONNX; supported are 7 to 24");
}

static void captures_reach_through_functions(void **state)
{
    (void)state;
    onnx_model m = calling("y = a.F(x)");
    pb f = onnx_function("a", "F", "i, absent", "o", "");
    onnx_function_node(&f, "t = Neg(i)");
    pb graph = {0}, add = onnx_node_message("r = Sum(t, i, absent)");
    pb_message(&graph, 1, &add);
    pb node = onnx_node_message("o = If(i)");
    onnx_attribute_graph(&node, "then_branch", &graph);
    pb_message(&f, 7, &node);
    pb_message(&m.model, 25, &f);
    ep_network *n = imported(&m);
    assert_node(n, 1, "F_0/If_1", "If(x, F_0/t, x) -> y");
    assert_int_equal(n->nodes[1].n_captures, 2);
    finish(&m, n);
}

static void bad_calls_are_refused(void **state)
{
    (void)state;
    onnx_model m = calling("y = a.F(x, x)");
    pb f = onnx_function("a", "F", "i", "o", "");
    onnx_function_node(&f, "o = Relu(i)");
    pb_message(&m.model, 25, &f);
    refused(&m, EP_BAD_MODEL, "node 'F_0' has 2 inputs and 1 outputs, function 'F' 1 and 1");

    m = calling("loop: y = a.F(x)");
    f = onnx_function("a", "F", "i", "o", "");
    onnx_function_node(&f, "o = a.G(i)");
    pb g = onnx_function("a", "G", "i", "o", "");
    onnx_function_node(&g, "o = a.F(i)");
    pb_message(&m.model, 25, &f);
    pb_message(&m.model, 25, &g);
    refused(&m, EP_BAD_MODEL, "node 'loop/G_0/F_0': function 'F' calls itself");

    m = calling("y = a.F(x)");
    f = onnx_function("a", "F", "i", "o", "");
    onnx_function_node(&f, "t = Relu(i)");
    pb_message(&m.model, 25, &f);
    refused(&m, EP_BAD_MODEL, "output 'y' is made by no node");

    m = calling("y = a.F(x)");
    for (int i = 0; i < 2; i++) {
        f = onnx_function("a", "F", "i", "o", "");
        pb_message(&m.model, 25, &f);
    }
    refused(&m, EP_BAD_MODEL, "function 'a.F' is defined twice");
}

/* Each function calls the next twice: 2^40 nodes in 40 lines. */
static void bombs_are_refused(void **state)
{
    (void)state;
    for (int with_nodes = 0; with_nodes < 2; with_nodes++) {
        onnx_model m = calling("y = a.F0(x)");
        for (int i = 0; i < 40; i++) {
            char name[16];
            (void)snprintf(name, sizeof name, "F%d", i);
            pb f = onnx_function("a", name, "i", "o", "");
            onnx_function_node(&f, "t = a.F%d(i)", i + 1);
            onnx_function_node(&f, "o = a.F%d(t)", i + 1);
            pb_message(&m.model, 25, &f);
        }
        pb f = onnx_function("a", "F40", "i", "o", "");
        if (with_nodes) onnx_function_node(&f, "o = Relu(i)");
        pb_message(&m.model, 25, &f);
        refused(&m, EP_UNSUPPORTED,
                "local functions expand to more than 1000000 nodes, operands and attributes");
    }
    onnx_model m = calling("y = a.F0(x)");
    for (int i = 0; i < 1000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "F%d", i);
        pb f = onnx_function("a", name, "i", "o", "");
        onnx_function_node(&f, "c: o = a.F%d(i)", i + 1);
        pb_message(&m.model, 25, &f);
    }
    ep_network *network;
    ep_error err = {0};
    assert_int_equal(onnx_parse(&m, &network, &err), EP_UNSUPPORTED);
    assert_non_null(strstr(err.text, ": local functions nested deeper than 100"));
    onnx_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_inlined),
        cmocka_unit_test(attributes_are_substituted),
        cmocka_unit_test(missing_operands_stay_missing),
        cmocka_unit_test(inputs_may_be_outputs),
        cmocka_unit_test(inlined_names_give_way),
        cmocka_unit_test(functions_shadow_operators),
        cmocka_unit_test(functions_import_their_own_opset),
        cmocka_unit_test(captures_reach_through_functions),
        cmocka_unit_test(bad_calls_are_refused),
        cmocka_unit_test(bombs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
