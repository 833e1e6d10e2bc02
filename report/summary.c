#include "report/summary.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

uint64_t ep__add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return ep_add_overflows(a, b, &sum) ? UINT64_MAX : sum;
}

uint64_t ep__total_macs(const ep_layers *layers)
{
    uint64_t macs = 0;
    for (uint32_t i = 0; i < layers->n_layers; i++) macs = ep__add(macs, layers->layers[i].macs);
    return macs;
}

ep__placement ep__placement_of(const ep_planned *planned, const ep_run *run)
{
    const ep_plan *plan = &planned->plan;
    ep__placement placement = {0};
    for (uint32_t i = 0; i < plan->layers->n_layers; i++) {
        ep__share *share = ep_device_is_dla(plan->device[i]) ? &placement.dla : &placement.gpu;
        share->layers++;
        share->macs = ep__add(share->macs, plan->layers->layers[i].macs);
    }
    for (uint32_t k = 0; run && k < plan->n_kernels; k++) {
        const bool dla = ep_device_is_dla(plan->kernels[k].device);
        (dla ? &placement.dla : &placement.gpu)->ns += run->kernel_ns[k];
    }
    return placement;
}

double ep__dla_percent(const ep__placement *placement)
{
    const double dla = (double)placement->dla.macs, all = dla + (double)placement->gpu.macs;
    return all > 0 ? 100 * dla / all : 0;
}

const ep_run *ep__run_of(const ep_report *report, uint32_t p, uint32_t m)
{
    assert(p < report->n_plans && m < report->n_modes);
    const ep_report_plan *plan = &report->plans[p];
    return plan->cannot_run && plan->cannot_run[m] ? NULL : &plan->runs[m];
}

const ep_planned *ep__planned_of(const ep_report *report, uint32_t p, uint32_t m)
{
    const ep_report_plan *plan = &report->plans[p];
    return plan->planned_in && plan->planned_in[m] ? plan->planned_in[m] : plan->planned;
}

const ep_footprint *ep__footprint_of(const ep_report *report, uint32_t p, uint32_t m)
{
    const ep_report_plan *plan = &report->plans[p];
    const bool own = plan->planned_in && plan->planned_in[m];
    return own ? &plan->footprint_in[m] : &plan->footprint;
}

double ep__gap_percent(const ep_planned *planned)
{
    const ep_search_result *found = &planned->found;
    if (found->n_judged == 0 || planned->plan.concurrent) return -1;
    return found->bound > 0 ? 100 * (found->value / found->bound - 1) : 0;
}

const ep_report_plan *ep__headline(const ep_report *report)
{
    assert(report->n_plans > 0);
    return &report->plans[report->n_plans - 1];
}

uint32_t ep__headline_mode(const ep_report *report)
{
    for (uint32_t m = 0; m < report->n_modes; m++) {
        if (ep__run_of(report, report->n_plans - 1, m)) return m;
    }
    return EP_NO_INDEX;
}

/* Adds the names that are new. */
static uint32_t add_units(const ep_run *run, const char **names, uint32_t n)
{
    for (uint32_t u = 0; u < run->n_units; u++) {
        uint32_t i = 0;
        while (i < n && strcmp(names[i], run->units[u].name) != 0) i++;
        if (i < n) continue;
        assert(n < EP__ALL_UNITS);
        names[n++] = run->units[u].name;
    }
    return n;
}

uint32_t ep__unit_names(const ep_report *report, const char *names[EP__ALL_UNITS])
{
    uint32_t n = 0;
    /* the headline plan uses the most units, so its order is the order */
    for (uint32_t p = report->n_plans; p-- > 0;) {
        for (uint32_t m = 0; m < report->n_modes; m++) {
            const ep_run *run = ep__run_of(report, p, m);
            if (run) n = add_units(run, names, n);
        }
    }
    return n;
}

double ep__unit_busy(const ep_run *run, const char *name)
{
    for (uint32_t u = 0; u < run->n_units; u++) {
        if (strcmp(run->units[u].name, name) == 0) return run->units[u].busy_pct;
    }
    return 0;
}

bool ep__scales_assumed(const ep_report *report)
{
    if (report->layers->quantized) return false;
    return report->precision == EP_CHOOSE_INT8 || report->precision == EP_CHOOSE_BEST;
}

uint32_t *ep__kernel_of_layers(const ep_plan *plan)
{
    const uint32_t n = plan->layers->n_layers;
    uint32_t *kernel_of = malloc((n ? n : 1) * sizeof *kernel_of);
    if (!kernel_of) return NULL;
    for (uint32_t i = 0; i < n; i++) kernel_of[i] = EP_NO_INDEX;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        for (uint32_t i = 0; i < kernel->n_layers; i++) kernel_of[kernel->layers[i]] = k;
    }
    return kernel_of;
}
