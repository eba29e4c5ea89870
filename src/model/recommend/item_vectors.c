#include "model/recommend/item_vectors.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/embedder.h"
#include "model/recommend/vector_cache.h"

enum {
    TOGETHER = 64,  /* texts computed at once, and added to the cache */
    AT_ONCE = 4096, /* vectors put on the shelf at once */
    SPARE = 1000, /* vectors of the cache that nobody needs, at least, before it is written anew */
};

struct hn_item_vectors {
    const struct hn_recommender_config *config;
    const struct hn_load_progress *progress;
    struct hn_embedder embedder;
    enum hn_pooling pooling;
    struct hn_str prefix; /* the prompt: a view of the file or the configuration */
    size_t dims;
    pthread_mutex_t lock; /* of what follows */
    struct hn_encoding *run;
    struct hn_vector_cache cache;
};

/* --- what a model is --------------------------------------------------------------------------- */

static uint64_t hash_text(uint64_t h, struct hn_str text)
{
    return hn_content_hash(h, text.p ? text.p : "", text.n);
}

static uint64_t hash_value(uint64_t h, const struct hn_meta_kv *kv)
{
    h = hash_text(h, kv->key);
    if (kv->type == HN_META_STR) return hash_text(h, kv->text);
    if (kv->type != HN_META_ARRAY) return hn_content_hash(h, &kv->u, sizeof kv->u);
    for (size_t i = 0; kv->array.texts && i < kv->array.n; i++)
        h = hash_text(h, kv->array.texts[i]);
    if (kv->array.texts || !kv->array.n) return h;
    return hn_content_hash(h, kv->array.data, kv->array.n * hn_meta_type_bytes(kv->array.type));
}

/* Of all that a vector depends on but the item's text: two models, or one model with two prompts, have
 * different ones. */
static enum hn_status fingerprint(const struct hn_item_vectors *v, uint64_t *out,
                                  struct hn_error *err)
{
    const struct hn_gguf *file = v->embedder.file;
    uint64_t h = hash_text(v->pooling, v->prefix);
    for (size_t i = 0; i < file->meta.n; i++)
        h = hash_value(h, &file->meta.items[i]);
    for (size_t i = 0; i < file->weights.n; i++) {
        const struct hn_tensor *t = &file->weights.items[i];
        h = hash_text(hn_content_hash(h, t->ne, sizeof t->ne), t->name);
        h = hn_content_hash(h + (uint64_t)t->type, t->data, t->bytes);
    }
    if (file->folder.n) { /* a directory's vocabulary is not among its metadata */
        struct hn_buf path = {0};
        struct hn_map map = {0};
        hn_buf_printf(&path, "%.*s/tokenizer.json", HN_FMT(file->folder));
        const enum hn_status status =
            path.failed ? hn_fail_nomem(err, "a path", path.n) : hn_map_open(path.p, &map, err);
        if (status >= 0) h = hn_content_hash(h, map.data, map.size);
        hn_map_close(&map);
        hn_buf_free(&path);
        HN_TRY(status);
    }
    *out = h;
    return HN_OK;
}

static enum hn_status open_all(struct hn_item_vectors *v,
                               const struct hn_item_vectors_options *options, struct hn_error *err)
{
    const struct hn_recommender_config *c = v->config;
    struct hn_embedder *e = &v->embedder;
    uint64_t print;
    HN_TRY(hn_embedder_open(&(struct hn_embedder_options){.path = options->model,
                                                          .threads = options->threads,
                                                          .cpu = hn_cpu_level_name(options->level),
                                                          .progress = options->progress},
                            e, err));
    v->pooling = e->config.pooling == HN_POOLING_NONE ? HN_POOLING_MEAN : e->config.pooling;
    v->dims = hn_encode_floats(&e->config, v->pooling, 1);
    if (v->pooling == HN_POOLING_RANK)
        return hn_fail(err, HN_E_UNSUPPORTED, "%s: this ranks pairs of texts and embeds none",
                       options->model);
    if (v->dims > HN_VECTOR_DIMS)
        return hn_fail(err, HN_E_LIMIT, "%s: vectors of %zu elements; 1 to %d are possible",
                       options->model, v->dims, HN_VECTOR_DIMS);
    if (c->embedding_prefix) {
        v->prefix = hn_str_from(c->embedding_prefix);
    } else {
        const enum hn_status status = hn_embedder_prompt(e, c->embedding_prompt, &v->prefix, err);
        if (status < 0) return hn_fail_in(err, status, "%s", options->model);
    }
    HN_TRY(hn_encoding_begin(e->encoder, e->backend, &v->run, err));
    HN_TRY(fingerprint(v, &print, err));
    return hn_vector_cache_open(options->cache, print, v->dims, &v->cache, err);
}

