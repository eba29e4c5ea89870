#include "server/http_io.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/clock.h"

enum { RECORD = 16 << 10 }; /* bytes of a TLS record at most */

enum hn_status hn_io_open(struct hn_io *io, struct event_base *base, int fd, SSL_CTX *tls,
                          event_callback_fn readable, event_callback_fn writable, void *arg)
{
    *io = (struct hn_io){.fd = fd, .in = evbuffer_new(), .out = evbuffer_new()};
    event_assign(&io->readable, base, fd, EV_READ | EV_PERSIST, readable, arg);
    event_assign(&io->writable, base, fd, EV_WRITE | EV_PERSIST, writable, arg);
    if (!io->in || !io->out) return HN_E_NOMEM;
    if (tls) {
        io->ssl = SSL_new(tls);
        if (!io->ssl || SSL_set_fd(io->ssl, fd) != 1) return HN_E_NOMEM;
        if (SSL_is_server(io->ssl)) SSL_set_accept_state(io->ssl);
        else SSL_set_connect_state(io->ssl);
    }
    return event_add(&io->readable, NULL) < 0 ? HN_E_NOMEM : HN_OK;
}

void hn_io_close(struct hn_io *io)
{
    event_del(&io->readable);
    event_del(&io->writable);
    SSL_free(io->ssl);
    if (io->in) evbuffer_free(io->in);
    if (io->out) evbuffer_free(io->out);
    close(io->fd);
}

static enum hn_status watch_writable(struct hn_io *io, bool on)
{
    if (on == io->watches_writable) return HN_OK;
    if ((on ? event_add(&io->writable, NULL) : event_del(&io->writable)) < 0) return HN_E_NOMEM;
    io->watches_writable = on;
    return HN_OK;
}

/* The writable event is wanted for bytes that are left, unless TLS must read first. */
static enum hn_status watch(struct hn_io *io)
{
    const bool left = evbuffer_get_length(io->out) > 0 && !io->write_wants_read;
    return watch_writable(io, left || io->read_wants_write);
}

static enum hn_io_result received(struct hn_io *io, const char *bytes, ssize_t n)
{
    if (n == 0) return HN_IO_END;
    if (n > 0) return evbuffer_add(io->in, bytes, (size_t)n) < 0 ? HN_IO_FAILED : HN_IO_SOME;
    return errno == EAGAIN || errno == EINTR ? HN_IO_NOTHING : HN_IO_FAILED;
}

static enum hn_io_result receive_tls(struct hn_io *io, char *scratch, size_t n)
{
    enum hn_io_result result = HN_IO_NOTHING;
    io->read_wants_write = false;
    do {
        size_t got;
        ERR_clear_error();
        const int ok = SSL_read_ex(io->ssl, scratch, n, &got);
        if (ok == 1) {
            result = received(io, scratch, (ssize_t)got);
        } else {
            const int error = SSL_get_error(io->ssl, ok);
            io->read_wants_write = error == SSL_ERROR_WANT_WRITE;
            if (error == SSL_ERROR_ZERO_RETURN) return HN_IO_END;
            if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return HN_IO_FAILED;
            break;
        }
    } while (result == HN_IO_SOME && SSL_pending(io->ssl) > 0);
    return watch(io) < 0 ? HN_IO_FAILED : result;
}

enum hn_io_result hn_io_receive(struct hn_io *io, char *scratch, size_t n)
{
    if (io->write_wants_read) event_active(&io->writable, EV_WRITE, 0);
    if (io->ssl) return receive_tls(io, scratch, n);
    return received(io, scratch, recv(io->fd, scratch, n, 0));
}

static enum hn_status send_tls(struct hn_io *io)
{
    size_t left, sent;
    io->write_wants_read = false;
    while ((left = evbuffer_get_length(io->out)) > 0) {
        const size_t n = left < RECORD ? left : RECORD;
        const unsigned char *bytes = evbuffer_pullup(io->out, (ev_ssize_t)n);
        if (!bytes) return HN_E_NOMEM;
        ERR_clear_error();
        const int ok = SSL_write_ex(io->ssl, bytes, n, &sent);
        if (ok != 1) {
            const int error = SSL_get_error(io->ssl, ok);
            io->write_wants_read = error == SSL_ERROR_WANT_READ;
            return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? HN_OK : HN_E_IO;
        }
        evbuffer_drain(io->out, sent);
    }
    return HN_OK;
}

static enum hn_status send_plain(struct hn_io *io)
{
    while (evbuffer_get_length(io->out) > 0)
        if (evbuffer_write(io->out, io->fd) < 0) return errno == EAGAIN ? HN_OK : HN_E_IO;
    return HN_OK;
}

enum hn_status hn_io_send(struct hn_io *io)
{
    const size_t before = evbuffer_get_length(io->out);
    HN_TRY(io->ssl ? send_tls(io) : send_plain(io));
    const size_t left = evbuffer_get_length(io->out);
    if (left && (left < before || !io->watches_writable)) io->progress_ns = hn_clock_ns();
    return watch(io);
}

void hn_io_end(struct hn_io *io)
{
    if (io->ssl) SSL_shutdown(io->ssl);
    ERR_clear_error();
    shutdown(io->fd, SHUT_WR);
}
