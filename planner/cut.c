/* Placement as a minimum cut.
 *
 * Layers are nodes; those on the source's side run on the DLA, those on the sink's on the GPU. A
 * layer on the GPU cuts its edge from the source, of what it costs there; one on the DLA its edge
 * to the sink. A tensor made on the GPU and read on the DLA cuts one edge however many read it:
 * they all have infinite edges to a node of the tensor, which is then on their side, and from there
 * one edge of `to_dla` leads to the producer. The other way likewise. So a cut's capacity is the
 * cost of its placement, and a minimum cut is an optimum. That works because what is paid for
 * crossing is never negative: the sum is submodular, and no cheaper in any other form. What does
 * not fit is the cost of a loadable, which no set of edges counts: two tensors may enter one
 * loadable.
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

static double sum_of_costs(const ep__problem *p, double entry)
{
    double sum = 1e-300;
    for (uint32_t l = 0; l < p->costs->n_layers; l++) {
        for (int s = 0; s < EP_SIDES; s++) sum += isinf(p->side[l][s]) ? 0 : p->side[l][s];
    }
    for (uint32_t c = 0; c < p->costs->n_carries; c++) {
        sum += p->costs->carries[c].to_dla + p->costs->carries[c].to_gpu + entry;
    }
    return sum;
}

ep_status ep__cut(const ep__problem *p, const int8_t *fixed, double entry, bool *on_dla,
                  bool *possible, ep_error *err)
{
    const ep_costs *costs = p->costs;
    uint64_t edges = 2 * (uint64_t)costs->n_layers + 2 * (uint64_t)costs->n_carries;
    for (uint32_t i = 0; i < costs->n_carries; i++)
        edges += 2 * (uint64_t)costs->carries[i].n_users;
    const uint64_t nodes = FIRST_NODE + (uint64_t)costs->n_layers + 2 * (uint64_t)costs->n_carries;
    assert(nodes < UINT32_MAX);
    ep_arena_reset(p->scratch, SIZE_MAX);
    cutter c = {.p = p, .n = FIRST_NODE + costs->n_layers};
    c.scale = ldexp(1, 50 - ilogb(sum_of_costs(p, entry)));
    EP_TRY(ep__flow_new((uint32_t)nodes, edges, p->scratch, &c.flow, err));
    add_layers(&c, fixed);
    for (uint32_t i = 0; i < costs->n_carries; i++) add_carry(&c, &costs->carries[i], entry);
    *possible = ep__flow_cut(&c.flow) < FOREVER;
    for (uint32_t l = 0; l < costs->n_layers; l++) {
        on_dla[l] = c.flow.level[FIRST_NODE + l] != EP_NO_INDEX;
    }
    return EP_OK;
}
