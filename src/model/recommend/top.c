/* The search: threads take blocks, screen a block for all queries together, and score exactly what may be
 * among the best.
 *
 * Why nothing is missed: a query's floor is at every moment the k-th best exact score that some thread has
 * seen, so it never exceeds the k-th best of all. The screening passes every vector whose score reaches the
 * floor (screen.h), hence every one of the k best, and those that tie with the last. Each thread keeps the k
 * best of what it scored, by score and, between equals, by number: an order without ties. So the k best of all
 * are in the union of what the threads kept, whichever thread took which block. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/recommend/quantized.h"
#include "model/recommend/vectors.h"

enum {
    QUERIES = 64, /* screened together: their thresholds and hits stay in the first caches */
    AHEAD = 512,  /* bytes of a vector that are asked for ahead; the processor foresees the rest */
};

/* A query as bytes, and what is shared of it. */
struct sought {
    struct hn_top_query *query;
    struct hn_quantized about;
    double scale;
    double norm; /* at least the query's own */
    _Atomic double floor;
};

/* The best that a thread has seen for a query: a heap with the worst on top. */
struct heap {
    struct hn_top_hit *hits; /* [k] */
    size_t n;
};

struct search {
    const struct hn_kernels *kernels;
    struct hn_vectors *const *blocks;
    size_t dims, k, n;
    struct sought *sought; /* [n] */
    int8_t *q;             /* [n][k] */
    struct heap *heaps;    /* [threads][n] */
};

static bool is_worse(const struct hn_top_hit *a, const struct hn_top_hit *b)
{
    return a->score < b->score || (a->score == b->score && a->item > b->item);
}

static void sift_down(struct heap *heap, size_t at)
{
    struct hn_top_hit *hits = heap->hits;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->n) return;
        if (child + 1 < heap->n && is_worse(&hits[child + 1], &hits[child])) child++;
        if (!is_worse(&hits[child], &hits[at])) return;
        const struct hn_top_hit hit = hits[at];
        hits[at] = hits[child];
        hits[child] = hit;
        at = child;
    }
}

static void offer(struct heap *heap, size_t k, struct hn_top_hit hit)
{
    struct hn_top_hit *hits = heap->hits;
    if (heap->n < k) {
        size_t at = heap->n++;
        for (; at && is_worse(&hit, &hits[(at - 1) / 2]); at = (at - 1) / 2)
            hits[at] = hits[(at - 1) / 2];
        hits[at] = hit;
    } else if (is_worse(&hits[0], &hit)) {
        hits[0] = hit;
        sift_down(heap, 0);
    }
}

static void raise(_Atomic double *floor, double to)
{
    double now = atomic_load_explicit(floor, memory_order_relaxed);
    while (now < to && !atomic_compare_exchange_weak_explicit(floor, &now, to, memory_order_relaxed,
                                                              memory_order_relaxed))
        ;
}

/* Lists what the screening has left of a block, and asks for its floats ahead. */
static size_t list_hits(const struct hn_vectors *v, const uint16_t *hits, uint16_t *places)
{
    size_t n = 0;
    for (size_t p = 0; p < HN_SCREEN_PANELS; p++)
        for (unsigned left = hits[p]; left; left &= left - 1) {
            const size_t at = p * HN_PANEL + (size_t)__builtin_ctz(left);
            const char *floats = (const char *)(v->floats + at * v->dims);
            for (size_t line = 0; line < hn_min(v->dims * sizeof(float), AHEAD); line += 64)
                __builtin_prefetch(floats + line);
            places[n++] = (uint16_t)at;
        }
    return n;
}

/* Scores them exactly for one query. */
static void score(const struct search *s, size_t block, struct sought *sought, struct heap *heap,
                  const uint16_t *hits)
{
    const struct hn_vectors *v = s->blocks[block];
    const struct hn_top_query *query = sought->query;
    const struct hn_top_filter *filter = query->filter;
    uint16_t places[HN_VECTORS];
    const size_t n = list_hits(v, hits, places);
    for (size_t i = 0; i < n; i++) {
        const size_t item = block * HN_VECTORS + places[i];
        if (filter && !filter->item(filter->ctx, item)) continue;
        const float *floats = v->floats + places[i] * s->dims;
        offer(heap, query->k,
              (struct hn_top_hit){item, s->kernels->product(floats, query->x, s->dims)});
    }
    if (heap->n == query->k) raise(&sought->floor, heap->hits[0].score);
}

static void allow(const struct hn_vectors *v, const struct hn_top_query *query, size_t block,
                  uint16_t allowed[HN_SCREEN_PANELS])
{
    memcpy(allowed, v->there, sizeof v->there);
    if (query->filter && query->filter->panels)
        query->filter->panels(query->filter->ctx, block, allowed);
}

