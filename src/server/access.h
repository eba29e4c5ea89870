/* Receipts as JSON: the object `hence` of an answer, and a line of the access log. */
#ifndef HN_SERVER_ACCESS_H
#define HN_SERVER_ACCESS_H

#include "meter/log_file.h"
#include "meter/traceparent.h"
#include "meter/usage.h"
#include "text/json_write.h"

/* The object `hence`: {"class": ..., "tokens": {...}, "seconds": {...}, "joules": ...}. What is not known
 * is null. */
void hn_receipt_put(struct hn_json_writer *w, const char *key, const struct hn_receipt *receipt);

enum { HN_ACCESS_TEXT = 1 << 18 }; /* bytes of a text that a line holds at most */

/* One exchange. Texts may be NULL, views empty. */
struct hn_access_line {
    int64_t wall_ms; /* when it came */
    const struct hn_traceparent *trace;
    const struct hn_receipt *receipt;
    const char *peer, *method;
    struct hn_str path;
    struct hn_str request, answer; /* what was said: only in a log that is to have texts */
};

/* One line of JSON, without its end. */
void hn_access_line_put(struct hn_json_writer *w, const struct hn_access_line *line, bool texts);

/* Adds the line to a log. Never waits; what cannot be kept is dropped. */
void hn_access_log(struct hn_log_file *log, const struct hn_access_line *line, bool texts);

#endif
