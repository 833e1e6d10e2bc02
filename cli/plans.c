#include "cli/plans.h"

#include <string.h>

#include "cli/model.h"
#include "cli/options.h"
#include "cli/plan_file.h"
#include "study/study.h"

ep_status ep__goal_parse(const ep__goal_texts *texts, const char *strategy,
                         ep_plan_options *options, ep_error *err)
{
    const char *given = texts->objective       ? "--objective"
                        : texts->deadline_ms   ? "--deadline-ms"
                        : texts->max_power_w   ? "--max-power-w"
                        : texts->max_subgraphs ? "--max-subgraphs"
                        : texts->branches      ? "--branches"
                                               : NULL;
    EP_FAIL_IF(given && strategy && !ep_strategy_searches(strategy), err, EP_BAD_USAGE,
               "%s is for strategy best, and --strategy is %s", given, strategy);
    uint32_t objective = EP_LATENCY;
    double deadline_ms = 0;
    int64_t max_subgraphs = 0;
    if (texts->objective) {
        EP_TRY(
            ep__parse_choice("--objective", texts->objective, ep_objective_name, &objective, err));
    }
    if (texts->deadline_ms) {
        EP_TRY(ep__parse_number("--deadline-ms", texts->deadline_ms, 1e-3, 1e7, &deadline_ms, err));
    }
    if (texts->max_power_w) {
        EP_TRY(ep__parse_number("--max-power-w", texts->max_power_w, 0.1, 1e4,
                                &options->max_power_w, err));
    }
    if (texts->max_subgraphs) {
        EP_TRY(ep__parse_integer("--max-subgraphs", texts->max_subgraphs, 1, 1000, &max_subgraphs,
                                 err));
    }
    options->objective = (ep_objective)objective;
    options->deadline_ns = deadline_ms * 1e6;
    options->max_subgraphs = (uint32_t)max_subgraphs;
    options->branches = texts->branches;
    return EP_OK;
}

/* ---- plans --------------------------------------------------------------------------------- */

/* The arrays of a strategy, an entry a mode. */
typedef struct rows {
    ep_run *runs;
    const char **cannot_run;
    ep_report_limited *limited;
    const ep_planned **planned;
    ep_footprint *footprints;
} rows;

static ep_status make_one(ep__plans *p, const char *strategy, const ep_mode *mode, ep_planned **out,
                          ep_error *err)
{
    ep_plan_options options = *p->options;
    options.mode = mode;
    EP_TRY(p->loaded ? ep__plan_load(p->loaded, p->model, p->layers, p->machine, out, err)
                     : ep_plan_make(p->layers, p->machine, strategy, &options, out, err));
    p->planned[p->n_planned++] = *out;
    return EP_OK;
}

/* Notes why a mode cannot run the plan; another failure is one. */
static ep_status note(const ep__plans *p, ep_status status, uint32_t m, rows *of, ep_error *err)
{
    if (status != EP_INFEASIBLE) return status;
    of->cannot_run[m] = ep_arena_string(p->arena, err->text, strlen(err->text));
    return of->cannot_run[m] ? EP_OK : ep_fail_memory(err);
}

static ep_run_options run_options_of(const ep__plans *p, const ep_point *point)
{
    const bool both = p->options->dla == EP_DLA_BOTH && point->dla_cores > 1;
    return (ep_run_options){.batch = p->batch, .dla_cores = both ? 2 : 1};
}

static ep_status run_in(ep__plans *p, const ep_planned *planned, uint32_t m, rows *of,
                        ep_error *err)
{
    const ep_point point = ep_point_of(p->machine, p->modes[m]);
    const ep_run_options options = run_options_of(p, &point);
    const ep_status status =
        ep_sim_run(&planned->plan, planned->costs, &point, &options, p->arena, &of->runs[m], err);
    if (status != EP_OK) return note(p, status, m, of, err);
    p->n_ran++;
    if (!of->limited) return EP_OK;
    return ep__limits_apply(p->limits, p->machine, planned, p->modes[m], &options, p->arena,
                            &of->runs[m], &of->limited[m], err);
}

