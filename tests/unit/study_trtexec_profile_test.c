/* Profiles of trtexec, written here in the form of its documentation, against runs in which every
 * layer and kernel takes a time of its own: the predicted time of an entry says what it was taken
 * for. */
#include <math.h>
#include <unistd.h>

#include "study/study.h"
#include "tests/unit/plan_fixture.h"

/* A run whose times tell layers and kernels apart: layer l takes 2^l ms in a small network. */
typedef struct timed {
    fixture f;
    ep_run run;
    double *layer_ns, *kernel_ns;
} timed;

static void time_it(timed *t, const char *strategy)
{
    make_plan(&t->f, strategy, EP_CHOOSE_INT8);
    t->layer_ns = calloc(t->f.layers->n_layers + 1, sizeof(double));
    t->kernel_ns = calloc(t->f.plan->n_kernels + 1, sizeof(double));
    assert_true(t->layer_ns && t->kernel_ns);
    for (uint32_t l = 0; l < t->f.layers->n_layers; l++) {
        t->layer_ns[l] = t->f.layers->n_layers < 40 ? ldexp(1e6, (int)l) : 1e6 * (l * l + 1);
    }
    for (uint32_t k = 0; k < t->f.plan->n_kernels; k++) t->kernel_ns[k] = 1e6 * (k + 0.5);
    t->run = (ep_run){.latency_ns = 7e6, .layer_ns = t->layer_ns, .kernel_ns = t->kernel_ns};
}

static void timed_free(timed *t)
{
    fixture_free(&t->f);
    free(t->layer_ns);
    free(t->kernel_ns);
}

/* The text as a file, validated. Errors come without the name of the file. */
static ep_status try_text(const timed *t, const char *text, ep_validation **out, ep_error *err)
{
    char path[] = "/tmp/ep_profile_XXXXXX";
    const int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    const ep_status status = ep_validate_profile(path, t->f.layers, t->f.plan, &t->run, out, err);
    assert_int_equal(unlink(path), 0);
    if (status == EP_OK) {
        assert_string_equal((*out)->path, path);
    } else {
        assert_null(*out);
        assert_memory_equal(err->text, path, sizeof path - 1);
        memmove(err->text, err->text + sizeof path - 1, strlen(err->text) - sizeof path + 2);
    }
    return status;
}

static ep_validation *validate(const timed *t, const char *text)
{
    ep_validation *v;
    ep_error err = {0};
    if (try_text(t, text, &v, &err) != EP_OK) fail_msg("%s", err.text);
    return v;
}

static uint32_t layer_called(const ep_layers *layers, const char *name)
{
    for (uint32_t l = 0; l < layers->n_layers; l++) {
        if (strcmp(layers->layers[l].name, name) == 0) return l;
    }
    fail_msg("no layer '%s'", name);
    return EP_NO_INDEX;
}

/* Milliseconds of the layers, whose names end with NULL. */
static double ms_of(const timed *t, const char *const *names)
{
    double ns = 0;
    for (; *names; names++) ns += t->layer_ns[layer_called(t->f.layers, *names)];
    return ns / 1e6;
}
#define LAYERS(...) ((const char *const[]){__VA_ARGS__, NULL})

static double ms_of_kernel(const timed *t, const char *name)
{
    for (uint32_t k = 0; k < t->f.plan->n_kernels; k++) {
        if (strcmp(t->f.plan->kernels[k].name, name) == 0) return t->kernel_ns[k] / 1e6;
    }
    fail_msg("no kernel '%s'", name);
    return 0;
}

/* Validates a profile of one entry, of 2 ms. */
static ep_validation *validate_entry(const timed *t, const char *name)
{
    ep_text text = {0};
    ep_text_printf(&text,
                   "[\n  { \"count\" : 10 }\n, { \"name\" : \"%s\", \"timeMs\" : 20, \"averageMs\" "
                   ": 2, \"medianMs\" : 2, \"percentage\" : 100 }\n]\n",
                   name);
    ep_validation *v = validate(t, ep_text_cstr(&text));
    ep_text_free(&text);
    assert_int_equal(v->n_rows, 2);
    assert_string_equal(v->rows[1].id, name);
    return v;
}

