/* ep_session: order, memory, shapes that depend on values, what is computed once, errors. Expected
 * values are calculated by hand. */
#include "tests/unit/session_fixture.h"

/* ---- results ------------------------------------------------------------------------------- */

static void computes_again_and_again(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2x2");
    onnx_floats(&f.m, "c", "2", (const float[]){10, 20});
    onnx_node(&f.m, "r = Relu(x)");
    onnx_node(&f.m, "y = Add(r, c)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "r", EP_DTYPE_FLOAT, NULL);
    start(&f);
    RUN(&f, FLOATS("2x2", 1, -2, 3, 4));
    assert_output(&f, 0, FLOATS("2x2", 11, 20, 13, 24));
    assert_output(&f, 1, FLOATS("2x2", 1, 0, 3, 4));
    RUN(&f, FLOATS("2x2", -1, 2, 0, 0));
    assert_output(&f, 0, FLOATS("2x2", 10, 22, 10, 20));
    teardown(&f);
}

/* Outputs outlive the caller's inputs, and need not be computed by nodes. */
static void outputs_of_every_origin(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2x2");
    onnx_floats(&f.m, "c", "2", (const float[]){10, 20});
    ONNX_INTS(&f.m, "flat", -1);
    onnx_node(&f.m, "v = Reshape(x, flat)");
    onnx_node(&f.m, "w = Identity(v)");
    onnx_node(&f.m, "n = Neg(w)");
    onnx_node(&f.m, "m = Identity(n)");
    const char *const outputs[] = {"w", "c", "x", "m", "n", "m"};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        onnx_output(&f.m, outputs[i], EP_DTYPE_FLOAT, NULL);
    }
    start(&f);
    float values[] = {1, 2, 3, 4};
    RUN(&f, array_of(EP_DTYPE_FLOAT, "2x2", values));
    memset(values, 0, sizeof values);
    assert_output(&f, 0, FLOATS("4", 1, 2, 3, 4));
    assert_output(&f, 1, FLOATS("2", 10, 20));
    assert_output(&f, 2, FLOATS("2x2", 1, 2, 3, 4));
    for (uint32_t i = 3; i < 6; i++) assert_output(&f, i, FLOATS("4", -1, -2, -3, -4));
    teardown(&f);
}

/* Constants in every form: typed varints too many to be decoded at import, splats, unaligned. */
static void constants_of_every_form(void **state)
{
    (void)state;
    enum { MANY = 300000 }; /* above 2^18, so that nothing is folded, and above 1 MiB of int64 */
    fixture f = {0};
    onnx_input(&f.m, "i", EP_DTYPE_INT64, "2");
    pb tensor = onnx_tensor("table", EP_DTYPE_INT64, "300000"), packed = {0};
    for (uint64_t i = 0; i < MANY; i++) pb_raw_varint(&packed, i * 3);
    pb_message(&tensor, 7, &packed);
    pb_message(&f.m.graph, 5, &tensor);
    ONNX_INTS(&f.m, "many", MANY);
    pb ones = onnx_node_message("ones = ConstantOfShape(many)"),
       one = onnx_tensor(NULL, EP_DTYPE_INT64, "1");
    pb_int(&one, 7, 7);
    onnx_attribute_tensor(&ones, "value", &one);
    pb_message(&f.m.graph, 1, &ones);
    onnx_node(&f.m, "a = Gather(table, i)");
    onnx_node(&f.m, "b = Gather(ones, i)");
    onnx_node(&f.m, "reversed = Sub(ones, table)");
    onnx_node(&f.m, "c = Gather(reversed, i)");
    onnx_output(&f.m, "a", EP_DTYPE_INT64, NULL);
    onnx_output(&f.m, "b", EP_DTYPE_INT64, NULL);
    onnx_output(&f.m, "c", EP_DTYPE_INT64, NULL);
    start(&f);
    RUN(&f, INTS("2", 5, MANY - 1));
    assert_output(&f, 0, INTS("2", 15, 3 * (MANY - 1)));
    assert_output(&f, 1, INTS("2", 7, 7));
    assert_output(&f, 2, INTS("2", -8, 7 - 3 * (MANY - 1)));

    /* what depends on constants alone was computed when the session was made */
    for (uint32_t i = 0; i < f.ready->n_nodes; i++) {
        const bool once = strcmp(f.ready->nodes[i].op_type, "Sub") == 0;
        assert_int_equal(ep_session_node_ns(f.session)[i] == 0, once);
    }
    teardown(&f);
}

