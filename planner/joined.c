/* Union-find with path halving; without ranks, O(log n) amortised. */
#include "planner/planner_internal.h"

uint32_t *ep__joined_new(uint32_t n, ep_arena *arena)
{
    uint32_t *parent = EP_NEW_RAW(arena, uint32_t, n);
    if (parent) ep__joined_reset(parent, n);
    return parent;
}

void ep__joined_reset(uint32_t *parent, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) parent[i] = i;
}

uint32_t ep__joined_find(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

bool ep__joined_unite(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = ep__joined_find(parent, a);
    b = ep__joined_find(parent, b);
    if (a < b) parent[b] = a;
    if (b < a) parent[a] = b;
    return a != b;
}
