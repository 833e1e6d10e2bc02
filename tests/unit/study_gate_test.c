/* Conditions of --fail-on: what they mean by their documentation, docs/ci.md. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "study/study.h"

/* 54 layers, 3 of them on the GPU: 94.444... % */
static const ep_gate_facts plan = {
    .layers = 54,
    .layers_dla = 51,
    .fallbacks = 3,
    .subgraphs = 4,
    .transitions = 6,
    .macs_dla_pct = 94.5,
    .time_dla_pct = 80,
    .latency_ms = 2.5,
    .gpu_latency_ms = 2,
};

static void holds_for(const ep_gate_facts *facts, const char *condition, const char *line)
{
    ep_error err = {0};
    assert_int_equal(ep_gate_valid(condition, &err), EP_OK);
    assert_int_equal(ep_gate_check(condition, facts, "net", &err), EP_GATE_FAILED);
    assert_int_equal(err.status, EP_GATE_FAILED);
    assert_string_equal(err.text, line);
}

static void holds(const char *condition, const char *line)
{
    holds_for(&plan, condition, line);
}

static void does_not_hold_for(const ep_gate_facts *facts, const char *condition)
{
    ep_error err = {0};
    assert_int_equal(ep_gate_valid(condition, &err), EP_OK);
    assert_int_equal(ep_gate_check(condition, facts, "net", &err), EP_OK);
}

static void does_not_hold(const char *condition)
{
    does_not_hold_for(&plan, condition);
}

static void wrong(const char *condition, const char *line)
{
    ep_error valid = {0}, check = {0};
    assert_int_equal(ep_gate_valid(condition, &valid), EP_BAD_USAGE);
    assert_int_equal(ep_gate_check(condition, &plan, "net", &check), EP_BAD_USAGE);
    assert_string_equal(valid.text, line);
    assert_string_equal(check.text, line);
}

static void test_without_a_number(void **state)
{
    (void)state;
    holds("fallback", "--fail-on fallback: net has 3 of 54 layers that are not on the DLA");
    holds("slower-than-gpu", "--fail-on slower-than-gpu: net takes 2.5 ms, on the GPU alone 2 ms");
    ep_gate_facts good = plan;
    good.layers_dla = good.layers;
    good.gpu_latency_ms = good.latency_ms;
    does_not_hold_for(&good, "fallback");
    does_not_hold_for(&good, "slower-than-gpu");
}

static void test_comparisons(void **state)
{
    (void)state;
    holds("subgraphs>3", "--fail-on subgraphs>3: net has 4");
    holds("subgraphs>=4", "--fail-on subgraphs>=4: net has 4");
    holds("subgraphs<5", "--fail-on subgraphs<5: net has 4");
    holds("subgraphs<=4", "--fail-on subgraphs<=4: net has 4");
    does_not_hold("subgraphs>4");
    does_not_hold("subgraphs>=5");
    does_not_hold("subgraphs<4");
    does_not_hold("subgraphs<=3");
    holds("subgraphs > 3", "--fail-on subgraphs > 3: net has 4");
    holds("subgraphs>1e0", "--fail-on subgraphs>1e0: net has 4");
}

static void test_figures(void **state)
{
    (void)state;
    holds("fallbacks>2", "--fail-on fallbacks>2: net has 3");
    does_not_hold("fallbacks>3");
    holds("transitions>5", "--fail-on transitions>5: net has 6");
    does_not_hold("transitions>6");
    holds("dla-macs<95", "--fail-on dla-macs<95: net has 94.5 %");
    does_not_hold("dla-macs<94.5");
    holds("dla-time<=80", "--fail-on dla-time<=80: net has 80 %");
    does_not_hold("dla-time<80");
    holds("dla-layers<94.5", "--fail-on dla-layers<94.5: net has 94.4444 %");
    does_not_hold("dla-layers<94.4");
    holds("latency-ms>2.4", "--fail-on latency-ms>2.4: net has 2.5 ms");
    does_not_hold("latency-ms>2.5");
}

/* A network without layers is wholly on the DLA; a figure that is not there passes no gate. */
static void test_nothing(void **state)
{
    (void)state;
    const ep_gate_facts none = {.macs_dla_pct = NAN, .latency_ms = NAN, .gpu_latency_ms = 1};
    does_not_hold_for(&none, "fallback");
    does_not_hold_for(&none, "dla-layers<100");
    holds_for(&none, "dla-macs<1", "--fail-on dla-macs<1: net has nan %");
    holds_for(&none, "slower-than-gpu",
              "--fail-on slower-than-gpu: net takes nan ms, on the GPU alone 1 ms");
}

#define ALLOWED                                                                                    \
    "allowed fallback, slower-than-gpu, or one of subgraphs, fallbacks, transitions, dla-macs, "   \
    "dla-time, dla-layers, latency-ms with a comparison"
#define WANTS "wants >, >=, < or <= and a number after the name, in quotes: "

static void test_wrong(void **state)
{
    (void)state;
    wrong("", "--fail-on : " ALLOWED);
    wrong(">4", "--fail-on >4: " ALLOWED);
    wrong("accuracy>4", "--fail-on accuracy>4: " ALLOWED);
    wrong("subgraph>4", "--fail-on subgraph>4: no 'subgraph'; did you mean 'subgraphs'?");
    wrong("dla_macs<4", "--fail-on dla_macs<4: no 'dla_macs'; did you mean 'dla-macs'?");
    wrong("fallback>4", "--fail-on fallback>4: 'fallback' takes no comparison; 'fallbacks' does");
    wrong("slower-than-gpu<1",
          "--fail-on slower-than-gpu<1: 'slower-than-gpu' takes no comparison");
    wrong("subgraphs", "--fail-on subgraphs: " WANTS "'subgraphs>4'");
    wrong("dla-macs", "--fail-on dla-macs: " WANTS "'dla-macs<95'");
    wrong("subgraphs=4", "--fail-on subgraphs=4: " WANTS "'subgraphs>4'");
    wrong("subgraphs>", "--fail-on subgraphs>: '' is not a number");
    wrong("subgraphs>>4", "--fail-on subgraphs>>4: '>4' is not a number");
    wrong("subgraphs>4x", "--fail-on subgraphs>4x: '4x' is not a number");
    wrong("dla-macs<95%", "--fail-on dla-macs<95%: '95%' is not a number");
    wrong("latency-ms>inf", "--fail-on latency-ms>inf: 'inf' is not a number");
    wrong("dla-macs<101", "--fail-on dla-macs<101: the number is 101, allowed 0..100 %");
    wrong("subgraphs>-1", "--fail-on subgraphs>-1: the number is -1, allowed 0..1000000000");
    wrong("latency-ms>1e999",
          "--fail-on latency-ms>1e999: the number is 1e999, allowed 0..1000000000 ms");
    wrong("subgraphs>1.5", "--fail-on subgraphs>1.5: the number is 1.5, allowed whole ones");
    wrong("ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss",
          "--fail-on ssssssssssssssssssss...: a condition of 64 characters, allowed up to 63");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_number),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