/* ---- memory -------------------------------------------------------------------------------- */

/* x -> n1 -> ... -> n6, 1024 floats each, 4 KiB. */
static void make_chain(fixture *f)
{
    onnx_input(&f->m, "x", EP_DTYPE_FLOAT, "1024");
    onnx_node(&f->m, "n1 = Neg(x)");
    for (int i = 2; i <= 6; i++) onnx_node(&f->m, "n%d = Neg(n%d)", i, i - 1);
    onnx_output(&f->m, "n6", EP_DTYPE_FLOAT, NULL);
}

static void places_are_used_again(void **state)
{
    (void)state;
    fixture f = {0};
    static float x[1024];
    x[7] = 1;
    make_chain(&f);
    start(&f);
    run(&f, (const ep_array[]){array_of(EP_DTYPE_FLOAT, "1024", x)});
    assert_int_equal(ep_session_peak_bytes(f.session), 2 * 4096);
    assert_true(((const float *)ep_session_output(f.session, 0)->data)[7] == 1);
    for (uint32_t t = 0; t < f.ready->n_tensors; t++) {
        const ep_array *array = ep_session_tensor(f.session, t);
        const char *name = f.ready->tensors[t].name;
        assert_int_equal(array != NULL, strcmp(name, "x") == 0 || strcmp(name, "n6") == 0);
    }

    f.options.keep_all = true;
    start(&f);
    run(&f, (const ep_array[]){array_of(EP_DTYPE_FLOAT, "1024", x)});
    assert_int_equal(ep_session_peak_bytes(f.session), 7 * 4096);
    for (uint32_t t = 0; t < f.ready->n_tensors; t++) {
        const ep_array *array = ep_session_tensor(f.session, t);
        const char *name = f.ready->tensors[t].name;
        assert_non_null(array);
        const bool negative = name[0] == 'n' && (name[1] - '0') % 2;
        assert_true(((const float *)array->data)[7] == (negative ? -1 : 1));
    }
    teardown(&f);
}

/* A view keeps the place of what it shows. Where places in the order of the nodes would leave gaps,
 * the largest first does not: the most that is alive at once is 28 KiB: c, y, z. */
static void views_and_gaps(void **state)
{
    (void)state;
    fixture f = {0};
    ONNX_INTS(&f.m, "shape", 4, 256);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "1024");
    onnx_node(&f.m, "a = Neg(x)"); /* 4 KiB */
    onnx_node(&f.m, "v = Reshape(a, shape)");
    onnx_node(&f.m, "b = Concat(x, x) axis=0"); /* 8 KiB */
    onnx_node(&f.m, "c = Neg(b)");              /* 8 KiB */
    onnx_node(&f.m, "d = Neg(v)");              /* 4 KiB, where b was */
    onnx_node(&f.m, "e = Neg(d)");
    onnx_node(&f.m, "y = Concat(e, e, e) axis=0"); /* 12 KiB */
    onnx_node(&f.m, "z = Neg(c)");
    onnx_output(&f.m, "z", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    start(&f);
    static float x[1024];
    x[5] = -3;
    run(&f, (const ep_array[]){array_of(EP_DTYPE_FLOAT, "1024", x)});
    const float *z = ep_session_output(f.session, 0)->data;
    const float *y = ep_session_output(f.session, 1)->data;
    for (int i = 0; i < 2048; i++) assert_true(z[i] == (i % 1024 == 5 ? -3 : 0));
    for (int i = 0; i < 3072; i++) assert_true(y[i] == (i % 1024 == 5 ? 3 : 0));
    assert_int_equal(ep_session_peak_bytes(f.session), 28 * 1024);
    teardown(&f);
}

