/* Timelines as Chrome's traces, as text and as pictures. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "report/report.h"
#include "tests/unit/plan_fixture.h"

typedef struct recorded {
    fixture gpu, dla;
    ep_point point;
    ep_lane lanes[2];
    ep_workload workload;
    ep_arena *arena;
    ep_workload_run run;
    ep_recording recording;
} recorded;

static ep_lane lane_of(const fixture *f, ep_device device, double fps)
{
    return (ep_lane){.name = f->network->name,
                     .planned = f->planned,
                     .batch = 1,
                     .device = device,
                     .in_flight = 1,
                     .fps = fps};
}

static void record(recorded *r)
{
    ep_error err = {0};
    *r = (recorded){.arena = ep_arena_new()};
    load_example(&r->gpu, "resnet18.onnx");
    make_plan(&r->gpu, "gpu", EP_CHOOSE_INT8);
    load_example(&r->dla, "resnet50.onnx");
    make_plan(&r->dla, "greedy", EP_CHOOSE_INT8);
    r->point = ep_point_of(r->gpu.machine, &r->gpu.machine->modes[0]);
    r->lanes[0] = lane_of(&r->gpu, EP_GPU, 300);
    r->lanes[1] = lane_of(&r->dla, EP_DLA0, 100);
    r->workload = (ep_workload){.scenario = EP_SCENARIO_NETWORKS, .n_lanes = 2, .lanes = r->lanes};
    if (ep_workload_simulate(&r->workload, &r->point, NULL, r->arena, &r->run, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    r->recording = (ep_recording){.workload = &r->workload, .point = &r->point};
    ep_recording_window(&r->workload, &r->run, &r->recording.from_ns, &r->recording.to_ns);
    const ep_observer observer = ep_recording_observer(&r->recording);
    assert_int_equal(
        ep_workload_simulate(&r->workload, &r->point, &observer, r->arena, &r->run, &err), EP_OK);
    r->recording.tasks = r->run.tasks;
}

static void forget(recorded *r)
{
    ep_recording_free(&r->recording);
    ep_arena_free(r->arena);
    fixture_free(&r->gpu);
    fixture_free(&r->dla);
}

static double number(const json_t *event, const char *key)
{
    const json_t *value = json_object_get(event, key);
    if (!json_is_number(value)) fail_msg("no number '%s'", key);
    return json_number_value(value);
}

/* Complete events of one track do not overlap, and counters stay within what DRAM carries. */
static void a_trace_is_what_happened(void **state)
{
    (void)state;
    recorded r;
    record(&r);
    assert_true(fabs(r.recording.to_ns - r.recording.from_ns - 10e6) < 1e-3); /* hyper-period */
    ep_text text = {0};
    assert_int_equal(ep_report_trace(&r.recording, &text, NULL), EP_OK);
    json_error_t why;
    json_t *root = json_loads(text.data, 0, &why);
    if (!root) fail_msg("line %d: %s", why.line, why.text);
    const json_t *events = json_object_get(root, "traceEvents");
    double last_us[64] = {0}, busy_us = 0;
    uint32_t spans = 0, counters = 0, names = 0;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const char *phase = json_string_value(json_object_get(event, "ph"));
        const uint32_t track = (uint32_t)number(event, "tid");
        assert_true(json_is_string(json_object_get(event, "name")) && track < 64);
        names += phase[0] == 'M';
        if (phase[0] == 'X') {
            spans++;
            assert_true(number(event, "ts") >= last_us[track] - 0.0011); /* rounded to 1 ns */
            last_us[track] = number(event, "ts") + number(event, "dur");
            if (track == EP_UNIT_GPU) busy_us += number(event, "dur");
        } else if (phase[0] == 'C' &&
                   strcmp(json_string_value(json_object_get(event, "name")), "DRAM GB/s") == 0) {
            counters++;
            double gbps = 0;
            const char *key;
            json_t *value;
            json_object_foreach(json_object_get(event, "args"), key, value)
            {
                gbps += json_number_value(value);
            }
            assert_true(gbps <= r.point.dram_gbps * (1 + 1e-5));
        }
    }
    assert_int_equal(spans, r.recording.n_spans);
    assert_int_equal(counters, r.recording.n_levels);
    assert_true(names >= 4); /* process, gpu, dla0, submissions */
    const double window_us = (r.recording.to_ns - r.recording.from_ns) / 1e3;
    assert_true(fabs(100 * busy_us / window_us - r.run.unit_pct[EP_UNIT_GPU]) < 1);
    json_decref(root);
    ep_text_free(&text);
    forget(&r);
}

static void text_fits_the_terminal(void **state)
{
    (void)state;
    recorded r;
    record(&r);
    for (unsigned width = 20; width <= 200; width += 36) {
        ep_text text = {0};
        assert_int_equal(ep_report_gantt(&r.recording, width, &text, NULL), EP_OK);
        uint32_t rows = 0;
        for (const char *line = text.data; *line; line += strcspn(line, "\n") + 1) {
            const bool is_row = strncmp(line, "gpu   ", 6) == 0 ||
                                strncmp(line, "dla0  ", 6) == 0 || strncmp(line, "dram  ", 6) == 0;
            rows += is_row;
            if (is_row) assert_int_equal(strcspn(line, "\n"), width);
        }
        assert_int_equal(rows, 3);
        ep_text_free(&text);
    }
    forget(&r);
}

static void a_picture_has_all_units_and_networks(void **state)
{
    (void)state;
    recorded r;
    record(&r);
    ep_text text = {0};
    assert_int_equal(ep_report_timeline(&r.recording, &text, NULL), EP_OK);
    for (const char *const *word =
             (const char *const[]){">gpu<", ">dla0<", ">dram<", "resnet18 on gpu",
                                   "resnet50 on dla0", "</svg>", NULL};
         *word; word++) {
        if (!strstr(text.data, *word)) fail_msg("no '%s'", *word);
    }
    assert_null(strstr(text.data, "nan"));
    ep_text_free(&text);
    forget(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_is_what_happened),
        cmocka_unit_test(text_fits_the_terminal),
        cmocka_unit_test(a_picture_has_all_units_and_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
