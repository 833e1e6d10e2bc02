#include <stdio.h>
#include <string.h>

#include "study/study.h"

typedef struct asker {
    const ep_plan *plan;
    const ep_machine *machine;
    const ep_plan_options *options;
    const ep_point *point;
    const ep_run_options *run_options;
    uint32_t layer;
    ep_arena *arena;
    ep_device *device; /* per layer: the plan's, but for `layer` */
    ep_precision *precision;
    ep_alternative *rows;
    uint32_t n;
} asker;

/* Builds and runs the plan with the layer there. EP_INFEASIBLE: it cannot be. */
static ep_status ask(asker *a, ep_device device, ep_precision precision, ep_alternative *row,
                     ep_error *why)
{
    const ep_device planned_device = a->plan->device[a->layer];
    const ep_precision planned_precision = a->plan->precision[a->layer];
    ep_planned *other = NULL;
    a->device[a->layer] = device;
    a->precision[a->layer] = precision;
    const ep_assignment wanted = {
        .device = a->device, .precision = a->precision, .concurrent = a->plan->concurrent};
    ep_status status = ep_plan_build(a->plan->layers, a->machine, a->plan->strategy, &wanted,
                                     a->options, &other, why);
    if (status == EP_OK) {
        status = ep_sim_run(&other->plan, other->costs, a->point, a->run_options, a->arena,
                            &row->run, why);
    }
    if (status == EP_OK) {
        row->device = device;
        row->precision = other->plan.precision[a->layer];
        row->is_planned = device == planned_device && row->precision == planned_precision;
        row->layer_ns = row->run.layer_ns[a->layer];
        row->layer_nj = row->run.layer_nj[a->layer];
        row->n_subgraphs = other->plan.n_subgraphs;
        row->transitions = other->plan.transitions;
    }
    ep_planned_free(other);
    return status;
}

/* A row for each precision that the device takes; else one that says why not. */
static ep_status ask_device(asker *a, ep_device device, ep_error *err)
{
    static const ep_precision precisions[] = {EP_INT8, EP_FP16, EP_TF32, EP_FP32};
    const uint32_t before = a->n;
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++) {
        ep_error why = {0};
        const ep_status status = ask(a, device, precisions[i], &a->rows[a->n], &why);
        if (status == EP_OK) a->n++;
        if (status != EP_OK && status != EP_INFEASIBLE) {
            return ep_fail(err, status, "%s", why.text);
        }
    }
    if (a->n > before) return EP_OK;
    ep_error why = {0};
    const ep_status status = ask(a, device, EP_PRECISION_COUNT, &a->rows[a->n], &why);
    if (status == EP_INFEASIBLE) {
        a->rows[a->n] = (ep_alternative){.device = device};
        (void)snprintf(a->rows[a->n].refused, sizeof a->rows[a->n].refused, "%.159s", why.text);
    } else if (status != EP_OK) {
        return ep_fail(err, status, "%s", why.text);
    }
    a->n++;
    return EP_OK;
}

ep_status ep_alternatives(const ep_plan *plan, const ep_machine *machine,
                          const ep_plan_options *options, const ep_point *point,
                          const ep_run_options *run_options, uint32_t layer, ep_arena *arena,
                          const ep_alternative **out, uint32_t *n, ep_error *err)
{
    const uint32_t n_layers = plan->layers->n_layers;
    const size_t devices = n_layers * sizeof *plan->device;
    asker a = {.plan = plan,
               .machine = machine,
               .options = options,
               .point = point,
               .run_options = run_options,
               .layer = layer,
               .arena = arena,
               .device = ep_arena_copy(arena, plan->device, devices),
               .precision = ep_arena_copy(arena, plan->precision, n_layers * sizeof *a.precision),
               .rows = EP_NEW(arena, ep_alternative, 2 * EP_PRECISION_COUNT + 1)};
    if (!a.device || !a.precision || !a.rows) return ep_fail_memory(err);
    EP_TRY(ask_device(&a, EP_GPU, err));
    if (options->dla != EP_DLA_NONE) {
        EP_TRY(ask_device(&a, options->dla == EP_DLA_SECOND ? EP_DLA1 : EP_DLA0, err));
    }
    *out = a.rows;
    *n = a.n;
    return EP_OK;
}
