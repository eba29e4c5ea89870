/* One connection: requests in, one at a time to the handler, answers out in their order. */
#include "server/http_impl.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/clock.h"
#include "server/http_tls.h"

enum {
    READ_AHEAD = 64 << 10, /* bytes of later requests that wait here; then reading rests */
    WRITE_AHEAD =
        256 << 10,         /* bytes of answers not sent, beyond which no further request is begun */
    SMALL_BODY = 64 << 10, /* not counted with the large ones */
    LINGER_BYTES = 16 << 20, /* of a refused request that are read and dropped */
    LINGER_S = 2,
    STALL_S = 60, /* a client that takes nothing for so long is given up */
};

static const char too_many[] = "too many connections";

static void advance(struct hn_conn *c);

static uint64_t in_ns(unsigned s)
{
    return s * UINT64_C(1000000000);
}

static uint64_t in_seconds(unsigned s)
{
    return hn_clock_ns() + in_ns(s);
}

static const struct hn_http_options *options_of(const struct hn_conn *c)
{
    return &c->loop->http->options;
}

static size_t unsent(const struct hn_conn *c)
{
    return evbuffer_get_length(c->io.out);
}

static void flushed(struct hn_conn *c)
{
    atomic_fetch_sub(&c->loop->http->open, c->unflushed);
    c->unflushed = 0;
}

void hn_conn_free(struct hn_conn *c)
{
    struct hn_http *http = c->loop->http;
    flushed(c);
    if (c->opened) {
        LIST_REMOVE(c, in_loop);
        hn_io_close(&c->io);
    } else {
        close(c->fd);
    }
    hn_peers_leave(&http->peers, &c->peer);
    atomic_fetch_sub(&http->connections, 1);
    free(c);
}

/* Ends the connection now; whoever is making an answer is told. `cut`: for not reading; then the system
 * keeps none of what was sent either. */
static void drop(struct hn_conn *c, bool cut)
{
    struct hn_exchange *x = c->x;
    const struct linger at_once = {.l_onoff = 1};
    if (cut) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    const bool handed_over = c->state == CONN_ANSWERING;
    hn_conn_free(c);
    if (x && handed_over) hn_exchange_lost(x, cut);
    else if (x) hn_exchange_free(x);
}

/* Reading rests while enough requests wait. */
static void rest(struct hn_conn *c)
{
    c->resting = true;
    event_del(&c->io.readable);
}

static void read_on(struct hn_conn *c)
{
    if (c->resting && event_add(&c->io.readable, NULL) == 0) c->resting = false;
}

/* All is sent: what still comes in is dropped, until the client ends too. */
static void linger(struct hn_conn *c)
{
    if (c->eof) {
        drop(c, false);
        return;
    }
    hn_io_end(&c->io);
    read_on(c);
    c->state = CONN_LINGERING;
    c->deadline_ns = in_seconds(LINGER_S);
    evbuffer_drain(c->io.in, evbuffer_get_length(c->io.in));
}

static void finish(struct hn_conn *c)
{
    c->state = CONN_FLUSHING;
    c->deadline_ns = 0; /* as long as the client takes what is sent */
    if (!unsent(c)) linger(c);
}

/* Bytes for the client; hn_io_send sends them. */
static enum hn_status put(struct hn_conn *c, const void *bytes, size_t n)
{
    return evbuffer_add(c->io.out, bytes, n) < 0 ? HN_E_NOMEM : HN_OK;
}

/* The answer's head to the connection. */
static enum hn_status send_head(struct hn_conn *c, struct hn_exchange *x, int status,
                                struct hn_str lines, size_t length, bool closes)
{
    const struct hn_http_request *r = x ? &x->request : NULL;
    const struct hn_answer_head head = {
        .options = options_of(c),
        .date = c->loop->date,
        .status = status,
        .lines = lines,
        .length = length,
        .chunked = x && x->chunked,
        .close = closes,
        .http10 = r && r->parser.http_major == 1 && r->parser.http_minor == 0,
    };
    struct hn_buf text = {0};
    enum hn_status result = hn_answer_head(&head, &text);
    if (result == HN_OK) result = put(c, text.p, text.n);
    hn_buf_free(&text);
    return result;
}

