/* Reports of a validation made up by hand; coordinates were worked out on paper. */
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/report.h"

/* Two groups: "nets", whose machines and metrics differ, and "power", where nothing is predicted.
 */
enum { FAST, NO_HOST, SLOW, IDLE, LAYER, STRESS, NO_NMS, N_ROWS };
enum { NETS, POWER, N_GROUPS };

static const uint32_t nets[] = {FAST, NO_HOST, SLOW, LAYER, NO_NMS};
static const uint32_t nets_worst[] = {SLOW, FAST, LAYER};
static const uint32_t power[] = {IDLE, STRESS};

typedef struct fixture {
    ep_measurement rows[N_ROWS];
    ep_prediction predictions[N_ROWS];
    ep_validation_group groups[N_GROUPS];
    ep_validation validation;
    ep_text out;
    ep_error err;
} fixture;

static void set_rows(fixture *f)
{
    ep_measurement *rows = f->rows;
    for (uint32_t r = 0; r < N_ROWS; r++) {
        rows[r] = (ep_measurement){.hw = "orin-agx.yaml",
                                   .mode = "MAXN",
                                   .workload = "models/resnet50.onnx",
                                   .precision = "int8",
                                   .metric = EP_METRIC_LATENCY_MS,
                                   .group = "nets"};
    }
    rows[FAST].id = "fast";
    rows[FAST].metric = EP_METRIC_THROUGHPUT_IPS;
    rows[FAST].value = 1000;
    f->predictions[FAST] = (ep_prediction){.value = 1100, .error_pct = 10};
    rows[SLOW].id = "slow";
    rows[SLOW].hw = "boards/orin-nx-16gb.yaml";
    rows[SLOW].mode = "15W";
    rows[SLOW].value = 10;
    f->predictions[SLOW] = (ep_prediction){.value = 6, .error_pct = -40};
    rows[LAYER].id = "layer";
    rows[LAYER].workload = "layer:gemm m=1 n=2";
    rows[LAYER].value = 0.5;
    f->predictions[LAYER] = (ep_prediction){.value = 0.4999, .error_pct = -0.02};
    rows[NO_HOST].id = "no-host";
    rows[NO_NMS].id = "no-nms";
    rows[NO_HOST].value = rows[NO_NMS].value = 1;
    f->predictions[NO_HOST].skipped = "Python takes its time";
    f->predictions[NO_NMS].skipped = "NMS is not modelled";
    rows[IDLE].id = "idle";
    rows[STRESS].id = "stress";
    for (uint32_t i = 0; i < 2; i++) {
        rows[power[i]].metric = EP_METRIC_RAIL_W;
        rows[power[i]].rail = "VDD_CPU_CV";
        rows[power[i]].value = 2;
        rows[power[i]].group = "power";
        f->predictions[power[i]].skipped = "NMS is not modelled";
    }
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    set_rows(f);
    f->groups[NETS] = (ep_validation_group){.name = "nets",
                                            .rows = 5,
                                            .predicted = 3,
                                            .median_abs_pct = 10,
                                            .p90_abs_pct = 40,
                                            .bias_pct = -10.00667,
                                            .spearman = 1,
                                            .members = nets,
                                            .worst = nets_worst};
    f->groups[POWER] = (ep_validation_group){.name = "power",
                                             .rows = 2,
                                             .median_abs_pct = NAN,
                                             .p90_abs_pct = NAN,
                                             .bias_pct = NAN,
                                             .spearman = NAN,
                                             .members = power};
    f->validation = (ep_validation){.path = "figures.csv",
                                    .n_rows = N_ROWS,
                                    .rows = f->rows,
                                    .predictions = f->predictions,
                                    .n_groups = N_GROUPS,
                                    .groups = f->groups};
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

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("no \"%s\" in\n%s", part, text);
}

/* ---- for people ---------------------------------------------------------------------------- */

