/* Whatever the bytes are, an nvpmodel.conf is refused in one line, or its modes are those that a
 * hardware model may have. */
#include <stdlib.h>
#include <string.h>

#include "hwmodels/hwmodels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A machine but for its modes. */
static const char head[] =
    "title: A machine\n"
    "gpu: {source: unverified, arch: sm87, sms: 16, sms_per_tpc: 2, clock_mhz_max: 1300.5,\n"
    "  l2_bytes: 4 MiB, shared_bytes_per_sm: 164 KiB, registers_per_sm: 65536,\n"
    "  threads_per_sm: 1536, blocks_per_sm: 16, fp32_fma: 128, fp16_fma: 256, tensor_tf32: 512,\n"
    "  tensor_fp16: 1024, tensor_int8: 2048, sfu: 16, fp32_accumulate_ratio: 0.5,\n"
    "  sparse_speedup: 2, dram_bytes_per_sm_clock: 26, l2_bytes_per_sm_clock: 64,\n"
    "  kernel_floor_us: 3, shared_bytes_per_clock: 128,\n"
    "  l2_bytes_per_clock: 1024, l2_kept_share: 0.5, launch_cycles: 1000, kernels: {source: x,\n"
    "  sustained_fp16: 0.9, sustained_tf32: 0.9, sustained_int8: 0.7, sustained_fp32: 0.8,\n"
    "  shared_passes: 3, pipeline_stages: 3, step_cycles: 200, block_cycles: 3000,\n"
    "  split_cycles: 3000, stream_cycles: 400, tap_cycles: 300, direct_output_slots: 30,\n"
    "  direct_tap_slots: 3, window_setup_us: 0}}\n"
    "dram: {source: unverified, type: LPDDR5, bytes: 64 GiB, bus_bits: 256,\n"
    "  clock_mhz_max: 3199, transfers_per_clock: 2, efficiency: 0.9}\n"
    "cpu: {source: unverified, cores_name: A78, cores: 12, clock_mhz_max: 2201.6}\n"
    "rails: [{source: unverified, name: VDD_IN, idle_w: 4.5}]\n"
    "energy: {source: unverified, gpu_sm_cycle_nj: 1, gpu_mac_fp32_pj: 6, gpu_mac_fp16_pj: 0.6,\n"
    "  gpu_mac_int8_pj: 0.25, gpu_l2_byte_pj: 8, dram_byte_pj: 50,\n"
    "  gpu_voltage: [[500, 0.7], [1000, 1]], gpu_rail: VDD_IN, dram_rail: VDD_IN}\n";
static const char some_modes[] =
    "modes: [{source: nvpmodel, name: M, budget_w: 0, default: true, cpu_online: 12,\n"
    "  cpu_mhz: 2201.6, gpu_tpcs: 8, gpu_mhz: 1300.5, dram_mhz: 3199}]\n";

static void check(bool holds)
{
    if (!holds) abort();
}

/* The machine with these modes; the caller's. */
static ep_machine *machine_with(const char *modes)
{
    ep_text text = {0};
    ep_text_printf(&text, "%s%s", head, modes);
    ep_machine *machine;
    check(ep_machine_parse(text.data, text.length, "m.yaml", &machine, NULL) == EP_OK);
    ep_text_free(&text);
    return machine;
}

/* False when it is refused. */
static bool convert(const uint8_t *data, size_t size, const ep_machine *machine, ep_text *modes)
{
    ep_error err = {0};
    const ep_status status =
        ep_nvpmodel_modes((const char *)data, size, "nvpmodel.conf", machine, modes, &err);
    if (status == EP_OK) return true;
    check(status == EP_BAD_HARDWARE && err.status == status);
    check(err.text[0] && !strchr(err.text, '\n'));
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ep_machine *machine = machine_with(some_modes);
    ep_text modes = {0};
    const bool good = convert(data, size, machine, &modes);
    if (good) ep_machine_free(machine_with(modes.data));
    ep_text_free(&modes);

    machine->dla = (ep_dla){.cores = 2, .clock_mhz_max = 1600};
    check(convert(data, size, machine, &modes) == good);
    ep_text_free(&modes);
    ep_machine_free(machine);
    return 0;
}
