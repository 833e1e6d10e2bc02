/* Private to cli/: `plan --pareto`. */
#ifndef EP_CLI_PARETO_H
#define EP_CLI_PARETO_H

#include "cli/model.h"
#include "planner/planner.h"
#include "study/study.h"

/* What was given, or NULL. */
typedef struct ep__pareto_request {
    const char *model, *hw, *mode_file, *mode, *strategy, *precision, *dla, *batch;
    ep__values sets;
    ep__model_options shapes;     /* but for its batch */
    ep_plan_options plan_options; /* of every plan, but for what is searched */
    bool has_objective;           /* that of the options; else some are searched */
    ep_sweep_limits limits;
    bool json, csv;
    unsigned width;
} ep__pareto_request;

/* Searches what was not given: placements, precisions, modes and batches. EP_INFEASIBLE: nothing
 * keeps the limits; the report is written all the same. */
ep_status ep__pareto_report(const ep__pareto_request *request, ep_text *out, ep_error *err);

#endif