static void expect_ms(const timed *t, const char *entry, double ms, const char *notes)
{
    ep_validation *v = validate_entry(t, entry);
    if (v->predictions[1].skipped) fail_msg("%s: %s", entry, v->predictions[1].skipped);
    if (fabs(v->predictions[1].value - ms) > 1e-9 * ms) {
        fail_msg("%s: %g ms instead of %g", entry, v->predictions[1].value, ms);
    }
    assert_string_equal(v->rows[1].notes, notes);
    ep_validation_free(v);
}

static void expect_layers(const timed *t, const char *entry, const char *const *layers)
{
    expect_ms(t, entry, ms_of(t, layers), "");
}

static void expect_skipped(const timed *t, const char *entry, const char *reason)
{
    ep_validation *v = validate_entry(t, entry);
    assert_non_null(v->predictions[1].skipped);
    assert_string_equal(v->predictions[1].skipped, reason);
    ep_validation_free(v);
}

/* ---- names --------------------------------------------------------------------------------- */

/* x -> Relu -> ... -> y, with nodes of these names. */
static timed chain(const char *const *names)
{
    timed t = {0};
    onnx_input(&t.f.model, "x", EP_DTYPE_FLOAT, "1x8x8x8");
    uint32_t n = 0;
    for (; names[n]; n++) {
        char from[16] = "x";
        if (n > 0) (void)snprintf(from, sizeof from, "t%u", n);
        onnx_node(&t.f.model, "t%u = %s(%s)", n + 1, n % 2 ? "Sigmoid" : "Relu", from);
    }
    char last[16];
    (void)snprintf(last, sizeof last, "t%u", n);
    onnx_output(&t.f.model, last, EP_DTYPE_FLOAT, NULL);
    ep_error err = {0};
    if (onnx_parse(&t.f.model, &t.f.imported, &err) != EP_OK) fail_msg("%s", err.text);
    for (uint32_t i = 0; i < n; i++) t.f.imported->nodes[i].name = names[i];
    to_layers(&t.f);
    time_it(&t, "gpu");
    return t;
}

static void names_are_joined(void **state)
{
    (void)state;
    timed t = chain(LAYERS("Conv_0", "Relu_1", "/a/b/Conv", "/a/b/Relu", "tower:0", "last"));
    expect_layers(&t, "Conv_0", LAYERS("Conv_0"));
    expect_layers(&t, "Conv_0 + Relu_1", LAYERS("Conv_0", "Relu_1"));
    expect_layers(&t, "/a/b/Conv + /a/b/Relu", LAYERS("/a/b/Conv", "/a/b/Relu"));
    expect_layers(&t, "Conv_0 || /a/b/Conv", LAYERS("Conv_0", "/a/b/Conv"));
    expect_layers(&t, "PWN(Relu_1)", LAYERS("Relu_1"));
    expect_layers(&t, "PWN(/a/b/Conv, /a/b/Relu)", LAYERS("/a/b/Conv", "/a/b/Relu"));
    expect_layers(&t, "PWN(PWN(Relu_1, tower:0) + last)", LAYERS("Relu_1", "tower:0", "last"));
    expect_layers(&t, "Conv_0 + (Unnamed Layer* 7) [Shuffle] + Relu_1", LAYERS("Conv_0", "Relu_1"));
    expect_layers(&t, "Conv_0 [profile 1]", LAYERS("Conv_0"));
    expect_layers(&t, "Conv_0 + Conv_0", LAYERS("Conv_0"));
    /* a tensor of the network, as weights are, costs nothing; nodes without a name go by output */
    expect_layers(&t, "x + Conv_0", LAYERS("Conv_0"));
    expect_layers(&t, "node_of_t2 + last", LAYERS("Relu_1", "last"));
    timed_free(&t);
}

