/* Calls of local functions are replaced by the nodes of their bodies, recursively. */
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_internal.h"

/* Calls within calls. Exporters nest a function a module, some ten levels. */
#define MAX_CALL_DEPTH 100

/* A name for (domain, name, overload) in `text`, NULL when out of memory. */
static const char *function_key(ep_text *text, const char *domain, const char *name,
                                const char *overload)
{
    text->length = 0;
    ep_text_printf(text, "%s\n%s\n%s", ep__domain(domain), ep__text(name), ep__text(overload));
    return text->failed ? NULL : text->data;
}

static ep_status register_function(ep__importer *im, const EpOnnx__FunctionProto *proto,
                                   ep_text *text)
{
    const char *key = function_key(text, proto->domain, proto->name, proto->overload);
    key = key ? ep_arena_string(im->scratch, key, text->length) : NULL;
    if (!key) return ep_fail_memory(im->err);
    EP_FAIL_IF(ep_names_get(im->function_index, key) != EP_NO_INDEX, im->err, EP_BAD_MODEL,
               "%s: function '%.200s.%.200s' is defined twice", im->path, ep__text(proto->domain),
               ep__text(proto->name));
    im->functions[im->n_functions].proto = proto;
    return ep_names_put(im->function_index, key, im->n_functions++, im->err);
}

ep_status ep__register_functions(ep__importer *im, const EpOnnx__ModelProto *model)
{
    if (model->n_functions == 0) return EP_OK;
    im->function_index = ep_names_new();
    im->functions = EP_NEW(im->scratch, ep__function, model->n_functions);
    if (!im->function_index || !im->functions) return ep_fail_memory(im->err);
    ep_text text = {0};
    ep_status status = EP_OK;
    for (size_t i = 0; i < model->n_functions && status == EP_OK; i++) {
        status = register_function(im, model->functions[i], &text);
    }
    ep_text_free(&text);
    return status;
}

ep_status ep__find_function(ep__importer *im, const EpOnnx__NodeProto *proto, ep__function **out)
{
    *out = NULL;
    if (!im->function_index) return EP_OK;
    ep_text text = {0};
    const char *key = function_key(&text, proto->domain, proto->op_type, proto->overload);
    const uint32_t found = key ? ep_names_get(im->function_index, key) : EP_NO_INDEX;
    ep_text_free(&text);
    if (!key) return ep_fail_memory(im->err);
    if (found != EP_NO_INDEX) *out = &im->functions[found];
    return EP_OK;
}

/* Gives the function's inputs and outputs their meaning in the caller. An output that is an input
 * as well is left to forward_inputs. */
static ep_status bind_operands(ep__importer *im, const ep__scope *caller, const ep__scope *callee,
                               const EpOnnx__NodeProto *call, const EpOnnx__FunctionProto *f)
{
    for (size_t i = 0; i < f->n_input; i++) {
        uint32_t tensor = EP_NO_INDEX;
        if (i < call->n_input) EP_TRY(ep__use(im, caller, call->input[i], &tensor));
        const uint32_t meaning = tensor == EP_NO_INDEX ? EP__ABSENT : tensor;
        EP_TRY(ep_names_put(callee->tensors, f->input[i], meaning, im->err));
    }
    for (size_t i = 0; i < call->n_output; i++) {
        uint32_t tensor;
        EP_TRY(ep__use(im, caller, call->output[i], &tensor));
        if (tensor == EP_NO_INDEX) continue;
        if (ep_names_get(callee->tensors, f->output[i]) != EP_NO_INDEX) continue;
        EP_TRY(ep_names_put(callee->tensors, f->output[i], tensor, im->err));
    }
    return EP_OK;
}

static ep_status bind(ep__importer *im, ep__scope *callee, const char *name, ep__binding bound,
                      uint32_t *count)
{
    callee->bindings[*count] = bound;
    return ep_names_put(callee->attributes, name, (*count)++, im->err);
}

/* The attributes of the call, then the defaults of those it does not give. */
static ep_status bind_attributes(ep__importer *im, const ep__scope *caller, ep__scope *callee,
                                 const EpOnnx__NodeProto *call, const EpOnnx__FunctionProto *f)
{
    uint32_t count = 0;
    for (size_t i = 0; i < call->n_attribute; i++) {
        const ep__binding bound = ep__resolve(caller, call->attribute[i]);
        if (!bound.value) continue;
        EP_TRY(bind(im, callee, ep__text(call->attribute[i]->name), bound, &count));
    }
    for (size_t i = 0; i < f->n_attribute_proto; i++) {
        const ep__binding bound = {.value = f->attribute_proto[i], .scope = callee};
        const char *name = ep__text(bound.value->name);
        if (ep_names_get(callee->attributes, name) != EP_NO_INDEX) continue;
        EP_TRY(bind(im, callee, name, bound, &count));
    }
    return EP_OK;
}

