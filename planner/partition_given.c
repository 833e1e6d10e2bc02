/* Execution order and subgraphs as an earlier plan had them: believed only as far as they hold. */
#include "planner/planner_internal.h"

typedef struct checker {
    const ep_layers *layers;
    const ep_device *device;
    const uint32_t *batch; /* per layer: its number */
    ep__dag dag;
    const ep__partition *partition;
    ep_error *err;
} checker;

static const char *name_of(const checker *c, uint32_t layer)
{
    return c->layers->layers[layer].name;
}

/* Every layer once, and nobody before whom it reads. */
static ep_status check_order(const checker *c, const uint32_t *order)
{
    const uint32_t n = c->layers->n_layers;
    uint32_t *position = c->partition->position;
    for (uint32_t l = 0; l < n; l++) position[l] = EP_NO_INDEX;
    for (uint32_t i = 0; i < n; i++) {
        EP_FAIL_IF(order[i] >= n || position[order[i]] != EP_NO_INDEX, c->err, EP_INFEASIBLE,
                   "execution order: not every layer once");
        position[order[i]] = i;
    }
    for (uint32_t l = 0; l < n; l++) {
        for (uint32_t e = c->dag.begin[l]; e < c->dag.begin[l + 1]; e++) {
            EP_FAIL_IF(position[c->dag.users[e]] < position[l], c->err, EP_INFEASIBLE,
                       "execution order: '%s' before '%s', which it reads",
                       name_of(c, c->dag.users[e]), name_of(c, l));
        }
    }
    return EP_OK;
}

/* Layer `l` goes on with the subgraph of layer `before`: on one core, in one batch. */
static bool goes_on(const checker *c, uint32_t before, uint32_t l)
{
    return c->device[before] == c->device[l] && c->batch[before] == c->batch[l];
}

/* Numbered in execution order without gaps, hence contiguous there, hence convex. */
static ep_status check_numbers(const checker *c, ep__partition *partition)
{
    uint32_t last = EP_NO_INDEX; /* the layer before, if that is on a DLA */
    for (uint32_t i = 0; i < c->layers->n_layers; i++) {
        const uint32_t l = partition->order[i], s = partition->subgraph[l];
        const bool on_dla = ep_device_is_dla(c->device[l]);
        bool good = on_dla == (s != EP_NO_INDEX);
        if (on_dla && s == partition->n_subgraphs) {
            partition->n_subgraphs++;
        } else if (on_dla) {
            good = last != EP_NO_INDEX && s == partition->subgraph[last] && goes_on(c, last, l);
        }
        EP_FAIL_IF(!good, c->err, EP_INFEASIBLE,
                   "subgraphs: that of '%s' is not one of layers in a row, of one core and batch",
                   name_of(c, l));
        last = on_dla ? l : EP_NO_INDEX;
    }
    return EP_OK;
}

/* As many connected parts as subgraphs. */
static ep_status check_connected(const checker *c, uint32_t *parent)
{
    const uint32_t n = c->layers->n_layers, *subgraph = c->partition->subgraph;
    uint32_t parts = 0;
    for (uint32_t l = 0; l < n; l++) parts += subgraph[l] != EP_NO_INDEX;
    for (uint32_t l = 0; l < n; l++) {
        if (subgraph[l] == EP_NO_INDEX) continue;
        for (uint32_t e = c->dag.begin[l]; e < c->dag.begin[l + 1]; e++) {
            const uint32_t user = c->dag.users[e];
            if (subgraph[user] == subgraph[l]) parts -= ep__joined_unite(parent, l, user);
        }
    }
    EP_FAIL_IF(parts != c->partition->n_subgraphs, c->err, EP_INFEASIBLE,
               "subgraphs: %u, of %u parts that are not connected", c->partition->n_subgraphs,
               parts);
    return EP_OK;
}

ep_status ep__partition_given(const ep_layers *layers, const ep_device *device,
                              const uint32_t *order, const uint32_t *subgraph, ep_arena *arena,
                              ep__partition *out, ep_error *err)
{
    const uint32_t n = layers->n_layers;
    *out = (ep__partition){.order = ep_arena_copy(arena, order, n * sizeof *order),
                           .position = EP_NEW_RAW(arena, uint32_t, n),
                           .subgraph = ep_arena_copy(arena, subgraph, n * sizeof *subgraph)};
    uint32_t *parent = ep__joined_new(n, arena), *batch = EP_NEW_RAW(arena, uint32_t, n);
    if (!out->order || !out->position || !out->subgraph || !parent || !batch) {
        return ep_fail_memory(err);
    }
    checker c = {.layers = layers, .device = device, .batch = batch, .partition = out, .err = err};
    EP_TRY(ep__number_batches(layers, arena, batch, err));
    EP_TRY(ep__dag_of(layers, arena, &c.dag, err));
    EP_TRY(check_order(&c, order));
    EP_TRY(check_numbers(&c, out));
    return check_connected(&c, parent);
}
