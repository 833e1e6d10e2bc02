/* The ONNX importer: graphs, names, attributes, order, and what it refuses. */
#include <unistd.h>

#include "tests/unit/graph_import.h"

/* x -> Relu -> y, the least that is a model. */
static onnx_model small(void)
{
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1x3");
    onnx_node(&m, "y = Relu(x)");
    onnx_output(&m, "y", EP_DTYPE_FLOAT, "1x3");
    return m;
}

static void graph_is_imported(void **state)
{
    (void)state;
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "Nx3x8x?");
    onnx_input(&m, "w", EP_DTYPE_FLOAT, "4x3x1x1"); /* old files list initializers as inputs */
    onnx_weight(&m, "w", EP_DTYPE_FLOAT, "4x3x1x1");
    onnx_node(&m, "conv: c = Conv(x, w) kernel_shape=[1,1]");
    onnx_node(&m, "r, = Resize(c, , , s)");
    onnx_node(&m, "y = ai.onnx.Relu(r)");
    onnx_node(&m, "z = com.acme.Frob(y)");
    ONNX_INTS(&m, "s", 1, 4, 16, 16);
    onnx_value_info(&m, "c", EP_DTYPE_FLOAT, "Nx4x-1x8");
    onnx_output(&m, "z", EP_DTYPE_FLOAT16, NULL);
    onnx_output(&m, "x", EP_DTYPE_FLOAT, NULL);
    pb acme = onnx_opset("com.acme", 3);
    pb_message(&m.model, 8, &acme);
    ep_network *n = imported(&m);

    assert_string_equal(n->path, "test.onnx");
    assert_string_equal(n->name, "test");
    assert_int_equal(n->opset, 17);
    assert_int_equal(n->n_inputs, 1);
    assert_int_equal(n->inputs[0], index_of(n, "x"));
    assert_int_equal(n->n_outputs, 2);
    assert_int_equal(n->outputs[0], index_of(n, "z"));
    assert_int_equal(n->outputs[1], index_of(n, "x"));

    assert_int_equal(n->n_nodes, 4);
    assert_node(n, 0, "conv", "Conv(x, w) -> c");
    assert_node(n, 1, "Resize_1", "Resize(c, -, -, s) -> r, -");
    assert_node(n, 2, "Relu_2", "Relu(r) -> y");
    assert_node(n, 3, "Frob_3", "Frob(y) -> z");
    assert_string_equal(n->nodes[2].domain, "");
    assert_int_equal(n->nodes[2].opset, 17);
    assert_ptr_equal(n->nodes[2].op, ep_op_find("", "Relu"));
    assert_string_equal(n->nodes[3].domain, "com.acme");
    assert_int_equal(n->nodes[3].opset, 3);
    assert_null(n->nodes[3].op);

    const ep_tensor *x = tensor_of(n, "x");
    char text[EP_SHAPE_TEXT];
    assert_string_equal(ep_shape_text(&x->shape, text), "?x3x8x?");
    assert_int_equal(x->was_symbolic, 1 | 8);
    assert_string_equal(x->dim_names[0], "N");
    assert_null(x->dim_names[3]);
    assert_int_equal(x->producer, EP_NO_INDEX);
    const ep_tensor *c = tensor_of(n, "c");
    assert_string_equal(ep_shape_text(&c->shape, text), "?x4x?x8");
    assert_int_equal(c->was_symbolic, 0);
    assert_int_equal(c->producer, 0);
    assert_int_equal(tensor_of(n, "z")->dtype, EP_DTYPE_FLOAT16);
    assert_false(tensor_of(n, "z")->has_shape);
    finish(&m, n);
}

