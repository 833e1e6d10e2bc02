/* What stands out among the points of a sweep, found while they go by. */
#include <math.h>
#include <stdlib.h>

#include "study/study.h"

/* At least as good in everything. */
static bool covers(const ep_sweep_summary *s, const ep_sweep_point *a, const ep_sweep_point *b)
{
    return a->latency_ms <= b->latency_ms && a->energy_mj <= b->energy_mj &&
           a->power_w <= b->power_w &&
           (!s->by_throughput || a->throughput_ips >= b->throughput_ips);
}

static ep_status add_to_front(ep_sweep_summary *s, const ep_sweep_point *point, ep_error *err)
{
    for (uint32_t i = 0; i < s->n_front; i++) {
        if (covers(s, &s->front[i], point)) return EP_OK;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->n_front; i++) {
        if (!covers(s, point, &s->front[i])) s->front[kept++] = s->front[i];
    }
    s->n_front = kept;
    EP_TRY(
        ep_grow((void **)&s->front, &s->front_capacity, (uint64_t)kept + 1, sizeof *s->front, err));
    s->front[s->n_front++] = *point;
    return EP_OK;
}

double ep_sweep_excess(double value, double limit, bool is_least)
{
    if (limit <= 0) return 0;
    return fmax(0, is_least ? limit / value - 1 : value / limit - 1);
}

static double excess_of(const ep_sweep_limits *limits, const ep_sweep_point *p)
{
    return ep_sweep_excess(p->power_w, limits->max_power_w, false) +
           ep_sweep_excess(p->latency_ms, limits->deadline_ms, false) +
           ep_sweep_excess(p->throughput_ips, limits->min_fps, true);
}

static void keep_best(ep_sweep_summary *s, const ep_sweep_point *p)
{
    const double excess = excess_of(&s->limits, p);
    if (excess > 0) {
        if (s->n_within == 0 && (isnan(s->nearest_excess) || excess < s->nearest_excess)) {
            s->nearest = *p;
            s->nearest_excess = excess;
        }
        return;
    }
    const bool by_latency = s->limits.deadline_ms <= 0 && s->limits.min_fps <= 0;
    const bool better =
        by_latency ? p->latency_ms < s->best.latency_ms : p->energy_mj < s->best.energy_mj;
    if (s->n_within++ == 0 || better) s->best = *p;
}

ep_status ep_sweep_summary_add(ep_sweep_summary *s, const ep_sweep_point *p, ep_error *err)
{
    s->n++;
    if (p->cannot_run[0]) {
        s->n_cannot_run++;
        return EP_OK;
    }
    if (p->over_budget) {
        s->n_over_budget++;
        return EP_OK;
    }
    const bool first = s->n == s->n_cannot_run + s->n_over_budget + 1;
    if (first) s->nearest_excess = NAN;
    if (first || p->latency_ms < s->least_latency_ms) s->least_latency_ms = p->latency_ms;
    if (first || p->power_w < s->least_power_w) s->least_power_w = p->power_w;
    if (first || p->throughput_ips > s->most_fps) s->most_fps = p->throughput_ips;
    if (first || p->latency_ms < s->fastest.latency_ms) s->fastest = *p;
    if (first || p->energy_mj < s->frugal.energy_mj) s->frugal = *p;
    keep_best(s, p);
    return add_to_front(s, p, err);
}

static int by_latency(const void *a, const void *b)
{
    const ep_sweep_point *x = a, *y = b;
    if (x->latency_ms != y->latency_ms) return x->latency_ms < y->latency_ms ? -1 : 1;
    if (x->energy_mj != y->energy_mj) return x->energy_mj < y->energy_mj ? -1 : 1;
    return (x->power_w > y->power_w) - (x->power_w < y->power_w);
}

void ep_sweep_summary_end(ep_sweep_summary *s)
{
    if (s->n_front > 0) qsort(s->front, s->n_front, sizeof *s->front, by_latency);
}

uint32_t ep_sweep_summary_knee(const ep_sweep_summary *s)
{
    /* The front is sorted by latency: a point is on that of latency and energy when it takes less
     * energy than all before it. Its ends are the first and the most frugal. */
    if (s->n_front == 0) return EP_NO_INDEX;
    const ep_sweep_point *a = &s->front[0];
    double least_mj = a->energy_mj, last_ms = a->latency_ms;
    for (uint32_t i = 1; i < s->n_front; i++) {
        if (s->front[i].energy_mj >= least_mj) continue;
        least_mj = s->front[i].energy_mj;
        last_ms = s->front[i].latency_ms;
    }
    const double span_ms = last_ms - a->latency_ms, span_mj = a->energy_mj - least_mj;
    if (!(span_ms > 0 && span_mj > 0)) return EP_NO_INDEX;
    uint32_t knee = EP_NO_INDEX;
    double most = 1e-9; /* rounding: the ends themselves lie on the line */
    for (uint32_t i = 1; i < s->n_front; i++) {
        const ep_sweep_point *p = &s->front[i];
        const double below =
            1 - (p->latency_ms - a->latency_ms) / span_ms - (p->energy_mj - least_mj) / span_mj;
        if (below <= most) continue;
        most = below;
        knee = i;
    }
    return knee;
}

void ep_sweep_summary_free(ep_sweep_summary *s)
{
    free(s->front);
    s->front = NULL;
    s->n_front = s->front_capacity = 0;
}
