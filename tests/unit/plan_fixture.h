/* plan_fixture: a model, small and built in memory or an example file, carried as far as a plan.
 *
 *     fixture f = {0};
 *     onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
 *     onnx_node(&f.model, "y = Relu(x)");
 *     onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
 *     build_layers(&f);                        // f.network, f.layers
 *     make_plan(&f, "gpu", EP_CHOOSE_FP16);    // f.plan, f.planned; again for another plan
 *     assert_kernels(&f, "Relu");
 *     fixture_free(&f);
 */
#ifndef PLAN_FIXTURE_H
#define PLAN_FIXTURE_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "planner/planner.h"
#include "tests/unit/onnx_builder.h"

typedef struct fixture {
    onnx_model model;
    ep_network *imported, *network;
    ep_layers *layers;
    ep_machine *machine; /* Orin AGX; loaded when first needed */
    ep_planned *planned;
    const ep_plan *plan; /* &planned->plan */
} fixture;

static inline void fixture_free(fixture *f)
{
    ep_planned_free(f->planned);
    ep_machine_free(f->machine);
    ep_layers_free(f->layers);
    ep_network_free(f->network);
    ep_network_free(f->imported);
    onnx_free(&f->model);
    *f = (fixture){0};
}

static inline void to_layers(fixture *f)
{
    ep_error err = {0};
    if (ep_specialize(f->imported, &(ep_specialize_options){0}, &f->network, &err) != EP_OK ||
        ep_layers_build(f->network, &f->layers, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
}

static inline void build_layers(fixture *f)
{
    ep_error err = {0};
    if (onnx_parse(&f->model, &f->imported, &err) != EP_OK) fail_msg("%s", err.text);
    to_layers(f);
}

#define EXAMPLES EP_SOURCE_DIR "/examples/models"

static inline void load_example(fixture *f, const char *name)
{
    char path[512];
    ep_error err = {0};
    (void)snprintf(path, sizeof path, EXAMPLES "/%s", name);
    if (ep_network_load(path, &f->imported, &err) != EP_OK) fail_msg("%s", err.text);
    to_layers(f);
}

static inline ep_machine *load_machine(void)
{
    ep_machine *machine = NULL;
    ep_error err = {0};
    if (ep_machine_load(EP_SOURCE_DIR "/hwmodels/orin-agx.yaml", &(ep_machine_options){0}, &machine,
                        &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    return machine;
}

static inline ep_status try_plan(fixture *f, const char *strategy, const ep_plan_options *options,
                                 ep_error *err)
{
    if (!f->machine) f->machine = load_machine();
    ep_planned_free(f->planned);
    f->planned = NULL;
    f->plan = NULL;
    const ep_status status =
        ep_plan_make(f->layers, f->machine, strategy, options, &f->planned, err);
    if (status == EP_OK) f->plan = &f->planned->plan;
    return status;
}

static inline void make_plan(fixture *f, const char *strategy, ep_precision_choice precision)
{
    ep_error err = {0};
    const ep_plan_options options = {.precision = precision};
    if (try_plan(f, strategy, &options, &err) != EP_OK) fail_msg("%s", err.text);
}

static inline uint32_t tensor_index(const fixture *f, const char *name)
{
    for (uint32_t i = 0; i < f->network->n_tensors; i++) {
        if (strcmp(f->network->tensors[i].name, name) == 0) return i;
    }
    fail_msg("no tensor '%s'", name);
    return EP_NO_INDEX;
}

/* The layer that writes the tensor of that name. */
static inline uint32_t layer_index(const fixture *f, const char *tensor)
{
    const uint32_t layer = f->layers->producer[tensor_index(f, tensor)];
    assert_int_not_equal(layer, EP_NO_INDEX);
    return layer;
}

static inline const ep_layer *layer_of(const fixture *f, const char *tensor)
{
    return &f->layers->layers[layer_index(f, tensor)];
}

/* Layer types in order, separated by blanks. */
static inline void assert_layers(const fixture *f, const char *expected)
{
    ep_text text = {0};
    for (uint32_t l = 0; l < f->layers->n_layers; l++) {
        ep_text_printf(&text, "%s%s", l ? " " : "", ep_layer_type_name(f->layers->layers[l].type));
    }
    assert_string_equal(ep_text_cstr(&text), expected);
    ep_text_free(&text);
}

/* Kernels in execution order without the reformats: ONNX operators of the layers joined by "+",
 * kernels by " | ", those of a DLA in brackets. */
static inline void assert_kernels(const fixture *f, const char *expected)
{
    ep_text text = {0};
    for (uint32_t k = 0; k < f->plan->n_kernels; k++) {
        const ep_kernel *kernel = &f->plan->kernels[k];
        if (kernel->kind == EP_KERNEL_REFORMAT) continue;
        const bool dla = ep_device_is_dla(kernel->device);
        ep_text_printf(&text, "%s%s", text.length ? " | " : "", dla ? "[" : "");
        for (uint32_t i = 0; i < kernel->n_layers; i++) {
            ep_text_printf(&text, "%s%s", i ? "+" : "", f->layers->layers[kernel->layers[i]].op);
        }
        if (dla) ep_text_printf(&text, "]");
    }
    assert_string_equal(ep_text_cstr(&text), expected);
    ep_text_free(&text);
}

/* ---- what holds for every plan ------------------------------------------------------------- */

static inline void assert_once(const uint32_t *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < i; j++) assert_int_not_equal(list[i], list[j]);
    }
}

/* Layer `l`, a member of `kernel`: where the plan says, and what it writes leaves the kernel if
 * anybody outside reads it. `kernel_of` is per layer. */
static inline void assert_member(const ep_plan *plan, uint32_t k, uint32_t l,
                                 const uint32_t *kernel_of)
{
    const ep_layers *layers = plan->layers;
    const ep_kernel *kernel = &plan->kernels[k];
    assert_int_equal(plan->device[l], kernel->device);
    assert_int_equal(plan->subgraph[l], kernel->subgraph);
    for (uint32_t o = 0; o < layers->layers[l].n_outputs; o++) {
        const uint32_t t = layers->layers[l].outputs[o];
        bool leaves = layers->is_output[t], listed = false;
        for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
            leaves |= kernel_of[layers->users[u]] != k;
        }
        for (uint32_t i = 0; i < kernel->n_outputs; i++) listed |= kernel->outputs[i] == t;
        assert_true(listed || !leaves);
    }
}

/* (tensor, side) pairs of a layer on one side that reads what a layer on the other side wrote. */
static inline uint32_t count_crossings(const ep_plan *plan)
{
    const ep_layers *layers = plan->layers;
    uint32_t crossings = 0;
    for (uint32_t t = 0; t < layers->network->n_tensors; t++) {
        const uint32_t p = layers->producer[t];
        if (p == EP_NO_INDEX) continue;
        bool crosses = false;
        for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
            crosses |= ep_device_is_dla(plan->device[layers->users[u]]) !=
                       ep_device_is_dla(plan->device[p]);
        }
        crossings += crosses;
    }
    return crossings;
}

