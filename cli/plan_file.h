/* Private to cli/: `plan --save` and `plan --load`. */
#ifndef EP_CLI_PLAN_FILE_H
#define EP_CLI_PLAN_FILE_H

#include "report/report.h"

/* Writes the headline plan of `report`, in the first mode that it runs in. `model` is its file. */
ep_status ep__plan_save(const char *path, const ep_report *report, const ep_plan_options *options,
                        const ep_plan_file_texts *texts, const char *model, ep_error *err);

/* Makes the plan of `loaded->file` again, and says whether its weights are those of `model`, the
 * file of `layers`. */
ep_status ep__plan_load(ep_report_loaded *loaded, const char *model, const ep_layers *layers,
                        const ep_machine *machine, ep_planned **out, ep_error *err);

#endif
