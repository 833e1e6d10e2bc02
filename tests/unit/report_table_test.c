/* Reports of a network, a machine and runs made up by hand: what is expected is computed here, or
 * follows from the documents (docs/json.md, RFC 4180). */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/report.h"

/* conv -> swish -> pool -> fc: conv and fc on the DLA, the other two refused. */
enum { CONV, SWISH, POOL, FC, N_LAYERS };
enum { N_MANY = 50 }; /* for a test with more layers */
enum { N_MODES = 2, N_PLANS = 2, N_KERNELS = 4 };

static const uint32_t tensor_index[] = {0, 1, 2, 3, 4};
static const uint32_t layer_index[] = {CONV, SWISH, POOL, FC};

typedef struct fixture {
    ep_tensor tensors[N_LAYERS + 1];
    ep_network network;
    ep_layer layer[N_LAYERS];
    ep_layers layers;
    ep_rule rules[2];
    ep_refusal refusals[3];
    ep_verdict verdicts[N_LAYERS];
    ep_device device[N_PLANS][N_LAYERS];
    ep_precision precision[N_LAYERS];
    ep_kernel kernels[N_PLANS][N_KERNELS];
    ep_cost costs[N_PLANS][N_KERNELS];
    ep_planned planned[N_PLANS];
    uint32_t tactic[N_KERNELS];
    double kernel_ns[N_KERNELS], layer_ns[N_MANY];
    double rail_w[1];
    ep_rail rail;
    ep_run runs[N_PLANS][N_MODES];
    const char *cannot_run[N_MODES];
    ep_mode mode[N_MODES];
    const ep_mode *modes[N_MODES];
    ep_machine machine;
    ep_report_plan plans[N_PLANS];
    ep_report report;
    ep_text out;
    ep_error err;
} fixture;

static void set_layers(fixture *f)
{
    f->network = (ep_network){.name = "net", .opset = 17, .batch_from = 1, .batch_to = 1};
    f->network.n_tensors = N_LAYERS + 1;
    f->network.tensors = f->tensors;
    f->network.n_inputs = f->network.n_outputs = 1;
    f->network.inputs = &tensor_index[0];
    f->network.outputs = &tensor_index[N_LAYERS];
    for (uint32_t t = 0; t <= N_LAYERS; t++) {
        f->tensors[t] = (ep_tensor){.name = "t", .dtype = EP_DTYPE_FLOAT, .has_shape = true};
        f->tensors[t].shape = (ep_shape){.rank = 2, .dims = {1, 10 + t}};
    }
    f->layer[CONV] = (ep_layer){.type = EP_LAYER_CONVOLUTION, .name = "conv", .op = "Conv"};
    f->layer[SWISH] = (ep_layer){.type = EP_LAYER_ACTIVATION,
                                 .function = EP_FN_HARD_SWISH,
                                 .name = "swish",
                                 .op = "HardSwish"};
    f->layer[POOL] = (ep_layer){
        .type = EP_LAYER_POOLING, .function = EP_FN_MAX_POOL, .name = "pool", .op = "MaxPool"};
    f->layer[FC] = (ep_layer){.type = EP_LAYER_FULLY_CONNECTED, .name = "fc", .op = "Gemm"};
    for (uint32_t i = 0; i < N_LAYERS; i++) {
        f->layer[i].n_inputs = f->layer[i].n_outputs = 1;
        f->layer[i].inputs = &tensor_index[i];
        f->layer[i].outputs = &tensor_index[i + 1];
        f->layer[i].elements = 11 + i;
    }
    f->layer[CONV].macs = 3000000;
    f->layer[CONV].params = 9472;
    f->layer[FC].macs = 1000000;
    f->layer[FC].params = 1000;
    f->layers = (ep_layers){.network = &f->network, .n_layers = N_LAYERS, .layers = f->layer};
}

