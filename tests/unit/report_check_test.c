/* `plan check` of a network, a machine and a run made up by hand: what is expected is computed
 * here, or follows from the documents (docs/json.md, RFC 4180). */
#include <jansson.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/report.h"

/* in -> conv (dla0) -> swish (gpu) -> pool (gpu) -> fc (dla0) -> out */
enum { CONV, SWISH, POOL, FC, N_LAYERS };

/* input reformat, conv, to the GPU, swish + pool, to the DLA, fc, output reformat */
enum { N_KERNELS = 7 };

static const uint32_t index_of[] = {0, 1, 2, 3, 4};
static const uint32_t producer[] = {EP_NO_INDEX, CONV, SWISH, POOL, FC};
static const double kernel_ns[N_KERNELS] = {0.5e6, 3e6, 1e6, 2e6, 1e6, 2e6, 0.5e6};
static const double layer_ns[N_LAYERS] = {3e6, 1.5e6, 0.5e6, 2e6};

typedef struct fixture {
    ep_tensor tensors[N_LAYERS + 1];
    ep_network network;
    ep_layer layer[N_LAYERS];
    ep_layers layers;
    ep_refusal refusals[3];
    ep_verdict verdicts[N_LAYERS];
    ep_device device[N_LAYERS];
    ep_precision precision[N_LAYERS];
    uint32_t subgraph[N_LAYERS];
    ep_subgraph subgraphs[2];
    ep_kernel kernels[N_KERNELS];
    ep_planned planned;
    ep_run run, gpu_run;
    ep_mode mode;
    ep_machine machine;
    ep_boundary boundary;
    ep_advice advice;
    ep_sparsity sparsity[N_LAYERS];
    ep_report_check check;
    ep_text out;
    ep_error err;
} fixture;

static void set_layers(fixture *f)
{
    static const char *const names[] = {"conv", "swish", "pool", "fc"};
    static const char *const ops[] = {"Conv", "HardSwish", "GlobalAveragePool", "Gemm"};
    static const ep_layer_type types[] = {EP_LAYER_CONVOLUTION, EP_LAYER_ACTIVATION,
                                          EP_LAYER_POOLING, EP_LAYER_FULLY_CONNECTED};
    f->network = (ep_network){.name = "net",
                              .n_tensors = N_LAYERS + 1,
                              .tensors = f->tensors,
                              .n_inputs = 1,
                              .inputs = &index_of[0],
                              .n_outputs = 1,
                              .outputs = &index_of[N_LAYERS]};
    for (uint32_t t = 0; t <= N_LAYERS; t++) {
        f->tensors[t] = (ep_tensor){.name = t ? "t" : "in", .dtype = EP_DTYPE_FLOAT};
        f->tensors[t].shape = (ep_shape){.rank = 2, .dims = {1, 10 + t}};
    }
    for (uint32_t i = 0; i < N_LAYERS; i++) {
        f->layer[i] = (ep_layer){.type = types[i],
                                 .name = names[i],
                                 .op = ops[i],
                                 .n_inputs = 1,
                                 .inputs = &index_of[i],
                                 .n_outputs = 1,
                                 .outputs = &index_of[i + 1]};
    }
    f->layer[CONV].macs = 3000000;
    f->layer[POOL].macs = 1000000; /* so that a refusal weighs something */
    f->layers = (ep_layers){
        .network = &f->network, .n_layers = N_LAYERS, .layers = f->layer, .producer = producer};
}

static void set_verdicts(fixture *f)
{
    const ep_rule *pool = ep_rule_find("pool.window");
    const ep_rule *activation = ep_rule_find("activation.function");
    assert_non_null(pool);
    assert_non_null(activation);
    f->refusals[0] = (ep_refusal){.rule = activation,
                                  .value = "HardSwish",
                                  .bound = "Relu",
                                  .hint = "use Relu",
                                  .change = EP_CHANGE_RETRAIN};
    f->refusals[1] = (ep_refusal){.rule = pool,
                                  .value = "height 9",
                                  .bound = "1..8",
                                  .hint = "pool twice",
                                  .change = EP_CHANGE_EXACT};
    f->refusals[2] = f->refusals[1];
    (void)strcpy(f->refusals[2].value, "width 31");
    f->refusals[2].hint = "pool less";
    f->refusals[2].change = EP_CHANGE_APPROXIMATE;
    f->verdicts[CONV].accepted = f->verdicts[FC].accepted = true;
    f->verdicts[SWISH] = (ep_verdict){.n_refusals = 1, .refusals = &f->refusals[0]};
    f->verdicts[POOL] = (ep_verdict){.n_refusals = 2, .refusals = &f->refusals[1]};
}