static const char *table_of(fixture *f, uint32_t worst, unsigned width)
{
    ep_text_free(&f->out);
    assert_int_equal(ep_report_validation(&f->validation, worst, width, &f->out, &f->err), EP_OK);
    return ep_text_cstr(&f->out);
}

static void test_table_says_everything_in_order(void **state)
{
    /* one reason is as frequent as the other within the first group: as in the file */
    static const char expected[] =
        "nets: 5 rows\n"
        "id     workload              machine           metric          predicted  measured  error "
        "%\n"
        "fast   models/resnet50.onnx  orin-agx MAXN     throughput_ips       1100      1000    "
        "+10.0\n"
        "slow   models/resnet50.onnx  orin-nx-16gb 15W  latency_ms           6.00      10.0    "
        "-40.0\n"
        "layer  layer:gemm m=1 n=2    orin-agx MAXN     latency_ms          0.500     0.500      "
        "0.0\n"
        "1 row not predicted: Python takes its time\n"
        "  no-host\n"
        "1 row not predicted: NMS is not modelled\n"
        "  no-nms\n"
        "\n"
        "power, models/resnet50.onnx, orin-agx MAXN, rail_w:VDD_CPU_CV: 2 rows\n"
        "2 rows not predicted: NMS is not modelled\n"
        "  idle, stress\n"
        "\n"
        "group  rows  predicted  median |error| %  p90 %  bias %  Spearman\n"
        "nets      5          3              10.0   40.0   -10.0     1.000\n"
        "power     2          0                 -      -       -         -\n"
        "\n"
        "7 rows, 3 predicted, 4 not; 2 within 20 % of the measurement\n";
    assert_string_equal(table_of(*state, 0, 0), expected);
}

static void test_worst_rows_come_first_and_reasons_are_counted(void **state)
{
    fixture *f = *state;
    f->rows[SLOW].hw = "orin-agx.yaml";
    f->rows[SLOW].mode = "MAXN";
    const char *table = table_of(f, 2, 0);
    assert_has(table, "nets, orin-agx MAXN: 5 rows, the worst 2\n"
                      "id    workload              metric          predicted  measured  error %\n"
                      "slow  models/resnet50.onnx  latency_ms           6.00      10.0    -40.0\n"
                      "fast  models/resnet50.onnx  throughput_ips       1100      1000    +10.0\n"
                      "1 row not predicted: Python takes its time\n"
                      "1 row not predicted: NMS is not modelled\n\n");
    assert_has(table_of(f, 3, 0), "nets, orin-agx MAXN: 5 rows\n");
    (void)table_of(f, UINT32_MAX, 0);
}

static void test_names_give_way_to_the_terminal(void **state)
{
    fixture *f = *state;
    f->rows[SLOW].hw = "orin-agx.yaml";
    f->rows[SLOW].mode = "MAXN";
    f->rows[LAYER].workload = "layer:conv c=64 h=56 w=56 k=64 r=3 s=3 stride=1,1 pad=1,1 act=relu";
    const char *table = table_of(f, 0, 80);
    /* 80 less the other columns, 43, and the gaps, 10: 13 + 1 + 13 */
    assert_has(table, "\nlayer  layer:conv c=\xE2\x80\xA6=1,1 act=relu  latency_ms ");
    for (const char *line = table; *line; line = strchr(line, '\n') + 1) {
        size_t columns = 0;
        for (const char *c = line; *c != '\n'; c++) columns += ((unsigned char)*c & 0xC0) != 0x80;
        assert_true(columns <= 80);
    }
}

static void test_rows_of_a_profile_name_no_machine(void **state)
{
    fixture *f = *state;
    for (uint32_t r = 0; r < N_ROWS; r++) {
        f->rows[r].hw = f->rows[r].mode = f->rows[r].precision = "";
        f->rows[r].workload = "net.onnx";
        f->rows[r].metric = EP_METRIC_LATENCY_MS;
    }
    assert_has(table_of(f, 1, 0), "nets, net.onnx, latency_ms: 5 rows, the worst 1\n"
                                  "id    predicted  measured  error %\n"
                                  "slow       6.00      10.0    -40.0\n");
}

