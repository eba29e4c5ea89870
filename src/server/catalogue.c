#include "server/catalogue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A model and how it is opened. */
struct entry {
    struct entry *next;
    struct hn_instance_options options; /* its texts are the entry's */
    char *name, *path, *draft, *cpu;
    enum hn_kind kind;
    const char *type; /* as hn_served_type says */
};

struct hn_catalogue {
    struct hn_service *service;
    pthread_mutex_t
        loading;          /* one at a time: each is planned by the memory that the others leave */
    pthread_mutex_t lock; /* of the list; taken after `loading`, never while one is loaded */
    struct entry *entries;
};

enum hn_status hn_catalogue_create(struct hn_service *service, struct hn_catalogue **out,
                                   struct hn_error *err)
{
    struct hn_catalogue *c = calloc(1, sizeof *c);
    *out = c;
    if (!c) return hn_fail_nomem(err, "models", sizeof *c);
    c->service = service;
    pthread_mutex_init(&c->loading, NULL);
    pthread_mutex_init(&c->lock, NULL);
    return HN_OK;
}

static void free_entry(struct entry *e)
{
    free(e->name);
    free(e->path);
    free(e->draft);
    free(e->cpu);
    free(e);
}

void hn_catalogue_destroy(struct hn_catalogue *c)
{
    if (!c) return;
    for (struct entry *next; c->entries; c->entries = next) {
        next = c->entries->next;
        free_entry(c->entries);
    }
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->loading);
    free(c);
}

/* A copy of a text that may be NULL; false without memory. */
static bool copy(const char *text, char **out)
{
    if (!text) return true;
    return (*out = strdup(text)) != NULL;
}

static struct entry *make_entry(const char *name, const struct hn_instance_options *options)
{
    struct entry *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    if (!copy(name, &e->name) || !copy(options->path, &e->path) ||
        !copy(options->draft, &e->draft) || !copy(options->cpu, &e->cpu)) {
        free_entry(e);
        return NULL;
    }
    e->options = *options;
    e->options.name = e->name;
    e->options.path = e->path;
    e->options.draft = e->draft;
    e->options.cpu = e->cpu;
    return e;
}

/* The place of the entry of that name (NULL or empty: the first), or the end. With the lock. */
static struct entry **place_of(struct hn_catalogue *c, const char *name)
{
    struct entry **at = &c->entries;
    while (*at && name && *name && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static bool knows(struct hn_catalogue *c, const char *name)
{
    pthread_mutex_lock(&c->lock);
    const bool known = *place_of(c, name) != NULL;
    pthread_mutex_unlock(&c->lock);
    return known;
}

static enum hn_status add(struct hn_catalogue *c, struct entry *e, struct hn_error *err)
{
    if (knows(c, e->name))
        return hn_fail(err, HN_E_ARG, "there is a model named \"%s\" already", e->name);
    struct hn_served *served;
    HN_TRY(hn_service_load(c->service, e->name, &e->options, err));
    HN_TRY(hn_service_find(c->service, e->name, &served, err));
    e->kind = hn_served_kind(served);
    e->type = hn_served_type(served);
    hn_served_release(served);
    e->options.progress = NULL;
    pthread_mutex_lock(&c->lock);
    struct entry **end = &c->entries;
    while (*end)
        end = &(*end)->next;
    *end = e;
    pthread_mutex_unlock(&c->lock);
    return HN_OK;
}

enum hn_status hn_catalogue_add(struct hn_catalogue *c, const char *name,
                                const struct hn_instance_options *options, struct hn_error *err)
{
    if (!*name || strlen(name) > HN_MODEL_NAME)
        return hn_fail(err, HN_E_ARG, "a model's name has 1 to %d bytes", HN_MODEL_NAME);
    struct entry *e = make_entry(name, options);
    if (!e) return hn_fail_nomem(err, "a model", sizeof *e);
    pthread_mutex_lock(&c->loading);
    const enum hn_status status = add(c, e, err);
    pthread_mutex_unlock(&c->loading);
    if (status < 0) free_entry(e);
    return status;
}

enum hn_status hn_catalogue_remove(struct hn_catalogue *c, const char *name, struct hn_error *err)
{
    /* Not while it is being woken: it would be in service and nobody know it. */
    pthread_mutex_lock(&c->loading);
    pthread_mutex_lock(&c->lock);
    struct entry **at = place_of(c, name), *e = *at;
    if (e) *at = e->next;
    pthread_mutex_unlock(&c->lock);
    const enum hn_status status = e ? HN_OK : HN_E_NOTFOUND;
    if (!e) (void)hn_fail(err, status, "there is no model named \"%s\"", name);
    else (void)hn_service_unload(c->service, e->name, NULL); /* it may sleep */
    pthread_mutex_unlock(&c->loading);
    if (e) free_entry(e);
    return status;
}

/* Loads the one that sleeps, unless somebody else just did. With `loading`, so that the entry stays. */
static enum hn_status wake(struct hn_catalogue *c, const char *name, struct hn_served **out,
                           struct hn_error *err)
{
    if (hn_service_find(c->service, name, out, err) >= 0) return HN_OK;
    pthread_mutex_lock(&c->lock);
    const struct entry *e = *place_of(c, name);
    pthread_mutex_unlock(&c->lock);
    if (!e) return hn_fail(err, HN_E_NOTFOUND, "there is no model named \"%s\"", name);
    HN_TRY(hn_service_load(c->service, e->name, &e->options, err));
    return hn_service_find(c->service, e->name, out, err);
}

/* The name of the first model of a set of kinds; empty when there is none. */
static void name_first(struct hn_catalogue *c, unsigned kinds, char name[HN_MODEL_NAME + 1])
{
    pthread_mutex_lock(&c->lock);
    const struct entry *e = c->entries;
    while (e && !(1u << e->kind & kinds))
        e = e->next;
    strcpy(name, e ? e->name : "");
    pthread_mutex_unlock(&c->lock);
}

enum hn_status hn_catalogue_find(struct hn_catalogue *c, const char *name, unsigned kinds,
                                 bool may_wait, struct hn_served **out, struct hn_error *err)
{
    char first[HN_MODEL_NAME + 1];
    if (!name || !*name) {
        name_first(c, kinds, first);
        if (!*first) return hn_fail(err, HN_E_NOTFOUND, "there is no model of this kind");
        name = first;
    }
    enum hn_status status = hn_service_find(c->service, name, out, err);
    if (status != HN_E_NOTFOUND || !knows(c, name)) return status;
    if (!may_wait) return hn_fail(err, HN_E_BUSY, "the model sleeps");
    pthread_mutex_lock(&c->loading);
    status = wake(c, name, out, err);
    pthread_mutex_unlock(&c->loading);
    return status;
}

enum hn_status hn_catalogue_sleep(struct hn_catalogue *c, const char *name, struct hn_error *err)
{
    return hn_service_unload(c->service, name, err);
}

void hn_catalogue_each(struct hn_catalogue *c,
                       void (*tell)(void *ctx, const struct hn_known_model *model), void *ctx)
{
    pthread_mutex_lock(&c->lock);
    for (const struct entry *e = c->entries; e; e = e->next) {
        struct hn_served *served = NULL;
        if (hn_service_find(c->service, e->name, &served, NULL) < 0) served = NULL;
        tell(ctx, &(struct hn_known_model){e->name, e->path, e->type, e->kind, served});
        hn_served_release(served);
    }
    pthread_mutex_unlock(&c->lock);
}
