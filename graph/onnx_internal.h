/* This file is private to graph/: the parts of the ONNX importer.
 *
 *   onnx_wire      bytes -> ModelProto without weights
 *   onnx_import    ModelProto -> network: the order of things, inputs, outputs, stated shapes
 *   onnx_scope     what names mean: tensors, unique names, operator set versions
 *   onnx_node      NodeProto -> node, or a constant
 *   onnx_attr      AttributeProto -> attribute
 *   onnx_function  calls of local functions -> the nodes of their bodies
 *   onnx_capture   what subgraphs read from outside
 *   onnx_body      subgraphs -> networks
 *   onnx_data      TensorProto -> constant
 *   onnx_external  data in other files
 *   onnx_sort      topological order
 *
 * and, on top of them, onnx_rewrite.h: a file written anew.
 *
 * The unpacked message lives in a scratch arena until the import ends; what the network keeps is
 * copied into its own arena. Every message begins with the path of the file; a name from the file
 * is cut to 200 bytes in it, so that the rest of the line survives.
 */
#ifndef EP_ONNX_INTERNAL_H
#define EP_ONNX_INTERNAL_H

#include "graph/graph.h"
#include "onnx.pb-c.h"

/* Data of up to this many bytes is copied, larger data stays in the file. */
#define EP__INLINE_BYTES 1024

/* Fields of TensorProto that hold data, and what is never read from a file. */
enum {
    EP__ONNX_FLOAT_DATA = 4,
    EP__ONNX_INT32_DATA = 5,
    EP__ONNX_INT64_DATA = 7,
    EP__ONNX_RAW_DATA = 9,
    EP__ONNX_DOUBLE_DATA = 10,
    EP__ONNX_UINT64_DATA = 11,
    EP__ONNX_FIRST_PRIVATE = 10000,
};

/* TensorProto.data_location: its data is in another file */
enum { EP__ONNX_EXTERNAL = 1 };

/* AttributeProto.type */
enum {
    EP__ONNX_ATTR_FLOAT = 1,
    EP__ONNX_ATTR_INT = 2,
    EP__ONNX_ATTR_STRING = 3,
    EP__ONNX_ATTR_TENSOR = 4,
    EP__ONNX_ATTR_GRAPH = 5,
    EP__ONNX_ATTR_FLOATS = 6,
    EP__ONNX_ATTR_INTS = 7,
    EP__ONNX_ATTR_STRINGS = 8,
    EP__ONNX_ATTR_GRAPHS = 10,
};

/* ---- state of an import -------------------------------------------------------------------- */

/* A tensor while the network grows. */
typedef struct ep__slot {
    ep_tensor tensor;
    bool defined;         /* an input, a constant, a capture, or made by a node seen so far */
    uint32_t captured_by; /* last node whose subgraphs capture it, counted from 1 */
    uint32_t captured_at; /* which of that node's inputs it is */
} ep__slot;

/* A network while it grows: of the file, or of the body of an If, Loop or Scan. */
typedef struct ep__graph {
    int level; /* 0: of the file; 1: the body of one of its nodes; ... */
    ep__slot *slots;
    uint32_t n_slots, slots_capacity;
    ep_node *nodes;
    uint32_t n_nodes, nodes_capacity;
    uint32_t *list; /* the inputs of the node that is being made */
    uint32_t n_list, list_capacity;
    ep_names *tensor_names, *node_names; /* of the network; value: see ep__unique_name */
} ep__graph;

typedef struct ep__scope ep__scope;

/* What a body may capture, and what it does. */
typedef struct ep__body {
    const ep__scope *outer; /* where the node that has it is */
    const ep__graph *graph; /* of `outer` */
    uint32_t node;          /* that node in `graph`, counted from 1 */
    ep_capture *captures;
    uint32_t n_captures, capacity;
} ep__body;

/* What an attribute of a local function stands for in one call. */
typedef struct ep__binding {
    const EpOnnx__AttributeProto *value;
    const ep__scope *scope; /* where the names in a subgraph `value` belong */
} ep__binding;

