/* Ranges: KEY=BEGIN:END:STEP. */
#include <math.h>
#include <string.h>

#include "study/study.h"

bool ep_axis_is_range(const char *text)
{
    const char *equals = strchr(text, '=');
    return equals && strchr(equals, ':');
}

double ep_axis_value(const ep_axis *axis, uint32_t index)
{
    return axis->begin + axis->step * index;
}

/* The number up to `stop` or the end of the text; `*text` goes behind it. */
static bool read_number(const char **text, char stop, double *out)
{
    enum { DIGITS = 40 };
    char digits[DIGITS];
    const size_t length = strcspn(*text, ":");
    if (length >= DIGITS || (*text)[length] != stop) return false;
    memcpy(digits, *text, length);
    digits[length] = '\0';
    *text += length + (stop != '\0');
    return ep_number_parse(digits, out) && isfinite(*out);
}

ep_status ep_axis_parse(const char *text, ep_arena *arena, ep_axis *out, ep_error *err)
{
    enum { MOST_VALUES = 1000000 };
    const char *equals = strchr(text, '=');
    EP_FAIL_IF(!equals || equals == text, err, EP_BAD_USAGE,
               "--set %.200s: wants KEY=BEGIN:END:STEP", text);
    const char *at = equals + 1;
    double begin, end, step;
    EP_FAIL_IF(!read_number(&at, ':', &begin) || !read_number(&at, ':', &end) ||
                   !read_number(&at, '\0', &step),
               err, EP_BAD_USAGE, "--set %.200s: wants three numbers, BEGIN:END:STEP", text);
    EP_FAIL_IF(!(step > 0), err, EP_BAD_USAGE, "--set %.200s: the step must be above 0", text);
    EP_FAIL_IF(end < begin, err, EP_BAD_USAGE, "--set %.200s: ends before it begins", text);
    /* an end that is whole steps away counts, whatever binary fractions make of it */
    const double n = floor((end - begin) / step + 1e-9) + 1;
    EP_FAIL_IF(!(n <= MOST_VALUES), err, EP_BAD_USAGE, "--set %.200s: more than %d values", text,
               MOST_VALUES);
    const char *key = ep_arena_string(arena, text, (size_t)(equals - text));
    if (!key) return ep_fail_memory(err);
    *out = (ep_axis){.key = key, .begin = begin, .step = step, .n = (uint32_t)n};
    return EP_OK;
}
