/* Private to the timeline: its state. */
#ifndef EP_SIM_TIMELINE_H
#define EP_SIM_TIMELINE_H

#include "sim/queue.h"

/* A batch on its way. */
typedef struct ep__slot {
    enum { EP__SLOT_FREE, EP__SLOT_READY, EP__SLOT_RUNNING, EP__SLOT_SUBMITTING } state;
    uint32_t order; /* index into the uses in order */
    uint32_t step;
    uint64_t frame;
    double begin_ns; /* of the batch */
    double since_ns; /* ready or running since */
    bool keeps_unit; /* ready, and in the middle of a loadable */
    double end_ns;   /* of a submission */
    uint64_t first_image;
    int64_t n_images;
} ep__slot;

typedef struct ep__running {
    ep__slot *slot; /* NULL: idle */
    const ep_step *step;
    double ns; /* the whole step takes at its share */
    double end_ns;
    double used_gbps, alone_gbps;
    ep_watts watts;
} ep__running;

typedef struct ep__use {
    const ep_engine_use *use;
    const ep_source *source;
    uint32_t index;  /* as the caller numbers it */
    ep__slot *slots; /* in_flight of them */
    uint32_t n_in_flight;
    uint64_t n_begun;
    /* of batches that ended in the window */
    uint32_t n_batches;
    int64_t images, first_images;
    double first_end_ns, last_end_ns, latency_ns;
} ep__use;

typedef struct ep__timeline {
    const ep_timeline_options *options;
    const ep_point *point;
    double now_ns;
    uint32_t n_slots;
    ep__slot *slots; /* by order of their uses */
    ep__use *uses;
    ep__queue *queues; /* per source */
    ep__running units[EP_UNIT_COUNT];
    double cpu_gbps; /* what the CPU gets */
    double capacity_gbps;
    bool is_limited; /* some unit gets less bandwidth than it asks for */
    bool is_stale;   /* a unit began or ended a step since memory was shared */
    ep_timeline *out;
} ep__timeline;

/* Runs all events up to options->end_ns. */
void ep__timeline_events(ep__timeline *timeline);

#endif