static void set_verdicts(fixture *f)
{
    f->rules[0] =
        (ep_rule){.id = "pooling.window", .hint = "pool twice", .confidence = EP_INFERRED};
    f->rules[1] = (ep_rule){.id = "activation.function", .hint = "use Relu"};
    f->refusals[0] = (ep_refusal){.rule = &f->rules[0], .value = "height 9", .bound = "1..8"};
    f->refusals[1] = (ep_refusal){.rule = &f->rules[0], .value = "width 12", .bound = "1..8"};
    f->refusals[2] = (ep_refusal){.rule = &f->rules[1], .value = "HardSwish", .bound = "Relu"};
    for (uint32_t r = 0; r < 3; r++) f->refusals[r].hint = f->refusals[r].rule->hint;
    f->refusals[2].change = EP_CHANGE_RETRAIN;
    f->verdicts[CONV].accepted = f->verdicts[FC].accepted = true;
    f->verdicts[POOL] = (ep_verdict){.n_refusals = 2, .refusals = &f->refusals[0]};
    f->verdicts[SWISH] = (ep_verdict){.n_refusals = 1, .refusals = &f->refusals[2]};
}

static void set_plans(fixture *f)
{
    static const char *const names[N_PLANS] = {"gpu", "greedy"};
    for (uint32_t p = 0; p < N_PLANS; p++) {
        for (uint32_t i = 0; i < N_LAYERS; i++) {
            const bool dla = p == 1 && f->verdicts[i].accepted;
            f->precision[i] = EP_INT8;
            f->device[p][i] = dla ? EP_DLA0 : EP_GPU;
            f->kernels[p][i] = (ep_kernel){.kind = EP_KERNEL_LAYERS,
                                           .device = f->device[p][i],
                                           .name = f->layer[i].name,
                                           .n_layers = 1,
                                           .layers = &layer_index[i]};
        }
        for (uint32_t i = 0; i < N_LAYERS; i++) {
            const bool dla = f->device[p][i] != EP_GPU;
            f->costs[p][i] = (ep_cost){.n_tactics = 1};
            if (!dla) strcpy(f->costs[p][i].tactics[0].tactic, "stream");
        }
        f->planned[p].costs = f->costs[p];
        f->planned[p].plan = (ep_plan){.layers = &f->layers,
                                       .strategy = names[p],
                                       .device = f->device[p],
                                       .precision = f->precision,
                                       .n_subgraphs = p * 2,
                                       .n_kernels = N_KERNELS,
                                       .kernels = f->kernels[p],
                                       .transitions = p * 3,
                                       .io_reformats = 1};
    }
    f->planned[1].verdicts = f->verdicts;
}

