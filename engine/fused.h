/* Private to engine: what oneDNN runs of a frame, in place of the kernels of its nodes.
 *
 * A node is left to its kernel where oneDNN lacks it or is no faster, where its shapes are not
 * known before the run, and everywhere in a build without oneDNN (EP_ONEDNN): then there is no
 * ep__fused and nothing here is called.
 */
#ifndef EP_ENGINE_FUSED_H
#define EP_ENGINE_FUSED_H

#include "engine/session.h"

#ifdef EP_ONEDNN

/* Compiles the frame's nodes. `root`: per tensor, whose bytes it shows. Sets frame->fused; what it
 * needs of memory it adds to frame->pieces. */
ep_status ep__fused_make(ep__frame *frame, const uint32_t *root, ep_error *err);
/* After the memory has been planned. */
ep_status ep__fused_place(ep__frame *frame, ep_error *err);
void ep__fused_free(ep__fused *fused); /* accepts NULL */

/* True when the node's kernel is not run. */
bool ep__is_fused(const ep__fused *fused, uint32_t node);
/* The node whose time it is that node `node` takes: of an epilogue, what it follows. */
uint32_t ep__fused_anchor(const ep__fused *fused, uint32_t node);
/* Marks the tensors whose arrays are read. */
void ep__fused_mark_read(const ep__fused *fused, bool *read);
/* Runs what is compiled for the node, or has to be done before its kernel runs. */
ep_status ep__fused_run(ep__frame *frame, uint32_t node, ep_error *err);

#else

static inline ep_status ep__fused_place(ep__frame *frame, ep_error *err)
{
    (void)frame;
    (void)err;
    return EP_OK;
}
static inline void ep__fused_free(ep__fused *fused)
{
    (void)fused;
}
static inline bool ep__is_fused(const ep__fused *fused, uint32_t node)
{
    (void)fused;
    (void)node;
    return false;
}
static inline uint32_t ep__fused_anchor(const ep__fused *fused, uint32_t node)
{
    (void)fused;
    return node;
}
static inline void ep__fused_mark_read(const ep__fused *fused, bool *read)
{
    (void)fused;
    (void)read;
}
static inline ep_status ep__fused_run(ep__frame *frame, uint32_t node, ep_error *err)
{
    (void)frame;
    (void)node;
    (void)err;
    return EP_OK;
}

#endif

#endif
