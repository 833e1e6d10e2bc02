#include "engine/fold.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels.h"

/* A block of data that one or several tensors show. */
struct ep__value {
    uint32_t tensors;
    const void *moved; /* its copy in the network's arena, once there is one */
    max_align_t bytes[];
};

/* ---- who reads what ------------------------------------------------------------------------ */

ep_status ep__folder_init(ep__folder *folder, ep_network *network, const bool *needed,
                          ep_error *err)
{
    *folder = (ep__folder){.network = network};
    const size_t n = (size_t)network->n_tensors + 1; /* calloc(0) may give NULL */
    folder->values = calloc(n, sizeof *folder->values);
    folder->uses = calloc(n, sizeof *folder->uses);
    if (!folder->values || !folder->uses) return ep_fail_memory(err);
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        for (uint32_t k = 0; needed[i] && k < node->n_inputs; k++) {
            if (node->inputs[k] != EP_NO_INDEX) folder->uses[node->inputs[k]]++;
        }
    }
    for (uint32_t i = 0; i < network->n_outputs; i++) folder->uses[network->outputs[i]]++;
    return EP_OK;
}

static void drop(ep__folder *folder, uint32_t tensor)
{
    ep__value *value = folder->values[tensor];
    if (!value) return;
    folder->values[tensor] = NULL;
    if (--value->tensors == 0) free(value);
    ep_tensor *t = &folder->network->tensors[tensor];
    t->constness = EP_CONST_UNKNOWN;
    t->data = NULL;
    t->data_bytes = 0;
}

void ep__folder_free(ep__folder *folder)
{
    for (uint32_t i = 0; folder->values && i < folder->network->n_tensors; i++) drop(folder, i);
    free(folder->values);
    free(folder->uses);
    *folder = (ep__folder){0};
}

static void release_inputs(ep__folder *folder, const ep_node *node)
{
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const uint32_t tensor = node->inputs[i];
        if (tensor != EP_NO_INDEX && --folder->uses[tensor] == 0) drop(folder, tensor);
    }
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        const uint32_t tensor = node->outputs[i];
        if (tensor != EP_NO_INDEX && folder->uses[tensor] == 0) drop(folder, tensor);
    }
}

ep_status ep__folder_finish(ep__folder *folder, const bool *live, ep_error *err)
{
    for (uint32_t i = 0; i < folder->network->n_tensors; i++) {
        ep__value *value = folder->values[i];
        ep_tensor *tensor = &folder->network->tensors[i];
        if (!value || !live[i]) {
            drop(folder, i);
            continue;
        }
        if (!value->moved) {
            value->moved =
                ep_arena_copy(folder->network->arena, tensor->data, (size_t)tensor->data_bytes);
            if (!value->moved) return ep_fail_memory(err);
        }
        assert(tensor->data == value->bytes);
        tensor->data = value->moved;
        folder->values[i] = NULL;
        if (--value->tensors == 0) free(value);
    }
    return EP_OK;
}

/* ---- what can be folded -------------------------------------------------------------------- */

bool ep__is_random(const ep_node *node)
{
    static const char *const ops[] = {"Bernoulli",        "Multinomial",   "RandomNormal",
                                      "RandomNormalLike", "RandomUniform", "RandomUniformLike"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (strcmp(node->op_type, ops[i]) == 0) return true;
    }
    return false;
}

bool ep__is_constant(const ep_network *network, const ep_node *node)
{
    if (!node->op || ep__is_random(node)) return false; /* nobody knows what a plugin does */
    const ep__kernel *kernel = ep__kernel_find(node->op_type);
    if (kernel && (kernel->flags & EP__SHAPE_ONLY)) {
        const ep_tensor *input = ep_node_input(network, node, 0);
        return input && input->has_shape;
    }
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const ep_tensor *input = ep_node_input(network, node, i);
        if (input && !ep_tensor_is_const(input)) return false;
    }
    return true;
}

static bool value_at_hand(const ep_tensor *tensor)
{
    if (ep_dtype_bits(tensor->dtype) == 0 || tensor->varint) return false;
    return tensor->constness == EP_CONST_DATA || tensor->constness == EP_CONST_SPLAT;
}

