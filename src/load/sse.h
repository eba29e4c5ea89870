/* Server-sent events, as the WHATWG's HTML standard defines their stream, from bytes in any pieces. */
#ifndef HN_LOAD_SSE_H
#define HN_LOAD_SSE_H

#include <stdbool.h>

#include "base/str.h"

enum { HN_SSE_MAX = 1 << 20 }; /* bytes of an event's data, and of a line */

/* Zero-initialised is a stream's beginning. */
struct hn_sse {
    struct hn_buf line, data;
    bool after_cr; /* an LF that follows belongs to it */
    bool has_data; /* the event that is being read has a data field */
};

/* Gets an event's data, its lines joined by LF; the view holds for the call. */
typedef void hn_sse_event_fn(void *ctx, struct hn_str data);

/* Reads on; calls `event` for each event that is whole now and has data. Other fields and comments are
 * passed over. HN_E_LIMIT: more than HN_SSE_MAX. After an error nothing more may be fed. */
enum hn_status hn_sse_feed(struct hn_sse *sse, const char *p, size_t n, hn_sse_event_fn *event,
                           void *ctx);
/* Back to a beginning, keeping the memory. */
void hn_sse_clear(struct hn_sse *sse);
void hn_sse_free(struct hn_sse *sse);

#endif
