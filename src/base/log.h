/* Log lines on standard error. The library itself stays silent: callers pass a sink. */
#ifndef HN_BASE_LOG_H
#define HN_BASE_LOG_H

enum hn_log_level { HN_LOG_ERROR, HN_LOG_WARN, HN_LOG_INFO, HN_LOG_DEBUG };

/* Where lines go. `write` may be called from the engine thread only; text has no newline. */
struct hn_log {
    enum hn_log_level level; /* lines above it are dropped */
    void (*write)(void *ctx, enum hn_log_level level, const char *text);
    void *ctx;
};

/* Formats and hands one line to the sink; does nothing when log is NULL or the level is filtered. */
void hn_log(const struct hn_log *log, enum hn_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