static void set_kernels(fixture *f)
{
    static const uint32_t reads[] = {0, 0, 1, 1, 3, 3, 4};
    for (uint32_t k = 0; k < N_KERNELS; k++) {
        f->kernels[k] = (ep_kernel){.kind = k % 2 ? EP_KERNEL_LAYERS : EP_KERNEL_REFORMAT,
                                    .subgraph = EP_NO_INDEX,
                                    .n_inputs = 1,
                                    .inputs = &reads[k]};
    }
    f->kernels[1].device = f->kernels[5].device = EP_DLA0;
    f->kernels[1].subgraph = 0;
    f->kernels[5].subgraph = 1;
}

static void set_plan(fixture *f)
{
    set_kernels(f);
    for (uint32_t i = 0; i < N_LAYERS; i++) {
        const bool dla = f->verdicts[i].accepted;
        f->device[i] = dla ? EP_DLA0 : EP_GPU;
        f->precision[i] = dla ? EP_INT8 : EP_FP16;
        f->subgraph[i] = i == CONV ? 0 : i == FC ? 1 : EP_NO_INDEX;
    }
    f->subgraphs[0] =
        (ep_subgraph){.device = EP_DLA0, .n_layers = 1, .layers = &index_of[CONV], .macs = 3000000};
    f->subgraphs[1] = (ep_subgraph){.device = EP_DLA0, .n_layers = 1, .layers = &index_of[FC]};
    f->planned.plan = (ep_plan){.layers = &f->layers,
                                .strategy = "greedy",
                                .device = f->device,
                                .precision = f->precision,
                                .subgraph = f->subgraph,
                                .n_subgraphs = 2,
                                .subgraphs = f->subgraphs,
                                .n_kernels = N_KERNELS,
                                .kernels = f->kernels,
                                .transitions = 2,
                                .io_reformats = 2};
    f->planned.verdicts = f->verdicts;
    f->run = (ep_run){.latency_ns = 11e6, .kernel_ns = kernel_ns, .layer_ns = layer_ns};
    f->gpu_run = (ep_run){.latency_ns = 4e6};
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    set_layers(f);
    set_verdicts(f);
    set_plan(f);
    f->mode = (ep_mode){.name = "MAXN"};
    f->machine = (ep_machine){.name = "board", .title = "Board 8GB", .dla_software = "trt-8.6"};
    f->machine.dla.cores = 2;
    f->boundary = (ep_boundary){
        .enters = true, .format = "kCHW32", .other = "kLINEAR", .reformat = true, .bytes = 2048};
    f->advice = (ep_advice){.id = "advice.swish",
                            .text = "One swish.",
                            .hint = "take it out",
                            .change = EP_CHANGE_RETRAIN,
                            .n_layers = 1,
                            .layers = &index_of[SWISH],
                            .ns = 1.5e6};
    f->sparsity[CONV].state = EP_SPARSE_UNKNOWN;
    f->check = (ep_report_check){.machine = &f->machine,
                                 .mode = &f->mode,
                                 .layers = &f->layers,
                                 .batch = 1,
                                 .precision = EP_CHOOSE_FP16,
                                 .planned = &f->planned,
                                 .run = &f->run,
                                 .gpu_run = &f->gpu_run,
                                 .n_advice = 1,
                                 .advice = &f->advice,
                                 .n_boundaries = 1,
                                 .boundaries = &f->boundary,
                                 .sparsity = f->sparsity};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ep_text_free(&f->out);
    free(f);
    return 0;
}

static void assert_near(double actual, double expected)
{
    if (actual < expected - 1e-6 || actual > expected + 1e-6) fail_msg("%g, %g", actual, expected);
}

/* ---- figures ------------------------------------------------------------------------------- */

