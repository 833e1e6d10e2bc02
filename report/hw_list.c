#include "report/columns.h"
#include "report/format.h"
#include "report/json.h"
#include "report/report.h"

/* Of the memory at its highest clock. */
static double peak_gbps(const ep_machine *machine)
{
    const ep_mode highest = ep_machine_highest(machine);
    const ep_point point = ep_point_of(machine, &highest);
    return ep_figures_of(&point).dram_peak_gbps;
}

static void modes_cell(ep__columns *table, const ep_machine *machine)
{
    for (uint32_t i = 0; i < machine->n_modes; i++) {
        const ep_mode *mode = &machine->modes[i];
        ep_text_printf(&table->cells, "%s%s%s", i ? " " : "", mode->name,
                       mode->is_default ? "*" : "");
    }
    ep__cell(table, "%s", "");
}

static void append_row(ep__columns *table, const ep_catalog_entry *entry)
{
    const ep_machine *machine = entry->machine;
    ep__cell(table, "%s", entry->name);
    if (!machine) {
        ep__cell(table, "cannot be loaded");
        for (int c = 0; c < 4; c++) ep__cell(table, "%s", "");
        return;
    }
    if (entry->same_as) {
        ep__cell(table, "same as %s", entry->same_as);
    } else {
        ep__cell(table, "%s", machine->title);
    }
    ep__cell(table, "%s, %lld SMs", machine->gpu.arch, (long long)machine->gpu.sms);
    if (machine->dla.cores > 0) {
        ep__cell(table, "%lld x %s", (long long)machine->dla.cores, machine->dla.version);
    } else {
        ep__cell(table, "-");
    }
    ep__cell(table, "%s, %.1f GB/s", ep__bytes(machine->dram.bytes).text, peak_gbps(machine));
    modes_cell(table, machine);
}

ep_status ep_report_hw_list(const ep_catalog *catalog, unsigned width, ep_text *out, ep_error *err)
{
    static const char *const titles[] = {"name", "module", "GPU", "DLA", "memory", "modes"};
    static const ep__align align[] = {EP__LEFT, EP__NAME, EP__LEFT, EP__LEFT, EP__LEFT, EP__NAME};
    ep__columns table = {.n = sizeof titles / sizeof *titles, .align = align};
    for (uint32_t c = 0; c < table.n; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t i = 0; i < catalog->n; i++) append_row(&table, &catalog->entries[i]);
    ep__columns_end(&table, width, out);
    ep_text_printf(out, "* the default mode\n");
    for (uint32_t i = 0; i < catalog->n; i++) {
        if (!catalog->entries[i].error) continue;
        ep_text line = {0};
        ep_text_printf(&line, "%s", catalog->entries[i].error);
        ep__append_line(out, width, 2, &line);
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

/* ---- for programs -------------------------------------------------------------------------- */

static void text_or_null(ep_text *out, const char *key, const char *text)
{
    if (text) ep__json_text(out, key, text);
    if (!text) ep__json_null(out, key);
}

static void write_machine(ep_text *out, const ep_machine *machine)
{
    ep__json_text(out, "title", machine->title);
    ep__json_text(out, "gpu_arch", machine->gpu.arch);
    ep__json_integer(out, "gpu_sms", (uint64_t)machine->gpu.sms);
    ep__json_integer(out, "dla_cores", (uint64_t)machine->dla.cores);
    text_or_null(out, "dla_version", machine->dla.cores > 0 ? machine->dla.version : NULL);
    ep__json_integer(out, "dram_bytes", machine->dram.bytes);
    ep__json_number(out, "dram_peak_gbps", peak_gbps(machine));
    ep__json_open(out, "modes", '[');
    for (uint32_t i = 0; i < machine->n_modes; i++) {
        ep__json_text(out, NULL, machine->modes[i].name);
    }
    ep__json_close(out, ']');
    for (uint32_t i = 0; i < machine->n_modes; i++) {
        if (machine->modes[i].is_default) {
            ep__json_text(out, "default_mode", machine->modes[i].name);
        }
    }
}

ep_status ep_report_hw_list_json(const ep_catalog *catalog, ep_text *out, ep_error *err)
{
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_open(out, "machines", '[');
    for (uint32_t i = 0; i < catalog->n; i++) {
        const ep_catalog_entry *entry = &catalog->entries[i];
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", entry->name);
        ep__json_text(out, "path", entry->path);
        text_or_null(out, "same_as", entry->same_as);
        text_or_null(out, "error", entry->error);
        if (entry->machine) write_machine(out, entry->machine);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
