/* Private to report/: points of a sweep in words. */
#ifndef EP_REPORT_SWEEP_H
#define EP_REPORT_SWEEP_H

#include "report/report.h"

/* Appends "greedy (DLA 0) in 30W". */
void ep__sweep_name(const ep_sweep_point *point, ep_text *out);

#endif
