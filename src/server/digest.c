#include "server/digest.h"

#include <errno.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <sys/random.h>

void hn_digest(const uint8_t *salt, size_t n_salt, struct hn_str text, uint8_t out[HN_DIGEST])
{
    struct sha256_ctx sha;
    sha256_init(&sha);
    sha256_update(&sha, n_salt, salt);
    sha256_update(&sha, text.n, (const uint8_t *)text.p);
    sha256_digest(&sha, HN_DIGEST, out);
}

bool hn_digest_same(const uint8_t a[HN_DIGEST], const uint8_t b[HN_DIGEST])
{
    return memeql_sec(a, b, HN_DIGEST) != 0;
}

enum hn_status hn_secret_bytes(void *out, size_t n, struct hn_error *err)
{
    for (uint8_t *at = out; n;) {
        const ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return hn_fail(err, HN_E_IO, "the kernel gives no random bytes");
        at += got;
        n -= (size_t)got;
    }
    return HN_OK;
}
