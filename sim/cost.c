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

void ep__add_part(ep_parts *parts, const char *name, double ns)
{
    if (!(ns > 0)) return;
    assert(parts->n < EP_MAX_PARTS);
    uint32_t at = parts->n++;
    for (; at > 0 && parts->part[at - 1].ns < ns; at--) parts->part[at] = parts->part[at - 1];
    parts->part[at].name = name;
    parts->part[at].ns = ns;
}

void ep_cost_parts(const ep_cost *cost, const ep_point *point, uint32_t tactic, ep_parts *parts)
{
    ep_phases phases;
    const bool suits = ep_cost_phases(cost, point->machine, tactic, &phases);
    assert(suits && !cost->is_view), (void)suits;
    *parts = (ep_parts){0};
    if (ep_device_is_dla(cost->device)) {
        ep__dla_add_parts(&phases, point, parts);
    } else if (phases.floor_us > 0) {
        ep__dla_add_reformat_parts(&phases, point, parts);
    } else {
        ep__gpu_add_parts(&phases, point, parts);
    }
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
