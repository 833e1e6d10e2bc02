/* Private to report/: what drawings have in common. They have no background. */
#ifndef EP_REPORT_SVG_H
#define EP_REPORT_SVG_H

#include "base/base.h"

/* As far from white to the eye as from black, so that it can be read on either. The same holds for
 * the other colours. */
#define EP__INK "#797979"

/* Colours of things that are told apart; the last is ink, for all others. */
enum { EP__COLOURS = 6 };
const char *ep__colour(uint32_t index);

/* Appends text as the content of an element, and empties `text`. */
void ep__append_xml(ep_text *out, ep_text *text);

#endif