static void test_empty_validation(void **state)
{
    fixture *f = *state;
    f->validation.n_rows = f->validation.n_groups = 0;
    assert_string_equal(table_of(f, 0, 80),
                        "0 rows, 0 predicted, 0 not; 0 within 20 % of the measurement\n");
}

/* ---- for programs -------------------------------------------------------------------------- */

static json_t *member(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!value) fail_msg("no %s", key);
    return value;
}

static void test_json_has_the_schema(void **state)
{
    fixture *f = *state;
    f->rows[IDLE].id = "a\xFF\"\n";
    assert_int_equal(ep_report_validation_json(&f->validation, &f->out, &f->err), EP_OK);
    json_error_t error;
    json_t *root = json_loadb(f->out.data, f->out.length, JSON_REJECT_DUPLICATES, &error);
    if (!root) fail_msg("line %d: %s", error.line, error.text);
    assert_int_equal(json_object_size(root), 3);
    assert_int_equal(json_integer_value(member(root, "schema")), 1);

    json_t *groups = member(root, "groups");
    assert_int_equal(json_array_size(groups), N_GROUPS);
    json_t *group = json_array_get(groups, NETS);
    assert_int_equal(json_object_size(group), 7);
    assert_string_equal(json_string_value(member(group, "group")), "nets");
    assert_int_equal(json_integer_value(member(group, "rows")), 5);
    assert_int_equal(json_integer_value(member(group, "predicted")), 3);
    assert_true(json_number_value(member(group, "median_abs_pct")) == 10);
    assert_true(json_number_value(member(group, "p90_abs_pct")) == 40);
    assert_true(json_number_value(member(group, "bias_pct")) == -10.0067);
    assert_true(json_number_value(member(group, "spearman")) == 1);
    assert_true(json_is_null(member(json_array_get(groups, POWER), "spearman")));

    json_t *rows = member(root, "rows");
    assert_int_equal(json_array_size(rows), N_ROWS);
    json_t *row = json_array_get(rows, SLOW);
    assert_int_equal(json_object_size(row), 5);
    assert_string_equal(json_string_value(member(row, "id")), "slow");
    assert_true(json_number_value(member(row, "predicted")) == 6);
    assert_true(json_number_value(member(row, "measured")) == 10);
    assert_true(json_number_value(member(row, "error_pct")) == -40);
    assert_true(json_is_null(member(row, "skipped")));
    row = json_array_get(rows, IDLE);
    assert_int_equal(json_object_size(row), 5);
    assert_string_equal(json_string_value(member(row, "id")), "a\xEF\xBF\xBD\"\n");
    assert_true(json_is_null(member(row, "predicted")));
    assert_true(json_number_value(member(row, "measured")) == 2);
    assert_true(json_is_null(member(row, "error_pct")));
    assert_string_equal(json_string_value(member(row, "skipped")), "NMS is not modelled");
    json_decref(root);
}

/* ---- scatter ------------------------------------------------------------------------------- */

/* Fails unless tags are balanced, and no '<' or '&' stands where XML has none. */
static void assert_well_formed(const char *xml)
{
    enum { DEEPEST = 8 };
    const char *open[DEEPEST];
    int depth = 0;
    for (const char *at = xml; *at; at++) {
        if (*at == '&') {
            const char *const end = strchr(at, ';');
            assert_true(end && end - at <= 5);
        }
        if (*at != '<') continue;
        const char *const end = at + strcspn(at + 1, "<>") + 1;
        assert_true(*end == '>');
        if (at[1] == '/') {
            assert_true(depth > 0);
            assert_memory_equal(open[--depth], at + 2, (size_t)(end - at) - 2);
            assert_false(isalnum((unsigned char)open[depth][end - at - 2]));
        } else if (end[-1] != '/') {
            assert_true(depth < DEEPEST);
            open[depth++] = at + 1;
        }
        at = end;
    }
    assert_int_equal(depth, 0);
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned n = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) n++;
    return n;
}