/* True when all elements of a constant are the one at `data`. */
static bool is_single(const ep_tensor *tensor)
{
    return value_at_hand(tensor) &&
           (tensor->constness == EP_CONST_SPLAT || ep_tensor_elements(tensor) == 1);
}

static bool all_single(const ep_network *network, const ep_node *node)
{
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const ep_tensor *input = ep_node_input(network, node, i);
        if (input && !is_single(input)) return false;
    }
    return true;
}

/* True when arrays of this shape are worth computing. Zero dimensions count as 1: loops over the
 * others are bounded too. */
static bool is_small(const ep_shape *shape)
{
    uint64_t product = 1;
    for (int i = 0; i < shape->rank; i++) {
        const uint64_t dim = ep_max_u64((uint64_t)shape->dims[i], 1);
        if (ep_mul_overflows(product, dim, &product) || product > EP_FOLD_MAX_ELEMENTS)
            return false;
    }
    return true;
}

/* Every input has a value and is small, or its value is not read. */
static bool inputs_at_hand(const ep_network *network, const ep_node *node, const ep__kernel *kernel)
{
    if (kernel->flags & EP__SHAPE_ONLY) return true;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const ep_tensor *input = ep_node_input(network, node, i);
        if (!input) continue;
        if (!value_at_hand(input)) return false;
        if (is_single(input) && (kernel->flags & EP__ELEMENTWISE)) continue;
        if (!is_small(&input->shape)) return false;
        /* 4-bit elements cannot be repeated in place */
        if (input->constness == EP_CONST_SPLAT && ep_dtype_bits(input->dtype) < 8) return false;
    }
    return true;
}

/* Steps that are worth taking before a run. */
#define MAX_STEPS ((uint64_t)1 << 30)

/* The outputs are small and soon computed; where their shapes are not known they count as the
 * inputs do. */
static bool is_quick(const ep_network *network, const ep_node *node, const ep__kernel *kernel)
{
    uint64_t inputs = 0, outputs = 0;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const ep_tensor *input = ep_node_input(network, node, i);
        if (input) inputs = ep_max_u64(inputs, ep_tensor_elements(input));
    }
    if (kernel->flags & EP__OWN_SHAPE) return ep__kernel_work(kernel, inputs, inputs) <= MAX_STEPS;
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == EP_NO_INDEX) continue;
        const ep_tensor *output = &network->tensors[node->outputs[i]];
        if (ep_dtype_bits(output->dtype) == 0 || !is_small(&output->shape)) return false;
        outputs += ep_tensor_elements(output);
    }
    return ep__kernel_work(kernel, inputs, outputs) <= MAX_STEPS;
}

/* ---- sharing ------------------------------------------------------------------------------- */

/* Shows the bytes of tensor `from` as tensor `to`. */
static void share(ep__folder *folder, uint32_t from, uint32_t to, ep_constness constness)
{
    const ep_tensor *source = &folder->network->tensors[from];
    ep_tensor *tensor = &folder->network->tensors[to];
    tensor->constness = constness;
    tensor->varint = source->varint;
    tensor->data = source->data;
    tensor->data_bytes = source->data_bytes;
    folder->values[to] = folder->values[from];
    if (folder->values[to]) folder->values[to]->tensors++;
}

/* Views show the bytes of their input, whatever its size and encoding; what moves the elements of a
 * splat gives splats. False when neither is the case. */
static bool share_input(ep__folder *folder, const ep_node *node, const ep__kernel *kernel)
{
    const ep_tensor *tensors = folder->network->tensors;
    if (!(kernel->flags & EP__MOVES) || !ep_node_input(folder->network, node, 0)) return false;
    const uint32_t from = node->inputs[0];
    const bool single = is_single(&tensors[from]);
    if (!single && (!(kernel->flags & EP__VIEW) || tensors[from].constness != EP_CONST_DATA)) {
        return false;
    }
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        const uint32_t to = node->outputs[i];
        if (to == EP_NO_INDEX) continue;
        if (tensors[to].dtype != tensors[from].dtype) return false;
        if (!single && ep_tensor_elements(&tensors[to]) != ep_tensor_elements(&tensors[from])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == EP_NO_INDEX) continue;
        share(folder, from, node->outputs[i], single ? EP_CONST_SPLAT : EP_CONST_DATA);
    }
    return true;
}

