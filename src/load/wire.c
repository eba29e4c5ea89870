#include "load/wire.h"

#include <errno.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/clock.h"

enum { SCRATCH = 16 << 10 };

/* What follows an answer belongs to none. */
static int on_begin(http_parser *parser)
{
    const struct hn_wire *w = parser->data;
    return w->complete;
}

static int on_headers(http_parser *parser)
{
    struct hn_wire *w = parser->data;
    w->status = parser->status_code;
    return 0;
}

static int on_body(http_parser *parser, const char *p, size_t n)
{
    struct hn_wire *w = parser->data;
    return w->on_body(w->ctx, (struct hn_str){p, n}) ? 0 : 1;
}

static int on_complete(http_parser *parser)
{
    struct hn_wire *w = parser->data;
    /* An informational answer (100) goes before the real one. */
    w->complete = parser->status_code >= 200;
    w->keep = http_should_keep_alive(parser) != 0;
    return 0;
}

static const http_parser_settings settings = {.on_message_begin = on_begin,
                                              .on_headers_complete = on_headers,
                                              .on_body = on_body,
                                              .on_message_complete = on_complete};

static void end(struct hn_wire *w, enum hn_wire_end how)
{
    w->asking = false;
    w->kept = true;
    if (how != HN_WIRE_ANSWERED || !w->keep) hn_wire_close(w);
    w->on_end(w->ctx, how);
}

/* Bytes of the answer; none at the connection's end, which may be the answer's, too. */
static void parse(struct hn_wire *w, const char *p, size_t n)
{
    http_parser_execute(&w->parser, &settings, p, n);
    const bool wrong = HTTP_PARSER_ERRNO(&w->parser) != HPE_OK;
    if (w->complete) {
        w->keep = w->keep && !wrong;
        end(w, HN_WIRE_ANSWERED);
    } else if (wrong && n) {
        end(w, HN_WIRE_GARBLED);
    }
}

/* The connection is over. */
static void break_off(struct hn_wire *w)
{
    if (w->asking && w->got) parse(w, NULL, 0);
    if (!w->asking) {
        hn_wire_close(w);
        return;
    }
    const bool unsent = evbuffer_get_length(w->io.out) > 0;
    end(w, w->got ? HN_WIRE_CUT : w->kept ? HN_WIRE_STALE : unsent ? HN_WIRE_CONNECT : HN_WIRE_CUT);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct hn_wire *w = arg;
    char scratch[SCRATCH];
    const enum hn_io_result result = hn_io_receive(&w->io, scratch, sizeof scratch);
    if (result == HN_IO_NOTHING) return;
    w->now = hn_clock_ns();
    int n;
    while (w->asking && (n = evbuffer_remove(w->io.in, scratch, sizeof scratch)) > 0) {
        w->got = true;
        parse(w, scratch, (size_t)n);
    }
    if (!w->open) return;
    /* Whatever comes while nothing was asked ends the connection. */
    if (result != HN_IO_SOME || evbuffer_get_length(w->io.in)) break_off(w);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct hn_wire *w = arg;
    if (hn_io_send(&w->io) >= 0) return;
    w->now = hn_clock_ns();
    break_off(w);
}

static enum hn_status open_wire(struct hn_wire *w)
{
    const int fd = hn_target_connect(w->target);
    if (fd < 0) return HN_E_IO;
    w->open = true;
    w->kept = false;
    HN_TRY(hn_io_open(&w->io, w->base, fd, w->target->tls, on_readable, on_writable, w));
    if (!w->io.ssl) return HN_OK;
    const char *host = w->target->host;
    if (SSL_set_tlsext_host_name(w->io.ssl, host) == 1 && SSL_set1_host(w->io.ssl, host) == 1)
        return HN_OK;
    return HN_E_NOMEM;
}

enum hn_status hn_wire_ask(struct hn_wire *w, struct hn_str head, struct hn_str body)
{
    enum hn_status status = w->open ? HN_OK : open_wire(w);
    http_parser_init(&w->parser, HTTP_RESPONSE);
    w->parser.data = w;
    w->got = w->complete = w->keep = false;
    w->status = 0;
    if (status >= 0 && (evbuffer_add(w->io.out, head.p, head.n) < 0 ||
                        evbuffer_add(w->io.out, body.p, body.n) < 0))
        status = HN_E_NOMEM;
    /* A connection that is broken already is told by its event. */
    w->asking = status >= 0;
    if (status >= 0 && hn_io_send(&w->io) < 0) event_active(&w->io.readable, EV_READ, 0);
    if (status < 0) hn_wire_close(w);
    return status;
}

void hn_wire_close(struct hn_wire *w)
{
    if (w->open) hn_io_close(&w->io);
    w->open = w->asking = false;
}
