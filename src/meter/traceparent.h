/* W3C trace context: "00-TRACE-PARENT-FLAGS", the header that ties a request's lines in several
 * services' logs together. */
#ifndef HN_METER_TRACEPARENT_H
#define HN_METER_TRACEPARENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct hn_traceparent {
    char trace[33];  /* 32 hexadecimal digits: the same in every service */
    char parent[17]; /* who called; "" when the trace begins here */
    char span[17];   /* this request, new */
    uint8_t flags;   /* bit 0: somebody keeps this trace */
};

enum { HN_TRACEPARENT_TEXT = 56 }; /* bytes of the header, the NUL included */

/* Continues the trace of a client's header; one that is missing or malformed begins a new trace:
 * false. */
bool hn_traceparent_begin(struct hn_str header, struct hn_traceparent *out);

/* The header for what this request calls or answers: its span is the parent there. */
void hn_traceparent_text(const struct hn_traceparent *trace, char out[HN_TRACEPARENT_TEXT]);

#endif
