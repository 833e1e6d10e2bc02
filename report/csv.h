/* Private to report/: writing CSV, field after field. Each field is followed by a comma; the last
 * comma of a row becomes its end. */
#ifndef EP_REPORT_CSV_H
#define EP_REPORT_CSV_H

#include "base/base.h"

void ep__csv_text(ep_text *out, const char *text); /* quoted as RFC 4180 says, where needed */
void ep__csv_number(ep_text *out, double value);   /* empty when it is not finite */
void ep__csv_integer(ep_text *out, uint64_t value);
void ep__csv_end_row(ep_text *out);

#endif
