/* Attention over paged keys and values. */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu_backend.h"
#include "base/bits.h"
#include "kernels/layout.h"

bool hn_kv_layout_init(struct hn_kv_layout *kv)
{
    size_t head, layer;
    kv->k_bytes = hn_round_up(hn_kv_row_bytes(kv->type, kv->dim_k) * HN_KV_PAGE, 64);
    kv->v_bytes = hn_round_up(hn_kv_row_bytes(kv->type, kv->dim_v) * HN_KV_PAGE, 64);
    return hn_add(kv->k_bytes, kv->v_bytes, &head) && hn_mul(head, kv->n_heads, &layer) &&
           hn_mul(layer, kv->n_layers, &kv->page_bytes);
}

/* The keys of one head in a page; its values follow. */
static unsigned char *page_head(const struct hn_kv_layout *kv, int32_t page, size_t layer,
                                size_t head)
{
    return kv->base + (size_t)page * kv->page_bytes +
           (layer * kv->n_heads + head) * (kv->k_bytes + kv->v_bytes);
}

static const struct hn_span *span_of(const struct hn_span *spans, size_t n_spans, size_t row)
{
    size_t low = 0;
    for (size_t high = n_spans; high - low > 1;) {
        const size_t middle = low + (high - low) / 2;
        if (spans[middle].row <= row) low = middle;
        else high = middle;
    }
    return &spans[low];
}

static size_t rows_of(const struct hn_span *spans, size_t n_spans)
{
    return n_spans ? spans[n_spans - 1].row + spans[n_spans - 1].n : 0;
}

/* --- angles ------------------------------------------------------------------------------------ */

struct angles_job {
    float *cosines, *sines;
    const double *freqs;
    size_t half;
    float scale;
    const struct hn_span *spans;
    size_t n_spans;
};

static void angles_row(void *arg, size_t row, unsigned worker)
{
    (void)worker;
    const struct angles_job *job = arg;
    const struct hn_span *span = span_of(job->spans, job->n_spans, row);
    const double position = (double)(span->pos + row - span->row);
    for (size_t i = 0; i < job->half; i++) {
        const double angle = position * job->freqs[i];
        job->cosines[row * job->half + i] = (float)(cos(angle) * (double)job->scale);
        job->sines[row * job->half + i] = (float)(sin(angle) * (double)job->scale);
    }
}

void hn_cpu_angles(struct hn_backend *b, float *cosines, float *sines, const double *freqs,
                   size_t half, float scale, const struct hn_span *spans, size_t n_spans)
{
    struct angles_job job = {cosines, sines, freqs, half, scale, spans, n_spans};
    hn_pool_run(hn_cpu_of(b)->pool, rows_of(spans, n_spans), angles_row, &job);
}

/* --- queries, keys and values ------------------------------------------------------------------ */

struct store_job {
    const struct hn_kernels *kernels;
    const struct hn_qkv *qkv;
    const struct hn_kv_layout *kv;
    size_t layer;
    const struct hn_span *spans;
    size_t n_spans;
};

static void norm_heads(const struct store_job *job, float *x, size_t n_heads, const float *w)
{
    const struct hn_qkv *qkv = job->qkv;
    if (!w) return;
    if (qkv->norm_len != qkv->dim_k) {
        job->kernels->rms_norm(x, x, w, n_heads * qkv->dim_k, qkv->eps);
        return;
    }
    for (size_t h = 0; h < n_heads; h++)
        job->kernels->rms_norm(x + h * qkv->dim_k, x + h * qkv->dim_k, w, qkv->dim_k, qkv->eps);
}

static void rotate_heads(const struct store_job *job, float *x, size_t n_heads, size_t row)
{
    const struct hn_qkv *qkv = job->qkv;
    if (!qkv->cosines) return;
    const float *cosines = qkv->cosines + row * qkv->half;
    const float *sines = qkv->sines + row * qkv->half;
    for (size_t h = 0; h < n_heads; h++, x += qkv->dim_k) {
        if (qkv->pairs) job->kernels->rope_interleaved(x, cosines, sines, qkv->half);
        else job->kernels->rope(x, cosines, sines, qkv->half);
    }
}