static const char *scatter_of(fixture *f, uint32_t group)
{
    ep_text_free(&f->out);
    assert_int_equal(ep_report_scatter(&f->validation, group, &f->out, &f->err), EP_OK);
    const char *svg = ep_text_cstr(&f->out);
    assert_memory_equal(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 40);
    assert_well_formed(svg);
    return svg;
}

static void set_value(fixture *f, uint32_t row, double predicted, double measured)
{
    f->rows[row].metric = EP_METRIC_LATENCY_MS;
    f->rows[row].value = measured;
    f->predictions[row].value = predicted;
}

static void test_dots_are_where_they_belong(void **state)
{
    fixture *f = *state;
    /* from 1 to 100 at both ends: 392 pixels, from (64, 436) to (456, 44), for two decades */
    set_value(f, FAST, 31.6227766, 10); /* 1.5 and 1 decades */
    set_value(f, SLOW, 80, 1.25);       /* 1.90309 and 0.09691 */
    set_value(f, LAYER, 2, 50);         /* 0.30103 and 1.69897 */
    const char *svg = scatter_of(f, NETS);
    assert_has(svg, "width=\"480\" height=\"480\"");
    assert_has(svg, ">nets</text>");
    assert_has(svg, ">n = 3 of 5, median |error| 10.0 %</text>");
    assert_has(svg, "<circle cx=\"260.0\" cy=\"142.0\" ");
    assert_has(svg, "<circle cx=\"83.0\" cy=\"63.0\" ");
    assert_has(svg, "<circle cx=\"397.0\" cy=\"377.0\" ");
    assert_has(svg, "<title>layer: predicted 2.00 ms, measured 50.0 ms, 0.0 %</title>");
    assert_int_equal(count_of(svg, "<title>"), 3);
    assert_has(svg, ">measured, ms</text>");
    /* 1 2 5 10 20 50 100, once an axis */
    assert_int_equal(count_of(svg, ">5</text>"), 2);
    assert_int_equal(count_of(svg, ">100</text>"), 2);
    assert_int_equal(count_of(svg, "stroke-opacity"), 7);
    /* 196 pixels a decade: 1.2 is 15.5 above the diagonal, 0.8 is 19.0 below */
    assert_has(svg, "M0 376.5L392 -15.5V19.0L0 411.0z");
}

static void test_many_decades_have_a_label_each(void **state)
{
    fixture *f = *state;
    set_value(f, FAST, 3e-4, 3e-4);
    set_value(f, SLOW, 3e3, 3e3);
    const char *svg = scatter_of(f, NETS);
    /* 0.0002 to 5000 */
    assert_int_equal(count_of(svg, "stroke-opacity"), 7);
    assert_int_equal(count_of(svg, ">0.001</text>"), 2);
    assert_int_equal(count_of(svg, ">1000</text>"), 2);
    set_value(f, FAST, 1e-300, 5e-324);
    set_value(f, SLOW, 1e308, 1e300);
    svg = scatter_of(f, NETS);
    assert_in_range(count_of(svg, "stroke-opacity"), 2, 11);
}

