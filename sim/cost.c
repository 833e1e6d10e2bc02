#include <assert.h>
#include <math.h>
#include <string.h>

#include "sim/dla_parts.h"
#include "sim/gpu.h"

ep_cost ep_sim_cost(const ep_machine *machine, const ep_plan *plan, const ep_kernel *kernel,
                    double frame_bytes, const ep_search *search)
{
    ep_cost cost = {.device = kernel->device, .precision = kernel->precision, .search = *search};
    if (ep_device_is_dla(kernel->device)) {
        ep__dla_cost(machine, plan, kernel, &cost);
    } else if (kernel->crosses) {
        ep__dla_reformat(machine, plan, kernel, &cost);
    } else {
        ep__gpu_cost(machine, plan, kernel, frame_bytes, &cost);
    }
    assert(cost.is_view || cost.n_tactics > 0 || cost.product.repeat > 0);
    return cost;
}

ep__breakdown ep__evaluate(const ep_cost *cost, const ep_phases *phases, const ep_point *point)
{
    if (ep_device_is_dla(cost->device)) return ep__dla_evaluate(phases, point);
    if (phases->floor_us > 0) return ep__dla_evaluate_reformat(phases, point);
    return ep__evaluate_gpu(phases, point);
}

uint32_t ep_cost_n_tactics(const ep_cost *cost)
{
    return cost->n_tactics + (cost->product.repeat > 0 ? ep__n_product_tactics() : 0);
}

bool ep_cost_phases(const ep_cost *cost, const ep_machine *machine, uint32_t tactic,
                    ep_phases *phases)
{
    assert(tactic < ep_cost_n_tactics(cost));
    if (tactic < cost->n_tactics) {
        *phases = cost->tactics[tactic];
        return true;
    }
    return ep__product_phases(&machine->gpu, cost, tactic - cost->n_tactics, phases);
}

const char *ep_cost_tactic_name(const ep_cost *cost, uint32_t tactic, char name[EP_TACTIC_TEXT])
{
    name[0] = '\0';
    if (cost->is_view || ep_cost_n_tactics(cost) == 0) return name;
    assert(tactic < ep_cost_n_tactics(cost));
    if (tactic < cost->n_tactics) return strcpy(name, cost->tactics[tactic].tactic);
    ep__product_tactic_name(cost->precision, tactic - cost->n_tactics, name);
    return name;
}

/* INFINITY: it does not suit the kernel. */
static double tactic_ns(const ep_cost *cost, const ep_point *point, uint32_t tactic)
{
    ep_phases phases;
    if (tactic < cost->n_tactics) {
        return ep__evaluate(cost, &cost->tactics[tactic], point).total_ns;
    }
    const ep_gpu *gpu = &point->machine->gpu;
    if (!ep__product_phases(gpu, cost, tactic - cost->n_tactics, &phases)) return INFINITY;
    return ep__evaluate(cost, &phases, point).total_ns;
}

static double search(const ep_cost *cost, const ep_point *point, uint32_t *tactic)
{
    double best = INFINITY;
    *tactic = 0;
    for (uint32_t t = 0; t < ep_cost_n_tactics(cost); t++) {
        const double ns = tactic_ns(cost, point, t);
        if (ns >= best) continue;
        best = ns;
        *tactic = t;
    }
    return best;
}

double ep_cost_ns(const ep_cost *cost, const ep_point *point, uint32_t *tactic)
{
    uint32_t chosen = 0;
    double ns = 0;
    if (cost->is_view || ep_cost_n_tactics(cost) == 0) {
        ns = 0;
    } else if (!cost->search.timings || !(cost->product.repeat > 0)) {
        ns = search(cost, point, &chosen);
    } else if (ep__timings_find(cost, point, &chosen)) {
        ns = tactic_ns(cost, point, chosen);
    } else {
        ns = search(cost, point, &chosen);
        ep__timings_add(cost, point, chosen);
    }
    if (tactic) *tactic = chosen;
    return ns;
}

static double mac_pj(const ep_energy *e, const ep_cost *cost)
{
    const bool dla = ep_device_is_dla(cost->device);
    switch (cost->precision) {
    case EP_INT8: return dla ? e->dla_mac_int8_pj : e->gpu_mac_int8_pj;
    case EP_FP16: return dla ? e->dla_mac_fp16_pj : e->gpu_mac_fp16_pj;
    default: return e->gpu_mac_fp32_pj;
    }
}

ep__energy ep__energy_of(const ep_cost *cost, const ep_phases *phases, const ep_point *point,
                         double ns)
{
    const ep_energy *e = &point->machine->energy;
    const double macs_nj = phases->macs * mac_pj(e, cost) * 1e-3;
    ep__energy out = {.dram_nj = phases->dram_bytes * e->dram_byte_pj * 1e-3};
    if (ep_device_is_dla(cost->device)) {
        const double cycles = ns * point->dla_mhz * 1e-3;
        const double sram_nj = phases->sram_bytes * e->dla_sram_byte_pj * 1e-3;
        out.dla_nj = (cycles * e->dla_cycle_nj + macs_nj + sram_nj) * point->dla_energy_scale;
    } else {
        const double sm_cycles =
            ns * point->gpu_mhz * 1e-3 * fmin(phases->tiles, (double)point->gpu_sms);
        const double l2_nj = phases->l2_bytes * e->gpu_l2_byte_pj * 1e-3;
        out.gpu_nj = (sm_cycles * e->gpu_sm_cycle_nj + macs_nj + l2_nj) * point->gpu_energy_scale;
    }
    return out;
}
