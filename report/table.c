#include "report/table.h"

#include <string.h>

#include "report/columns.h"
#include "report/format.h"
#include "report/limits.h"
#include "report/summary.h"

/* "as in plan.json, planned for MAXN: its tactics" */
static void append_loaded(const ep_report_loaded *loaded, unsigned width, ep_text *out)
{
    ep_text line = {0};
    ep_text_printf(&line, "as in %s, planned for %s: %s", loaded->file->path, loaded->file->mode,
                   loaded->retuned ? "tactics searched anew" : "its tactics");
    if (loaded->other_weights) ep_text_printf(&line, "; the weights are others");
    ep__append_line(out, width, 2, &line);
}

void ep__title_section(const ep_report *report, unsigned width, ep_text *out)
{
    ep_text line = {0};
    const char *overrides = report->machine->overrides;
    ep_text_printf(&line, "%s on %s%s%s, batch %lld, %s", report->layers->network->name,
                   report->machine->title, overrides ? " with " : "", overrides ? overrides : "",
                   (long long)report->batch, ep_precision_choice_name(report->precision));
    if (ep__scales_assumed(report)) {
        ep_text_printf(&line, " (INT8 scales assumed: the model has none)");
    }
    ep__append_line(out, width, 2, &line);
    if (report->loaded) append_loaded(report->loaded, width, out);
    if (report->machine->dla.cores > 0) return;
    ep_text_printf(&line, "%s has no DLA: everything runs on the GPU", report->machine->title);
    ep__append_line(out, width, 2, &line);
}

/* "DLA 122 layers, 4.09 GMACs, 1.23 ms; " */
static void append_share(ep_text *line, const char *device, const ep__share *share, bool has_time)
{
    ep_text_printf(line, "%s ", device);
    ep__append_plural(line, share->layers, "layer");
    ep_text_printf(line, ", %s", ep__count(share->macs, "MACs").text);
    if (has_time) ep_text_printf(line, ", %s ms", ep__round3(share->ns / 1e6).text);
    ep_text_printf(line, "; ");
}

static void append_placement(const ep_report *report, unsigned width, ep_text *out)
{
    const ep_planned *planned = ep__headline(report)->planned;
    const ep_plan *plan = &planned->plan;
    const uint32_t m = ep__headline_mode(report);
    const ep_run *run = m == EP_NO_INDEX ? NULL : ep__run_of(report, report->n_plans - 1, m);
    const ep__placement placement = ep__placement_of(planned, run);

    ep_text line = {0};
    ep_text_printf(&line, "%s", plan->strategy);
    if (run) ep_text_printf(&line, " in %s", report->modes[m]->name);
    ep_text_printf(&line, ": ");
    if (placement.dla.layers) append_share(&line, "DLA", &placement.dla, run);
    append_share(&line, "GPU", &placement.gpu, run);
    ep__append_plural(&line, plan->n_subgraphs, "subgraph");
    ep_text_printf(&line, ", ");
    ep__append_plural(&line, plan->transitions, "transition");
    ep_text_printf(&line, ", ");
    ep__append_plural(&line, plan->io_reformats, "I/O reformat");
    ep__append_line(out, width, 2, &line);
}

/* The first few operators, each once; their times are guesses. */
void ep__plugins_section(const ep_layers *layers, unsigned width, ep_text *out)
{
    enum { OPERATORS_SHOWN = 5, NAME_WIDTH = 48 };
    if (layers->n_plugins == 0) return;
    ep_text line = {0};
    ep__append_plural(&line, layers->n_plugins, "operator");
    ep_text_printf(&line, " nobody models, on the GPU at the cost of the bytes moved: ");
    const char *shown[OPERATORS_SHOWN];
    uint32_t n_shown = 0;
    for (uint32_t i = 0; i < layers->n_layers; i++) {
        const ep_layer *layer = &layers->layers[i];
        if (layer->type != EP_LAYER_PLUGIN) continue;
        uint32_t s = 0;
        while (s < n_shown && strcmp(shown[s], layer->op) != 0) s++;
        if (s < n_shown) continue;
        if (n_shown) ep_text_printf(&line, ", ");
        if (n_shown == OPERATORS_SHOWN) {
            ep_text_printf(&line, "...");
            break;
        }
        (void)ep__append_cut(&line, layer->op, NAME_WIDTH);
        shown[n_shown++] = layer->op;
    }
    ep_text_printf(out, "\n");
    ep__append_line(out, width, 2, &line);
}

