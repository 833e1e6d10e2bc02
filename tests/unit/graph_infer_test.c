/* Shape inference beyond single formulas: the batch rule, symbolic dimensions, what the file
 * states, the operator table, windows. Expected shapes of the batch rule are those that the
 * exporting program has at the new batch. */
#include "tests/unit/shape_rows.h"

/* ---- the batch rule ------------------------------------------------------------------------ */

/* Files made for batch 1, run at 8. */
static void batch_of_one(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "x=8x512x7x7 s[1,25088]", "y = Reshape(x, s)", "8x25088"},
        {13, "x=8x512x7x7 s[1,-1]", "y = Reshape(x, s)", "8x25088"},
        {13, "x=8x512x7x7 s[-1,25088]", "y = Reshape(x, s)", "8x25088"},
        {13, "x=8x64x6x6 s[0,32,-1]", "y = Reshape(x, s)", "8x32x72"},
        {13, "x=8x64x6x6 s[8,32,-1]", "y = Reshape(x, s)", "8x32x72"}, /* computed from a shape */
        {13, "x=8x116x28x28 s[1,2,58,28,28]", "y = Reshape(x, s)", "8x2x58x28x28"},
        {13, "x=8x36x4x4 s[1,-1,4,4,4]", "y = Reshape(x, s)", "8x9x4x4x4"},
        {13, "x=8x128x768 s[128,768]", "y = Reshape(x, s)", "1024x768"},
        {13, "x=8x64x4x4 s[64,1,4,4]", "y = Reshape(x, s)", "512x1x4x4"},
        /* heads, batch first: views of batch * heads matrices and back */
        {13, "x=8x12x128x64 s[12,128,64]", "y = Reshape(x, s)", "96x128x64"},
        {13, "x=8x12x128x64 s[12,-1,64]", "y = Reshape(x, s)", "96x128x64"},
        {13, "x=8x12x128x64 s[96,-1,64]", "y = Reshape(x, s)", "96x128x64"}, /* computed */
        {13, "x=96x128x64 s[1,12,128,64]", "y = Reshape(x, s)", "8x12x128x64"},
        {13, "x=8x128x768 s[0,-1,12,64]", "y = Reshape(x, s)", "8x128x12x64"},
        /* heads, steps first, as torch.nn.MultiheadAttention has them */
        {13, "x=197x8x2304 s[197,1,3,768]", "y = Reshape(x, s)", "197x8x3x768"},
        {13, "x=197x8x768 s[197,12,64]", "y = Reshape(x, s)", "197x96x64"},
        {13, "x=128x8x768 s[128,12,64]", "y = Reshape(x, s)", "128x96x64"},
        {13, "x=197x8x768 s[-1,12,64]", "y = Reshape(x, s)", "1576x12x64"},
        {13, "x=197x8x12x64 s[197,768]", "y = Reshape(x, s)", "1576x768"},
        {13, "x=1576x768 s[197,1,768]", "y = Reshape(x, s)", "197x8x768"},
        /* windows of a picture, as in Swin: 64 a picture */
        {13, "x=512x49x96 s[1,8,8,7,7,96]", "y = Reshape(x, s)", "8x8x8x7x7x96"},
        {13, "x=512x49x96 s[1,8,8,7,7,-1]", "y = Reshape(x, s)", "8x8x8x7x7x96"},
        {13, "x=512x3x49x49 s[1,64,3,49,49]", "y = Reshape(x, s)", "8x64x3x49x49"},
        {13, "x=8x64x3x49x49 s[64,3,49,49]", "y = Reshape(x, s)", "512x3x49x49"},
        {13, "x=512x49x96 s[64,49,3,32]", "y = Reshape(x, s)", "512x49x3x32"},
        /* what has no batch */
        {13, "w*8x4 s[1,-1]", "y = Reshape(w, s)", "1x32"},
        {13, "x=100x4 s[1,-1]", "y = Reshape(x, s)", "1x400"},
        {13, "x=8x5 s[1,4]", "y = Reshape(x, s)",
         "!at batch 8 (the file is made for 1): cannot reshape 8x5 (40 elements) to 1x4"},
        {13, "x=8x5 s[]", "y = Reshape(x, s)", "!cannot reshape"},
        {14, "x=8x5 s[0,1]", "y = Reshape(x, s) allowzero=1", "!cannot reshape"},
        {13, "t*1x1x768 s[1,1,768]", "y = Expand(t, s)", "1x1x768"},
        {13, "t*1x1x768 x=8x196x768", "y = Concat(t, x) axis=1", "8x197x768"},
        {13, "x=8x196x768 t*1x1x768", "y = Concat(x, t) axis=1", "8x197x768"},
        {13, "x=8x2 t=1x3", "y = Concat(x, t) axis=1", "!differ in dimension 0"},
        {13, "x=8x2 t*2x3", "y = Concat(x, t) axis=1", "!differ in dimension 0"},
        {16, "x=8x3x4x5 g*1x6x7x2", "y = GridSample(x, g)", "8x3x6x7"},
        {13, "x=8x3x4x4 z[1,3,9,9]", "y = Resize(x, , , z)", "8x3x9x9"},
        {13, "x=8x3x4x4 z[8,3,9,9]", "y = Resize(x, , , z)", "8x3x9x9"},
        {13, "x=6144 i:int64*1x768x1x1", "y = Gather(x, i)", "8x768x1x1"},
        {13, "x=1024x1 i:int64*1x1x1x128", "y = Gather(x, i)", "8x1x1x128x1"},
        {13, "x=1000x1 i:int64*1x1x1x128", "y = Gather(x, i)", "1x1x1x128x1"},
        {13, "w*8x4 i:int64*1x1", "y = Gather(w, i)", "1x1x4"},
        {13, "x=8x4 i[0]", "y = Gather(x, i)", "1x4"}, /* one image of the batch */
        /* the file speaks of its own batch */
        {17, "x=8x4 y?1x100x4", "y = my.domain.Boxes(x)", "8x100x4"},
        {17, "x=8x4 y?5x100x4", "y = my.domain.Boxes(x)", "5x100x4"},
    };
    CHECK_ROWS_AT(rows, 1, 8);
}