/* An answer made here; with `closes` the last on this connection. */
static enum hn_status send_error(struct hn_conn *c, struct hn_exchange *x, int status,
                                 const char *text, bool closes)
{
    const struct hn_http_options *options = options_of(c);
    struct hn_buf body = {0}, lines = {0};
    struct hn_str path = {"", 0};
    if (x && x->request.head_done) path = hn_buf_view(&x->request.path);
    if (options->error_body) options->error_body(options->ctx, path, status, text, &body);
    else hn_buf_printf(&body, "%s\n", text);
    hn_answer_line(&lines, "Content-Type",
                   options->error_body ? "application/json" : "text/plain; charset=utf-8");
    if (status == 429 || status == 503) hn_buf_text(&lines, "Retry-After: 1\r\n");
    enum hn_status result = body.failed ? body.failed : lines.failed;
    if (result == HN_OK) result = send_head(c, x, status, hn_buf_view(&lines), body.n, closes);
    const bool head_only = x && x->request.head_done && x->request.parser.method == HTTP_HEAD;
    if (result == HN_OK && !head_only) result = put(c, body.p, body.n);
    hn_buf_free(&body);
    hn_buf_free(&lines);
    return result;
}

/* The request is not one to be answered by the handler: says so, and that is the end. */
static void refuse(struct hn_conn *c, int status, const char *text)
{
    enum hn_status result = send_error(c, c->x, status, text, true);
    if (result == HN_OK) result = hn_io_send(&c->io);
    if (c->x) hn_exchange_free(c->x);
    c->x = NULL;
    if (result < 0) drop(c, false);
    else finish(c);
}

static bool is_preflight(const struct hn_conn *c)
{
    const struct hn_http_request *r = &c->x->request;
    return options_of(c)->cors_origin && r->parser.method == HTTP_OPTIONS &&
           hn_http_request_header(r, "Access-Control-Request-Method").p;
}

/* A whole request is here. */
static void hand_over(struct hn_conn *c)
{
    struct hn_exchange *x = c->x;
    const struct hn_http_options *options = options_of(c);
    c->state = CONN_ANSWERING;
    c->deadline_ns = 0;
    x->received_ns = hn_clock_ns();
    atomic_fetch_add(&c->loop->http->open, 1);
    if (!is_preflight(c)) {
        options->handle(options->ctx, x);
        return;
    }
    /* Out of memory shows when the answer is taken. */
    hn_answer_preflight(hn_exchange_header(x, "Access-Control-Request-Headers"), &x->head);
    hn_exchange_reply(x, 204, NULL, 0, (struct hn_str){0});
}

/* Many large bodies at once are more than a machine holds. True: these are too many. */
static bool too_much(struct hn_exchange *x)
{
    struct hn_http *http = x->loop->http;
    const size_t now = x->request.body.cap;
    if (now <= SMALL_BODY || now == x->counted) return false;
    const size_t more = now - x->counted;
    x->counted = now;
    return atomic_fetch_add(&http->bodies, more) + more > http->options.max_bodies;
}

/* Feeds what has come in to the request at hand. False: the connection has another state now, or is
 * no more. */
static bool feed(struct hn_conn *c)
{
    struct evbuffer *in = c->io.in;
    const size_t n = evbuffer_get_contiguous_space(in);
    if (!n) return false;
    if (!c->x) {
        if (!(c->x = hn_exchange_new(c))) {
            refuse(c, 503, "out of memory");
            return false;
        }
        c->state = CONN_RECEIVING;
        c->deadline_ns = in_seconds(options_of(c)->request_s);
    }
    struct hn_http_request *r = &c->x->request;
    size_t used;
    const char *bytes = (const char *)evbuffer_pullup(in, (ev_ssize_t)n);
    const enum hn_http_parse parse = hn_http_request_feed(r, bytes, n, &used);
    evbuffer_drain(in, used);
    if (parse == HN_HTTP_COMPLETE) {
        hand_over(c);
    } else if (parse == HN_HTTP_REFUSED) {
        refuse(c, r->status, r->text);
    } else if (too_much(c->x)) {
        refuse(c, 503, "too many large requests at once");
    } else {
        if (r->wants_continue && !evbuffer_get_length(in)) {
            static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
            r->wants_continue = false;
            if (put(c, go_on, sizeof go_on - 1) < 0 || hn_io_send(&c->io) < 0) {
                drop(c, false);
                return false;
            }
        }
        return true;
    }
    return false;
}