static void attributes_are_imported(void **state)
{
    (void)state;
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1");
    pb node = onnx_node_message("op: y = a.Op(x) f=-0.5 i=-7 s='text' fs=[0.5,2] is=[1,-2] "
                                "ss=['a','bc'] none=[]");
    pb tensor = onnx_tensor("ignored", EP_DTYPE_INT64, "1");
    pb_bytes(&tensor, 9, &(int64_t){42}, 8);
    onnx_attribute_tensor(&node, "t", &tensor);
    pb untyped = {0}; /* as in files of IR version 1 */
    pb_string(&untyped, 1, "untyped");
    pb_int(&untyped, 3, 5);
    pb_message(&node, 5, &untyped);
    pb_message(&m.graph, 1, &node);
    onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
    ep_network *n = imported(&m);
    const ep_node *op = &n->nodes[0];
    assert_int_equal(op->n_attrs, 9);
    assert_true(ep_attr_float(op, "f", 0) == -0.5f);
    assert_int_equal(ep_attr_int(op, "i", 0), -7);
    assert_string_equal(ep_attr_string(op, "s", ""), "text");
    assert_int_equal(ep_attr_find(op, "s")->count, 4);
    const ep_attr *floats = ep_attr_find(op, "fs"), *ints = ep_attr_find(op, "is");
    assert_int_equal(floats->type, EP_ATTR_FLOATS);
    assert_int_equal(floats->count, 2);
    assert_true(floats->floats[0] == 0.5f && floats->floats[1] == 2);
    assert_int_equal(ints->type, EP_ATTR_INTS);
    assert_int_equal(ints->count, 2);
    assert_true(ints->ints[0] == 1 && ints->ints[1] == -2);
    const ep_attr *strings = ep_attr_find(op, "ss");
    assert_int_equal(strings->type, EP_ATTR_STRINGS);
    assert_int_equal(strings->count, 2);
    assert_string_equal(strings->strings[1], "bc");
    assert_int_equal(ep_attr_find(op, "none")->type, EP_ATTR_INTS);
    assert_int_equal(ep_attr_find(op, "none")->count, 0);
    assert_int_equal(ep_attr_int(op, "untyped", 0), 5);
    const ep_attr *t = ep_attr_find(op, "t");
    assert_int_equal(t->type, EP_ATTR_TENSOR);
    double value = 0;
    assert_true(ep_tensor_scalar(&n->tensors[t->tensor], &value));
    assert_true(value == 42);
    assert_string_equal(n->tensors[t->tensor].name, "op.t");
    /* absent, or of another type: the default */
    assert_int_equal(ep_attr_int(op, "f", 9), 9);
    assert_int_equal(ep_attr_int(op, "absent", 9), 9);
    assert_string_equal(ep_attr_string(op, "i", "default"), "default");
    assert_null(ep_attr_find(op, "absent"));
    finish(&m, n);
}

static void node_names_become_unique(void **state)
{
    (void)state;
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1");
    onnx_node(&m, "same: a = Relu(x)");
    onnx_node(&m, "same_2: b = Relu(a)");
    onnx_node(&m, "same: c = Relu(b)");
    onnx_node(&m, "same: d = Relu(c)");
    onnx_node(&m, "e = Relu(d)");
    onnx_output(&m, "e", EP_DTYPE_FLOAT, NULL);
    ep_network *n = imported(&m);
    const char *names[] = {"same", "same_2", "same_3", "same_4", "Relu_4"};
    for (uint32_t i = 0; i < 5; i++) assert_string_equal(n->nodes[i].name, names[i]);
    finish(&m, n);
}

static void nodes_are_sorted(void **state)
{
    (void)state;
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1");
    onnx_node(&m, "third: c = Relu(b)");
    onnx_node(&m, "second: b = Add(a, x)");
    onnx_node(&m, "first: a = Relu(x)");
    onnx_node(&m, "last: y = Add(c, a)");
    onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
    ep_network *n = imported(&m);
    assert_node(n, 0, "first", "Relu(x) -> a");
    assert_node(n, 1, "second", "Add(a, x) -> b");
    assert_node(n, 2, "third", "Relu(b) -> c");
    assert_node(n, 3, "last", "Add(c, a) -> y");
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(n->tensors[n->nodes[i].outputs[0]].producer, i);
    }
    finish(&m, n);
}

/* A chain in reverse order, as deep as a network gets: no recursion over it, no quadratic time. */
static void long_chains_are_sorted(void **state)
{
    (void)state;
    enum { LENGTH = 20000 };
    onnx_model m = {0};
    onnx_input(&m, "t0", EP_DTYPE_FLOAT, "1");
    for (int i = LENGTH - 1; i >= 0; i--) onnx_node(&m, "same: t%d = Relu(t%d)", i + 1, i);
    onnx_output(&m, "t20000", EP_DTYPE_FLOAT, NULL);
    ep_network *n = imported(&m);
    assert_int_equal(n->n_nodes, LENGTH);
    assert_string_equal(n->tensors[n->nodes[0].inputs[0]].name, "t0");
    assert_string_equal(n->tensors[n->nodes[LENGTH - 1].outputs[0]].name, "t20000");
    finish(&m, n);
}

