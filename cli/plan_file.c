#include "cli/plan_file.h"

#include <string.h>

ep_status ep__plan_save(const char *path, const ep_report *report, const ep_plan_options *options,
                        const ep_plan_file_texts *texts, const char *model, ep_error *err)
{
    const ep_report_plan *plan = &report->plans[report->n_plans - 1];
    char sha256[EP_SHA256_TEXT];
    uint32_t m = 0;
    while (m < report->n_modes && plan->cannot_run[m]) m++;
    EP_FAIL_IF(m == report->n_modes, err, EP_INFEASIBLE, "--save: %s", plan->cannot_run[0]);
    EP_TRY(ep_file_sha256(model, sha256, err));
    const ep_plan_file_source source = {.planned =
                                            plan->planned_in ? plan->planned_in[m] : plan->planned,
                                        .machine = report->machine,
                                        .options = options,
                                        .mode = report->modes[m],
                                        .run = &plan->runs[m],
                                        .model_sha256 = sha256,
                                        .texts = *texts};
    ep_plan_file *file;
    EP_TRY(ep_plan_file_of(&source, &file, err));
    const ep_status status = ep_plan_file_save(file, path, err);
    ep_plan_file_free(file);
    return status;
}

ep_status ep__plan_load(ep_report_loaded *loaded, const char *model, const ep_layers *layers,
                        const ep_machine *machine, ep_planned **out, ep_error *err)
{
    char sha256[EP_SHA256_TEXT];
    EP_TRY(ep_file_sha256(model, sha256, err));
    loaded->other_weights = strcmp(sha256, loaded->file->model_sha256) != 0;
    return ep_plan_file_apply(loaded->file, layers, machine, loaded->retuned, out, err);
}
