#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report/format.h"
#include "report/summary.h"

/* Each field is followed by a comma; the last comma of a row becomes its end. */
static void end_row(ep_text *out)
{
    if (!out->failed) out->data[out->length - 1] = '\n';
}

/* Quoted as RFC 4180 says, where it needs to be. */
static void text_field(ep_text *out, const char *text)
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

/* Empty when the value is not finite. */
static void number_field(ep_text *out, double value)
{
    if (isfinite(value)) ep_text_printf(out, "%.6g", value);
    ep_text_append(out, ",", 1);
}

static void integer_field(ep_text *out, uint64_t value)
{
    ep_text_printf(out, "%" PRIu64 ",", value);
}

static void titles(ep_text *out, const char *const *units, uint32_t n_units)
{
    ep_text_printf(out, "hardware,model,batch,precision,dla,mode,strategy,latency_ms,"
                        "throughput_ips,power_w,energy_mj,bound,over_budget,");
    for (uint32_t u = 0; u < n_units; u++) ep_text_printf(out, "%s_busy_pct,", units[u]);
    ep_text_printf(out, "layers_dla,layers_gpu,macs_dla_pct,subgraphs,transitions,io_reformats,"
                        "weights_bytes,activations_bytes,cannot_run,set,");
    end_row(out);
}

static void run_fields(ep_text *out, const ep_run *run, const char *const *units, uint32_t n_units)
{
    if (!run) {
        for (uint32_t i = 0; i < 6 + n_units; i++) text_field(out, "");
        return;
    }
    number_field(out, run->latency_ns / 1e6);
    number_field(out, run->throughput_ips);
    number_field(out, run->power_w);
    number_field(out, run->energy_mj);
    text_field(out, run->bound);
    text_field(out, run->over_budget ? "true" : "false");
    for (uint32_t u = 0; u < n_units; u++) number_field(out, ep__unit_busy(run, units[u]));
}

static void plan_fields(ep_text *out, const ep_report_plan *plan)
{
    const ep__placement placement = ep__placement_of(plan->planned, NULL);
    integer_field(out, placement.dla.layers);
    integer_field(out, placement.gpu.layers);
    number_field(out, ep__dla_percent(&placement));
    integer_field(out, plan->planned->plan.n_subgraphs);
    integer_field(out, plan->planned->plan.transitions);
    integer_field(out, plan->planned->plan.io_reformats);
    integer_field(out, plan->footprint.weights_bytes);
    integer_field(out, plan->footprint.activations_bytes);
}

ep_status ep_report_csv(const ep_report *report, ep_text *out, ep_error *err)
{
    const char *units[EP__ALL_UNITS];
    const uint32_t n_units = ep__unit_names(report, units);
    titles(out, units, n_units);
    for (uint32_t m = 0; m < report->n_modes; m++) {
        for (uint32_t p = 0; p < report->n_plans; p++) {
            const ep_report_plan *plan = &report->plans[p];
            const ep_run *run = ep__run_of(report, p, m);
            text_field(out, report->machine->name);
            text_field(out, report->layers->network->name);
            integer_field(out, (uint64_t)report->batch);
            text_field(out, ep_report_precision_name(report->precision));
            text_field(out, ep_report_dla_name(report->dla));
            text_field(out, report->modes[m]->name);
            text_field(out, plan->planned->plan.strategy);
            run_fields(out, run, units, n_units);
            plan_fields(out, plan);
            text_field(out, run ? "" : plan->cannot_run[m]);
            text_field(out, report->machine->overrides ? report->machine->overrides : "");
            end_row(out);
        }
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
