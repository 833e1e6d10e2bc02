/* Whatever the bytes are, a baseline is compared, or refused in one line. Documents are split at
 * the first form feed, which JSON cannot hold; without one the document is compared with itself. */
#include <stdlib.h>
#include <string.h>

#include "study/study.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

static void check_diff(const ep_text *diff)
{
    check(diff->length > 0 && diff->data[diff->length - 1] == '\n');
    for (size_t i = 0; i < diff->length; i++) {
        const unsigned char c = (unsigned char)diff->data[i];
        check(c == '\n' || (c >= 0x20 && c != 0x7f));
    }
}

static ep_status compare(const char *was, size_t was_size, const char *now, size_t size)
{
    ep_text diff = {0};
    ep_error err = {0};
    const ep_status status =
        ep_baseline_compare_text(was, was_size, "fuzz.json", now, size, &diff, &err);
    if (status == EP_OK || status == EP_GATE_FAILED) {
        check_diff(&diff);
    } else {
        check(status == EP_BAD_FILE || status == EP_BAD_USAGE);
        check(diff.length == 0);
    }
    check(err.status == status && (status == EP_OK) == !err.text[0] && !strchr(err.text, '\n'));
    ep_text_free(&diff);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *split = size ? memchr(text, '\f', size) : NULL;
    if (!split) {
        const ep_status status = compare(text, size, text, size);
        check(status == EP_OK || status == EP_BAD_FILE);
        return 0;
    }
    const size_t first = (size_t)(split - text);
    const ep_status status = compare(text, first, split + 1, size - first - 1);
    const ep_status back = compare(split + 1, size - first - 1, text, first);
    check((status == EP_BAD_FILE) == (back == EP_BAD_FILE));
    check((status == EP_BAD_USAGE) == (back == EP_BAD_USAGE));
    return 0;
}
