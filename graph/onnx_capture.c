/* What subgraphs (If, Loop, Scan) read from outside: it must stay alive and be computed before the
 * node that has them. */
#include "graph/onnx_internal.h"

/* The names that one subgraph defines, and those of the subgraphs around it. */
typedef struct locals {
    const struct locals *outer;
    ep_names *names;
} locals;

typedef struct capture {
    ep__importer *im;
    const ep__scope *scope;
} capture;

static ep_status walk_graph(const capture *c, const EpOnnx__GraphProto *graph, const locals *outer);

static ep_status declare(const capture *c, const locals *own, const char *name)
{
    return ep_names_put(own->names, ep__text(name), 0, c->im->err);
}

static ep_status declare_all(const capture *c, const EpOnnx__GraphProto *graph, const locals *own)
{
    for (size_t i = 0; i < graph->n_input; i++) EP_TRY(declare(c, own, graph->input[i]->name));
    for (size_t i = 0; i < graph->n_initializer; i++) {
        EP_TRY(declare(c, own, graph->initializer[i]->name));
    }
    for (size_t i = 0; i < graph->n_sparse_initializer; i++) {
        const EpOnnx__TensorProto *values = graph->sparse_initializer[i]->values;
        if (values) EP_TRY(declare(c, own, values->name));
    }
    for (size_t i = 0; i < graph->n_node; i++) {
        const EpOnnx__NodeProto *node = graph->node[i];
        for (size_t k = 0; k < node->n_output; k++) EP_TRY(declare(c, own, node->output[k]));
    }
    return EP_OK;
}

static ep_status read_name(const capture *c, const locals *own, const char *name)
{
    ep__importer *im = c->im;
    for (const locals *l = own; l; l = l->outer) {
        if (ep_names_get(l->names, name) != EP_NO_INDEX) return EP_OK;
    }
    uint32_t tensor;
    EP_TRY(ep__use(im, c->scope, name, &tensor));
    const uint32_t node = im->graph.n_nodes + 1;
    if (tensor == EP_NO_INDEX || im->graph.slots[tensor].captured_by == node) return EP_OK;
    im->graph.slots[tensor].captured_by = node;
    im->graph.slots[tensor].captured_at = im->graph.n_list;
    return ep__list_add(im, tensor);
}

static ep_status walk_node(const capture *c, const EpOnnx__NodeProto *node, const locals *own)
{
    if (c->im->call_depth) EP_TRY(ep__spend(c->im, 1 + node->n_input + node->n_attribute));
    for (size_t i = 0; i < node->n_input; i++) EP_TRY(read_name(c, own, node->input[i]));
    for (size_t i = 0; i < node->n_attribute; i++) {
        const EpOnnx__AttributeProto *a = node->attribute[i];
        if (a->g) EP_TRY(walk_graph(c, a->g, own));
        for (size_t k = 0; k < a->n_graphs; k++) EP_TRY(walk_graph(c, a->graphs[k], own));
    }
    return EP_OK;
}

static ep_status walk_names(const capture *c, const EpOnnx__GraphProto *graph, const locals *own)
{
    EP_TRY(declare_all(c, graph, own));
    for (size_t i = 0; i < graph->n_node; i++) EP_TRY(walk_node(c, graph->node[i], own));
    for (size_t i = 0; i < graph->n_output; i++) {
        EP_TRY(read_name(c, own, ep__text(graph->output[i]->name)));
    }
    return EP_OK;
}

/* As deep as messages nest, which unpacking has bounded. */
static ep_status walk_graph(const capture *c, const EpOnnx__GraphProto *graph, const locals *outer)
{
    const locals own = {.outer = outer, .names = ep_names_new()};
    if (!own.names) return ep_fail_memory(c->im->err);
    const ep_status status = walk_names(c, graph, &own);
    ep_names_free(own.names);
    return status;
}

ep_status ep__capture(ep__importer *im, const ep__scope *scope, const EpOnnx__GraphProto *graph)
{
    const capture c = {.im = im, .scope = scope};
    return walk_graph(&c, graph, NULL);
}
