/* Private to report/: what the writers of `plan run` and `plan compare` share. */
#ifndef EP_REPORT_EXECUTION_H
#define EP_REPORT_EXECUTION_H

#include "report/columns.h"
#include "report/report.h"

/* A line an input: "input data: float32 1x3x224x224, random:1". */
void ep__append_inputs(const ep_execution *execution, unsigned width, ep_text *out);

/* Two cells: the share that became infinite and the share that saturated, empty where none did. */
void ep__loss_cells(ep__columns *table, const ep_loss *loss);

/* The array "inputs" of name, type, shape, source. */
void ep__json_inputs(const ep_execution *execution, ep_text *out);
/* The fields "type" and "shape". */
void ep__json_type(ep_dtype dtype, const ep_shape *shape, ep_text *out);

#endif
