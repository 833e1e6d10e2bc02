/* Private to engine: networks compiled for oneDNN.
 *
 * The nodes are walked once, in their order. A node that has a converter becomes an action: a
 * primitive of oneDNN and where its operands lie. What follows it and reads nothing but its result
 * (a bias, an activation, the other side of a residual sum) becomes the action's epilogue, which is
 * computed while the result is at hand; the action then takes the place of the last of these nodes,
 * and the others do nothing.
 *
 * A tensor has a form: a layout (a oneDNN memory descriptor, of the tensor's own dimensions in
 * their order) and a place. The layout is the one that its producer likes best, mostly channels
 * last; a converter whose primitive wants another asks for it and gets a reorder. A kernel reads
 * dense row-major arrays only, so that a tensor whose form is another gets a dense copy before the
 * first kernel that reads it. A transposition is a form that shows the same bytes.
 */
#ifndef EP_ENGINE_ONEDNN_PROGRAM_H
#define EP_ENGINE_ONEDNN_PROGRAM_H

#include <oneapi/dnnl/dnnl.h>

#include "engine/fused.h"

typedef enum ep__where {
    EP__IN_CELL,     /* index: a tensor; its array, dense */
    EP__IN_PIECE,    /* index: a piece of the frame's planned memory */
    EP__IN_CONSTANT, /* index: a constant of the program */
} ep__where;

typedef struct ep__form {
    dnnl_memory_desc_t md;
    ep__where where;
    uint32_t index;
} ep__form;

/* What an action does that has no primitive. `data`: per argument. */
typedef struct ep__action ep__action;
typedef void (*ep__action_function)(const ep__action *action, void *const *data, uint32_t threads);

typedef struct ep__place {
    ep__where where;
    uint32_t index;
} ep__place;

struct ep__action {
    dnnl_primitive_t primitive; /* NULL: `function` */
    ep__action_function function;
    void *context; /* of the function, in the program's arena */
    uint32_t n_args;
    dnnl_exec_arg_t *args;
    ep__place *places; /* per argument */
    uint32_t shows;    /* the tensor whose array the last argument is; EP_NO_INDEX: none */
};

/* Values that the compiler made: packed weights, folded biases. */
typedef struct ep__constant {
    void *data;
    uint64_t bytes;
} ep__constant;

/* A range of the actions, and whether the node's kernel runs after them. */
typedef struct ep__fused_step {
    uint32_t first, count;
    bool fused;
    uint64_t work;   /* steps to be counted */
    uint32_t anchor; /* the node whose time it is: of an epilogue, that which it follows */
} ep__fused_step;

/* ---- epilogues ----------------------------------------------------------------------------- */

enum { EP__MOST_POSTS = 8 };

typedef enum ep__post_kind { EP__POST_ELTWISE, EP__POST_SUM, EP__POST_BINARY } ep__post_kind;

typedef struct ep__post {
    ep__post_kind kind;
    dnnl_alg_kind_t alg; /* of ELTWISE and BINARY */
    float alpha, beta;
    uint32_t operand; /* SUM: a tensor of the result's shape; BINARY: a constant, which repeats */
    const ep__form *form; /* NULL, or the operand of a BINARY that is no tensor */
    uint32_t out;         /* the tensor after it */
    uint32_t node;        /* that gives it */
    uint32_t n_nodes;     /* of the chain up to here, first ones in ep__chain.nodes */
} ep__post;

/* The nodes after a result that may become its action's epilogue. */
typedef struct ep__chain {
    bool as_matrix; /* the result is computed as a matrix: all dimensions but the last are rows */
    uint32_t n_posts;
    ep__post posts[EP__MOST_POSTS];
    uint32_t n_nodes;
    uint32_t nodes[6 * EP__MOST_POSTS];
} ep__chain;

/* ---- compiling ----------------------------------------------------------------------------- */

/* An action whose place is at a later node: its epilogue reads what is computed until there. */
typedef struct ep__pending ep__pending;
struct ep__pending {
    ep__pending *next;     /* of all */
    uint32_t anchor, last; /* the node, and that which gives `out` when there is no epilogue */
    uint32_t out;          /* tensor */
    uint32_t sum;          /* the tensor that is added in place; EP_NO_INDEX: none */
    dnnl_primitive_desc_t pd;
    uint32_t n_args;
    int ids[4 + EP__MOST_POSTS];
    ep__form forms[4 + EP__MOST_POSTS];
    dnnl_memory_desc_t dst;
};

