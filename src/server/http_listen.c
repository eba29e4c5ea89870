#include "server/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/systemd.h"

enum { BACKLOG = 4096 };

static void set_url(const struct hn_http_options *options, struct hn_listeners *out)
{
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof address;
    const char *scheme = options->tls_cert ? "https" : "http";
    char text[INET6_ADDRSTRLEN] = "";
    out->url[0] = 0;
    if (getsockname(out->fd[0], (struct sockaddr *)&address, &n) < 0) return;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)&address;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        snprintf(out->url, sizeof out->url, "%s://%s:%u", scheme, text, ntohs(in->sin_port));
    } else if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)&address;
        inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
        snprintf(out->url, sizeof out->url, "%s://[%s]:%u", scheme, text, ntohs(in->sin6_port));
    } else if (address.ss_family == AF_UNIX) {
        snprintf(out->url, sizeof out->url, "unix:%s",
                 ((const struct sockaddr_un *)&address)->sun_path);
    }
}

static void set_port(struct sockaddr *address, uint16_t port)
{
    if (address->sa_family == AF_INET) ((struct sockaddr_in *)address)->sin_port = htons(port);
    else ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &n) < 0) return 0;
    return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                              : ((struct sockaddr_in6 *)&address)->sin6_port);
}

/* -1 with errno set where it cannot be. */
static int listen_on(const struct addrinfo *at)
{
    const int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* A name may have several addresses ("localhost" has two); one that can be had is enough. */
static enum hn_status open_addresses(const struct hn_http_options *options,
                                     struct hn_listeners *out, struct hn_error *err)
{
    const char *host = options->host ? options->host : "127.0.0.1";
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list;
    const int failed = getaddrinfo(host, NULL, &hints, &list);
    if (failed)
        return hn_fail(err, HN_E_ARG, "cannot listen on %s: %s", host, gai_strerror(failed));
    uint16_t port = options->port;
    int error = EADDRNOTAVAIL;
    for (const struct addrinfo *at = list; at && out->n < HN_MAX_LISTENERS; at = at->ai_next) {
        if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
        set_port(at->ai_addr, port);
        const int fd = listen_on(at);
        if (fd < 0) {
            error = errno;
            continue;
        }
        out->fd[out->n++] = fd;
        port = port_of(fd); /* one port for all of them, also where any would do */
    }
    freeaddrinfo(list);
    if (out->n) return HN_OK;
    return hn_fail(err, HN_E_IO, "cannot listen on %s port %u: %s", host, port, strerror(error));
}

/* What an earlier process left behind; not what another one still answers on. */
static enum hn_status remove_stale(const struct sockaddr_un *address, struct hn_error *err)
{
    struct stat st;
    if (lstat(address->sun_path, &st) < 0) return HN_OK;
    if (!S_ISSOCK(st.st_mode))
        return hn_fail(err, HN_E_IO, "%s: exists and is not a socket", address->sun_path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return hn_fail(err, HN_E_IO, "%s: %s", address->sun_path, strerror(errno));
    const bool stale =
        connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
    close(fd);
    if (!stale) return hn_fail(err, HN_E_BUSY, "%s: in use by another process", address->sun_path);
    unlink(address->sun_path);
    return HN_OK;
}

static enum hn_status open_unix(const char *path, struct hn_listeners *out, struct hn_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return hn_fail(err, HN_E_ARG, "%s: longer than a socket's path may be (%zu)", path,
                       sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path));
    HN_TRY(remove_stale(&address, err));
    if (!(out->unix_path = strdup(path))) return hn_fail_nomem(err, "a path", strlen(path));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* The mode is set before the file is there: no moment in which anybody may connect. */
    if (fd >= 0 && fchmod(fd, 0660) == 0 &&
        bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, BACKLOG) == 0) {
        out->fd[out->n++] = fd;
        return HN_OK;
    }
    const enum hn_status status = hn_fail(err, HN_E_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    free(out->unix_path);
    out->unix_path = NULL;
    return status;
}

enum hn_status hn_listeners_open(const struct hn_http_options *options, struct hn_listeners *out,
                                 struct hn_error *err)
{
    *out = (struct hn_listeners){0};
    if (options->inherited) out->n = hn_systemd_sockets(out->fd, HN_MAX_LISTENERS);
    if (!out->n) {
        if (options->unix_path) HN_TRY(open_unix(options->unix_path, out, err));
        else HN_TRY(open_addresses(options, out, err));
    }
    set_url(options, out);
    return HN_OK;
}

void hn_listeners_close(struct hn_listeners *listeners)
{
    for (unsigned i = 0; i < listeners->n; i++)
        close(listeners->fd[i]);
    listeners->n = 0;
    if (listeners->unix_path) unlink(listeners->unix_path);
    free(listeners->unix_path);
    listeners->unix_path = NULL;
}
