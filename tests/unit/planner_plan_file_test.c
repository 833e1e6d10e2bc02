/* Plan files: what is read back is what was written, whatever was done to the bytes on the way, and
 * makes the same plan of the same network and machine and of no other. */
#include "tests/unit/plan_fixture.h"

/* Conv on the DLA, Elu, which it refuses, on the GPU, and back. */
static fixture network(const char *width, bool stripped)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, width);
    if (stripped) onnx_stripped(&f.model, "w", EP_DTYPE_FLOAT, "8x8x1x1");
    if (!stripped) onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "8x8x1x1");
    onnx_node(&f.model, "first: a = Conv(x, w)");
    onnx_node(&f.model, "elu: b = Elu(a)");
    onnx_node(&f.model, "second: c = Conv(b, w)");
    onnx_node(&f.model, "last: y = Relu(c)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    f.machine = load_machine();
    return f;
}

/* The plan of `f` in the mode, as text. */
static ep_text saved(const fixture *f, const ep_planned *planned, const ep_plan_options *options,
                     const char *mode_name)
{
    const ep_mode *mode;
    ep_run run;
    ep_arena *arena = ep_arena_new();
    ep_plan_file *file;
    ep_text text = {0};
    ep_error err = {0};
    assert_int_equal(ep_machine_mode(f->machine, mode_name, &mode, &err), EP_OK);
    const ep_point point = ep_point_of(f->machine, mode);
    assert_int_equal(ep_sim_run(&planned->plan, planned->costs, &point,
                                &(ep_run_options){.batch = 1, .dla_cores = 1}, arena, &run, &err),
                     EP_OK);
    const ep_plan_file_source source = {.planned = planned,
                                        .machine = f->machine,
                                        .options = options,
                                        .mode = mode,
                                        .run = &run,
                                        .model_sha256 = "00"};
    if (ep_plan_file_of(&source, &file, &err) != EP_OK ||
        ep_plan_file_write(file, &text, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    ep_plan_file_free(file);
    ep_arena_free(arena);
    return text;
}

static const ep_plan_options int8 = {.precision = EP_CHOOSE_INT8};

static ep_text saved_greedy(fixture *f)
{
    make_plan(f, "greedy", EP_CHOOSE_INT8);
    return saved(f, f->planned, &int8, "MAXN");
}

static ep_plan_file *parsed(const ep_text *text)
{
    ep_plan_file *file = NULL;
    ep_error err = {0};
    if (ep_plan_file_parse(text->data, text->length, "p.json", &file, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    return file;
}

/* ---- there and back ------------------------------------------------------------------------ */

static void assert_same_text(const ep_text *a, const ep_text *b)
{
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->data, b->data, a->length);
}

static void round_trip(fixture *f, const char *strategy, const ep_plan_options *options)
{
    ep_error err = {0};
    if (try_plan(f, strategy, options, &err) != EP_OK) fail_msg("%s", err.text);
    ep_text first = saved(f, f->planned, options, "30W"), again = {0};
    ep_plan_file *file = parsed(&first);
    assert_int_equal(ep_plan_file_write(file, &again, NULL), EP_OK);
    assert_same_text(&first, &again);
    ep_planned *planned;
    if (ep_plan_file_apply(file, f->layers, f->machine, false, &planned, &err) != EP_OK) {
        fail_msg("%s: %s", f->network->name, err.text);
    }
    assert_valid(&planned->plan);
    ep_text third = saved(f, planned, &file->options, "30W");
    assert_same_text(&first, &third);
    ep_planned_free(planned);
    ep_plan_file_free(file);
    ep_text_free(&first);
    ep_text_free(&again);
    ep_text_free(&third);
}

/* Pins are not needed to make the plan again. */
static void pinned_plans_come_back(void **state)
{
    (void)state;
    fixture f = network("1x8x4x4", false);
    ep_arena *arena = ep_arena_new();
    ep_plan_options pinned = int8;
    assert_int_equal(
        ep_pins_parse(f.layers, "last:GPU", "first:fp32,second:fp16", arena, &pinned.pins, NULL),
        EP_OK);
    round_trip(&f, "greedy", &pinned);
    assert_int_equal(f.plan->precision[layer_index(&f, "a")], EP_TF32);
    assert_int_equal(f.plan->precision[layer_index(&f, "c")], EP_FP16);
    round_trip(&f, "best", &pinned);
    ep_arena_free(arena);
    fixture_free(&f);
}

static void round_trips(fixture *f)
{
    const ep_plan_options best = {.precision = EP_CHOOSE_BEST, .io = EP_IO_NATIVE};
    round_trip(f, "gpu", &int8);
    round_trip(f, "greedy", &int8);
    round_trip(f, "greedy", &best);
}

static void every_example_comes_back(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    for_each_example(machine, round_trips);
    ep_machine_free(machine);
}

/* The GPU alone, so that kernels have tactics: those of the file, or with `retune` the fastest. */
static void tactics_are_kept_unless_retuned(void **state)
{
    (void)state;
    fixture f = {.machine = load_machine()};
    load_example(&f, "resnet18.onnx");
    make_plan(&f, "gpu", EP_CHOOSE_FP16);
    const ep_plan_options fp16 = {.precision = EP_CHOOSE_FP16};
    ep_text maxn = saved(&f, f.planned, &fp16, "MAXN"), slow = saved(&f, f.planned, &fp16, "15W");
    ep_plan_file *file = parsed(&maxn);
    ep_planned *kept, *retuned;
    assert_int_equal(ep_plan_file_apply(file, f.layers, f.machine, false, &kept, NULL), EP_OK);
    assert_int_equal(ep_plan_file_apply(file, f.layers, f.machine, true, &retuned, NULL), EP_OK);
    ep_text kept_text = saved(&f, kept, &fp16, "15W"),
            retuned_text = saved(&f, retuned, &fp16, "15W");
    assert_same_text(&retuned_text, &slow);
    ep_plan_file *kept_file = parsed(&kept_text), *slow_file = parsed(&slow);
    uint32_t n_other = 0;
    for (uint32_t k = 0; k < file->n_kernels; k++) {
        assert_string_equal(kept_file->kernels[k].tactic, file->kernels[k].tactic);
        n_other += strcmp(slow_file->kernels[k].tactic, file->kernels[k].tactic) != 0;
    }
    assert_true(n_other > 0); /* else nothing was tested */
    assert_true(kept_file->figures.latency_ms > slow_file->figures.latency_ms);
    ep_text *const texts[] = {&maxn, &slow, &kept_text, &retuned_text};
    for (int i = 0; i < 4; i++) ep_text_free(texts[i]);
    ep_plan_file_free(file);
    ep_plan_file_free(kept_file);
    ep_plan_file_free(slow_file);
    ep_planned_free(kept);
    ep_planned_free(retuned);
    fixture_free(&f);
}

/* ---- another network, another machine ------------------------------------------------------ */

static void assert_refused(const ep_plan_file *file, const fixture *f, const ep_machine *machine,
                           const char *message)
{
    ep_planned *planned;
    ep_error err = {0};
    assert_int_equal(ep_plan_file_apply(file, f->layers, machine, false, &planned, &err),
                     EP_BAD_FILE);
    if (!strstr(err.text, message)) fail_msg("%s", err.text);
}

static void other_networks_are_refused(void **state)
{
    (void)state;
    fixture f = network("1x8x4x4", false), wide = network("1x8x4x8", false), more = {0},
            named = {0};
    onnx_input(&more.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_weight(&more.model, "w", EP_DTYPE_FLOAT, "8x8x1x1");
    onnx_input(&named.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_weight(&named.model, "w", EP_DTYPE_FLOAT, "8x8x1x1");
    onnx_node(&named.model, "first: a = Conv(x, w)");
    onnx_node(&named.model, "gelu: y = Elu(a)");
    onnx_output(&named.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&named);
    onnx_node(&more.model, "first: a = Conv(x, w)");
    onnx_node(&more.model, "elu: b = Elu(a)");
    onnx_node(&more.model, "second: c = Conv(b, w)");
    onnx_node(&more.model, "last: d = Relu(c)");
    onnx_node(&more.model, "extra: y = Tanh(d)");
    onnx_output(&more.model, "y", EP_DTYPE_FLOAT, NULL);
    onnx_output(&more.model, "d", EP_DTYPE_FLOAT, NULL);
    build_layers(&more);
    ep_text text = saved_greedy(&f);
    ep_plan_file *file = parsed(&text);
    assert_refused(file, &wide, f.machine,
                   "layer 'first' has other shapes, operands or attributes");
    assert_refused(file, &named, f.machine, "layer 2 is 'elu' there and 'gelu' in");
    assert_refused(file, &more, f.machine, "of 4 layers, and test has 5");
    ep_text_free(&text);
    ep_plan_file_free(file);
    fixture_free(&f);
    fixture_free(&wide);
    fixture_free(&more);
    fixture_free(&named);
}

/* With and without the weights' values it is the same network. */
static void weights_may_be_others(void **state)
{
    (void)state;
    fixture f = network("1x8x4x4", false), stripped = network("1x8x4x4", true);
    ep_text text = saved_greedy(&f);
    ep_plan_file *file = parsed(&text);
    ep_planned *planned;
    ep_error err = {0};
    if (ep_plan_file_apply(file, stripped.layers, f.machine, false, &planned, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    ep_planned_free(planned);
    ep_text_free(&text);
    ep_plan_file_free(file);
    fixture_free(&f);
    fixture_free(&stripped);
}

static void other_machines_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *set, *message;
    } cases[] = {
        {"gpu.sms=8", "gpu.sms is 16 in that of the plan, and 8 in orin-agx"},
        {"dla.limits.conv_kernel=[1, 16]",
         "dla.limits.conv_kernel is [1, 32] in that of the plan, and [1, 16]"},
        {"modes.30W.gpu_mhz=500", "modes.30W.gpu_mhz is 612 in that of the plan, and 500"},
    };
    fixture f = network("1x8x4x4", false);
    ep_text text = saved_greedy(&f);
    ep_plan_file *file = parsed(&text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ep_machine_options options = {.n_sets = 1, .sets = &cases[i].set};
        ep_machine *machine;
        ep_error err = {0};
        if (ep_machine_load(EP_SOURCE_DIR "/hwmodels/orin-agx.yaml", &options, &machine, &err) !=
            EP_OK) {
            fail_msg("%s", err.text);
        }
        assert_refused(file, &f, machine, cases[i].message);
        ep_machine_free(machine);
    }
    ep_text_free(&text);
    ep_plan_file_free(file);
    fixture_free(&f);
}

/* ---- damage -------------------------------------------------------------------------------- */

static void assert_unreadable(const char *bytes, size_t size)
{
    ep_plan_file *file;
    ep_error err = {0};
    assert_int_equal(ep_plan_file_parse(bytes, size, "p.json", &file, &err), EP_BAD_FILE);
    assert_true(err.text[0] && !strchr(err.text, '\n'));
}

static void damage_is_noticed(void **state)
{
    (void)state;
    fixture f = network("1x8x4x4", false);
    ep_text text = saved_greedy(&f);
    for (size_t i = 0; i < text.length; i++) {
        const char was = text.data[i];
        text.data[i] = (char)(was ^ 1 << i % 8);
        assert_unreadable(text.data, text.length);
        text.data[i] = was;
    }
    for (size_t length = 0; length < text.length; length++) assert_unreadable(text.data, length);
    assert_unreadable(NULL, 0);
    ep_plan_file_free(parsed(&text)); /* and it was only that */
    ep_text_free(&text);
    fixture_free(&f);
}

/* ---- whoever makes a digest ---------------------------------------------------------------- */

/* `text` with the first `from` replaced by `to`, and its digest made again as docs/plan-file.md
 * says. */
static ep_text forged(const ep_text *text, const char *from, const char *to)
{
    const char *at = strstr(text->data, from), *tail = strstr(text->data, "\"digest\": \"");
    if (!at || !tail) fail_msg("no %s", from);
    ep_text out = {0};
    char digest[EP_SHA256_TEXT];
    ep_text_append(&out, text->data, (size_t)(at - text->data));
    ep_text_printf(&out, "%s", to);
    at += strlen(from);
    ep_text_append(&out, at, (size_t)(tail - at));
    ep_sha256(out.data, out.length, digest);
    ep_text_printf(&out, "\"digest\": \"%s\"\n}\n", digest);
    return out;
}

static void other_versions_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"\"schema\": 1", "\"schema\": 2", "schema 2, and this edgeplan reads 1"},
        {"\"schema\": 1", "\"schema\": \"1\"", "it has no \"schema\""},
        {"\"schema\": 1,", "", "it has no \"schema\""},
        {"\"edgeplan\": \"0.1.", "\"edgeplan\": \"0.2.", "written by edgeplan 0.2.0"},
        {"\"edgeplan\": \"0.1.0", "\"edgeplan\": \"0.1.7", NULL},
        {"\"edgeplan\": \"0.1.0", "\"edgeplan\": \"0.11.0", "written by edgeplan 0.11.0"},
        {"\"edgeplan\": \"0.1.0", "\"edgeplan\": \"", "written by edgeplan "},
    };
    fixture f = network("1x8x4x4", false);
    ep_text text = saved_greedy(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ep_text forgery = forged(&text, cases[i].from, cases[i].to);
        ep_plan_file *file = NULL;
        ep_error err = {0};
        const ep_status status =
            ep_plan_file_parse(forgery.data, forgery.length, "p.json", &file, &err);
        assert_int_equal(status, cases[i].message ? EP_BAD_FILE : EP_OK);
        if (cases[i].message && !strstr(err.text, cases[i].message)) fail_msg("%s", err.text);
        ep_plan_file_free(file);
        ep_text_free(&forgery);
    }
    ep_text_free(&text);
    fixture_free(&f);
}

/* With a digest of its own a file may say anything: it is refused when read or when applied. */
static void lies_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"\"index\": 0", "\"index\": 4", "layers[0]: \"index\" is no index below 4"},
        {"\"index\": 0", "\"index\": 1", "layers[1]: \"index\" is not new"},
        {"\"index\": 0", "\"index\": -1", "layers[0]: \"index\" is no index below 4"},
        {"\"index\": 0", "\"index\": null", "layers[0]: \"index\" is not new"},
        {"\"device\": \"dla0\"", "\"device\": \"cpu\"", "layers[0]: \"device\" is not one"},
        {"\"device\": \"dla0\"", "\"device\": 3", "layers[0]: \"device\" is not one"},
        {"\"precision\": \"int8\", \"subgraph\"", "\"precision\": \"int4\", \"subgraph\"",
         "layers[0]: \"precision\" is not one"},
        {"\"hash\": \"", "\"hash\": \"0", "layers[0]: \"hash\" is none"},
        {"\"layers\": [", "\"layers\": 1, \"l\": [", "layers: no list"},
        {"\"layers\": [", "\"layers\": [[], ", "layers[0]: no string \"name\""},
        {"\"predicted\": {", "\"predicted\": [], \"p\": {", "predicted: no number \"latency_ms\""},
        {"\"mode\": \"MAXN\"", "\"mode\": null", "point: no string \"mode\""},
        {"\"dla\": \"0\"", "\"dla\": \"2\"", "options: \"dla\" is not one"},
        {"\"builder_optimization_level\": 3", "\"builder_optimization_level\": 6",
         "is no index below 6"},
        {"\"name\": \"orin-agx\"", "\"name\": \"../orin-agx\"", "machine: \"name\" is a path"},
        {"[\"title\", ", "[\"title\"], [", "settings[0]: not a key and a value"},
        {"\"schema\": 1", "\"schema\": 1, \"schema\": 1", "not JSON: duplicate object key"},
        /* well formed, and not this plan */
        {"\"device\": \"dla0\"", "\"device\": \"gpu\"", "subgraphs: that of 'first'"},
        {"\"subgraph\": 0", "\"subgraph\": 1", "subgraphs: that of 'first'"},
        {"\"subgraph\": 1", "\"subgraph\": 0", "subgraphs: that of 'second'"},
        {"\"subgraph\": 0", "\"subgraph\": null", "subgraphs: that of 'first'"},
        {"\"device\": \"gpu\", \"precision\": \"int8\", \"subgraph\": null",
         "\"device\": \"dla0\", \"precision\": \"int8\", \"subgraph\": 0",
         "'elu' cannot run on dla0"},
        {"\"precision\": \"int8\", \"subgraph\"", "\"precision\": \"fp32\", \"subgraph\"",
         "'first' cannot run in fp32"},
        {"\"tactic\": \"stream\"", "\"tactic\": \"scream\"", "has no tactic of the file's name"},
        {"{\"name\": \"first\", \"reformat\"", "{\"name\": \"worst\", \"reformat\"",
         "kernel 'worst' is not what its layers make here"},
        {"\"network_sha256\": \"", "\"network_sha256\": \"0", "a plan of another network"},
    };
    fixture f = network("1x8x4x4", false);
    ep_text text = saved_greedy(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ep_text forgery = forged(&text, cases[i].from, cases[i].to);
        ep_plan_file *file = NULL;
        ep_planned *planned = NULL;
        ep_error err = {0};
        ep_status status = ep_plan_file_parse(forgery.data, forgery.length, "p.json", &file, &err);
        if (status == EP_OK) {
            status = ep_plan_file_apply(file, f.layers, f.machine, false, &planned, &err);
        }
        assert_int_equal(status, EP_BAD_FILE);
        assert_int_equal(err.status, EP_BAD_FILE);
        if (!strstr(err.text, cases[i].message)) fail_msg("%s: %s", cases[i].to, err.text);
        ep_plan_file_free(file);
        ep_text_free(&forgery);
    }
    ep_text_free(&text);
    fixture_free(&f);
}