/* A batch that is as large as another dimension. */
static void batch_like_a_dimension(void **state)
{
    (void)state;
    static const row heads[] = {
        {13, "x=768x197x64 s[1,12,197,64]", "y = Reshape(x, s)", "64x12x197x64"},
        {13, "x=768x64x197 s[1,12,64,197]", "y = Reshape(x, s)", "64x12x64x197"},
        {13, "x=64x12x64x64 s[12,64,64]", "y = Reshape(x, s)", "768x64x64"},
        {13, "x=64x64 s[64]", "y = Reshape(x, s)", "4096"},
    };
    static const row steps[] = {
        {13, "x=197x197x768 s[197,12,64]", "y = Reshape(x, s)", "197x2364x64"},
        {13, "x=197x197x2304 s[197,1,3,768]", "y = Reshape(x, s)", "197x197x3x768"},
        {13, "x=2364x197x64 s[1,12,197,64]", "y = Reshape(x, s)", "197x12x197x64"},
        {13, "x=197x197x12x64 s[197,768]", "y = Reshape(x, s)", "38809x768"},
    };
    CHECK_ROWS_AT(heads, 1, 64);
    CHECK_ROWS_AT(steps, 1, 197);
}

/* Files made for batch 4, run at 6 and 1. */
static void batch_of_four(void **state)
{
    (void)state;
    static const row six[] = {
        {13, "x=6x512x7x7 s[4,-1]", "y = Reshape(x, s)", "6x25088"},
        {13, "x=6x12x128x64 s[48,128,64]", "y = Reshape(x, s)", "72x128x64"},
        {13, "x=6x12x128x64 s[48,-1,64]", "y = Reshape(x, s)", "72x128x64"},
        {13, "x=6x8 s[3,2,-1]", "y = Reshape(x, s)", "3x2x8"},
        {13, "t*1x1x768 s[4,1,768]", "y = Expand(t, s)", "6x1x768"},
        {13, "t*768 s[4,1,768]", "y = Expand(t, s)", "6x1x768"},
        {13, "t*4x1 s[4,768]", "y = Expand(t, s)", "4x768"},
        {13, "t*4x1x768 x=6x196x768", "y = Concat(t, x) axis=1", "6x197x768"},
    };
    static const row one[] = {
        {13, "x=1x512x7x7 s[4,-1]", "y = Reshape(x, s)", "1x25088"},
        {13, "x=1x512x7x7 s[4,512,49]", "y = Reshape(x, s)", "1x512x49"},
        {13, "x=12x128x64 s[4,12,128,64]", "y = Reshape(x, s)", "1x12x128x64"},
    };
    CHECK_ROWS_AT(six, 4, 6);
    CHECK_ROWS_AT(one, 4, 1);
}

