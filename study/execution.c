/* A network on this computer: loaded, run, timed. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "study/study_internal.h"

/* Import names the file in its errors; what comes after it does not know the name. */
static ep_status named(ep_status status, const char *path, ep_error *err)
{
    if (status == EP_OK || status == EP_BAD_USAGE) return status;
    return ep_fail_context(err, "%s: ", path);
}

static ep_status mark_outputs(ep_execution *e, ep_error *err)
{
    bool *is_output = EP_NEW(e->arena, bool, e->network->n_tensors);
    if (!is_output) return ep_fail_memory(err);
    for (uint32_t i = 0; i < e->network->n_outputs; i++) is_output[e->network->outputs[i]] = true;
    e->is_output = is_output;
    return EP_OK;
}

static ep_status make(ep_execution *e, const char *path, const ep_execution_options *options,
                      ep_error *err)
{
    ep__given *given;
    ep_specialize_options specialize;
    EP_TRY(ep_network_load(path, &e->imported, err));
    EP_TRY(ep__inputs_given(e, options, &given, err));
    EP_TRY(ep__inputs_shapes(e, options, given, &specialize, err));
    EP_TRY(named(ep_specialize(e->imported, &specialize, &e->network, err), path, err));
    if (options->plan || options->fp32) EP_TRY(ep__execution_widen(e->network, err));
    EP_TRY(ep__inputs_make(e, given, err));
    EP_TRY(mark_outputs(e, err));
    ep_session_options session = options->session;
    if (options->plan) {
        EP_TRY(named(ep__execution_plan(e, &specialize, options, err), path, err));
        session.numerics = &e->numerics;
    }
    e->keeps_all = session.keep_all;
    e->threads = options->session.threads ? options->session.threads : ep_cores();
    return named(ep_session_new(e->network, &session, &e->session, err), path, err);
}

ep_status ep_execution_new(const char *path, const ep_execution_options *options,
                           ep_execution **out, ep_error *err)
{
    *out = NULL;
    ep_arena *arena = ep_arena_new();
    ep_execution *e = arena ? EP_NEW(arena, ep_execution, 1) : NULL;
    if (!e) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    e->arena = arena;
    const ep_status status = make(e, path, options, err);
    if (status == EP_OK) {
        *out = e;
    } else {
        ep_execution_free(e);
    }
    return status;
}

void ep_execution_free(ep_execution *execution)
{
    if (!execution) return;
    ep_session_free(execution->session);
    ep_planned_free(execution->planned);
    ep_layers_free(execution->layers);
    ep_network_free(execution->static_network);
    ep_network_free(execution->network);
    ep_network_free(execution->imported);
    ep_arena_free(execution->arena);
}

/* ---- timing -------------------------------------------------------------------------------- */

static double now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int ascending(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static ep_status run_once(ep_execution *e, ep_error *err)
{
    return named(ep_session_run(e->session, e->inputs, err), e->network->path, err);
}

/* Runs `n` times; times are ascending then, and those of the nodes added up. */
static ep_status run_timed(ep_execution *e, uint32_t n, double *run_ns, double *node_ns,
                           ep_error *err)
{
    for (uint32_t r = 0; r < n; r++) {
        const double begin = now_ns();
        EP_TRY(run_once(e, err));
        run_ns[r] = now_ns() - begin;
        const double *ns = ep_session_node_ns(e->session);
        for (uint32_t i = 0; i < e->network->n_nodes; i++) node_ns[i] += ns[i];
    }
    qsort(run_ns, n, sizeof *run_ns, ascending);
    return EP_OK;
}

ep_status ep_execution_run(ep_execution *execution, uint32_t repeat, ep_timing *out, ep_error *err)
{
    const uint32_t runs = repeat ? repeat : 1;
    double *run_ns = EP_NEW(execution->arena, double, runs);
    double *node_ns = EP_NEW(execution->arena, double, execution->network->n_nodes);
    if (!run_ns || !node_ns) return ep_fail_memory(err);
    if (repeat) EP_TRY(run_once(execution, err));
    EP_TRY(run_timed(execution, runs, run_ns, node_ns, err));
    for (uint32_t i = 0; i < execution->network->n_nodes; i++) node_ns[i] /= runs;
    *out = (ep_timing){.runs = runs,
                       .warm = repeat > 0,
                       .median_ns = (run_ns[(runs - 1) / 2] + run_ns[runs / 2]) / 2,
                       .least_ns = run_ns[0],
                       .most_ns = run_ns[runs - 1],
                       .node_ns = node_ns};
    return EP_OK;
}

/* ---- what came out ------------------------------------------------------------------------- */

const ep_array *ep_execution_layer(const ep_execution *execution, uint32_t node, uint32_t k)
{
    const uint32_t tensor = execution->network->nodes[node].outputs[k];
    if (tensor == EP_NO_INDEX || execution->is_output[tensor] || !execution->keeps_all) return NULL;
    return ep_session_tensor(execution->session, tensor);
}

void ep_summarise(const ep_array *array, ep_array_summary *out)
{
    enum { BLOCK = 512 }; /* even, for elements that share a byte */
    double block[BLOCK], sum = 0;
    uint64_t finite = 0;
    *out = (ep_array_summary){.min = NAN, .max = NAN, .mean = NAN};
    const uint64_t all = ep_array_numbers(array);
    for (uint64_t at = 0; at < all; at += BLOCK) {
        const uint64_t n = ep_min_u64(BLOCK, all - at);
        ep_array_get(array, at, n, block);
        for (uint64_t k = 0; k < n; k++) {
            const double value = block[k];
            out->nans += isnan(value) != 0;
            out->infs += isinf(value) != 0;
            if (!isfinite(value)) continue;
            out->min = fmin(out->min, value); /* of NAN and a number: the number */
            out->max = fmax(out->max, value);
            sum += value;
            finite++;
        }
    }
    if (finite) out->mean = sum / (double)finite;
}
