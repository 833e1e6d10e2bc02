/* What trtexec measured of an engine, against a run of our plan. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "study/study_internal.h"

typedef struct validator {
    const ep_layers *layers;
    const ep_plan *plan;
    const ep_run *run;
    ep_arena *arena;
    ep__trtexec_file file;
    ep__trtexec_match *matches; /* per entry */
    uint32_t *owner;            /* per layer: the entry that it counts in */
    uint32_t *kernel_of;        /* per layer */
    uint32_t *member, *seen;    /* per layer, per tensor: the last entry to count it */
    const char *group;          /* of the entries */
    const char *workload;
    ep_measurement *rows;
    ep_prediction *predictions;
    uint32_t n;
    ep_error *err;
} validator;

static double measured_ms(const ep__trtexec_entry *entry)
{
    return isnan(entry->median_ms) ? entry->average_ms : entry->median_ms;
}

/* ---- layers -------------------------------------------------------------------------------- */

/* Layers named one by one go to the entry that names them; a foreign node gets what is left between
 * its ends: a layer there that fell back to the GPU has an entry of its own. */
static void claim(validator *v, bool ranges)
{
    for (uint32_t e = 0; e < v->file.n; e++) {
        const ep__trtexec_match *match = &v->matches[e];
        if (match->kind != EP__TRTEXEC_LAYERS || match->is_range != ranges) continue;
        for (uint32_t s = 0; s < match->n_spans; s++) {
            for (uint32_t l = match->spans[s].begin; l < match->spans[s].end; l++) {
                if (v->owner[l] == EP_NO_INDEX) v->owner[l] = e;
            }
        }
    }
}

/* Time of the layers that count in entry `e`; NAN when there are none, and `*skipped` says why. */
static double layers_ns(const validator *v, uint32_t e, const char **skipped)
{
    const ep__trtexec_match *match = &v->matches[e];
    double ns = NAN;
    for (uint32_t s = 0; s < match->n_spans; s++) {
        for (uint32_t l = match->spans[s].begin; l < match->spans[s].end; l++) {
            if (v->owner[l] != e || v->member[l] == e) continue;
            v->member[l] = e;
            ns = isnan(ns) ? v->run->layer_ns[l] : ns + v->run->layer_ns[l];
        }
    }
    *skipped = match->n_spans      ? "its layers are in another entry"
               : match->names_node ? "names only nodes that do nothing"
                                   : "names no layer of the network";
    return ns;
}

/* ---- reformats ----------------------------------------------------------------------------- */

static bool is_reformat_of(const ep_kernel *kernel, uint32_t tensor)
{
    return kernel->kind == EP_KERNEL_REFORMAT && kernel->inputs[0] == tensor;
}

/* The last reformat of `tensor` before kernel `end`; EP_NO_INDEX when there is none. */
static uint32_t reformat_before(const validator *v, uint32_t tensor, uint32_t end)
{
    for (uint32_t k = end; k-- > 0;) {
        if (is_reformat_of(&v->plan->kernels[k], tensor)) return k;
    }
    return EP_NO_INDEX;
}

/* The first one from kernel `begin` on. */
static uint32_t reformat_after(const validator *v, uint32_t tensor, uint32_t begin)
{
    for (uint32_t k = begin; k < v->plan->n_kernels; k++) {
        if (is_reformat_of(&v->plan->kernels[k], tensor)) return k;
    }
    return EP_NO_INDEX;
}

/* Is tensor `t`, which a member of entry `e` writes, read by others? */
static bool leaves(const validator *v, uint32_t e, uint32_t t)
{
    const ep_layers *layers = v->layers;
    bool leaves = layers->is_output[t];
    for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1] && !leaves; u++) {
        leaves = v->member[layers->users[u]] != e;
    }
    return leaves;
}

/* Counts the tensors that layer `l`, a member of entry `e`, reads from outside (or writes for it),
 * each once, down from `*left`; returns the one at 0, else EP_NO_INDEX. */
static uint32_t count_operands(const validator *v, uint32_t e, uint32_t l, bool inputs,
                               uint32_t *left)
{
    const ep_layers *layers = v->layers;
    const ep_layer *layer = &layers->layers[l];
    const uint32_t n = inputs ? layer->n_inputs : layer->n_outputs;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t t = inputs ? layers->root[layer->inputs[i]] : layer->outputs[i];
        const uint32_t p = layers->producer[t];
        const bool inside = p != EP_NO_INDEX && v->member[p] == e;
        if (v->seen[t] == e || (inputs ? inside : !leaves(v, e, t))) continue;
        v->seen[t] = e;
        if ((*left)-- == 0) return t;
    }
    return EP_NO_INDEX;
}

