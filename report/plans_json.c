#include "report/plans_json.h"

#include <stdlib.h>

#include "report/json.h"
#include "report/limits.h"
#include "report/summary.h"

static void write_units(ep_text *out, const ep_run *run)
{
    ep__json_open(out, "units", '[');
    for (uint32_t u = 0; u < run->n_units; u++) {
        const ep_unit_busy *unit = &run->units[u];
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", unit->name);
        ep__json_number(out, "busy_pct", unit->busy_pct);
        ep__json_number(out, "busy_ms", unit->busy_ns / 1e6);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

static void write_rails(ep_text *out, const ep_machine *machine, const ep_run *run)
{
    ep__json_open(out, "rails", '[');
    for (uint32_t r = 0; r < run->n_rails && r < machine->n_rails; r++) {
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", machine->rails[r].name);
        ep__json_number(out, "power_w", run->rail_w[r]);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

void ep__json_placement(ep_text *out, const ep_planned *planned, const ep_run *run)
{
    const ep__placement placement = ep__placement_of(planned, run);
    const ep_plan *plan = &planned->plan;
    ep__json_open(out, "placement", '{');
    ep__json_integer(out, "layers_dla", placement.dla.layers);
    ep__json_integer(out, "layers_gpu", placement.gpu.layers);
    ep__json_integer(out, "macs_dla", placement.dla.macs);
    ep__json_integer(out, "macs_gpu", placement.gpu.macs);
    ep__json_number(out, "macs_dla_pct", ep__dla_percent(&placement));
    ep__json_number(out, "time_dla_ms", placement.dla.ns / 1e6);
    ep__json_number(out, "time_gpu_ms", placement.gpu.ns / 1e6);
    ep__json_integer(out, "subgraphs", plan->n_subgraphs);
    ep__json_integer(out, "transitions", plan->transitions);
    ep__json_integer(out, "io_reformats", plan->io_reformats);
    ep__json_close(out, '}');
}

static void write_memory(ep_text *out, const ep_machine *machine, const ep_footprint *footprint)
{
    ep__json_open(out, "memory", '{');
    ep__json_integer(out, "weights_bytes", footprint->weights_bytes);
    ep__json_integer(out, "activations_bytes", footprint->activations_bytes);
    ep__json_integer(out, "module_bytes", machine->dram.bytes);
    ep__json_close(out, '}');
}

void ep__json_refused(ep_text *out, const ep_verdict *verdict)
{
    ep__json_open(out, "refused", '[');
    for (uint32_t r = 0; verdict && r < verdict->n_refusals; r++) {
        const ep_refusal *refusal = &verdict->refusals[r];
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "rule", refusal->rule->id);
        ep__json_text(out, "value", refusal->value);
        ep__json_text(out, "bound", refusal->bound);
        ep__json_text(out, "hint", refusal->hint ? refusal->hint : "");
        ep__json_text(out, "change", ep_change_name(refusal->change));
        ep__json_text(out, "confidence", ep_confidence_name(refusal->rule->confidence));
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

void ep__json_tactic(ep_text *out, const ep_planned *planned, const ep_run *run, uint32_t k)
{
    char name[EP_TACTIC_TEXT] = "";
    if (k != EP_NO_INDEX) ep_cost_tactic_name(&planned->costs[k], run->tactic[k], name);
    if (*name) {
        ep__json_text(out, "tactic", name);
    } else {
        ep__json_null(out, "tactic");
    }
}

static void write_layers(ep_text *out, const ep_planned *planned, const ep_run *run,
                         const uint32_t *kernel_of)
{
    const ep_plan *plan = &planned->plan;
    ep__json_open(out, "layers", '[');
    for (uint32_t i = 0; i < plan->layers->n_layers; i++) {
        const ep_layer *layer = &plan->layers->layers[i];
        const uint32_t k = kernel_of[i];
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", layer->name);
        ep__json_text(out, "op", layer->op);
        ep__json_text(out, "type", ep_layer_type_name(layer->type));
        ep__json_text(out, "device", ep_device_name(plan->device[i]));
        ep__json_text(out, "precision", ep_precision_name(plan->precision[i]));
        ep__json_integer(out, "macs", layer->macs);
        ep__json_number(out, "time_ms", run->layer_ns[i] / 1e6);
        ep__json_number(out, "energy_mj", run->layer_nj[i] / 1e6);
        if (k == EP_NO_INDEX) {
            ep__json_null(out, "kernel");
        } else {
            ep__json_text(out, "kernel", plan->kernels[k].name);
        }
        ep__json_tactic(out, planned, run, k);
        ep__json_refused(out, planned->verdicts ? &planned->verdicts[i] : NULL);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

/* Of one batch; they add up to power_w x the time between batches. */
static void write_energy(ep_text *out, const ep_plan *plan, const ep_run *run)
{
    double layers_nj = 0, reformats_nj = 0;
    for (uint32_t i = 0; i < plan->layers->n_layers; i++) layers_nj += run->layer_nj[i];
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        if (plan->kernels[k].kind == EP_KERNEL_REFORMAT) reformats_nj += run->kernel_nj[k];
    }
    ep__json_open(out, "energy", '{');
    ep__json_number(out, "layers_mj", layers_nj / 1e6);
    ep__json_number(out, "reformats_mj", reformats_nj / 1e6);
    ep__json_number(out, "submissions_mj", run->submit_nj / 1e6);
    ep__json_number(out, "idle_mj", run->idle_w * run->period_ns / 1e6);
    ep__json_close(out, '}');
}

/* What the parts add to idle, and the mains; null: the machine says nothing about those. */
static void write_power(ep_text *out, const ep_run *run)
{
    ep__json_open(out, "power", '{');
    ep__json_number(out, "idle_w", run->idle_w);
    ep__json_number(out, "gpu_w", run->gpu_w);
    ep__json_number(out, "dla_w", run->dla_w);
    ep__json_number(out, "dram_w", run->dram_w);
    ep__json_number(out, "cpu_w", run->cpu_w);
    if (run->wall_w > 0) {
        ep__json_number(out, "wall_w", run->wall_w);
    } else {
        ep__json_null(out, "wall_w");
    }
    ep__json_close(out, '}');
}

/* Only of a plan that was searched for. */
static void write_search(ep_text *out, const ep_planned *planned)
{
    if (planned->found.n_judged == 0) return;
    ep__json_open(out, "search", '{');
    ep__json_text(out, "objective", ep_objective_name(planned->found.objective));
    ep__json_integer(out, "plans_judged", planned->found.n_judged);
    if (planned->plan.concurrent) {
        ep__json_null(out, "gap_pct");
    } else {
        ep__json_number(out, "gap_pct", ep__gap_percent(planned));
    }
    ep__json_bool(out, "branches_at_once", planned->plan.concurrent);
    ep__json_close(out, '}');
}

/* Fails when out of memory. */
static bool write_run(ep_text *out, const ep_report *report, uint32_t p, uint32_t m,
                      const ep_run *run)
{
    const ep_planned *planned = ep__planned_of(report, p, m);
    uint32_t *kernel_of = ep__kernel_of_layers(&planned->plan);
    if (!kernel_of) return false;
    ep__json_number(out, "latency_ms", run->latency_ns / 1e6);
    ep__json_number(out, "throughput_ips", run->throughput_ips);
    ep__json_number(out, "power_w", run->power_w);
    ep__json_bool(out, "over_budget", run->over_budget);
    ep__json_number(out, "energy_mj", run->energy_mj);
    ep__json_text(out, "bound", run->bound);
    write_units(out, run);
    write_rails(out, report->machine, run);
    write_power(out, run);
    write_energy(out, &planned->plan, run);
    ep__json_placement(out, planned, run);
    write_search(out, planned);
    write_memory(out, report->machine, ep__footprint_of(report, p, m));
    write_layers(out, planned, run, kernel_of);
    if (report->show_kernels) ep__json_kernels(out, report, p, m);
    free(kernel_of);
    return true;
}

/* Fails when out of memory. */
static bool write_mode(ep_text *out, const ep_report *report, uint32_t m)
{
    const ep_mode *mode = report->modes[m];
    bool complete = true;
    ep__json_open(out, NULL, '{');
    ep__json_text(out, "mode", mode->name);
    if (mode->budget_w > 0) {
        ep__json_number(out, "budget_w", mode->budget_w);
    } else {
        ep__json_null(out, "budget_w");
    }
    ep__json_open(out, "plans", '[');
    for (uint32_t p = 0; p < report->n_plans; p++) {
        const ep_run *run = ep__run_of(report, p, m);
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "strategy", ep__planned_of(report, p, m)->plan.strategy);
        if (run) {
            ep__json_limited(out, report, p, m);
            complete &= write_run(out, report, p, m, run);
        } else {
            ep__json_text(out, "cannot_run", report->plans[p].cannot_run[m]);
        }
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
    ep__json_close(out, '}');
    return complete;
}

static void write_loaded(ep_text *out, const ep_report_loaded *loaded)
{
    ep__json_open(out, "plan_file", '{');
    ep__json_text(out, "path", loaded->file->path);
    ep__json_text(out, "digest", loaded->file->digest);
    ep__json_text(out, "mode", loaded->file->mode);
    ep__json_bool(out, "retuned", loaded->retuned);
    ep__json_bool(out, "other_weights", loaded->other_weights);
    ep__json_close(out, '}');
}

ep_status ep_report_json(const ep_report *report, ep_text *out, ep_error *err)
{
    bool complete = true;
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_text(out, "hardware", report->machine->name);
    if (report->machine->overrides) ep__json_text(out, "set", report->machine->overrides);
    ep__json_text(out, "model", report->layers->network->name);
    ep__json_integer(out, "batch", (uint64_t)report->batch);
    ep__json_text(out, "precision", ep_precision_choice_name(report->precision));
    ep__json_bool(out, "scales_assumed", ep__scales_assumed(report));
    ep__json_text(out, "dla", ep_dla_choice_name(report->dla));
    if (report->loaded) write_loaded(out, report->loaded);
    ep__json_open(out, "modes", '[');
    for (uint32_t m = 0; m < report->n_modes; m++) complete &= write_mode(out, report, m);
    ep__json_close(out, ']');
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return complete && !out->failed ? EP_OK : ep_fail_memory(err);
}
