/* In a build without oneDNN. */
#include "engine/int8/core.h"

ep_status ep__int8_dnnl_new(const ep__int8_form *form, const ep__int8 *op, uint32_t threads,
                            ep__int8_dnnl **out, ep_error *err)
{
    (void)form, (void)op, (void)threads;
    *out = NULL;
    return ep_fail(err, EP_UNSUPPORTED, "built without oneDNN");
}

void ep__int8_dnnl_free(ep__int8_dnnl *dnnl)
{
    (void)dnnl;
}

ep_status ep__int8_dnnl_run(const ep__int8 *op, uint32_t threads, const void *x,
                            const void *residual, void *out, ep_arena *scratch, ep_error *err)
{
    (void)op, (void)threads, (void)x, (void)residual, (void)out, (void)scratch;
    return ep_fail(err, EP_UNSUPPORTED, "built without oneDNN");
}
