/* TLS by OpenSSL: version 1.2 at least, HTTP/1.1 by ALPN. */
#ifndef HN_SERVER_HTTP_TLS_H
#define HN_SERVER_HTTP_TLS_H

#include <openssl/types.h>

#include "base/status.h"

/* A certificate (chain) and its key, PEM files, the key without a passphrase. The caller's
 * (SSL_CTX_free). */
enum hn_status hn_tls_open(const char *cert, const char *key, SSL_CTX **out, struct hn_error *err);

#endif
