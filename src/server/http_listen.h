/* The sockets that are listened on: addresses, a Unix socket, or what systemd passed. */
#ifndef HN_SERVER_HTTP_LISTEN_H
#define HN_SERVER_HTTP_LISTEN_H

#include "server/http.h"

enum { HN_MAX_LISTENERS = 16 };

struct hn_listeners {
    int fd[HN_MAX_LISTENERS];
    unsigned n;
    char url[300];   /* of the first */
    char *unix_path; /* owned; ours to remove. NULL: none */
};

/* Binds and listens, as the options say. */
enum hn_status hn_listeners_open(const struct hn_http_options *options, struct hn_listeners *out,
                                 struct hn_error *err);
/* Closes them; a Unix socket's file goes too. May be called again. */
void hn_listeners_close(struct hn_listeners *listeners);

#endif