/* What names mean: in the graph of the file, in a body, or in one call of a local function. */
struct ep__scope {
    int level;              /* of the graph that `tensors` are in */
    ep__body *body;         /* NULL when there is nothing around to capture */
    const char *prefix;     /* "", or "CALL/" */
    ep_names *tensors;      /* name in the file -> slot, or EP__ABSENT */
    const ep_names *opsets; /* domain -> version */
    ep_names *attributes;   /* name -> binding; NULL outside functions */
    ep__binding *bindings;
};

/* An optional input that the call of a function leaves out. */
#define EP__ABSENT (EP_NO_INDEX - 1)

typedef struct ep__function {
    const EpOnnx__FunctionProto *proto;
    ep_names *opsets; /* NULL until the first call */
    bool active;      /* being inlined: a call would be a recursion */
} ep__function;

typedef struct ep__importer {
    ep_arena *arena;   /* of the network */
    ep_arena *scratch; /* until the import ends */
    const char *path;
    const char *folder; /* NULL: no external data */
    ep_map model;       /* or the caller's bytes */
    bool mapped;        /* `model` is a mapping, of which pages may be forgotten */
    ep_error *err;

    ep__graph graph;  /* that is being made */
    ep_names *opsets; /* of the file */

    ep__function *functions;
    uint32_t n_functions;
    ep_names *function_index; /* NULL when there are none */
    uint32_t call_depth;
    uint64_t expanded; /* nodes, operands and attributes that calls have made */

    ep_map *maps;
    uint32_t n_maps, maps_capacity;
    uint32_t external_reads; /* of small tensors */
    ep_names *map_index;     /* location in the file (relative), real path (absolute) -> map */
} ep__importer;

/* ---- onnx_wire ----------------------------------------------------------------------------- */

/* Unpacks `im->model` into the scratch arena. Large data of tensors is not copied: a Chunk says
 * where in the file it is, and is within bounds. Errors: EP_BAD_MODEL, EP_NO_MEMORY. */
ep_status ep__onnx_unpack(const ep__importer *im, const EpOnnx__ModelProto **out);
/* The same for a file that holds one tensor. */
ep_status ep__onnx_unpack_tensor(const ep__importer *im, const EpOnnx__TensorProto **out);

/* Reading a byte of a mapping may make megabytes around it resident, which adds up. So after
 * walking over this much, what has been read is forgotten. */
#define EP__FORGET_BYTES ((size_t)16 << 20)
static inline void ep__forget_model(const ep__importer *im)
{
    if (im->mapped) ep_map_forget(&im->model);
}

/* ---- onnx_import --------------------------------------------------------------------------- */

/* Fills `network` (zeroed but for its arena and path; maps are left to the caller). */
ep_status ep__onnx_import(ep__importer *im, const EpOnnx__ModelProto *model, ep_network *network);

/* The same for one graph: `im->graph` is new and `scope` empty. */
ep_status ep__import_graph(ep__importer *im, ep__scope *scope, const EpOnnx__GraphProto *graph,
                           ep_network *network);

/* Makes `graph` empty. Free with ep__graph_free, also after errors. */
ep_status ep__graph_init(ep__graph *graph, int level, ep_error *err);
void ep__graph_free(ep__graph *graph);

/* ---- network ------------------------------------------------------------------------------- */

/* The folder of `path`, NULL when out of memory; the caller frees it. */
char *ep__folder_of(const char *path);

/* ---- onnx_scope ---------------------------------------------------------------------------- */

/* "" for an absent string. */
static inline const char *ep__text(const char *text)
{
    return text ? text : "";
}

/* "ai.onnx" is "". */
const char *ep__domain(const char *domain);

/* `name`, or when `taken` has it already `name`_2, _3, ..., then put into `taken`. `*out` is in the
 * network's arena. */
ep_status ep__unique_name(ep__importer *im, ep_names *taken, const char *name, const char **out);

/* The tensor that `name` means in `scope`, made on first sight; EP_NO_INDEX for "" and for an
 * optional operand that was left out. */
ep_status ep__use(ep__importer *im, const ep__scope *scope, const char *name, uint32_t *out);

/* The same for the place that gives the tensor its value; `name` is not "". EP_BAD_MODEL when there
 * is such a place already. */
ep_status ep__define(ep__importer *im, const ep__scope *scope, const char *name, uint32_t *out);

/* A constant outside every scope, its name made unique. */
ep_status ep__add_constant(ep__importer *im, const char *name, const EpOnnx__TensorProto *proto,
                           uint32_t *out);

