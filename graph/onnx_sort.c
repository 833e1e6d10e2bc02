/* Topological order: each node right after what it needs, depth first, in the order of the file.
 * A file in order stays as it is. */
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_internal.h"

typedef enum mark { UNSEEN, OPEN, DONE } mark;

typedef struct frame {
    uint32_t node, next_input;
} frame;

typedef struct sorter {
    ep__importer *im;
    uint8_t *marks;  /* per node */
    frame *stack;    /* of open nodes; as many as nodes */
    uint32_t *order; /* place -> node */
    uint32_t depth, n_ordered;
} sorter;

static uint32_t producer_of(const ep__importer *im, uint32_t tensor)
{
    return tensor == EP_NO_INDEX ? EP_NO_INDEX : im->graph.slots[tensor].tensor.producer;
}

static bool is_sorted(const ep__importer *im)
{
    for (uint32_t i = 0; i < im->graph.n_nodes; i++) {
        const ep_node *node = &im->graph.nodes[i];
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            const uint32_t producer = producer_of(im, node->inputs[k]);
            if (producer != EP_NO_INDEX && producer >= i) return false;
        }
    }
    return true;
}

static void push(sorter *s, uint32_t node)
{
    s->marks[node] = OPEN;
    s->stack[s->depth++] = (frame){.node = node};
}

/* Orders `root` and all it needs. */
static ep_status visit(sorter *s, uint32_t root)
{
    push(s, root);
    while (s->depth) {
        frame *top = &s->stack[s->depth - 1];
        const ep_node *node = &s->im->graph.nodes[top->node];
        if (top->next_input == node->n_inputs) {
            s->marks[top->node] = DONE;
            s->order[s->n_ordered++] = top->node;
            s->depth--;
            continue;
        }
        const uint32_t producer = producer_of(s->im, node->inputs[top->next_input++]);
        if (producer == EP_NO_INDEX || s->marks[producer] == DONE) continue;
        EP_FAIL_IF(s->marks[producer] == OPEN, s->im->err, EP_BAD_MODEL,
                   "%s: node '%.200s' (%.100s) is on a cycle: it needs its own output", s->im->path,
                   s->im->graph.nodes[producer].name, s->im->graph.nodes[producer].op_type);
        push(s, producer);
    }
    return EP_OK;
}

/* Moves the nodes to their places. */
static ep_status apply(sorter *s)
{
    ep__importer *im = s->im;
    ep_node *sorted = malloc(im->graph.n_nodes * sizeof *sorted);
    if (!sorted) return ep_fail_memory(im->err);
    for (uint32_t i = 0; i < im->graph.n_nodes; i++) {
        sorted[i] = im->graph.nodes[s->order[i]];
        for (uint32_t k = 0; k < sorted[i].n_outputs; k++) {
            const uint32_t tensor = sorted[i].outputs[k];
            if (tensor != EP_NO_INDEX) im->graph.slots[tensor].tensor.producer = i;
        }
    }
    memcpy(im->graph.nodes, sorted, im->graph.n_nodes * sizeof *sorted);
    free(sorted);
    return EP_OK;
}

ep_status ep__sort_nodes(ep__importer *im)
{
    if (is_sorted(im)) return EP_OK;
    sorter s = {.im = im,
                .marks = calloc(im->graph.n_nodes, sizeof *s.marks),
                .stack = calloc(im->graph.n_nodes, sizeof *s.stack),
                .order = calloc(im->graph.n_nodes, sizeof *s.order)};
    ep_status status = EP_OK;
    if (!s.marks || !s.stack || !s.order) status = ep_fail_memory(im->err);
    for (uint32_t i = 0; i < im->graph.n_nodes && status == EP_OK; i++) {
        if (s.marks[i] == UNSEEN) status = visit(&s, i);
    }
    if (status == EP_OK) status = apply(&s);
    free(s.marks);
    free(s.stack);
    free(s.order);
    return status;
}
