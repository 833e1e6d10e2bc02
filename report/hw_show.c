#include "report/columns.h"
#include "report/format.h"
#include "report/report.h"

/* The tables of `plan hw show` have a row a mode; what follows adds columns to one. */
typedef struct grid {
    ep__columns columns;
    ep__align align[16];
    const ep_machine *machine;
} grid;

static grid *begin(grid *table, const ep_machine *machine, const char *const *titles, uint32_t n,
                   const char *const *dla_titles, uint32_t n_dla)
{
    if (machine->dla.cores == 0) n_dla = 0;
    *table = (grid){.machine = machine};
    table->columns = (ep__columns){.n = 1 + n + n_dla, .align = table->align};
    for (uint32_t c = 1; c < table->columns.n; c++) table->align[c] = EP__RIGHT;
    ep__cell(&table->columns, "mode");
    for (uint32_t c = 0; c < n; c++) ep__cell(&table->columns, "%s", titles[c]);
    for (uint32_t c = 0; c < n_dla; c++) ep__cell(&table->columns, "%s", dla_titles[c]);
    return table;
}

#define BEGIN(table, machine, titles, dla_titles)                                                  \
    begin(table, machine, titles, sizeof(titles) / sizeof *(titles), dla_titles,                   \
          sizeof(dla_titles) / sizeof *(dla_titles))

static void number_cell(grid *table, double value)
{
    ep__cell(&table->columns, "%s", value > 0 ? ep__round3(value).text : "-");
}

static void sparse_cell(grid *table, const ep_peak *peak)
{
    number_cell(table, peak->sparse > peak->dense ? peak->sparse : 0);
}

/* Clocks have as many digits as the file gives them. */
static void clock_cell(grid *table, double mhz)
{
    ep__cell(&table->columns, "%.12g", mhz);
}

static void mode_cell(grid *table, const ep_mode *mode)
{
    ep__cell(&table->columns, "%s%s", mode->name, mode->is_default ? "*" : "");
}

/* ---- tables -------------------------------------------------------------------------------- */

static void units_table(const ep_machine *machine, const ep_mode *const *modes, uint32_t n,
                        unsigned width, ep_text *out)
{
    static const char *const titles[] = {"budget W", "CPUs",    "CPU MHz",
                                         "SMs",      "GPU MHz", "memory MHz"};
    static const char *const dla_titles[] = {"DLAs", "DLA MHz"};
    grid table;
    BEGIN(&table, machine, titles, dla_titles);
    for (uint32_t i = 0; i < n; i++) {
        const ep_point point = ep_point_of(machine, modes[i]);
        mode_cell(&table, modes[i]);
        if (point.budget_w > 0) ep__cell(&table.columns, "%.12g", point.budget_w);
        if (point.budget_w <= 0) ep__cell(&table.columns, "-");
        ep__cell(&table.columns, "%lld", (long long)modes[i]->cpu_online);
        clock_cell(&table, point.cpu_mhz);
        ep__cell(&table.columns, "%lld", (long long)point.gpu_sms);
        clock_cell(&table, point.gpu_mhz);
        clock_cell(&table, point.dram_mhz);
        if (machine->dla.cores == 0) continue;
        ep__cell(&table.columns, "%lld", (long long)point.dla_cores);
        clock_cell(&table, point.dla_mhz);
    }
    ep_text_printf(out, "\nunits and clocks\n");
    ep__columns_end(&table.columns, width, out);
}

static void peaks_table(const ep_machine *machine, const ep_mode *const *modes, uint32_t n,
                        unsigned width, ep_text *out)
{
    static const char *const titles[] = {"GPU INT8", "sparse", "FP16", "sparse",
                                         "TF32",     "sparse", "FP32"};
    static const char *const dla_titles[] = {"DLA INT8", "sparse", "FP16"};
    grid table;
    BEGIN(&table, machine, titles, dla_titles);
    for (uint32_t i = 0; i < n; i++) {
        const ep_point point = ep_point_of(machine, modes[i]);
        const ep_figures figures = ep_figures_of(&point);
        mode_cell(&table, modes[i]);
        for (uint32_t m = 0; m < EP_MATH_COUNT; m++) {
            number_cell(&table, figures.gpu[m].dense);
            if (m != EP_MATH_FP32) sparse_cell(&table, &figures.gpu[m]);
        }
        if (machine->dla.cores == 0) continue;
        number_cell(&table, figures.dla[EP_MATH_INT8].dense);
        sparse_cell(&table, &figures.dla[EP_MATH_INT8]);
        number_cell(&table, figures.dla[EP_MATH_FP16].dense);
    }
    ep_text_printf(out, "\npeak, 10^12 operations a second, a multiply-accumulate being two%s\n",
                   machine->dla.cores > 1 ? "; DLA: all powered cores" : "");
    ep__columns_end(&table.columns, width, out);
}