struct ep__fused {
    ep__frame *frame;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    ep_arena *arena; /* lives as long as the program */
    ep__action *actions;
    uint32_t n_actions, action_room;
    ep__constant *constants;
    uint32_t n_constants, constant_room;
    ep__fused_step *steps; /* per node */
};

/* While compiling. */
typedef struct ep__compiler {
    ep__fused *fused;
    ep__frame *frame;
    const ep_network *network;
    ep_arena *arena;       /* lives as long as the compiler */
    const uint32_t *root;  /* per tensor: whose bytes its array shows */
    uint32_t *owner;       /* per tensor: the one whose bytes its form shows */
    uint32_t *last_use;    /* per owner: the last node that reads these; EP_NO_INDEX: later */
    uint32_t *reader_at;   /* per tensor: where its readers begin in `readers`; one more */
    uint32_t *readers;     /* nodes; a node that reads a tensor twice is there twice */
    bool *is_output;       /* per tensor */
    ep__form **forms;      /* per tensor: NULL: dense, in its cell or that of its root */
    uint32_t *dense_piece; /* per tensor: the piece that its array is; EP_NO_INDEX: its cell */
    bool *has_array;       /* per tensor: there is a dense array of it */
    ep__pending **pending; /* per node */
    ep__pending *all_pending;
    bool *absorbed; /* per node: part of an action that stands elsewhere */
    uint32_t at;    /* the node that actions are made for */
} ep__compiler;

/* Sets `*taken` when the node is compiled. */
typedef ep_status (*ep__converter)(ep__compiler *c, uint32_t node, bool *taken, ep_error *err);

ep_status ep__convert_conv(ep__compiler *c, uint32_t node, bool *taken, ep_error *err);
ep_status ep__convert_product(ep__compiler *c, uint32_t node, bool *taken, ep_error *err);
ep_status ep__convert_pool(ep__compiler *c, uint32_t node, bool *taken, ep_error *err);
ep_status ep__convert_norm(ep__compiler *c, uint32_t node, bool *taken, ep_error *err);
ep_status ep__convert_concat(ep__compiler *c, uint32_t node, bool *taken, ep_error *err);
ep_status ep__convert_transpose(ep__compiler *c, uint32_t node, bool *taken, ep_error *err);
ep_status ep__convert_pointwise(ep__compiler *c, uint32_t node, bool *taken, ep_error *err);

/* ---- forms --------------------------------------------------------------------------------- */

/* The type of oneDNN; dnnl_data_type_undef when it lacks it. */
dnnl_data_type_t ep__dnnl_type(ep_dtype dtype);
/* Dense row-major. False: a type or shape that oneDNN does not take (no elements, rank 0). */
bool ep__dense_md(const ep_tensor *tensor, dnnl_memory_desc_t *out);
bool ep__is_dense(const dnnl_memory_desc_t *md);
/* Any layout. */
void ep__any_layout(dnnl_memory_desc_t *md);

/* The form of tensor `t`, of known shape. False when oneDNN cannot have one. */
bool ep__form_of(const ep__compiler *c, uint32_t t, ep__form *out);
/* The same in the layout `md`: reordered unless it is that already. */
ep_status ep__form_as(ep__compiler *c, uint32_t t, const dnnl_memory_desc_t *md, ep__form *out,
                      ep_error *err);
/* The values of a constant, aligned: where they lie, or in `*copy`, to be freed. NULL: no memory.
 */
const float *ep__weights(const ep__compiler *c, uint32_t t, float **copy);
/* Values, which `from` describes, in the layout `md`, packed now. NULL is EP_NO_MEMORY. */
ep_status ep__pack(ep__compiler *c, const float *values, const dnnl_memory_desc_t *from,
                   const dnnl_memory_desc_t *md, ep__form *out, ep_error *err);
/* `bytes` of the program's, zeroed. */
ep_status ep__new_constant(ep__compiler *c, const dnnl_memory_desc_t *md, ep__form *out,
                           void **data, ep_error *err);
/* The values of a constant, FLOAT tensor, aligned when they are few (see ep__load_constants); NULL
 * when it is none. */