static void set_runs(fixture *f)
{
    for (uint32_t k = 0; k < N_KERNELS; k++) f->kernel_ns[k] = f->layer_ns[k] = 1e6 * (k + 1);
    f->rail_w[0] = 20;
    for (uint32_t p = 0; p < N_PLANS; p++) {
        for (uint32_t m = 0; m < N_MODES; m++) {
            f->runs[p][m] = (ep_run){.latency_ns = 10e6,
                                     .throughput_ips = 100,
                                     .power_w = 20,
                                     .energy_mj = 200,
                                     .bound = "compute",
                                     .n_units = 2,
                                     .n_rails = 1,
                                     .rail_w = f->rail_w,
                                     .kernel_ns = f->kernel_ns,
                                     .kernel_nj = f->kernel_ns,
                                     .tactic = f->tactic,
                                     .layer_ns = f->layer_ns,
                                     .layer_nj = f->layer_ns};
            f->runs[p][m].units[0] = (ep_unit_busy){.name = "gpu", .busy_ns = 9e6, .busy_pct = 90};
            f->runs[p][m].units[1] = (ep_unit_busy){.name = "gpu.tensor", .busy_pct = 50};
        }
        f->plans[p] = (ep_report_plan){.planned = &f->planned[p], .runs = f->runs[p]};
        f->plans[p].footprint =
            (ep_footprint){.weights_bytes = 3 << 20, .activations_bytes = 1 << 20};
    }
    f->runs[1][0].n_units = 3;
    f->runs[1][0].units[2] = (ep_unit_busy){.name = "dla0", .busy_ns = 5e6, .busy_pct = 50};
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    set_layers(f);
    set_verdicts(f);
    set_plans(f);
    set_runs(f);
    f->mode[0] = (ep_mode){.name = "MAXN"};
    f->mode[1] = (ep_mode){.name = "15W", .budget_w = 15};
    for (uint32_t m = 0; m < N_MODES; m++) f->modes[m] = &f->mode[m];
    f->rail = (ep_rail){.name = "VDD_IN"};
    f->machine =
        (ep_machine){.name = "board", .title = "Board 8GB", .n_rails = 1, .rails = &f->rail};
    f->machine.dla.cores = 2;
    f->machine.dram.bytes = (uint64_t)8 << 30;
    f->report = (ep_report){.machine = &f->machine,
                            .layers = &f->layers,
                            .batch = 1,
                            .precision = EP_CHOOSE_INT8,
                            .dla = EP_DLA_FIRST,
                            .n_modes = N_MODES,
                            .modes = f->modes,
                            .n_plans = N_PLANS,
                            .plans = f->plans};
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

static const char *table_of(fixture *f, unsigned width)
{
    assert_int_equal(ep_report_table(&f->report, width, &f->out, &f->err), EP_OK);
    return ep_text_cstr(&f->out);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("no \"%s\"", part);
}

/* Columns of the line, counting UTF-8 sequences as one. */
static size_t columns_of(const char *line)
{
    size_t n = 0;
    for (; *line && *line != '\n'; line++) n += ((unsigned char)*line & 0xC0) != 0x80;
    return n;
}

static const char *line_with(const char *text, const char *part)
{
    const char *at = strstr(text, part);
    if (!at) fail_msg("no \"%s\"", part);
    while (at > text && at[-1] != '\n') at--;
    return at;
}

/* ---- for people ---------------------------------------------------------------------------- */

static void test_table_says_everything_in_order(void **state)
{
    fixture *f = *state;
    const char *table = table_of(f, 0);
    static const char *const parts[] = {
        "net on Board 8GB, batch 1, int8 (INT8 scales assumed: the model has none)\n",
        /* kernels take 1, 2, 3 and 4 ms */
        "greedy in MAXN: DLA 2 layers, 4.00 MMACs, 5.00 ms; GPU 2 layers, 0 MACs, 5.00 ms; "
        "2 subgraphs, 3 transitions, 1 I/O reformat\n",
        "refused by the DLA: 2 of 4 layers, 0 % of MACs, 50.0 % of time\n",
        "  activation.function: 1 layer, 0 % of MACs, 20.0 % of time\n"
        "    HardSwish (DLA: Relu): swish\n"
        "    hint [retrain]: use Relu\n",
        /* one layer, though two of its values are refused */
        "  pooling.window: 1 layer, 0 % of MACs, 30.0 % of time (inferred)\n"
        "    height 9 (DLA: 1..8): pool\n"
        "    width 12 (DLA: 1..8): pool\n"
        "    hint [exact]: pool twice\n",
        "mode  strategy  latency ms  frames/s     W  mJ/frame  gpu %  dla0 %  bound by\n",
        "MAXN  gpu             10.0       100  20.0       200     90       0  compute\n",
        "MAXN  greedy          10.0       100  20.0       200     90      50  compute\n",
        "15W   gpu ",
        "15W   greedy ",
        "memory: 3.00 MiB weights + 1.00 MiB activations = 4.00 MiB of 8.00 GiB (<0.1 %)\n",
    };
    const char *from = table;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        assert_has(from, parts[i]);
        from = strstr(from, parts[i]) + strlen(parts[i]);
    }
    assert_string_equal(from, "");
}

static void test_table_of_layers(void **state)
{
    fixture *f = *state;
    f->report.show_layers = true;
    const char *table = table_of(f, 0);
    assert_has(table,
               "layer  type                  device  precision    MACs      ms    mJ  kernel  "
               "tactic  refused by\n");
    assert_has(table,
               "conv   Convolution           dla0    int8       3.00 M  1.0000  1.00       0\n");
    assert_has(table,
               "swish  Activation HardSwish  gpu     int8            0  2.0000  2.00       1  "
               "stream  activation.function\n");
    assert_has(table, "layers 10.0 ms, reformats 0 ms; latency 10.0 ms\n");
}