static void store_row(void *arg, size_t row, unsigned worker)
{
    (void)worker;
    const struct store_job *job = arg;
    const struct hn_qkv *qkv = job->qkv;
    const struct hn_kv_layout *kv = job->kv;
    float *q = qkv->x + row * qkv->ld;
    float *k = q + qkv->n_heads * qkv->dim_k;
    const float *v = k + qkv->n_kv_heads * qkv->dim_k;
    norm_heads(job, q, qkv->n_heads, qkv->q_norm);
    norm_heads(job, k, qkv->n_kv_heads, qkv->k_norm);
    rotate_heads(job, q, qkv->n_heads, row);
    rotate_heads(job, k, qkv->n_kv_heads, row);

    const struct hn_span *span = span_of(job->spans, job->n_spans, row);
    const size_t pos = span->pos + row - span->row;
    const size_t slot = pos % HN_KV_PAGE;
    for (size_t h = 0; h < qkv->n_kv_heads; h++) {
        unsigned char *keys = page_head(kv, span->pages[pos / HN_KV_PAGE], job->layer, h);
        unsigned char *values = keys + kv->k_bytes;
        float key[HN_HEAD_DIM_MAX];
        job->kernels->kv_store[kv->type](key, k + h * kv->dim_k, kv->dim_k);
        hn_kv_put_key(kv->type, keys, slot, key, kv->dim_k);
        job->kernels->kv_store[kv->type](values + slot * hn_kv_row_bytes(kv->type, kv->dim_v),
                                         v + h * kv->dim_v, kv->dim_v);
    }
}

void hn_cpu_store(struct hn_backend *b, const struct hn_qkv *qkv, const struct hn_kv_layout *kv,
                  size_t layer, const struct hn_span *spans, size_t n_spans)
{
    struct store_job job = {hn_cpu_of(b)->kernels, qkv, kv, layer, spans, n_spans};
    hn_pool_run(hn_cpu_of(b)->pool, rows_of(spans, n_spans), store_row, &job);
}

/* --- attention --------------------------------------------------------------------------------- */

enum {
    QUERY_BLOCK = 16, /* queries that read a page while it is in the cache */
    HEAD_BLOCK = 8,   /* and heads */
};

struct attend_job {
    const struct hn_kernels *kernels;
    struct hn_rows y, q;
    const struct hn_attention *a;
    const struct hn_kv_layout *kv;
    size_t layer;
    const struct hn_span *spans;
    size_t heads;      /* of one tile; they share a KV head */
    size_t head_tiles; /* per block of queries */
};

/* Some queries over the keys [first, last) of a page. */
static void attend_page(const struct attend_job *job, struct hn_attend_query *queries, size_t n,
                        const unsigned char *keys, size_t first, size_t last)
{
    const struct hn_attention *a = job->a;
    job->kernels->attend[job->kv->type](&(struct hn_attend_args){
        .queries = queries,
        .n = n,
        .k = keys,
        .v = keys + job->kv->k_bytes,
        .dim_k = a->dim_k,
        .dim_v = a->dim_v,
        .first = first,
        .last = last,
        .scale = a->scale,
        .softcap = a->softcap,
    });
}

/* The first key that the query at `pos` sees. */
static size_t first_key(const struct hn_attention *a, size_t pos)
{
    const size_t back = a->both ? a->window / 2 : a->window - 1;
    return a->window && pos > back ? pos - back : 0;
}

/* And where those that it sees end, of `n` that are stored. */
static size_t end_key(const struct hn_attention *a, size_t pos, size_t n)
{
    if (!a->both) return pos + 1;
    return a->window ? hn_min(pos + a->window / 2 + 1, n) : n;
}

/* Queries [from, to) of a span for heads [head, head + n), which share a KV head, in that order. */
static void begin_queries(const struct attend_job *job, const struct hn_span *span, size_t from,
                          size_t to, size_t head, size_t n, struct hn_attend_query *queries)
{
    const struct hn_attention *a = job->a;
    for (size_t t = from; t < to; t++)
        for (size_t h = head; h < head + n; h++) {
            float *acc = job->y.x + (span->row + t) * job->y.ld + h * a->dim_v;
            memset(acc, 0, a->dim_v * sizeof *acc);
            *queries++ = (struct hn_attend_query){
                .q = job->q.x + (span->row + t) * job->q.ld + h * a->dim_k,
                .acc = acc,
                .state = a->sinks ? (struct hn_attend_state){a->sinks[h], 1}
                                  : (struct hn_attend_state){-INFINITY, 0},
                .slope = a->slopes ? a->slopes[h] : 0,
            };
        }
}

/* The keys [first, last) of page p that the query at `pos` sees; none: first = last. */
struct keys {
    size_t first, last;
};
static struct keys keys_seen(const struct hn_attention *a, size_t pos, size_t n, size_t p)
{
    const size_t start = p * HN_KV_PAGE;
    const size_t first = hn_max(first_key(a, pos), start) - start;
    const size_t end = end_key(a, pos, n);
    if (end <= start || first >= HN_KV_PAGE) return (struct keys){0, 0};
    return (struct keys){first, hn_min(end - start, HN_KV_PAGE)};
}

