/* Private to study/: the steps of a validation. */
#ifndef EP_STUDY_INTERNAL_H
#define EP_STUDY_INTERNAL_H

#include "study/study.h"

/* ---- csv.c --------------------------------------------------------------------------------- */

typedef struct ep__csv_row {
    size_t line; /* on which it begins, 1-based */
    uint32_t n;
    const char *const *fields; /* terminated; without zero bytes inside */
} ep__csv_row;

/* Splits CSV (RFC 4180; LF or CRLF, a byte order mark is skipped, empty lines are no rows) into
 * rows, the header among them. EP_BAD_FILE names file and line. */
ep_status ep__csv_parse(const char *text, size_t size, const char *path, ep_arena *arena,
                        uint32_t *n_rows, const ep__csv_row **rows, ep_error *err);

/* ---- cache.c ------------------------------------------------------------------------------- */

/* Machines and models that rows share, each loaded once; they live as long as the cache. What
 * cannot be loaded fails each time with the same words. */
typedef struct ep__cache ep__cache;

/* `folder`: of the models; `hardware`: of every machine; of a key that a row sets itself, the row's
 * value holds. Both must outlive the cache. */
ep_status ep__cache_new(const char *folder, const ep_machine_options *hardware, ep__cache **out,
                        ep_error *err);
void ep__cache_free(ep__cache *cache); /* accepts NULL */
/* The machine of a row, with the row's sets. */
ep_status ep__cache_machine(ep__cache *cache, const ep_measurement *row, const ep_machine **out,
                            ep_error *err);
/* The layers of a model file, at a batch. */
ep_status ep__cache_layers(ep__cache *cache, const char *model, int64_t batch,
                           const ep_layers **out, ep_error *err);

/* ---- predict.c ----------------------------------------------------------------------------- */

/* Predicts the figure of one row; what cannot be is a reason in `out->skipped`, which lives in
 * `arena`. `error_pct` is left to the caller. */
ep_status ep__predict(ep__cache *cache, const ep_measurement *row, ep_arena *arena,
                      ep_prediction *out, ep_error *err);

/* ---- together.c ---------------------------------------------------------------------------- */

/* The steady state of tasks that always have another batch, one use each, in their order. */
ep_status ep__steady(const ep_task *const *tasks, uint32_t n, ep_arena *arena, ep_timeline *out,
                     ep_error *err);
/* From the begin of one batch of each to the end of the last. */
ep_status ep__makespan(const ep_task *const *tasks, uint32_t n, ep_arena *arena, double *ns,
                       ep_error *err);

/* ---- trtexec_profile.c --------------------------------------------------------------------- */

/* What trtexec measured of one layer of its engine. */
typedef struct ep__trtexec_entry {
    const char *name;
    double average_ms, median_ms; /* NAN: an older file has no median */
} ep__trtexec_entry;

typedef struct ep__trtexec_file {
    uint32_t n;
    const ep__trtexec_entry *entries; /* --exportProfile */
    double compute_ms;                /* --exportTimes: the median of computeMs, and n is 0; else
                                         NAN */
} ep__trtexec_file;

/* Reads either; `*out` lives in `arena`. EP_BAD_FILE with the place or the entry. */
ep_status ep__trtexec_read(const char *path, ep_arena *arena, ep__trtexec_file *out, ep_error *err);

/* ---- trtexec_names.c ----------------------------------------------------------------------- */

typedef enum ep__trtexec_kind {
    EP__TRTEXEC_LAYERS,          /* computes the layers */
    EP__TRTEXEC_REFORMAT_INPUT,  /* reformats input `operand` of the layers */
    EP__TRTEXEC_REFORMAT_OUTPUT, /* or output `operand` */
    EP__TRTEXEC_REFORMAT_TENSOR, /* reformats `tensor` */
    EP__TRTEXEC_OTHER,           /* waits, or copies where our plans have no kernel */
} ep__trtexec_kind;

/* begin <= layer < end */
typedef struct ep__layer_span {
    uint32_t begin, end;
} ep__layer_span;

