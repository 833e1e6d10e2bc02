/* Where the values of a network whose shapes are known lie: in one piece of memory, at places that
 * they share when they are not alive at the same time.
 *
 * The largest is placed first, each in the smallest gap that holds it between those placed before
 * which are alive with it. That comes to the most that is alive at once, or close to it, where
 * placing in the order of the nodes leaves gaps. */
#include <stdlib.h>
#include <string.h>

#include "engine/fused.h"
#include "engine/integer.h"

#define MOST_BYTES ((uint64_t)1 << 62)

/* A value, from the node that computes it to the last that reads it or a view of it. */
typedef struct value {
    void **place; /* where its address goes */
    uint32_t first, last, number;
    uint64_t bytes, offset;
} value;

typedef struct planner {
    ep__frame *frame;
    const uint32_t *root; /* per tensor: whose bytes it shows */
    uint32_t *last;       /* per root */
    uint32_t n_values, n_placed;
    value *values;    /* at first in the order of the nodes, the pieces after them */
    uint32_t *placed; /* values by offset */
    uint64_t top;
} planner;

/* ---- which, and for how long --------------------------------------------------------------- */

/* True when the node's outputs get places: kernels that write into what they are given. */
static bool has_places(const ep__frame *frame, uint32_t index)
{
    const ep__step *step = &frame->steps[index];
    if (ep__integer_hides(frame->integer, index)) return false;
    if (frame->fused && ep__is_fused(frame->fused, index)) return false;
    if (step->once || !step->kernel || (step->kernel->flags & (EP__VIEW | EP__OWN_SHAPE))) {
        return false;
    }
    return ep__outputs_known(frame->network, &frame->network->nodes[index]);
}

static void find_last(planner *p)
{
    for (uint32_t t = 0; t < p->frame->network->n_tensors; t++) {
        /* EP_NO_INDEX, never, is the greatest */
        const uint32_t last = p->frame->last_reader[t], root = p->root[t];
        if (last > p->last[root]) p->last[root] = last;
    }
}

static ep_status add_value(planner *p, value v, uint64_t *total, ep_error *err)
{
    const bool overflows = ep_add_overflows(*total, v.bytes, total) || *total > MOST_BYTES;
    if (overflows) {
        const ep_node *node = &p->frame->network->nodes[v.first];
        return ep_fail(err, EP_NO_MEMORY,
                       "node '%s' (%s): needs more than 2^62 bytes with those before", node->name,
                       node->op_type);
    }
    /* at least an alignment, so that every value has an address of its own */
    v.bytes = ep_round_up(ep_max_u64(v.bytes, 1), EP__ALIGNMENT);
    v.number = p->n_values;
    p->values[p->n_values++] = v;
    return EP_OK;
}

/* Appends the node's outputs. */
static ep_status add_values(planner *p, uint32_t index, uint64_t *total, ep_error *err)
{
    const ep_node *node = &p->frame->network->nodes[index];
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        const uint32_t t = node->outputs[i];
        if (t == EP_NO_INDEX) continue;
        const ep_tensor *tensor = &p->frame->network->tensors[t];
        const value v = {.place = &p->frame->place[t],
                         .first = index,
                         .last = p->last[t],
                         .bytes = ep_dtype_bytes(tensor->dtype, ep_tensor_elements(tensor))};
        EP_TRY(add_value(p, v, total, err));
    }
    return EP_OK;
}