/* Some queries on one block. */
static void search_block(const struct search *s, size_t block, size_t first, size_t n,
                         struct heap *heaps)
{
    const struct hn_vectors *v = s->blocks[block];
    struct hn_screen_query queries[QUERIES];
    uint16_t hits[QUERIES][HN_SCREEN_PANELS], allowed[QUERIES][HN_SCREEN_PANELS];
    for (size_t i = 0; i < n; i++) {
        const struct sought *sought = &s->sought[first + i];
        allow(v, sought->query, block, allowed[i]);
        queries[i] = (struct hn_screen_query){
            .q = s->q + (first + i) * s->k,
            .per_scale = sought->scale > 0 ? 1 / sought->scale : HN_NO_SCALE,
            .norm = sought->norm,
            .rest = sought->about.rest,
            .floor = atomic_load_explicit(&sought->floor, memory_order_relaxed),
            .shift = 128 * sought->about.sum,
            .allowed = allowed[i],
            .hits = hits[i],
        };
    }
    const struct hn_screen args = {
        .panels = v->bytes,
        .per_scale = v->per_scale,
        .norms = v->norms,
        .errors = v->errors,
        .n_panels = HN_SCREEN_PANELS,
        .k = s->k,
        .pitch = s->k,
        .queries = queries,
        .n_queries = n,
    };
    s->kernels->screen(&args);
    for (size_t i = 0; i < n; i++)
        score(s, block, &s->sought[first + i], &heaps[first + i], hits[i]);
}

static void search_tile(void *arg, size_t block, unsigned worker)
{
    const struct search *s = arg;
    struct heap *heaps = s->heaps + worker * s->n;
    for (size_t i = 0; i < s->n; i += QUERIES)
        search_block(s, block, i, hn_min(QUERIES, s->n - i), heaps);
}

static int best_first(const void *a, const void *b)
{
    const struct hn_top_hit *x = a, *y = b;
    return is_worse(x, y) - is_worse(y, x);
}

/* The best of what the threads kept for query i, into its hits. */
static void merge(const struct search *s, size_t i, unsigned threads)
{
    struct hn_top_query *query = s->sought[i].query;
    struct heap all = {.hits = query->hits};
    for (unsigned t = 0; t < threads; t++) {
        const struct heap *heap = &s->heaps[t * s->n + i];
        for (size_t h = 0; h < heap->n; h++)
            offer(&all, query->k, heap->hits[h]);
    }
    qsort(all.hits, all.n, sizeof *all.hits, best_first);
    query->n_hits = all.n;
}

static void prepare(struct search *s, size_t i, struct hn_top_query *query)
{
    struct sought *sought = &s->sought[i];
    sought->query = query;
    sought->scale = hn_quantized_scale(query->x, s->dims);
    hn_quantize(query->x, s->dims, sought->scale, s->q + i * s->k, 4, &sought->about);
    sought->norm = sqrt(s->kernels->product(query->x, query->x, s->dims)) * HN_NORM_MARGIN;
    atomic_init(&sought->floor, -INFINITY);
}

enum hn_status hn_top(const struct hn_kernels *kernels, struct hn_pool *pool,
                      struct hn_vectors *const *blocks, size_t n_blocks,
                      struct hn_top_query *queries, size_t n, struct hn_error *err)
{
    for (size_t i = 0; i < n; i++)
        queries[i].n_hits = 0;
    if (!n_blocks || !n) return HN_OK;
    const unsigned threads = pool ? hn_pool_threads(pool) : 1;
    struct search s = {kernels, blocks, blocks[0]->dims, blocks[0]->k, n, NULL, NULL, NULL};
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        kept += queries[i].k * threads;
    struct hn_top_hit *hits = malloc(kept * sizeof *hits);
    s.sought = calloc(n, sizeof *s.sought);
    s.q = calloc(n, s.k);
    s.heaps = calloc(n * threads, sizeof *s.heaps);
    const bool have = hits && s.sought && s.q && s.heaps;
    if (have) {
        struct hn_top_hit *next = hits;
        for (size_t i = 0; i < n * threads; next += queries[i++ % n].k)
            s.heaps[i].hits = next;
        for (size_t i = 0; i < n; i++)
            prepare(&s, i, &queries[i]);
        if (pool) hn_pool_run(pool, n_blocks, search_tile, &s);
        else
            for (size_t block = 0; block < n_blocks; block++)
                search_tile(&s, block, 0);
        for (size_t i = 0; i < n; i++)
            merge(&s, i, threads);
    }
    free(s.heaps);
    free(s.q);
    free(s.sought);
    free(hits);
    return have ? HN_OK : hn_fail_nomem(err, "a search", kept * sizeof *hits);
}
