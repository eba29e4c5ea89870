/* The bytes of a connection, plain or TLS, with what waits on either side. libevent's bufferevents would
 * be that; those of 2.1 crash when memory is out while one is made. */
#ifndef HN_SERVER_HTTP_IO_H
#define HN_SERVER_HTTP_IO_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/types.h>

#include "base/status.h"

struct hn_io {
    int fd;
    SSL *ssl;                  /* NULL: plain */
    struct evbuffer *in, *out; /* received, to be sent */
    struct event readable, writable;
    uint64_t progress_ns;  /* hn_clock_ns() when bytes were last taken, while some are left */
    bool watches_writable; /* the event is added */
    bool read_wants_write; /* TLS must send before it can read, */
    bool write_wants_read; /* or the other way round */
};

enum hn_io_result {
    HN_IO_SOME,    /* something came in */
    HN_IO_NOTHING, /* not now */
    HN_IO_END,     /* the other side has ended */
    HN_IO_FAILED,
};

/* Watches `fd` for bytes; the io's from then on, also where this fails. The callbacks get `arg`. */
enum hn_status hn_io_open(struct hn_io *io, struct event_base *base, int fd, SSL_CTX *tls,
                          event_callback_fn readable, event_callback_fn writable, void *arg);
void hn_io_close(struct hn_io *io);

/* For the readable callback: receives through `scratch` and appends to `in`. */
enum hn_io_result hn_io_receive(struct hn_io *io, char *scratch, size_t n);
/* Sends from `out` what can be sent now; the writable callback is to call it for the rest. HN_E_IO: the
 * connection is broken. */
enum hn_status hn_io_send(struct hn_io *io);
/* Nothing will be sent any more. */
void hn_io_end(struct hn_io *io);

#endif
