/* The keys of a running server, from a file (server/key_file.h) that is read again when it changes. One
 * that has become wrong leaves the keys as they were. Any thread may use them. */
#ifndef HN_SERVER_KEYS_H
#define HN_SERVER_KEYS_H

#include "server/key.h"

struct hn_keys;

/* Who sent a request. */
struct hn_caller {
    struct hn_key key;
    struct hn_quota *quota; /* as long as the keys live, also when the key is revoked */
};

/* `complain`, which may be NULL, hears of a file that can no longer be read. */
enum hn_status hn_keys_open(const char *path, void (*complain)(void *ctx, const char *text),
                            void *ctx, struct hn_keys **out, struct hn_error *err);
void hn_keys_close(struct hn_keys *keys);

/* The key that `text` is, if it is one and not revoked. At most once a second this looks whether the
 * file has changed. The time it takes does not tell whether an id exists or how much of a secret is
 * right. */
bool hn_keys_find(struct hn_keys *keys, struct hn_str text, struct hn_caller *out);

/* Reads the file again; after an error the keys are as they were. What keys have used of their limits
 * stays. */
enum hn_status hn_keys_reload(struct hn_keys *keys, struct hn_error *err);

/* Keys that are not revoked. */
size_t hn_keys_count(struct hn_keys *keys);

#endif