/* An output of the function that is one of its inputs: a copy. */
static ep_status forward_inputs(ep__importer *im, const ep__scope *caller, const ep__scope *callee,
                                const EpOnnx__NodeProto *call, const EpOnnx__FunctionProto *f)
{
    for (size_t i = 0; i < call->n_output; i++) {
        uint32_t output;
        EP_TRY(ep__use(im, caller, call->output[i], &output));
        const uint32_t source = ep_names_get(callee->tensors, f->output[i]);
        if (output == EP_NO_INDEX || source == output || source >= EP__ABSENT) continue;
        EpOnnx__NodeProto proto = EP_ONNX__NODE_PROTO__INIT;
        proto.op_type = "Identity";
        ep_node node = {.op_type = proto.op_type,
                        .domain = "",
                        .op = ep_op_find("", proto.op_type),
                        .opset = (int)ep_names_get(im->opsets, ""),
                        .n_inputs = 1,
                        .n_outputs = 1};
        EP_TRY(ep__node_name(im, callee, &proto, f->n_node + i, &node.name));
        EP_TRY(ep__define(im, caller, call->output[i], &output));
        EP_TRY(ep__add_node(im, &node, &source, &output));
    }
    return EP_OK;
}

static ep_status check_call(ep__importer *im, const char *name, const EpOnnx__NodeProto *call,
                            const ep__function *function)
{
    const EpOnnx__FunctionProto *f = function->proto;
    EP_FAIL_IF(function->active, im->err, EP_BAD_MODEL,
               "%s: node '%.200s': function '%.200s' calls itself", im->path, name, call->op_type);
    EP_FAIL_IF(im->call_depth >= MAX_CALL_DEPTH, im->err, EP_UNSUPPORTED,
               "%s: node '%.200s': local functions nested deeper than %d", im->path, name,
               MAX_CALL_DEPTH);
    EP_FAIL_IF(call->n_input > f->n_input || call->n_output > f->n_output, im->err, EP_BAD_MODEL,
               "%s: node '%.200s' has %zu inputs and %zu outputs, function '%.200s' %zu and %zu",
               im->path, name, call->n_input, call->n_output, call->op_type, f->n_input,
               f->n_output);
    return ep__spend(im, f->n_input + f->n_attribute_proto);
}

static ep_status import_body(ep__importer *im, const ep__scope *caller, ep__scope *callee,
                             const EpOnnx__NodeProto *call, const EpOnnx__FunctionProto *f)
{
    if (!callee->tensors || !callee->attributes || !callee->bindings) {
        return ep_fail_memory(im->err);
    }
    EP_TRY(bind_operands(im, caller, callee, call, f));
    EP_TRY(bind_attributes(im, caller, callee, call, f));
    EP_TRY(ep__import_nodes(im, callee, f->node, f->n_node));
    return forward_inputs(im, caller, callee, call, f);
}

ep_status ep__call_function(ep__importer *im, const ep__scope *scope, const EpOnnx__NodeProto *call,
                            size_t index, ep__function *function)
{
    const EpOnnx__FunctionProto *f = function->proto;
    const char *name;
    EP_TRY(ep__node_name(im, scope, call, index, &name));
    EP_TRY(check_call(im, name, call, function));
    if (!function->opsets) {
        EP_TRY(ep__read_opsets(im, f->opset_import, f->n_opset_import, name, &function->opsets));
    }
    ep__scope callee = {
        .level = scope->level,
        .prefix = ep_arena_printf(im->scratch, "%s/", name),
        .tensors = ep_names_new(),
        .opsets = function->opsets,
        .attributes = ep_names_new(),
        .bindings = calloc(call->n_attribute + f->n_attribute_proto + 1, sizeof *callee.bindings)};
    function->active = true;
    im->call_depth++;
    const ep_status status =
        callee.prefix ? import_body(im, scope, &callee, call, f) : ep_fail_memory(im->err);
    im->call_depth--;
    function->active = false;
    ep_names_free(callee.tensors);
    ep_names_free(callee.attributes);
    free(callee.bindings);
    return status;
}
