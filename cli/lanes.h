/* Private to cli/: the grammar of --model, --streams and --batch A+B. */
#ifndef EP_CLI_LANES_H
#define EP_CLI_LANES_H

#include "cli/options.h"
#include "planner/planner.h"

/* A network on an engine, as it was asked for. */
typedef struct ep__lane_spec {
    const char *path;
    const char *batch; /* as --batch takes it; NULL: as --batch says */
    ep_device device;
    bool has_device; /* else the planner chooses */
    ep_precision_choice precision;
    double fps, deadline_ms, offset_ms; /* 0: none */
    int64_t count, in_flight;
} ep__lane_spec;

/* MODEL.onnx[:KEY=VALUE]... What is not said is as in `out` before. The strings live in `arena`. */
ep_status ep__lane_parse(const char *text, ep_arena *arena, ep__lane_spec *out, ep_error *err);

enum { EP__MOST_STREAMS = 3 };

/* "gpu+2dla": engines joined by "+", of gpu, dla, dla0, dla1 and 2dla, each once. `batch` (may be
 * NULL) is "N", or "N+M" for the GPU and the DLA cores. Fills device and batch. */
ep_status ep__streams_parse(const char *text, const char *batch, ep_arena *arena,
                            ep__lane_spec specs[EP__MOST_STREAMS], uint32_t *n, ep_error *err);

#endif