/* Domains and versions; ONNX's own must be one we know, if it is there. `where` is for messages.
 * The caller frees `*out`, also after an error. */
ep_status ep__read_opsets(ep__importer *im, EpOnnx__OperatorSetIdProto *const *protos, size_t count,
                          const char *where, ep_names **out);

/* EP_UNSUPPORTED when the node's operator is of an opset too old. */
ep_status ep__check_opset(ep__importer *im, const ep_node *node);

/* Counts what local functions expand to; EP_UNSUPPORTED when it is too much. */
ep_status ep__spend(ep__importer *im, uint64_t amount);

/* Appends to `im->list`. */
ep_status ep__list_add(ep__importer *im, uint32_t tensor);

/* ---- onnx_node ----------------------------------------------------------------------------- */

ep_status ep__import_nodes(ep__importer *im, const ep__scope *scope,
                           EpOnnx__NodeProto *const *protos, size_t count);

/* The unique name of the `index`-th node of its graph or function. */
ep_status ep__node_name(ep__importer *im, const ep__scope *scope, const EpOnnx__NodeProto *proto,
                        size_t index, const char **out);

/* Appends a node, copying its operands into the arena and making it the producer of its outputs,
 * which are defined. */
ep_status ep__add_node(ep__importer *im, ep_node *node, const uint32_t *inputs,
                       const uint32_t *outputs);

/* ---- onnx_attr ----------------------------------------------------------------------------- */

/* What the attribute stands for in `scope`: itself, or what a reference refers to. `value` is NULL
 * when that was left out. */
ep__binding ep__resolve(const ep__scope *scope, const EpOnnx__AttributeProto *attribute);

/* AttributeProto.type, deduced where an old file lacks it; 0 when there is no value. */
int ep__attr_type(const EpOnnx__AttributeProto *attribute);

/* Sets `node->attrs`; `node->name` is there already. Bodies are left to ep__import_bodies. */
ep_status ep__import_attributes(ep__importer *im, const ep__scope *scope,
                                const EpOnnx__NodeProto *proto, ep_node *node);

/* ---- onnx_function ------------------------------------------------------------------------- */

ep_status ep__register_functions(ep__importer *im, const EpOnnx__ModelProto *model);

/* The function that the node calls, or NULL. */
ep_status ep__find_function(ep__importer *im, const EpOnnx__NodeProto *proto, ep__function **out);

/* Imports the function's nodes in place of the call. */
ep_status ep__call_function(ep__importer *im, const ep__scope *scope, const EpOnnx__NodeProto *call,
                            size_t index, ep__function *function);

/* ---- onnx_capture -------------------------------------------------------------------------- */

/* Appends to `im->list` what `graph`, a subgraph of the node made next, reads from `scope`. */
ep_status ep__capture(ep__importer *im, const ep__scope *scope, const EpOnnx__GraphProto *graph);

/* ---- onnx_body ----------------------------------------------------------------------------- */

/* Imports the bodies of the node made next, whose captures have been listed, into its attributes.
 * A body that is none we can execute stays NULL: whoever plans does not need it. */
ep_status ep__import_bodies(ep__importer *im, const ep__scope *scope,
                            const EpOnnx__NodeProto *proto, const ep_node *node);

/* ---- onnx_data, onnx_external -------------------------------------------------------------- */

/* Sets dtype, shape, constness and data. `name` is for messages. */
ep_status ep__read_tensor(ep__importer *im, const EpOnnx__TensorProto *proto, const char *name,
                          ep_tensor *out);

/* Sets the data to these bytes, copied when they are few; else they must outlive the network. */
ep_status ep__set_data(ep__importer *im, ep_tensor *tensor, const void *bytes, uint64_t size);

/* Where the `needed` bytes of a tensor with external data are. */
ep_status ep__find_external(ep__importer *im, const EpOnnx__TensorProto *proto, const char *name,
                            uint64_t needed, const uint8_t **out);

/* ---- onnx_sort ----------------------------------------------------------------------------- */

/* Puts `im->nodes` into topological order, keeping the file's order where it is one already.
 * EP_BAD_MODEL for a cycle. */
ep_status ep__sort_nodes(ep__importer *im);

#endif
