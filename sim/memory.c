/* One DRAM for GPU, DLA cores, copies and CPU.
 *
 * A unit takes what the others leave, at least its share. Where they want more than there is, all
 * are cut to one level, at which they use together what DRAM carries: who wants less than that has
 * it (max-min fairness).
 *
 * What DRAM carries falls with company: an access that follows one of another unit finds another
 * row open. Units that use shares s_i of the traffic follow each other with the probability
 * 1 - sum s_i^2, of which dram.switch_loss is what it costs.
 */
#include <assert.h>
#include <math.h>

#include "sim/sim_internal.h"

double ep__reach_gbps(const ep_step *step, const ep_point *point)
{
    switch (step->unit) {
    case EP_UNIT_GPU: return point->gpu_dram_gbps;
    case EP_UNIT_DLA0:
    case EP_UNIT_DLA1: return point->dla_dram_gbps;
    default: return point->dram_gbps;
    }
}

double ep__step_ns(const ep_step *step, const ep_point *point, double gbps)
{
    if (!step->phases) {
        return step->fixed_ns + (step->dram_bytes > 0 ? step->dram_bytes / gbps : 0);
    }
    ep_point limited = *point;
    limited.dram_gbps = fmin(point->dram_gbps, gbps);
    limited.gpu_dram_gbps = fmin(point->gpu_dram_gbps, gbps);
    limited.dla_dram_gbps = fmin(point->dla_dram_gbps, gbps);
    return ep__evaluate(step->cost, step->phases, &limited).total_ns;
}

/* Cuts all to a level and returns what they then use together. INFINITY: nobody is cut. */
static double use_at(const ep_point *point, ep__client *clients, uint32_t n, double level)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        ep__client *c = &clients[i];
        if (c->step) c->ns = c->step->ns;
        c->used_gbps = c->alone_gbps;
        if (level < c->reach_gbps && c->alone_gbps > 0) {
            if (c->step) c->ns = ep__step_ns(c->step, point, level);
            c->used_gbps = c->step ? c->step->dram_bytes / c->ns : fmin(c->alone_gbps, level);
        }
        sum += c->used_gbps;
    }
    return sum;
}

static double capacity_of(const ep_point *point, const ep__client *clients, uint32_t n)
{
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += clients[i].alone_gbps;
        squares += clients[i].alone_gbps * clients[i].alone_gbps;
    }
    if (sum <= 0) return point->dram_gbps;
    const double switches = fmax(0, 1 - squares / (sum * sum));
    return point->dram_gbps * (1 - point->machine->dram.switch_loss * switches);
}

/* Cuts all to the level at which they use `capacity`, from below: false position with the Illinois
 * rule, and a bisection now and then for where use bends. At `low` they use no more than that, at
 * `high` they do. */
static void cut(const ep_point *point, ep__client *clients, uint32_t n, double capacity, double low,
                double high)
{
    enum { MOST_STEPS = 64, BISECT_EVERY = 6 };
    double under = capacity - use_at(point, clients, n, low);
    double over = use_at(point, clients, n, high) - capacity;
    bool was_under = false, was_over = false;
    double gap = under;
    for (int i = 1; i <= MOST_STEPS && gap > 1e-6 * capacity && high - low > 1e-9 * high; i++) {
        const double share = i % BISECT_EVERY ? under / (under + over) : 0.5;
        const double level = low + (high - low) * share;
        const double excess = use_at(point, clients, n, level) - capacity;
        if (excess > 0) {
            high = level;
            over = excess;
            if (was_over) under /= 2;
        } else {
            low = level;
            gap = under = -excess;
            if (was_under) over /= 2;
        }
        was_over = excess > 0;
        was_under = !was_over;
    }
    (void)use_at(point, clients, n, low);
}

double ep__share_dram(const ep_point *point, ep__client *clients, uint32_t n)
{
    double capacity = capacity_of(point, clients, n);
    double wanted = 0, high = 0;
    for (uint32_t i = 0; i < n; i++) {
        ep__client *c = &clients[i];
        assert(c->reach_gbps > 0);
        wanted += c->alone_gbps;
        c->reach_gbps = fmax(c->reach_gbps, c->alone_gbps);
        high = fmax(high, c->reach_gbps);
    }
    if (point->machine->dram.uncontended) capacity = fmax(capacity, wanted);
    if (wanted <= capacity) {
        (void)use_at(point, clients, n, INFINITY);
    } else {
        cut(point, clients, n, capacity, capacity / n, high);
    }
    return capacity;
}
