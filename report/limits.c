/* Clocks that a budget or heat lowered, for people and for programs. */
#include "report/limits.h"

#include "report/columns.h"
#include "report/format.h"
#include "report/json.h"
#include "report/summary.h"

static const ep_report_limited *limited_of(const ep_report *report, uint32_t p, uint32_t m)
{
    if (!report->plans[p].limited || !ep__run_of(report, p, m)) return NULL;
    return &report->plans[p].limited[m];
}

static void append_governed(const ep_report *report, uint32_t p, uint32_t m, unsigned width,
                            ep_text *out)
{
    const ep_report_limited *limited = limited_of(report, p, m);
    if (!limited || limited->level == 0) return;
    const ep_mode *mode = report->modes[m], *lowered = &limited->levels[limited->level].mode;
    ep_text line = {0};
    ep_text_printf(&line, "%s %s: %s W passes the budget of %s W: GPU at %.0f of %.0f MHz",
                   mode->name, report->plans[p].planned->plan.strategy,
                   ep__round3(limited->wanted_w).text, ep__round3(mode->budget_w).text,
                   lowered->gpu_mhz, mode->gpu_mhz);
    if (mode->dla_mhz > 0) {
        ep_text_printf(&line, ", DLA at %.0f of %.0f MHz", lowered->dla_mhz, mode->dla_mhz);
    }
    if (ep__run_of(report, p, m)->over_budget) ep_text_printf(&line, ", and still passes it");
    ep__append_line(out, width, 2, &line);
}

void ep__governor_section(const ep_report *report, unsigned width, ep_text *out)
{
    for (uint32_t m = 0; m < report->n_modes; m++) {
        for (uint32_t p = 0; p < report->n_plans; p++) append_governed(report, p, m, width, out);
    }
}

/* "-": never. */
static void seconds_cell(ep__columns *table, double seconds)
{
    if (seconds < 0) ep__cell(table, "-");
    if (seconds >= 0) ep__cell(table, "%.0f", seconds);
}

static void append_heat(const ep_report *report, uint32_t p, uint32_t m, ep__columns *table)
{
    const ep_report_limited *limited = limited_of(report, p, m);
    if (!limited || !limited->has_heat) return;
    const ep_heat *heat = &limited->heat;
    const bool off = heat->shutdown_s >= 0;
    ep__cell(table, "%s", report->modes[m]->name);
    ep__cell(table, "%s", report->plans[p].planned->plan.strategy);
    ep__cell(table, "%s", ep__round3(heat->burst_ips).text);
    ep__cell(table, "%s", ep__round3(heat->burst_w).text);
    ep__cell(table, "%s", off ? "off" : ep__round3(heat->sustained_ips).text);
    ep__cell(table, "%s", off ? "-" : ep__round3(heat->sustained_w).text);
    if (off) ep__cell(table, "-");
    if (!off) ep__cell(table, "%.0f", heat->gpu_mhz);
    if (off) ep__cell(table, "-");
    if (!off) ep__cell(table, "%.0f", heat->dla_mhz);
    seconds_cell(table, heat->throttle_s);
    seconds_cell(table, heat->shutdown_s);
    ep__cell(table, "%.0f %s", heat->max_c, heat->hottest);
}

void ep__heat_section(const ep_report *report, unsigned width, ep_text *out)
{
    static const char *const titles[] = {"mode",        "strategy", "burst/s",  "W",
                                         "sustained/s", "W",        "GPU MHz",  "DLA MHz",
                                         "throttles s", "off s",    "highest C"};
    static const ep__align align[] = {EP__LEFT,  EP__LEFT,  EP__RIGHT, EP__RIGHT,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__RIGHT,
                                      EP__RIGHT, EP__RIGHT, EP__LEFT};
    const ep_heat_options *o = report->heat_options;
    if (!o) return;
    const ep_thermal *thermal = &report->machine->thermal;
    ep_text line = {0};
    ep_text_printf(
        &line, "heat: %s C ambient, heat sink %s (%s K/W), %.0f s; clocks go down at %s C",
        ep__round3(o->ambient_c).text, o->heatsink.name, ep__round3(o->heatsink.k_per_w).text,
        o->duration_s, ep__round3(thermal->throttle_c).text);
    ep_text_printf(out, "\n");
    ep__append_line(out, width, 2, &line);
    ep__columns table = {.n = sizeof titles / sizeof *titles, .align = align};
    for (uint32_t c = 0; c < table.n; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t m = 0; m < report->n_modes; m++) {
        for (uint32_t p = 0; p < report->n_plans; p++) append_heat(report, p, m, &table);
    }
    ep__columns_end(&table, width, out);
    if (!thermal->unverified) return;
    ep_text_printf(&line, "unverified: constants of heat have no source; take these for trends");
    ep__append_line(out, width, 2, &line);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void write_seconds(ep_text *out, const char *key, double seconds)
{
    if (seconds < 0) {
        ep__json_null(out, key);
    } else {
        ep__json_number(out, key, seconds);
    }
}

static void write_governor(ep_text *out, const ep_report_limited *limited)
{
    const ep_mode *mode = &limited->levels[limited->level].mode;
    ep__json_open(out, "governor", '{');
    ep__json_bool(out, "lowered", limited->level > 0);
    ep__json_number(out, "wanted_w", limited->wanted_w);
    ep__json_number(out, "gpu_mhz", mode->gpu_mhz);
    ep__json_number(out, "dla_mhz", mode->dla_mhz);
    ep__json_close(out, '}');
}

static void write_heat(ep_text *out, const ep_report *report, const ep_heat *heat)
{
    const ep_heat_options *o = report->heat_options;
    ep__json_open(out, "heat", '{');
    ep__json_number(out, "ambient_c", o->ambient_c);
    ep__json_number(out, "heatsink_k_per_w", o->heatsink.k_per_w);
    ep__json_number(out, "duration_s", o->duration_s);
    ep__json_bool(out, "unverified", report->machine->thermal.unverified);
    ep__json_number(out, "burst_ips", heat->burst_ips);
    ep__json_number(out, "burst_w", heat->burst_w);
    ep__json_number(out, "sustained_ips", heat->sustained_ips);
    ep__json_number(out, "sustained_w", heat->sustained_w);
    ep__json_number(out, "sustained_gpu_mhz", heat->gpu_mhz);
    ep__json_number(out, "sustained_dla_mhz", heat->dla_mhz);
    write_seconds(out, "throttle_s", heat->throttle_s);
    write_seconds(out, "shutdown_s", heat->shutdown_s);
    ep__json_number(out, "max_c", heat->max_c);
    ep__json_text(out, "hottest", heat->hottest);
    ep__json_number(out, "sink_c", heat->sink_c);
    ep__json_close(out, '}');
}

void ep__json_limited(ep_text *out, const ep_report *report, uint32_t p, uint32_t m)
{
    const ep_report_limited *limited = limited_of(report, p, m);
    if (!limited) return;
    if (report->governor) write_governor(out, limited);
    if (limited->has_heat) write_heat(out, report, &limited->heat);
}
