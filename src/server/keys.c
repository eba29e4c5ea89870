#include "server/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/watch.h"
#include "server/key_file.h"

/* What a key has used. Accounts of keys that are gone stay: a request may still be settled. */
struct account {
    struct hn_quota quota;
    struct account *next;
};

struct entry {
    struct hn_key key;
    struct account *account;
};

struct hn_keys {
    char *path;
    void (*complain)(void *ctx, const char *text);
    void *ctx;
    pthread_mutex_t reading; /* one reload at a time: held for what the watch sees and accounts */
    struct hn_watch watch;
    struct account *accounts;
    pthread_rwlock_t lock; /* for what follows */
    struct entry *entries; /* by id */
    size_t n;
};

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->key.id, ((const struct entry *)b)->key.id);
}

static int id_to_entry(const void *id, const void *entry)
{
    return strncmp(id, ((const struct entry *)entry)->key.id, HN_KEY_ID);
}

static struct entry *find(const struct hn_keys *keys, const char *id)
{
    if (!keys->n) return NULL;
    return bsearch(id, keys->entries, keys->n, sizeof *keys->entries, id_to_entry);
}

static struct account *open_account(struct hn_keys *keys, struct hn_limit limit)
{
    struct account *account = malloc(sizeof *account);
    if (!account) return NULL;
    hn_quota_init(&account->quota, limit, hn_clock_ns());
    account->next = keys->accounts;
    return keys->accounts = account;
}

/* Entries for a list, with the accounts that keys of the same id have. Only a reload writes to
 * `entries`, and there is one at a time, so they may be read here without the lock. */
static struct entry *make_entries(struct hn_keys *keys, const struct hn_key_list *list)
{
    struct entry *entries = calloc(list->n ? list->n : 1, sizeof *entries);
    for (size_t i = 0; entries && i < list->n; i++) {
        const struct entry *old = find(keys, list->keys[i].id);
        entries[i].key = list->keys[i];
        entries[i].account = old ? old->account : open_account(keys, list->keys[i].limit);
        if (entries[i].account) continue;
        free(entries);
        return NULL;
    }
    if (entries) qsort(entries, list->n, sizeof *entries, by_id);
    return entries;
}

static void install(struct hn_keys *keys, struct entry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hn_quota_change(&entries[i].account->quota, entries[i].key.limit, hn_clock_ns());
    pthread_rwlock_wrlock(&keys->lock);
    struct entry *old = keys->entries;
    keys->entries = entries;
    keys->n = n;
    pthread_rwlock_unlock(&keys->lock);
    free(old);
}

/* With `reading` held. */
static enum hn_status reload(struct hn_keys *keys, struct hn_error *err)
{
    struct hn_key_list list;
    HN_TRY(hn_key_list_read(keys->path, &list, err));
    struct entry *entries = make_entries(keys, &list);
    if (entries) install(keys, entries, list.n);
    hn_key_list_free(&list);
    return entries ? HN_OK : hn_fail_nomem(err, "keys", list.n * sizeof *entries);
}

enum hn_status hn_keys_reload(struct hn_keys *keys, struct hn_error *err)
{
    pthread_mutex_lock(&keys->reading);
    (void)hn_watch_changed(&keys->watch);
    const enum hn_status status = reload(keys, err);
    pthread_mutex_unlock(&keys->reading);
    return status;
}

/* One thread looks at the file; the others do not wait for it. */
static void look_for_change(struct hn_keys *keys)
{
    struct hn_error err;
    if (!hn_watch_due(&keys->watch) || pthread_mutex_trylock(&keys->reading) != 0) return;
    const bool failed = hn_watch_changed(&keys->watch) && reload(keys, &err) < 0;
    pthread_mutex_unlock(&keys->reading);
    if (failed && keys->complain) keys->complain(keys->ctx, err.text);
}

enum hn_status hn_keys_open(const char *path, void (*complain)(void *ctx, const char *text),
                            void *ctx, struct hn_keys **out, struct hn_error *err)
{
    struct hn_keys *keys = calloc(1, sizeof *keys);
    *out = NULL;
    if (!keys) return hn_fail_nomem(err, "keys", sizeof *keys);
    keys->complain = complain;
    keys->ctx = ctx;
    pthread_mutex_init(&keys->reading, NULL);
    pthread_rwlock_init(&keys->lock, NULL);
    keys->path = strdup(path);
    hn_watch_begin(&keys->watch, keys->path, NULL);
    const enum hn_status status =
        keys->path ? hn_keys_reload(keys, err) : hn_fail_nomem(err, "keys", strlen(path));
    if (status < 0) hn_keys_close(keys);
    else *out = keys;
    return status;
}

void hn_keys_close(struct hn_keys *keys)
{
    if (!keys) return;
    for (struct account *account = keys->accounts, *next; account; account = next) {
        next = account->next;
        hn_quota_destroy(&account->quota);
        free(account);
    }
    pthread_mutex_destroy(&keys->reading);
    pthread_rwlock_destroy(&keys->lock);
    free(keys->entries);
    free(keys->path);
    free(keys);
}

bool hn_keys_find(struct hn_keys *keys, struct hn_str text, struct hn_caller *out)
{
    struct hn_str id;
    look_for_change(keys);
    if (!hn_key_split(text, &id)) return false;
    pthread_rwlock_rdlock(&keys->lock);
    const struct entry *entry = find(keys, id.p);
    if (entry) *out = (struct hn_caller){entry->key, &entry->account->quota};
    pthread_rwlock_unlock(&keys->lock);
    /* Hashed without the lock, and for an id that does not exist too. */
    return hn_key_matches(entry ? &out->key : NULL, text) && !out->key.revoked_ms;
}

size_t hn_keys_count(struct hn_keys *keys)
{
    size_t n = 0;
    pthread_rwlock_rdlock(&keys->lock);
    for (size_t i = 0; i < keys->n; i++)
        n += !keys->entries[i].key.revoked_ms;
    pthread_rwlock_unlock(&keys->lock);
    return n;
}