/* ---- executing ----------------------------------------------------------------------------- */

static const ep_shape scalar = {0};

/* The elements of a constant, aligned; a splat as a scalar when `broadcasts`, else spread out. */
static ep_status load_input(const ep_tensor *tensor, bool broadcasts, ep_arena *scratch,
                            ep_array *out, ep_error *err)
{
    const bool single = is_single(tensor);
    *out = (ep_array){.dtype = tensor->dtype, .shape = tensor->shape};
    if (single && broadcasts) out->shape = scalar;
    EP_TRY(ep_shape_elements(&out->shape, &out->n, err));
    const uint64_t bytes = ep_dtype_bytes(out->dtype, out->n);
    const bool spread = tensor->constness == EP_CONST_SPLAT && out->n != 1;
    assert(tensor->data_bytes >= (spread ? 1 : bytes));
    if (!spread && (uintptr_t)tensor->data % sizeof(max_align_t) == 0) {
        out->data = (void *)(uintptr_t)tensor->data; /* kernels do not write to inputs */
        return EP_OK;
    }
    out->data = ep_arena_take(scratch, bytes, 1);
    if (!out->data) return ep_fail_memory(err);
    if (!spread) {
        if (bytes > 0) memcpy(out->data, tensor->data, (size_t)bytes);
        return EP_OK;
    }
    const size_t size = (size_t)ep_dtype_bytes(out->dtype, 1);
    for (uint64_t i = 0; i < out->n; i++) memcpy((char *)out->data + i * size, tensor->data, size);
    return EP_OK;
}

static ep_status load_inputs(const ep_network *network, const ep_node *node,
                             const ep__kernel *kernel, ep__call *call, ep_error *err)
{
    ep_array *inputs = EP_NEW(call->scratch, ep_array, node->n_inputs);
    if (!inputs) return ep_fail_memory(err);
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const ep_tensor *tensor = ep_node_input(network, node, i);
        if (!tensor) continue;
        if (kernel->flags & EP__SHAPE_ONLY) {
            inputs[i] = (ep_array){.dtype = tensor->dtype, .shape = tensor->shape};
            EP_TRY(ep_shape_elements(&tensor->shape, &inputs[i].n, err));
        } else {
            const bool broadcasts = (kernel->flags & EP__ELEMENTWISE) != 0;
            EP_TRY(load_input(tensor, broadcasts, call->scratch, &inputs[i], err));
        }
    }
    call->inputs = inputs;
    call->n_inputs = node->n_inputs;
    return EP_OK;
}

/* Describes the outputs; `single`: one element stands for all. */
static ep_status make_outputs(const ep_network *network, const ep_node *node,
                              const ep__kernel *kernel, bool single, ep__call *call, ep_error *err)
{
    ep_array *outputs = EP_NEW(call->scratch, ep_array, node->n_outputs);
    if (!outputs) return ep_fail_memory(err);
    call->outputs = outputs;
    call->n_outputs = node->n_outputs;
    if (kernel->flags & EP__OWN_SHAPE) return EP_OK;
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == EP_NO_INDEX) continue;
        const ep_tensor *tensor = &network->tensors[node->outputs[i]];
        const ep_shape *shape = single ? &scalar : &tensor->shape;
        EP_TRY(ep__make_out(call, i, tensor->dtype, shape, err));
    }
    return EP_OK;
}

/* Keeps what the kernel computed. */
static ep_status store_outputs(ep__folder *folder, const ep_node *node, const ep__kernel *kernel,
                               bool single, const ep__call *call, ep_error *err)
{
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        const uint32_t to = node->outputs[i];
        const ep_array *out = &call->outputs[i];
        if (to == EP_NO_INDEX || out->dtype == EP_DTYPE_UNDEFINED) continue;
        const uint64_t bytes = ep_dtype_bytes(out->dtype, out->n);
        ep__value *value = malloc(sizeof *value + (size_t)bytes);
        if (!value) return ep_fail_memory(err);
        *value = (ep__value){.tensors = 1};
        if (bytes > 0) memcpy(value->bytes, out->data, (size_t)bytes);
        folder->values[to] = value;
        ep_tensor *tensor = &folder->network->tensors[to];
        tensor->constness = single ? EP_CONST_SPLAT : EP_CONST_DATA;
        tensor->data = value->bytes;
        tensor->data_bytes = bytes;
        if (kernel->flags & EP__OWN_SHAPE) {
            tensor->dtype = out->dtype;
            tensor->shape = out->shape;
            tensor->has_shape = true;
            tensor->was_symbolic = 0;
        }
    }
    return EP_OK;
}

