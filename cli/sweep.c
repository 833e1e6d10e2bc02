#include "cli/sweep.h"

#include <stdio.h>
#include <string.h>

#include "planner/planner.h"

static ep_status limit(const char *option, const char *text, double *out, ep_error *err)
{
    static const double least = 1e-6, most = 1e9;
    return text ? ep__parse_number(option, text, least, most, out, err) : EP_OK;
}

ep_status ep__sweep_limits(const char *max_power, const char *deadline, const char *min_fps,
                           ep_sweep_limits *out, ep_error *err)
{
    EP_TRY(limit("--max-power-w", max_power, &out->max_power_w, err));
    EP_TRY(limit("--deadline-ms", deadline, &out->deadline_ms, err));
    return limit("--min-fps", min_fps, &out->min_fps, err);
}

ep_status ep__split(const char *option, const char *text, ep_arena *arena, ep__values *out,
                    ep_error *err)
{
    uint32_t commas = 0;
    for (const char *p = text; *p; p++) commas += *p == ',';
    const char **items = EP_NEW(arena, const char *, (uint64_t)commas + 1);
    if (!items) return ep_fail_memory(err);
    uint32_t n = 0;
    for (const char *p = text; n <= commas; n++) {
        const size_t length = strcspn(p, ",");
        EP_FAIL_IF(length == 0, err, EP_BAD_USAGE, "%s is '%s': an item is empty", option, text);
        items[n] = ep_arena_string(arena, p, length);
        if (!items[n]) return ep_fail_memory(err);
        for (uint32_t i = 0; i < n; i++) {
            EP_FAIL_IF(strcmp(items[i], items[n]) == 0, err, EP_BAD_USAGE,
                       "%s is '%s': '%s' is there twice", option, text, items[n]);
        }
        p += length + (p[length] == ',');
    }
    *out = (ep__values){.n = n, .at = items};
    return EP_OK;
}

ep_status ep__choices(const char *option, const char *text, const char *(*name)(uint32_t),
                      ep_arena *arena, uint32_t **list, uint32_t *n, ep_error *err)
{
    ep__values items = {0};
    *n = 0;
    if (!text) return EP_OK;
    const bool all = strcmp(text, "all") == 0;
    if (!all) EP_TRY(ep__split(option, text, arena, &items, err));
    while (all && name(items.n)) items.n++;
    *list = EP_NEW(arena, uint32_t, items.n);
    if (!*list) return ep_fail_memory(err);
    for (*n = 0; *n < items.n; ++*n) {
        (*list)[*n] = *n;
        if (!all) EP_TRY(ep__parse_choice(option, items.at[*n], name, &(*list)[*n], err));
    }
    return EP_OK;
}

ep_status ep__strategies(const char *text, ep_arena *arena, const char *const **names, uint32_t *n,
                         ep_error *err)
{
    uint32_t *list = NULL;
    EP_TRY(ep__choices("--strategy", text, ep_strategy_name, arena, &list, n, err));
    const char **chosen = EP_NEW(arena, const char *, *n);
    if (!chosen) return ep_fail_memory(err);
    for (uint32_t i = 0; i < *n; i++) chosen[i] = ep_strategy_name(list[i]);
    *names = chosen;
    return EP_OK;
}

ep_status ep__batches(const char *text, ep_arena *arena, const int64_t **list, uint32_t *n,
                      ep_error *err)
{
    ep__values items;
    EP_TRY(ep__split("--batch", text, arena, &items, err));
    int64_t *batches = EP_NEW(arena, int64_t, items.n);
    if (!batches) return ep_fail_memory(err);
    for (uint32_t i = 0; i < items.n; i++) {
        EP_TRY(ep__parse_integer("--batch", items.at[i], 1, EP__BATCH_MAX, &batches[i], err));
    }
    *list = batches;
    *n = items.n;
    return EP_OK;
}

void ep__progress(uint64_t done, uint64_t all)
{
    enum { CELLS = 40 };
    const int full = (int)(CELLS * done / all);
    if (full == (int)(CELLS * (done - 1) / all)) return;
    fprintf(stderr, "\r[%.*s%*s] %llu of %llu%s", full, "########################################",
            CELLS - full, "", (unsigned long long)done, (unsigned long long)all,
            done == all ? "\r\033[K" : "");
}