static void the_longest_name_wins(void **state)
{
    (void)state;
    timed t = chain(
        LAYERS("a", "a + b", "b", "p q", "c...d", "PWN(z)", "Conv_1", "Conv_10", "f(x, y)", "[w]"));
    expect_layers(&t, "a", LAYERS("a"));
    expect_layers(&t, "a + b", LAYERS("a + b"));
    expect_layers(&t, "a + b + b", LAYERS("a + b", "b"));
    expect_layers(&t, "a + p q", LAYERS("a", "p q"));
    expect_layers(&t, "PWN(z) + a", LAYERS("PWN(z)", "a"));
    expect_layers(&t, "PWN(PWN(z), a)", LAYERS("PWN(z)", "a"));
    expect_layers(&t, "Conv_10", LAYERS("Conv_10"));
    expect_layers(&t, "Conv_1", LAYERS("Conv_1"));
    expect_layers(&t, "PWN(f(x, y))", LAYERS("f(x, y)"));
    expect_layers(&t, "[w]", LAYERS("[w]"));
    expect_layers(&t, "{ForeignNode[b...c...d]}", LAYERS("b", "p q", "c...d"));
    expect_layers(&t, "{ForeignNode[c...d...PWN(z)]}", LAYERS("c...d", "PWN(z)"));
    timed_free(&t);
}

static void what_is_not_ours_is_told(void **state)
{
    (void)state;
    timed t = chain(LAYERS("a", "b", "Conv_1"));
    expect_ms(&t, "a + squeeze_after_a", 1, "no node is called 'squeeze_after_a'");
    expect_ms(&t, "PWN(u, a) + v", 1, "no node is called 'u', 'v'");
    expect_skipped(&t, "Conv_10", "names no layer of the network");
    expect_skipped(&t, "__myl_MulSum_0x1234", "names no layer of the network");
    expect_skipped(&t, "", "names no layer of the network");
    expect_skipped(&t, "{ForeignNode[a...nowhere]}", "names no layer of the network");
    expect_skipped(&t, "{ForeignNode[", "names no layer of the network");
    expect_skipped(&t, "PWN(((", "names no layer of the network");
    expect_skipped(&t, "a [HostToDeviceCopy]", "waits or copies; the plan has no kernel for that");
    expect_skipped(&t, "t3 copy finish", "waits or copies; the plan has no kernel for that");
    timed_free(&t);
}

static void foreign_nodes_are_ranges(void **state)
{
    (void)state;
    timed t = chain(LAYERS("n0", "n1", "n2", "n3", "n4"));
    expect_layers(&t, "{ForeignNode[n1...n3]}", LAYERS("n1", "n2", "n3"));
    expect_layers(&t, "{ForeignNode[n2]}", LAYERS("n2"));
    expect_layers(&t, "{ForeignNode[x...n1]}", LAYERS("n0", "n1")); /* from a tensor's reader */

    /* n2 fell back: it has an entry of its own and counts there, wherever that stands */
    ep_validation *v = validate(&t, "[{\"name\":\"{ForeignNode[n1...n4]}\",\"averageMs\":3},"
                                    "{\"name\":\"n2\",\"averageMs\":3},"
                                    "{\"name\":\"n2 + n2\",\"averageMs\":3}]");
    assert_int_equal(v->n_rows, 4);
    assert_true(fabs(v->predictions[1].value - ms_of(&t, LAYERS("n1", "n3", "n4"))) < 1e-9);
    assert_true(fabs(v->predictions[2].value - ms_of(&t, LAYERS("n2"))) < 1e-9);
    assert_string_equal(v->predictions[3].skipped, "its layers are in another entry");
    ep_validation_free(v);
    timed_free(&t);
}

/* ---- reformats ----------------------------------------------------------------------------- */