static void test_figures(void **state)
{
    fixture *f = *state;
    const ep_report_check_row row = ep_report_check_row_of(&f->check);
    assert_string_equal(row.model, "net");
    assert_int_equal(row.layers, 4);
    assert_int_equal(row.layers_dla, 2);
    assert_int_equal(row.fallbacks, 2);
    assert_int_equal(row.subgraphs, 2);
    assert_int_equal(row.transitions, 2);
    assert_near(row.macs_dla_pct, 75);
    assert_near(row.time_dla_pct, 50); /* 3 + 2 of 10 ms */
    assert_near(row.fallback_ms, 4);   /* 1.5 + 0.5, and two reformats; not those of the ends */
    assert_near(row.latency_ms, 11);
    assert_near(row.gpu_latency_ms, 4);
    assert_string_equal(row.first_refusal, "pool.window"); /* swish has no MACs */
}

/* ---- for people ---------------------------------------------------------------------------- */

static const char *table_of(fixture *f)
{
    ep_text_free(&f->out);
    assert_int_equal(ep_report_check_table(&f->check, 0, &f->out, &f->err), EP_OK);
    return ep_text_cstr(&f->out);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("no \"%s\" in\n%s", part, text);
}

static void assert_parts(const char *text, const char *const *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_has(text, parts[i]);
        text = strstr(text, parts[i]) + strlen(parts[i]);
    }
    assert_string_equal(text, "");
}

static void test_table_says_everything_in_order(void **state)
{
    static const char *const parts[] = {
        "net on Board 8GB, batch 1, fp16\n\n",
        "2 of 4 layers, 75.0 % of MACs, 50.0 % of time on the DLA; 2 subgraphs; 2 fallbacks cost "
        "4.00 ms and 2 transitions\n",
        "MAXN: 11.0 ms with the DLA; the GPU alone takes 4.00 ms\n\n",
        "refused by the DLA: 2 of 4 layers, 25.0 % of MACs, 20.0 % of time\n",
        /* a hint follows the values that it is for */
        "  pool.window: 1 layer, 25.0 % of MACs, 5.0 % of time\n"
        "    height 9 (DLA: 1..8): pool\n"
        "    hint [exact]: pool twice\n"
        "    width 31 (DLA: 1..8): pool\n"
        "    hint [approximate]: pool less\n",
        "  activation.function: 1 layer, 0 % of MACs, 15.0 % of time\n"
        "    HardSwish (DLA: Relu): swish\n"
        "    hint [retrain]: use Relu\n\n",
        "advice\n"
        "  advice.swish: 1 layer, 1.50 ms: swish\n"
        "    One swish.\n"
        "    hint [retrain]: take it out\n\n",
        "subgraph  layers    MACs    ms  first  last\n"
        "       0       1  3.00 M  3.00  conv   conv\n"
        "       1       1       0  2.00  fc     fc\n\n",
        "subgraph  tensor      DLA format  outside  reformat      size\n"
        "       0  in      in  kCHW32      kLINEAR  yes       2.00 KiB\n\n",
        "2:4 sparsity: 1 of 1 convolution eligible (75.0 % of MACs); 1 unknown: the file has no "
        "weights for it\n",
    };
    assert_parts(table_of(*state), parts, sizeof parts / sizeof *parts);
}

static void test_confidence_is_shown(void **state)
{
    fixture *f = *state;
    ep_rule rule = *f->refusals[0].rule;
    rule.confidence = EP_INFERRED;
    f->refusals[0].rule = &rule;
    assert_has(table_of(f), "0 % of MACs, 15.0 % of time (inferred)\n");
    rule.confidence = EP_HEADER;
    assert_has(table_of(f), "0 % of MACs, 15.0 % of time (header)\n");
}

static void test_full_names_all(void **state)
{
    enum { N = 40 };
    fixture *f = *state;
    ep_boundary boundaries[N];
    uint32_t layers[N];
    for (uint32_t i = 0; i < N; i++) {
        boundaries[i] = f->boundary;
        layers[i] = SWISH;
    }
    f->check.boundaries = boundaries;
    f->check.n_boundaries = N;
    f->advice.layers = layers;
    f->advice.n_layers = N;
    assert_has(table_of(f), "\nand 16 more (--full)\n");
    assert_has(table_of(f), "swish, swish, swish and 37 more\n");
    f->check.full = true;
    assert_null(strstr(table_of(f), " more"));
}

static void test_nothing_on_the_dla(void **state)
{
    fixture *f = *state;
    for (uint32_t i = 0; i < N_LAYERS; i++) f->device[i] = EP_GPU;
    f->planned.plan.n_subgraphs = f->planned.plan.transitions = 0;
    assert_has(table_of(f), "\nnone of 4 layers on the DLA: everything runs on the GPU\n"
                            "MAXN: 11.0 ms on the GPU\n");
}

