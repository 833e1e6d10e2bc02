/* Does the output of `plan --json` obey docs/json.md?
 *
 * usage: plan --json ... | check_plan_json
 * Prints one line, what it saw; or, on stderr, every fault with its place, and exits with 1.
 * Fields that it does not know are let pass: within a schema they may be added.
 */
#include <jansson.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { SCHEMA = 1 };
/* Of places in the document: of a plan, and of what lies in one. */
enum { WHERE_BYTES = 128, DEEP_BYTES = 192 };

typedef struct check {
    double batch;
    size_t plans, layers;
    unsigned faults;
} check;

static void fault(check *state, const char *where, const char *key, const char *what)
{
    fprintf(stderr, "%s%s%s: %s\n", where, *where ? "." : "", key, what);
    state->faults++;
}

/* A number in [least, most], else a fault and 0. */
static double number(check *state, const json_t *object, const char *where, const char *key,
                     double least, double most)
{
    const json_t *field = json_object_get(object, key);
    const double value = json_number_value(field);
    if (!json_is_number(field)) {
        fault(state, where, key, field ? "is not a number" : "is missing");
    } else if (!(value >= least && value <= most)) {
        char what[80];
        snprintf(what, sizeof what, "is %g, not in %g .. %g", value, least, most);
        fault(state, where, key, what);
    }
    return value;
}

static double integer(check *state, const json_t *object, const char *where, const char *key,
                      double least)
{
    const json_t *field = json_object_get(object, key);
    if (json_is_real(field)) fault(state, where, key, "is not an integer");
    return number(state, object, where, key, least, DBL_MAX);
}

/* Equal but for rounding. */
static bool near(double a, double b)
{
    return fabs(a - b) <= 0.001 * fabs(b);
}

/* A string that is not empty, else a fault and "". */
static const char *string(check *state, const json_t *object, const char *where, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    if (!value || !*value) fault(state, where, key, "is not a string, or an empty one");
    return value ? value : "";
}

/* An array of objects, else a fault and NULL. */
static json_t *objects(check *state, const json_t *object, const char *where, const char *key,
                       size_t least)
{
    json_t *array = json_object_get(object, key);
    size_t i;
    json_t *item;
    if (!json_is_array(array)) {
        fault(state, where, key, "is not an array");
        return NULL;
    }
    if (json_array_size(array) < least) fault(state, where, key, "is empty");
    json_array_foreach(array, i, item)
    {
        if (!json_is_object(item)) {
            fault(state, where, key, "holds something other than objects");
            return NULL;
        }
    }
    return array;
}

static void one_of(check *state, const char *where, const char *key, const char *value,
                   const char *const *choices)
{
    for (; *choices; choices++) {
        if (strcmp(value, *choices) == 0) return;
    }
    fault(state, where, key, "is none of the known words");
}

static void check_layer(check *state, const json_t *layer, const char *where)
{
    static const char *const devices[] = {"gpu", "dla0", "dla1", "cpu", NULL};
    size_t i;
    json_t *refusal;
    string(state, layer, where, "name");
    string(state, layer, where, "op");
    string(state, layer, where, "precision");
    one_of(state, where, "device", string(state, layer, where, "device"), devices);
    integer(state, layer, where, "macs", 0);
    const double time_ms = number(state, layer, where, "time_ms", 0, DBL_MAX);
    if (!json_is_null(json_object_get(layer, "kernel")))
        string(state, layer, where, "kernel");
    else if (time_ms > 0)
        fault(state, where, "time_ms", "is not 0 without a kernel");
    json_t *refusals = objects(state, layer, where, "refused", 0);
    json_array_foreach(refusals, i, refusal)
    {
        string(state, refusal, where, "rule");
        if (!json_object_get(refusal, "value")) fault(state, where, "value", "is missing");
        if (!json_object_get(refusal, "bound")) fault(state, where, "bound", "is missing");
    }
}