/* Larger ones first, then earlier ones. */
static int compare_values(const void *a, const void *b)
{
    const value *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* ---- where --------------------------------------------------------------------------------- */

/* Finds the smallest gap for `v`, the lowest of several. */
static uint64_t find_gap(const planner *p, const value *v)
{
    uint64_t end = 0, best = 0, best_bytes = UINT64_MAX;
    for (uint32_t i = 0; i < p->n_placed; i++) {
        const value *other = &p->values[p->placed[i]];
        if (other->last < v->first || v->last < other->first) continue;
        if (other->offset >= end + v->bytes && other->offset - end < best_bytes) {
            best = end;
            best_bytes = other->offset - end;
        }
        end = ep_max_u64(end, other->offset + other->bytes);
    }
    return best_bytes < UINT64_MAX ? best : end;
}

static void place(planner *p, uint32_t index)
{
    value *v = &p->values[index];
    v->offset = find_gap(p, v);
    p->top = ep_max_u64(p->top, v->offset + v->bytes);
    uint32_t low = 0, high = p->n_placed;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (p->values[p->placed[middle]].offset <= v->offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    memmove(&p->placed[low + 1], &p->placed[low], (p->n_placed - low) * sizeof *p->placed);
    p->placed[low] = index;
    p->n_placed++;
}

/* ---- the piece of memory ------------------------------------------------------------------- */

/* The node during which most bytes are alive. */
static ep_status find_peak(const planner *p, uint32_t *peak, ep_error *err)
{
    const uint32_t n_nodes = p->frame->network->n_nodes;
    uint64_t *change = calloc((size_t)n_nodes + 1, sizeof *change); /* modulo 2^64 */
    if (!change) return ep_fail_memory(err);
    for (uint32_t i = 0; i < p->n_values; i++) {
        const value *v = &p->values[i];
        change[v->first] += v->bytes;
        if (v->last < n_nodes) change[v->last + 1] -= v->bytes;
    }
    *peak = 0;
    uint64_t alive = 0, most = 0;
    for (uint32_t i = 0; i < n_nodes; i++) {
        alive += change[i];
        if (alive > most) *peak = i;
        most = ep_max_u64(most, alive);
    }
    free(change);
    return EP_OK;
}

static ep_status allocate(const planner *p, ep_error *err)
{
    ep__frame *frame = p->frame;
    const ep_shape shape = {.rank = 1, .dims = {(int64_t)p->top}};
    if (p->top == 0) return EP_OK;
    if (ep__cell_new(&frame->context->memory, EP_DTYPE_UINT8, &shape, &frame->places, err) !=
        EP_OK) {
        uint32_t peak = 0;
        EP_TRY(find_peak(p, &peak, err));
        const ep_node *node = &frame->network->nodes[peak];
        return ep_fail_context(err, "node '%s' (%s): ", node->name, node->op_type);
    }
    for (uint32_t i = 0; i < p->n_values; i++) {
        const value *v = &p->values[i];
        *v->place = (char *)frame->places.array.data + v->offset;
    }
    return EP_OK;
}

static ep_status plan(planner *p, ep_error *err)
{
    uint64_t total = 0;
    find_last(p);
    for (uint32_t i = 0; i < p->frame->network->n_nodes; i++) {
        if (has_places(p->frame, i)) EP_TRY(add_values(p, i, &total, err));
    }
    for (uint32_t i = 0; i < p->frame->n_pieces; i++) {
        ep__piece *piece = &p->frame->pieces[i];
        const value v = {.place = &piece->data,
                         .first = piece->first,
                         .last = piece->last,
                         .bytes = piece->bytes};
        EP_TRY(add_value(p, v, &total, err));
    }
    if (p->n_values) qsort(p->values, p->n_values, sizeof *p->values, compare_values);
    for (uint32_t i = 0; i < p->n_values; i++) place(p, i);
    return allocate(p, err);
}

ep_status ep__add_piece(ep__frame *frame, uint64_t bytes, uint32_t at, uint32_t *index,
                        ep_error *err)
{
    void *array = frame->pieces;
    EP_TRY(ep_grow(&array, &frame->piece_room, (uint64_t)frame->n_pieces + 1, sizeof *frame->pieces,
                   err));
    frame->pieces = array;
    *index = frame->n_pieces++;
    frame->pieces[*index] = (ep__piece){.bytes = bytes, .first = at, .last = at};
    return EP_OK;
}

ep_status ep__plan_memory(ep__frame *frame, const uint32_t *root, ep_error *err)
{
    const size_t tensors = (size_t)frame->network->n_tensors + 1; /* calloc(0) may give NULL */
    const size_t most = tensors + frame->n_pieces;
    planner p = {.frame = frame,
                 .root = root,
                 .last = calloc(tensors, sizeof *p.last),
                 .values = calloc(most, sizeof *p.values),
                 .placed = calloc(most, sizeof *p.placed)};
    const ep_status status = p.last && p.values && p.placed ? plan(&p, err) : ep_fail_memory(err);
    free(p.last);
    free(p.values);
    free(p.placed);
    return status;
}
