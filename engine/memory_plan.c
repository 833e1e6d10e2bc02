/* Where the values of a network whose shapes are known lie: in one piece of memory, at places that
 * they share when they are not alive at the same time.
 *
 * The nodes are walked in order. A value takes the smallest gap that holds it, and its place
 * becomes a gap again after the last node that reads it or a view of it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/session.h"

typedef struct gap {
    uint64_t offset, bytes;
} gap;

#define NO_PLACE UINT64_MAX
#define MOST_BYTES ((uint64_t)1 << 62)

typedef struct planner {
    ep__frame *frame;
    const uint32_t *root; /* per tensor: whose bytes it shows */
    uint32_t *last;       /* per root: the node after which its place is free */
    uint64_t *offset;     /* per root: its place, NO_PLACE when it has none */
    gap *gaps;            /* ascending, apart from each other, below `top` */
    uint32_t n_gaps, capacity;
    uint64_t top;
} planner;

/* ---- gaps ---------------------------------------------------------------------------------- */

static void remove_gap(planner *p, uint32_t i)
{
    p->n_gaps--;
    memmove(&p->gaps[i], &p->gaps[i + 1], (p->n_gaps - i) * sizeof *p->gaps);
}

/* Reserves `bytes` and says where. */
static ep_status place(planner *p, uint64_t bytes, uint64_t *offset, ep_error *err)
{
    uint32_t best = EP_NO_INDEX;
    for (uint32_t i = 0; i < p->n_gaps; i++) {
        if (p->gaps[i].bytes < bytes) continue;
        if (best == EP_NO_INDEX || p->gaps[i].bytes < p->gaps[best].bytes) best = i;
    }
    if (best != EP_NO_INDEX) {
        gap *g = &p->gaps[best];
        *offset = g->offset;
        g->offset += bytes;
        g->bytes -= bytes;
        if (g->bytes == 0) remove_gap(p, best);
        return EP_OK;
    }
    const gap *last = p->n_gaps ? &p->gaps[p->n_gaps - 1] : NULL;
    const bool at_top = last && last->offset + last->bytes == p->top;
    *offset = at_top ? last->offset : p->top;
    if (at_top) p->n_gaps--;
    uint64_t top;
    EP_FAIL_IF(ep_add_overflows(*offset, bytes, &top) || top > MOST_BYTES, err, EP_NO_MEMORY,
               "needs more than 2^62 bytes of values alive at once");
    EP_TRY(ep__memory_take(&p->frame->context->memory, top - p->top, err));
    p->top = top;
    return EP_OK;
}

/* Makes a gap of a place, joined with the gaps beside it. */
static ep_status release(planner *p, uint64_t offset, uint64_t bytes, ep_error *err)
{
    void *gaps = p->gaps;
    EP_TRY(ep_grow(&gaps, &p->capacity, (uint64_t)p->n_gaps + 1, sizeof *p->gaps, err));
    p->gaps = gaps;
    uint32_t i = p->n_gaps;
    while (i > 0 && p->gaps[i - 1].offset > offset) i--;
    memmove(&p->gaps[i + 1], &p->gaps[i], (p->n_gaps - i) * sizeof *p->gaps);
    p->gaps[i] = (gap){.offset = offset, .bytes = bytes};
    p->n_gaps++;
    if (i + 1 < p->n_gaps && offset + bytes == p->gaps[i + 1].offset) {
        p->gaps[i].bytes += p->gaps[i + 1].bytes;
        remove_gap(p, i + 1);
    }
    if (i > 0 && p->gaps[i - 1].offset + p->gaps[i - 1].bytes == offset) {
        p->gaps[i - 1].bytes += p->gaps[i].bytes;
        remove_gap(p, i);
    }
    return EP_OK;
}

/* ---- which, and for how long --------------------------------------------------------------- */

/* True when the node's outputs get places: kernels that write into what they are given. */
static bool has_places(const ep__frame *frame, uint32_t index)
{
    const ep__step *step = &frame->steps[index];
    if (step->once || !step->kernel || (step->kernel->flags & (EP__VIEW | EP__OWN_SHAPE))) {
        return false;
    }
    return ep__outputs_known(frame->network, &frame->network->nodes[index]);
}

