#include "report/json.h"
#include "report/report.h"

static void write_gpu(ep_text *out, const ep_gpu *gpu)
{
    ep__json_open(out, "gpu", '{');
    ep__json_text(out, "arch", gpu->arch);
    ep__json_integer(out, "sms", (uint64_t)gpu->sms);
    ep__json_integer(out, "sms_per_tpc", (uint64_t)gpu->sms_per_tpc);
    ep__json_number(out, "clock_mhz_max", gpu->clock_mhz_max);
    ep__json_integer(out, "l2_bytes", gpu->l2_bytes);
    ep__json_close(out, '}');
}

static void write_dla(ep_text *out, const ep_machine *machine)
{
    const ep_dla *dla = &machine->dla;
    if (dla->cores == 0) {
        ep__json_null(out, "dla");
        return;
    }
    ep__json_open(out, "dla", '{');
    ep__json_text(out, "version", dla->version);
    ep__json_integer(out, "cores", (uint64_t)dla->cores);
    ep__json_number(out, "clock_mhz_max", dla->clock_mhz_max);
    ep__json_integer(out, "buffer_bytes", (uint64_t)dla->cbuf_banks * dla->cbuf_bank_bytes);
    ep__json_integer(out, "sram_bytes", dla->sram_bytes);
    ep__json_text(out, "software", machine->dla_software);
    ep__json_close(out, '}');
}

static void write_rest(ep_text *out, const ep_machine *machine)
{
    ep__json_open(out, "dram", '{');
    ep__json_text(out, "type", machine->dram.type);
    ep__json_integer(out, "bytes", machine->dram.bytes);
    ep__json_integer(out, "bus_bits", (uint64_t)machine->dram.bus_bits);
    ep__json_number(out, "clock_mhz_max", machine->dram.clock_mhz_max);
    ep__json_close(out, '}');
    ep__json_open(out, "cpu", '{');
    ep__json_text(out, "cores_name", machine->cpu.cores_name);
    ep__json_integer(out, "cores", (uint64_t)machine->cpu.cores);
    ep__json_number(out, "clock_mhz_max", machine->cpu.clock_mhz_max);
    ep__json_close(out, '}');
    ep__json_open(out, "rails", '[');
    for (uint32_t i = 0; i < machine->n_rails; i++) {
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", machine->rails[i].name);
        ep__json_number(out, "idle_w", machine->rails[i].idle_w);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

/* What the device cannot compute has no entry. */
static void write_peaks(ep_text *out, const char *key, const ep_peak peaks[EP_MATH_COUNT])
{
    ep__json_open(out, key, '{');
    for (uint32_t m = 0; m < EP_MATH_COUNT; m++) {
        if (peaks[m].dense <= 0) continue;
        ep__json_open(out, ep_math_name(m), '{');
        ep__json_number(out, "dense_tops", peaks[m].dense);
        ep__json_number(out, "sparse_tops", peaks[m].sparse);
        ep__json_number(out, "ridge_ops_per_byte", peaks[m].ridge);
        ep__json_close(out, '}');
    }
    ep__json_close(out, '}');
}

static void write_mode(ep_text *out, const ep_machine *machine, const ep_mode *mode)
{
    const ep_point point = ep_point_of(machine, mode);
    const ep_figures figures = ep_figures_of(&point);
    ep__json_open(out, NULL, '{');
    ep__json_text(out, "name", mode->name);
    ep__json_bool(out, "default", mode->is_default);
    if (mode->budget_w > 0) ep__json_number(out, "budget_w", mode->budget_w);
    if (mode->budget_w <= 0) ep__json_null(out, "budget_w");
    ep__json_integer(out, "cpu_online", (uint64_t)mode->cpu_online);
    ep__json_number(out, "cpu_mhz", point.cpu_mhz);
    ep__json_integer(out, "gpu_sms", (uint64_t)point.gpu_sms);
    ep__json_number(out, "gpu_mhz", point.gpu_mhz);
    ep__json_integer(out, "dla_cores", (uint64_t)point.dla_cores);
    ep__json_number(out, "dla_mhz", point.dla_mhz);
    ep__json_number(out, "dram_mhz", point.dram_mhz);
    ep__json_number(out, "dram_peak_gbps", figures.dram_peak_gbps);
    ep__json_number(out, "dram_gbps", point.dram_gbps);
    ep__json_number(out, "gpu_dram_gbps", point.gpu_dram_gbps);
    ep__json_number(out, "dla_core_dram_gbps", point.dla_dram_gbps);
    write_peaks(out, "gpu", figures.gpu);
    write_peaks(out, "dla_core", figures.dla_core);
    write_peaks(out, "dla", figures.dla);
    ep__json_close(out, '}');
}

ep_status ep_report_hw_show_json(const ep_machine *machine, const ep_mode *const *modes, uint32_t n,
                                 ep_text *out, ep_error *err)
{
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_text(out, "hardware", machine->name);
    if (machine->overrides) ep__json_text(out, "set", machine->overrides);
    ep__json_text(out, "title", machine->title);
    write_gpu(out, &machine->gpu);
    write_dla(out, machine);
    write_rest(out, machine);
    ep__json_open(out, "modes", '[');
    for (uint32_t i = 0; i < n; i++) write_mode(out, machine, modes[i]);
    ep__json_close(out, ']');
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
