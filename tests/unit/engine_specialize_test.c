/* ep_specialize: input shapes, what is folded and what stays, what the result looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "tests/unit/onnx_builder.h"

/* A model, its network and the static one. */
typedef struct fixture {
    onnx_model m;
    ep_arena *arena;
    ep_network *network, *result;
    ep_error err;
} fixture;

static void setup(fixture *f, int opset)
{
    *f = (fixture){.m.opset = opset, .arena = ep_arena_new()};
}

static void teardown(fixture *f)
{
    ep_network_free(f->result);
    ep_network_free(f->network);
    onnx_free(&f->m);
    ep_arena_free(f->arena);
}

static ep_status run(fixture *f, int64_t batch, const char *shapes)
{
    ep_specialize_options options = {.batch = batch};
    if (shapes) {
        assert_int_equal(
            ep_shapes_parse(shapes, f->arena, &options.shapes, &options.n_shapes, &f->err), EP_OK);
    }
    if (!f->network && onnx_parse(&f->m, &f->network, &f->err) != EP_OK)
        fail_msg("%s", f->err.text);
    ep_network_free(f->result);
    return ep_specialize(f->network, &options, &f->result, &f->err);
}

static void run_ok(fixture *f, int64_t batch, const char *shapes)
{
    if (run(f, batch, shapes) != EP_OK) fail_msg("%s", f->err.text);
}

static void run_fails(fixture *f, int64_t batch, const char *shapes, ep_status status,
                      const char *text)
{
    assert_int_equal(run(f, batch, shapes), status);
    assert_null(f->result);
    assert_string_equal(f->err.text, text);
}

static const ep_tensor *tensor(const fixture *f, const char *name)
{
    for (uint32_t i = 0; i < f->result->n_tensors; i++) {
        if (strcmp(f->result->tensors[i].name, name) == 0) return &f->result->tensors[i];
    }
    fail_msg("no tensor '%s'", name);
    return NULL;
}

static void assert_shape(const fixture *f, const char *name, const char *expected)
{
    char text[EP_SHAPE_TEXT];
    assert_string_equal(ep_shape_text(&tensor(f, name)->shape, text), expected);
}

/* The names of the nodes that are left, and every tensor's producer. */
static void assert_nodes(const fixture *f, const char *expected)
{
    char names[256] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < f->result->n_nodes; i++) {
        const ep_node *node = &f->result->nodes[i];
        used +=
            (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? " " : "", node->name);
        for (uint32_t k = 0; k < node->n_outputs; k++) {
            assert_int_equal(f->result->tensors[node->outputs[k]].producer, i);
        }
    }
    assert_string_equal(names, expected);
    for (uint32_t i = 0; i < f->result->n_tensors; i++) {
        const ep_tensor *t = &f->result->tensors[i];
        if (ep_tensor_is_const(t)) assert_int_equal(t->producer, EP_NO_INDEX);
    }
}

/* ---- inputs -------------------------------------------------------------------------------- */

static void batches(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    onnx_input(&f.m, "scale", EP_DTYPE_FLOAT, "");
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "Nx3");
    onnx_input(&f.m, "y", EP_DTYPE_FLOAT, "2x1");
    onnx_node(&f.m, "mul: p = Mul(x, scale)");
    onnx_node(&f.m, "relu: q = Relu(y)");
    onnx_output(&f.m, "p", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "q", EP_DTYPE_FLOAT, NULL);

    run_ok(&f, 0, NULL);
    assert_shape(&f, "p", "1x3");
    assert_shape(&f, "q", "2x1");
    assert_int_equal(f.result->batch_from, 1);
    assert_int_equal(f.result->batch_to, 1);
    assert_int_equal(tensor(&f, "x")->was_symbolic, 0); /* 1, and nothing else */
    assert_int_equal(tensor(&f, "y")->was_symbolic, 0);

    run_ok(&f, 8, NULL);
    assert_shape(&f, "scale", "scalar");
    assert_shape(&f, "p", "8x3");
    assert_shape(&f, "q", "8x1");
    assert_int_equal(f.result->batch_from, 1);
    assert_int_equal(f.result->batch_to, 8);

    run_ok(&f, 8, "y:5x1"); /* shapes win over the batch */
    assert_shape(&f, "p", "8x3");
    assert_shape(&f, "q", "5x1");

    /* the imported network is as it was */
    const ep_tensor *x = &f.network->tensors[f.network->inputs[1]];
    assert_int_equal(x->shape.dims[0], EP_DIM_UNKNOWN);
    assert_int_equal(f.network->batch_to, 0);

    run_fails(&f, -1, NULL, EP_BAD_USAGE, "batch -1; it must be at least 1");
    teardown(&f);
}