/* What the name of an entry says. */
typedef struct ep__trtexec_match {
    ep__trtexec_kind kind;
    bool is_range;    /* a foreign node: all layers from one to another, in our order */
    bool names_node;  /* a node of ours, perhaps one that is no layer */
    uint32_t operand; /* of a reformat */
    uint32_t tensor;  /* of EP__TRTEXEC_REFORMAT_TENSOR; EP_NO_INDEX: none of that name */
    uint32_t n_spans;
    const ep__layer_span *spans; /* the layers, in the order of their names */
    uint32_t n_unmatched;
    const char *const *unmatched; /* names of nothing that the network has */
} ep__trtexec_match;

/* The names that entries may hold. Lives in an arena; `layers` must outlive it. */
typedef struct ep__trtexec_names ep__trtexec_names;

ep_status ep__trtexec_names_make(const ep_layers *layers, ep_arena *arena,
                                 const ep__trtexec_names **out, ep_error *err);
ep_status ep__trtexec_match_name(const ep__trtexec_names *names, const char *entry, ep_arena *arena,
                                 ep__trtexec_match *out, ep_error *err);

/* ---- inputs.c ------------------------------------------------------------------------------ */

/* Where an input of an execution comes from. */
typedef struct ep__given {
    const char *source; /* as ep_execution has it */
    bool is_array;      /* else random */
    ep_array array;
    uint64_t seed;
} ep__given;

/* What the options say of each input of the imported network; files are read. */
ep_status ep__inputs_given(ep_execution *e, const ep_execution_options *options, ep__given **out,
                           ep_error *err);
/* What to specialize the network to. */
ep_status ep__inputs_shapes(const ep_execution *e, const ep_execution_options *options,
                            const ep__given *given, ep_specialize_options *out, ep_error *err);
/* Makes the inputs of the specialized network. */
ep_status ep__inputs_make(ep_execution *e, const ep__given *given, ep_error *err);

/* Fills an array as input `i` of a network, at random. */
void ep__inputs_random(const ep_array *array, uint32_t i, uint64_t seed);
/* The same numbers in another type, in the arena. */
ep_status ep__inputs_convert(const ep_array *from, ep_dtype dtype, ep_arena *arena, ep_array *out,
                             ep_error *err);

/* ---- calibrate.c --------------------------------------------------------------------------- */

/* Finds INT8 scales, per tensor of the network, 0: none, and writes them where the options say. */
ep_status ep__calibrate(ep_execution *e, const ep_execution_options *options, float *scales,
                        ep_error *err);

/* ---- planned.c ----------------------------------------------------------------------------- */

/* Makes the FP16 tensors of a network FP32, constants too, unless nodes have bodies. */
ep_status ep__execution_widen(ep_network *network, ep_error *err);

/* Plans the network and fills in `e->numerics`. `to_run`: what `e->network` was made with. */
ep_status ep__execution_plan(ep_execution *e, const ep_specialize_options *to_run,
                             const ep_execution_options *options, ep_error *err);

/* ---- compare_kernels.c --------------------------------------------------------------------- */

/* Fills in the kernels of `out`. Both are of one file and kept all tensors of their last run; `b` is
 * planned; `session` is what they were made with. */
ep_status ep__compare_kernels(const ep_execution *a, const ep_execution *b,
                              const ep_session_options *session, ep_comparison *out, ep_error *err);

/* ---- saved.c ------------------------------------------------------------------------------- */

/* The array that was saved for a tensor; `*found` is false when there is none. */
ep_status ep__saved_read(const char *folder, const char *tensor, ep_dtype expected, ep_arena *arena,
                         bool *found, ep_array *out, ep_error *err);
/* The names of all tensors saved in a folder, sorted. `*names` lives in the arena. EP_BAD_FILE:
 * there is none. */
ep_status ep__saved_names(const char *folder, ep_arena *arena, const char ***names, uint32_t *n,
                          ep_error *err);

#endif
