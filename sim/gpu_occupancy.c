#include <math.h>

#include "sim/gpu.h"

double ep__resident_blocks(const ep_gpu *gpu, double threads, double registers, double shared_bytes)
{
    double blocks = ep__least((double)gpu->blocks_per_sm, (double)gpu->threads_per_sm / threads);
    blocks = ep__least(blocks, (double)gpu->registers_per_sm / (threads * registers));
    if (shared_bytes > 0)
        blocks = ep__least(blocks, (double)gpu->shared_bytes_per_sm / shared_bytes);
    return ep__most(1, floor(blocks));
}
