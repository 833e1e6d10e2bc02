/* Private to report/: points of a sweep in words. */
#ifndef EP_REPORT_SWEEP_H
#define EP_REPORT_SWEEP_H

#include "report/report.h"

/* Appends "greedy, DLA 0", "gpu+2dla". */
void ep__sweep_placement(const ep_sweep_point *point, ep_text *out);
/* Appends "greedy (DLA 0) in 30W". */
void ep__sweep_name(const ep_sweep_point *point, ep_text *out);
/* Appends ep_report_sweep_json's object without the end of the line. */
void ep__sweep_json(const ep_sweep_point *point, ep_text *out);
/* "Choose greedy (DLA 0) in 30W: ..." and what the other ends of the scale would cost; nothing
 * where there is no choice. `whole`: names have precision and batch too. */
void ep__sweep_advise(const ep_sweep_summary *summary, bool whole, unsigned width, ep_text *out);

#endif