/* Is the unit busy in any run? */
static bool is_used(const ep_report *report, const char *unit)
{
    for (uint32_t m = 0; m < report->n_modes; m++) {
        for (uint32_t p = 0; p < report->n_plans; p++) {
            const ep_run *run = ep__run_of(report, p, m);
            if (run && ep__unit_busy(run, unit) > 0) return true;
        }
    }
    return false;
}

/* Units worth a column: those that are used, without their parts (whose names have a dot). */
static uint32_t units_shown(const ep_report *report, const char *names[EP__ALL_UNITS])
{
    const uint32_t n_all = ep__unit_names(report, names);
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_all; i++) {
        if (!strchr(names[i], '.') && is_used(report, names[i])) names[n++] = names[i];
    }
    return n;
}

static void append_run(ep__columns *table, const ep_run *run, const char *const *units,
                       uint32_t n_units, bool any_over)
{
    ep__cell(table, "%s", ep__round3(run->latency_ns / 1e6).text);
    ep__cell(table, "%s", ep__round3(run->throughput_ips).text);
    ep__cell(table, "%s%s", ep__round3(run->power_w).text,
             run->over_budget ? "!"
             : any_over       ? " "
                              : "");
    ep__cell(table, "%s", ep__round3(run->energy_mj).text);
    for (uint32_t u = 0; u < n_units; u++) {
        ep__cell(table, "%.0f", ep__unit_busy(run, units[u]));
    }
    ep__cell(table, "%s", run->bound);
}

static bool any_over_budget(const ep_report *report)
{
    for (uint32_t m = 0; m < report->n_modes; m++) {
        for (uint32_t p = 0; p < report->n_plans; p++) {
            const ep_run *run = ep__run_of(report, p, m);
            if (run && run->over_budget) return true;
        }
    }
    return false;
}

static void append_modes(const ep_report *report, unsigned width, ep_text *out)
{
    static const char *const titles[] = {"mode",     "strategy", "latency ms",
                                         "frames/s", "W",        "mJ/frame"};
    enum { BEFORE_UNITS = sizeof titles / sizeof *titles };
    const char *units[EP__ALL_UNITS];
    const uint32_t n_units = units_shown(report, units);
    ep__align align[BEFORE_UNITS + EP__ALL_UNITS + 1] = {EP__LEFT, EP__LEFT};
    for (uint32_t c = 2; c < BEFORE_UNITS + n_units; c++) align[c] = EP__RIGHT;
    align[BEFORE_UNITS + n_units] = EP__LEFT;

    ep__columns table = {.n = BEFORE_UNITS + n_units + 1, .align = align};
    for (uint32_t c = 0; c < BEFORE_UNITS; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t u = 0; u < n_units; u++) ep__cell(&table, "%s %%", units[u]);
    ep__cell(&table, "bound by");

    const bool any_over = any_over_budget(report);
    for (uint32_t m = 0; m < report->n_modes; m++) {
        for (uint32_t p = 0; p < report->n_plans; p++) {
            const ep_run *run = ep__run_of(report, p, m);
            ep__cell(&table, "%s", report->modes[m]->name);
            ep__cell(&table, "%s", report->plans[p].planned->plan.strategy);
            if (run) {
                append_run(&table, run, units, n_units, any_over);
                continue;
            }
            for (uint32_t c = 2; c < BEFORE_UNITS + n_units; c++) ep__cell(&table, "-");
            ep__cell(&table, "%s", report->plans[p].cannot_run[m]);
        }
    }
    ep__columns_end(&table, width, out);
    if (any_over) ep_text_printf(out, "! over the power budget of the mode\n");
}

