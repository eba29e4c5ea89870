/* Errors are values: a negative status, and optionally a text that says what and where. */
#ifndef HN_BASE_STATUS_H
#define HN_BASE_STATUS_H

#include <stddef.h>

enum hn_status {
#define X(name, value, text) HN_##name = (value),
#include "base/status.def"
#undef X
};

/* The where of an error: filled by the callee when the caller passes one, untouched on success.
 * Owned by the caller; plain data, nothing to free. */
struct hn_error {
    enum hn_status status;
    char text[500]; /* one line, UTF-8, no trailing newline; cut at the end when longer */
};

/* Static text of a status; never NULL, also for values that are not statuses. */
const char *hn_status_text(enum hn_status status);

/* Fills `err` (may be NULL) with a formatted text and returns `status`, so that callers can write
 * `return hn_fail(err, HN_E_FORMAT, "%s: ...", ...)`. Control characters in the result become '?':
 * texts often quote hostile input and end up on terminals. */
enum hn_status hn_fail(struct hn_error *err, enum hn_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "CONTEXT: " before the text already in `err` (may be NULL) and returns its status argument. */
enum hn_status hn_fail_in(struct hn_error *err, enum hn_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Out of memory while allocating `bytes` for `what`. */
enum hn_status hn_fail_nomem(struct hn_error *err, const char *what, size_t bytes);

/* Hands a failure to the caller as it is. Not for functions that have something to undo. */
#define HN_TRY(expr)                                                                               \
    do {                                                                                           \
        const enum hn_status hn_try_status_ = (expr);                                              \
        if (hn_try_status_ < 0) return hn_try_status_;                                             \
    } while (0)

#endif
