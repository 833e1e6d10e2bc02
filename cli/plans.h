/* Private to cli/: the plans of one network, by strategy, and their runs in all modes. */
#ifndef EP_CLI_PLANS_H
#define EP_CLI_PLANS_H

#include "cli/limits.h"
#include "planner/planner.h"
#include "report/report.h"

/* What --objective, --deadline-ms, --max-power-w, --max-subgraphs and
 * --branches say; NULL: not given. */
typedef struct ep__goal_texts {
    const char *objective, *deadline_ms, *max_power_w, *max_subgraphs, *branches;
} ep__goal_texts;

/* Into the options of plans. `strategy` is the one asked for, NULL: all. */
ep_status ep__goal_parse(const ep__goal_texts *texts, const char *strategy,
                         ep_plan_options *options, ep_error *err);

typedef struct ep__plans {
    /* given */
    const ep_machine *machine;
    const ep_layers *layers;
    int64_t batch;
    uint32_t n_modes;
    const ep_mode *const *modes;
    const ep_plan_options *options;
    const char *strategy; /* NULL: all */
    const ep__limits *limits;
    ep_arena *arena;
    ep_report_loaded *loaded; /* its file has the plan, of the ONNX file `model`; NULL: made now */
    const char *model;
    /* made; zero-initialise */
    uint32_t n_planned;
    ep_planned **planned; /* all that there are */
    uint32_t n_plans;
    ep_report_plan *plans;
    uint32_t n_ran; /* pairs of plan and mode that could run */
} ep__plans;

/* Makes and runs the plans; `err` says why the last could not where none can run. Without a DLA all
 * strategies are the first: the GPU alone. Whatever it returns, ep__plans_free is to be called. */
ep_status ep__plans_make(ep__plans *p, ep_error *err);
void ep__plans_free(ep__plans *p);

/* What layer `name` costs elsewhere, in each mode that the last plan runs in. */
ep_status ep__plans_explain(const ep__plans *p, const ep_report *report, const char *name,
                            unsigned width, ep_text *out, ep_error *err);

#endif
