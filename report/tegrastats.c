/* What the board's `tegrastats` would have printed, a line a second, as JetPack 5 has it. What no
 * model says (free blocks, swap, video engines) is as on a board that is idle otherwise. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/report.h"
#include "report/summary.h"

typedef struct board {
    const ep_machine *machine;
    const ep_report_limited *limited;
    const ep_mode *mode;
    double ram_mb;
} board;

/* Averages since the first line, mW. */
typedef struct sums {
    double rail_mw[16], total_mw;
} sums;

/* The board's clock, from midnight on. */
static void append_time(uint32_t second, ep_text *out)
{
    const uint32_t day = second / 86400, of_day = second % 86400;
    ep_text_printf(out, "01-%02u-2000 %02u:%02u:%02u ", 1 + day, of_day / 3600, of_day / 60 % 60,
                   of_day % 60);
}

/* One core serves the accelerators; the others are idle. */
static void append_cpu(const board *b, const ep_run *run, ep_text *out)
{
    const ep_energy *energy = &b->machine->energy;
    const ep_point *point = &b->limited->levels[0].point;
    const double full_w = energy->cpu_cycle_nj * point->cpu_mhz * 1e-3 * point->cpu_energy_scale;
    const double load = full_w > 0 ? fmin(1, run->cpu_w / full_w) : 0;
    ep_text_printf(out, " CPU [");
    for (int64_t c = 0; c < b->machine->cpu.cores; c++) {
        ep_text_printf(out, "%s", c ? "," : "");
        if (c >= b->mode->cpu_online) {
            ep_text_printf(out, "off");
        } else {
            ep_text_printf(out, "%.0f%%@%.0f", c ? 0 : 100 * load, b->mode->cpu_mhz);
        }
    }
    ep_text_printf(out, "]");
}

static void append_engines(const board *b, const ep_clock_level *level, ep_text *out)
{
    static const char *const dlas[] = {"dla0", "dla1"};
    const ep_run *run = &level->run;
    ep_text_printf(out, " EMC_FREQ %.0f%%@%.0f GR3D_FREQ %.0f%%@[%.0f]", ep__unit_busy(run, "dram"),
                   level->mode.dram_mhz, ep__unit_busy(run, "gpu"), level->mode.gpu_mhz);
    ep_text_printf(out, " NVENC off NVDEC off NVJPG off VIC off OFA off");
    for (int d = 0; d < b->machine->dla.cores && d < 2; d++) {
        if (ep__unit_busy(run, dlas[d]) > 0) {
            ep_text_printf(out, " NVDLA%d_FREQ @%.0f", d, level->mode.dla_mhz);
        } else {
            ep_text_printf(out, " NVDLA%d off", d);
        }
    }
    ep_text_printf(out, " APE 174");
}

static void append_zones(const board *b, const ep_heat_sample *sample, ep_text *out)
{
    const ep_thermal *thermal = &b->machine->thermal;
    double tj_c = sample->zone_c[0];
    for (uint32_t z = 0; z < thermal->n_zones; z++) {
        tj_c = fmax(tj_c, sample->zone_c[z]);
        ep_text_printf(out, " %s@%.1fC", thermal->zones[z].name, sample->zone_c[z]);
    }
    ep_text_printf(out, " tj@%.1fC", tj_c);
}

static void append_rail(const char *name, double mw, double sum_mw, uint32_t n, ep_text *out)
{
    ep_text_printf(out, " %s %.0fmW/%.0fmW", name, mw, sum_mw / n);
}

/* Leakage beyond idle is on the rail of the first zone, as ep_sim_heat has it. */
static void append_rails(const board *b, const ep_heat_sample *sample, const ep_run *run, sums *sum,
                         uint32_t n, ep_text *out)
{
    const ep_machine *machine = b->machine;
    sum->total_mw += sample->power_w * 1e3;
    if (machine->rails_total) {
        append_rail(machine->rails_total, sample->power_w * 1e3, sum->total_mw, n, out);
    }
    for (uint32_t r = 0; r < machine->n_rails; r++) {
        const bool leaks = r == machine->thermal.zones[0].rail;
        const double w = run->rail_w[r] + (leaks ? sample->power_w - run->power_w : 0);
        sum->rail_mw[r] += w * 1e3;
        if (machine->rails[r].is_hidden) continue;
        append_rail(machine->rails[r].name, w * 1e3, sum->rail_mw[r], n, out);
    }
}

ep_status ep_report_tegrastats(const ep_report *report, ep_text *out, ep_error *err)
{
    const uint32_t p = report->n_plans - 1, m = ep__headline_mode(report);
    const ep_report_plan *plan = &report->plans[p];
    const ep_report_limited *limited = &plan->limited[m];
    const ep_footprint *footprint = &plan->footprint;
    const board b = {report->machine, limited, report->modes[m],
                     (double)(footprint->weights_bytes + footprint->activations_bytes) / 1048576};
    const double all_mb = (double)report->machine->dram.bytes / 1048576;
    sums sum = {0};
    for (uint32_t s = 0; s < limited->heat.n_samples; s++) {
        const ep_heat_sample *sample = &limited->heat.samples[s];
        const ep_clock_level *level = &limited->levels[sample->level];
        append_time(s + 1, out);
        ep_text_printf(out, "RAM %.0f/%.0fMB (lfb 1x4MB) SWAP 0/0MB (cached 0MB)",
                       fmin(b.ram_mb, all_mb), all_mb);
        append_cpu(&b, &level->run, out);
        append_engines(&b, level, out);
        append_zones(&b, sample, out);
        append_rails(&b, sample, &level->run, &sum, s + 1, out);
        ep_text_printf(out, "\n");
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
