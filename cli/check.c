#include "cli/check.h"

#include <string.h>

ep_status ep__check_mode(const ep_machine *machine, const char *name, ep_dla_choice dla,
                         const ep_mode **mode, ep_error *err)
{
    if (name) return ep_machine_mode(machine, name, mode, err);
    const int64_t wanted = dla == EP_DLA_NONE ? 0 : dla == EP_DLA_FIRST ? 1 : 2;
    *mode = &machine->modes[0];
    for (uint32_t m = machine->n_modes; m-- > 0;) {
        if (ep_point_of(machine, &machine->modes[m]).dla_cores >= wanted)
            *mode = &machine->modes[m];
    }
    return EP_OK;
}

static ep_status run_plan(const ep__check_settings *settings, ep__check *c,
                          const ep_planned *planned, ep_run *run, ep_error *err)
{
    const ep_point point = ep_point_of(settings->machine, settings->mode);
    const bool both = settings->plan.dla == EP_DLA_BOTH && point.dla_cores > 1;
    const ep_run_options options = {.batch = c->model.network->batch_to, .dla_cores = both ? 2 : 1};
    return ep_sim_run(&planned->plan, planned->costs, &point, &options, c->arena, run, err);
}

/* Greedy where there is a DLA. What cannot run standalone is planned with fallback; `*refused` is
 * EP_INFEASIBLE then, and `err` says why. */
static ep_status make_plans(const ep__check_settings *settings, ep__check *c, ep_status *refused,
                            ep_error *err)
{
    const bool has_dla = settings->plan.dla != EP_DLA_NONE;
    ep_plan_options fallback = settings->plan;
    fallback.standalone = fallback.no_fallback = false;
    EP_TRY(ep_plan_make(c->model.layers, settings->machine, "gpu", &fallback, &c->gpu, err));
    const char *strategy = has_dla ? "greedy" : "gpu";
    ep_status status = ep_plan_make(c->model.layers, settings->machine, strategy, &settings->plan,
                                    &c->planned, err);
    if (status == EP_INFEASIBLE && settings->plan.standalone) {
        *refused = status;
        ep_error ignored;
        status = ep_plan_make(c->model.layers, settings->machine, strategy, &fallback, &c->planned,
                              &ignored);
        if (status != EP_OK) *err = ignored;
    }
    return status;
}

static ep_status find_sparsity(const ep__check_settings *settings, ep__check *c, ep_error *err)
{
    const uint32_t n = c->model.layers->n_layers;
    ep_sparsity *sparsity = EP_NEW(c->arena, ep_sparsity, n);
    if (!sparsity) return ep_fail_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        sparsity[i] = ep_sparsity_of(&c->planned->plan, settings->machine, i);
    }
    c->report.sparsity = sparsity;
    return EP_OK;
}

static ep_status examine(const ep__check_settings *settings, ep__check *c, ep_error *err)
{
    EP_TRY(run_plan(settings, c, c->planned, &c->run, err));
    EP_TRY(run_plan(settings, c, c->gpu, &c->gpu_run, err));
    ep_report_check *report = &c->report;
    *report = (ep_report_check){.machine = settings->machine,
                                .mode = settings->mode,
                                .layers = c->model.layers,
                                .batch = c->model.network->batch_to,
                                .precision = settings->plan.precision,
                                .dla = settings->plan.dla,
                                .planned = c->planned,
                                .run = &c->run,
                                .gpu_run = &c->gpu_run,
                                .full = settings->full};
    EP_TRY(find_sparsity(settings, c, err));
    if (!c->planned->verdicts) return EP_OK;
    EP_TRY(ep_plan_advise(c->planned, settings->machine, c->run.layer_ns, c->arena, &report->advice,
                          &report->n_advice, err));
    return ep_plan_boundaries(&c->planned->plan, c->arena, &report->boundaries,
                              &report->n_boundaries, err);
}

ep_status ep__check_model(const char *path, const ep__check_settings *settings, ep__check *out,
                          ep_error *err)
{
    out->arena = ep_arena_new();
    if (!out->arena) return ep_fail_memory(err);
    EP_TRY(ep__model_load(path, &settings->model, &out->model, err));
    ep_status refused = EP_OK;
    EP_TRY(make_plans(settings, out, &refused, err));
    EP_TRY(examine(settings, out, err));
    return refused;
}

void ep__check_free(ep__check *check)
{
    ep_planned_free(check->planned);
    ep_planned_free(check->gpu);
    ep__model_free(&check->model);
    ep_arena_free(check->arena);
    *check = (ep__check){0};
}

/* ---- one layer ----------------------------------------------------------------------------- */

static ep_precision asked_of_dla(ep_precision_choice choice)
{
    switch (choice) {
    case EP_CHOOSE_FP16: return EP_FP16;
    case EP_CHOOSE_FP32: return EP_FP32;
    default: return EP_INT8;
    }
}

ep_status ep__check_explain(const ep__check *check, const char *name, unsigned width, ep_text *out,
                            ep_error *err)
{
    const ep_report_check *report = &check->report;
    uint32_t layer, n;
    ep_trial *trials;
    EP_TRY(ep__find_layer(report->layers, name, &layer, err));
    EP_TRY(ep_dla_explain(report->layers, report->machine, asked_of_dla(report->precision), layer,
                          check->arena, &trials, &n, err));
    return ep_report_explain(report, layer, trials, n, width, out, err);
}
