#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void hn_log(const struct hn_log *log, enum hn_log_level level, const char *fmt, ...)
{
    if (!log || !log->write || level > log->level) return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    log->write(log->ctx, level, text);
}