static void subgraphs_capture(void **state)
{
    (void)state;
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1");
    onnx_input(&m, "cond", EP_DTYPE_BOOL, "");
    onnx_node(&m, "a = Relu(x)");
    onnx_node(&m, "b = Relu(x)");
    pb inner = {0}, outer = {0}, value = onnx_value("c", EP_DTYPE_FLOAT, NULL);
    pb add = onnx_node_message("c = Add(local, b)");
    pb_message(&inner, 1, &add);
    pb_message(&inner, 12, &value);
    pb relu = onnx_node_message("local = Add(a, b)");
    pb nested = onnx_node_message("d = If(cond)");
    onnx_attribute_graph(&nested, "then_branch", &inner);
    pb_message(&outer, 1, &relu);
    pb_message(&outer, 1, &nested);
    value = onnx_value("x", EP_DTYPE_FLOAT, NULL); /* an outer tensor as it is */
    pb_message(&outer, 12, &value);
    pb node = onnx_node_message("y = If(cond)");
    onnx_attribute_graph(&node, "else_branch", &outer);
    pb_message(&m.graph, 1, &node);
    onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
    ep_network *n = imported(&m);
    assert_int_equal(n->n_nodes, 3);
    assert_node(n, 2, "If_2", "If(cond, a, b, cond, x) -> y");
    assert_int_equal(n->nodes[2].n_captures, 4);
    assert_int_equal(ep_attr_find(&n->nodes[2], "else_branch")->type, EP_ATTR_GRAPH);
    finish(&m, n);
}

/* ---- what is refused ----------------------------------------------------------------------- */

static void opsets_are_bounded(void **state)
{
    (void)state;
    onnx_model m = small();
    m.opset = 5;
    refused(&m, EP_UNSUPPORTED,
            "the model imports opset 5 of ONNX, whose Relu (node 'Relu_0') is not that of opset 7; "
            "supported are 7 to 24");
    m = small();
    m.opset = 25;
    refused(&m, EP_UNSUPPORTED, "the model imports opset 25 of ONNX; supported are 7 to 24");
    m = small();
    m.opset = -1;
    refused(&m, EP_UNSUPPORTED, "the model imports no opset of ONNX");
    for (int opset = 6; opset <= 24; opset += 9) { /* Relu is the same since 6 */
        m = small();
        m.opset = opset;
        ep_network *n = imported(&m);
        assert_int_equal(n->opset, opset);
        finish(&m, n);
    }
}

