#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *hn_status_text(enum hn_status status)
{
    switch (status) {
#define X(name, value, text)                                                                       \
    case HN_##name:                                                                                \
        return text;
#include "base/status.def"
#undef X
    }
    return "unknown status";
}

static void clean_text(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f) *p = '?';
}

enum hn_status hn_fail(struct hn_error *err, enum hn_status status, const char *fmt, ...)
{
    if (!err) return status;
    err->status = status;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    clean_text(err->text);
    return status;
}

enum hn_status hn_fail_in(struct hn_error *err, enum hn_status status, const char *fmt, ...)
{
    if (!err) return status;
    char text[sizeof err->text];
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof text) {
        const int more = snprintf(text + n, sizeof text - (size_t)n, ": %s", err->text);
        if (more < 0) text[n] = '\0';
    }
    memcpy(err->text, text, sizeof text);
    err->status = status;
    clean_text(err->text);
    return status;
}

enum hn_status hn_fail_nomem(struct hn_error *err, const char *what, size_t bytes)
{
    return hn_fail(err, HN_E_NOMEM, "out of memory: %zu bytes for %s", bytes, what);
}
