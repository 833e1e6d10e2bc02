/* From a plan file to the plan that it was written of. */
#include <string.h>

#include "planner/plan_file.h"

/* ---- the plan ------------------------------------------------------------------------------ */

static ep_status build(const ep_plan_file *file, const ep_layers *layers, const ep_machine *machine,
                       ep_arena *arena, ep_planned **out, ep_error *err)
{
    const uint32_t n = layers->n_layers;
    ep_device *device = EP_NEW(arena, ep_device, n);
    ep_precision *precision = EP_NEW(arena, ep_precision, n);
    uint32_t *order = EP_NEW(arena, uint32_t, n), *subgraph = EP_NEW(arena, uint32_t, n);
    if (!device || !precision || !order || !subgraph) return ep_fail_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        const ep_plan_file_layer *layer = &file->layers[i];
        order[i] = layer->index;
        device[layer->index] = layer->device;
        precision[layer->index] = layer->precision;
        subgraph[layer->index] = layer->subgraph;
    }
    const ep_assignment wanted = {.device = device,
                                  .precision = precision,
                                  .order = order,
                                  .subgraph = subgraph,
                                  .concurrent = file->concurrent};
    ep_plan_options options = file->options;
    if (strcmp(file->strategy, "gpu") == 0) options.dla = EP_DLA_NONE; /* asks no rules */
    return ep_plan_build(layers, machine, file->strategy, &wanted, &options, out, err);
}

/* ---- its kernels --------------------------------------------------------------------------- */

static ep_status other_kernel(const ep_plan_file *file, const char *name, const char *what,
                              ep_error *err)
{
    return ep_fail(err, EP_BAD_FILE, "%s: kernel '%s' %s; plan again", file->path, name, what);
}

/* Leaves a kernel the tactic of that name alone. False: it has none. */
static bool fix_tactic(ep_cost *cost, const ep_machine *machine, const char *name)
{
    for (uint32_t t = 0; t < ep_cost_n_tactics(cost); t++) {
        char other[EP_TACTIC_TEXT];
        ep_phases phases;
        if (strcmp(ep_cost_tactic_name(cost, t, other), name) != 0) continue;
        if (!ep_cost_phases(cost, machine, t, &phases)) continue;
        (void)strcpy(phases.tactic, other);
        cost->product = (ep_product){0};
        cost->tactics[0] = phases;
        cost->n_tactics = 1;
        return true;
    }
    return false;
}

/* Names are scratch in `arena`. */
static ep_status check_kernel(const ep_plan_file *file, uint32_t k, const ep_kernel *made,
                              ep_arena *arena, ep_error *err)
{
    const ep_plan_file_kernel *kernel = &file->kernels[k];
    const char *name = ep__plan_file_name(made->name, arena);
    if (!name) return ep_fail_memory(err);
    const bool same = strcmp(kernel->name, name) == 0 &&
                      kernel->is_reformat == (made->kind == EP_KERNEL_REFORMAT) &&
                      kernel->device == made->device && kernel->precision == made->precision;
    if (same) return EP_OK;
    return other_kernel(file, kernel->name, "is not what its layers make here", err);
}

static ep_status take_kernels(const ep_plan_file *file, const ep_machine *machine, bool retune,
                              ep_arena *arena, ep_planned *planned, ep_error *err)
{
    EP_FAIL_IF(planned->plan.n_kernels != file->n_kernels, err, EP_BAD_FILE,
               "%s: %u kernels, and its layers make %u here; plan again", file->path,
               file->n_kernels, planned->plan.n_kernels);
    for (uint32_t k = 0; k < file->n_kernels; k++) {
        const ep_plan_file_kernel *kernel = &file->kernels[k];
        EP_TRY(check_kernel(file, k, &planned->plan.kernels[k], arena, err));
        if (retune || !*kernel->tactic) continue;
        if (planned->costs[k].is_view || !fix_tactic(&planned->costs[k], machine, kernel->tactic)) {
            return other_kernel(file, kernel->name, "has no tactic of the file's name here", err);
        }
    }
    return EP_OK;
}

ep_status ep_plan_file_apply(const ep_plan_file *file, const ep_layers *layers,
                             const ep_machine *machine, bool retune, ep_planned **out,
                             ep_error *err)
{
    EP_TRY(ep_plan_file_check_network(file, layers, err));
    EP_TRY(ep_plan_file_check_machine(file, machine, err));
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    ep_planned *planned = NULL;
    ep_status status = build(file, layers, machine, arena, &planned, err);
    if (status == EP_INFEASIBLE) {
        (void)ep_fail_context(err, "%s: ", file->path);
        status = err ? err->status = EP_BAD_FILE : EP_BAD_FILE;
    }
    if (status == EP_OK) status = take_kernels(file, machine, retune, arena, planned, err);
    ep_arena_free(arena);
    if (status != EP_OK) {
        ep_planned_free(planned);
        return status;
    }
    *out = planned;
    return EP_OK;
}
