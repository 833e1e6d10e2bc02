/* Placement as a minimum cut.
 *
 * Layers are nodes; those on the source's side run on the DLA, those on the sink's on the GPU. A
 * layer on the GPU cuts its edge from the source, of what it costs there; one on the DLA its edge
 * to the sink. A tensor made on the GPU and read on the DLA cuts one edge however many read it:
 * they all have infinite edges to a node of the tensor, which is then on their side, and from there
 * one edge of `to_dla` leads to the producer. The other way likewise. So a cut's capacity is the
 * its placement, and a minimum cut is an optimum. That works because what is paid for crossing is
 * never negative: the sum is submodular, which a cut's capacity always is.
 *
 * What does not fit is the cost of a loadable, which no set of edges counts. Layers of different
 * groups never share one, though (groups.c): a node for each group, with infinite edges from its
 * layers and one of a loadable's cost to the sink, charges what is paid at least. The cut is then a
 * bound, and the optimum where each group stays in one piece.
 *
 * Capacities are integers, so that the flow ends: the sum of all costs is 2^50. */
#include <assert.h>
#include <math.h>

#include "planner/flow.h"
#include "planner/solve.h"

enum { DLA_NODE, GPU_NODE, FIRST_NODE };

#define FOREVER ((int64_t)1 << 56)

typedef struct cutter {
    const ep__problem *p;
    ep__flow flow;
    double scale;
    uint32_t n; /* nodes so far */
} cutter;

static int64_t capacity(const cutter *c, double cost)
{
    return isinf(cost) ? FOREVER : (int64_t)llround(cost * c->scale);
}

static void add_layers(cutter *c, const int8_t *fixed)
{
    for (uint32_t l = 0; l < c->p->costs->n_layers; l++) {
        const int8_t side = fixed ? fixed[l] : EP__FREE;
        const double *cost = c->p->side[l];
        ep__flow_edge_add(&c->flow, DLA_NODE, FIRST_NODE + l,
                          side == EP_SIDE_DLA ? FOREVER : capacity(c, cost[EP_SIDE_GPU]));
        ep__flow_edge_add(&c->flow, FIRST_NODE + l, GPU_NODE,
                          side == EP_SIDE_GPU ? FOREVER : capacity(c, cost[EP_SIDE_DLA]));
    }
}

static void add_groups(cutter *c, const uint32_t *group, uint32_t n_groups, double charge)
{
    for (uint32_t g = 0; g < n_groups; g++) {
        ep__flow_edge_add(&c->flow, c->n + g, GPU_NODE, capacity(c, charge));
    }
    for (uint32_t l = 0; l < c->p->costs->n_layers; l++) {
        if (group[l] == EP_NO_INDEX) continue;
        ep__flow_edge_add(&c->flow, FIRST_NODE + l, c->n + group[l], FOREVER);
    }
    c->n += n_groups;
}

static void add_carry(cutter *c, const ep_carry *carry, double entry)
{
    if (carry->n_users == 0) return;
    const bool outside = carry->producer == EP_NO_INDEX;
    const uint32_t to_dla = c->n++, to_gpu = c->n++;
    ep__flow_edge_add(&c->flow, to_dla, outside ? GPU_NODE : FIRST_NODE + carry->producer,
                      capacity(c, carry->to_dla + entry));
    ep__flow_edge_add(&c->flow, outside ? DLA_NODE : FIRST_NODE + carry->producer, to_gpu,
                      capacity(c, carry->to_gpu));
    for (uint32_t u = 0; u < carry->n_users; u++) {
        ep__flow_edge_add(&c->flow, FIRST_NODE + carry->users[u], to_dla, FOREVER);
        ep__flow_edge_add(&c->flow, to_gpu, FIRST_NODE + carry->users[u], FOREVER);
    }
}

static double sum_of_costs(const ep__problem *p, const ep__charge *charge)
{
    double sum = 1e-300 + charge->group * p->costs->n_layers;
    for (uint32_t l = 0; l < p->costs->n_layers; l++) {
        for (int s = 0; s < EP_SIDES; s++) sum += isinf(p->side[l][s]) ? 0 : p->side[l][s];
    }
    for (uint32_t c = 0; c < p->costs->n_carries; c++) {
        sum += p->costs->carries[c].to_dla + p->costs->carries[c].to_gpu + charge->entry;
    }
    return sum;
}

/* Groups with a layer on the DLA. */
static ep_status count_used(const ep__problem *p, const uint32_t *group, uint32_t n_groups,
                            const bool *on_dla, uint32_t *used, ep_error *err)
{
    bool *is_used = EP_NEW(p->scratch, bool, n_groups);
    if (!is_used) return ep_fail_memory(err);
    *used = 0;
    for (uint32_t l = 0; l < p->costs->n_layers; l++) {
        if (!on_dla[l] || is_used[group[l]]) continue;
        is_used[group[l]] = true;
        ++*used;
    }
    return EP_OK;
}

ep_status ep__cut(const ep__problem *p, const int8_t *fixed, const ep__charge *charge, bool *on_dla,
                  double *bound, ep_error *err)
{
    const ep_costs *costs = p->costs;
    const uint32_t n = costs->n_layers;
    uint32_t n_groups = 0, used = 0;
    ep_arena_reset(p->scratch, SIZE_MAX);
    uint32_t *group = EP_NEW_RAW(p->scratch, uint32_t, n);
    if (!group) return ep_fail_memory(err);
    EP_TRY(ep__group(p, fixed, group, &n_groups, err));
    uint64_t edges = 3 * (uint64_t)n + n_groups + 2 * (uint64_t)costs->n_carries;
    for (uint32_t i = 0; i < costs->n_carries; i++)
        edges += 2 * (uint64_t)costs->carries[i].n_users;
    const uint64_t nodes = FIRST_NODE + (uint64_t)n + n_groups + 2 * (uint64_t)costs->n_carries;
    assert(nodes < UINT32_MAX);
    cutter c = {.p = p, .n = FIRST_NODE + n};
    c.scale = ldexp(1, 50 - ilogb(sum_of_costs(p, charge)));
    EP_TRY(ep__flow_new((uint32_t)nodes, edges, p->scratch, &c.flow, err));
    add_layers(&c, fixed);
    add_groups(&c, group, n_groups, charge->group);
    for (uint32_t i = 0; i < costs->n_carries; i++) {
        add_carry(&c, &costs->carries[i], charge->entry);
    }
    *bound = INFINITY;
    if (ep__flow_cut(&c.flow) >= FOREVER) return EP_OK;
    for (uint32_t l = 0; l < n; l++) on_dla[l] = c.flow.level[FIRST_NODE + l] != EP_NO_INDEX;
    EP_TRY(count_used(p, group, n_groups, on_dla, &used, err));
    *bound = ep__base_cost(p, on_dla) + charge->group * used;
    return EP_OK;
}