static void given_shapes(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    onnx_input(&f.m, "image:0", EP_DTYPE_FLOAT, "Nx3xheightx?");
    onnx_input(&f.m, "mask", EP_DTYPE_FLOAT, "4x1x1x1");
    onnx_node(&f.m, "add: s = Add(image:0, mask)");
    onnx_output(&f.m, "s", EP_DTYPE_FLOAT, NULL);

    run_fails(&f, 0, NULL, EP_BAD_SHAPE,
              "input 'image:0': dimension 2 ('height') is symbolic; "
              "give --shapes 'image:0':1x3xHxW");
    run_fails(&f, 2, NULL, EP_BAD_SHAPE,
              "input 'image:0': dimension 2 ('height') is symbolic; "
              "give --shapes 'image:0':2x3xHxW");
    run_ok(&f, 0, "'image:0':4x3x5x6");
    assert_shape(&f, "s", "4x3x5x6");
    assert_int_equal(f.result->batch_from, 1);
    assert_int_equal(f.result->batch_to, 4);
    assert_int_equal(tensor(&f, "image:0")->was_symbolic, 0); /* min = opt = max */

    run_ok(&f, 0, "im*0:2x3x5x6,*:2x1x1x1"); /* the first pattern that fits */
    assert_shape(&f, "s", "2x3x5x6");
    run_ok(&f, 0, "*:2x1x1x1,'image:0':2x3x5x6"); /* its own name before any pattern */
    assert_shape(&f, "s", "2x3x5x6");

    run_fails(&f, 0, "imag:1x2", EP_BAD_USAGE,
              "shapes: no input 'imag'; the network's are 'image:0', 'mask'");
    run_fails(&f, 0, "mask:4x1x1", EP_BAD_SHAPE,
              "input 'image:0': dimension 2 ('height') is symbolic; "
              "give --shapes 'image:0':1x3xHxW");
    run_fails(&f, 0, "'image:0':1x3x5x6,mask:4x1x1", EP_BAD_USAGE,
              "shapes: input 'mask' is 4x1x1x1 in the file, which has 4 dimensions; 4x1x1 has 3");
    run_fails(&f, 0, "'image:0':1x4x5x6", EP_BAD_USAGE,
              "shapes: dimension 1 of input 'image:0' is fixed to 3 in the file; 1x4x5x6 has 4");
    run_fails(&f, 0, "'image:0':3x3x5x6,mask:2147483647x2147483647x1x1", EP_BAD_USAGE,
              "shapes: dimension 1 of input 'mask' is fixed to 1 in the file; "
              "2147483647x2147483647x1x1 has 2147483647");
    teardown(&f);
}

static void input_without_shape(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, NULL);
    onnx_node(&f.m, "relu: y = Relu(x)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    run_fails(&f, 0, NULL, EP_BAD_SHAPE, "input 'x' has no shape in the file; give --shapes x:...");
    run_ok(&f, 0, "x:2x3");
    assert_shape(&f, "y", "2x3");
    assert_int_equal(tensor(&f, "y")->was_symbolic, 0);
    run_fails(&f, 0, "x:2147483647x2147483647x2147483647", EP_BAD_SHAPE,
              "input 'x': shape 2147483647x2147483647x2147483647 has more than 2^62 elements");
    teardown(&f);
}