enum hn_status hn_item_vectors_open(const struct hn_item_vectors_options *options,
                                    struct hn_item_vectors **out, struct hn_error *err)
{
    struct hn_item_vectors *v = calloc(1, sizeof *v);
    if (!v) return hn_fail_nomem(err, "vectors of items", sizeof *v);
    v->config = options->config;
    v->progress = options->progress;
    v->cache.fd = -1;
    pthread_mutex_init(&v->lock, NULL);
    const enum hn_status status = open_all(v, options, err);
    if (status < 0) hn_item_vectors_close(v);
    else *out = v;
    return status;
}

void hn_item_vectors_close(struct hn_item_vectors *v)
{
    if (!v) return;
    hn_vector_cache_close(&v->cache);
    hn_encoding_end(v->run);
    hn_embedder_close(&v->embedder);
    pthread_mutex_destroy(&v->lock);
    free(v);
}

size_t hn_item_vectors_dims(const struct hn_item_vectors *v)
{
    return v->dims;
}

size_t hn_item_vectors_bytes(const struct hn_item_vectors *v)
{
    return hn_encoder_bytes(v->embedder.encoder);
}

/* --- texts to vectors -------------------------------------------------------------------------- */

/* What waits to be computed. */
struct batch {
    size_t n;
    size_t ends[TOGETHER];   /* of each one's tokens */
    float *places[TOGETHER]; /* where their vectors go */
    struct hn_text_key keys[TOGETHER];
    struct hn_tokens tokens;
};

/* Computes what waits, with the lock. */
static enum hn_status flush(struct hn_item_vectors *v, struct batch *b, struct hn_error *err)
{
    struct hn_encode_item items[TOGETHER];
    if (!b->n) return HN_OK;
    float *vectors = malloc(b->n * v->dims * sizeof *vectors);
    if (!vectors) return hn_fail_nomem(err, "vectors", b->n * v->dims * sizeof *vectors);
    for (size_t i = 0; i < b->n; i++) {
        const size_t start = i ? b->ends[i - 1] : 0, n = b->ends[i] - start;
        items[i] = (struct hn_encode_item){b->tokens.ids + start, n, n, vectors + i * v->dims};
    }
    const enum hn_status status = hn_encoding_run(v->run, v->pooling, items, b->n, err);
    for (size_t i = 0; status >= 0 && i < b->n; i++) {
        hn_embedding_finish(vectors + i * v->dims, v->dims, true);
        memcpy(b->places[i], vectors + i * v->dims, v->dims * sizeof *vectors);
    }
    if (status >= 0) hn_vector_cache_add(&v->cache, b->keys, vectors, b->n);
    free(vectors);
    b->n = b->tokens.n = 0;
    return status;
}

/* Has an item's vector computed at the next flush at the latest. With the lock. */
static enum hn_status ask(struct hn_item_vectors *v, struct batch *b, const struct hn_item *item,
                          float *place, struct hn_error *err)
{
    struct hn_buf text = {0};
    json_t *object;
    HN_TRY(hn_json_parse(item->json, "item", &object, err));
    enum hn_status status = hn_item_text(object, &v->config->fields, &text, err);
    json_decref(object);
    if (status >= 0)
        status =
            hn_embedder_tokens(&v->embedder, v->prefix, hn_buf_view(&text), true, &b->tokens, err);
    hn_buf_free(&text);
    if (status < 0) return hn_fail_in(err, status, "item '%.*s'", HN_FMT(item->id));
    b->keys[b->n] = item->text;
    b->places[b->n] = place;
    b->ends[b->n++] = b->tokens.n;
    return b->n < TOGETHER ? HN_OK : flush(v, b, err);
}

static bool wants_vector(const struct hn_item *item)
{
    return !item->own_vector && hn_item_has_text(item);
}

/* --- all items --------------------------------------------------------------------------------- */

static bool tell(const struct hn_item_vectors *v, size_t done, size_t all)
{
    return !v->progress || v->progress->step(v->progress->ctx, done, all);
}