static void broken_graphs_are_refused(void **state)
{
    (void)state;
    onnx_model m = small();
    onnx_node(&m, "again: y = Relu(x)");
    refused(&m, EP_BAD_MODEL, "tensor 'y' is defined twice");
    m = small();
    onnx_weight(&m, "y", EP_DTYPE_FLOAT, "1");
    refused(&m, EP_BAD_MODEL, "tensor 'y' is defined twice");
    m = small();
    onnx_node(&m, "lost: z = Add(x, nobody)");
    refused(&m, EP_BAD_MODEL,
            "node 'lost' (Add): input 'nobody' is made by no node and is no input or initializer "
            "of the graph");
    m = small();
    onnx_output(&m, "nothing", EP_DTYPE_FLOAT, NULL);
    refused(&m, EP_BAD_MODEL, "output 'nothing' is made by no node");
    m = (onnx_model){0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1");
    onnx_output(&m, "x", EP_DTYPE_FLOAT, "1");
    refused(&m, EP_BAD_MODEL, "the graph has no nodes");
    m = (onnx_model){0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1");
    onnx_node(&m, "y = Relu(x)");
    refused(&m, EP_BAD_MODEL, "the graph has no outputs");
    m = small();
    onnx_node(&m, "one: a = Relu(b)");
    onnx_node(&m, "two: b = Add(x, a)");
    refused(&m, EP_BAD_MODEL, "node 'one' (Relu) is on a cycle: it needs its own output");
    m = small();
    onnx_node(&m, "nameless: z = (x)");
    refused(&m, EP_BAD_MODEL, "node 1 ('nameless') has no operator");
    m = small();
    pb sparse = {0};
    pb_message(&m.graph, 15, &sparse);
    refused(&m, EP_UNSUPPORTED, "1 sparse initializers, only dense ones are supported");
}

static void bad_inputs_are_refused(void **state)
{
    (void)state;
    onnx_model m = small();
    onnx_input(&m, "bad", EP_DTYPE_FLOAT, "3x-2");
    refused(&m, EP_BAD_MODEL, "input 'bad': dimension 1 is -2, must not be negative");
    m = small();
    onnx_input(&m, "deep", EP_DTYPE_FLOAT, "1x1x1x1x1x1x1x1x1");
    refused(&m, EP_UNSUPPORTED, "tensor 'deep' has 9 dimensions, at most 8 are supported");
    m = small();
    onnx_input(&m, "odd", (ep_dtype)99, "1");
    refused(&m, EP_BAD_MODEL, "input 'odd' has the unknown element type 99");
    m = small();
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1");
    refused(&m, EP_BAD_MODEL, "tensor 'x' is defined twice");
    m = small();
    pb sequence = {0}, type = {0}, value = {0};
    pb_message(&type, 4, &sequence);
    pb_string(&value, 1, "list");
    pb_message(&value, 2, &type);
    pb_message(&m.graph, 11, &value);
    refused(&m, EP_UNSUPPORTED, "input 'list' is a sequence, only tensors are supported");
    m = small();
    pb_string(&value, 1, "vague");
    pb_message(&m.graph, 11, &value);
    refused(&m, EP_UNSUPPORTED, "input 'vague' is of no type, only tensors are supported");
}

static void refuse_bytes(const void *bytes, size_t size, const char *line)
{
    ep_network *network;
    ep_error err = {0};
    assert_int_equal(ep_network_parse(bytes, size, "f", NULL, &network, &err), EP_BAD_MODEL);
    assert_null(network);
    assert_string_equal(err.text, line);
}

static void other_bytes_are_refused(void **state)
{
    (void)state;
    refuse_bytes("", 0, "f: not an ONNX model: empty");
    refuse_bytes("not a model", 11, "f: not an ONNX model: byte 0: no such wire type");
    refuse_bytes("\x3a\x05\x0a", 3,
                 "f: not an ONNX model, or cut short: byte 0: field 7 needs 5 bytes where 1 are "
                 "left");
    refuse_bytes("\x38\x05", 2, "f: not an ONNX model: byte 0: ModelProto.graph has wire type 0");
    refuse_bytes("\x08\x80", 2, "f: not an ONNX model: byte 2: a number is cut short");
    refuse_bytes("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12,
                 "f: not an ONNX model: byte 11: a number is longer than 10 bytes");
    refuse_bytes("\x00\x00", 2, "f: not an ONNX model: byte 0: no such field number");
    refuse_bytes("\x08\x07", 2, "f: not an ONNX model: it has no graph");
    refuse_bytes("\x3a\x00\x3a\x00", 4,
                 "f: not an ONNX model: byte 2: a second ModelProto.graph in one message");
}

/* However a file is cut, the answer is an error: its last field is never whole. */
static void cut_files_are_refused(void **state)
{
    (void)state;
    onnx_model m = small();
    m.opset = -1; /* so that the graph is the last thing in the file */
    pb opset = onnx_opset("", 17);
    pb_message(&m.model, 8, &opset);
    onnx_finish(&m);
    for (size_t size = 0; size < m.model.size; size++) {
        ep_network *network;
        ep_error err = {0};
        assert_int_equal(ep_network_parse(m.model.data, size, "f", NULL, &network, &err),
                         EP_BAD_MODEL);
    }
    onnx_free(&m);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    onnx_model m = small();
    pb graph = {0};
    for (int i = 0; i < 19; i++) {
        pb node = onnx_node_message("a%d = If(c%d)", i, i);
        onnx_attribute_graph(&node, "then_branch", &graph);
        graph = (pb){0};
        pb_message(&graph, 1, &node);
    }
    pb node = onnx_node_message("z = If(x)");
    onnx_attribute_graph(&node, "then_branch", &graph);
    pb_message(&m.graph, 1, &node);
    /* 20 subgraphs are 62 messages deep and legal, but nobody defines c0 to c18 */
    ep_network *network;
    ep_error err = {0};
    assert_int_equal(onnx_parse(&m, &network, &err), EP_BAD_MODEL);
    assert_non_null(strstr(err.text, "input 'c18' is made by no node"));
    onnx_free(&m);

    m = small();
    for (int i = 0; i < 10000; i++) {
        pb outer = onnx_node_message("z = If(x)");
        pb attribute = {0}, inner = {0};
        pb_message(&inner, 1, &node);
        pb_message(&attribute, 6, &inner);
        pb_message(&outer, 5, &attribute);
        node = outer;
    }
    pb_message(&m.graph, 1, &node);
    assert_int_equal(onnx_parse(&m, &network, &err), EP_BAD_MODEL);
    assert_non_null(strstr(err.text, "messages nested deeper than 64"));
    onnx_free(&m);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    ep_network *network;
    ep_error err = {0};
    assert_int_equal(ep_network_load("/nonexistent/m.onnx", &network, &err), EP_BAD_FILE);
    assert_string_equal(err.text, "/nonexistent/m.onnx: No such file or directory");
    assert_int_equal(ep_network_load("/", &network, &err), EP_BAD_FILE);
    assert_string_equal(err.text, "/: not a regular file");
    ep_network_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graph_is_imported),        cmocka_unit_test(attributes_are_imported),
        cmocka_unit_test(node_names_become_unique), cmocka_unit_test(nodes_are_sorted),
        cmocka_unit_test(long_chains_are_sorted),   cmocka_unit_test(subgraphs_capture),
        cmocka_unit_test(opsets_are_bounded),       cmocka_unit_test(broken_graphs_are_refused),
        cmocka_unit_test(bad_inputs_are_refused),   cmocka_unit_test(other_bytes_are_refused),
        cmocka_unit_test(cut_files_are_refused),    cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(bad_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