const float *ep__constant_floats(const ep__compiler *c, uint32_t t);

/* A BatchNormalization of one output whose parameters are constant, and what it multiplies channel
 * `i` by and adds. */
bool ep__is_inference_norm(const ep__compiler *c, const ep_node *node);
void ep__norm_factors(const ep__compiler *c, const ep_node *node, uint64_t i, float *scale,
                      float *shift);

/* A new piece of memory in that layout, alive from here. */
ep_status ep__new_piece(ep__compiler *c, const dnnl_memory_desc_t *md, ep__form *out,
                        ep_error *err);
/* Makes sure that a kernel can read tensor `t` at c->at, and until its last use. */
ep_status ep__need_array(ep__compiler *c, uint32_t t, ep_error *err);
/* Tensor `t` has that form, too. */
ep_status ep__remember(ep__compiler *c, uint32_t t, const ep__form *form, ep_error *err);
/* Tensor `t` is in that form, which shows bytes of tensor `of`. */
ep_status ep__set_alias(ep__compiler *c, uint32_t t, uint32_t of, const ep__form *form,
                        ep_error *err);

/* ---- actions ------------------------------------------------------------------------------- */

/* Appends an action that runs `pd`, for node c->at. The last of the arguments is what it writes;
 * when it is all of tensor `out` (EP_NO_INDEX: of none), that gets its form. Takes over `pd`. */
ep_status ep__emit(ep__compiler *c, dnnl_primitive_desc_t pd, uint32_t n_args, const int *ids,
                   const ep__form *forms, uint32_t out, ep_error *err);

/* The same that calls `function`, with at most 64 arguments. */
ep_status ep__emit_function(ep__compiler *c, ep__action_function function, void *context,
                            uint32_t n_args, const ep__form *forms, uint32_t out, ep_error *err);
ep_status ep__emit_reorder(ep__compiler *c, const ep__form *from, const ep__form *to,
                           ep_error *err);

/* From now on OpenMP splits this thread's work among so many; returns among how many before. */
uint32_t ep__set_threads(uint32_t threads);

/* EP_NO_MEMORY or EP_UNSUPPORTED for a failure of oneDNN's. */
ep_status ep__dnnl(dnnl_status_t status, ep_error *err);

/* NULL where oneDNN has no implementation whose results do not depend on the number of threads, or
 * only the one that is there for reference. */
dnnl_primitive_desc_t ep__make_pd(const ep__compiler *c, const void *op_desc,
                                  const_dnnl_primitive_attr_t attr);

/* Finds what may follow the result `t` of a node. */
void ep__find_chain(const ep__compiler *c, uint32_t t, bool as_matrix, ep__chain *out);
/* The activation that the node is, of its input 0. */
bool ep__activation_of(const ep__compiler *c, const ep_node *node, ep__post *out);
/* The layout of a BINARY post's operand: with as many dimensions as the result has, or as rows of a
 * matrix. False when it does not fit. */
bool ep__operand_md(const ep__compiler *c, const ep__chain *chain, const ep__post *post,
                    dnnl_memory_desc_t *out);
/* Attributes with the first `n` posts of the chain; NULL when out of memory or impossible. */
dnnl_primitive_attr_t ep__attributes(const ep__compiler *c, const ep__chain *chain, uint32_t n);

/* Makes the primitive's description; NULL where oneDNN lacks it. */
typedef dnnl_primitive_desc_t (*ep__pd_maker)(const ep__compiler *c, const void *context,
                                              const_dnnl_primitive_attr_t attr);

/* Makes a pending action with the longest epilogue that oneDNN has: the first `*n` posts of the
 * chain, at least `least`. `*out` is NULL when it lacks even the primitive without any. */
ep_status ep__new_pending(ep__compiler *c, const ep__chain *chain, ep__pd_maker make,
                          const void *context, uint32_t least, ep__pending **out, uint32_t *n,
                          ep_error *err);
/* Gives it its place. Set are anchor, last, out, dst, and in `ids` and `forms` what the primitive
 * reads without its epilogue. */
ep_status ep__schedule(ep__compiler *c, ep__pending *p, const ep__chain *chain, uint32_t n,
                       ep_error *err);
/* Emits what is pending at c->at. */
ep_status ep__emit_pending(ep__compiler *c, ep_error *err);

#endif
