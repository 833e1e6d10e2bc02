#include "report/svg.h"

#include <string.h>

#include "report/format.h"

const char *ep__colour(uint32_t index)
{
    static const char *const colours[EP__COLOURS + 1] = {"#3b7dd8", "#c96a12", "#2a8f55", "#b355cf",
                                                         "#d6456b", "#0f8a96", EP__INK};
    return colours[index < EP__COLOURS ? index : EP__COLOURS];
}

void ep__append_xml(ep_text *out, ep_text *text)
{
    if (text->failed) {
        ep_text_free(out);
        out->failed = true;
    } else if (text->length) {
        ep__clean(text->data, text->length);
        for (const char *c = text->data; *c; c++) {
            if (*c == '&') {
                ep_text_append(out, "&amp;", 5);
            } else if (*c == '<') {
                ep_text_append(out, "&lt;", 4);
            } else if (*c == '>') {
                ep_text_append(out, "&gt;", 4);
            } else if (strncmp(c, "\xEF\xBF\xBE", 3) == 0 || strncmp(c, "\xEF\xBF\xBF", 3) == 0) {
                ep_text_append(out, "?", 1); /* U+FFFE and U+FFFF are not in XML */
                c += 2;
            } else {
                ep_text_append(out, c, 1);
            }
        }
    }
    ep_text_free(text);
}
