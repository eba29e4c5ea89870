#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>

#include "base/bits.h"
#include "base/clock.h"

/* Steps come microseconds apart while a model runs: a worker first spins this many rounds (some
 * tens of microseconds), then parks on a condition variable. */
enum { SPIN_ROUNDS = 4000, SPIN_YIELD = 1000 };

/* Between two visits to the guest: while there are tiles, and while there are none. Between two steps of a
 * model there may be none for so long that a worker would park and the guest have to look after itself, with
 * threads that wake for it: then it waits for the next step a little longer. */
enum { VISIT_NS = 2000000, IDLE_VISIT_NS = 200000, IDLE_ROUNDS = 16, LINGER_NS = 2000000 };

/* Of one job, so that counters of 32 bits never run over. */
enum { MAX_TILES = 1 << 30 };

/* One thread's share of the tiles, on its own cache line: the next tile in the lower half, the end in
 * the upper. Whoever adds one and finds next below end owns that tile. */
struct share {
    _Alignas(64) _Atomic uint64_t range;
};

struct worker {
    pthread_t thread;
    struct hn_pool *pool;
    unsigned index;
};

struct hn_pool {
    unsigned threads;
    unsigned started; /* workers whose thread runs */

    /* The job: written before its tiles are shared out, and only when no tile of the one before is
     * left, so whoever owns a tile reads the job it belongs to. */
    hn_pool_fn *fn;
    void *arg;
    size_t first;     /* tile that number 0 of the shares stands for */
    atomic_bool stop; /* a worker that comes late may look while it is written */

    _Alignas(64) atomic_uint generation;
    _Alignas(64) atomic_size_t finished; /* tiles that workers ran of this job */
    atomic_uint parked;

    _Alignas(64) _Atomic(const struct hn_pool_guest *) guest;
    atomic_uint with_guest; /* threads that call it */
    _Atomic uint64_t visited_ns, guest_ns;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct worker *workers; /* [threads], the leader's slot unused */
    struct share *shares;   /* [threads] */
};

static void relax(unsigned round)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
    /* On an overcommitted machine the thread waited for may need this very core. */
    if (round >= SPIN_YIELD && round % 64 == 0) sched_yield();
}

/* Takes a tile of a share; false when it has none left. */
static bool take(struct share *share, size_t *tile)
{
    uint64_t range = atomic_load_explicit(&share->range, memory_order_relaxed);
    if ((uint32_t)range >= range >> 32) return false;
    range = atomic_fetch_add_explicit(&share->range, 1, memory_order_acquire);
    *tile = (uint32_t)range;
    return *tile < range >> 32;
}

/* Calls the guest, if there is one. The count goes up before the guest is read (both sequentially
 * consistent): hn_pool_host sees one or the other. */
static void call_guest(struct hn_pool *pool, bool leave)
{
    atomic_fetch_add(&pool->with_guest, 1);
    const struct hn_pool_guest *guest = atomic_load(&pool->guest);
    if (guest) (leave ? guest->leave : guest->visit)(guest->ctx);
    atomic_fetch_sub(&pool->with_guest, 1);
}

/* Whether the last visit was so long ago; then this one is the calling thread's. */
static bool visit_is_due(struct hn_pool *pool, uint64_t gap_ns)
{
    if (!atomic_load_explicit(&pool->guest, memory_order_relaxed)) return false;
    uint64_t last = atomic_load_explicit(&pool->visited_ns, memory_order_relaxed);
    const uint64_t now = hn_clock_ns();
    return now > last && now - last >= gap_ns &&
           atomic_compare_exchange_strong_explicit(&pool->visited_ns, &last, now,
                                                   memory_order_relaxed, memory_order_relaxed);
}

static void visit(struct hn_pool *pool)
{
    const uint64_t start = hn_clock_ns();
    call_guest(pool, false);
    const uint64_t end = hn_clock_ns();
    atomic_fetch_add_explicit(&pool->guest_ns, end - start, memory_order_relaxed);
    atomic_store_explicit(&pool->visited_ns, end, memory_order_relaxed);
}

static void report(struct hn_pool *pool, size_t done)
{
    if (done) atomic_fetch_add_explicit(&pool->finished, done, memory_order_release);
}

/* Runs tiles while there are any, its own share's first. Returns how many; a worker has reported some of
 * them already. */
static size_t work(struct hn_pool *pool, unsigned self)
{
    size_t tile, done = 0;
    for (unsigned i = 0; i < pool->threads; i++) {
        struct share *share = &pool->shares[(self + i) % pool->threads];
        while (take(share, &tile)) {
            pool->fn(pool->arg, pool->first + tile, self);
            done++;
            if (!self || !visit_is_due(pool, VISIT_NS)) continue;
            report(pool, done); /* nobody is to wait for it; the next tile may be another job's */
            done = 0;
            visit(pool);
        }
    }
    return done;
}

/* Whether a worker that found nothing to do for a while is to stay awake for the guest. */
static bool lingers(struct hn_pool *pool, uint64_t since)
{
    return atomic_load_explicit(&pool->guest, memory_order_relaxed) &&
           hn_clock_ns() - since < LINGER_NS;
}

