/* One request after the other over a connection of its own, and what is learnt from the answers. */
#ifndef HN_LOAD_STREAM_H
#define HN_LOAD_STREAM_H

#include "load/ask.h"
#include "load/reply.h"
#include "load/sse.h"
#include "load/wire.h"

/* Zero-initialised but for wire.target, wire.base and the first four. */
struct hn_stream {
    const struct hn_load_options *options;
    struct hn_load_report *report;
    /* Called when a request is over and counted. `again`: it is not, and has to be sent once more. May
     * not start the next. */
    void (*on_over)(struct hn_stream *s, bool again);
    void *ctx;

    uint64_t request; /* its number */
    struct hn_ask ask;
    uint64_t due;           /* hn_clock_ns() when it was to be sent */
    bool busy;              /* under way */
    struct hn_stream *next; /* in a list of the user's */

    /* Of this file: */
    struct hn_wire wire;
    uint64_t first, last; /* when texts came; 0: none yet */
    uint64_t longest;     /* ns between two of them */
    uint64_t texts;
    struct hn_sse sse;
    struct hn_buf whole;   /* an answer that is no stream */
    struct hn_reply told;  /* of all events */
    enum hn_status broken; /* an event that could not be read */
};

/* Sends a request, whose number, ask and time are set. HN_E_IO: it failed at once and is counted. */
enum hn_status hn_stream_start(struct hn_stream *s, struct hn_str head, struct hn_str body);
/* Ends the request that is under way, without a call of on_over, and counts it as failed. */
void hn_stream_fail(struct hn_stream *s, const char *kind, const char *text);
/* Closes the connection, whatever is under way. */
void hn_stream_free(struct hn_stream *s);

#endif