/* A literal 1 in a file with a symbolic batch is no batch: all images become one row. */
static void one_row_of_a_symbolic_batch(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "Nx2x3");
    ONNX_INTS(&f.m, "row", 1, -1);
    onnx_node(&f.m, "reshape: y = Reshape(x, row)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    run_ok(&f, 4, NULL);
    assert_shape(&f, "y", "1x24");
    teardown(&f);
}

/* ---- folding ------------------------------------------------------------------------------- */

/* What PyTorch makes of x.view(x.size(0), -1). */
static void shape_arithmetic(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 13);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "Nx4x5x6");
    onnx_int_scalar(&f.m, "zero", 0);
    ONNX_INTS(&f.m, "axes", 0);
    ONNX_INTS(&f.m, "rest", -1);
    onnx_node(&f.m, "relu: r = Relu(x)");
    onnx_node(&f.m, "shape: s = Shape(r)");
    onnx_node(&f.m, "gather: n = Gather(s, zero)");
    onnx_node(&f.m, "unsqueeze: n1 = Unsqueeze(n, axes)");
    onnx_node(&f.m, "concat: target = Concat(n1, rest) axis=0");
    onnx_node(&f.m, "reshape: y = Reshape(x, target)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    run_ok(&f, 7, NULL);
    assert_nodes(&f, "reshape"); /* the Relu fed only its shape */
    assert_shape(&f, "y", "7x120");
    int64_t values[2];
    uint32_t count;
    assert_true(ep_tensor_ints(tensor(&f, "target"), values, 2, &count));
    assert_int_equal(count, 2);
    assert_int_equal(values[0], 7);
    assert_int_equal(values[1], -1);
    teardown(&f);
}

static void unknown_values(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "4x8");
    onnx_stripped(&f.m, "w", EP_DTYPE_FLOAT, "16x8");
    onnx_weight(&f.m, "large", EP_DTYPE_INT8, "1024x1024");
    onnx_node(&f.m, "transpose: wt = Transpose(w)");
    onnx_node(&f.m, "scale: ws = Mul(wt, wt)");
    onnx_node(&f.m, "matmul: y = MatMul(x, ws)");
    onnx_node(&f.m, "sum: z = Cast(large) to=1");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "z", EP_DTYPE_FLOAT, NULL);
    run_ok(&f, 0, NULL);
    assert_nodes(&f, "matmul");
    assert_shape(&f, "ws", "8x16");
    assert_int_equal(tensor(&f, "ws")->constness, EP_CONST_UNKNOWN);
    assert_int_equal(tensor(&f, "z")->constness, EP_CONST_UNKNOWN);
    assert_null(tensor(&f, "z")->data);
    assert_shape(&f, "z", "1024x1024");
    teardown(&f);
}

/* One value for many elements costs nothing, however many there are. */
static void splats(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    const float two = 2, three = 3;
    onnx_floats(&f.m, "two", "1x1", &two);
    onnx_floats(&f.m, "three", "", &three);
    ONNX_INTS(&f.m, "dims", 100000, 100000);
    onnx_node(&f.m, "zeros: a = ConstantOfShape(dims)");
    onnx_node(&f.m, "expand: b = Expand(two, dims)");
    onnx_node(&f.m, "add: c = Add(a, b)");
    onnx_node(&f.m, "mul: d = Mul(c, three)");
    onnx_node(&f.m, "transpose: e = Transpose(d)");
    onnx_output(&f.m, "e", EP_DTYPE_FLOAT, NULL);
    run_ok(&f, 0, NULL);
    assert_nodes(&f, "");
    const ep_tensor *e = tensor(&f, "e");
    double value;
    assert_int_equal(e->constness, EP_CONST_SPLAT);
    assert_true(ep_tensor_scalar(e, &value));
    assert_true(value == 6);
    assert_shape(&f, "e", "100000x100000");
    assert_int_equal(e->data_bytes, sizeof(float));
    teardown(&f);
}