/* Returns the generation that came after `seen`, or a later one. */
static unsigned await_generation(struct hn_pool *pool, unsigned seen)
{
    unsigned now;
    uint64_t since = 0;
    for (unsigned round = 0; round < SPIN_ROUNDS || lingers(pool, since); round++) {
        if (round == SPIN_ROUNDS - 1) since = hn_clock_ns();
        now = atomic_load_explicit(&pool->generation, memory_order_acquire);
        if (now != seen) return now;
        relax(round);
        if (round % IDLE_ROUNDS == 0 && visit_is_due(pool, IDLE_VISIT_NS)) visit(pool);
    }
    pthread_mutex_lock(&pool->lock);
    if (atomic_fetch_add(&pool->parked, 1) + 1 == pool->threads - 1) call_guest(pool, true);
    while ((now = atomic_load(&pool->generation)) == seen)
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->parked, 1);
    pthread_mutex_unlock(&pool->lock);
    return now;
}

static void *worker_main(void *arg)
{
    const struct worker *self = arg;
    struct hn_pool *pool = self->pool;
    for (unsigned seen = 0;;) {
        seen = await_generation(pool, seen);
        if (pool->stop) return NULL;
        report(pool, work(pool, self->index));
    }
}

/* Publishes the job. The parked count is read after the new generation is visible (both sequentially
 * consistent), so a worker either sees the generation before it sleeps or is counted here. */
static void raise_generation(struct hn_pool *pool)
{
    atomic_fetch_add(&pool->generation, 1);
    if (atomic_load(&pool->parked) == 0) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

enum hn_status hn_pool_create(unsigned threads, struct hn_pool **out, struct hn_error *err)
{
    *out = NULL;
    if (threads < 1 || threads > HN_POOL_MAX_THREADS)
        return hn_fail(err, HN_E_ARG, "threads: %u is not between 1 and %d", threads,
                       HN_POOL_MAX_THREADS);
    struct hn_pool *pool = aligned_alloc(64, hn_round_up(sizeof *pool, 64));
    if (!pool) return hn_fail_nomem(err, "the worker pool", sizeof *pool);
    memset(pool, 0, sizeof *pool);
    pool->threads = threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->workers = calloc(threads, sizeof *pool->workers);
    pool->shares = aligned_alloc(64, threads * sizeof *pool->shares);
    if (!pool->workers || !pool->shares) {
        hn_pool_destroy(pool);
        return hn_fail_nomem(err, "the worker pool", threads * sizeof *pool->shares);
    }
    memset(pool->shares, 0, threads * sizeof *pool->shares);
    for (unsigned i = 1; i < threads; i++) {
        struct worker *worker = &pool->workers[i];
        *worker = (struct worker){.pool = pool, .index = i};
        const int reason = pthread_create(&worker->thread, NULL, worker_main, worker);
        if (reason) {
            hn_pool_destroy(pool);
            return hn_fail(err, HN_E_LIMIT, "cannot start worker thread %u of %u: %s", i,
                           threads - 1, strerror(reason));
        }
        pool->started++;
    }
    *out = pool;
    return HN_OK;
}

void hn_pool_destroy(struct hn_pool *pool)
{
    if (!pool) return;
    pool->stop = true;
    raise_generation(pool);
    for (unsigned i = 1; i <= pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool->shares);
    free(pool);
}

unsigned hn_pool_threads(const struct hn_pool *pool)
{
    return pool->threads;
}

void hn_pool_host(struct hn_pool *pool, const struct hn_pool_guest *guest)
{
    atomic_store(&pool->guest, guest);
    for (unsigned round = 0; atomic_load(&pool->with_guest); round++)
        relax(round);
}

uint64_t hn_pool_guest_ns(const struct hn_pool *pool)
{
    return atomic_load_explicit(&pool->guest_ns, memory_order_relaxed);
}

/* Deals the tiles out: shares differ by at most one. */
static void share_out(struct hn_pool *pool, size_t tiles)
{
    const size_t each = tiles / pool->threads, more = tiles % pool->threads;
    for (unsigned i = 0; i < pool->threads; i++) {
        const uint64_t first = each * i + hn_min(i, more);
        const uint64_t end = first + each + (i < more);
        atomic_store_explicit(&pool->shares[i].range, end << 32 | first, memory_order_release);
    }
}

/* The leader does not wait for workers, only for tiles: one that the system lets sleep (other
 * programs want its core) has none, and the others run them all. */
static void run(struct hn_pool *pool, size_t tiles)
{
    atomic_store_explicit(&pool->finished, 0, memory_order_relaxed);
    share_out(pool, tiles);
    raise_generation(pool);
    const size_t rest = tiles - work(pool, 0);
    for (unsigned round = 0; atomic_load_explicit(&pool->finished, memory_order_acquire) != rest;
         round++)
        relax(round);
}

void hn_pool_run(struct hn_pool *pool, size_t tiles, hn_pool_fn *fn, void *arg)
{
    if (pool->threads == 1 || tiles <= 1) {
        for (size_t i = 0; i < tiles; i++)
            fn(arg, i, 0);
        return;
    }
    pool->fn = fn;
    pool->arg = arg;
    for (pool->first = 0; pool->first < tiles; pool->first += MAX_TILES)
        run(pool, hn_min(tiles - pool->first, MAX_TILES));
}
