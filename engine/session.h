/* Private to engine: networks while they run.
 *
 * A frame is one network being executed: the session's own, or the body of an If, Loop or Scan. It
 * has a cell per tensor. A cell shows an array; the bytes belong to a counted block, or to somebody
 * who keeps them longer than the cell is read (the file, the frame's planned memory, the caller).
 *
 * What a node's outputs look like is known before the run where its inputs' shapes are; otherwise
 * its shape function runs just before it, on the actual inputs, whose values are at hand then.
 */
#ifndef EP_ENGINE_SESSION_H
#define EP_ENGINE_SESSION_H

#include "engine/kernels.h"

/* ---- memory -------------------------------------------------------------------------------- */

/* Counts the bytes of values. */
typedef struct ep__memory {
    uint64_t limit; /* UINT64_MAX: none */
    uint64_t now, peak;
} ep__memory;

/* EP_NO_MEMORY beyond the limit: what is needed and how much is allowed. */
ep_status ep__memory_take(ep__memory *memory, uint64_t bytes, ep_error *err);
void ep__memory_give(ep__memory *memory, uint64_t bytes);

#define EP__ALIGNMENT 64 /* of every array that we make */

/* Bytes that several cells may show. */
typedef struct ep__block {
    ep__memory *memory; /* where they are counted */
    uint64_t bytes;
    uint32_t cells;
} ep__block;

typedef struct ep__cell {
    ep_array array;   /* dtype UNDEFINED: nothing */
    ep__block *block; /* NULL: the bytes belong to somebody else */
} ep__cell;

/* An array of that type and shape in a block of its own; its elements are anything. */
ep_status ep__cell_new(ep__memory *memory, ep_dtype dtype, const ep_shape *shape, ep__cell *out,
                       ep_error *err);
/* Shows the same bytes once more. */
ep__cell ep__cell_share(const ep__cell *cell);
void ep__cell_clear(ep__cell *cell);

/* Makes sure that the bytes are the cell's own. */
ep_status ep__cell_own(ep__memory *memory, ep__cell *cell, ep_error *err);

/* ---- frames -------------------------------------------------------------------------------- */

/* What the frames of a session share. */
typedef struct ep__context {
    uint32_t threads;
    ep__memory memory; /* values */
    ep__memory copies; /* constants that cannot be read where the file has them */
    ep_arena *scratch; /* of the kernel that runs */
    uint64_t max_work, work;
    uint64_t read; /* bytes of the file since its pages were let go */
    bool plain, keep_all;
    bool by_node; /* each node's results are looked at or rounded: nothing runs several at once */
} ep__context;

typedef struct ep__frame ep__frame;
typedef struct ep__numerics ep__numerics; /* numerics.h */

typedef ep_status (*ep__control)(ep__frame *frame, const ep_node *node, ep__frame *bodies,
                                 ep_error *err);

typedef struct ep__step {
    const ep__kernel *kernel; /* NULL: `control` */
    ep__control control;      /* runs an If, Loop or Scan */
    ep__frame *bodies;
    uint32_t n_bodies;
    bool once; /* depends on constants alone: run when the frame is made */
} ep__step;

/* A part of the planned memory that is no tensor's array: alive from node `first` to node `last`
 * (EP_NO_INDEX: from then on). */
typedef struct ep__piece {
    uint64_t bytes;
    uint32_t first, last;
    void *data; /* once planned */
} ep__piece;

/* What is run in integers in place of kernels, see integer.h. */
typedef struct ep__integer ep__integer;
/* What oneDNN runs in place of kernels, see fused.h. */
typedef struct ep__fused ep__fused;

