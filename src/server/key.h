/* An API key: "hn-ID-SECRET", and the line that is kept of it.
 *
 *   ID  NAME  ROLE  CREATED  sha256:SALT:HASH  [rpm=N] [tpm=N] [concurrent=N] [weight=X] [revoked=TIME]
 *
 * A secret is 256 random bits. Nobody guesses it however fast the hash is, so SHA-256 with a salt will
 * do; what slows down guessing is for secrets that people think up. */
#ifndef HN_SERVER_KEY_H
#define HN_SERVER_KEY_H

#include "server/digest.h"
#include "server/quota.h"

enum {
    HN_KEY_ID = 8,    /* characters of an id: five random bytes, base 32 */
    HN_KEY_TEXT = 64, /* of a whole key */
    HN_KEY_NAME = 64, /* at most */
    HN_KEY_SALT = 16,
    HN_KEY_LINE = 512, /* bytes of a line, at most */
};

enum hn_role { HN_ROLE_USER, HN_ROLE_ADMIN };

struct hn_key {
    char id[HN_KEY_ID + 1];
    char name[HN_KEY_NAME + 1]; /* letters, digits, and ._@+- */
    enum hn_role role;
    struct hn_limit limit;
    float weight; /* its share beside other keys that want to compute; usually 1 */
    int64_t created_ms, revoked_ms; /* of the time of day; 0: not revoked */
    uint8_t salt[HN_KEY_SALT], hash[HN_DIGEST];
};

/* "user", "admin"; and back. */
const char *hn_role_name(enum hn_role role);
enum hn_status hn_role_parse(const char *text, enum hn_role *out, struct hn_error *err);

/* What a name may be made of. HN_E_ARG says so. */
enum hn_status hn_key_check_name(const char *name, struct hn_error *err);

/* Fills id, salt and hash with new ones. `text` is the key itself: it is in no other place. */
enum hn_status hn_key_make(struct hn_key *key, char text[HN_KEY_TEXT + 1], struct hn_error *err);

/* The id as a number that is not 0: whom a request belongs to. */
uint64_t hn_key_number(const struct hn_key *key);

/* Splits what a client sent: `id` is the view of the id in it. False: it does not look like a key. */
bool hn_key_split(struct hn_str text, struct hn_str *id);
/* Whether `text` is that key. `key` NULL says no as slowly as a key would. */
bool hn_key_matches(const struct hn_key *key, struct hn_str text);

/* A line of the file, without its end. HN_E_FORMAT says which field is wrong. */
enum hn_status hn_key_parse(struct hn_str line, struct hn_key *out, struct hn_error *err);
enum hn_status hn_key_print(const struct hn_key *key, struct hn_buf *out);

#endif