static void test_units_and_colours_are_explained(void **state)
{
    fixture *f = *state;
    const char *svg = scatter_of(f, NETS);
    assert_has(svg, ">measured, ms or images/s</text>");
    assert_has(svg, "<title>fast: predicted 1100 images/s, measured 1000 images/s, +10.0 %");
    /* two machines of one precision */
    assert_has(svg, ">orin-agx MAXN</text>");
    assert_has(svg, ">orin-nx-16gb 15W</text>");
    assert_int_equal(count_of(svg, "<circle"), 3 + 2);
    f->rows[LAYER].precision = "fp16";
    svg = scatter_of(f, NETS);
    assert_has(svg, ">int8</text>");
    assert_has(svg, ">fp16</text>");
    assert_null(strstr(svg, ">orin-agx"));
    /* a precision has its colour wherever it comes first */
    f->rows[FAST].precision = "fp16";
    f->rows[LAYER].precision = "int8";
    svg = scatter_of(f, NETS);
    assert_has(svg, "fill=\"#c96a12\"/><text x=\"84\" y=\"62\">fp16</text>");
    assert_has(svg, "fill=\"#3b7dd8\"/><text x=\"84\" y=\"77\">int8</text>");
    f->rows[FAST].precision = "int8";
    /* all alike: nothing to explain */
    f->rows[LAYER].precision = "int8";
    f->rows[SLOW].hw = "orin-agx.yaml";
    f->rows[SLOW].mode = "MAXN";
    assert_int_equal(count_of(scatter_of(f, NETS), "<circle"), 3);
}

static void test_more_kinds_than_colours(void **state)
{
    fixture *f = *state;
    static const char *const modes[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    enum { N = sizeof modes / sizeof *modes };
    ep_measurement rows[N];
    ep_prediction predictions[N];
    uint32_t members[N];
    for (uint32_t i = 0; i < N; i++) {
        rows[i] = f->rows[FAST];
        rows[i].mode = modes[i];
        predictions[i] = f->predictions[FAST];
        members[i] = i;
    }
    f->validation.n_rows = f->groups[NETS].rows = f->groups[NETS].predicted = N;
    f->validation.rows = rows;
    f->validation.predictions = predictions;
    f->groups[NETS].members = members;
    const char *svg = scatter_of(f, NETS);
    assert_int_equal(count_of(svg, "<circle"), N + 7);
    assert_has(svg, ">orin-agx f</text>");
    assert_null(strstr(svg, ">orin-agx g</text>"));
    assert_has(svg, ">others</text>");
}

static void test_names_are_escaped(void **state)
{
    fixture *f = *state;
    f->groups[NETS].name = "a<b>&\"c\x01\xFF\xEF\xBF\xBF";
    f->rows[FAST].id = "</title>&amp;";
    f->rows[SLOW].mode = "<15W>";
    const char *svg = scatter_of(f, NETS);
    assert_has(svg, ">a&lt;b&gt;&amp;\"c\?\?\?</text>");
    assert_has(svg, "<title>&lt;/title&gt;&amp;amp;: ");
    assert_has(svg, ">orin-nx-16gb &lt;15W&gt;</text>");
}

static void test_nothing_to_draw(void **state)
{
    fixture *f = *state;
    const char *svg = scatter_of(f, POWER);
    assert_has(svg, "height=\"44\"");
    assert_has(svg, ">power</text>");
    assert_has(svg, ">none of 2 rows predicted</text>");
    assert_null(strstr(svg, "<circle"));
    f->predictions[FAST].value = 0;
    svg = scatter_of(f, NETS);
    assert_has(svg, "median |error| 10.0 %, 1 not above 0</text>");
    assert_null(strstr(svg, "<title>fast"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_table_says_everything_in_order),
        TEST(test_worst_rows_come_first_and_reasons_are_counted),
        TEST(test_names_give_way_to_the_terminal),
        TEST(test_rows_of_a_profile_name_no_machine),
        TEST(test_empty_validation),
        TEST(test_json_has_the_schema),
        TEST(test_dots_are_where_they_belong),
        TEST(test_many_decades_have_a_label_each),
        TEST(test_units_and_colours_are_explained),
        TEST(test_more_kinds_than_colours),
        TEST(test_names_are_escaped),
        TEST(test_nothing_to_draw),
    };
    return cmocka_run_group_tests_name("validation reports", tests, NULL, NULL);
}
