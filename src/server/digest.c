#include "server/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

bool hn_digest(const uint8_t *salt, size_t n_salt, struct hn_str text, uint8_t out[HN_DIGEST])
{
    uint8_t bytes[HN_DIGEST_INPUT];
    if (n_salt > sizeof bytes || text.n > sizeof bytes - n_salt) return false;
    memcpy(bytes, salt, n_salt);
    memcpy(bytes + n_salt, text.p, text.n);
    const bool done = SHA256(bytes, n_salt + text.n, out);
    explicit_bzero(bytes, sizeof bytes);
    return done;
}

bool hn_digest_same(const uint8_t a[HN_DIGEST], const uint8_t b[HN_DIGEST])
{
    return CRYPTO_memcmp(a, b, HN_DIGEST) == 0;
}