static void test_no_dla(void **state)
{
    fixture *f = *state;
    f->machine.dla.cores = 0;
    f->planned.verdicts = NULL;
    f->planned.plan.n_subgraphs = f->planned.plan.transitions = 0;
    f->check.n_advice = f->check.n_boundaries = 0;
    for (uint32_t i = 0; i < N_LAYERS; i++) f->device[i] = EP_GPU;
    assert_string_equal(table_of(f), "net on Board 8GB, batch 1, fp16\n"
                                     "Board 8GB has no DLA: everything runs on the GPU\n"
                                     "\n"
                                     "MAXN: 11.0 ms on the GPU\n");
    const ep_report_check_row row = ep_report_check_row_of(&f->check);
    assert_int_equal(row.fallbacks, 0); /* nobody asked for the DLA */
    assert_near(row.fallback_ms, 0);
    assert_null(row.first_refusal);
}

static void test_explain(void **state)
{
    fixture *f = *state;
    ep_trial trials[2] = {{.holds = true, .refusal = {.rule = ep_rule_find("general.precision")}},
                          {.refusal = f->refusals[0]}};
    assert_int_equal(ep_report_explain(&f->check, SWISH, trials, 2, 0, &f->out, &f->err), EP_OK);
    const char *text = ep_text_cstr(&f->out);
    assert_has(text, "swish: Activation (HardSwish) 1x11 -> 1x12\n"
                     "MAXN: on gpu, fp16, 0 MACs, 1.50 ms, 15.0 % of time\n");
    assert_has(text, "\n  ok       general.precision: ");
    assert_has(text, "\n  refused  activation.function: HardSwish (DLA: Relu)\n");
    assert_has(text, "\n           hint [retrain]: use Relu\n");
    assert_null(strstr(text, "combinations")); /* nobody asks about them any more */

    ep_text_free(&f->out);
    assert_int_equal(ep_report_explain(&f->check, CONV, trials, 1, 0, &f->out, &f->err), EP_OK);
    assert_has(ep_text_cstr(&f->out), "MAXN: on dla0 in subgraph 0, int8, 3.00 MMACs");
    assert_has(ep_text_cstr(&f->out), "\nrules about combinations\n  ok       general.loadables: ");
}

/* ---- for programs -------------------------------------------------------------------------- */

static json_t *parsed(fixture *f)
{
    json_error_t error;
    json_t *root = json_loadb(f->out.data, f->out.length, JSON_REJECT_DUPLICATES, &error);
    if (!root) fail_msg("line %d: %s", error.line, error.text);
    return root;
}

static double number_in(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) fail_msg("%s is no number", key);
    return json_number_value(value);
}

static void assert_text_in(const json_t *object, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text) fail_msg("%s is no text", key);
    assert_string_equal(text, expected);
}

static void assert_layers(const json_t *root)
{
    const json_t *layers = json_object_get(root, "layers");
    assert_int_equal(json_array_size(layers), N_LAYERS);
    const json_t *conv = json_array_get(layers, CONV), *pool = json_array_get(layers, POOL);
    assert_true(json_is_true(json_object_get(conv, "dla")));
    assert_text_in(conv, "device", "dla0");
    assert_text_in(json_object_get(conv, "sparsity"), "state", "unknown");
    assert_text_in(pool, "name", "pool");
    assert_text_in(pool, "op", "GlobalAveragePool");
    assert_true(json_is_false(json_object_get(pool, "dla")));
    assert_near(number_in(pool, "time_ms"), 0.5);
    const json_t *refused = json_object_get(pool, "refused");
    assert_int_equal(json_array_size(refused), 2);
    const json_t *second = json_array_get(refused, 1);
    assert_text_in(second, "rule", "pool.window");
    assert_text_in(second, "value", "width 31");
    assert_text_in(second, "bound", "1..8");
    assert_text_in(second, "hint", "pool less");
    assert_text_in(second, "change", "approximate");
    assert_text_in(second, "confidence", "documented");
}

