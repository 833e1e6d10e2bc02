/* Private to report/: what trace, gantt and picture have in common. */
#ifndef EP_REPORT_RECORDING_H
#define EP_REPORT_RECORDING_H

#include "report/report.h"

/* "conv1 + relu1", "copy", "submit" */
const char *ep__step_name(const ep_recording *recording, const ep_span *span);
/* "kernel", "reformat", "copy", "submission" */
const char *ep__step_kind(const ep_recording *recording, const ep_span *span);
/* Does any span occupy that unit? */
bool ep__unit_is_used(const ep_recording *recording, ep_unit unit);
/* Of all units and the CPU. */
double ep__level_gbps(const ep_level *level);
/* What the module draws, idle included. */
double ep__level_w(const ep_recording *recording, const ep_level *level);

#endif
