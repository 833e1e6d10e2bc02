/* A network made ready to be executed. */
#include <stdlib.h>
#include <string.h>

#include "engine/fused.h"
#include "engine/integer.h"
#include "engine/numerics.h"

/* ---- making -------------------------------------------------------------------------------- */

bool ep__outputs_known(const ep_network *network, const ep_node *node)
{
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == EP_NO_INDEX) continue;
        const ep_tensor *tensor = &network->tensors[node->outputs[i]];
        uint64_t elements;
        if (!tensor->has_shape || ep_dtype_bits(tensor->dtype) == 0) return false;
        if (ep_shape_elements(&tensor->shape, &elements, NULL) != EP_OK) return false;
    }
    return true;
}

static ep_status make_body(ep__frame *frame, const ep_node *node, const char *attribute,
                           ep__step *step, ep_error *err)
{
    const ep_attr *attr = ep_attr_find(node, attribute);
    EP_FAIL_IF(!attr || attr->type != EP_ATTR_GRAPH, err, EP_BAD_MODEL,
               "node '%s' (%s): attribute '%s' is missing", node->name, node->op_type, attribute);
    EP_FAIL_IF(!attr->graph, err, EP_UNSUPPORTED, "node '%s' (%s): %s", node->name, node->op_type,
               attr->string ? attr->string : "its body is empty");
    return ep__frame_init(&step->bodies[step->n_bodies++], attr->graph, true, frame->context, err);
}

/* Makes the frames of the bodies of a node that is an If, Loop or Scan. */
static ep_status make_control(ep__frame *frame, const ep_node *node, ep__step *step, ep_error *err)
{
    static const struct {
        const char *op;
        ep__control run;
        const char *bodies[2];
    } rows[] = {{"If", ep__run_if, {"then_branch", "else_branch"}},
                {"Loop", ep__run_loop, {"body", NULL}},
                {"Scan", ep__run_scan, {"body", NULL}}};
    for (size_t r = 0; node->op && r < sizeof rows / sizeof *rows; r++) {
        if (strcmp(node->op_type, rows[r].op) != 0) continue;
        step->control = rows[r].run;
        step->bodies = calloc(2, sizeof *step->bodies);
        if (!step->bodies) return ep_fail_memory(err);
        for (int i = 0; i < 2 && rows[r].bodies[i]; i++) {
            EP_TRY(make_body(frame, node, rows[r].bodies[i], step, err));
        }
    }
    return EP_OK;
}

static ep_status make_steps(ep__frame *frame, ep_error *err)
{
    const ep_network *network = frame->network;
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        ep__step *step = &frame->steps[i];
        step->kernel = node->op ? ep__kernel_find(node->op_type) : NULL;
        if (!step->kernel) EP_TRY(make_control(frame, node, step, err));
        EP_FAIL_IF(!step->kernel && !step->control, err, EP_UNSUPPORTED,
                   "node '%s': no kernel for operator %s%s%s", node->name, node->domain,
                   node->domain[0] ? "." : "", node->op_type);
    }
    return EP_OK;
}

static uint32_t most_operands(const ep_network *network)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const uint32_t operands = network->nodes[i].n_inputs + network->nodes[i].n_outputs;
        if (operands > most) most = operands;
    }
    return most;
}

void ep__find_last_readers(ep__frame *frame)
{
    const ep_network *network = frame->network;
    memset(frame->last_reader, 0xff, network->n_tensors * sizeof *frame->last_reader);
    if (frame->context->keep_all && !frame->is_body) return;
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        for (uint32_t k = 0; k < node->n_outputs; k++) {
            if (node->outputs[k] != EP_NO_INDEX) frame->last_reader[node->outputs[k]] = i;
        }
        const uint32_t *reads;
        uint32_t count;
        ep__node_reads(frame, i, &reads, &count);
        for (uint32_t k = 0; k < count; k++) {
            const uint32_t t = reads[k];
            if (t == EP_NO_INDEX || network->tensors[t].producer == EP_NO_INDEX) continue;
            frame->last_reader[t] = i;
        }
    }
    for (uint32_t i = 0; i < network->n_outputs; i++) {
        frame->last_reader[network->outputs[i]] = EP_NO_INDEX;
    }
}

static ep_status allocate(ep__frame *frame, ep_error *err)
{
    const ep_network *network = frame->network;
    const size_t tensors = (size_t)network->n_tensors + 1; /* calloc(0) may give NULL */
    const size_t nodes = (size_t)network->n_nodes + 1;
    frame->shapes.tensors = malloc(tensors * sizeof *frame->shapes.tensors);
    frame->cells = calloc(tensors, sizeof *frame->cells);
    frame->lasting = calloc(tensors, sizeof *frame->lasting);
    frame->kept = calloc(tensors, sizeof *frame->kept);
    frame->last_reader = malloc(tensors * sizeof *frame->last_reader);
    frame->steps = calloc(nodes, sizeof *frame->steps);
    frame->node_ns = calloc(nodes, sizeof *frame->node_ns);
    frame->operands = calloc((size_t)most_operands(network) + 1, sizeof *frame->operands);
    frame->place = calloc(tensors, sizeof *frame->place);
    const bool complete = frame->shapes.tensors && frame->cells && frame->lasting && frame->kept &&
                          frame->last_reader && frame->steps && frame->node_ns && frame->operands &&
                          frame->place;
    if (!complete) return ep_fail_memory(err);
    if (network->n_tensors) {
        memcpy(frame->shapes.tensors, network->tensors,
               network->n_tensors * sizeof *network->tensors);
    }
    return EP_OK;
}

ep_status ep__frame_init(ep__frame *frame, const ep_network *network, bool is_body,
                         ep__context *context, ep_error *err)
{
    *frame =
        (ep__frame){.context = context, .network = network, .is_body = is_body, .shapes = *network};
    frame->shapes.tensors = NULL;
    EP_TRY(allocate(frame, err));
    ep__find_last_readers(frame);
    EP_TRY(make_steps(frame, err));
    return ep__load_constants(frame, err);
}

static void free_steps(ep__frame *frame)
{
    for (uint32_t i = 0; frame->steps && i < frame->network->n_nodes; i++) {
        ep__step *step = &frame->steps[i];
        for (uint32_t k = 0; k < step->n_bodies; k++) ep__frame_free(&step->bodies[k]);
        free(step->bodies);
    }
    free(frame->steps);
}

void ep__frame_free(ep__frame *frame)
{
    for (uint32_t i = 0; frame->cells && i < frame->network->n_tensors; i++) {
        ep__cell_clear(&frame->cells[i]);
    }
    ep__cell_clear(&frame->places);
    free_steps(frame);
    ep__integer_free(frame->integer);
    ep__fused_free(frame->fused);
    free(frame->pieces);
    ep__numerics_free(frame->numerics);
    free(frame->shapes.tensors);
    free(frame->cells);
    free(frame->lasting);
    free(frame->kept);
    free(frame->last_reader);
    free(frame->node_ns);
    free(frame->operands);
    free(frame->place);
    *frame = (ep__frame){0};
}
