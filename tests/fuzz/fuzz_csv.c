/* Whatever the bytes are, measurements are read, or refused in one line. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/study.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

static bool is_said(const char *text)
{
    return text && *text;
}

/* What everybody who reads a measurement relies on. */
static void check_row(const ep_measurement *m)
{
    check(m->line > 1 && is_said(m->id) && is_said(m->hw) && is_said(m->mode));
    check(is_said(m->workload) && is_said(m->precision) && is_said(m->group));
    check(m->source && m->notes);
    for (uint32_t i = 0; i < m->n_sets; i++) check(is_said(m->sets[i]));
    check(m->gpu_batch >= 1 && m->gpu_batch <= 65536);
    check(m->dla_batch >= 1 && m->dla_batch <= 65536);
    check(ep_engine_name(m->engine) && ep_metric_name(m->metric));
    check((m->engine == EP_ENGINE_IDLE) == (strcmp(m->workload, "idle") == 0));
    check((m->metric == EP_METRIC_RAIL_W) == is_said(m->rail));
    check(m->covers & (EP_COVERS_KERNEL | EP_COVERS_COMPUTE));
    check(m->value > 0 && isfinite(m->value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return 0;
    ep_measurements read;
    ep_error err = {0};
    const char *text = (const char *)data;
    const ep_status status = ep_measurements_parse(text, size, "fuzz.csv", arena, &read, &err);
    if (status == EP_OK) {
        for (uint32_t i = 0; i < read.n; i++) check_row(&read.rows[i]);
    } else {
        check(status == EP_BAD_FILE && err.status == status && read.n == 0 && !read.rows);
        check(strncmp(err.text, "fuzz.csv:", 9) == 0 && !strchr(err.text, '\n'));
    }
    ep_arena_free(arena);
    return 0;
}
