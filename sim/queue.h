/* Private to the timeline: the queries of a source, from being asked to being answered. */
#ifndef EP_SIM_QUEUE_H
#define EP_SIM_QUEUE_H

#include "sim/sim.h"

typedef struct ep__queue {
    const ep_source *source;
    double warm_ns; /* queries asked from here count */
    int64_t per;    /* images of a query; 1 of EP_ALWAYS, whose queries are batches */
    uint32_t room;  /* queries that there can be */
    uint32_t n_asked, n_done;
    uint64_t taken;     /* images; those of a query follow one another */
    double *asked_ns;   /* per query */
    int64_t *left;      /* per query: images that are not done */
    double *latency_ns; /* of those that count, as they are answered */
    uint32_t n_latencies, n_late;
} ep__queue;

/* Room for all queries of source `index` of the options. EP_UNSUPPORTED: too many. */
ep_status ep__queue_make(const ep_timeline_options *options, uint32_t index, ep_arena *arena,
                         ep__queue *out, ep_error *err);

/* When the next query is asked, if time alone decides that; else INFINITY. */
double ep__queue_next_ns(const ep__queue *queue);
/* Asks what is due. */
void ep__queue_ask(ep__queue *queue, double now_ns);
/* Takes up to `most` images for a batch; none left: 0. `*first` names them. */
int64_t ep__queue_take(ep__queue *queue, int64_t most, double now_ns, uint64_t *first);
/* The `n` images from `first` are done. */
void ep__queue_done(ep__queue *queue, uint64_t first, int64_t n, double now_ns);
/* Sorts the latencies; what is unanswered at the end may be late. */
ep_source_result ep__queue_result(ep__queue *queue, double end_ns);

#endif