/* Conv on the DLA, HardSwish refused, a sum with the input on the DLA again. */
static timed two_subgraphs(const char *strategy)
{
    timed t = {0};
    onnx_input(&t.f.model, "x", EP_DTYPE_FLOAT, "1x8x8x8");
    onnx_weight(&t.f.model, "w", EP_DTYPE_FLOAT, "8x8x3x3");
    onnx_node(&t.f.model, "conv1: c = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(&t.f.model, "swish: h = HardSwish(c)");
    onnx_node(&t.f.model, "conv2: d = Conv(h, w) pads=[1,1,1,1]");
    onnx_node(&t.f.model, "sum: y = Add(d, x)");
    onnx_output(&t.f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&t.f);
    time_it(&t, strategy);
    return t;
}

#define REFORMAT "Reformatting CopyNode for "

static void reformats_are_found_by_their_tensors(void **state)
{
    (void)state;
    timed t = two_subgraphs("greedy");
    const double in = ms_of_kernel(&t, "reformat x to the DLA");
    const double out = ms_of_kernel(&t, "reformat c to the GPU");
    const double back = ms_of_kernel(&t, "reformat h to the DLA");
    const double end = ms_of_kernel(&t, "reformat y to the output");
    expect_ms(&t, REFORMAT "Input Tensor 0 to {ForeignNode[conv1]}", in, "");
    expect_ms(&t, REFORMAT "Output Tensor 0 to {ForeignNode[conv1]}", out, "");
    expect_ms(&t, REFORMAT "Input Tensor 0 to swish", out, "");
    expect_ms(&t, "swish input reformatter 0", out, "");
    expect_ms(&t, "swish output reformatter 0", back, "");
    expect_ms(&t, REFORMAT "Input Tensor 0 to {ForeignNode[conv2...sum]}", back, "");
    expect_ms(&t, REFORMAT "Input Tensor 1 to {ForeignNode[conv2...sum]}", in, "");
    expect_ms(&t, REFORMAT "Output Tensor 0 to {ForeignNode[conv2...sum]}", end, "");
    expect_ms(&t, REFORMAT "Network Input x", in, "");
    expect_ms(&t, REFORMAT "Network Output y", end, "");
    expect_ms(&t, "x to nvm", in, "");
    expect_ms(&t, "y from nvm", end, "");
    expect_skipped(&t, "y finish", "waits or copies; the plan has no kernel for that");
    expect_skipped(&t, REFORMAT "Input Tensor 2 to {ForeignNode[conv2...sum]}",
                   "reformats no tensor of the network");
    expect_skipped(&t, REFORMAT "Network Input z", "reformats no tensor of the network");
    expect_skipped(&t, REFORMAT "Input Tensor 4000000000 to nobody",
                   "reformats no tensor of the network");
    expect_skipped(&t, REFORMAT "Output Tensor 0 to conv2", "the plan has no such reformat");
    timed_free(&t);

    timed gpu = two_subgraphs("gpu");
    expect_skipped(&gpu, REFORMAT "Output Tensor 0 to conv1", "the plan has no such reformat");
    timed_free(&gpu);
}

/* ---- whole profiles ------------------------------------------------------------------------ */

static const char resnet50[] =
    "[\n"
    "  { \"count\" : 3104 }\n"
    ", { \"name\" : \"Reformatting CopyNode for Input Tensor 0 to /conv1/Conv + /relu/Relu\", "
    "\"timeMs\" : 30.2, \"averageMs\" : 0.0097, \"medianMs\" : 0.0096, \"percentage\" : 1.1 }\n"
    ", { \"name\" : \"/conv1/Conv + /relu/Relu\", \"timeMs\" : 120.5, \"averageMs\" : 0.0388, "
    "\"medianMs\" : 0.0384, \"percentage\" : 4.4 }\n"
    ", { \"name\" : \"/maxpool/MaxPool\", \"timeMs\" : 60.1, \"averageMs\" : 0.0193, "
    "\"percentage\" : 2.2 }\n"
    ", { \"name\" : \"/layer1/layer1.0/conv3/Conv + /layer1/layer1.0/Add + "
    "/layer1/layer1.0/relu_2/Relu\", \"timeMs\" : 62, \"averageMs\" : 0.02, \"medianMs\" : 0.02, "
    "\"percentage\" : 2.3 }\n"
    ", { \"name\" : \"/Flatten\", \"timeMs\" : 3, \"averageMs\" : 0.001, \"medianMs\" : 0.001, "
    "\"percentage\" : 0 }\n"
    ", { \"name\" : \"reshape_after_/fc/Gemm\", \"timeMs\" : 0, \"averageMs\" : 0, \"medianMs\" : "
    "0, \"percentage\" : 0 }\n"
    ", { \"name\" : \"/fc/Gemm\", \"timeMs\" : 0, \"averageMs\" : 0, \"medianMs\" : 0, "
    "\"percentage\" : 0 }\n"
    "]\n";

static void a_profile_is_rows_and_a_total(void **state)
{
    (void)state;
    timed t = {0};
    load_example(&t.f, "resnet50.onnx");
    time_it(&t, "gpu");
    ep_validation *v = validate(&t, resnet50);
    const struct {
        double measured, predicted;
        const char *skipped;
    } rows[] = {
        {0.0096 + 0.0384 + 0.0193 + 0.02 + 0.001, 7, NULL},
        {0.0096, ms_of_kernel(&t, "reformat input to the GPU"), NULL},
        {0.0384, ms_of(&t, LAYERS("/conv1/Conv", "/relu/Relu")), NULL},
        {0.0193, ms_of(&t, LAYERS("/maxpool/MaxPool")), NULL}, /* no median */
        {0.02,
         ms_of(&t, LAYERS("/layer1/layer1.0/conv3/Conv", "/layer1/layer1.0/Add",
                          "/layer1/layer1.0/relu_2/Relu")),
         NULL},
        {0.001, 0, "names only nodes that do nothing"},
        {0, 0, "names no layer of the network"},
        {0, 0, "no time was measured"},
    };
    assert_int_equal(v->n_rows, sizeof rows / sizeof rows[0]);
    for (uint32_t i = 0; i < v->n_rows; i++) {
        const ep_prediction *p = &v->predictions[i];
        assert_int_equal(v->rows[i].metric, EP_METRIC_LATENCY_MS);
        assert_true(fabs(v->rows[i].value - rows[i].measured) < 1e-12);
        assert_string_equal(v->rows[i].group, i ? strrchr(v->path, '/') + 1 : "total");
        assert_string_equal(p->skipped ? p->skipped : "", rows[i].skipped ? rows[i].skipped : "");
        if (p->skipped) continue;
        assert_true(fabs(p->value - rows[i].predicted) < 1e-9);
        const double error = 100 * (rows[i].predicted / rows[i].measured - 1);
        assert_true(fabs(p->error_pct - error) < 1e-6 * fabs(error));
    }
    assert_string_equal(v->rows[0].id, "total");
    assert_int_equal(v->n_groups, 2);
    assert_int_equal(v->groups[0].rows, 1);
    assert_int_equal(v->groups[1].rows, 7);
    assert_int_equal(v->groups[1].predicted, 4);

    fixture_free(&t.f); /* a validation needs nothing of what it was made from */
    assert_string_equal(v->rows[1].workload, "resnet50");
    ep_validation_free(v);
    timed_free(&t);
}

/* The DLA takes all but the swishes, which TensorRT lists one by one. */
static void a_profile_of_the_dla(void **state)
{
    (void)state;
    timed t = {0};
    load_example(&t.f, "mobilenet_v3_large.onnx");
    time_it(&t, "greedy");
    static const char first[] = "/features/features.0/features.0.0/Conv";
    static const char swish[] = "/features/features.0/features.0.2/HardSwish";
    static const char last[] = "/features/features.1/block/block.0/block.0.2/Relu";
    ep_text text = {0};
    ep_text_printf(&text,
                   "[{\"count\":9},{\"name\":\"{ForeignNode[%s...%s]}\",\"averageMs\":1},"
                   "{\"name\":\"PWN(%s)\",\"averageMs\":1},"
                   "{\"name\":\"" REFORMAT "Output Tensor 0 to {ForeignNode[%s]}\","
                   "\"averageMs\":1}]",
                   first, last, swish, first);
    ep_validation *v = validate(&t, ep_text_cstr(&text));
    const double conv2 = ms_of(&t, LAYERS("/features/features.1/block/block.0/block.0.0/Conv"));
    assert_true(fabs(v->predictions[1].value - ms_of(&t, LAYERS(first, last)) - conv2) < 1e-9);
    assert_true(fabs(v->predictions[2].value - ms_of(&t, LAYERS(swish))) < 1e-9);
    assert_null(v->predictions[3].skipped);
    ep_validation_free(v);
    ep_text_free(&text);
    timed_free(&t);
}

static void times_give_a_total(void **state)
{
    (void)state;
    timed t = chain(LAYERS("a"));
    ep_validation *v =
        validate(&t, "[\n  { \"startEnqMs\" : 2.67, \"computeMs\" : 5, \"latencyMs\" : 0.87 }\n"
                     ", { \"startEnqMs\" : 2.67, \"computeMs\" : 3.5, \"latencyMs\" : 0.87 }\n"
                     ", { \"startEnqMs\" : 2.67, \"computeMs\" : 100, \"latencyMs\" : 0.87 }\n]\n");
    assert_int_equal(v->n_rows, 1);
    assert_true(v->rows[0].value == 5);
    assert_true(fabs(v->predictions[0].error_pct - 40) < 1e-9);
    ep_validation_free(v);
    v = validate(&t, "[{\"computeMs\":4},{\"computeMs\":1},{\"computeMs\":9},{\"computeMs\":3}]");
    assert_true(v->rows[0].value == 3.5);
    ep_validation_free(v);
    timed_free(&t);
}

/* ---- errors -------------------------------------------------------------------------------- */

static void mistakes_are_named(void **state)
{
#define FORM "; wants what trtexec --exportProfile or --exportTimes writes"
    static const struct {
        const char *text, *message;
    } mistakes[] = {
        {"{}", ": not an array of entries" FORM},
        {"[]", ": not an array of entries" FORM},
        {"[ 1 ]", ": entry 1: not an object"},
        {"[{\"count\":3},{\"Name\":\"a\"}]", ": entry 2: no \"name\"" FORM},
        {"[{\"name\":1}]", ": entry 1: no \"name\"" FORM},
        {"[{\"name\":\"a\",\"timeMs\":1}]", ": entry 1: no \"averageMs\""},
        {"[{\"name\":\"a\",\"averageMs\":\"1\"}]", ": entry 1: \"averageMs\" is not a number"},
        {"[{\"name\":\"a\",\"averageMs\":-1}]", ": entry 1: \"averageMs\" is -1, allowed 0..1e+09"},
        {"[{\"name\":\"a\",\"averageMs\":1,\"medianMs\":1e10}]",
         ": entry 1: \"medianMs\" is 1e+10, allowed 0..1e+09"},
        {"[{\"computeMs\":1},{}]", ": entry 2: no \"computeMs\""},
        {"[{\"count\":3}]", ": no entry has a time above 0"},
        {"[{\"name\":\"a\",\"averageMs\":0}]", ": no entry has a time above 0"},
    };
    (void)state;
    timed t = chain(LAYERS("a"));
    ep_validation *v;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        ep_error err = {0};
        assert_int_equal(try_text(&t, mistakes[i].text, &v, &err), EP_BAD_FILE);
        assert_string_equal(err.text, mistakes[i].message);
    }
    /* what is not JSON is told with its place; the words are the parser's */
    ep_error err = {0};
    assert_int_equal(try_text(&t, "[\n  { \"name\" : \"a\\b/c\\d\" }\n]", &v, &err), EP_BAD_FILE);
    assert_memory_equal(err.text, ":2:", 3);
    assert_non_null(strstr(err.text, "must have a \\ before them"));
    assert_int_equal(try_text(&t, "", &v, &err), EP_BAD_FILE);
    assert_memory_equal(err.text, ":1:1: not JSON: ", 16);
    assert_int_equal(
        ep_validate_profile("/nowhere/profile.json", t.f.layers, t.f.plan, &t.run, &v, &err),
        EP_BAD_FILE);
    timed_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_joined),
        cmocka_unit_test(the_longest_name_wins),
        cmocka_unit_test(what_is_not_ours_is_told),
        cmocka_unit_test(foreign_nodes_are_ranges),
        cmocka_unit_test(reformats_are_found_by_their_tensors),
        cmocka_unit_test(a_profile_is_rows_and_a_total),
        cmocka_unit_test(a_profile_of_the_dla),
        cmocka_unit_test(times_give_a_total),
        cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
