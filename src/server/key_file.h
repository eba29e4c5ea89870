/* The file of API keys: one a line (server/key.h), empty lines and lines that begin with '#' between. A
 * file that says something wrong is refused as a whole, with the number of the line. */
#ifndef HN_SERVER_KEY_FILE_H
#define HN_SERVER_KEY_FILE_H

#include "server/key.h"

enum { HN_KEYS_MAX = 100000, HN_KEYS_MAX_BYTES = 32 << 20 };

/* Keys as they stand in a file, in its order. Free with hn_key_list_free. */
struct hn_key_list {
    struct hn_key *keys;
    size_t *lines; /* the number of the line that each stands in, from 1 */
    size_t n;
};

/* `what` names the text in errors. */
enum hn_status hn_key_list_parse(struct hn_str text, const char *what, struct hn_key_list *out,
                                 struct hn_error *err);
enum hn_status hn_key_list_read(const char *path, struct hn_key_list *out, struct hn_error *err);
void hn_key_list_free(struct hn_key_list *list);

/* Changes a file, which other processes may read or change at the same time: they see the old file or
 * the new one. */

/* Appends a key, for which name, role, limit and weight are given, and makes the file if there is
 * none. The rest of *key is filled in. HN_E_ARG when a key of that name is in use. */
enum hn_status hn_keys_add(const char *path, struct hn_key *key, char text[HN_KEY_TEXT + 1],
                           struct hn_error *err);
/* Marks a key, named by id or name, as revoked; HN_E_NOTFOUND when no such key is in use. */
enum hn_status hn_keys_revoke(const char *path, const char *who, struct hn_key *out,
                              struct hn_error *err);

#endif
