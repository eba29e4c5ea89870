/* Where a load goes: a server's address, and what to say to it. */
#ifndef HN_LOAD_TARGET_H
#define HN_LOAD_TARGET_H

#include <stdbool.h>
#include <sys/socket.h>

#include <openssl/types.h>

#include "base/status.h"

struct hn_target {
    struct sockaddr_storage address;
    socklen_t address_n;
    char host[256];      /* its name, for TLS */
    char authority[300]; /* host and port, for the Host header */
    char path[1024];     /* what stands before /v1 in every path */
    SSL_CTX *tls;        /* NULL: plain */
};

/* Looks up http[s]://HOST[:PORT][/PATH], with or without /v1 at the end, and connects to it once to see
 * which of the host's addresses answers. `insecure`: any certificate will do. */
enum hn_status hn_target_open(const char *url, bool insecure, struct hn_target *out,
                              struct hn_error *err);
void hn_target_close(struct hn_target *target);

/* A new socket that is connecting, does not block and sends at once; -1 with errno. */
int hn_target_connect(const struct hn_target *target);

#endif
