/* Bodies of If, Loop and Scan -> networks of their own, which live as long as the one around. */
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_internal.h"

/* Bodies within bodies. */
#define MAX_LEVEL 16

static ep_status keep_captures(ep__importer *im, const ep__body *body, ep_network *network)
{
    network->n_captures = body->n_captures;
    network->captures =
        ep_arena_copy(im->arena, body->captures, body->n_captures * sizeof *body->captures);
    return network->captures ? EP_OK : ep_fail_memory(im->err);
}

/* `im->graph` is the body's. */
static ep_status import_body(ep__importer *im, ep__scope *scope, const EpOnnx__GraphProto *graph,
                             const char *name, const ep_network **out)
{
    EP_FAIL_IF(scope->level > MAX_LEVEL, im->err, EP_UNSUPPORTED,
               "%s: node '%.200s': bodies nested deeper than %d", im->path, name, MAX_LEVEL);
    ep_network *network = EP_NEW(im->arena, ep_network, 1);
    if (!network) return ep_fail_memory(im->err);
    network->arena = im->arena;
    network->path = ep_arena_string(im->arena, im->path, strlen(im->path));
    network->name = name;
    if (!network->path) return ep_fail_memory(im->err);
    EP_TRY(ep__graph_init(&im->graph, scope->level, im->err));
    EP_TRY(ep__import_graph(im, scope, graph, network));
    EP_TRY(keep_captures(im, scope->body, network));
    *out = network;
    return EP_OK;
}

/* Sets `attr->graph`, or why there is none. */
static ep_status import_attribute(ep__importer *im, const ep__binding *bound, const ep_node *node,
                                  ep_attr *attr)
{
    ep__graph outer = im->graph;
    ep_error *err = im->err, why = {.status = EP_OK};
    ep__body body = {.outer = bound->scope, .graph = &outer, .node = outer.n_nodes + 1};
    ep__scope scope = {.level = outer.level + 1,
                       .body = &body,
                       .prefix = "",
                       .opsets = bound->scope->opsets,
                       .attributes = bound->scope->attributes,
                       .bindings = bound->scope->bindings};
    im->graph = (ep__graph){0};
    im->err = &why;
    const ep_status status = import_body(im, &scope, bound->value->g, node->name, &attr->graph);
    ep__graph_free(&im->graph);
    free(body.captures);
    im->graph = outer;
    im->err = err;
    if (status == EP_OK) return EP_OK;
    if (status == EP_NO_MEMORY) return ep_fail_memory(err);
    attr->count = (uint32_t)strlen(why.text);
    attr->string = ep_arena_string(im->arena, why.text, attr->count);
    return attr->string ? EP_OK : ep_fail_memory(err);
}

ep_status ep__import_bodies(ep__importer *im, const ep__scope *scope,
                            const EpOnnx__NodeProto *proto, const ep_node *node)
{
    /* ours until the node is added */
    ep_attr *attr = (ep_attr *)(uintptr_t)node->attrs;
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const ep__binding bound = ep__resolve(scope, proto->attribute[i]);
        if (!bound.value) continue; /* has no attribute of the node either */
        if (attr->type == EP_ATTR_GRAPH && bound.value->g) {
            EP_TRY(import_attribute(im, &bound, node, attr));
        }
        attr++;
    }
    return EP_OK;
}
