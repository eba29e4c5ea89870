/* Vectors of items that an embedding model computes of their texts. */
#ifndef HN_MODEL_RECOMMEND_ITEM_VECTORS_H
#define HN_MODEL_RECOMMEND_ITEM_VECTORS_H

#include "model/recommend/recommender_config.h"
#include "model/recommend/shelf.h"

struct hn_item_vectors;
struct hn_load_progress;

struct hn_item_vectors_options {
    const struct hn_recommender_config *config; /* outlives it */
    const char *model, *cache;                  /* paths */
    unsigned threads;                           /* 0: as many as the process may run on */
    enum hn_cpu_level level;
    const struct hn_load_progress *progress; /* told of items, too; or NULL */
};

/* Opens the model and the cache. Errors name the model. */
enum hn_status hn_item_vectors_open(const struct hn_item_vectors_options *options,
                                    struct hn_item_vectors **out, struct hn_error *err);
void hn_item_vectors_close(struct hn_item_vectors *v); /* NULL is fine */
size_t hn_item_vectors_dims(const struct hn_item_vectors *v);
size_t hn_item_vectors_bytes(const struct hn_item_vectors *v); /* of memory */

/* Gives every item its vector, of those that brought none themselves: out of the cache, else computed, which may take
 * minutes and is told to the progress. The shelf is replaced. Before the recommender has readers. */
enum hn_status hn_item_vectors_fill(struct hn_item_vectors *v, struct hn_shelf **shelf,
                                    struct hn_error *err);

/* The same for the items of a change, whose texts the shelf may have, too; sets their vectors to places in `room`
 * [n][dims]. From any thread. */
enum hn_status hn_item_vectors_change(struct hn_item_vectors *v, const struct hn_shelf *shelf,
                                      struct hn_shelf_change *changes, size_t n, float *room,
                                      struct hn_error *err);
/* Writes the cache anew when it has grown far beyond the shelf. One thread at a time. */
void hn_item_vectors_tidy(struct hn_item_vectors *v, const struct hn_shelf *shelf);

#endif