static void test_over_budget_is_marked(void **state)
{
    fixture *f = *state;
    f->runs[0][1].over_budget = true;
    const char *table = table_of(f, 0);
    assert_has(line_with(table, "15W   gpu"), "20.0!");
    assert_has(table, "! over the power budget of the mode\n");
}

static void test_mode_without_a_core_says_why(void **state)
{
    fixture *f = *state;
    f->cannot_run[0] = "MAXN powers 0 DLA cores";
    f->plans[1].cannot_run = f->cannot_run;
    const char *table = table_of(f, 0);
    assert_has(line_with(table, "MAXN  greedy"), "-  MAXN powers 0 DLA cores\n");
    assert_has(table, "greedy in 15W: ");
}

static void test_long_and_hostile_names_keep_columns_aligned(void **state)
{
    fixture *f = *state;
    char name[301] = {0};
    for (size_t i = 0; i < 100; i++) memcpy(name + 3 * i, "\xE2\x82\xAC", 3); /* 100 euro signs */
    f->layer[CONV].name = name;
    f->layer[SWISH].name = "new\nline \x1B[31m \xFF\xFE \xC2\x9B";
    f->report.show_layers = true;
    const char *table = table_of(f, 110);
    const char *heading = line_with(table, "refused by\n");
    const size_t device = (size_t)(strstr(heading, "device") - heading);
    for (uint32_t i = 0; i < N_LAYERS; i++) {
        heading = strchr(heading, '\n') + 1;
        assert_true(columns_of(heading) <= 110);
        size_t byte = 0;
        for (size_t column = 0; column < device || ((unsigned char)heading[byte] & 0xC0) == 0x80;) {
            column += ((unsigned char)heading[++byte] & 0xC0) != 0x80;
        }
        assert_true(strncmp(heading + byte, "dla0", 4) == 0 ||
                    strncmp(heading + byte, "gpu", 3) == 0);
    }
    assert_has(table, "\xE2\x82\xAC\xE2\x80\xA6\xE2\x82\xAC"); /* cut between characters */
    assert_has(table, "new?line ?[31m ?? ??");
}

static void test_sentences_wrap_at_the_terminal(void **state)
{
    fixture *f = *state;
    const char *table = table_of(f, 64);
    for (const char *line = table; *line; line = strchr(line, '\n') + 1) {
        if (strncmp(line, "mode", 4) == 0) break;
        assert_true(columns_of(line) <= 64);
    }
}

static void test_many_refusals_are_summed_up(void **state)
{
    fixture *f = *state;
    enum { N = N_MANY };
    ep_layer layers[N] = {0};
    ep_verdict verdicts[N] = {0};
    ep_device devices[N] = {0};
    ep_precision precisions[N] = {0};
    for (uint32_t i = 0; i < N; i++) {
        layers[i] = (ep_layer){.name = i < 9 ? "early" : "late", .op = "Op", .macs = 1};
        verdicts[i] = (ep_verdict){.n_refusals = 1, .refusals = &f->refusals[2]};
    }
    f->layers.layers = layers;
    f->layers.n_layers = N;
    f->planned[1].verdicts = verdicts;
    for (uint32_t p = 0; p < N_PLANS; p++) {
        f->planned[p].plan.device = devices;
        f->planned[p].plan.precision = precisions;
        f->planned[p].plan.n_kernels = 0;
    }
    const char *table = table_of(f, 0);
    assert_has(table, "refused by the DLA: 50 of 50 layers, 100 % of MACs, ");
    assert_has(table, "  activation.function: 50 layers, 100 % of MACs, 0 % of time\n"
                      "    HardSwish (DLA: Relu): early, early, early and 47 more\n");
}

static void test_operators_nobody_models_are_named_once(void **state)
{
    fixture *f = *state;
    f->layer[CONV].type = f->layer[POOL].type = f->layer[FC].type = EP_LAYER_PLUGIN;
    f->layer[CONV].op = f->layer[FC].op = "Deformable";
    f->layer[POOL].op = "Voxelize";
    f->layers.n_plugins = 3;
    assert_has(table_of(f, 0), "\n3 operators nobody models, on the GPU at the cost of the bytes "
                               "moved: Deformable, Voxelize\n");
}