/* Operand `match->operand` of the layers of entry `e`; `*first` is the first kernel with one. */
static uint32_t find_operand(const validator *v, uint32_t e, uint32_t *first)
{
    const ep__trtexec_match *match = &v->matches[e];
    const bool inputs = match->kind == EP__TRTEXEC_REFORMAT_INPUT;
    uint32_t left = match->operand, found = EP_NO_INDEX;
    *first = v->plan->n_kernels;
    for (uint32_t s = 0; s < match->n_spans; s++) {
        for (uint32_t l = match->spans[s].begin; l < match->spans[s].end; l++) {
            v->member[l] = e;
            if (v->kernel_of[l] < *first) *first = v->kernel_of[l];
        }
    }
    for (uint32_t s = 0; s < match->n_spans; s++) {
        for (uint32_t l = match->spans[s].begin; l < match->spans[s].end; l++) {
            if (found == EP_NO_INDEX) found = count_operands(v, e, l, inputs, &left);
        }
    }
    return found;
}

/* The kernel of ours that does what the reformat entry `e` did; EP_NO_INDEX when there is none, and
 * `*skipped` says why. */
static uint32_t find_reformat(const validator *v, uint32_t e, const char **skipped)
{
    const ep__trtexec_match *match = &v->matches[e];
    uint32_t first = 0, tensor = match->tensor;
    if (match->kind != EP__TRTEXEC_REFORMAT_TENSOR) tensor = find_operand(v, e, &first);
    *skipped = "reformats no tensor of the network";
    if (tensor == EP_NO_INDEX) return EP_NO_INDEX;
    *skipped = "the plan has no such reformat";
    const uint32_t root = v->layers->root[tensor];
    if (match->kind == EP__TRTEXEC_REFORMAT_INPUT) return reformat_before(v, root, first);
    const uint32_t p = v->layers->producer[root];
    return reformat_after(v, root, p == EP_NO_INDEX ? 0 : v->kernel_of[p]);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void add_row(validator *v, const char *id, const char *group, double measured,
                    double predicted, const char *skipped)
{
    const int64_t batch = v->layers->network->batch_to;
    ep_prediction *prediction = &v->predictions[v->n];
    v->rows[v->n++] =
        (ep_measurement){.id = id,
                         .hw = "",
                         .mode = "",
                         .workload = v->workload,
                         .gpu_batch = batch,
                         .dla_batch = batch,
                         .precision = "",
                         .engine = v->plan->n_subgraphs ? EP_ENGINE_GPU_DLA : EP_ENGINE_GPU,
                         .covers = EP_COVERS_COMPUTE,
                         .metric = EP_METRIC_LATENCY_MS,
                         .value = measured,
                         .group = group,
                         .source = "trtexec",
                         .notes = ""};
    *prediction = (ep_prediction){.skipped = skipped};
    if (skipped) return;
    prediction->value = predicted;
    prediction->error_pct = 100 * (predicted - measured) / measured;
}

/* "no node is called 'a', 'b'" */
static ep_status note_unmatched(validator *v, const ep__trtexec_match *match)
{
    if (match->n_unmatched == 0) return EP_OK;
    ep_text text = {0};
    for (uint32_t i = 0; i < match->n_unmatched; i++) {
        ep_text_printf(&text, "%s'%s'", i ? ", " : "no node is called ", match->unmatched[i]);
    }
    const char *notes =
        text.failed ? NULL : ep_arena_string(v->arena, ep_text_cstr(&text), text.length);
    ep_text_free(&text);
    if (!notes) return ep_fail_memory(v->err);
    v->rows[v->n - 1].notes = notes;
    return EP_OK;
}

static ep_status add_entry(validator *v, uint32_t e)
{
    const ep__trtexec_entry *entry = &v->file.entries[e];
    const ep__trtexec_match *match = &v->matches[e];
    const double measured = measured_ms(entry);
    const char *skipped = "waits or copies; the plan has no kernel for that";
    double ns = NAN;
    if (match->kind == EP__TRTEXEC_LAYERS) {
        ns = layers_ns(v, e, &skipped);
    } else if (match->kind != EP__TRTEXEC_OTHER) {
        const uint32_t k = find_reformat(v, e, &skipped);
        if (k != EP_NO_INDEX) ns = v->run->kernel_ns[k];
    }
    if (!isnan(ns)) skipped = measured > 0 ? NULL : "no time was measured";
    add_row(v, entry->name, v->group, measured, ns / 1e6, skipped);
    return note_unmatched(v, match);
}

/* ---- all together -------------------------------------------------------------------------- */

static ep_status match_all(validator *v)
{
    const uint32_t n_layers = v->layers->n_layers, n_tensors = v->layers->network->n_tensors;
    const ep__trtexec_names *names;
    EP_TRY(ep__trtexec_names_make(v->layers, v->arena, &names, v->err));
    v->matches = EP_NEW(v->arena, ep__trtexec_match, v->file.n);
    v->owner = EP_NEW(v->arena, uint32_t, n_layers);
    v->kernel_of = EP_NEW(v->arena, uint32_t, n_layers);
    v->member = EP_NEW(v->arena, uint32_t, n_layers);
    v->seen = EP_NEW(v->arena, uint32_t, n_tensors);
    if (!v->matches || !v->owner || !v->kernel_of || !v->member || !v->seen) {
        return ep_fail_memory(v->err);
    }
    for (uint32_t l = 0; l < n_layers; l++) v->owner[l] = v->member[l] = EP_NO_INDEX;
    for (uint32_t t = 0; t < n_tensors; t++) v->seen[t] = EP_NO_INDEX;
    for (uint32_t k = 0; k < v->plan->n_kernels; k++) {
        const ep_kernel *kernel = &v->plan->kernels[k];
        for (uint32_t i = 0; i < kernel->n_layers; i++) v->kernel_of[kernel->layers[i]] = k;
    }
    for (uint32_t e = 0; e < v->file.n; e++) {
        EP_TRY(ep__trtexec_match_name(names, v->file.entries[e].name, v->arena, &v->matches[e],
                                      v->err));
    }
    claim(v, false);
    claim(v, true);
    return EP_OK;
}

static ep_status fill(validator *v, const char *profile, ep_validation *validation)
{
    EP_TRY(ep__trtexec_read(profile, v->arena, &v->file, v->err));
    const bool times = !isnan(v->file.compute_ms);
    const char *slash = strrchr(profile, '/'), *model = v->layers->network->name;
    validation->path = ep_arena_string(v->arena, profile, strlen(profile));
    v->workload = ep_arena_string(v->arena, model, strlen(model)); /* the network may go first */
    if (!validation->path || !v->workload) return ep_fail_memory(v->err);
    v->group = validation->path + (slash ? slash + 1 - profile : 0);
    v->rows = EP_NEW(v->arena, ep_measurement, (uint64_t)v->file.n + 1);
    v->predictions = EP_NEW(v->arena, ep_prediction, (uint64_t)v->file.n + 1);
    if (!v->rows || !v->predictions) return ep_fail_memory(v->err);
    double total = times ? v->file.compute_ms : 0;
    for (uint32_t e = 0; e < v->file.n; e++) total += measured_ms(&v->file.entries[e]);
    EP_FAIL_IF(!(total > 0), v->err, EP_BAD_FILE, "%s: no entry has a time above 0", profile);
    add_row(v, "total", "total", total, v->run->latency_ns / 1e6, NULL);
    EP_TRY(match_all(v));
    for (uint32_t e = 0; e < v->file.n; e++) EP_TRY(add_entry(v, e));
    validation->n_rows = v->n;
    validation->rows = v->rows;
    validation->predictions = v->predictions;
    return ep_validation_summarise(validation, v->err);
}

ep_status ep_validate_profile(const char *profile, const ep_layers *layers, const ep_plan *plan,
                              const ep_run *run, ep_validation **out, ep_error *err)
{
    assert(plan->layers == layers);
    *out = NULL;
    ep_arena *arena = ep_arena_new();
    ep_validation *validation = arena ? EP_NEW(arena, ep_validation, 1) : NULL;
    if (!validation) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    validation->arena = arena;
    validator v = {.layers = layers, .plan = plan, .run = run, .arena = arena, .err = err};
    const ep_status status = fill(&v, profile, validation);
    if (status != EP_OK) {
        ep_arena_free(arena);
        return status;
    }
    *out = validation;
    return EP_OK;
}
