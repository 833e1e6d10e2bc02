/* The session: what a program holds of a network that runs. */
#include "engine/fused.h"
#include "engine/numerics.h"

#include <cblas.h>
#include <stdlib.h>

struct ep_session {
    ep__context context;
    ep__frame frame;
};

static ep_status start(ep_session *session, const ep_network *network,
                       const ep_session_options *options, ep_error *err)
{
    /* what a product gives must not depend on how OpenBLAS would split it */
    openblas_set_num_threads(1);
    session->context = (ep__context){
        .threads = options->threads ? options->threads : ep_cores(),
        .memory = {.limit = options->max_memory ? options->max_memory : UINT64_MAX},
        .copies = {.limit = UINT64_MAX},
        .scratch = ep_arena_new(),
        .max_work = options->max_work ? options->max_work : UINT64_MAX,
        .plain = options->plain,
        .keep_all = options->keep_all,
        .by_node = options->keep_all || options->numerics,
    };
    if (!session->context.scratch) return ep_fail_memory(err);
    EP_TRY(ep__frame_init(&session->frame, network, false, &session->context, err));
    EP_TRY(ep__frame_prepare(&session->frame, err));
    return options->numerics ? ep__numerics_init(&session->frame, options->numerics, err) : EP_OK;
}

ep_status ep_session_new(const ep_network *network, const ep_session_options *options,
                         ep_session **out, ep_error *err)
{
    *out = NULL;
    ep_session *session = calloc(1, sizeof *session);
    if (!session) return ep_fail_memory(err);
    const ep_status status = start(session, network, options, err);
    if (status == EP_OK) {
        *out = session;
    } else {
        ep_session_free(session);
    }
    return status;
}

void ep_session_free(ep_session *session)
{
    if (!session) return;
    ep__frame_free(&session->frame);
    ep_arena_free(session->context.scratch);
    free(session);
}

static ep_status set_inputs(ep__frame *frame, const ep_array *inputs, ep_error *err)
{
    const ep_network *network = frame->network;
    for (uint32_t i = 0; i < network->n_inputs; i++) {
        const ep_tensor *tensor = &network->tensors[network->inputs[i]];
        char given[EP_SHAPE_TEXT], due[EP_SHAPE_TEXT];
        EP_FAIL_IF(ep_dtype_bits(tensor->dtype) == 0, err, EP_UNSUPPORTED, "input '%s' is of %s",
                   tensor->name, ep_dtype_name(tensor->dtype));
        const bool fits = inputs[i].dtype == tensor->dtype &&
                          ep_shape_equal(&inputs[i].shape, &tensor->shape) &&
                          inputs[i].n == ep_tensor_elements(tensor);
        EP_FAIL_IF(!fits, err, EP_BAD_SHAPE, "input '%s' is %s of %s; it must be %s of %s",
                   tensor->name, ep_shape_text(&inputs[i].shape, given),
                   ep_dtype_name(inputs[i].dtype), ep_shape_text(&tensor->shape, due),
                   ep_dtype_name(tensor->dtype));
        ep__cell *cell = &frame->cells[network->inputs[i]];
        cell->array = inputs[i];
        if (frame->kept[network->inputs[i]]) {
            EP_TRY(ep__cell_own(&frame->context->memory, cell, err));
        }
    }
    return EP_OK;
}

ep_status ep_session_run(ep_session *session, const ep_array *inputs, ep_error *err)
{
    ep__frame_clear(&session->frame);
    session->context.work = 0;
    if (session->frame.numerics) ep__numerics_begin(&session->frame);
    EP_TRY(set_inputs(&session->frame, inputs, err));
    return ep__frame_run(&session->frame, err);
}

const ep_array *ep_session_output(const ep_session *session, uint32_t index)
{
    return &session->frame.cells[session->frame.network->outputs[index]].array;
}

const ep_array *ep_session_tensor(const ep_session *session, uint32_t tensor)
{
    const ep_array *array = &session->frame.cells[tensor].array;
    return array->dtype == EP_DTYPE_UNDEFINED ? NULL : array;
}

const double *ep_session_node_ns(const ep_session *session)
{
    return session->frame.node_ns;
}

const ep_loss *ep_session_losses(const ep_session *session)
{
    return session->frame.numerics ? session->frame.numerics->losses : NULL;
}

uint64_t ep_session_peak_bytes(const ep_session *session)
{
    return session->context.memory.peak;
}