/* The placement's counts and the layers themselves must tell the same. */
static void check_layers(check *state, const json_t *plan, const char *where, double layers_dla,
                         double layers_gpu)
{
    char place[DEEP_BYTES];
    size_t i;
    json_t *layer;
    double on_dla = 0, on_gpu = 0;
    json_t *layers = objects(state, plan, where, "layers", 1);
    json_array_foreach(layers, i, layer)
    {
        snprintf(place, sizeof place, "%s.layers[%zu]", where, i);
        check_layer(state, layer, place);
        const char *device = json_string_value(json_object_get(layer, "device"));
        on_dla += device && strncmp(device, "dla", 3) == 0;
        on_gpu += device && strcmp(device, "gpu") == 0;
        state->layers++;
    }
    if (on_dla != layers_dla) fault(state, where, "placement.layers_dla", "disagrees with layers");
    if (on_gpu != layers_gpu) fault(state, where, "placement.layers_gpu", "disagrees with layers");
}

static void check_plan(check *state, const json_t *plan, const char *where)
{
    char place[DEEP_BYTES];
    size_t i;
    json_t *unit;
    const char *strategy = string(state, plan, where, "strategy");
    state->plans++;
    if (json_object_get(plan, "cannot_run")) {
        string(state, plan, where, "cannot_run");
        return;
    }
    const double latency_ms = number(state, plan, where, "latency_ms", DBL_MIN, DBL_MAX);
    const double throughput = number(state, plan, where, "throughput_ips", DBL_MIN, DBL_MAX);
    if (!near(throughput * latency_ms / 1e3, state->batch))
        fault(state, where, "throughput_ips", "is not batch / latency");
    const double power_w = number(state, plan, where, "power_w", DBL_MIN, DBL_MAX);
    const double energy_mj = number(state, plan, where, "energy_mj", DBL_MIN, DBL_MAX);
    if (!near(energy_mj * throughput / 1e3, power_w))
        fault(state, where, "energy_mj", "is not power / throughput");
    string(state, plan, where, "bound");
    json_t *units = objects(state, plan, where, "units", 1);
    json_array_foreach(units, i, unit)
    {
        snprintf(place, sizeof place, "%s.units[%zu]", where, i);
        string(state, unit, place, "name");
        number(state, unit, place, "busy_pct", 0, 100.5);
    }

    const json_t *placement = json_object_get(plan, "placement");
    snprintf(place, sizeof place, "%s.placement", where);
    const double layers_dla = integer(state, placement, place, "layers_dla", 0);
    const double layers_gpu = integer(state, placement, place, "layers_gpu", 0);
    number(state, placement, place, "macs_dla_pct", 0, 100);
    const double subgraphs = integer(state, placement, place, "subgraphs", 0);
    integer(state, placement, place, "transitions", 0);
    integer(state, placement, place, "io_reformats", 0);
    if ((layers_dla > 0) != (subgraphs > 0))
        fault(state, place, "subgraphs", "disagrees with layers_dla");
    if (strcmp(strategy, "gpu") == 0 && layers_dla > 0)
        fault(state, place, "layers_dla", "is not 0 in a plan for the GPU");
    check_layers(state, plan, where, layers_dla, layers_gpu);
}

static size_t check_document(check *state, const json_t *document)
{
    static const char *const precisions[] = {"int8", "fp16", "fp32", "best", NULL};
    char place[WHERE_BYTES];
    size_t m, p;
    json_t *mode, *plan;
    number(state, document, "", "schema", SCHEMA, SCHEMA);
    string(state, document, "", "hardware");
    string(state, document, "", "model");
    state->batch = integer(state, document, "", "batch", 1);
    one_of(state, "", "precision", string(state, document, "", "precision"), precisions);

    json_t *modes = objects(state, document, "", "modes", 1);
    json_array_foreach(modes, m, mode)
    {
        snprintf(place, sizeof place, "modes[%zu]", m);
        string(state, mode, place, "mode");
        json_t *plans = objects(state, mode, place, "plans", 1);
        json_array_foreach(plans, p, plan)
        {
            snprintf(place, sizeof place, "modes[%zu].plans[%zu]", m, p);
            check_plan(state, plan, place);
        }
    }
    return json_array_size(modes);
}

int main(void)
{
    json_error_t error;
    check state = {0};
    json_t *document = json_loadf(stdin, JSON_REJECT_DUPLICATES, &error);
    if (!document) {
        fprintf(stderr, "not JSON, line %d: %s\n", error.line, error.text);
        return 1;
    }
    const size_t modes = check_document(&state, document);
    json_decref(document);
    if (state.faults) {
        fprintf(stderr, "%u faults\n", state.faults);
        return 1;
    }
    printf("schema %d: %zu modes, %zu plans, %zu layers in all\n", SCHEMA, modes, state.plans,
           state.layers);
    return 0;
}
