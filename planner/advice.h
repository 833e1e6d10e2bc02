/* advice.h: private to planner. What would an engineer who knows the DLA say of a network?
 *
 * A finder looks at the whole plan for one thing, in time linear in layers and edges. It takes the
 * layers that are part of it, and when it is worth a word writes the text and the hint; a finder
 * that leaves the text empty has found nothing.
 */
#ifndef EP_ADVICE_H
#define EP_ADVICE_H

#include "planner/planner_internal.h"

/* What finders read. */
typedef struct ep__advisor {
    const ep_planned *planned;
    const ep_plan *plan;
    const ep_layers *layers;
    const ep_machine *machine;
    const double *layer_ns;
    ep_arena *arena;
    uint64_t macs; /* of all layers */
    double ns;     /* of all layers */
} ep__advisor;

/* What they write. */
typedef struct ep__finding {
    bool *member; /* per layer: taken */
    uint32_t n;   /* how many are */
    uint64_t macs;
    double ns;
    ep_text text, hint;
    ep_change change;
} ep__finding;

typedef ep_status (*ep__finder)(const ep__advisor *a, ep__finding *f, ep_error *err);

/* advice_patterns.c: of several layers that belong together. */
ep_status ep__find_squeeze_excite(const ep__advisor *a, ep__finding *f, ep_error *err);
ep_status ep__find_transformer(const ep__advisor *a, ep__finding *f, ep_error *err);
/* advice_ends.c: at the ends of the network. */
ep_status ep__find_detection_head(const ep__advisor *a, ep__finding *f, ep_error *err);
ep_status ep__find_preprocessing(const ep__advisor *a, ep__finding *f, ep_error *err);
ep_status ep__find_first_format(const ep__advisor *a, ep__finding *f, ep_error *err);
/* advice_layers.c: of what runs on the DLA, and how. */
ep_status ep__find_mac_waste(const ep__advisor *a, ep__finding *f, ep_error *err);
ep_status ep__find_fp16_convolution(const ep__advisor *a, ep__finding *f, ep_error *err);
ep_status ep__find_missing_scales(const ep__advisor *a, ep__finding *f, ep_error *err);
ep_status ep__find_shared_range(const ep__advisor *a, ep__finding *f, ep_error *err);
ep_status ep__find_islands(const ep__advisor *a, ep__finding *f, ep_error *err);

/* ---- helpers (advice.c) -------------------------------------------------------------------- */

/* Makes the layer part of the finding; again is no harm. */
void ep__take(const ep__advisor *a, ep__finding *f, uint32_t layer);

static inline const ep_layer *ep__layer(const ep__advisor *a, uint32_t l)
{
    return &a->layers->layers[l];
}
static inline const ep_tensor *ep__tensor(const ep__advisor *a, uint32_t t)
{
    return &a->layers->network->tensors[t];
}
static inline bool ep__on_dla(const ep__advisor *a, uint32_t l)
{
    return ep_device_is_dla(a->plan->device[l]);
}
/* The layer that writes what `t` shows; EP_NO_INDEX for a network input. */
static inline uint32_t ep__writer(const ep__advisor *a, uint32_t t)
{
    return a->layers->producer[a->layers->root[t]];
}
/* The DLA itself refuses the layer: no limit on combinations pushed it out. */
bool ep__is_refused(const ep__advisor *a, uint32_t l);

/* A few names, those of the greatest weight; of equal weight the first. */
#define EP__LISTED 4
typedef struct ep__names {
    uint32_t n; /* added, listed or not */
    struct {
        const char *name;
        double weight;
        double share; /* said behind the name in percent; negative: nothing */
    } listed[EP__LISTED];
} ep__names;

void ep__names_add(ep__names *names, const char *name, double weight, double share);
/* "'a', 'b' 12 % and 3 more", long names cut at the front. */
void ep__append_names(ep_text *out, const ep__names *names);
void ep__append_name(ep_text *out, const char *name);
/* "12 %", "1.2 %", "0 %", "<0.1 %" */
void ep__append_share(ep_text *out, double part, double whole);
/* "1 layer", "2 layers" */
void ep__append_count(ep_text *out, uint64_t n, const char *what);

/* (tensor, reader's device) pairs that cross devices and whose reader is a layer of the finding.
 * Counts a tensor once for each device that reads it. */
uint32_t ep__transitions_into(const ep__advisor *a, const ep__finding *f);
/* Subgraphs that hold a layer of the finding (`hold`) or exchange a tensor with one of them that is
 * not on the DLA (`touch`, those that hold one included). */
ep_status ep__count_subgraphs(const ep__advisor *a, const ep__finding *f, uint32_t *hold,
                              uint32_t *touch, ep_error *err);

#endif
