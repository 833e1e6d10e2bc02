/* Which kernel of a plan loses how much: each against what the reference computed. */
#include <math.h>
#include <stdlib.h>

#include "study/study_internal.h"

/* 32-bit floats of both sides; NULL: there are none to compare. */
static const ep_array *floats_of(const ep_session *session, uint32_t tensor)
{
    const ep_array *array = ep_session_tensor(session, tensor);
    return array && array->dtype == EP_DTYPE_FLOAT ? array : NULL;
}

static double sqnr_of(const ep_array *a, const ep_array *b)
{
    ep_deviation deviation;
    ep_deviation_of(a, b, 0, 0, &deviation);
    return deviation.sqnr_db;
}

/* What is worst comes first; kernels of which nothing finite is left before that. */
static int by_loss(const void *left, const void *right)
{
    const ep_kernel_row *a = left, *b = right;
    const double x = isnan(a->own_db) ? (double)-INFINITY : a->own_db;
    const double y = isnan(b->own_db) ? (double)-INFINITY : b->own_db;
    if (x < y || x > y) return x < y ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* Of what the kernel writes, `t`, or of the product inside it that overflowed most. */
static ep_loss loss_of(const ep_execution *e, const ep_kernel *kernel, uint32_t t)
{
    const ep_loss *losses = ep_session_losses(e->session);
    ep_loss most = losses[t];
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        const ep_layer *layer = &e->planned->plan.layers->layers[kernel->layers[i]];
        if (layer->n_outputs == 0) continue;
        const ep_loss *loss = &losses[layer->outputs[0]];
        if ((double)loss->overflowed * (double)most.n > (double)most.overflowed * (double)loss->n) {
            most = *loss;
        }
    }
    return most;
}

static void add_row(const ep_execution *a, const ep_execution *b, const ep_session *alone,
                    uint32_t k, ep_comparison *out, ep_kernel_row *rows)
{
    const ep_kernel *kernel = &b->planned->plan.kernels[k];
    if (kernel->kind != EP_KERNEL_LAYERS || kernel->n_outputs == 0) return;
    const uint32_t t = kernel->outputs[0];
    const ep_array *exact = floats_of(a->session, t);
    const ep_array *own = floats_of(alone, t), *all = floats_of(b->session, t);
    if (!exact || !own || !all || !ep_shape_equal(&exact->shape, &own->shape)) return;
    rows[out->n_kernels++] = (ep_kernel_row){.index = k,
                                             .kernel = kernel,
                                             .tensor = b->network->tensors[t].name,
                                             .own_db = sqnr_of(exact, own),
                                             .so_far_db = sqnr_of(exact, all),
                                             .loss = loss_of(b, kernel, t)};
}

/* A network of FP16 as its file has it is no reference for kernels. */
static bool same_types(const ep_network *a, const ep_network *b)
{
    if (a->n_tensors != b->n_tensors) return false;
    for (uint32_t t = 0; t < a->n_tensors; t++) {
        if (a->tensors[t].dtype != b->tensors[t].dtype) return false;
    }
    return true;
}

ep_status ep__compare_kernels(const ep_execution *a, const ep_execution *b,
                              const ep_session_options *session, ep_comparison *out, ep_error *err)
{
    const ep_plan *plan = &b->planned->plan;
    if (!same_types(a->network, b->network)) return EP_OK;
    ep_numerics numerics = b->numerics;
    numerics.reference = a->session;
    ep_session_options options = *session;
    options.numerics = &numerics;
    ep_kernel_row *rows = EP_NEW(out->arena, ep_kernel_row, plan->n_kernels);
    if (!rows) return ep_fail_memory(err);
    ep_session *alone;
    EP_TRY(ep_session_new(b->network, &options, &alone, err));
    const ep_status status = ep_session_run(alone, b->inputs, err);
    for (uint32_t k = 0; status == EP_OK && k < plan->n_kernels; k++) {
        add_row(a, b, alone, k, out, rows);
    }
    ep_session_free(alone);
    if (out->n_kernels) qsort(rows, out->n_kernels, sizeof *rows, by_loss);
    out->kernels = rows;
    return status;
}