/* ---- two plans ----------------------------------------------------------------------------- */

static void differences_are_those_made(void **state)
{
    (void)state;
    fixture f = network("1x8x4x4", false);
    ep_text a_text = saved_greedy(&f);
    make_plan(&f, "gpu", EP_CHOOSE_INT8);
    ep_plan_options limited = int8;
    limited.deadline_ns = 12.5e6;
    limited.max_subgraphs = 3;
    ep_text b_text = saved(&f, f.planned, &limited, "30W");
    ep_plan_file *a = parsed(&a_text), *b = parsed(&b_text);
    ep_arena *arena = ep_arena_new();
    ep_plan_file_diff diff;
    assert_int_equal(ep_plan_file_compare(a, a, arena, &diff, NULL), EP_OK);
    assert_int_equal(diff.n_settings, 0);
    assert_int_equal(diff.n_layers, 0);
    assert_int_equal(ep_plan_file_compare(a, b, arena, &diff, NULL), EP_OK);
    assert_int_equal(diff.n_settings, 4);
    assert_string_equal(diff.settings[0].key, "mode");
    assert_string_equal(diff.settings[0].a, "MAXN");
    assert_string_equal(diff.settings[0].b, "30W");
    assert_string_equal(diff.settings[1].key, "strategy");
    assert_string_equal(diff.settings[2].key, "deadline_ms");
    assert_null(diff.settings[2].a);
    assert_string_equal(diff.settings[2].b, "12.5");
    assert_string_equal(diff.settings[3].key, "max_subgraphs");
    assert_string_equal(diff.settings[3].b, "3");
    /* all but the Elu move */
    uint32_t n_moved = 0;
    for (uint32_t i = 0; i < diff.n_layers; i++) {
        const bool elu = strcmp(a->layers[diff.layers[i].layer[0]].name, "elu") == 0;
        assert_int_equal(diff.layers[i].device, !elu);
        n_moved += diff.layers[i].device;
    }
    assert_int_equal(n_moved, 3);
    ep_arena_free(arena);
    ep_plan_file_free(a);
    ep_plan_file_free(b);
    ep_text_free(&a_text);
    ep_text_free(&b_text);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_comes_back),
        cmocka_unit_test(pinned_plans_come_back),
        cmocka_unit_test(tactics_are_kept_unless_retuned),
        cmocka_unit_test(other_networks_are_refused),
        cmocka_unit_test(weights_may_be_others),
        cmocka_unit_test(other_machines_are_refused),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(other_versions_are_refused),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(differences_are_those_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
