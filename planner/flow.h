/* Private to planner/: minimum s-t cuts. */
#ifndef EP_PLANNER_FLOW_H
#define EP_PLANNER_FLOW_H

#include "base/base.h"

/* A directed graph with capacities. Node 0 is the source, node 1 the sink. */
typedef struct ep__flow_edge {
    uint32_t to, next; /* next edge of the same node */
    int64_t capacity;  /* what is left of it; edge i ^ 1 is the other way */
} ep__flow_edge;

typedef struct ep__flow {
    uint32_t n_nodes, n_edges;
    uint32_t *first; /* per node: EP_NO_INDEX ends a list */
    ep__flow_edge *edges;
    uint32_t *level, *at, *queue; /* per node */
} ep__flow;

/* Room for that many nodes and edges; it lives in `arena`. */
ep_status ep__flow_new(uint32_t nodes, uint64_t edges, ep_arena *arena, ep__flow *out,
                       ep_error *err);
void ep__flow_edge_add(ep__flow *flow, uint32_t from, uint32_t to, int64_t capacity);
/* The capacity of a minimum cut. Afterwards `level` of a node is EP_NO_INDEX where it is on the
 * sink's side; of all minimum cuts it is the one with the smallest side of the source. */
int64_t ep__flow_cut(ep__flow *flow);

#endif
