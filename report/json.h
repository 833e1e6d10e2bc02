/* Private to report/: writing JSON, value after value; commas are added where they belong. `key` is
 * NULL inside an array. Numbers that are not finite are null. */
#ifndef EP_REPORT_JSON_H
#define EP_REPORT_JSON_H

#include "base/base.h"

void ep__json_open(ep_text *out, const char *key, char bracket); /* '{' or '[' */
void ep__json_close(ep_text *out, char bracket);                 /* '}' or ']' */
void ep__json_text(ep_text *out, const char *key, const char *text);
void ep__json_number(ep_text *out, const char *key, double value);
void ep__json_integer(ep_text *out, const char *key, uint64_t value);
void ep__json_bool(ep_text *out, const char *key, bool value);
void ep__json_null(ep_text *out, const char *key);

#endif