/* A view of a large weight is the weight: in the file, not copied. */
static void views(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    onnx_weight(&f.m, "w", EP_DTYPE_FLOAT, "1000x1000");
    ONNX_INTS(&f.m, "target", 10, -1);
    onnx_node(&f.m, "identity: a = Identity(w)");
    onnx_node(&f.m, "reshape: b = Reshape(a, target)");
    onnx_output(&f.m, "b", EP_DTYPE_FLOAT, NULL);
    run_ok(&f, 0, NULL);
    assert_nodes(&f, "");
    assert_shape(&f, "b", "10x100000");
    assert_int_equal(tensor(&f, "b")->constness, EP_CONST_DATA);
    assert_ptr_equal(tensor(&f, "b")->data, tensor(&f, "w")->data);
    teardown(&f);
}

/* The view of a folded value outlives the value; its data lies in the static network. */
static void views_of_folded_values(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    const float values[] = {1, 2, 3};
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "3");
    onnx_floats(&f.m, "v", "3", values);
    onnx_node(&f.m, "neg: n = Neg(v)");
    onnx_node(&f.m, "view: a = Identity(n)");
    onnx_node(&f.m, "abs: unused = Abs(n)");
    onnx_node(&f.m, "again: b = Identity(a)");
    onnx_node(&f.m, "add: y = Add(x, a)");
    onnx_node(&f.m, "mul: z = Mul(y, b)");
    onnx_output(&f.m, "z", EP_DTYPE_FLOAT, NULL);
    run_ok(&f, 0, NULL);
    assert_nodes(&f, "add mul");
    const float expected[] = {-1, -2, -3};
    assert_memory_equal(tensor(&f, "a")->data, expected, sizeof expected);
    assert_ptr_equal(tensor(&f, "b")->data, tensor(&f, "a")->data);
    assert_null(tensor(&f, "n")->data);
    teardown(&f);
}

/* Values are freed when nobody reads them any more: the longest-lived are two, not 300. */
static void memory_of_a_chain(void **state)
{
    (void)state;
    enum { LENGTH = 300, ELEMENTS = 512 * 512 };
    fixture f;
    setup(&f, 17);
    onnx_weight(&f.m, "t0", EP_DTYPE_FLOAT, "512x512");
    for (int i = 0; i < LENGTH; i++) onnx_node(&f.m, "t%d = Cos(t%d)", i + 1, i);
    onnx_output(&f.m, "t300", EP_DTYPE_FLOAT, NULL);
    run_ok(&f, 0, NULL);
    assert_nodes(&f, "");
    assert_int_equal(tensor(&f, "t300")->constness, EP_CONST_DATA);
    assert_true(ep_arena_bytes(f.result->arena) < 2 * ELEMENTS * sizeof(float));
    float value; /* the fixed point of cos */
    memcpy(&value, tensor(&f, "t300")->data, sizeof value);
    assert_true(value > 0.73908f && value < 0.73909f);
    teardown(&f);
}

/* Values in the file lie where they lie. */
static void misaligned_data(void **state)
{
    (void)state;
    for (int shift = 0; shift < 8; shift++) {
        fixture f;
        setup(&f, 17);
        int64_t values[300];
        for (int i = 0; i < 300; i++) values[i] = i;
        pb_string(&f.m.graph, 10, &"xxxxxxxx"[shift]); /* doc_string */
        onnx_raw(&f.m, "v", EP_DTYPE_INT64, "300", values, sizeof values);
        onnx_node(&f.m, "y = Neg(v)");
        onnx_output(&f.m, "y", EP_DTYPE_INT64, NULL);
        run_ok(&f, 0, NULL);
        int64_t last;
        memcpy(&last, (const char *)tensor(&f, "y")->data + 299 * sizeof last, sizeof last);
        assert_int_equal(last, -299);
        teardown(&f);
    }
}

/* ---- what stays ---------------------------------------------------------------------------- */

