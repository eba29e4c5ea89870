/* The little cryptography that keys need, so that which library does it is known in one place. */
#ifndef HN_SERVER_DIGEST_H
#define HN_SERVER_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { HN_DIGEST = 32, HN_DIGEST_INPUT = 128 };

/* SHA-256 of a salt and the text behind it, HN_DIGEST_INPUT bytes together. False: there are more, or the
 * library has no memory. */
bool hn_digest(const uint8_t *salt, size_t n_salt, struct hn_str text, uint8_t out[HN_DIGEST]);
/* Takes as long whatever the bytes are. */
bool hn_digest_same(const uint8_t a[HN_DIGEST], const uint8_t b[HN_DIGEST]);

#endif
