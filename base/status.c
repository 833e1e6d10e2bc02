#include <stdio.h>
#include <string.h>

#include "base/base.h"

int ep_status_exit_code(ep_status status)
{
    static const int codes[] = {
#define X(name, exit_code, meaning) [EP_##name] = (exit_code),
        EP_STATUS_MAP(X)
#undef X
    };
    return codes[status];
}

const char *ep_status_text(ep_status status)
{
    static const char *const texts[] = {
#define X(name, exit_code, meaning) [EP_##name] = (meaning),
        EP_STATUS_MAP(X)
#undef X
    };
    return texts[status];
}

/* Names come from files: keep the promise of one printable line. UTF-8 passes. */
static void make_printable(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f) *p = '?';
    }
}

static ep_status vfail(ep_error *err, ep_status status, const char *prefix, const char *format,
                       va_list args)
{
    if (!err) return status;
    err->status = status;
    size_t used = 0;
    if (prefix) {
        const int n = snprintf(err->text, sizeof err->text, "%s", prefix);
        used = n < 0 ? 0 : (size_t)n;
        if (used >= sizeof err->text) used = sizeof err->text - 1;
    }
    (void)vsnprintf(err->text + used, sizeof err->text - used, format, args);
    make_printable(err->text);
    return status;
}

ep_status ep_fail(ep_error *err, ep_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfail(err, status, NULL, format, args);
    va_end(args);
    return status;
}

ep_status ep_fail_at(ep_error *err, ep_status status, const char *file, size_t line, size_t column,
                     const char *format, ...)
{
    char place[512];
    (void)snprintf(place, sizeof place, "%s:%zu:%zu: ", file, line, column);
    va_list args;
    va_start(args, format);
    vfail(err, status, place, format, args);
    va_end(args);
    return status;
}

ep_status ep_fail_context(ep_error *err, const char *format, ...)
{
    if (!err) return EP_BAD_MODEL;
    const ep_error inner = *err;
    char place[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(place, sizeof place, format, args);
    va_end(args);
    return ep_fail(err, inner.status, "%s%s", place, inner.text);
}

ep_status ep_fail_memory(ep_error *err)
{
    return ep_fail(err, EP_NO_MEMORY, "out of memory");
}