static void append_memory(const ep_report *report, unsigned width, ep_text *out)
{
    const ep_footprint *footprint = &ep__headline(report)->footprint;
    const uint64_t bytes = ep__add(footprint->weights_bytes, footprint->activations_bytes);
    const uint64_t has = report->machine->dram.bytes;
    ep_text line = {0};
    ep_text_printf(&line, "memory: %s weights + %s activations = %s of %s",
                   ep__bytes(footprint->weights_bytes).text,
                   ep__bytes(footprint->activations_bytes).text, ep__bytes(bytes).text,
                   ep__bytes(has).text);
    if (bytes > has) {
        ep_text_printf(&line, ": does not fit");
    } else {
        ep_text_printf(&line, " (%s %%)", ep__percent((double)bytes, (double)has).text);
    }
    ep__append_line(out, width, 2, &line);
}

/* "best: latency within 0.3 % of its bound in MAXN, 0.1 % in 50W" */
static void append_gaps(const ep_report *report, unsigned width, ep_text *out)
{
    const uint32_t p = report->n_plans - 1;
    ep_text line = {0};
    for (uint32_t m = 0; m < report->n_modes; m++) {
        const ep_planned *planned = ep__planned_of(report, p, m);
        const double gap = ep__gap_percent(planned);
        if (gap < 0 || !ep__run_of(report, p, m)) continue;
        const char *mode = report->modes[m]->name;
        if (line.length > 0) {
            ep_text_printf(&line, ", %.1f %% in %s", gap, mode);
        } else {
            ep_text_printf(&line, "%s: %s within %.1f %% of its bound in %s",
                           planned->plan.strategy, ep_objective_name(planned->found.objective), gap,
                           mode);
        }
    }
    if (line.length > 0) ep__append_line(out, width, 2, &line);
    ep_text_free(&line);
}

/* "best: branches at once in MAXN, 50W" */
static void append_branches(const ep_report *report, unsigned width, ep_text *out)
{
    const uint32_t p = report->n_plans - 1;
    ep_text line = {0};
    for (uint32_t m = 0; m < report->n_modes; m++) {
        const ep_plan *plan = &ep__planned_of(report, p, m)->plan;
        if (!plan->concurrent || !ep__run_of(report, p, m)) continue;
        if (line.length > 0) {
            ep_text_printf(&line, ", %s", report->modes[m]->name);
        } else {
            ep_text_printf(&line, "%s: branches at once in %s", plan->strategy,
                           report->modes[m]->name);
        }
    }
    if (line.length > 0) ep__append_line(out, width, 2, &line);
    ep_text_free(&line);
}

ep_status ep_report_table(const ep_report *report, unsigned width, ep_text *out, ep_error *err)
{
    ep__title_section(report, width, out);
    ep_text_printf(out, "\n");
    append_placement(report, width, out);
    if (ep__headline(report)->planned->verdicts) ep_text_printf(out, "\n");
    const uint32_t m = ep__headline_mode(report);
    const ep_run *run = m == EP_NO_INDEX ? NULL : ep__run_of(report, report->n_plans - 1, m);
    EP_TRY(ep__refusals_section(ep__headline(report)->planned, run, false, width, out, err));
    ep__plugins_section(report->layers, width, out);
    ep_text_printf(out, "\n");
    append_modes(report, width, out);
    append_gaps(report, width, out);
    append_branches(report, width, out);
    ep__governor_section(report, width, out);
    ep__heat_section(report, width, out);
    ep_text_printf(out, "\n");
    append_memory(report, width, out);
    if (report->show_layers) {
        ep_text_printf(out, "\n");
        EP_TRY(ep__layers_section(report, width, out, err));
    }
    if (report->show_kernels) ep__kernels_section(report, width, out);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
