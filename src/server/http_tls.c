#include "server/http_tls.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/watch.h"

struct hn_tls {
    const char *cert, *key;
    void (*complain)(void *ctx, const char *text);
    void *ctx;
    pthread_mutex_t lock;  /* for what follows */
    struct hn_watch watch; /* a key may come a moment after its certificate */
    SSL_CTX *now;
};

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

static enum hn_status read_files(const char *cert, const char *key, SSL_CTX **out,
                                 struct hn_error *err)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    if (!ssl) return hn_fail_nomem(err, "TLS", 0);
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    /* Idle connections give their record buffers back: 34 KiB each. */
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
    SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
    enum hn_status status = HN_OK;
    if (SSL_CTX_use_certificate_chain_file(ssl, cert) != 1) status = fail(cert, HN_E_FORMAT, err);
    else if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(ssl) != 1)
        status = fail(key, HN_E_FORMAT, err);
    if (status < 0) SSL_CTX_free(ssl);
    else *out = ssl;
    return status;
}

enum hn_status hn_tls_open(const char *cert, const char *key,
                           void (*complain)(void *ctx, const char *text), void *ctx,
                           struct hn_tls **out, struct hn_error *err)
{
    struct hn_tls *tls = calloc(1, sizeof *tls);
    if (!tls) return hn_fail_nomem(err, "TLS", sizeof *tls);
    *tls = (struct hn_tls){.cert = cert, .key = key, .complain = complain, .ctx = ctx};
    hn_watch_begin(&tls->watch, cert, key);
    const enum hn_status status = read_files(cert, key, &tls->now, err);
    if (status < 0) {
        free(tls);
        return status;
    }
    pthread_mutex_init(&tls->lock, NULL);
    *out = tls;
    return HN_OK;
}

void hn_tls_close(struct hn_tls *tls)
{
    if (!tls) return;
    SSL_CTX_free(tls->now);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

/* With the lock. False: *err says why the files are of no use. */
static bool follow_files(struct hn_tls *tls, struct hn_error *err)
{
    SSL_CTX *fresh;
    if (!hn_watch_due(&tls->watch) || !hn_watch_changed(&tls->watch)) return true;
    if (read_files(tls->cert, tls->key, &fresh, err) < 0) return false;
    SSL_CTX_free(tls->now);
    tls->now = fresh;
    return true;
}

SSL_CTX *hn_tls_now(struct hn_tls *tls)
{
    struct hn_error err;
    pthread_mutex_lock(&tls->lock);
    const bool followed = follow_files(tls, &err);
    SSL_CTX *now = tls->now;
    SSL_CTX_up_ref(now);
    pthread_mutex_unlock(&tls->lock);
    if (!followed && tls->complain) tls->complain(tls->ctx, err.text);
    return now;
}