static void memory_is_limited(void **state)
{
    (void)state;
    fixture f = {.options.max_memory = 2 * 4096 - 1};
    make_chain(&f);
    start_fails(&f, EP_NO_MEMORY,
                "node 'Neg_1' (Neg): needs 8192 bytes; of at most 8191 are 0 in use");
    f.options.max_memory++;
    start(&f);
    teardown(&f);

    /* temporary memory: CumSum works on wide elements */
    f.options.max_memory = 4096 + 1000;
    ONNX_INTS(&f.m, "axis", 0);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "1024");
    onnx_node(&f.m, "sum: y = CumSum(x, axis)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    start(&f);
    static const float x[1024];
    RUN_FAILS(
        &f, EP_NO_MEMORY,
        "node 'sum' (CumSum): needs more than 1000 bytes of temporary memory; of at most 5096 "
        "are 4096 in use",
        array_of(EP_DTYPE_FLOAT, "1024", x));
    teardown(&f);

    /* values whose shape is not known before */
    f.options.max_memory = 64 + 4000;
    onnx_input(&f.m, "n", EP_DTYPE_INT64, "1");
    onnx_node(&f.m, "zeros: y = ConstantOfShape(n)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    start(&f);
    RUN(&f, INTS("1", 1000));
    RUN_FAILS(&f, EP_NO_MEMORY,
              "node 'zeros' (ConstantOfShape): needs 4068 bytes; of at most 4064 are 0 in use",
              INTS("1", 1017));
    RUN_FAILS(
        &f, EP_NO_MEMORY,
        "node 'zeros' (ConstantOfShape): needs 4611686018427387904 bytes; of at most 4064 are 0 "
        "in use",
        INTS("1", (int64_t)1 << 60));
    RUN(&f, INTS("1", 1000));
    teardown(&f);
}

/* ---- shapes that depend on values ---------------------------------------------------------- */

static void shapes_follow_values(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2x3");
    ONNX_INTS(&f.m, "flat", -1, 1);
    onnx_node(&f.m, "i = NonZero(x)");
    onnx_node(&f.m, "p = Transpose(i)");
    onnx_node(&f.m, "v = GatherND(x, p)");
    onnx_node(&f.m, "c = Reshape(v, flat)");
    onnx_node(&f.m, "s = Shape(c)");
    onnx_output(&f.m, "c", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "s", EP_DTYPE_INT64, NULL);
    start(&f);
    RUN(&f, FLOATS("2x3", 0, 5, 0, 6, 0, 7));
    assert_output(&f, 0, FLOATS("3x1", 5, 6, 7));
    assert_output(&f, 1, INTS("2", 3, 1));
    RUN(&f, FLOATS("2x3", 0, 0, 0, 0, 0, 8));
    assert_output(&f, 0, FLOATS("1x1", 8));
    assert_output(&f, 1, INTS("2", 1, 1));
    teardown(&f);
}

static void shapes_are_inputs(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "6");
    onnx_input(&f.m, "shape", EP_DTYPE_INT64, "2");
    onnx_node(&f.m, "view: r = Reshape(x, shape)");
    onnx_node(&f.m, "y = Transpose(r)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, "7x7"); /* not true, and not believed */
    start(&f);
    RUN(&f, FLOATS("6", 1, 2, 3, 4, 5, 6), INTS("2", 2, 3));
    assert_output(&f, 0, FLOATS("3x2", 1, 4, 2, 5, 3, 6));
    RUN_FAILS(&f, EP_BAD_SHAPE, "node 'view' (Reshape): cannot reshape 6 (6 elements) to 4x2",
              FLOATS("6", 1, 2, 3, 4, 5, 6), INTS("2", 4, 2));
    RUN(&f, FLOATS("6", 1, 2, 3, 4, 5, 6), INTS("2", -1, 1));
    assert_output(&f, 0, FLOATS("1x6", 1, 2, 3, 4, 5, 6));
    teardown(&f);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void refusals(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2");
    onnx_node(&f.m, "mine: y = org.mine.Thing(x)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, "2");
    start_fails(&f, EP_UNSUPPORTED, "node 'mine': no kernel for operator org.mine.Thing");
    teardown(&f);

    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2");
    onnx_stripped(&f.m, "w1", EP_DTYPE_FLOAT, "2");
    onnx_stripped(&f.m, "w2", EP_DTYPE_FLOAT, "2");
    onnx_node(&f.m, "a = Add(x, w1)");
    onnx_node(&f.m, "b = Add(w2, w2)");
    onnx_node(&f.m, "y = Add(a, b)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, "2");
    start_fails(&f, EP_UNSUPPORTED, "2 constants have no value in the file, the first is 'w1'");
    teardown(&f);

    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2");
    onnx_node(&f.m, "y = Neg(x)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, "2");
    start(&f);
    RUN_FAILS(&f, EP_BAD_SHAPE, "input 'x' is 3 of float32; it must be 2 of float32",
              FLOATS("3", 1, 2, 3));
    RUN_FAILS(&f, EP_BAD_SHAPE, "input 'x' is 2 of int64; it must be 2 of float32",
              INTS("2", 1, 2));
    RUN(&f, FLOATS("2", 1, 2));
    teardown(&f);

    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2");
    onnx_node(&f.m, "places: y, z = NonZero(x)");
    onnx_node(&f.m, "r = Reshape(x, z)");
    onnx_output(&f.m, "r", EP_DTYPE_FLOAT, NULL);
    start(&f);
    RUN_FAILS(&f, EP_BAD_MODEL, "node 'places' (NonZero): output 1 is none of this operator's",
              FLOATS("2", 1, 2));
    teardown(&f);

    onnx_input(&f.m, "x", EP_DTYPE_STRING, "2");
    onnx_node(&f.m, "y = Identity(x)");
    onnx_output(&f.m, "y", EP_DTYPE_STRING, "2");
    start(&f);
    RUN_FAILS(&f, EP_UNSUPPORTED, "input 'x' is of string", INTS("2", 1, 2));
    teardown(&f);
}

static void work_is_limited(void **state)
{
    (void)state;
    fixture f = {.options.max_work = 6 * 1025 - 1};
    static const float x[1024];
    make_chain(&f);
    start(&f);
    RUN_FAILS(&f, EP_INFEASIBLE, "node 'Neg_5' (Neg): takes more than the 6149 steps allowed",
              array_of(EP_DTYPE_FLOAT, "1024", x));
    f.options.max_work++;
    start(&f);
    for (int i = 0; i < 2; i++) RUN(&f, array_of(EP_DTYPE_FLOAT, "1024", x));
    teardown(&f);
}

/* ---- threads ------------------------------------------------------------------------------- */

static float noise(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return (float)(*seed >> 8) / (float)(1 << 24) - 0.5f;
}

/* Sums whose order could depend on the number of threads. */
static void threads_change_nothing(void **state)
{
    (void)state;
    enum { ROWS = 96, DEPTH = 333, COLUMNS = 70 };
    static float x[ROWS * DEPTH], w[DEPTH * COLUMNS], first[ROWS * COLUMNS], sums[ROWS];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = noise(&seed);
    for (size_t i = 0; i < sizeof w / sizeof *w; i++) w[i] = noise(&seed);
    fixture f = {0};
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "96x333");
    onnx_floats(&f.m, "w", "333x70", w);
    onnx_node(&f.m, "p = MatMul(x, w)");
    onnx_node(&f.m, "y = Softmax(p)");
    onnx_node(&f.m, "s = ReduceMean(x) axes=[1] keepdims=0");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "s", EP_DTYPE_FLOAT, NULL);
    for (uint32_t threads = 1; threads <= 8; threads *= 2) {
        f.options.threads = threads;
        start(&f);
        run(&f, (const ep_array[]){array_of(EP_DTYPE_FLOAT, "96x333", x)});
        const void *y = ep_session_output(f.session, 0)->data;
        const void *s = ep_session_output(f.session, 1)->data;
        if (threads == 1) {
            memcpy(first, y, sizeof first);
            memcpy(sums, s, sizeof sums);
        }
        assert_memory_equal(y, first, sizeof first);
        assert_memory_equal(s, sums, sizeof sums);
    }
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_again_and_again),
        cmocka_unit_test(outputs_of_every_origin),
        cmocka_unit_test(constants_of_every_form),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(views_and_gaps),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(shapes_follow_values),
        cmocka_unit_test(shapes_are_inputs),
        cmocka_unit_test(refusals),
        cmocka_unit_test(work_is_limited),
        cmocka_unit_test(threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