/* Every layer is in exactly one kernel, kernels name each operand once and run when their operands
 * are there, the kernels of a subgraph run without a break, reformats are those counted. */
static inline void assert_valid(const ep_plan *plan)
{
    const ep_layers *layers = plan->layers;
    uint32_t *kernel_of = malloc((layers->n_layers + 1) * sizeof *kernel_of);
    bool *at_hand = calloc(layers->network->n_tensors + 1, 1);
    bool *loaded = calloc(plan->n_subgraphs + 1, 1);
    assert_true(kernel_of && at_hand && loaded);
    for (uint32_t l = 0; l < layers->n_layers; l++) kernel_of[l] = EP_NO_INDEX;
    uint32_t reformats = 0, last = EP_NO_INDEX;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        assert_once(kernel->inputs, kernel->n_inputs);
        assert_once(kernel->outputs, kernel->n_outputs);
        for (uint32_t i = 0; i < kernel->n_inputs; i++) {
            const uint32_t t = kernel->inputs[i];
            assert_int_equal(layers->root[t], t);
            assert_true(at_hand[t] || layers->producer[t] == EP_NO_INDEX);
        }
        for (uint32_t i = 0; i < kernel->n_outputs; i++) at_hand[kernel->outputs[i]] = true;
        for (uint32_t i = 0; i < kernel->n_layers; i++) {
            assert_int_equal(kernel_of[kernel->layers[i]], EP_NO_INDEX);
            kernel_of[kernel->layers[i]] = k;
        }
        reformats += kernel->kind == EP_KERNEL_REFORMAT;
        if (kernel->subgraph != last && kernel->subgraph != EP_NO_INDEX) {
            assert_false(loaded[kernel->subgraph]);
            loaded[kernel->subgraph] = true;
        }
        last = kernel->subgraph;
    }
    for (uint32_t l = 0; l < layers->n_layers; l++) {
        assert_int_not_equal(kernel_of[l], EP_NO_INDEX);
        assert_member(plan, kernel_of[l], l, kernel_of);
    }
    assert_int_equal(plan->transitions, count_crossings(plan));
    assert_int_equal(reformats, plan->transitions + plan->io_reformats);
    free(kernel_of);
    free(at_hand);
    free(loaded);
}

/* ---- all examples -------------------------------------------------------------------------- */

/* Calls `visit` with each example model as layers; frees what it makes but for the machine. */
static inline void for_each_example(ep_machine *machine, void (*visit)(fixture *f))
{
    DIR *folder = opendir(EXAMPLES);
    assert_non_null(folder);
    uint32_t n = 0;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        const size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 5, ".onnx") != 0) continue;
        fixture f = {.machine = machine};
        load_example(&f, entry->d_name);
        visit(&f);
        f.machine = NULL;
        fixture_free(&f);
        n++;
    }
    assert_int_equal(closedir(folder), 0);
    assert_true(n >= 60);
}

#endif