static void not_constant(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    const float values[] = {1, 2};
    onnx_floats(&f.m, "v", "2", values);
    onnx_node(&f.m, "random: r = RandomNormal() shape=[2]");
    onnx_node(&f.m, "like: q = RandomUniformLike(v)");
    onnx_node(&f.m, "plugin: p = my.Plugin(v)");
    onnx_node(&f.m, "sum: y = Sum(r, q, p)");
    onnx_value_info(&f.m, "p", EP_DTYPE_FLOAT, "2");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    pb opset = onnx_opset("my", 1);
    pb_message(&f.m.model, 8, &opset);
    run_ok(&f, 0, NULL);
    assert_nodes(&f, "random like plugin sum");
    assert_shape(&f, "y", "2");
    teardown(&f);
}

static void dead_nodes(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2x3");
    onnx_int_scalar(&f.m, "zero", 0);
    onnx_node(&f.m, "bad: d = Div(zero, zero)"); /* would fail, but nobody asks */
    onnx_node(&f.m, "unused: u = Sqrt(x)");
    onnx_node(&f.m, "unused2: u2 = Sqrt(u)");
    onnx_node(&f.m, "split: a, b = Split(x) axis=0");
    onnx_node(&f.m, "relu: y = Relu(b)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    run_ok(&f, 0, NULL);
    assert_nodes(&f, "split relu");
    assert_shape(&f, "y", "1x3");
    assert_int_equal(tensor(&f, "u")->producer, EP_NO_INDEX);
    assert_int_equal(f.result->n_tensors, f.network->n_tensors);
    assert_int_equal(f.network->n_nodes, 5);
    teardown(&f);
}

static void errors_name_the_node(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2x3");
    ONNX_INTS(&f.m, "v", 4, 5);
    onnx_int_scalar(&f.m, "index", 2);
    onnx_node(&f.m, "pick: i = Gather(v, index)");
    onnx_node(&f.m, "reshape: y = Reshape(x, i)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    run_fails(&f, 0, NULL, EP_BAD_MODEL, "node 'pick' (Gather): index 2 is outside [-2, 1]");
    teardown(&f);

    setup(&f, 17);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2x3");
    onnx_input(&f.m, "y", EP_DTYPE_FLOAT, "4x5");
    onnx_node(&f.m, "add: z = Add(x, y)");
    onnx_output(&f.m, "z", EP_DTYPE_FLOAT, NULL);
    assert_int_equal(run(&f, 0, NULL), EP_BAD_SHAPE);
    assert_memory_equal(f.err.text, "node 'add' (Add): ", 18);
    teardown(&f);
}

static void scalar_input(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "");
    onnx_node(&f.m, "relu: y = Relu(x)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, "");
    run_ok(&f, 3, NULL);
    assert_nodes(&f, "relu");
    assert_shape(&f, "y", "scalar");
    assert_int_equal(f.result->batch_from, 1);
    assert_int_equal(f.result->batch_to, 1);
    teardown(&f);
}

static void long_chain(void **state)
{
    (void)state;
    enum { LENGTH = 40000 };
    fixture f;
    setup(&f, 17);
    onnx_input(&f.m, "t0", EP_DTYPE_FLOAT, "Nx3x8x8");
    for (int i = 0; i < LENGTH; i++) onnx_node(&f.m, "t%d = Relu(t%d)", i + 1, i);
    onnx_output(&f.m, "t40000", EP_DTYPE_FLOAT, NULL);
    run_ok(&f, 2, NULL);
    assert_int_equal(f.result->n_nodes, LENGTH);
    assert_shape(&f, "t40000", "2x3x8x8");
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches),
        cmocka_unit_test(given_shapes),
        cmocka_unit_test(input_without_shape),
        cmocka_unit_test(one_row_of_a_symbolic_batch),
        cmocka_unit_test(shape_arithmetic),
        cmocka_unit_test(unknown_values),
        cmocka_unit_test(splats),
        cmocka_unit_test(views),
        cmocka_unit_test(views_of_folded_values),
        cmocka_unit_test(memory_of_a_chain),
        cmocka_unit_test(misaligned_data),
        cmocka_unit_test(not_constant),
        cmocka_unit_test(dead_nodes),
        cmocka_unit_test(errors_name_the_node),
        cmocka_unit_test(scalar_input),
        cmocka_unit_test(long_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