/* Where queries [t, next) of a block that begins with `from` stand as page p sees it. */
static void set_distances(const struct hn_attention *a, struct hn_attend_query *queries,
                          size_t from, size_t t, size_t next, size_t head, size_t n, size_t pos,
                          size_t p)
{
    for (size_t i = (t - from) * n; a->slopes && i < (next - from) * n; i++)
        queries[i].at = (float)(pos + from + i / n) - (float)(p * HN_KV_PAGE);
    for (size_t i = (t - from) * n; a->bias && i < (next - from) * n; i++)
        queries[i].bias = a->bias + (head + i % n) * a->bias_ld +
                          (a->reach + p * HN_KV_PAGE - (pos + from + i / n));
}

/* Queries [from, to) of a span, heads [head, head + n) of one KV head: pages in order, each read
 * once for all of them. Queries that see the same keys go together. */
static void attend_block(const struct attend_job *job, const struct hn_span *span, size_t from,
                         size_t to, size_t head, size_t n)
{
    const struct hn_attention *a = job->a;
    struct hn_attend_query queries[QUERY_BLOCK * HEAD_BLOCK];
    begin_queries(job, span, from, to, head, n, queries);
    const size_t kv_head = head / (a->n_heads / a->n_kv_heads);
    const size_t stored = span->pos + span->n;
    const size_t last_page = (end_key(a, span->pos + to - 1, stored) - 1) / HN_KV_PAGE;
    for (size_t p = first_key(a, span->pos + from) / HN_KV_PAGE; p <= last_page; p++) {
        const unsigned char *keys = page_head(job->kv, span->pages[p], job->layer, kv_head);
        for (size_t t = from, next; t < to; t = next) {
            const struct keys seen = keys_seen(a, span->pos + t, stored, p);
            for (next = t + 1; next < to; next++) {
                const struct keys other = keys_seen(a, span->pos + next, stored, p);
                if (other.first != seen.first || other.last != seen.last) break;
            }
            set_distances(a, queries, from, t, next, head, n, span->pos, p);
            if (seen.last > seen.first)
                attend_page(job, queries + (t - from) * n, (next - t) * n, keys, seen.first,
                            seen.last);
        }
    }
    for (size_t i = 0; i < (to - from) * n; i++) {
        const float l = queries[i].state.l;
        job->kernels->scale(queries[i].acc, l > 0 ? 1 / l : 0, a->dim_v);
    }
}

/* Tiles run over spans, then blocks of queries, then heads. */
static void attend_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct attend_job *job = arg;
    const struct hn_span *span = job->spans;
    for (;; span++) {
        const size_t tiles = hn_div_up(span->n, QUERY_BLOCK) * job->head_tiles;
        if (tile < tiles) break;
        tile -= tiles;
    }
    const size_t group = job->a->n_heads / job->a->n_kv_heads;
    const size_t per_group = hn_div_up(group, job->heads);
    const size_t from = tile / job->head_tiles * QUERY_BLOCK;
    const size_t head_tile = tile % job->head_tiles;
    const size_t inside = head_tile % per_group * job->heads;
    attend_block(job, span, from, hn_min(from + QUERY_BLOCK, span->n),
                 head_tile / per_group * group + inside, hn_min(job->heads, group - inside));
}

void hn_cpu_attend(struct hn_backend *b, struct hn_rows y, struct hn_rows q,
                   const struct hn_attention *a, const struct hn_kv_layout *kv, size_t layer,
                   const struct hn_span *spans, size_t n_spans)
{
    struct hn_cpu_backend *cpu = hn_cpu_of(b);
    const size_t group = a->n_heads / a->n_kv_heads;
    size_t blocks = 0;
    for (size_t s = 0; s < n_spans; s++)
        blocks += hn_div_up(spans[s].n, QUERY_BLOCK);
    /* Heads that share keys stay together, and read them once, while half of the threads have work. */
    const size_t threads = hn_pool_threads(cpu->pool);
    size_t heads = hn_min(group, HEAD_BLOCK);
    while (heads > 1 && 2 * blocks * a->n_kv_heads * hn_div_up(group, heads) <= threads)
        heads = hn_div_up(heads, 2);
    struct attend_job job = {
        .kernels = cpu->kernels,
        .y = y,
        .q = q,
        .a = a,
        .kv = kv,
        .layer = layer,
        .spans = spans,
        .heads = heads,
        .head_tiles = a->n_kv_heads * hn_div_up(group, heads),
    };
    hn_pool_run(cpu->pool, blocks * job.head_tiles, attend_tile, &job);
}
