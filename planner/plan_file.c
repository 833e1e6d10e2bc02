/* A plan as a plan file: gathered from a plan that was made, compared with what there is. */
#include "planner/plan_file.h"

#include <string.h>

void ep_plan_file_free(ep_plan_file *file)
{
    if (file) ep_arena_free(file->arena);
}

/* ---- from a plan --------------------------------------------------------------------------- */

static ep_status gather_kernels(const ep_plan_file_source *source, ep_plan_file *file,
                                ep_error *err)
{
    const ep_plan *plan = &source->planned->plan;
    ep_plan_file_kernel *kernels = EP_NEW(file->arena, ep_plan_file_kernel, plan->n_kernels);
    if (!kernels) return ep_fail_memory(err);
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        char tactic[EP_TACTIC_TEXT];
        ep_cost_tactic_name(&source->planned->costs[k], source->run->tactic[k], tactic);
        kernels[k] =
            (ep_plan_file_kernel){.name = plan->kernels[k].name,
                                  .is_reformat = plan->kernels[k].kind == EP_KERNEL_REFORMAT,
                                  .device = plan->kernels[k].device,
                                  .precision = plan->kernels[k].precision,
                                  .tactic = ep_arena_string(file->arena, tactic, strlen(tactic)),
                                  .us = source->run->kernel_ns[k] / 1e3};
        if (!kernels[k].tactic) return ep_fail_memory(err);
    }
    file->kernels = kernels;
    file->n_kernels = plan->n_kernels;
    return EP_OK;
}

static ep_status gather_layers(const ep_plan *plan, ep_plan_file *file, ep_error *err)
{
    const uint32_t n = plan->layers->n_layers;
    const char *const *hashes;
    EP_TRY(ep__layer_hashes(plan->layers, file->arena, &hashes, err));
    uint32_t *kernel_of = EP_NEW(file->arena, uint32_t, n);
    ep_plan_file_layer *layers = EP_NEW(file->arena, ep_plan_file_layer, n);
    char *sha256 = EP_NEW(file->arena, char, EP_SHA256_TEXT);
    if (!kernel_of || !layers || !sha256) return ep_fail_memory(err);
    for (uint32_t l = 0; l < n; l++) kernel_of[l] = EP_NO_INDEX;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        for (uint32_t i = 0; i < kernel->n_layers; i++) kernel_of[kernel->layers[i]] = k;
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t l = plan->order[i];
        layers[i] = (ep_plan_file_layer){.name = plan->layers->layers[l].name,
                                         .hash = hashes[l],
                                         .index = l,
                                         .device = plan->device[l],
                                         .precision = plan->precision[l],
                                         .subgraph = plan->subgraph[l],
                                         .kernel = kernel_of[l]};
    }
    file->layers = layers;
    file->n_layers = n;
    file->network_sha256 = sha256;
    return ep__network_sha256(hashes, n, sha256, err);
}

static ep_status gather_machine(const ep_machine *machine, ep_plan_file *file, ep_error *err)
{
    char *sha256 = EP_NEW(file->arena, char, EP_SHA256_TEXT);
    if (!sha256) return ep_fail_memory(err);
    EP_TRY(ep_machine_settings(machine, file->arena, &file->settings, &file->n_settings, err));
    file->machine = machine->name;
    file->machine_set = machine->overrides;
    file->machine_sha256 = sha256;
    return ep__settings_sha256(file->settings, file->n_settings, sha256, err);
}

static ep_plan_file_figures figures_of(const ep_plan *plan, const ep_run *run)
{
    return (ep_plan_file_figures){.latency_ms = run->latency_ns / 1e6,
                                  .throughput_ips = run->throughput_ips,
                                  .power_w = run->power_w,
                                  .energy_mj = run->energy_mj,
                                  .subgraphs = plan->n_subgraphs,
                                  .transitions = plan->transitions,
                                  .io_reformats = plan->io_reformats};
}

static ep_status gather(const ep_plan_file_source *source, ep_plan_file *file, ep_error *err)
{
    const ep_plan *plan = &source->planned->plan;
    const ep_point point = ep_point_of(source->machine, source->mode);
    file->version = EP_VERSION;
    file->model = plan->layers->network->name;
    file->model_sha256 = source->model_sha256;
    file->strategy = plan->strategy;
    file->concurrent = plan->concurrent;
    file->options = *source->options;
    file->options.search.timings = NULL;
    file->options.pins = NULL;
    file->options.mode = NULL;
    file->texts = source->texts;
    file->mode = source->mode->name;
    file->gpu_mhz = point.gpu_mhz;
    file->dla_mhz = point.dla_mhz;
    file->dram_mhz = point.dram_mhz;
    file->cpu_mhz = point.cpu_mhz;
    file->figures = figures_of(plan, source->run);
    EP_TRY(gather_machine(source->machine, file, err));
    EP_TRY(gather_layers(plan, file, err));
    return gather_kernels(source, file, err);
}