static ep_status execute(ep__folder *folder, const ep_node *node, const ep__kernel *kernel,
                         bool single, ep_arena *scratch, ep_error *err)
{
    const ep_network *network = folder->network;
    ep__call call = {.network = network, .node = node, .scratch = scratch};
    EP_TRY(load_inputs(network, node, kernel, &call, err));
    EP_TRY(make_outputs(network, node, kernel, single, &call, err));
    EP_TRY(ep__kernel_run(kernel, &call, err));
    return store_outputs(folder, node, kernel, single, &call, err);
}

/* As execute, with the node named in errors. `*done` is false when there is no kernel for these
 * types. */
static ep_status try_execute(ep__folder *folder, const ep_node *node, const ep__kernel *kernel,
                             bool single, bool *done, ep_error *err)
{
    ep_error inner = {0};
    ep_arena *scratch = ep_arena_new();
    if (!scratch) return ep_fail_memory(err);
    const ep_status status = execute(folder, node, kernel, single, scratch, &inner);
    ep_arena_free(scratch);
    *done = status == EP_OK;
    if (status == EP_OK || status == EP_UNSUPPORTED) return EP_OK;
    (void)ep_fail_context(&inner, "node '%s' (%s): ", node->name, node->op_type);
    return ep_fail(err, status, "%s", inner.text);
}

/* Shapes first, then values as far as they are at hand. */
static ep_status fold_outputs(ep__folder *folder, const ep_node *node, ep_error *err)
{
    ep_network *network = folder->network;
    const ep__kernel *kernel = ep__kernel_find(node->op_type);
    const bool runs = kernel && kernel->run && inputs_at_hand(network, node, kernel);
    bool done = false;
    if (runs && (kernel->flags & EP__OWN_SHAPE) && is_quick(network, node, kernel)) {
        EP_TRY(try_execute(folder, node, kernel, false, &done, err));
    }
    if (done) return EP_OK;
    EP_TRY(ep_infer_shapes(network, node, err));
    if (!kernel || share_input(folder, node, kernel)) return EP_OK;
    if (!runs || (kernel->flags & EP__OWN_SHAPE)) return EP_OK;
    const bool single = (kernel->flags & EP__ONE_VALUE) ||
                        ((kernel->flags & EP__ELEMENTWISE) && all_single(network, node));
    if (!single && !is_quick(network, node, kernel)) return EP_OK;
    return try_execute(folder, node, kernel, single, &done, err);
}

static void set_constness(ep__folder *folder, const ep_node *node, ep_constness constness)
{
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == EP_NO_INDEX) continue;
        folder->network->tensors[node->outputs[i]].constness = constness;
    }
}

ep_status ep__fold(ep__folder *folder, const ep_node *node, ep_error *err)
{
    set_constness(folder, node, EP_CONST_UNKNOWN);
    EP_TRY(fold_outputs(folder, node, err));
    release_inputs(folder, node);
    return EP_OK;
}

ep_status ep__try_fold(ep__folder *folder, const ep_node *node, bool *folded, ep_error *err)
{
    ep_error why = {.status = EP_OK};
    set_constness(folder, node, EP_CONST_UNKNOWN);
    const ep_status status = fold_outputs(folder, node, &why);
    if (status != EP_OK && status != EP_UNSUPPORTED) return ep_fail(err, status, "%s", why.text);
    *folded = status == EP_OK;
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        const ep_tensor *output = ep_node_output(folder->network, node, i);
        if (output && output->constness == EP_CONST_UNKNOWN) *folded = false;
    }
    if (*folded) {
        release_inputs(folder, node);
        return EP_OK;
    }
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != EP_NO_INDEX) drop(folder, node->outputs[i]);
    }
    set_constness(folder, node, EP_VARIABLE);
    return EP_OK;
}