/* ---- symbolic dimensions ------------------------------------------------------------------- */

/* Symbolic dimensions of the operands become 2; the marks of output 0 are told as "s.." */
static void symbolic_marks(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "x=Nx3xHx8", "y = Relu(x)", "s.s."},
        {13, "x=Nx3 y=4xNx3", "z = Add(x, y)", ".s."},
        {11, "x=Nx3xHx8 w*4x3x1x1", "y = Conv(x, w)", "s.s."},
        {11, "x=Nx3xHx8", "y = MaxPool(x) kernel_shape=[2,2]", "s.s."},
        {13, "x=Nx3x4", "y = Transpose(x) perm=[1,0,2]", ".s."},
        {13, "x=Nx3 y=2xM", "z = Concat(x, y) axis=1", "ss"},
        {13, "x=Nx3x4 s[-1,12]", "y = Reshape(x, s)", "s."},
        {13, "x=Nx3xW s[0,-1]", "y = Reshape(x, s)", "s."},
        {13, "x=Nx3x4", "y = Flatten(x)", "s."},
        {13, "x=Nx3x4", "y = Flatten(x) axis=0", ".."},
        {13, "x=Nx3 w*3x4", "y = Gemm(x, w)", "s."},
        {13, "x=NxSx8 y*8x4", "z = MatMul(x, y)", "ss."},
        {13, "x=Nx3x4", "y = ReduceMean(x) axes=[0]", "..."},
        {13, "x=Nx3x4", "y = ReduceMean(x) axes=[1] keepdims=0", "s."},
        {13, "x=3xN i:int64=1", "y = Gather(x, i)", ".s"},
        {13, "x=Nx3 a[0]", "y = Unsqueeze(x, a)", ".s."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        onnx_model m;
        ep_error err = {0};
        char marks[EP_MAX_RANK + 1] = "";
        ep_network *network = network_of(&rows[i], &m);
        for (uint32_t t = 0; t < network->n_tensors; t++) {
            ep_tensor *tensor = &network->tensors[t];
            for (int axis = 0; axis < tensor->shape.rank; axis++) {
                if (tensor->shape.dims[axis] != EP_DIM_UNKNOWN) continue;
                tensor->shape.dims[axis] = 2;
                tensor->was_symbolic |= (uint8_t)(1u << axis);
            }
        }
        assert_int_equal(ep_infer_shapes(network, network->nodes, &err), EP_OK);
        const ep_tensor *output = ep_node_output(network, network->nodes, 0);
        for (int axis = 0; axis < output->shape.rank; axis++) {
            marks[axis] = output->was_symbolic >> axis & 1 ? 's' : '.';
        }
        if (strcmp(marks, rows[i].outputs) != 0) {
            fail_msg("%s: marks %s, expected %s", rows[i].node, marks, rows[i].outputs);
        }
        ep_network_free(network);
        onnx_free(&m);
    }
}

/* A file with symbolic batch computes its targets: a 1 in one of them is not the batch. */
static void no_batch_rule_for_symbolic_batch(void **state)
{
    (void)state;
    static const row r = {13, "x=Nx512x7x7 s[1,-1]", "y = Reshape(x, s)", ""};
    onnx_model m;
    ep_error err = {0};
    ep_network *network = network_of(&r, &m);
    ep_tensor *x = &network->tensors[network->inputs[0]];
    x->shape.dims[0] = 8;
    network->batch_from = 1;
    network->batch_to = 8;
    assert_int_equal(x->was_symbolic, 1);
    assert_int_equal(ep_infer_shapes(network, network->nodes, &err), EP_OK);
    const ep_tensor *y = ep_node_output(network, network->nodes, 0);
    assert_int_equal(y->shape.dims[0], 1);
    assert_int_equal(y->shape.dims[1], 8 * 512 * 7 * 7);
    ep_network_free(network);
    onnx_free(&m);
}

/* ---- operators without inference, and the table -------------------------------------------- */

static void stated_shapes(void **state)
{
    (void)state;
    static const row rows[] = {
        {17, "x=1x4 y:int32?2x3", "y = my.domain.Op(x)", "int32 2x3"},
        {17, "x=1x4 y?2x3", "y, z = my.domain.Op(x)", "!does not state the shape of every output"},
        {17, "x=1x4 y?Nx3", "y = my.domain.Op(x)", "!does not state the shape of every output"},
        {17, "x=1x4", "y = NoSuchOperator(x)", "!not an operator edgeplan knows"},
        {17, "x=?x4", "y = Relu(x)", "!the shape of its input 'x' is not known"},
        {17, "x=1x4", "y, z = Relu(x)", "!output 1 ('z') is none of this operator's"},
        {17, "c:bool=", "y = If(c)", "!that of a body"},
        {17, "c:bool= y?2x3", "y = If(c)", "2x3"},
    };
    CHECK_ROWS(rows);
}

