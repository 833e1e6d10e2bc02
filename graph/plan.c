#include "graph/graph.h"

const char *ep_device_name(ep_device device)
{
    static const char *const names[EP_DEVICE_COUNT] = {"gpu", "dla0", "dla1", "cpu"};
    return names[device];
}

const char *ep_precision_name(ep_precision precision)
{
    static const char *const names[EP_PRECISION_COUNT] = {"fp32", "tf32", "fp16", "int8"};
    return names[precision];
}

ep_device ep_plan_last_core(const ep_plan *plan)
{
    ep_device last = EP_GPU;
    for (uint32_t s = 0; s < plan->n_subgraphs; s++) {
        if (plan->subgraphs[s].device > last) last = plan->subgraphs[s].device;
    }
    return last;
}

bool ep_plan_uses_both_cores(const ep_plan *plan)
{
    for (uint32_t s = 1; s < plan->n_subgraphs; s++) {
        if (plan->subgraphs[s].device != plan->subgraphs[0].device) return true;
    }
    return false;
}

bool ep_nchw(const ep_shape *shape, int64_t nchw[4])
{
    if (shape->rank == 2) {
        nchw[0] = shape->dims[0];
        nchw[1] = shape->dims[1];
        nchw[2] = nchw[3] = 1;
        return true;
    }
    if (shape->rank < 4) return false;
    nchw[0] = 1;
    for (int i = 0; i < shape->rank - 3; i++) nchw[0] *= shape->dims[i];
    for (int i = 0; i < 3; i++) nchw[1 + i] = shape->dims[shape->rank - 3 + i];
    return true;
}
