#include <stdlib.h>

#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/model.h"
#include "cli/sweep.h"
#include "report/report.h"

enum { HW, SET, MODE_FILE, PRECISION, BATCH, MAX_POWER, DEADLINE, MIN_FPS, JSON, N_OPTIONS };

static const ep__option options[N_OPTIONS] = {
    [HW] = EP__OPTION_HW,
    [SET] = EP__OPTION_SET,
    [MODE_FILE] = EP__OPTION_MODE_FILE,
    [PRECISION] = {"--precision", "NAME", "int8 (the default; FP16 allowed), fp16, fp32 or best"},
    [BATCH] = EP__OPTION_BATCH,
    [MAX_POWER] = EP__OPTION_MAX_POWER,
    [DEADLINE] = EP__OPTION_DEADLINE,
    [MIN_FPS] = EP__OPTION_MIN_FPS,
    [JSON] = {"--json", NULL, "JSON instead of the table (docs/json.md)"},
};

typedef struct collected {
    uint32_t n, capacity;
    ep_sweep_point *points; /* malloc'ed: modes are few */
    ep_sweep_summary summary;
} collected;

static ep_status collect(void *context, const ep_sweep_point *point, bool was_known, uint64_t done,
                         uint64_t all, ep_error *err)
{
    collected *c = context;
    (void)was_known, (void)done, (void)all;
    EP_TRY(ep_grow((void **)&c->points, &c->capacity, (uint64_t)c->n + 1, sizeof *c->points, err));
    c->points[c->n++] = *point;
    return ep_sweep_summary_add(&c->summary, point, err);
}

/* Points come strategy by strategy: the modes are those of the first. */
static uint32_t count_modes(const collected *c)
{
    uint32_t n = 0;
    while (n < c->n && c->points[n].strategy == c->points[0].strategy) n++;
    return n;
}

static ep_status do_job(const ep__args *args, ep_arena *arena, collected *c, ep_text *out,
                        ep_error *err)
{
    const char *const *given = args->given;
    const ep_machine_options hardware = ep__machine_options(args->all[SET], given[MODE_FILE]);
    uint32_t precision = EP_CHOOSE_INT8;
    if (given[PRECISION]) {
        EP_TRY(ep__parse_choice("--precision", given[PRECISION], ep_precision_choice_name,
                                &precision, err));
    }
    int64_t batch = 0;
    if (given[BATCH]) {
        EP_TRY(ep__parse_integer("--batch", given[BATCH], 1, EP__BATCH_MAX, &batch, err));
    }
    EP_TRY(ep__sweep_limits(given[MAX_POWER], given[DEADLINE], given[MIN_FPS], &c->summary.limits,
                            err));
    const char *machine = given[HW] ? given[HW] : EP__DEFAULT_HW;
    const ep_precision_choice choice = (ep_precision_choice)precision;
    const char *const *strategies;
    uint32_t n_strategies;
    EP_TRY(ep__strategies("all", arena, &strategies, &n_strategies, err));
    const ep_sweep_options sweep = {.n_models = 1,
                                    .models = args->operands.at,
                                    .n_batches = 1,
                                    .batches = &batch,
                                    .n_machines = 1,
                                    .machines = &machine,
                                    .hardware = &hardware,
                                    .n_precisions = 1,
                                    .precisions = &choice,
                                    .n_strategies = n_strategies,
                                    .strategies = strategies,
                                    .threads = ep_cores()};
    const ep_sweep_sink sink = {.context = c, .row = collect};
    EP_TRY(ep_sweep_run(&sweep, &sink, arena, err));
    ep_sweep_summary_end(&c->summary);
    const ep_report_modes report = {
        .n_modes = count_modes(c), .n_points = c->n, .points = c->points, .summary = &c->summary};
    EP_TRY(given[JSON] ? ep_report_modes_json(&report, out, err)
                       : ep_report_modes_table(&report, args->width, out, err));
    return ep_report_sweep_feasible(&c->summary, c->points[0].model, err);
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    collected c = {0};
    const ep_status status = do_job(args, arena, &c, out, err);
    ep_sweep_summary_free(&c.summary);
    free(c.points);
    ep_arena_free(arena);
    return status;
}

const ep__command ep__cmd_modes = {
    .name = "modes",
    .summary = "Shows a model in all power modes of a machine side by side, and says which to "
               "choose.",
    .operand = "MODEL.onnx",
    .min_operands = 1,
    .max_operands = 1,
    .n_options = N_OPTIONS,
    .options = options,
    .shows_failures = true, /* the table, when no mode keeps the limits */
    .run = run,
};
