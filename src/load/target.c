#include "load/target.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <http_parser.h>
#include <openssl/ssl.h>

#include "base/str.h"

enum { CONNECT_S = 10 };

struct parts {
    struct hn_str schema, host, port, path;
};

static struct hn_str part(const char *url, const struct http_parser_url *u,
                          enum http_parser_url_fields f)
{
    if (!(u->field_set & 1u << f)) return (struct hn_str){"", 0};
    return (struct hn_str){url + u->field_data[f].off, u->field_data[f].len};
}

static enum hn_status split(const char *url, struct parts *out, struct hn_error *err)
{
    struct http_parser_url u;
    http_parser_url_init(&u);
    if (http_parser_parse_url(url, strlen(url), 0, &u) != 0)
        return hn_fail(err, HN_E_ARG, "%s: give http://HOST:PORT", url);
    *out = (struct parts){part(url, &u, UF_SCHEMA), part(url, &u, UF_HOST), part(url, &u, UF_PORT),
                          part(url, &u, UF_PATH)};
    if (!hn_str_is(out->schema, "http") && !hn_str_is(out->schema, "https"))
        return hn_fail(err, HN_E_ARG, "%s: http and https are spoken here", url);
    while (hn_str_ends(out->path, HN_STR("/")))
        out->path.n--;
    if (hn_str_ends(out->path, HN_STR("/v1"))) out->path.n -= 3;
    return HN_OK;
}

static bool copy(struct hn_str s, char *out, size_t room)
{
    if (s.n >= room) return false;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

/* Blocks until there is a connection. */
static bool answers(const struct addrinfo *a)
{
    const struct timeval patience = {.tv_sec = CONNECT_S};
    const int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const bool ok = connect(fd, a->ai_addr, a->ai_addrlen) == 0;
    const int reason = errno;
    close(fd);
    errno = reason;
    return ok;
}

static enum hn_status look_up(struct hn_target *t, const char *port, struct hn_error *err)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *all;
    const int error = getaddrinfo(t->host, port, &hints, &all);
    if (error) return hn_fail(err, HN_E_IO, "%s: %s", t->host, gai_strerror(error));
    for (const struct addrinfo *a = all; a && !t->address_n; a = a->ai_next)
        if (a->ai_addrlen <= sizeof t->address && answers(a)) {
            memcpy(&t->address, a->ai_addr, a->ai_addrlen);
            t->address_n = a->ai_addrlen;
        }
    const int reason = errno;
    freeaddrinfo(all);
    if (t->address_n) return HN_OK;
    return hn_fail(err, HN_E_IO, "%s: nobody answers there: %s", t->authority, strerror(reason));
}

static enum hn_status open_tls(struct hn_target *t, bool insecure, struct hn_error *err)
{
    t->tls = SSL_CTX_new(TLS_client_method());
    if (!t->tls) return hn_fail_nomem(err, "TLS", 0);
    SSL_CTX_set_min_proto_version(t->tls, TLS1_2_VERSION);
    SSL_CTX_set_mode(t->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(t->tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (insecure) return HN_OK;
    SSL_CTX_set_verify(t->tls, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_default_verify_paths(t->tls) == 1) return HN_OK;
    return hn_fail(err, HN_E_IO, "the system's certificates cannot be read");
}

enum hn_status hn_target_open(const char *url, bool insecure, struct hn_target *out,
                              struct hn_error *err)
{
    struct parts parts = {0};
    char port[8];
    *out = (struct hn_target){0};
    HN_TRY(split(url, &parts, err));
    const bool tls = hn_str_is(parts.schema, "https");
    if (!parts.port.n) parts.port = tls ? HN_STR("443") : HN_STR("80");
    if (!copy(parts.host, out->host, sizeof out->host) || !copy(parts.port, port, sizeof port) ||
        !copy(parts.path, out->path, sizeof out->path))
        return hn_fail(err, HN_E_ARG, "%s: a part of it is too long", url);
    const bool v6 = strchr(out->host, ':');
    snprintf(out->authority, sizeof out->authority, "%s%s%s:%s", v6 ? "[" : "", out->host,
             v6 ? "]" : "", port);
    enum hn_status status = tls ? open_tls(out, insecure, err) : HN_OK;
    if (status >= 0) status = look_up(out, port, err);
    if (status < 0) hn_target_close(out);
    return status;
}

void hn_target_close(struct hn_target *target)
{
    SSL_CTX_free(target->tls);
    target->tls = NULL;
}

int hn_target_connect(const struct hn_target *target)
{
    const int on = 1;
    const int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)&target->address, target->address_n) == 0 ||
        errno == EINPROGRESS)
        return fd;
    const int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}
