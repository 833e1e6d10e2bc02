#include "report/csv.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report/format.h"
#include "report/summary.h"

void ep__csv_end_row(ep_text *out)
{
    if (!out->failed) out->data[out->length - 1] = '\n';
}

void ep__csv_text(ep_text *out, const char *text)
{
    const char *const quotes = text[strcspn(text, ",\"\r\n")] ? "\"" : "";
    ep_text_printf(out, "%s", quotes);
    for (const char *quote; (quote = strchr(text, '"')); text = quote + 1) {
        ep__append_utf8(out, text, (size_t)(quote - text));
        ep_text_append(out, "\"\"", 2);
    }
    ep__append_utf8(out, text, strlen(text));
    ep_text_printf(out, "%s,", quotes);
}

void ep__csv_number(ep_text *out, double value)
{
    if (isfinite(value)) ep_text_printf(out, "%.6g", value);
    ep_text_append(out, ",", 1);
}

void ep__csv_integer(ep_text *out, uint64_t value)
{
    ep_text_printf(out, "%" PRIu64 ",", value);
}

static void titles(ep_text *out, const char *const *units, uint32_t n_units)
{
    ep_text_printf(out, "hardware,model,batch,precision,dla,mode,strategy,latency_ms,"
                        "throughput_ips,power_w,wall_w,energy_mj,bound,over_budget,");
    for (uint32_t u = 0; u < n_units; u++) ep_text_printf(out, "%s_busy_pct,", units[u]);
    ep_text_printf(out, "layers_dla,layers_gpu,macs_dla_pct,subgraphs,transitions,io_reformats,"
                        "weights_bytes,activations_bytes,cannot_run,set,gap_pct,");
    ep__csv_end_row(out);
}

static void run_fields(ep_text *out, const ep_run *run, const char *const *units, uint32_t n_units)
{
    if (!run) {
        for (uint32_t i = 0; i < 7 + n_units; i++) ep__csv_text(out, "");
        return;
    }
    ep__csv_number(out, run->latency_ns / 1e6);
    ep__csv_number(out, run->throughput_ips);
    ep__csv_number(out, run->power_w);
    ep__csv_number(out, run->wall_w > 0 ? run->wall_w : NAN);
    ep__csv_number(out, run->energy_mj);
    ep__csv_text(out, run->bound);
    ep__csv_text(out, run->over_budget ? "true" : "false");
    for (uint32_t u = 0; u < n_units; u++) ep__csv_number(out, ep__unit_busy(run, units[u]));
}

static void plan_fields(ep_text *out, const ep_planned *planned, const ep_footprint *footprint)
{
    const ep__placement placement = ep__placement_of(planned, NULL);
    ep__csv_integer(out, placement.dla.layers);
    ep__csv_integer(out, placement.gpu.layers);
    ep__csv_number(out, ep__dla_percent(&placement));
    ep__csv_integer(out, planned->plan.n_subgraphs);
    ep__csv_integer(out, planned->plan.transitions);
    ep__csv_integer(out, planned->plan.io_reformats);
    ep__csv_integer(out, footprint->weights_bytes);
    ep__csv_integer(out, footprint->activations_bytes);
}

ep_status ep_report_csv(const ep_report *report, ep_text *out, ep_error *err)
{
    const char *units[EP__ALL_UNITS];
    const uint32_t n_units = ep__unit_names(report, units);
    titles(out, units, n_units);
    for (uint32_t m = 0; m < report->n_modes; m++) {
        for (uint32_t p = 0; p < report->n_plans; p++) {
            const ep_planned *planned = ep__planned_of(report, p, m);
            const double gap = ep__gap_percent(planned);
            const ep_run *run = ep__run_of(report, p, m);
            ep__csv_text(out, report->machine->name);
            ep__csv_text(out, report->layers->network->name);
            ep__csv_integer(out, (uint64_t)report->batch);
            ep__csv_text(out, ep_precision_choice_name(report->precision));
            ep__csv_text(out, ep_dla_choice_name(report->dla));
            ep__csv_text(out, report->modes[m]->name);
            ep__csv_text(out, planned->plan.strategy);
            run_fields(out, run, units, n_units);
            plan_fields(out, planned, ep__footprint_of(report, p, m));
            ep__csv_text(out, run ? "" : report->plans[p].cannot_run[m]);
            ep__csv_text(out, report->machine->overrides ? report->machine->overrides : "");
            ep__csv_number(out, run && gap >= 0 ? gap : NAN);
            ep__csv_end_row(out);
        }
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
