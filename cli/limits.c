#include "cli/limits.h"

#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

/* "600", "600s", "10min", "1h" */
static ep_status parse_duration(const char *text, double *out, ep_error *err)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}};
    char digits[32];
    const size_t length = strspn(text, "0123456789.");
    double unit_s = text[length] == '\0' ? 1 : 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(text + length, units[i].name) == 0) unit_s = units[i].seconds;
    }
    EP_FAIL_IF(length == 0 || length >= sizeof digits || unit_s == 0, err, EP_BAD_USAGE,
               "--duration: wants a number with s, min or h, is '%s'", text);
    memcpy(digits, text, length);
    digits[length] = '\0';
    EP_TRY(ep__parse_number("--duration", digits, 0, EP_HEAT_DURATION_MAX_S, out, err));
    *out *= unit_s;
    EP_FAIL_IF(*out < 1 || *out > EP_HEAT_DURATION_MAX_S, err, EP_BAD_USAGE,
               "--duration: allowed 1 s to 24 h, is '%s'", text);
    return EP_OK;
}

/* By name, or K/W with the capacity of the usual one. */
static ep_status parse_heatsink(const char *text, const ep_thermal *thermal, ep_heatsink *out,
                                ep_error *err)
{
    *out = thermal->heatsinks[0];
    for (uint32_t i = 0; text && i < thermal->n_heatsinks; i++) {
        if (strcmp(text, thermal->heatsinks[i].name) != 0) continue;
        *out = thermal->heatsinks[i];
        return EP_OK;
    }
    if (!text) return EP_OK;
    char *end;
    out->k_per_w = strtod(text, &end);
    out->name = text;
    if (end != text && *end == '\0' && out->k_per_w >= 0.001 && out->k_per_w <= 1000) return EP_OK;
    ep_text names = {0};
    for (uint32_t i = 0; i < thermal->n_heatsinks; i++) {
        ep_text_printf(&names, "%s, ", thermal->heatsinks[i].name);
    }
    const ep_status status =
        ep_fail(err, EP_BAD_USAGE, "--heatsink: wants %sor K/W (0.001..1000), is '%.64s'",
                names.failed ? "" : ep_text_cstr(&names), text);
    ep_text_free(&names);
    return status;
}

ep_status ep__limits_parse(const ep__limit_texts *texts, const ep_machine *machine, ep__limits *out,
                           ep_error *err)
{
    *out = (ep__limits){.governor = texts->governor,
                        .heat = texts->ambient || texts->heatsink || texts->duration ||
                                texts->tegrastats,
                        .heat_options = {.ambient_c = 25, .duration_s = 600}};
    if (!out->heat) return EP_OK;
    EP_FAIL_IF(machine->thermal.n_zones == 0, err, EP_BAD_USAGE,
               "%s says nothing about heat (key 'thermal')", machine->name);
    ep_heat_options *options = &out->heat_options;
    if (texts->ambient) {
        EP_TRY(ep__parse_number("--ambient", texts->ambient, -40, 90, &options->ambient_c, err));
    }
    if (texts->duration) EP_TRY(parse_duration(texts->duration, &options->duration_s, err));
    return parse_heatsink(texts->heatsink, &machine->thermal, &options->heatsink, err);
}

ep_status ep__limits_apply(const ep__limits *limits, const ep_machine *machine,
                           const ep_planned *planned, const ep_mode *mode,
                           const ep_run_options *options, ep_arena *arena, ep_run *run,
                           ep_report_limited *out, ep_error *err)
{
    *out = (ep_report_limited){.wanted_w = run->power_w};
    EP_TRY(ep_sim_levels(&planned->plan, planned->costs, machine, mode, options, arena,
                         &out->levels, err));
    if (limits->governor) out->level = ep_sim_level_within(out->levels, mode->budget_w);
    *run = out->levels[out->level].run;
    if (!limits->heat) return EP_OK;
    out->has_heat = true;
    return ep_sim_heat(machine, out->levels, out->level, &limits->heat_options, arena, &out->heat,
                       err);
}