static void error_names_the_node(void **state)
{
    (void)state;
    static const row rows[] = {
        {17, "a=2 b=3", "sum: y = Add(a, b)",
         "!node 'sum' (Add): shapes 2 and 3 (input 'b') do not broadcast: 2 against 3"},
    };
    CHECK_ROWS(rows);
    onnx_model m;
    ep_network *network = network_of(&rows[0], &m);
    assert_int_equal(ep_infer_shapes(network, network->nodes, NULL), EP_BAD_SHAPE);
    ep_network_free(network);
    onnx_free(&m);
}

static void operator_table(void **state)
{
    (void)state;
    uint32_t rows = 0;
    for (const ep_op *op; (op = ep_op_row(rows)); rows++) {
        assert_ptr_equal(ep_op_find("", op->name), op); /* so the table is sorted */
        assert_true(op->since >= 1 && op->since <= 24);
        assert_true(op->until == 0 || op->until >= 7);
        assert_true(strlen(ep_layer_type_name(op->layer)) > 0);
    }
    assert_true(rows > 150);
    assert_ptr_equal(ep_op_find("ai.onnx", "Conv"), ep_op_find("", "Conv"));
    assert_int_equal(ep_op_find("", "Upsample")->until, 9);
    assert_int_equal(ep_op_find("", "Gemm")->layer, EP_LAYER_MATRIX_MULTIPLY);
    assert_null(ep_op_find("com.microsoft", "Conv"));
    assert_null(ep_op_find("", "conv"));
    assert_string_equal(ep_layer_type_name(EP_LAYER_SOFTMAX), "SoftMax");
    assert_string_equal(ep_function_name(EP_FN_LEAKY_RELU), "LeakyRelu");
}

/* ---- windows ------------------------------------------------------------------------------- */

static void window_details(void **state)
{
    (void)state;
    static const struct {
        row row;
        ep_window window;
    } cases[] = {
        {{11, "x=1x1x7x8 w*1x1x4x3", "y = Conv(x, w) auto_pad='SAME_UPPER' strides=[2,2]", ""},
         {2, {4, 3}, {2, 2}, {1, 1}, {1, 0}, {2, 1}, {0}}},
        {{11, "x=1x1x7x8 w*1x1x4x3", "y = Conv(x, w) auto_pad='SAME_LOWER' strides=[2,2]", ""},
         {2, {4, 3}, {2, 2}, {1, 1}, {2, 1}, {1, 0}, {0}}},
        {{11, "x=1x1x9 w*1x1x3", "y = Conv(x, w) pads=[4,2] dilations=[3]", ""},
         {1, {3}, {1}, {3}, {4}, {2}, {0}}},
        {{11, "x=1x1x3x3 w*1x2x3x3", "y = ConvTranspose(x, w) strides=[3,2] output_shape=[10,6]",
          ""},
         {2, {3, 3}, {3, 2}, {1, 1}, {0, 1}, {0, 0}, {1, 0}}},
        {{11, "x=2x3x5x6x7", "y = GlobalMaxPool(x)", ""},
         {3, {5, 6, 7}, {1, 1, 1}, {1, 1, 1}, {0}, {0}, {0}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        onnx_model m;
        ep_error err = {0};
        ep_window window;
        int64_t out[EP_MAX_SPATIAL];
        ep_network *network = network_of(&cases[i].row, &m);
        assert_int_equal(ep_node_window(network, network->nodes, &window, out, &err), EP_OK);
        assert_memory_equal(&window, &cases[i].window, sizeof window);
        ep_network_free(network);
        onnx_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_of_one),
        cmocka_unit_test(batch_like_a_dimension),
        cmocka_unit_test(batch_of_four),
        cmocka_unit_test(symbolic_marks),
        cmocka_unit_test(no_batch_rule_for_symbolic_batch),
        cmocka_unit_test(stated_shapes),
        cmocka_unit_test(error_names_the_node),
        cmocka_unit_test(operator_table),
        cmocka_unit_test(window_details),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
