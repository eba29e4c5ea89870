/* All items at a moment. A shelf never changes: who reads one sees it whole, however long that takes; a
 * change makes a new shelf that shares the untouched blocks with the old one. */
#ifndef HN_MODEL_RECOMMEND_SHELF_H
#define HN_MODEL_RECOMMEND_SHELF_H

#include "model/recommend/item.h"
#include "model/recommend/vectors.h"

enum { HN_SHELF_ITEMS = 1 << 27 /* at most */ };

/* Items by number / HN_VECTORS. */
struct hn_shelf_block {
    atomic_uint refs;
    struct hn_vectors *vectors;
    struct hn_item *items[HN_VECTORS]; /* NULL: the place is free */
    float most_popular;                /* of its items */
    /* What filters ask for, side by side; zeros where there is no item. */
    float price[HN_VECTORS], popularity[HN_VECTORS];
    uint64_t signature[HN_VECTORS];
    uint16_t taken[HN_SCREEN_PANELS], available[HN_SCREEN_PANELS]; /* a bit per item */
};

/* Where ids lead: the items whose ids' hashes end alike. */
struct hn_shelf_shard {
    atomic_uint refs;
    uint32_t n;
    struct {
        uint32_t tag; /* the hash's upper half */
        uint32_t item;
    } entries[];
};

struct hn_shelf {
    atomic_uint refs;
    size_t dims;
    size_t n_items;
    size_t n_blocks;
    struct hn_shelf_block **blocks;
    struct hn_vectors **vectors;    /* [n_blocks] theirs, as hn_top wants them */
    size_t n_shards;                /* a power of two */
    struct hn_shelf_shard **shards; /* NULL: empty */
    uint64_t seed;                  /* of the hash */
    size_t full_blocks;             /* so many blocks, from the first on, have no free place */
};

/* Without an item. */
enum hn_status hn_shelf_new(size_t dims, struct hn_shelf **out, struct hn_error *err);
void hn_shelf_hold(struct hn_shelf *shelf);
void hn_shelf_release(struct hn_shelf *shelf); /* NULL is fine */

/* The item's number, or SIZE_MAX. */
size_t hn_shelf_find(const struct hn_shelf *shelf, struct hn_str id);
static inline const struct hn_item *hn_shelf_item(const struct hn_shelf *shelf, size_t number)
{
    return shelf->blocks[number / HN_VECTORS]->items[number % HN_VECTORS];
}
/* NULL: it has none. */
static inline const float *hn_shelf_vector(const struct hn_shelf *shelf, size_t number)
{
    const struct hn_vectors *v = shelf->vectors[number / HN_VECTORS];
    const size_t at = number % HN_VECTORS;
    return v->there[at / HN_PANEL] >> at % HN_PANEL & 1 ? v->floats + at * v->dims : NULL;
}

struct hn_shelf_change {
    struct hn_item *item; /* comes or takes the place of the one with its id; NULL: `id` goes */
    struct hn_str id;
    const float *vector; /* of the item; NULL: the one it had, if any */
    bool bare;           /* not even that */
};

/* A new shelf with all changes in their order, or (on failure) none. Items that are not there may be
 * removed; *removed (or NULL) is how many were there. Takes references to the items. */
enum hn_status hn_shelf_with(struct hn_shelf *shelf, const struct hn_shelf_change *changes,
                             size_t n, struct hn_shelf **out, size_t *removed,
                             struct hn_error *err);

#endif
