/* The persistent worker pool: one leader (the calling thread) and threads - 1 workers. */
#ifndef HN_BASE_POOL_H
#define HN_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { HN_POOL_MAX_THREADS = 256 };

struct hn_pool;

/* Work on one tile. `worker` is below the pool's thread count and names the running thread for the
 * length of the call: index per-thread scratch with it. Must not call back into the pool. */
typedef void hn_pool_fn(void *arg, size_t tile, unsigned worker);

/* Starts threads - 1 workers (1 <= threads <= HN_POOL_MAX_THREADS). */
enum hn_status hn_pool_create(unsigned threads, struct hn_pool **out, struct hn_error *err);

/* Joins the workers. NULL is fine. */
void hn_pool_destroy(struct hn_pool *pool);

unsigned hn_pool_threads(const struct hn_pool *pool);

/* Runs fn for every tile in [0, tiles) and returns when all are done; the leader works too. Each
 * thread owns a contiguous share of the tiles, so it streams memory in one direction, and takes
 * from other shares when its own is empty. Which thread runs a tile must not change its result.
 * One leader at a time. */
void hn_pool_run(struct hn_pool *pool, size_t tiles, hn_pool_fn *fn, void *arg);

/* Somebody else's work in small pieces, which the workers do as they go along: a thread of its own would
 * take a core from one that has a tile in hand, and all would stand until that one came back. */
struct hn_pool_guest {
    /* On a worker that has no tile in hand; the other threads go on meanwhile. Several workers may be in
     * it at a time. Must not wait for the leader, nor destroy the pool. */
    void (*visit)(void *ctx);
    /* The last worker goes to sleep: there are no visits until there are tiles again. */
    void (*leave)(void *ctx);
    void *ctx;
};

/* Has the workers call `guest` (which must live until the next such call; NULL: nobody) every two
 * milliseconds while there are tiles, sooner while they wait; when this returns nobody is with the one before. Not from
 * a visit. */
void hn_pool_host(struct hn_pool *pool, const struct hn_pool_guest *guest);

/* Nanoseconds of workers that visits took until now. */
uint64_t hn_pool_guest_ns(const struct hn_pool *pool);

#endif