/* Takes requests from the input until one waits for its answer. A client that sends requests and
 * reads no answers waits, too. */
static void advance(struct hn_conn *c)
{
    read_on(c);
    while (unsent(c) <= WRITE_AHEAD && feed(c))
        ;
}

/* Something came in. */
static void came_in(struct hn_conn *c)
{
    struct evbuffer *in = c->io.in;
    switch (c->state) {
    case CONN_IDLE:
    case CONN_RECEIVING:
    case CONN_ANSWERING:
        if (c->state != CONN_ANSWERING && unsent(c) <= WRITE_AHEAD) advance(c);
        else if (evbuffer_get_length(in) >= READ_AHEAD) rest(c);
        break;
    case CONN_FLUSHING:
    case CONN_LINGERING:
        c->dropped += evbuffer_get_length(in);
        evbuffer_drain(in, evbuffer_get_length(in));
        if (c->dropped > LINGER_BYTES && c->state == CONN_LINGERING) drop(c, false);
        break;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct hn_conn *c = arg;
    struct hn_loop *loop = c->loop;
    (void)fd;
    (void)what;
    const enum hn_io_result result = hn_io_receive(&c->io, loop->scratch, HN_SCRATCH);
    if (result == HN_IO_END && unsent(c) && (c->state == CONN_IDLE || c->state == CONN_FLUSHING)) {
        /* Asked, closed its side and still reads. */
        c->eof = true;
        event_del(&c->io.readable);
        finish(c);
    } else if (result == HN_IO_END || result == HN_IO_FAILED) {
        drop(c, false);
    } else if (c->refusal && c->state == CONN_IDLE) {
        if (SSL_is_init_finished(c->io.ssl)) refuse(c, c->refusal, too_many);
    } else if (result == HN_IO_SOME) {
        came_in(c);
    }
    hn_loop_drain(loop);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct hn_conn *c = arg;
    struct hn_loop *loop = c->loop;
    (void)fd;
    (void)what;
    if (c->io.read_wants_write) event_active(&c->io.readable, EV_READ, 0);
    if (hn_io_send(&c->io) < 0) {
        drop(c, false);
    } else if (!unsent(c)) {
        flushed(c);
        if (c->state == CONN_FLUSHING) linger(c);
        else if (c->state == CONN_IDLE || c->state == CONN_RECEIVING) advance(c);
    }
    hn_loop_drain(loop);
}

void hn_conn_start(struct hn_conn *c)
{
    struct hn_loop *loop = c->loop;
    const int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    LIST_INSERT_HEAD(&loop->conns, c, in_loop);
    c->opened = true;
    c->deadline_ns = in_seconds(options_of(c)->request_s);
    SSL_CTX *tls = loop->http->tls ? hn_tls_now(loop->http->tls) : NULL;
    const enum hn_status status =
        hn_io_open(&c->io, loop->base, c->fd, tls, on_readable, on_writable, c);
    SSL_CTX_free(tls); /* the connection holds it now */
    if (status < 0) drop(c, false);
    else if (c->refusal && !c->io.ssl) /* with TLS after the handshake */
        refuse(c, c->refusal, too_many);
}

/* A piece of the body, as a chunk where the length was not told before. */
static enum hn_status send_piece(struct hn_conn *c, const struct hn_exchange *x,
                                 struct hn_str bytes)
{
    if (!bytes.n || x->bodiless) return HN_OK;
    char size[24];
    const int n = snprintf(size, sizeof size, "%zx\r\n", bytes.n);
    if (x->chunked) HN_TRY(put(c, size, (size_t)n));
    HN_TRY(put(c, bytes.p, bytes.n));
    return x->chunked ? put(c, "\r\n", 2) : HN_OK;
}

static bool closes_after(const struct hn_conn *c, const struct hn_exchange *x)
{
    return !x->request.keep_alive || atomic_load(&c->loop->http->draining);
}

/* Instead of what the handler was to answer. */
static enum hn_status send_failure(struct hn_conn *c, struct hn_exchange *x, const char *text)
{
    x->head_sent = true;
    x->chunked = false;
    const enum hn_status status = send_error(c, x, 500, text, closes_after(c, x));
    x->bodiless = true; /* whatever is still written is not sent */
    return status;
}

static enum hn_status send_begin(struct hn_conn *c, struct hn_exchange *x,
                                 const struct hn_produced *p)
{
    const struct hn_http_request *r = &x->request;
    const bool never = p->status == 204 || p->status == 304; /* statuses without a body */
    const bool http10 = r->parser.http_minor == 0;
    x->bodiless = never || r->parser.method == HTTP_HEAD;
    x->chunked = !p->whole && !never && !http10;
    if (!p->whole && http10) x->request.keep_alive = false; /* the end of the body is the close */
    if (p->head.failed || (p->whole && p->body.failed)) return send_failure(c, x, "out of memory");
    x->head_sent = true;
    return send_head(c, x, p->status, hn_buf_view(&p->head),
                     p->whole && !never ? p->body.n : SIZE_MAX, closes_after(c, x));
}

/* The answer is complete. The next request may have its turn. */
static void complete(struct hn_conn *c, struct hn_exchange *x)
{
    const bool closes = closes_after(c, x);
    hn_exchange_free(x);
    c->x = NULL;
    c->unflushed++; /* counts as open until it is sent */
    if (!unsent(c)) flushed(c);
    if (closes) {
        finish(c);
        return;
    }
    c->state = CONN_IDLE;
    c->deadline_ns = in_seconds(options_of(c)->idle_s);
    advance(c);
}

void hn_conn_produced(struct hn_exchange *x, struct hn_produced *p)
{
    struct hn_conn *c = x->conn;
    if (!c) {
        if (p->ends) {
            atomic_fetch_sub(&x->loop->http->open, 1);
            hn_exchange_free(x);
        }
        return;
    }
    enum hn_status status = HN_OK;
    if (p->begins) status = send_begin(c, x, p);
    if (p->ends && !x->head_sent) status = send_failure(c, x, "no answer was made");
    if (status == HN_OK && !p->body.failed) status = send_piece(c, x, hn_buf_view(&p->body));
    if (status == HN_OK && p->body.failed && !p->whole) status = HN_E_NOMEM;
    if (status == HN_OK && p->ends && x->chunked && !x->bodiless) status = put(c, "0\r\n\r\n", 5);
    if (status == HN_OK) status = hn_io_send(&c->io);
    if (!p->whole && unsent(c) > options_of(c)->max_unsent) p->cut = true;
    if (status == HN_OK && !p->cut) {
        if (p->ends) complete(c, x);
        return;
    }
    drop(c, p->cut);
    if (p->ends) {
        atomic_fetch_sub(&x->loop->http->open, 1);
        hn_exchange_free(x);
    }
}

/* Where reading rests nothing tells of the end. */
static bool gone_unseen(const struct hn_conn *c)
{
    if (!c->resting) return false;
    struct pollfd end = {.fd = c->fd, .events = POLLRDHUP};
    return poll(&end, 1, 0) > 0;
}

static bool stalled(const struct hn_conn *c, uint64_t now)
{
    return unsent(c) && now > c->io.progress_ns && now - c->io.progress_ns > in_ns(STALL_S);
}

void hn_conn_tick(struct hn_conn *c, uint64_t now)
{
    const bool draining = atomic_load(&c->loop->http->draining);
    if (draining && c->state == CONN_IDLE) finish(c);
    else if (stalled(c, now)) drop(c, true);
    else if (gone_unseen(c)) drop(c, false);
    else if (!c->deadline_ns || now < c->deadline_ns) return;
    else if (c->state == CONN_RECEIVING) refuse(c, 408, "the request did not arrive in time");
    else drop(c, false);
}
