#include <assert.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/base.h"

void ep_parallel(uint32_t threads, uint64_t n, uint64_t grain, ep_parallel_body body, void *context)
{
    assert(grain > 0 && n <= INT64_MAX);
    const int64_t pieces = (int64_t)ep_div_up(n, grain);
    const int used = (int)ep_max_u64(1, ep_min_u64(threads, (uint64_t)pieces));
    (void)used; /* without OpenMP */
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic) num_threads(used) if (used > 1)
#endif
    for (int64_t i = 0; i < pieces; i++) {
        const uint64_t begin = (uint64_t)i * grain;
        body(begin, ep_min_u64(n, begin + grain), context);
    }
}

uint32_t ep_cores(void)
{
#ifdef _OPENMP
    return (uint32_t)omp_get_num_procs();
#else
    return 1;
#endif
}
