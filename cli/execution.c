#include "cli/execution.h"

#include <string.h>

#include "cli/model.h"

/* A number of bytes, with a binary prefix or none. */
static ep_status parse_bytes(const char *text, ep_arena *arena, uint64_t *out, ep_error *err)
{
    static const char prefixes[] = "KMG";
    enum { LARGEST = 1 << 30 };
    const size_t length = strlen(text);
    const char *prefix = length > 1 ? strchr(prefixes, text[length - 1]) : NULL;
    const char *number = ep_arena_string(arena, text, length - (prefix != NULL));
    int64_t value;
    if (!number) return ep_fail_memory(err);
    EP_TRY(ep__parse_integer("--max-memory", number, 1, INT64_MAX / LARGEST, &value, err));
    *out = (uint64_t)value << (prefix ? 10 * (prefix - prefixes + 1) : 0);
    return EP_OK;
}

ep_status ep__execution_options(const ep__execution_given *given, ep_arena *arena,
                                ep_execution_options *out, ep_error *err)
{
    enum { THREADS_MAX = 1024 };
    *out = (ep_execution_options){.n_inputs = given->inputs.n, .inputs = given->inputs.at};
    const ep_plan_file_texts texts = given->file ? given->file->texts : (ep_plan_file_texts){0};
    const char *batch = given->batch ? given->batch : texts.batch;
    const char *shapes = given->shapes ? given->shapes : texts.shapes;
    int64_t threads = 0;
    if (batch) EP_TRY(ep__parse_integer("--batch", batch, 1, EP__BATCH_MAX, &out->batch, err));
    if (shapes) EP_TRY(ep_shapes_parse(shapes, arena, &out->shapes, &out->n_shapes, err));
    if (given->threads) {
        EP_TRY(ep__parse_integer("--threads", given->threads, 1, THREADS_MAX, &threads, err));
    }
    if (given->max_memory) {
        EP_TRY(parse_bytes(given->max_memory, arena, &out->session.max_memory, err));
    }
    out->session.threads = (uint32_t)threads;
    return EP_OK;
}
