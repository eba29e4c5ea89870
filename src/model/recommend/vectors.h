/* Vectors of items in blocks, and the exact best of them for some queries. */
#ifndef HN_MODEL_RECOMMEND_VECTORS_H
#define HN_MODEL_RECOMMEND_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/status.h"
#include "kernels/kernels.h"

enum {
    HN_VECTOR_DIMS = HN_SCREEN_DIMS,          /* elements, at most */
    HN_VECTORS = HN_SCREEN_PANELS * HN_PANEL, /* in a block */
    HN_TOP_MAX = 10000,                       /* best ones that may be asked for */
};

/* A block of vectors as floats, and as bytes that stand for them when it is searched (screen.h). It may
 * be read by many threads as long as nobody changes it. */
struct hn_vectors {
    size_t dims;
    size_t k;       /* of the bytes: a multiple of 4 */
    float *floats;  /* [HN_VECTORS][dims] */
    uint8_t *bytes; /* [HN_SCREEN_PANELS][k / 4][HN_PANEL][4] */
    double per_scale[HN_SCREEN_PANELS], norms[HN_SCREEN_PANELS], errors[HN_SCREEN_PANELS];
    uint16_t there[HN_SCREEN_PANELS]; /* a bit per vector: it is one */
};

/* A block without vectors; 1 <= dims <= HN_VECTOR_DIMS. Freed with hn_vectors_free. */
enum hn_status hn_vectors_new(size_t dims, struct hn_vectors **out, struct hn_error *err);
enum hn_status hn_vectors_copy(const struct hn_vectors *from, struct hn_vectors **out,
                               struct hn_error *err);
void hn_vectors_free(struct hn_vectors *v);

/* Puts x, of finite numbers, at place `at`; NULL: removes the one there. Then, once for all that
 * changed, hn_vectors_pack before the block is searched: `panels` has a bit for each panel with a change
 * (place / HN_PANEL). */
void hn_vectors_put(struct hn_vectors *v, size_t at, const float *x);
void hn_vectors_pack(struct hn_vectors *v, uint64_t panels);

struct hn_top_hit {
    size_t item;  /* block times HN_VECTORS + place */
    double score; /* the exact product (kernels.h) */
};

/* Which items a query may find. Both are called from the pool's threads, for a block or an item that
 * is there. */
struct hn_top_filter {
    /* Clears bits of items that are not wanted; may leave some of those. NULL: none is cleared. */
    void (*panels)(const void *ctx, size_t block, uint16_t allowed[HN_SCREEN_PANELS]);
    /* The final word. */
    bool (*item)(const void *ctx, size_t item);
    const void *ctx;
};

struct hn_top_query {
    const float *x;                     /* [dims] finite */
    size_t k;                           /* how many, 1 to HN_TOP_MAX */
    const struct hn_top_filter *filter; /* NULL: any item */
    struct hn_top_hit *hits; /* [k], filled: the best first, of equal scores the lower number */
    size_t n_hits;           /* filled */
};

/* The best of all blocks by their exact products, for n queries at once; `pool` may be NULL. The result is
 * the same for any number of threads, level of instructions and queries beside it. */
enum hn_status hn_top(const struct hn_kernels *kernels, struct hn_pool *pool,
                      struct hn_vectors *const *blocks, size_t n_blocks,
                      struct hn_top_query *queries, size_t n, struct hn_error *err);

#endif