/* The best plan is another in each mode, a builder's is the same in all. */
static ep_status make_rows(ep__plans *p, const char *strategy, rows *of, ep_error *err)
{
    const bool searches = !p->loaded && ep_strategy_searches(strategy);
    ep_planned *planned = NULL;
    for (uint32_t m = 0; m < p->n_modes; m++) {
        if (searches || !planned) {
            const ep_status status = make_one(p, strategy, p->modes[m], &planned, err);
            if (status != EP_OK && !searches) return status;
            if (status != EP_OK) {
                EP_TRY(note(p, status, m, of, err));
                continue;
            }
        }
        of->planned[m] = planned;
        EP_TRY(ep_sim_footprint(&planned->plan, p->arena, &of->footprints[m], err));
        EP_TRY(run_in(p, planned, m, of, err));
    }
    return EP_OK;
}

static ep_status make_strategy(ep__plans *p, const char *strategy, ep_report_plan *out,
                               ep_error *err)
{
    const uint32_t n = p->n_modes;
    const bool has_limits = p->limits->governor || p->limits->heat;
    rows of = {.runs = EP_NEW(p->arena, ep_run, n),
               .cannot_run = EP_NEW(p->arena, const char *, n),
               .limited = has_limits ? EP_NEW(p->arena, ep_report_limited, n) : NULL,
               .planned = EP_NEW(p->arena, const ep_planned *, n),
               .footprints = EP_NEW(p->arena, ep_footprint, n)};
    if (!of.runs || !of.cannot_run || (has_limits && !of.limited) || !of.planned ||
        !of.footprints) {
        return ep_fail_memory(err);
    }
    EP_TRY(make_rows(p, strategy, &of, err));
    *out = (ep_report_plan){.runs = of.runs,
                            .cannot_run = of.cannot_run,
                            .limited = of.limited,
                            .planned_in = of.planned,
                            .footprint_in = of.footprints};
    for (uint32_t m = n; m-- > 0;) { /* the first that runs; else the first there is */
        if (!of.planned[m] || (of.cannot_run[m] && out->planned)) continue;
        out->planned = of.planned[m];
        out->footprint = of.footprints[m];
    }
    return out->planned ? EP_OK : EP_INFEASIBLE; /* `err` says why the last cannot be */
}

ep_status ep__plans_make(ep__plans *p, ep_error *err)
{
    uint32_t n = 0;
    while (ep_strategy_name(n)) n++;
    if (p->strategy || p->options->dla == EP_DLA_NONE) n = 1;
    p->planned = EP_NEW(p->arena, ep_planned *, (uint64_t)n * p->n_modes);
    p->plans = EP_NEW(p->arena, ep_report_plan, n);
    if (!p->planned || !p->plans) return ep_fail_memory(err);
    for (; p->n_plans < n; p->n_plans++) {
        const char *name = p->strategy ? p->strategy : ep_strategy_name(p->n_plans);
        EP_TRY(make_strategy(p, name, &p->plans[p->n_plans], err));
    }
    return p->n_ran > 0 ? EP_OK : EP_INFEASIBLE;
}

void ep__plans_free(ep__plans *p)
{
    for (uint32_t i = 0; i < p->n_planned; i++) ep_planned_free(p->planned[i]);
}

ep_status ep__plans_explain(const ep__plans *p, const ep_report *report, const char *name,
                            unsigned width, ep_text *out, ep_error *err)
{
    const ep_report_plan *last = &p->plans[p->n_plans - 1];
    uint32_t layer;
    EP_TRY(ep__find_layer(p->layers, name, &layer, err));
    for (uint32_t m = 0, shown = 0; m < p->n_modes; m++) {
        if (last->cannot_run[m]) continue;
        const ep_point point = ep_point_of(p->machine, p->modes[m]);
        const ep_run_options run_options = run_options_of(p, &point);
        const ep_alternative *found;
        uint32_t n;
        EP_TRY(ep_alternatives(&last->planned_in[m]->plan, p->machine, p->options, &point,
                               &run_options, layer, p->arena, &found, &n, err));
        if (shown++) ep_text_printf(out, "\n");
        EP_TRY(ep_report_alternatives(report, m, layer, found, n, width, out, err));
    }
    return EP_OK;
}
