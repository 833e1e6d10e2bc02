/* If, Loop and Scan in sessions: what bodies see, carry, stack and hand over. */
#include "tests/unit/session_fixture.h"

/* Appends a node with one or two bodies, which it frees. */
static void add_control(pb *graph, const char *node_text, const char *name1, onnx_model *body1,
                        const char *name2, onnx_model *body2)
{
    pb node = onnx_node_message("%s", node_text);
    onnx_attribute_graph(&node, name1, &body1->graph);
    if (body2) onnx_attribute_graph(&node, name2, &body2->graph);
    pb_message(graph, 1, &node);
}

/* ---- If ------------------------------------------------------------------------------------ */

/* The branches give other shapes: a captured tensor as it is, and one that is computed. */
static void either_branch(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_model yes = {0}, no = {0};
    onnx_output(&yes, "x", EP_DTYPE_FLOAT, NULL);
    onnx_floats(&no, "two", "1", (const float[]){2});
    onnx_node(&no, "d = Concat(x, two) axis=0");
    onnx_output(&no, "d", EP_DTYPE_FLOAT, NULL);
    onnx_input(&f.m, "c", EP_DTYPE_BOOL, "");
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2");
    add_control(&f.m.graph, "r = If(c)", "then_branch", &yes, "else_branch", &no);
    onnx_node(&f.m, "y = Neg(r)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "r", EP_DTYPE_FLOAT, NULL);
    start(&f);
    float x[] = {1, 3};
    RUN(&f, BOOLS("", 1), array_of(EP_DTYPE_FLOAT, "2", x));
    x[0] = 9; /* the caller's again */
    assert_output(&f, 0, FLOATS("2", -1, -3));
    assert_output(&f, 1, FLOATS("2", 1, 3));
    RUN(&f, BOOLS("", 0), array_of(EP_DTYPE_FLOAT, "2", x));
    assert_output(&f, 0, FLOATS("3", -9, -3, -2));
    teardown(&f);
}

/* A body in a body reads from all around; a name that one branch defines is another's capture. */
static void captures_of_several_levels(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_model inner_yes = {0}, inner_no = {0}, yes = {0}, no = {0};
    onnx_node(&inner_yes, "s = Sum(x, local, t)");
    onnx_output(&inner_yes, "s", EP_DTYPE_FLOAT, NULL);
    onnx_node(&inner_no, "t = Neg(local)"); /* not the t outside */
    onnx_output(&inner_no, "t", EP_DTYPE_FLOAT, NULL);
    onnx_node(&yes, "local = Mul(t, t)");
    add_control(&yes.graph, "r = If(c2)", "then_branch", &inner_yes, "else_branch", &inner_no);
    onnx_output(&yes, "r", EP_DTYPE_FLOAT, NULL);
    onnx_node(&no, "z = Sub(t, t)");
    onnx_output(&no, "z", EP_DTYPE_FLOAT, NULL);
    onnx_input(&f.m, "c1", EP_DTYPE_BOOL, "1");
    onnx_input(&f.m, "c2", EP_DTYPE_BOOL, "1");
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2");
    onnx_node(&f.m, "t = Add(x, x)");
    add_control(&f.m.graph, "y = If(c1)", "then_branch", &yes, "else_branch", &no);
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    start(&f);
    RUN(&f, BOOLS("1", 1), BOOLS("1", 1), FLOATS("2", 1, 2));
    assert_output(&f, 0, FLOATS("2", 1 + 4 + 2, 2 + 16 + 4));
    RUN(&f, BOOLS("1", 1), BOOLS("1", 0), FLOATS("2", 1, 2));
    assert_output(&f, 0, FLOATS("2", -4, -16));
    RUN(&f, BOOLS("1", 0), BOOLS("1", 0), FLOATS("2", 1, 2));
    assert_output(&f, 0, FLOATS("2", 0, 0));
    teardown(&f);
}

/* A local function is called in a body, and has a body with its own attribute in it. */
static void functions_and_bodies(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_model leaky = {0}, plain = {0}, yes = {0}, no = {0};
    pb opset = onnx_opset("mine", 1);
    pb_message(&f.m.model, 8, &opset);
    onnx_node(&leaky, "l = LeakyRelu(a) alpha=@slope");
    onnx_output(&leaky, "l", EP_DTYPE_FLOAT, NULL);
    onnx_node(&plain, "p = Identity(a)");
    onnx_output(&plain, "p", EP_DTYPE_FLOAT, NULL);
    pb function = onnx_function("mine", "Maybe", "a, c", "b", "slope");
    pb node = onnx_node_message("b = If(c)");
    onnx_attribute_graph(&node, "then_branch", &leaky.graph);
    onnx_attribute_graph(&node, "else_branch", &plain.graph);
    pb_message(&function, 7, &node);
    pb_message(&f.m.model, 25, &function);
    onnx_node(&yes, "r = mine.Maybe(x, c) slope=0.5");
    onnx_output(&yes, "r", EP_DTYPE_FLOAT, NULL);
    onnx_output(&no, "x", EP_DTYPE_FLOAT, NULL);
    onnx_input(&f.m, "c", EP_DTYPE_BOOL, "");
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2");
    add_control(&f.m.graph, "y = If(c)", "then_branch", &yes, "else_branch", &no);
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    start(&f);
    RUN(&f, BOOLS("", 1), FLOATS("2", -8, 2));
    assert_output(&f, 0, FLOATS("2", -4, 2));
    RUN(&f, BOOLS("", 0), FLOATS("2", -8, 2));
    assert_output(&f, 0, FLOATS("2", -8, 2));
    teardown(&f);
}

/* ---- Loop ---------------------------------------------------------------------------------- */

/* s += x; stacks s; goes on while s[0] < 10. */
static void make_loop(fixture *f, const char *node_text)
{
    onnx_model body = {0};
    onnx_input(&body, "i", EP_DTYPE_INT64, "");
    onnx_input(&body, "go", EP_DTYPE_BOOL, "");
    onnx_input(&body, "s", EP_DTYPE_FLOAT, "2");
    onnx_floats(&body, "ten", "", (const float[]){10});
    ONNX_INTS(&body, "zero", 0);
    ONNX_INTS(&body, "one", 1);
    onnx_node(&body, "t = Add(s, x)");
    onnx_node(&body, "h = Slice(t, zero, one)");
    onnx_node(&body, "less = Less(h, ten)");
    onnx_node(&body, "more = Squeeze(less)");
    onnx_node(&body, "j = Identity(i)");
    onnx_output(&body, "more", EP_DTYPE_BOOL, "");
    onnx_output(&body, "t", EP_DTYPE_FLOAT, "2");
    onnx_output(&body, "t", EP_DTYPE_FLOAT, "2");
    onnx_output(&body, "j", EP_DTYPE_INT64, "");
    onnx_input(&f->m, "n", EP_DTYPE_INT64, "");
    onnx_input(&f->m, "c", EP_DTYPE_BOOL, "");
    onnx_input(&f->m, "x", EP_DTYPE_FLOAT, "2");
    onnx_floats(&f->m, "start", "2", (const float[]){0, 100});
    add_control(&f->m.graph, node_text, "body", &body, NULL, NULL);
    onnx_output(&f->m, "last", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f->m, "all", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f->m, "steps", EP_DTYPE_INT64, NULL);
    start(f);
}

static void loops_count_and_stop(void **state)
{
    (void)state;
    fixture f = {0};
    make_loop(&f, "last, all, steps = Loop(n, c, start)");
    /* all trips */
    RUN(&f, INTS("", 3), BOOLS("", 1), FLOATS("2", 1, -1));
    assert_output(&f, 0, FLOATS("2", 3, 97));
    assert_output(&f, 1, FLOATS("3x2", 1, 99, 2, 98, 3, 97));
    assert_output(&f, 2, INTS("3", 0, 1, 2));
    /* the body stops */
    RUN(&f, INTS("", 100), BOOLS("", 1), FLOATS("2", 6, 0));
    assert_output(&f, 0, FLOATS("2", 12, 100));
    assert_output(&f, 1, FLOATS("2x2", 6, 100, 12, 100));
    /* none */
    RUN(&f, INTS("", 0), BOOLS("", 1), FLOATS("2", 6, 0));
    assert_output(&f, 0, FLOATS("2", 0, 100));
    assert_output(&f, 1, array_of(EP_DTYPE_FLOAT, "0x2", NULL));
    assert_output(&f, 2, array_of(EP_DTYPE_INT64, "0", NULL));
    RUN(&f, INTS("", 5), BOOLS("", 0), FLOATS("2", 6, 0));
    assert_output(&f, 1, array_of(EP_DTYPE_FLOAT, "0x2", NULL));
    teardown(&f);
}

static void loops_without_count(void **state)
{
    (void)state;
    fixture f = {0};
    make_loop(&f, "last, all, steps = Loop(, c, start)");
    RUN(&f, INTS("", 0), BOOLS("", 1), FLOATS("2", 4, 0));
    assert_output(&f, 0, FLOATS("2", 12, 100));
    assert_output(&f, 2, INTS("3", 0, 1, 2));
    teardown(&f);

    /* without either it ends by the body alone, or not at all */
    f.options.max_work = 1000;
    make_loop(&f, "last, all, steps = Loop(, , start)");
    RUN(&f, INTS("", 0), BOOLS("", 0), FLOATS("2", 4, 0));
    assert_output(&f, 2, INTS("3", 0, 1, 2));
    assert_int_equal(
        ep_session_run(f.session, (const ep_array[]){INTS("", 0), BOOLS("", 0), FLOATS("2", 0, 0)},
                       &f.err),
        EP_INFEASIBLE);
    teardown(&f);
}

/* Carried tensors may grow; a loop in a branch in a loop. */
static void loops_in_loops(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_model inner = {0}, yes = {0}, no = {0}, outer = {0};
    onnx_input(&inner, "k", EP_DTYPE_INT64, NULL);
    onnx_input(&inner, "go_on", EP_DTYPE_BOOL, NULL);
    onnx_input(&inner, "v", EP_DTYPE_INT64, NULL);
    ONNX_INTS(&inner, "axes", 0);
    onnx_node(&inner, "k1 = Unsqueeze(k, axes)");
    onnx_node(&inner, "w = Concat(v, i1, k1) axis=0");
    onnx_output(&inner, "go_on", EP_DTYPE_BOOL, NULL);
    onnx_output(&inner, "w", EP_DTYPE_INT64, NULL);
    onnx_node(&yes, "i1 = Unsqueeze(i, zero)");
    add_control(&yes.graph, "r = Loop(i, , u)", "body", &inner, NULL, NULL);
    onnx_output(&yes, "r", EP_DTYPE_INT64, NULL);
    onnx_output(&no, "u", EP_DTYPE_INT64, NULL);
    onnx_input(&outer, "i", EP_DTYPE_INT64, NULL);
    onnx_input(&outer, "go", EP_DTYPE_BOOL, NULL);
    onnx_input(&outer, "u", EP_DTYPE_INT64, NULL);
    onnx_node(&outer, "odd = Mod(i, two)");
    onnx_node(&outer, "is_odd = Cast(odd) to=9");
    add_control(&outer.graph, "q = If(is_odd)", "then_branch", &yes, "else_branch", &no);
    onnx_output(&outer, "go", EP_DTYPE_BOOL, NULL);
    onnx_output(&outer, "q", EP_DTYPE_INT64, NULL);
    onnx_int_scalar(&f.m, "two", 2);
    ONNX_INTS(&f.m, "zero", 0);
    onnx_input(&f.m, "n", EP_DTYPE_INT64, "");
    onnx_input(&f.m, "x", EP_DTYPE_INT64, "1");
    add_control(&f.m.graph, "y = Loop(n, , x)", "body", &outer, NULL, NULL);
    onnx_output(&f.m, "y", EP_DTYPE_INT64, NULL);
    start(&f);
    RUN(&f, INTS("", 4), INTS("1", 77));
    assert_output(&f, 0, INTS("9", 77, 1, 0, 3, 0, 3, 1, 3, 2));
    RUN(&f, INTS("", 1), INTS("1", 77));
    assert_output(&f, 0, INTS("1", 77));
    teardown(&f);
}

/* ---- Scan ---------------------------------------------------------------------------------- */

/* s += a - b; stacks s and a + captured. */
static void make_scan_body(onnx_model *body)
{
    onnx_input(body, "s", EP_DTYPE_FLOAT, NULL);
    onnx_input(body, "a", EP_DTYPE_FLOAT, NULL);
    onnx_input(body, "b", EP_DTYPE_FLOAT, NULL);
    onnx_node(body, "d = Sub(a, b)");
    onnx_node(body, "t = Add(s, d)");
    onnx_node(body, "o = Add(a, extra)");
    onnx_output(body, "t", EP_DTYPE_FLOAT, NULL);
    onnx_output(body, "t", EP_DTYPE_FLOAT, NULL);
    onnx_output(body, "o", EP_DTYPE_FLOAT, NULL);
}

static void scans_along_axes(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_model body = {0};
    make_scan_body(&body);
    onnx_floats(&f.m, "extra", "2", (const float[]){0.5f, 0.25f});
    onnx_input(&f.m, "s0", EP_DTYPE_FLOAT, "2");
    onnx_input(&f.m, "as", EP_DTYPE_FLOAT, "2x3"); /* steps last */
    onnx_input(&f.m, "bs", EP_DTYPE_FLOAT, "3x2"); /* steps first, from the end */
    add_control(&f.m.graph,
                "s, ts, os = Scan(s0, as, bs) num_scan_inputs=2 scan_input_axes=[-1,0] "
                "scan_input_directions=[0,1] scan_output_axes=[1,0] scan_output_directions=[0,1]",
                "body", &body, NULL, NULL);
    onnx_output(&f.m, "s", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "ts", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "os", EP_DTYPE_FLOAT, NULL);
    start(&f);
    /* a: (1,4) (2,5) (3,6); b: (50,60) (30,40) (10,20) */
    RUN(&f, FLOATS("2", 100, 200), FLOATS("2x3", 1, 2, 3, 4, 5, 6),
        FLOATS("3x2", 10, 20, 30, 40, 50, 60));
    assert_output(&f, 0, FLOATS("2", 16, 95));
    assert_output(&f, 1, FLOATS("2x3", 51, 23, 16, 144, 109, 95));
    assert_output(&f, 2, FLOATS("3x2", 3.5, 6.25, 2.5, 5.25, 1.5, 4.25));
    teardown(&f);
}

/* Opset 8: a batch of sequences of their own lengths, zeros after them. */
static void scans_of_opset_8(void **state)
{
    (void)state;
    fixture f = {.m.opset = 8};
    onnx_model body = {0};
    make_scan_body(&body);
    onnx_floats(&f.m, "extra", "1", (const float[]){0.5f});
    onnx_input(&f.m, "lengths", EP_DTYPE_INT64, "2");
    onnx_input(&f.m, "s0", EP_DTYPE_FLOAT, "2x1");
    onnx_input(&f.m, "as", EP_DTYPE_FLOAT, "2x3x1");
    onnx_input(&f.m, "bs", EP_DTYPE_FLOAT, "2x3x1");
    add_control(&f.m.graph,
                "s, ts, os = Scan(lengths, s0, as, bs) num_scan_inputs=2 directions=[0,1]", "body",
                &body, NULL, NULL);
    onnx_output(&f.m, "s", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "ts", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "os", EP_DTYPE_FLOAT, NULL);
    start(&f);
    RUN(&f, INTS("2", 3, 2), FLOATS("2x1", 0, 1000), FLOATS("2x3x1", 1, 2, 3, 4, 5, 6),
        FLOATS("2x3x1", 10, 20, 30, 40, 50, 60));
    assert_output(&f, 0, FLOATS("2x1", 6 - 60, 1000 + 9 - 90));
    assert_output(&f, 1, FLOATS("2x3x1", -29, -47, -54, 954, 919, 0));
    assert_output(&f, 2, FLOATS("2x3x1", 1.5, 2.5, 3.5, 4.5, 5.5, 0));
    RUN_FAILS(&f, EP_BAD_SHAPE,
              "node 'Scan_0' (Scan): image 1: sequence 1 has length 4 of at most 3",
              INTS("2", 3, 4), FLOATS("2x1", 0, 1000), FLOATS("2x3x1", 1, 2, 3, 4, 5, 6),
              FLOATS("2x3x1", 10, 20, 30, 40, 50, 60));
    teardown(&f);
}

/* ---- refusals ------------------------------------------------------------------------------ */

/* x through an If of which the branches are `yes` and one that gives x. */
static void make_if(fixture *f, onnx_model *yes)
{
    onnx_model no = {0};
    onnx_output(&no, "x", EP_DTYPE_FLOAT, NULL);
    onnx_input(&f->m, "c", EP_DTYPE_BOOL, "1");
    onnx_input(&f->m, "x", EP_DTYPE_FLOAT, "2");
    add_control(&f->m.graph, "if: y = If(c)", "then_branch", yes, "else_branch", &no);
    onnx_output(&f->m, "y", EP_DTYPE_FLOAT, NULL);
}

static void refusals(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_model yes = {0};
    onnx_node(&yes, "mine: r = org.mine.Thing(x)");
    onnx_output(&yes, "r", EP_DTYPE_FLOAT, NULL);
    make_if(&f, &yes);
    start_fails(&f, EP_UNSUPPORTED, "node 'mine': no kernel for operator org.mine.Thing");
    teardown(&f);

    yes = (onnx_model){0};
    onnx_node(&yes, "r = Neg(x)"); /* what a plan does not look into */
    onnx_node(&yes, "r = Neg(x)");
    onnx_output(&yes, "r", EP_DTYPE_FLOAT, NULL);
    make_if(&f, &yes);
    start_fails(&f, EP_UNSUPPORTED, "node 'if' (If): test.onnx: tensor 'r' is defined twice");
    teardown(&f);

    yes = (onnx_model){0};
    ONNX_INTS(&yes, "shape", 3);
    onnx_node(&yes, "in: r = Reshape(x, shape)");
    onnx_output(&yes, "r", EP_DTYPE_FLOAT, NULL);
    make_if(&f, &yes);
    start(&f);
    RUN(&f, BOOLS("1", 0), FLOATS("2", 1, 2));
    RUN_FAILS(&f, EP_BAD_SHAPE,
              "node 'if' (If): node 'in' (Reshape): cannot reshape 2 (2 elements) to 3",
              BOOLS("1", 1), FLOATS("2", 1, 2));
    RUN(&f, BOOLS("1", 0), FLOATS("2", 1, 2));
    assert_output(&f, 0, FLOATS("2", 1, 2));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(either_branch),
        cmocka_unit_test(captures_of_several_levels),
        cmocka_unit_test(functions_and_bodies),
        cmocka_unit_test(loops_count_and_stop),
        cmocka_unit_test(loops_without_count),
        cmocka_unit_test(loops_in_loops),
        cmocka_unit_test(scans_along_axes),
        cmocka_unit_test(scans_of_opset_8),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
