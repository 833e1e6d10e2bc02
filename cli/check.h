/* Private to cli/: one model checked, for `plan check` of one or of many. */
#ifndef EP_CLI_CHECK_H
#define EP_CLI_CHECK_H

#include "cli/model.h"
#include "report/report.h"

/* What holds for every model. */
typedef struct ep__check_settings {
    const ep_machine *machine;
    const ep_mode *mode;
    ep_plan_options plan; /* its DLA: EP_DLA_NONE on a machine without one */
    ep__model_options model;
    bool full, rank;
} ep__check_settings;

/* Zero-initialise. What is not freed by name lives in the arena. */
typedef struct ep__check {
    ep_arena *arena;
    ep__model model;
    ep_planned *planned, *gpu;
    ep_run run, gpu_run;
    ep_ranking ranking;
    ep_report_check report;
} ep__check;

/* Where to run: the mode named, or (NULL) the first that powers the DLA asked for. */
ep_status ep__check_mode(const ep_machine *machine, const char *name, ep_dla_choice dla,
                         const ep_mode **mode, ep_error *err);

/* Plans and runs the model at `path`. EP_INFEASIBLE with `out->report` complete: it cannot run
 * standalone, and the report, which has the plan with fallback, says why. To be freed also when it
 * fails; `settings` must outlive it. */
ep_status ep__check_model(const char *path, const ep__check_settings *settings, ep__check *out,
                          ep_error *err);
void ep__check_free(ep__check *check);

/* Appends what every rule says of the layer of that name. EP_BAD_USAGE: there is none. */
ep_status ep__check_explain(const ep__check *check, const char *name, unsigned width, ep_text *out,
                            ep_error *err);

#endif
