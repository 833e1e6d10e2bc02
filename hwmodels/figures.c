/* What follows from the numbers of a machine: peaks, ridge points, and whether they are those that
 * its maker prints. */
#include <math.h>

#include "hwmodels/reader.h"

const char *ep_math_name(uint32_t math)
{
    static const char *const names[EP_MATH_COUNT] = {
        [EP_MATH_INT8] = "int8",
        [EP_MATH_FP16] = "fp16",
        [EP_MATH_TF32] = "tf32",
        [EP_MATH_FP32] = "fp32",
    };
    return math < EP_MATH_COUNT ? names[math] : NULL;
}

/* Of `units`, each with so many dense MACs a cycle; `gbps` is what they pull from memory. */
static ep_peak peak_of(double macs, double units, double mhz, double sparse_speedup, double gbps)
{
    const double tops = 2 * macs * units * mhz / 1e6; /* MHz x operations = 1e6 a second */
    return (ep_peak){.dense = tops, .sparse = tops * sparse_speedup, .ridge = tops * 1e3 / gbps};
}

static void gpu_peaks(const ep_point *point, ep_peak peaks[EP_MATH_COUNT])
{
    const ep_gpu *gpu = &point->machine->gpu;
    /* TF32 accumulates in FP32, always; FP16 at its best does not. FP16 without tensor cores is
     * that of the CUDA cores, to which 2:4 sparsity means nothing. */
    const bool tensor_fp16 = gpu->tensor_fp16 > 0;
    const struct {
        double macs, sparse_speedup;
    } rates[EP_MATH_COUNT] = {
        [EP_MATH_INT8] = {gpu->tensor_int8, gpu->sparse_speedup},
        [EP_MATH_FP16] = {tensor_fp16 ? gpu->tensor_fp16 : gpu->fp16_fma,
                          tensor_fp16 ? gpu->sparse_speedup : 1},
        [EP_MATH_TF32] = {gpu->tensor_tf32 * gpu->fp32_accumulate_ratio, gpu->sparse_speedup},
        [EP_MATH_FP32] = {gpu->fp32_fma, 1},
    };
    for (uint32_t m = 0; m < EP_MATH_COUNT; m++) {
        peaks[m] = peak_of(rates[m].macs, (double)point->gpu_sms, point->gpu_mhz,
                           rates[m].sparse_speedup, point->gpu_dram_gbps);
    }
}

/* `cores` > 0. Its 2:4 sparsity is for INT8 convolutions only (TensorRT's developer guide). */
static void dla_peaks(const ep_point *point, int64_t cores, ep_peak peaks[EP_MATH_COUNT])
{
    const ep_dla *dla = &point->machine->dla;
    const double n = (double)cores;
    const double gbps = fmin(n * point->dla_dram_gbps, point->dram_gbps);
    peaks[EP_MATH_INT8] = peak_of(dla->int8_macs, n, point->dla_mhz, dla->sparse_speedup, gbps);
    peaks[EP_MATH_FP16] = peak_of(dla->fp16_macs, n, point->dla_mhz, 1, gbps);
}

ep_figures ep_figures_of(const ep_point *point)
{
    const ep_dram *dram = &point->machine->dram;
    /* bytes a transfer x transfers a clock x MHz = MB/s */
    ep_figures figures = {.dram_peak_gbps = (double)dram->bus_bits / 8 *
                                            (double)dram->transfers_per_clock * point->dram_mhz /
                                            1e3};
    gpu_peaks(point, figures.gpu);
    if (point->dla_cores > 0) {
        dla_peaks(point, 1, figures.dla_core);
        dla_peaks(point, point->dla_cores, figures.dla);
    }
    return figures;
}

ep_mode ep_machine_highest(const ep_machine *machine)
{
    return (ep_mode){.name = "",
                     .cpu_online = machine->cpu.cores,
                     .cpu_mhz = machine->cpu.clock_mhz_max,
                     .gpu_tpcs = machine->gpu.sms / machine->gpu.sms_per_tpc,
                     .gpu_mhz = machine->gpu.clock_mhz_max,
                     .dla_cores = machine->dla.cores,
                     .dla_mhz = machine->dla.clock_mhz_max,
                     .dram_mhz = machine->dram.clock_mhz_max};
}

/* ---- what is advertised -------------------------------------------------------------------- */

/* The mode of an advertisement: its units and clocks. */
static ep_status advertised_mode(const ep_machine *machine, uint32_t index, ep_mode *out,
                                 ep_error *err)
{
    const ep_advertised *said = &machine->advertised[index];
    *out = ep_machine_highest(machine);
    if (said->mode) {
        uint32_t i = 0;
        while (i < machine->n_modes && !ep__same_mode(machine->modes[i].name, said->mode)) i++;
        EP_FAIL_IF(i == machine->n_modes, err, EP_BAD_HARDWARE,
                   "%s: advertised[%u].mode: there is no mode '%s'", machine->path, (unsigned)index,
                   said->mode);
        *out = machine->modes[i];
    }
    if (said->gpu_clock_mhz > 0) out->gpu_mhz = said->gpu_clock_mhz;
    if (said->dla_clock_mhz > 0) out->dla_mhz = said->dla_clock_mhz;
    if (said->dram_clock_mhz > 0) out->dram_mhz = said->dram_clock_mhz;
    return EP_OK;
}

enum {
#define X(m, derived, text) FIGURE_##m,
    EP__ADVERTISED_MAP(X)
#undef X
        N_FIGURES
};

/* Appends the claims of one advertisement. */
static void append_claims(const ep_advertised *said, const ep_figures *f, ep_claim *claims,
                          uint32_t *n)
{
    const ep_claim all[N_FIGURES] = {
#define X(m, d, text) {.figure = #m, .mode = said->mode, .advertised = said->m, .derived = (d)},
        EP__ADVERTISED_MAP(X)
#undef X
    };
    for (uint32_t i = 0; i < N_FIGURES; i++) {
        if (all[i].advertised <= 0) continue;
        claims[*n] = all[i];
        claims[*n].error_pct = 100 * (all[i].derived / all[i].advertised - 1);
        ++*n;
    }
}

bool ep_claim_holds(const ep_claim *claim)
{
    return fabs(claim->error_pct) <= 5;
}

ep_status ep_machine_claims(const ep_machine *machine, ep_arena *arena, const ep_claim **out,
                            uint32_t *n, ep_error *err)
{
    ep_claim *claims = EP_NEW(arena, ep_claim, (uint64_t)machine->n_advertised * N_FIGURES);
    if (!claims) return ep_fail_memory(err);
    *n = 0;
    for (uint32_t i = 0; i < machine->n_advertised; i++) {
        ep_mode mode;
        EP_TRY(advertised_mode(machine, i, &mode, err));
        const ep_point point = ep_point_of(machine, &mode);
        const ep_figures figures = ep_figures_of(&point);
        append_claims(&machine->advertised[i], &figures, claims, n);
    }
    *out = claims;
    return EP_OK;
}
