#include <assert.h>
#include <math.h>

#include "hwmodels/hwmodels.h"

/* Linear between two points, flat outside. */
static double volt_at(const ep_voltage_curve *curve, double clock_mhz)
{
    assert(curve->n > 0);
    const ep_voltage_point *points = curve->points;
    if (clock_mhz <= points[0].clock_mhz) return points[0].volt;
    for (uint32_t i = 1; i < curve->n; i++) {
        const ep_voltage_point low = points[i - 1], high = points[i];
        if (clock_mhz > high.clock_mhz) continue;
        const double share = (clock_mhz - low.clock_mhz) / (high.clock_mhz - low.clock_mhz);
        return low.volt + share * (high.volt - low.volt);
    }
    return points[curve->n - 1].volt;
}

/* Switching energy goes with the square of the voltage. */
static double energy_scale(const ep_voltage_curve *curve, double clock_mhz)
{
    if (curve->n == 0) return 1; /* not known: as at the highest clock */
    const double ratio = volt_at(curve, clock_mhz) / curve->points[curve->n - 1].volt;
    return ratio * ratio;
}

ep_point ep_point_of(const ep_machine *machine, const ep_mode *mode)
{
    const ep_gpu *gpu = &machine->gpu;
    const ep_dla *dla = &machine->dla;
    const ep_dram *dram = &machine->dram;
    const int64_t sms = mode->gpu_tpcs * gpu->sms_per_tpc;
    /* bytes a transfer x transfers a clock x MHz = MB/s */
    const double peak_gbps =
        (double)dram->bus_bits / 8 * (double)dram->transfers_per_clock * mode->dram_mhz / 1e3;
    const double dram_gbps = peak_gbps * dram->efficiency;
    const double sm_gbps = gpu->dram_bytes_per_sm_clock * (double)sms * mode->gpu_mhz / 1e3;
    const double core_gbps = dla->dram_gbps * mode->dram_mhz / dram->clock_mhz_max;
    return (ep_point){
        .machine = machine,
        .mode = mode,
        .gpu_sms = sms,
        .gpu_mhz = mode->gpu_mhz,
        .dla_cores = mode->dla_cores,
        .dla_mhz = mode->dla_mhz,
        .dram_mhz = mode->dram_mhz,
        .cpu_mhz = mode->cpu_mhz,
        .dram_gbps = dram_gbps,
        .gpu_dram_gbps = fmin(dram_gbps, sm_gbps),
        .dla_dram_gbps = fmin(dram_gbps, core_gbps),
        .gpu_energy_scale = energy_scale(&machine->energy.gpu_voltage, mode->gpu_mhz),
        .dla_energy_scale =
            dla->cores == 0 ? 0 : energy_scale(&machine->energy.dla_voltage, mode->dla_mhz),
        .cpu_energy_scale = energy_scale(&machine->energy.cpu_voltage, mode->cpu_mhz),
        .budget_w = mode->budget_w,
    };
}