/* ---- for programs -------------------------------------------------------------------------- */

static json_t *json_of(fixture *f)
{
    assert_int_equal(ep_report_json(&f->report, &f->out, &f->err), EP_OK);
    json_error_t error;
    json_t *root = json_loadb(f->out.data, f->out.length, JSON_REJECT_DUPLICATES, &error);
    if (!root) fail_msg("line %d: %s", error.line, error.text);
    return root;
}

static json_t *plan_in(json_t *root, size_t mode, size_t plan)
{
    json_t *modes = json_object_get(root, "modes");
    json_t *plans = json_object_get(json_array_get(modes, mode), "plans");
    return json_array_get(plans, plan);
}

static double number_in(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) fail_msg("%s is no number", key);
    return json_number_value(value);
}

static void assert_text_in(json_t *object, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text) fail_msg("%s is no text", key);
    assert_string_equal(text, expected);
}

static void test_json_has_the_schema(void **state)
{
    fixture *f = *state;
    json_t *root = json_of(f);
    assert_memory_equal(f->out.data, "{\"schema\":1,\"hardware\":\"board\",\"model\":\"net\",", 45);
    assert_text_in(root, "precision", "int8");
    assert_true(number_in(root, "batch") == 1);
    assert_int_equal(json_array_size(json_object_get(root, "modes")), N_MODES);

    json_t *plan = plan_in(root, 0, 1);
    assert_text_in(plan, "strategy", "greedy");
    assert_text_in(plan, "bound", "compute");
    assert_true(number_in(plan, "latency_ms") == 10);
    assert_true(number_in(plan, "throughput_ips") == 100);
    assert_true(number_in(plan, "power_w") == 20);
    assert_true(number_in(plan, "energy_mj") == 200);
    json_t *unit = json_array_get(json_object_get(plan, "units"), 2);
    assert_text_in(unit, "name", "dla0");
    assert_true(number_in(unit, "busy_pct") == 50);

    json_t *placement = json_object_get(plan, "placement");
    assert_true(number_in(placement, "layers_dla") == 2);
    assert_true(number_in(placement, "layers_gpu") == 2);
    assert_true(number_in(placement, "macs_dla_pct") == 100);
    assert_true(number_in(placement, "subgraphs") == 2);
    assert_true(number_in(placement, "transitions") == 3);
    assert_true(number_in(placement, "io_reformats") == 1);

    json_t *layer = json_array_get(json_object_get(plan, "layers"), POOL);
    assert_text_in(layer, "name", "pool");
    assert_text_in(layer, "op", "MaxPool");
    assert_text_in(layer, "device", "gpu");
    assert_text_in(layer, "precision", "int8");
    assert_text_in(layer, "kernel", "pool");
    assert_true(number_in(layer, "macs") == 0);
    assert_true(number_in(layer, "time_ms") == 3);
    json_t *refused = json_array_get(json_object_get(layer, "refused"), 1);
    assert_text_in(refused, "rule", "pooling.window");
    assert_text_in(refused, "value", "width 12");
    assert_text_in(refused, "bound", "1..8");
    json_decref(root);
}

static void test_json_is_valid_whatever_the_names(void **state)
{
    fixture *f = *state;
    f->layer[CONV].name = "a\xFF\"\n\xED\xA0\x80z"; /* a lone byte, and a UTF-8 surrogate */
    f->runs[0][0].throughput_ips = INFINITY;
    json_t *root = json_of(f);
    json_t *plan = plan_in(root, 0, 0);
    assert_true(json_is_null(json_object_get(plan, "throughput_ips")));
    assert_text_in(json_array_get(json_object_get(plan, "layers"), CONV), "name",
                   "a\xEF\xBF\xBD\"\n\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");
    json_decref(root);
}

static void test_json_of_a_plan_that_cannot_run(void **state)
{
    fixture *f = *state;
    f->cannot_run[1] = "no core";
    f->plans[1].cannot_run = f->cannot_run;
    json_t *root = json_of(f);
    assert_text_in(plan_in(root, 1, 1), "cannot_run", "no core");
    assert_null(json_object_get(plan_in(root, 0, 1), "cannot_run"));
    json_decref(root);
}