/* A place's bytes: at least an alignment, so that every value has an address of its own. */
static uint64_t place_bytes(const ep_tensor *tensor)
{
    const uint64_t bytes = ep_dtype_bytes(tensor->dtype, ep_tensor_elements(tensor));
    return bytes > MOST_BYTES ? bytes : ep_round_up(ep_max_u64(bytes, 1), EP__ALIGNMENT);
}

/* Says until when each root is read, and that none has a place yet. */
static void start(planner *p)
{
    const ep_network *network = p->frame->network;
    for (uint32_t t = 0; t < network->n_tensors; t++) p->offset[t] = NO_PLACE;
    for (uint32_t t = 0; t < network->n_tensors; t++) {
        /* EP_NO_INDEX, never, is the greatest */
        const uint32_t last = p->frame->last_reader[t], root = p->root[t];
        if (last > p->last[root]) p->last[root] = last;
    }
}

static ep_status place_outputs(planner *p, uint32_t index, ep_error *err)
{
    const ep_node *node = &p->frame->network->nodes[index];
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        const uint32_t t = node->outputs[i];
        if (t == EP_NO_INDEX) continue;
        const uint64_t bytes = place_bytes(&p->frame->network->tensors[t]);
        if (place(p, bytes, &p->offset[t], err) != EP_OK) {
            return ep_fail_context(err, "node '%s' (%s): ", node->name, node->op_type);
        }
    }
    return EP_OK;
}

/* Gives back the places of what the node is the last to read, or of what nobody reads. */
static ep_status release_read(planner *p, uint32_t index, const uint32_t *tensors, uint32_t count,
                              ep_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (tensors[i] == EP_NO_INDEX) continue;
        const uint32_t root = p->root[tensors[i]];
        if (p->offset[root] == NO_PLACE || p->last[root] != index) continue;
        p->last[root] = EP_NO_INDEX; /* once, also when it is read twice */
        const uint64_t bytes = place_bytes(&p->frame->network->tensors[root]);
        EP_TRY(release(p, p->offset[root], bytes, err));
    }
    return EP_OK;
}

static ep_status walk(planner *p, ep_error *err)
{
    const ep_network *network = p->frame->network;
    start(p);
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        if (p->frame->steps[i].once) continue;
        if (has_places(p->frame, i)) EP_TRY(place_outputs(p, i, err));
        EP_TRY(release_read(p, i, node->inputs, node->n_inputs, err));
        EP_TRY(release_read(p, i, node->outputs, node->n_outputs, err));
    }
    return EP_OK;
}

/* Allocates what the walk found to be needed. */
static ep_status allocate(planner *p, ep_error *err)
{
    ep__frame *frame = p->frame;
    const ep_shape shape = {.rank = 1, .dims = {(int64_t)p->top}};
    if (p->top == 0) return EP_OK;
    ep__memory_give(&frame->context->memory, p->top); /* it is counted with the cell now */
    EP_TRY(ep__cell_new(&frame->context->memory, EP_DTYPE_UINT8, &shape, &frame->places, err));
    for (uint32_t t = 0; t < frame->network->n_tensors; t++) {
        if (p->offset[t] != NO_PLACE)
            frame->place[t] = (char *)frame->places.array.data + p->offset[t];
    }
    return EP_OK;
}

ep_status ep__plan_memory(ep__frame *frame, const uint32_t *root, ep_error *err)
{
    const size_t tensors = (size_t)frame->network->n_tensors + 1; /* calloc(0) may give NULL */
    planner p = {.frame = frame,
                 .root = root,
                 .last = calloc(tensors, sizeof *p.last),
                 .offset = calloc(tensors, sizeof *p.offset)};
    ep_status status = p.last && p.offset ? walk(&p, err) : ep_fail_memory(err);
    if (status == EP_OK) status = allocate(&p, err);
    free(p.last);
    free(p.offset);
    free(p.gaps);
    return status;
}
