/* What a placement costs. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "planner/solve.h"

static double carry_cost(const ep_carry *carry, const bool *on_dla)
{
    const bool outside = carry->producer == EP_NO_INDEX;
    bool read[EP_SIDES] = {false};
    for (uint32_t u = 0; u < carry->n_users; u++) read[on_dla[carry->users[u]]] = true;
    const bool to_dla = read[EP_SIDE_DLA] && (outside || !on_dla[carry->producer]);
    const bool to_gpu = read[EP_SIDE_GPU] && (outside || on_dla[carry->producer]);
    return (to_dla ? carry->to_dla : 0) + (to_gpu ? carry->to_gpu : 0);
}

double ep__base_cost(const ep__problem *p, const bool *on_dla)
{
    double sum = 0;
    for (uint32_t l = 0; l < p->costs->n_layers; l++) sum += p->side[l][on_dla[l]];
    for (uint32_t c = 0; c < p->costs->n_carries; c++) {
        sum += carry_cost(&p->costs->carries[c], on_dla);
    }
    return sum;
}

/* Of a layer and what it reads and writes. */
static double cost_around(const ep__problem *p, const bool *on_dla, uint32_t l)
{
    double sum = p->side[l][on_dla[l]];
    for (uint32_t i = p->reads_begin[l]; i < p->reads_begin[l + 1]; i++) {
        sum += carry_cost(&p->costs->carries[p->reads[i]], on_dla);
    }
    for (uint32_t i = p->writes_begin[l]; i < p->writes_begin[l + 1]; i++) {
        sum += carry_cost(&p->costs->carries[p->writes[i]], on_dla);
    }
    return sum;
}

double ep__base_change(const ep__problem *p, bool *on_dla, uint32_t l)
{
    const double before = cost_around(p, on_dla, l);
    on_dla[l] = !on_dla[l];
    const double after = cost_around(p, on_dla, l);
    on_dla[l] = !on_dla[l];
    return after - before;
}

static bool pools_fit(const ep__problem *p, const ep__partition *partition, double *sum)
{
    if (!p->costs->pool) return true;
    for (uint32_t l = 0; l < p->costs->n_layers; l++) {
        const uint32_t s = partition->subgraph[l];
        if (s == EP_NO_INDEX) continue;
        sum[s] += p->costs->pool[l];
        if (sum[s] > p->costs->pool_limit) return false;
    }
    return true;
}

ep_status ep__score_of(const ep__problem *p, const bool *on_dla, ep__score *out,
                       ep__partition *partition, ep_error *err)
{
    const uint32_t n = p->costs->n_layers;
    ep_arena_reset(p->scratch, SIZE_MAX);
    uint32_t *kind = EP_NEW_RAW(p->scratch, uint32_t, n);
    double *sum = EP_NEW(p->scratch, double, n);
    if (!kind || !sum) return ep_fail_memory(err);
    for (uint32_t l = 0; l < n; l++) {
        kind[l] = on_dla[l] ? 1 + (p->costs->batch ? p->costs->batch[l] : 0) : 0;
    }
    ep__partition made;
    EP_TRY(ep__partition_of(&p->dag, kind, 1 + p->n_batches, p->scratch, &made, err));
    out->base = ep__base_cost(p, on_dla);
    out->n_loadables = made.n_subgraphs;
    out->cost = out->base + p->costs->loadable * made.n_subgraphs;
    out->fits = made.n_subgraphs <= p->costs->max_loadables && pools_fit(p, &made, sum);
    if (partition) *partition = made;
    return EP_OK;
}
