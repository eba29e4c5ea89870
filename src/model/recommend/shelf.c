#include "model/recommend/shelf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/rng.h"

enum { PER_SHARD = 64 /* ids, on average at most twice as many */ };

/* A shelf in the making, and which of its parts are not shared yet. */
struct edit {
    struct hn_shelf *shelf;
    uint64_t *dirty; /* [blocks_room] panels whose vectors changed; of blocks that are its own */
    bool *own;       /* [blocks_room] */
    bool *own_shard; /* [n_shards] */
    size_t blocks_room;
    size_t next_free; /* no place before it is free */
};

/* --- references -------------------------------------------------------------------------------- */

static void release_block(struct hn_shelf_block *block)
{
    if (!block || atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < HN_VECTORS; i++)
        hn_item_release(block->items[i]);
    hn_vectors_free(block->vectors);
    free(block);
}

static void release_shard(struct hn_shelf_shard *shard)
{
    if (shard && atomic_fetch_sub_explicit(&shard->refs, 1, memory_order_acq_rel) == 1) free(shard);
}

void hn_shelf_hold(struct hn_shelf *shelf)
{
    atomic_fetch_add_explicit(&shelf->refs, 1, memory_order_relaxed);
}

void hn_shelf_release(struct hn_shelf *shelf)
{
    if (!shelf || atomic_fetch_sub_explicit(&shelf->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < shelf->n_blocks; i++)
        release_block(shelf->blocks[i]);
    for (size_t i = 0; i < shelf->n_shards; i++)
        release_shard(shelf->shards[i]);
    free(shelf->blocks);
    free(shelf->vectors);
    free(shelf->shards);
    free(shelf);
}

/* --- ids --------------------------------------------------------------------------------------- */

static size_t find_hashed(const struct hn_shelf *shelf, struct hn_str id, uint64_t hash)
{
    const struct hn_shelf_shard *shard = shelf->shards[hash & (shelf->n_shards - 1)];
    for (uint32_t i = 0; shard && i < shard->n; i++)
        if (shard->entries[i].tag == hash >> 32 &&
            hn_str_eq(hn_shelf_item(shelf, shard->entries[i].item)->id, id))
            return shard->entries[i].item;
    return SIZE_MAX;
}

size_t hn_shelf_find(const struct hn_shelf *shelf, struct hn_str id)
{
    return find_hashed(shelf, id, hn_str_hash(id, shelf->seed));
}

/* Puts a copy of a shard in its place with one entry more, or without `but`. */
static enum hn_status change_shard(struct edit *e, uint64_t hash, size_t item, size_t but,
                                   struct hn_error *err)
{
    struct hn_shelf *shelf = e->shelf;
    const size_t at = hash & (shelf->n_shards - 1);
    struct hn_shelf_shard *old = shelf->shards[at];
    const uint32_t n = old ? old->n : 0;
    /* Room for as many again, as long as the shard is nobody else's. */
    const bool fits = e->own_shard[at] && old && (but != SIZE_MAX || !hn_is_pow2(n) || n < 4);
    struct hn_shelf_shard *shard = old;
    if (!fits) {
        size_t room = 4;
        while (room <= n)
            room *= 2;
        shard = malloc(sizeof *shard + room * sizeof shard->entries[0]);
        if (!shard) return hn_fail_nomem(err, "an index of items", sizeof *shard);
        atomic_init(&shard->refs, 1);
        shard->n = n;
        if (n) memcpy(shard->entries, old->entries, n * sizeof old->entries[0]);
        release_shard(old);
        shelf->shards[at] = shard;
        e->own_shard[at] = true;
    }
    if (but == SIZE_MAX) {
        shard->entries[shard->n].tag = (uint32_t)(hash >> 32);
        shard->entries[shard->n++].item = (uint32_t)item;
        return HN_OK;
    }
    for (uint32_t i = 0; i < shard->n; i++)
        if (shard->entries[i].item == but) shard->entries[i--] = shard->entries[--shard->n];
    return HN_OK;
}

/* As many shards as so many items want; all are made anew. */
static enum hn_status spread(struct edit *e, size_t n_items, struct hn_error *err)
{
    struct hn_shelf *shelf = e->shelf;
    size_t n = shelf->n_shards;
    while (n * PER_SHARD * 2 < n_items)
        n *= 2;
    if (n == shelf->n_shards) return HN_OK;
    struct hn_shelf_shard **shards = calloc(n, sizeof *shards);
    bool *own = calloc(n, sizeof *own);
    if (!shards || !own) {
        free(shards);
        free(own);
        return hn_fail_nomem(err, "an index of items", n * sizeof *shards);
    }
    for (size_t i = 0; i < shelf->n_shards; i++)
        release_shard(shelf->shards[i]);
    free(shelf->shards);
    free(e->own_shard);
    shelf->shards = shards;
    shelf->n_shards = n;
    e->own_shard = own;
    for (size_t i = 0; i < shelf->n_blocks * HN_VECTORS; i++) {
        const struct hn_item *item = hn_shelf_item(shelf, i);
        if (item) HN_TRY(change_shard(e, hn_str_hash(item->id, shelf->seed), i, SIZE_MAX, err));
    }
    return HN_OK;
}

/* --- blocks ------------------------------------------------------------------------------------ */

static enum hn_status add_block(struct edit *e, struct hn_error *err)
{
    struct hn_shelf *shelf = e->shelf;
    const size_t n = shelf->n_blocks;
    if (n >= HN_SHELF_ITEMS / HN_VECTORS) return hn_fail(err, HN_E_LIMIT, "too many items");
    if (n == e->blocks_room) {
        const size_t room = 2 * n + 1;
        void *blocks = realloc(shelf->blocks, room * sizeof *shelf->blocks);
        if (blocks) shelf->blocks = blocks;
        void *vectors = realloc(shelf->vectors, room * sizeof *shelf->vectors);
        if (vectors) shelf->vectors = vectors;
        void *dirty = realloc(e->dirty, room * sizeof *e->dirty);
        if (dirty) e->dirty = dirty;
        void *own = realloc(e->own, room * sizeof *e->own);
        if (own) e->own = own;
        if (!blocks || !vectors || !dirty || !own)
            return hn_fail_nomem(err, "blocks of items", room * sizeof *shelf->blocks);
        e->blocks_room = room;
    }
    struct hn_shelf_block *block = calloc(1, sizeof *block);
    if (!block) return hn_fail_nomem(err, "a block of items", sizeof *block);
    atomic_init(&block->refs, 1);
    const enum hn_status status = hn_vectors_new(shelf->dims, &block->vectors, err);
    if (status < 0) {
        free(block);
        return status;
    }
    shelf->blocks[n] = block;
    shelf->vectors[n] = block->vectors;
    e->own[n] = true;
    e->dirty[n] = 0;
    shelf->n_blocks++;
    return HN_OK;
}

/* Makes a block the edit's own. */
static enum hn_status take_block(struct edit *e, size_t at, struct hn_error *err)
{
    if (e->own[at]) return HN_OK;
    struct hn_shelf_block *old = e->shelf->blocks[at], *block = malloc(sizeof *block);
    if (!block) return hn_fail_nomem(err, "a block of items", sizeof *block);
    const enum hn_status status = hn_vectors_copy(old->vectors, &block->vectors, err);
    if (status < 0) {
        free(block);
        return status;
    }
    struct hn_vectors *vectors = block->vectors;
    memcpy(block, old, sizeof *block);
    atomic_init(&block->refs, 1);
    block->vectors = vectors;
    for (size_t i = 0; i < HN_VECTORS; i++)
        if (block->items[i]) hn_item_hold(block->items[i]);
    release_block(old);
    e->shelf->blocks[at] = block;
    e->shelf->vectors[at] = block->vectors;
    e->own[at] = true;
    return HN_OK;
}

static enum hn_status find_free(struct edit *e, size_t *out, struct hn_error *err)
{
    while (e->next_free < e->shelf->n_blocks * HN_VECTORS && hn_shelf_item(e->shelf, e->next_free))
        e->next_free++;
    if (e->next_free == e->shelf->n_blocks * HN_VECTORS) HN_TRY(add_block(e, err));
    *out = e->next_free;
    return HN_OK;
}

/* Puts an item, or nothing, into a place of a block that is the edit's own. */
static void set_item(struct edit *e, size_t number, struct hn_item *item)
{
    struct hn_shelf_block *block = e->shelf->blocks[number / HN_VECTORS];
    const size_t at = number % HN_VECTORS, panel = at / HN_PANEL;
    const uint16_t bit = (uint16_t)(1u << at % HN_PANEL);
    if (item) hn_item_hold(item);
    hn_item_release(block->items[at]);
    block->items[at] = item;
    block->price[at] = item ? item->price : 0;
    block->popularity[at] = item ? item->popularity : 0;
    block->signature[at] = item ? item->signature : 0;
    block->taken[panel] &= (uint16_t)~bit;
    block->available[panel] &= (uint16_t)~bit;
    if (item) block->taken[panel] |= bit;
    if (item && item->available) block->available[panel] |= bit;
}

static void set_vector(struct edit *e, size_t number, const float *x)
{
    const size_t block = number / HN_VECTORS, at = number % HN_VECTORS;
    hn_vectors_put(e->shelf->vectors[block], at, x);
    e->dirty[block] |= 1ull << at / HN_PANEL;
}

/* --- changes ----------------------------------------------------------------------------------- */

static enum hn_status remove_item(struct edit *e, struct hn_str id, struct hn_error *err)
{
    const uint64_t hash = hn_str_hash(id, e->shelf->seed);
    const size_t number = find_hashed(e->shelf, id, hash);
    if (number == SIZE_MAX) return HN_OK;
    HN_TRY(take_block(e, number / HN_VECTORS, err));
    HN_TRY(change_shard(e, hash, 0, number, err));
    set_item(e, number, NULL);
    set_vector(e, number, NULL);
    e->shelf->n_items--;
    e->next_free = hn_min(e->next_free, number);
    return HN_OK;
}

static enum hn_status put_item(struct edit *e, const struct hn_shelf_change *change,
                               struct hn_error *err)
{
    struct hn_item *item = change->item;
    const uint64_t hash = hn_str_hash(item->id, e->shelf->seed);
    size_t number = find_hashed(e->shelf, item->id, hash);
    const bool is_new = number == SIZE_MAX;
    if (is_new) HN_TRY(find_free(e, &number, err));
    HN_TRY(take_block(e, number / HN_VECTORS, err));
    if (is_new) {
        HN_TRY(change_shard(e, hash, number, SIZE_MAX, err));
        e->shelf->n_items++;
    } else if (item->row < 0) {
        item->row = hn_shelf_item(e->shelf, number)->row; /* the session model goes on knowing it */
    }
    set_item(e, number, item);
    if (change->vector || change->bare) set_vector(e, number, change->vector);
    return HN_OK;
}

/* A shelf that shares everything with another one. */
static enum hn_status begin(struct hn_shelf *from, struct edit *e, struct hn_error *err)
{
    struct hn_shelf *shelf = calloc(1, sizeof *shelf);
    *e = (struct edit){.shelf = shelf, .blocks_room = from->n_blocks};
    if (!shelf) return hn_fail_nomem(err, "items", sizeof *shelf);
    atomic_init(&shelf->refs, 1);
    shelf->dims = from->dims;
    shelf->seed = from->seed;
    shelf->n_items = from->n_items;
    shelf->full_blocks = from->full_blocks;
    e->next_free = from->full_blocks * HN_VECTORS;
    shelf->blocks = calloc(from->n_blocks + 1, sizeof *shelf->blocks);
    shelf->vectors = calloc(from->n_blocks + 1, sizeof *shelf->vectors);
    shelf->shards = calloc(from->n_shards, sizeof *shelf->shards);
    e->dirty = calloc(from->n_blocks + 1, sizeof *e->dirty);
    e->own = calloc(from->n_blocks + 1, sizeof *e->own);
    e->own_shard = calloc(from->n_shards, sizeof *e->own_shard);
    if (!shelf->blocks || !shelf->vectors || !shelf->shards || !e->dirty || !e->own ||
        !e->own_shard)
        return hn_fail_nomem(err, "items", from->n_blocks * sizeof *shelf->blocks);
    for (; shelf->n_blocks < from->n_blocks; shelf->n_blocks++) {
        struct hn_shelf_block *block = from->blocks[shelf->n_blocks];
        atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
        shelf->blocks[shelf->n_blocks] = block;
        shelf->vectors[shelf->n_blocks] = block->vectors;
    }
    for (; shelf->n_shards < from->n_shards; shelf->n_shards++) {
        struct hn_shelf_shard *shard = from->shards[shelf->n_shards];
        if (shard) atomic_fetch_add_explicit(&shard->refs, 1, memory_order_relaxed);
        shelf->shards[shelf->n_shards] = shard;
    }
    return HN_OK;
}

static void finish(struct edit *e)
{
    struct hn_shelf *shelf = e->shelf;
    for (size_t i = 0; i < shelf->n_blocks; i++) {
        if (!e->own[i]) continue;
        struct hn_shelf_block *block = shelf->blocks[i];
        hn_vectors_pack(block->vectors, e->dirty[i]);
        block->most_popular = 0;
        for (size_t j = 0; j < HN_VECTORS; j++)
            block->most_popular = fmaxf(block->most_popular, block->popularity[j]);
    }
    shelf->full_blocks = e->next_free / HN_VECTORS;
}

enum hn_status hn_shelf_with(struct hn_shelf *shelf, const struct hn_shelf_change *changes,
                             size_t n, struct hn_shelf **out, size_t *removed, struct hn_error *err)
{
    struct edit e;
    size_t gone = 0;
    enum hn_status status = begin(shelf, &e, err);
    if (status >= 0) status = spread(&e, shelf->n_items + n, err);
    for (size_t i = 0; status >= 0 && i < n; i++) {
        const size_t before = e.shelf->n_items;
        status =
            changes[i].item ? put_item(&e, &changes[i], err) : remove_item(&e, changes[i].id, err);
        if (!changes[i].item) gone += before - e.shelf->n_items;
    }
    if (removed) *removed = gone;
    if (status >= 0) {
        finish(&e);
        *out = e.shelf;
    } else {
        hn_shelf_release(e.shelf);
    }
    free(e.dirty);
    free(e.own);
    free(e.own_shard);
    return status;
}

enum hn_status hn_shelf_new(size_t dims, struct hn_shelf **out, struct hn_error *err)
{
    uint64_t seed;
    HN_TRY(hn_random_bytes(&seed, sizeof seed, err));
    struct hn_shelf *shelf = calloc(1, sizeof *shelf);
    struct hn_shelf_shard **shards = calloc(1, sizeof *shards);
    if (!shelf || !shards) {
        free(shelf);
        free(shards);
        return hn_fail_nomem(err, "items", sizeof *shelf);
    }
    atomic_init(&shelf->refs, 1);
    shelf->dims = dims;
    shelf->seed = seed;
    shelf->shards = shards;
    shelf->n_shards = 1;
    *out = shelf;
    return HN_OK;
}