struct ep__frame {
    ep__context *context;
    const ep_network *network;
    bool is_body;
    ep_network shapes;      /* the network with tensors of its own, in which shapes are inferred */
    ep__cell *cells;        /* per tensor */
    bool *lasting;          /* per tensor: its cell stays from run to run */
    bool *kept;             /* per tensor: an input whose bytes are seen after the run */
    uint32_t *last_reader;  /* per tensor: the node after which its cell is cleared; EP_NO_INDEX:
                               none */
    ep__step *steps;        /* per node */
    double *node_ns;        /* per node */
    ep_array *operands;     /* inputs, then outputs, of the node that runs */
    ep__cell places;        /* the planned memory */
    void **place;           /* per tensor: where in it; NULL: a block of its own */
    ep__numerics *numerics; /* of a plan; NULL: as the network has it */
    ep__piece *pieces;      /* other parts of it */
    uint32_t n_pieces, piece_room;
    ep__integer *integer; /* NULL: nothing is run in integers */
    ep__fused *fused;     /* NULL: every node is run by its kernel */
};

/* Free with ep__frame_free, also after errors. */
ep_status ep__frame_init(ep__frame *frame, const ep_network *network, bool is_body,
                         ep__context *context, ep_error *err);
void ep__frame_free(ep__frame *frame);

/* Finds where tensors are read for the last time; what is never read goes after its producer. */
void ep__find_last_readers(ep__frame *frame);

/* For the session's own network: runs what depends on constants alone, marks the inputs to be kept,
 * plans the memory. */
ep_status ep__frame_prepare(ep__frame *frame, ep_error *err);

/* Runs the nodes that depend on constants alone; their results last. */
ep_status ep__frame_run_once(ep__frame *frame, ep_error *err);
/* Runs the other nodes. The cells of the network's inputs are set; those of its outputs hold the
 * results until ep__frame_clear. */
ep_status ep__frame_run(ep__frame *frame, ep_error *err);
/* Clears what the run was given and computed. */
void ep__frame_clear(ep__frame *frame);

/* Counts steps of a run; EP_INFEASIBLE beyond the limit. */
ep_status ep__spend_work(ep__context *context, uint64_t steps, ep_error *err);

/* ---- memory plan --------------------------------------------------------------------------- */

/* True when the types and shapes of all outputs of the node stand in the network. */
bool ep__outputs_known(const ep_network *network, const ep_node *node);

/* Gives places to the tensors of known shape. `root`: per tensor, whose bytes it shows.
 * EP_NO_MEMORY names the node at which the limit is passed. */
ep_status ep__plan_memory(ep__frame *frame, const uint32_t *root, ep_error *err);

/* Adds a piece that is alive at node `at`; `*index` is its number. */
ep_status ep__add_piece(ep__frame *frame, uint64_t bytes, uint32_t at, uint32_t *index,
                        ep_error *err);

/* ---- control flow -------------------------------------------------------------------------- */

ep_status ep__run_if(ep__frame *frame, const ep_node *node, ep__frame *bodies, ep_error *err);
ep_status ep__run_loop(ep__frame *frame, const ep_node *node, ep__frame *bodies, ep_error *err);
ep_status ep__run_scan(ep__frame *frame, const ep_node *node, ep__frame *bodies, ep_error *err);

/* Shows a body what it captures from the frame around it, which runs `node`. */
void ep__bind_captures(ep__frame *body, const ep__frame *outer, const ep_node *node);

/* Arrays of one type and shape, one after the other. */
typedef struct ep__stack {
    ep__cell cell; /* rank 1 higher; its first dimension is room for so many */
    ep_shape row;
    uint64_t row_bytes, count;
} ep__stack;

ep_status ep__stack_push(ep__stack *stack, ep__memory *memory, const ep_array *row, ep_error *err);

/* ---- constants ----------------------------------------------------------------------------- */

/* Sets the cells of the constants that nodes read and that are outputs. Large ones show the file,
 * where they may be unaligned, until they are settled. */
ep_status ep__load_constants(ep__frame *frame, ep_error *err);
/* Copies those of the tensors with `read[tensor]` that a kernel cannot read in the file. */
ep_status ep__settle_constants(ep__frame *frame, const bool *read, ep_error *err);
/* Marks the tensors that the node reads. */
void ep__mark_read(const ep_node *node, bool *read);
/* To be called after `bytes` of the file have been read that need not stay in memory. */
void ep__has_read(ep__frame *frame, uint64_t bytes);

#endif