static void memory_table(const ep_machine *machine, const ep_mode *const *modes, uint32_t n,
                         unsigned width, ep_text *out)
{
    static const char *const titles[] = {"peak", "reached", "by the GPU"};
    static const char *const dla_titles[] = {"by a DLA core"};
    grid table;
    BEGIN(&table, machine, titles, dla_titles);
    for (uint32_t i = 0; i < n; i++) {
        const ep_point point = ep_point_of(machine, modes[i]);
        mode_cell(&table, modes[i]);
        ep__cell(&table.columns, "%.1f", ep_figures_of(&point).dram_peak_gbps);
        ep__cell(&table.columns, "%.1f", point.dram_gbps);
        ep__cell(&table.columns, "%.1f", point.gpu_dram_gbps);
        if (machine->dla.cores > 0) ep__cell(&table.columns, "%.1f", point.dla_dram_gbps);
    }
    ep_text_printf(out, "\nmemory, GB/s: peak, what all reach together, what one reaches alone\n");
    ep__columns_end(&table.columns, width, out);
}

static void ridge_table(const ep_machine *machine, const ep_mode *const *modes, uint32_t n,
                        unsigned width, ep_text *out)
{
    static const char *const titles[] = {"GPU INT8", "FP16", "TF32", "FP32"};
    static const char *const dla_titles[] = {"DLA core INT8", "FP16"};
    grid table;
    BEGIN(&table, machine, titles, dla_titles);
    for (uint32_t i = 0; i < n; i++) {
        const ep_point point = ep_point_of(machine, modes[i]);
        const ep_figures figures = ep_figures_of(&point);
        mode_cell(&table, modes[i]);
        for (uint32_t m = 0; m < EP_MATH_COUNT; m++) number_cell(&table, figures.gpu[m].ridge);
        if (machine->dla.cores == 0) continue;
        number_cell(&table, figures.dla_core[EP_MATH_INT8].ridge);
        number_cell(&table, figures.dla_core[EP_MATH_FP16].ridge);
    }
    ep_text_printf(out, "\nridge points, dense operations a byte of memory: with fewer, memory "
                        "limits first\n");
    ep__columns_end(&table.columns, width, out);
}

/* ---- the machine --------------------------------------------------------------------------- */

static void append_dla(const ep_machine *machine, unsigned width, ep_text *out)
{
    const ep_dla *dla = &machine->dla;
    ep_text line = {0};
    if (dla->cores == 0) {
        ep_text_printf(&line, "DLA: none");
    } else {
        const uint64_t buffer = (uint64_t)dla->cbuf_banks * dla->cbuf_bank_bytes;
        ep_text_printf(&line, "DLA: ");
        ep__append_plural(&line, (uint32_t)dla->cores, "core");
        ep_text_printf(&line, " %s, up to %.12g MHz, each %s buffer and %s SRAM; limits of %s",
                       dla->version, dla->clock_mhz_max, ep__bytes(buffer).text,
                       ep__bytes(dla->sram_bytes).text, machine->dla_software);
    }
    ep__append_line(out, width, 2, &line);
}

static void append_rails(const ep_machine *machine, unsigned width, ep_text *out)
{
    ep_text line = {0};
    double sum = 0;
    ep_text_printf(&line, "idle: ");
    for (uint32_t i = 0; i < machine->n_rails; i++) {
        const ep_rail *rail = &machine->rails[i];
        ep_text_printf(&line, "%s%s %.12g W", i ? ", " : "", rail->name, rail->idle_w);
        sum += rail->idle_w;
    }
    if (machine->n_rails > 1) {
        const char *total = machine->rails_total ? machine->rails_total : "together";
        ep_text_printf(&line, "; %s %.12g W", total, sum);
    }
    ep__append_line(out, width, 2, &line);
}

static void append_machine(const ep_machine *machine, unsigned width, ep_text *out)
{
    const ep_gpu *gpu = &machine->gpu;
    const ep_dram *dram = &machine->dram;
    ep_text line = {0};
    ep_text_printf(&line, "%s (%s)", machine->title, machine->name);
    if (machine->overrides) ep_text_printf(&line, " with %s", machine->overrides);
    ep__append_line(out, width, 2, &line);
    ep_text_printf(&line, "GPU: %s, %lld SMs in %lld TPCs, up to %.12g MHz, %s L2", gpu->arch,
                   (long long)gpu->sms, (long long)(gpu->sms / gpu->sms_per_tpc),
                   gpu->clock_mhz_max, ep__bytes(gpu->l2_bytes).text);
    ep__append_line(out, width, 2, &line);
    append_dla(machine, width, out);
    ep_text_printf(&line, "memory: %s %s, %lld bits, up to %.12g MHz", ep__bytes(dram->bytes).text,
                   dram->type, (long long)dram->bus_bits, dram->clock_mhz_max);
    ep__append_line(out, width, 2, &line);
    ep_text_printf(&line, "CPU: %lld %s, up to %.12g MHz", (long long)machine->cpu.cores,
                   machine->cpu.cores_name, machine->cpu.clock_mhz_max);
    ep__append_line(out, width, 2, &line);
    append_rails(machine, width, out);
}

ep_status ep_report_hw_show(const ep_machine *machine, const ep_mode *const *modes, uint32_t n,
                            unsigned width, ep_text *out, ep_error *err)
{
    append_machine(machine, width, out);
    units_table(machine, modes, n, width, out);
    peaks_table(machine, modes, n, width, out);
    memory_table(machine, modes, n, width, out);
    ridge_table(machine, modes, n, width, out);
    bool any_default = false;
    for (uint32_t i = 0; i < n; i++) any_default |= modes[i]->is_default;
    if (any_default) ep_text_printf(out, "* the default mode\n");
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