ep_status ep_plan_file_of(const ep_plan_file_source *source, ep_plan_file **out, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    ep_plan_file *file = arena ? EP_NEW(arena, ep_plan_file, 1) : NULL;
    if (file) file->arena = arena;
    const ep_status status = file ? gather(source, file, err) : ep_fail_memory(err);
    if (status != EP_OK) {
        ep_arena_free(arena);
        return status;
    }
    *out = file;
    return EP_OK;
}

/* ---- is it of this network? ---------------------------------------------------------------- */

static ep_status compare_layers(const ep_plan_file *file, const ep_layers *layers,
                                const char *const *hashes, ep_error *err)
{
    const char *model = layers->network->name;
    for (uint32_t i = 0; i < file->n_layers; i++) {
        const ep_plan_file_layer *planned = &file->layers[i];
        const uint32_t l = planned->index;
        if (l < layers->n_layers && strcmp(planned->hash, hashes[l]) == 0) continue;
        const char *name = l < layers->n_layers ? layers->layers[l].name : "nothing";
        EP_FAIL_IF(strcmp(planned->name, name) != 0, err, EP_BAD_FILE,
                   "%s: a plan of another network: layer %u is '%s' there and '%s' in %s",
                   file->path, l + 1, planned->name, name, model);
        return ep_fail(err, EP_BAD_FILE,
                       "%s: a plan of another network: layer '%s' has other shapes, operands or "
                       "attributes in %s",
                       file->path, name, model);
    }
    return EP_OK;
}

ep_status ep_plan_file_check_network(const ep_plan_file *file, const ep_layers *layers,
                                     ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    const char *const *hashes;
    char sha256[EP_SHA256_TEXT] = "";
    ep_status status = ep__layer_hashes(layers, arena, &hashes, err);
    if (status == EP_OK) status = ep__network_sha256(hashes, layers->n_layers, sha256, err);
    if (status == EP_OK) status = compare_layers(file, layers, hashes, err);
    if (status == EP_OK && strcmp(sha256, file->network_sha256) != 0) {
        status =
            ep_fail(err, EP_BAD_FILE, "%s: a plan of another network: of %u layers, and %s has %u",
                    file->path, file->n_layers, layers->network->name, layers->n_layers);
    }
    ep_arena_free(arena);
    return status;
}

/* ---- is it of this machine? ---------------------------------------------------------------- */

static ep_status other_machine(const ep_plan_file *file, const ep_machine *machine, const char *key,
                               const char *there, const char *here, ep_error *err)
{
    return ep_fail(err, EP_BAD_FILE,
                   "%s: a plan for another machine: %s is %s in that of the plan%s%s%s, and %s in "
                   "%s; give the same --hw, --set and --mode-file, or plan again",
                   file->path, key, there ? there : "not there", file->machine_set ? " (" : "",
                   file->machine_set ? file->machine_set : "", file->machine_set ? ")" : "",
                   here ? here : "not there", machine->name);
}

static ep_status compare_settings(const ep_plan_file *file, const ep_machine *machine,
                                  const ep_setting *here, uint32_t n, ep_error *err)
{
    for (uint32_t i = 0; i < file->n_settings || i < n; i++) {
        const ep_setting *a = i < file->n_settings ? &file->settings[i] : NULL;
        const ep_setting *b = i < n ? &here[i] : NULL;
        if (!a || !b) {
            return other_machine(file, machine, a ? a->key : b->key, a ? a->value : NULL,
                                 b ? b->value : NULL, err);
        }
        if (strcmp(a->key, b->key) != 0) {
            return other_machine(file, machine, a->key, a->value, NULL, err);
        }
        if (strcmp(a->value, b->value) != 0) {
            return other_machine(file, machine, a->key, a->value, b->value, err);
        }
    }
    return EP_OK;
}

ep_status ep_plan_file_check_machine(const ep_plan_file *file, const ep_machine *machine,
                                     ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    const ep_setting *here;
    uint32_t n;
    ep_status status = ep_machine_settings(machine, arena, &here, &n, err);
    if (status == EP_OK) status = compare_settings(file, machine, here, n, err);
    ep_arena_free(arena);
    return status;
}
