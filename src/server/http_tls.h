/* TLS by OpenSSL: version 1.2 at least, HTTP/1.1 by ALPN. */
#ifndef HN_SERVER_HTTP_TLS_H
#define HN_SERVER_HTTP_TLS_H

#include <openssl/types.h>

#include "base/status.h"

/* A certificate (chain) and its key, read again when their files change. */
struct hn_tls;

/* PEM files, the key without a passphrase; the paths must live as long. `complain` is told when changed
 * files are of no use (what was read before stays in use), on the thread of a connection. */
enum hn_status hn_tls_open(const char *cert, const char *key,
                           void (*complain)(void *ctx, const char *text), void *ctx,
                           struct hn_tls **out, struct hn_error *err);
void hn_tls_close(struct hn_tls *tls); /* NULL is fine */

/* For a new connection, which keeps it; the caller's (SSL_CTX_free). Looks at the files, at most once a
 * second. */
SSL_CTX *hn_tls_now(struct hn_tls *tls);

#endif