/* Reads one field of a row as RFC 4180 says; returns what follows it. */
static const char *csv_field(const char *at, char *field, size_t size)
{
    size_t n = 0;
    const bool quoted = *at == '"';
    if (quoted) at++;
    while (*at && (quoted || (*at != ',' && *at != '\n'))) {
        if (quoted && *at == '"') {
            if (at[1] != '"') break;
            at++;
        }
        assert_true(n + 1 < size);
        field[n++] = *at++;
    }
    field[n] = '\0';
    at += quoted;
    assert_true(*at == ',' || *at == '\n');
    return at;
}

static void test_csv_quotes_and_has_equal_rows(void **state)
{
    fixture *f = *state;
    f->network.name = "a,\"b\"\nc";
    f->machine.overrides = "gpu.sms=8";
    f->cannot_run[1] = "no core";
    f->plans[1].cannot_run = f->cannot_run;
    assert_int_equal(ep_report_csv(&f->report, &f->out, &f->err), EP_OK);
    const char *at = ep_text_cstr(&f->out);
    assert_memory_equal(at, "hardware,model,batch,", 21);
    size_t rows = 0, fields_in_first = 0;
    for (; *at; at++, rows++) {
        char field[64] = "", before[64] = "", second[64] = ""; /* the last three, backwards */
        size_t fields = 0;
        for (;; at++) {
            (void)strcpy(second, before);
            (void)strcpy(before, field);
            at = csv_field(at, field, sizeof field);
            if (rows > 0 && fields == 1) assert_string_equal(field, "a,\"b\"\nc");
            fields++;
            if (*at == '\n') break;
        }
        if (rows == 0) fields_in_first = fields;
        assert_int_equal(fields, fields_in_first);
        if (rows == 4) assert_string_equal(second, "no core"); /* mode 1, plan 1 */
        if (rows > 0) assert_string_equal(before, "gpu.sms=8");
        if (rows > 0) assert_string_equal(field, ""); /* no plan was searched for */
    }
    assert_int_equal(rows, 1 + N_MODES * N_PLANS);
}

static void test_inspect(void **state)
{
    fixture *f = *state;
    assert_int_equal(ep_report_inspect(&f->layers, 0, &f->out, &f->err), EP_OK);
    const char *table = ep_text_cstr(&f->out);
    assert_has(table, "net: opset 17, batch 1\ninput t: float32 1x10\noutput t: float32 1x14\n");
    assert_has(line_with(table, "conv "), "3.00 M      9.47 k        11\n");
    assert_has(table, "\n4 layers, 4.00 MMACs, 10.5 k parameters, 50 elements\n");
}

static void test_inspect_json(void **state)
{
    fixture *f = *state;
    assert_int_equal(ep_report_inspect_json(&f->layers, &f->out, &f->err), EP_OK);
    json_t *root = json_loadb(f->out.data, f->out.length, JSON_REJECT_DUPLICATES, NULL);
    json_t *total = json_object_get(root, "total");
    assert_true(number_in(total, "macs") == 4000000);
    assert_true(number_in(total, "params") == 10472);
    assert_true(number_in(total, "elements") == 50);
    json_t *fc = json_array_get(json_object_get(root, "layers"), FC);
    assert_text_in(fc, "type", "FullyConnected");
    json_t *shape = json_array_get(json_object_get(fc, "outputs"), 0);
    assert_int_equal(json_integer_value(json_array_get(shape, 1)), 14);
    json_decref(root);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_table_says_everything_in_order),
        TEST(test_table_of_layers),
        TEST(test_over_budget_is_marked),
        TEST(test_mode_without_a_core_says_why),
        TEST(test_long_and_hostile_names_keep_columns_aligned),
        TEST(test_sentences_wrap_at_the_terminal),
        TEST(test_many_refusals_are_summed_up),
        TEST(test_operators_nobody_models_are_named_once),
        TEST(test_json_has_the_schema),
        TEST(test_json_is_valid_whatever_the_names),
        TEST(test_json_of_a_plan_that_cannot_run),
        TEST(test_csv_quotes_and_has_equal_rows),
        TEST(test_inspect),
        TEST(test_inspect_json),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
