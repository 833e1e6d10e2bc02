/* Private to study/: hints to be followed. */
#ifndef EP_STUDY_HINTS_H
#define EP_STUDY_HINTS_H

#include "study/study.h"

/* A hint, and how it is followed. */
typedef struct ep__candidate {
    ep_hint hint;
    enum { EP__WRITE, EP__CUT, EP__KEEP_ON_GPU } how;
    uint32_t n_layers;
    const uint32_t *layers;     /* of the plan */
    const char *const *instead; /* EP__WRITE: per layer of these */
} ep__candidate;

/* Zero-initialise but for the first two. */
typedef struct ep__candidates {
    const ep_planned *planned;
    ep_arena *arena; /* of what candidates point to */
    uint32_t n, capacity;
    ep__candidate *at; /* malloc'ed, the caller's */
} ep__candidates;

ep_status ep__candidates_list(ep__candidates *candidates, const ep_advice *advice,
                              uint32_t n_advice, ep_error *err);

#endif
