#include "server/digest.h"

#include <nettle/memops.h>
#include <nettle/sha2.h>

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
