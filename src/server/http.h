/* HTTP/1.1 for the server: connections in, whole requests to a handler, answers from any thread.
 *
 * A few loop threads own the connections. A request reaches the handler when its headers and body are
 * complete and within the limits; what is malformed or too large has been answered by then. The handler
 * runs on a loop thread and must not wait; it may answer at once or keep the exchange and let another
 * thread answer. */
#ifndef HN_SERVER_HTTP_H
#define HN_SERVER_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

struct hn_http;     /* listeners and loop threads */
struct hn_exchange; /* a request and its answer */

struct hn_http_header {
    const char *name;
    const char *value;
};

/* The texts must live as long as the server. */
struct hn_http_options {
    const char *host;      /* an address or name; NULL with unix_path or a socket from systemd */
    uint16_t port;         /* 0: any free one; hn_http_url tells */
    const char *unix_path; /* a Unix socket instead; NULL: none */
    bool inherited;        /* take the sockets that systemd passed (sd_listen_fds) if it did */
    const char *tls_cert, *tls_key; /* PEM files; both or neither */
    unsigned threads;               /* loop threads; 0: 2 */
    size_t max_header;              /* bytes; 0: 16 KiB. 431 beyond */
    size_t max_body;                /* bytes; 0: 32 MiB. 413 beyond */
    size_t max_bodies;              /* bytes of all large ones together; 0: 1 GiB. 503 beyond */
    unsigned request_s;             /* for a whole request to arrive; 0: 30. 408 beyond */
    unsigned idle_s;                /* a keep-alive connection may wait; 0: 300 */
    unsigned max_connections;       /* 0: 20,000 */
    unsigned max_per_address;       /* 0: no limit. 429 beyond */
    size_t max_unsent;       /* bytes of a stream that a slow reader may leave unread; 0: 8 MiB */
    const char *cors_origin; /* "*" or an origin; NULL: no CORS headers */
    void (*handle)(void *ctx, struct hn_exchange *x);
    /* The body of errors found here (400, 408, 413, 431, ...) in the API's own shape (JSON): appends to
     * `body`. `path` is empty where none was read. On any loop thread. NULL: plain text. */
    void (*error_body)(void *ctx, struct hn_str path, int status, const char *text,
                       struct hn_buf *body);
    void *ctx;
    /* Told what goes wrong beside requests: changed certificates that are of no use. On any loop thread;
     * may be NULL. */
    void (*complain)(void *ctx, const char *text);
    void *complain_ctx;
    /* Told that visits (hn_http_visit) have stayed away though nobody said so, by a loop's thread that
     * goes to work again; may be NULL. */
    void (*deserted)(void *ctx);
};

/* Binds and listens; the loop threads run on return. Raises the process's soft limit of descriptors as
 * far as it may when max_connections wants more. */
enum hn_status hn_http_start(const struct hn_http_options *options, struct hn_http **out,
                             struct hn_error *err);
/* "http://127.0.0.1:8080", "https://...", "unix:/path". */
const char *hn_http_url(const struct hn_http *http);
/* Does what is to be done for connections now, on the calling thread, whose callbacks it may be then; many
 * threads may come. As long as visits go on the loops' own threads stand aside, for some milliseconds at
 * most: so short work takes no core from whoever computes, who visits when it suits. */
void hn_http_visit(struct hn_http *http);
/* There are no visits for now. */
void hn_http_leave(struct hn_http *http);
/* No new connections; idle ones are closed; what is being answered goes on. */
void hn_http_drain(struct hn_http *http);
/* Exchanges whose answers are not complete and handed to the system yet. */
size_t hn_http_open(const struct hn_http *http);
/* Clients that are connected, idle ones too. */
size_t hn_http_connections(const struct hn_http *http);
/* Closes everything, ends the threads. The handlers' exchanges must not be used afterwards: stop their
 * users first. NULL is fine. */
void hn_http_stop(struct hn_http *http);

/* The request. Views live as long as the exchange. */
const char *hn_exchange_method(const struct hn_exchange *x); /* "GET", ... */
struct hn_str hn_exchange_path(
    const struct hn_exchange *x); /* percent-decoded, without the query */
struct hn_str hn_exchange_query(const struct hn_exchange *x); /* as sent, without '?' */
struct hn_str hn_exchange_body(const struct hn_exchange *x);
/* The first header of that name (any case), p NULL when there is none. */
struct hn_str hn_exchange_header(const struct hn_exchange *x, const char *name);
/* The client's address as text; "unix" on a Unix socket. */
const char *hn_exchange_peer(const struct hn_exchange *x);
uint64_t hn_exchange_received_ns(
    const struct hn_exchange *x); /* hn_clock_ns() when it was complete */

/* Told once, on a loop thread, when the client went away (closed its side counts) or was cut off before
 * its answer was complete, also while nothing is being written. It must not wait for the exchange's
 * owner; the exchange is still to be ended (hn_exchange_end), after which `ctx` is not used any more.
 * Set it in the handler. */
void hn_exchange_on_gone(struct hn_exchange *x, void (*gone)(void *ctx), void *ctx);

/* Answers, from any thread, one thread at a time. Content-Length, Date, Connection are added here. Both
 * hn_exchange_reply and hn_exchange_end give the exchange back: it must not be used afterwards. */
void hn_exchange_reply(struct hn_exchange *x, int status, const struct hn_http_header *headers,
                       size_t n_headers, struct hn_str body);
/* Or piece by piece (chunked): */
enum hn_status hn_exchange_begin(struct hn_exchange *x, int status,
                                 const struct hn_http_header *headers, size_t n_headers);
/* Pieces written between two turns of the loop go out as one chunk. HN_E_CANCELLED: the client is gone;
 * HN_E_LIMIT: it left more than max_unsent unread, or took nothing for a minute, and was cut off;
 * HN_E_NOMEM. Never waits. */
enum hn_status hn_exchange_write(struct hn_exchange *x, struct hn_str bytes);
void hn_exchange_end(struct hn_exchange *x);

#endif
