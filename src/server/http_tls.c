#include "server/http_tls.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned in_n, void *arg)
{
    (void)ssl;
    (void)arg;
    static const unsigned char http11[] = "\x08http/1.1";
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_n, http11, sizeof http11 - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* A key with a passphrase is refused: a server has nobody to ask. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return 0;
}

static enum hn_status fail(const char *path, enum hn_status status, struct hn_error *err)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    hn_fail(err, status, "%s: %s", path, reason ? reason : "not usable");
    ERR_clear_error();
    return status;
}

enum hn_status hn_tls_open(const char *cert, const char *key, SSL_CTX **out, struct hn_error *err)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls) return hn_fail_nomem(err, "TLS", 0);
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    /* Idle connections give their record buffers back: 34 KiB each. */
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
    SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    enum hn_status status = HN_OK;
    if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1) status = fail(cert, HN_E_FORMAT, err);
    else if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(tls) != 1)
        status = fail(key, HN_E_FORMAT, err);
    if (status < 0) SSL_CTX_free(tls);
    else *out = tls;
    return status;
}