/* Vectors for some items in a row, from number `*at` on, as changes. */
static enum hn_status fill_some(struct hn_item_vectors *v, const struct hn_shelf *shelf, size_t *at,
                                struct hn_shelf_change *changes, size_t *n, float *room,
                                struct hn_error *err)
{
    struct batch batch = {0};
    const size_t end = shelf->n_blocks * HN_VECTORS;
    enum hn_status status = HN_OK;
    *n = 0;
    for (; status >= 0 && *at < end && *n < AT_ONCE; ++*at) {
        struct hn_item *item = shelf->blocks[*at / HN_VECTORS]->items[*at % HN_VECTORS];
        float *place = room + *n * v->dims;
        if (!item || item->own_vector) continue;
        const bool wants = wants_vector(item);
        changes[(*n)++] =
            (struct hn_shelf_change){.item = item, .vector = wants ? place : NULL, .bare = !wants};
        if (!wants || hn_vector_cache_find(&v->cache, item->text, place)) continue;
        status = ask(v, &batch, item, place, err);
        if (status >= 0 && !batch.n && !tell(v, *at, end))
            status = hn_fail(err, HN_E_CANCELLED, "stopped");
    }
    if (status >= 0) status = flush(v, &batch, err);
    hn_tokens_free(&batch.tokens);
    return status;
}

enum hn_status hn_item_vectors_fill(struct hn_item_vectors *v, struct hn_shelf **shelf,
                                    struct hn_error *err)
{
    struct hn_shelf_change *changes = calloc(AT_ONCE, sizeof *changes);
    float *room = malloc(AT_ONCE * v->dims * sizeof *room);
    enum hn_status status =
        changes && room ? HN_OK : hn_fail_nomem(err, "vectors", AT_ONCE * v->dims * sizeof *room);
    for (size_t at = 0, n; status >= 0 && at < (*shelf)->n_blocks * HN_VECTORS;) {
        struct hn_shelf *next;
        status = fill_some(v, *shelf, &at, changes, &n, room, err);
        if (status >= 0) status = hn_shelf_with(*shelf, changes, n, &next, NULL, err);
        if (status < 0) break;
        hn_shelf_release(*shelf);
        *shelf = next;
    }
    free(room);
    free(changes);
    hn_vector_cache_forget(&v->cache);
    if (status >= 0) hn_item_vectors_tidy(v, *shelf);
    return status;
}

/* --- some of them ------------------------------------------------------------------------------ */

/* The vector of an item with the same id and text, who most often has just another price. */
static const float *known(const struct hn_shelf *shelf, const struct hn_item *item)
{
    const size_t number = hn_shelf_find(shelf, item->id);
    const struct hn_item *there = number == SIZE_MAX ? NULL : hn_shelf_item(shelf, number);
    const bool same =
        there && !there->own_vector && memcmp(&there->text, &item->text, sizeof item->text) == 0;
    return same ? hn_shelf_vector(shelf, number) : NULL;
}

enum hn_status hn_item_vectors_change(struct hn_item_vectors *v, const struct hn_shelf *shelf,
                                      struct hn_shelf_change *changes, size_t n, float *room,
                                      struct hn_error *err)
{
    struct batch batch = {0};
    enum hn_status status = HN_OK;
    pthread_mutex_lock(&v->lock);
    for (size_t i = 0; status >= 0 && i < n; i++) {
        struct hn_item *item = changes[i].item;
        if (!item || item->own_vector) continue;
        changes[i].bare = !wants_vector(item);
        if (changes[i].bare) continue;
        float *place = room + i * v->dims;
        changes[i].vector = place;
        const float *vector = known(shelf, item);
        if (vector) memcpy(place, vector, v->dims * sizeof *vector);
        else status = ask(v, &batch, item, place, err);
    }
    if (status >= 0) status = flush(v, &batch, err);
    pthread_mutex_unlock(&v->lock);
    hn_tokens_free(&batch.tokens);
    return status;
}

/* --- the cache, smaller ------------------------------------------------------------------------ */

struct walk {
    const struct hn_shelf *shelf;
    size_t at;
};

static bool next_vector(void *ctx, struct hn_text_key *key, const float **vector)
{
    struct walk *w = ctx;
    for (; w->at < w->shelf->n_blocks * HN_VECTORS; w->at++) {
        const struct hn_item *item = hn_shelf_item(w->shelf, w->at);
        if (!item || !wants_vector(item)) continue;
        *vector = hn_shelf_vector(w->shelf, w->at);
        *key = item->text;
        w->at++;
        if (*vector) return true;
    }
    return false;
}

void hn_item_vectors_tidy(struct hn_item_vectors *v, const struct hn_shelf *shelf)
{
    struct walk walk = {.shelf = shelf};
    pthread_mutex_lock(&v->lock);
    if (v->cache.fd >= 0 && v->cache.n > 2 * shelf->n_items + SPARE)
        hn_vector_cache_replace(&v->cache, next_vector, &walk);
    pthread_mutex_unlock(&v->lock);
}
