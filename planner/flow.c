/* Maximum flow by Dinic's algorithm (1970): breadth-first levels, then blocking flows along them. A
 * maximum flow saturates a minimum cut (Ford and Fulkerson), which what is still reachable from the
 * source shows. Depth-first without recursion: graphs are as deep as networks are long. */
#include "planner/flow.h"

#include <assert.h>

enum { SOURCE, SINK };

ep_status ep__flow_new(uint32_t nodes, uint64_t edges, ep_arena *arena, ep__flow *out,
                       ep_error *err)
{
    assert(edges < UINT32_MAX / 2);
    *out = (ep__flow){.n_nodes = nodes,
                      .first = EP_NEW_RAW(arena, uint32_t, nodes),
                      .edges = EP_NEW_RAW(arena, ep__flow_edge, 2 * edges),
                      .level = EP_NEW_RAW(arena, uint32_t, nodes),
                      .at = EP_NEW_RAW(arena, uint32_t, nodes),
                      .queue = EP_NEW_RAW(arena, uint32_t, nodes)};
    if (!out->first || !out->edges || !out->level || !out->at || !out->queue) {
        return ep_fail_memory(err);
    }
    for (uint32_t i = 0; i < nodes; i++) out->first[i] = EP_NO_INDEX;
    return EP_OK;
}

void ep__flow_edge_add(ep__flow *flow, uint32_t from, uint32_t to, int64_t capacity)
{
    assert(from < flow->n_nodes && to < flow->n_nodes && capacity >= 0);
    flow->edges[flow->n_edges] = (ep__flow_edge){to, flow->first[from], capacity};
    flow->first[from] = flow->n_edges++;
    flow->edges[flow->n_edges] = (ep__flow_edge){from, flow->first[to], 0};
    flow->first[to] = flow->n_edges++;
}

static bool find_levels(ep__flow *flow)
{
    uint32_t begin = 0, end = 0;
    for (uint32_t i = 0; i < flow->n_nodes; i++) {
        flow->level[i] = EP_NO_INDEX;
        flow->at[i] = flow->first[i];
    }
    flow->level[SOURCE] = 0;
    flow->queue[end++] = SOURCE;
    while (begin < end) {
        const uint32_t node = flow->queue[begin++];
        for (uint32_t e = flow->first[node]; e != EP_NO_INDEX; e = flow->edges[e].next) {
            const uint32_t to = flow->edges[e].to;
            if (flow->edges[e].capacity == 0 || flow->level[to] != EP_NO_INDEX) continue;
            flow->level[to] = flow->level[node] + 1;
            flow->queue[end++] = to;
        }
    }
    return flow->level[SINK] != EP_NO_INDEX;
}

/* What fits along the path of `n` edges, taken off them. */
static int64_t push(ep__flow *flow, const uint32_t *path, uint32_t n)
{
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < n; i++) {
        const int64_t capacity = flow->edges[path[i]].capacity;
        if (capacity < least) least = capacity;
    }
    for (uint32_t i = 0; i < n; i++) {
        flow->edges[path[i]].capacity -= least;
        flow->edges[path[i] ^ 1].capacity += least;
    }
    return least;
}

/* Paths from level to level until there is none; `path` is room for one. */
static int64_t block(ep__flow *flow, uint32_t *path)
{
    int64_t sum = 0;
    uint32_t node = SOURCE, n = 0;
    for (;;) {
        if (node == SINK) {
            sum += push(flow, path, n);
            node = SOURCE;
            n = 0;
        }
        uint32_t *e = &flow->at[node];
        while (*e != EP_NO_INDEX && (flow->edges[*e].capacity == 0 ||
                                     flow->level[flow->edges[*e].to] != flow->level[node] + 1)) {
            *e = flow->edges[*e].next;
        }
        if (*e != EP_NO_INDEX) {
            path[n++] = *e;
            node = flow->edges[*e].to;
        } else if (n > 0) {
            node = flow->edges[path[--n] ^ 1].to;
            flow->at[node] = flow->edges[flow->at[node]].next; /* a dead end */
        } else {
            return sum;
        }
    }
}

int64_t ep__flow_cut(ep__flow *flow)
{
    int64_t sum = 0;
    while (find_levels(flow)) sum += block(flow, flow->queue);
    return sum;
}