static void test_json_has_the_schema(void **state)
{
    fixture *f = *state;
    assert_int_equal(ep_report_check_json(&f->check, &f->out, &f->err), EP_OK);
    json_t *root = parsed(f);
    assert_near(number_in(root, "schema"), 1);
    assert_text_in(root, "hardware", "board");
    assert_text_in(root, "dla_software", "trt-8.6");
    assert_text_in(root, "mode", "MAXN");
    assert_text_in(root, "precision", "fp16");
    const json_t *verdict = json_object_get(root, "verdict");
    assert_near(number_in(verdict, "fallback_ms"), 4);
    assert_text_in(verdict, "first_refusal", "pool.window");
    assert_near(number_in(json_object_get(root, "placement"), "macs_dla_pct"), 75);
    assert_layers(root);
    const json_t *subgraph = json_array_get(json_object_get(root, "subgraphs"), 1);
    assert_near(number_in(subgraph, "time_ms"), 2);
    assert_text_in(subgraph, "first", "fc");
    const json_t *boundary = json_array_get(json_object_get(root, "boundaries"), 0);
    assert_text_in(boundary, "tensor", "in");
    assert_true(json_is_true(json_object_get(boundary, "reformat")));
    const json_t *advice = json_array_get(json_object_get(root, "advice"), 0);
    assert_text_in(advice, "change", "retrain");
    assert_int_equal(json_array_size(json_object_get(advice, "layers")), 1);
    json_decref(root);
}

static void test_csv_has_a_row_a_layer(void **state)
{
    fixture *f = *state;
    f->layer[CONV].name = "a,\"b\"";
    assert_int_equal(ep_report_check_csv(&f->check, &f->out, &f->err), EP_OK);
    assert_string_equal(
        ep_text_cstr(&f->out),
        "model,layer,op,type,dla,device,precision,time_ms,macs,sparsity,refused,value,bound,hint,"
        "change,confidence\n"
        "net,\"a,\"\"b\"\"\",Conv,Convolution,true,dla0,int8,3,3000000,unknown,,,,,,\n"
        "net,swish,HardSwish,Activation,false,gpu,fp16,1.5,0,no,activation.function,HardSwish,Relu,"
        "use Relu,retrain,documented\n"
        "net,pool,GlobalAveragePool,Pooling,false,gpu,fp16,0.5,1000000,no,pool.window; pool.window,"
        "height 9; width 31,1..8; 1..8,pool twice; pool less,exact; approximate,"
        "documented; documented\n"
        "net,fc,Gemm,FullyConnected,true,dla0,int8,2,0,no,,,,,,\n");
}

/* ---- several models ------------------------------------------------------------------------ */

static void test_rows(void **state)
{
    fixture *f = *state;
    const ep_report_check_row rows[] = {ep_report_check_row_of(&f->check),
                                        {.model = "bad", .error = "bad.onnx: cut short"}};
    assert_int_equal(ep_report_check_rows(rows, 2, 0, &f->out, &f->err), EP_OK);
    assert_string_equal(
        ep_text_cstr(&f->out),
        "model  layers  on DLA  MACs %  time %  subgraphs  fallbacks  transitions  latency ms  "
        "GPU ms  refused most by\n"
        "net         4       2    75.0    50.0          2          2            2        11.0    "
        "4.00  pool.window\n"
        "bad         -       -       -       -          -          -            -           -      "
        " "
        "-  bad.onnx: cut short\n");

    ep_text_free(&f->out);
    assert_int_equal(ep_report_check_rows_json(rows, 2, &f->out, &f->err), EP_OK);
    json_t *root = parsed(f);
    const json_t *models = json_object_get(root, "models");
    assert_near(number_in(root, "schema"), 1);
    assert_near(number_in(json_array_get(models, 0), "time_dla_pct"), 50);
    assert_text_in(json_array_get(models, 1), "error", "bad.onnx: cut short");
    json_decref(root);

    ep_text_free(&f->out);
    assert_int_equal(ep_report_check_rows_csv(rows, 2, &f->out, &f->err), EP_OK);
    assert_has(ep_text_cstr(&f->out), "\nnet,4,2,75,50,2,2,2,4,11,4,pool.window,\n"
                                      "bad,,,,,,,,,,,,bad.onnx: cut short\n");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_figures),
        TEST(test_table_says_everything_in_order),
        TEST(test_confidence_is_shown),
        TEST(test_full_names_all),
        TEST(test_nothing_on_the_dla),
        TEST(test_no_dla),
        TEST(test_explain),
        TEST(test_json_has_the_schema),
        TEST(test_csv_has_a_row_a_layer),
        TEST(test_rows),
    };
    return cmocka_run_group_tests_name("report_check", tests, NULL, NULL);
}
