/* A connection of a client: a request goes out, its answer comes in, and then the next may follow. */
#ifndef HN_LOAD_WIRE_H
#define HN_LOAD_WIRE_H

#include <http_parser.h>

#include "base/str.h"
#include "load/target.h"
#include "server/http_io.h"

/* How an exchange ended. */
enum hn_wire_end {
    HN_WIRE_ANSWERED,
    HN_WIRE_STALE,   /* a kept connection was closed before the request was seen: ask again */
    HN_WIRE_CONNECT, /* there was no connection */
    HN_WIRE_CUT,     /* the connection ended before the answer did */
    HN_WIRE_GARBLED, /* what came is not HTTP, or was not wanted */
};

struct hn_wire {
    const struct hn_target *target;
    struct event_base *base;
    /* Called with parts of the answer's body, false to hear no more of it, and once at its end. Neither
     * may ask or close. */
    bool (*on_body)(void *ctx, struct hn_str bytes);
    void (*on_end)(void *ctx, enum hn_wire_end end);
    void *ctx;

    uint64_t now; /* hn_clock_ns() when the bytes at hand were received */
    int status;   /* the answer's, from its first byte of body on */
    /* Of this file: */
    struct hn_io io;
    http_parser parser;
    bool open;
    bool kept; /* it has brought an answer before */
    bool asking, got, complete,
        keep; /* the exchange: under way, some came, all came, not the last */
};

/* Sends a request, over the connection that is there or a new one. HN_E_IO: that cannot be had (errno
 * says why), and on_end is not called. */
enum hn_status hn_wire_ask(struct hn_wire *w, struct hn_str head, struct hn_str body);
/* Closes the connection, if there is one, in the middle of an answer too; on_end is not called. */
void hn_wire_close(struct hn_wire *w);

#endif
