/* What the files of HTTP share: loops, connections, exchanges, and which thread may touch what. */
#ifndef HN_SERVER_HTTP_IMPL_H
#define HN_SERVER_HTTP_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <openssl/types.h>

#include "server/http.h"
#include "server/http_io.h"
#include "server/http_listen.h"
#include "server/http_peers.h"
#include "server/http_request.h"

enum hn_conn_state {
    CONN_IDLE,      /* nothing of a request is here */
    CONN_RECEIVING, /* part of one */
    CONN_ANSWERING, /* a handler has it */
    CONN_FLUSHING,  /* the last answer is on its way out */
    CONN_LINGERING, /* all is sent; what the client still sends is read and dropped for a while, since
                     * closing at once would take the answer from it */
};

/* A connection belongs to its loop's thread. */
struct hn_conn {
    LIST_ENTRY(hn_conn) in_loop;
    STAILQ_ENTRY(hn_conn) incoming;
    struct hn_loop *loop;
    struct hn_exchange *x; /* being received or answered */
    uint64_t deadline_ns;  /* hn_clock_ns() at which the state has lasted too long; 0: never */
    size_t dropped;        /* bytes read while lingering */
    size_t unflushed;      /* answers complete but still in the output */
    enum hn_conn_state state;
    int fd; /* accepted; the io's once that is open */
    bool opened;
    struct hn_io io;
    bool resting; /* nothing is read for now */
    bool eof;     /* the client has closed its side */
    int refusal;  /* status to refuse the whole connection with; 0: none */
    struct hn_peer peer;
};

/* A request and its answer. `conn`, `request` and what follows belong to the loop's thread, the
 * request can be read by anybody once the handler has it; what stands under `lock` is shared. */
struct hn_exchange {
    struct hn_loop *loop;
    struct hn_conn *conn; /* NULL: the client is gone */
    LIST_ENTRY(hn_exchange) in_loop;
    struct hn_http_request request;
    struct hn_peer peer;
    uint64_t received_ns;
    size_t counted; /* bytes of the body counted in http->bodies */
    bool head_sent, chunked, bodiless;

    /* under loop->lock */
    STAILQ_ENTRY(hn_exchange) in_queue;
    struct hn_buf head; /* the answer's headers as lines */
    struct hn_buf out;  /* body bytes that the loop has not taken yet */
    int status;         /* of the answer; 0: not begun */
    bool queued, whole, ended, gone, cut, telling;
    void (*on_gone)(void *ctx);
    void *on_gone_ctx;
};

enum { HN_SCRATCH = 32 << 10 };

LIST_HEAD(hn_conn_list, hn_conn);
LIST_HEAD(hn_exchange_list, hn_exchange);
STAILQ_HEAD(hn_conn_queue, hn_conn);
STAILQ_HEAD(hn_exchange_queue, hn_exchange);

struct hn_loop {
    struct hn_http *http;
    pthread_t thread;
    bool started;
    pthread_mutex_t turn;    /* whoever holds it runs the loop: the thread, or a visitor */
    _Atomic pthread_t owner; /* that is who, while it runs */
    struct event_base *base;
    struct event *wake, *tick;
    int wake_fd;
    bool drained;  /* the drain has begun here */
    char date[32]; /* "Wed, 25 Nov 2026 23:28:18 GMT" */
    char *scratch; /* HN_SCRATCH bytes, to receive through */
    struct hn_conn_list conns;
    struct hn_exchange_list exchanges; /* all that are not freed */

    pthread_mutex_t lock;
    pthread_cond_t told; /* an on_gone has returned */
    struct hn_exchange_queue queue;
    struct hn_conn_queue incoming;
    pthread_cond_t deserted; /* visitors are gone */
};

struct hn_http {
    struct hn_http_options options; /* with the defaults filled in */
    struct hn_tls *tls;             /* NULL: none */
    struct hn_listeners listeners;
    struct event *accepting[HN_MAX_LISTENERS]; /* on the first loop */
    bool accept_paused;                        /* no descriptors; until the next tick */
    struct hn_peers peers;
    unsigned next_loop; /* the first loop's thread deals connections out in turn */
    unsigned n_loops;
    struct hn_loop *loops;
    atomic_size_t connections;
    atomic_size_t open;
    atomic_size_t bodies; /* bytes of the large ones */
    atomic_bool draining, stopping;
    _Atomic uint64_t visited_ns; /* the last visit; 0: visitors are gone */
};

/* http.c */
bool hn_loop_is_mine(const struct hn_loop *loop);
void hn_loop_wake(struct hn_loop *loop);
/* Does what was queued for the loop; at the end of whatever its thread does. */
void hn_loop_drain(struct hn_loop *loop);

/* http_conn.c, all on the loop's thread. The connection may be gone when they return. */
void hn_conn_start(struct hn_conn *c);
/* What the exchange's owner has produced since the last time. `head` and `body` are the caller's. */
struct hn_produced {
    struct hn_buf head, body;
    int status;
    bool begins, whole, ends, cut;
};
void hn_conn_produced(struct hn_exchange *x, struct hn_produced *p);
void hn_conn_tick(struct hn_conn *c, uint64_t now);
void hn_conn_free(struct hn_conn *c);

/* http_exchange.c */
struct hn_exchange *hn_exchange_new(struct hn_conn *c);
void hn_exchange_free(struct hn_exchange *x);
/* Takes what was produced. */
void hn_exchange_take(struct hn_exchange *x, struct hn_produced *out);
/* Tells the owner that the client is gone; `cut`: because it was cut off. */
void hn_exchange_lost(struct hn_exchange *x, bool cut);

/* http_answer.c: appends the head of an answer to `out`. */
struct hn_answer_head {
    const struct hn_http_options *options;
    const char *date;
    int status;
    struct hn_str lines; /* more headers, each with its CR LF */
    size_t length;       /* of the body; SIZE_MAX: not known or none */
    bool chunked, close, http10;
};
enum hn_status hn_answer_head(const struct hn_answer_head *head, struct hn_buf *out);
/* One header line; control characters in it become spaces. */
enum hn_status hn_answer_line(struct hn_buf *out, const char *name, const char *value);
/* The lines that answer a browser asking what another origin may do. */
enum hn_status hn_answer_preflight(struct hn_str asked_headers, struct hn_buf *lines);

#endif
