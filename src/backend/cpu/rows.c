/* Operations that work on each row alone. */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu_backend.h"
#include "base/bits.h"
#include "tensor/codec.h"

/* Rows for one tile: a handful of small rows costs less than waking a thread. */
enum { TILE_ELEMENTS = 8192 };

typedef void row_fn(const void *job, size_t row);

struct rows_job {
    row_fn *fn;
    const void *job;
    size_t n;
    size_t per_tile;
};

static void run_rows(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct rows_job *job = arg;
    const size_t last = hn_min((tile + 1) * job->per_tile, job->n);
    for (size_t i = tile * job->per_tile; i < last; i++)
        job->fn(job->job, i);
}

/* fn(job, i) for n rows of about `cols` elements. */
static void for_rows(struct hn_backend *b, size_t n, size_t cols, row_fn *fn, const void *job)
{
    const size_t per_tile = hn_max(1, TILE_ELEMENTS / hn_max(cols, 1));
    struct rows_job rows = {fn, job, n, per_tile};
    hn_pool_run(hn_cpu_of(b)->pool, hn_div_up(n, per_tile), run_rows, &rows);
}

struct embed_job {
    const struct hn_kernels *kernels;
    struct hn_rows y;
    const struct hn_tensor *table;
    const int32_t *tokens;
    size_t row_bytes;
    float scale;
};

static void embed_row(const void *arg, size_t i)
{
    const struct embed_job *job = arg;
    const size_t n = job->table->ne[0];
    const char *src = (const char *)job->table->data + (size_t)job->tokens[i] * job->row_bytes;
    float *y = job->y.x + i * job->y.ld;
    hn_decode(job->table->type, src, y, n);
    if (job->scale != 1) job->kernels->scale(y, job->scale, n);
}

void hn_cpu_embed(struct hn_backend *b, struct hn_rows y, const struct hn_tensor *table,
                  const int32_t *tokens, size_t n, float scale)
{
    struct embed_job job = {hn_cpu_of(b)->kernels, y, table, tokens, 0, scale};
    (void)hn_dtype_bytes(table->type, table->ne[0], &job.row_bytes); /* checked at load */
    for_rows(b, n, table->ne[0], embed_row, &job);
}

struct norm_job {
    const struct hn_kernels *kernels;
    struct hn_rows y, x;
    size_t cols;
    const float *w, *bias;
    float eps;
};

static void norm_row(const void *arg, size_t i)
{
    const struct norm_job *job = arg;
    job->kernels->rms_norm(job->y.x + i * job->y.ld, job->x.x + i * job->x.ld, job->w, job->cols,
                           job->eps);
}

void hn_cpu_norm(struct hn_backend *b, struct hn_rows y, struct hn_rows x, size_t n, size_t cols,
                 const float *w, float eps)
{
    const struct norm_job job = {hn_cpu_of(b)->kernels, y, x, cols, w, NULL, eps};
    for_rows(b, n, cols, norm_row, &job);
}

static void layer_norm_row(const void *arg, size_t i)
{
    const struct norm_job *job = arg;
    job->kernels->layer_norm(job->y.x + i * job->y.ld, job->x.x + i * job->x.ld, job->w, job->bias,
                             job->cols, job->eps);
}

void hn_cpu_layer_norm(struct hn_backend *b, struct hn_rows y, struct hn_rows x, size_t n,
                       size_t cols, const float *w, const float *bias, float eps)
{
    const struct norm_job job = {hn_cpu_of(b)->kernels, y, x, cols, w, bias, eps};
    for_rows(b, n, cols, layer_norm_row, &job);
}

struct glu_job {
    struct hn_rows x;
    size_t cols;
    void (*fn)(float *y, const float *gate, const float *up, size_t n);
};

static void glu_row(const void *arg, size_t i)
{
    const struct glu_job *job = arg;
    float *x = job->x.x + i * job->x.ld;
    job->fn(x, x, x + job->cols, job->cols);
}

void hn_cpu_glu(struct hn_backend *b, struct hn_rows x, size_t n, size_t cols, enum hn_glu kind)
{
    const struct glu_job job = {x, cols, hn_cpu_of(b)->kernels->glu[kind]};
    for_rows(b, n, cols, glu_row, &job);
}

static void act_row(const void *arg, size_t i)
{
    const struct glu_job *job = arg;
    float *x = job->x.x + i * job->x.ld;
    job->fn(x, x, NULL, job->cols);
}

void hn_cpu_act(struct hn_backend *b, struct hn_rows x, size_t n, size_t cols, enum hn_glu kind)
{
    const struct glu_job job = {x, cols, hn_cpu_of(b)->kernels->glu[kind]};
    for_rows(b, n, cols, act_row, &job);
}

struct add_job {
    const struct hn_kernels *kernels;
    struct hn_rows y, x;
    size_t cols;
    float scale;
    struct hn_rows gate;
};

static void add_row(const void *arg, size_t i)
{
    const struct add_job *job = arg;
    float *y = job->y.x + i * job->y.ld;
    const float *x = job->x.x + i * job->x.ld;
    if (job->scale == 1) job->kernels->add(y, x, job->cols);
    else job->kernels->add_scaled(y, x, job->scale, job->cols);
}

void hn_cpu_add(struct hn_backend *b, struct hn_rows y, struct hn_rows x, size_t n, size_t cols,
                float scale)
{
    const struct add_job job = {hn_cpu_of(b)->kernels, y, x, cols, scale, {0}};
    for_rows(b, n, cols, add_row, &job);
}

static void add_gated_row(const void *arg, size_t i)
{
    const struct add_job *job = arg;
    const float gate = 1 / (1 + expf(-job->gate.x[i * job->gate.ld]));
    job->kernels->add_scaled(job->y.x + i * job->y.ld, job->x.x + i * job->x.ld, gate, job->cols);
}

void hn_cpu_add_gated(struct hn_backend *b, struct hn_rows y, struct hn_rows x, size_t n,
                      size_t cols, struct hn_rows gate)
{
    const struct add_job job = {hn_cpu_of(b)->kernels, y, x, cols, 1, gate};
    for_rows(b, n, cols, add_gated_row, &job);
}

struct gather_job {
    struct hn_rows y, x;
    const int32_t *rows;
    size_t cols;
};

static void gather_row(const void *arg, size_t i)
{
    const struct gather_job *job = arg;
    memcpy(job->y.x + i * job->y.ld, job->x.x + (size_t)job->rows[i] * job->x.ld,
           job->cols * sizeof *job->x.x);
}

void hn_cpu_gather(struct hn_backend *b, struct hn_rows y, struct hn_rows x, const int32_t *rows,
                   size_t n, size_t cols)
{
    const struct gather_job job = {y, x, rows, cols};
    for_rows(b, n, cols, gather_row, &job);
}

struct reduce_job {
    const struct hn_kernels *kernels;
    struct hn_rows y, x;
    const struct hn_span *spans;
    size_t cols;
    enum hn_reduction kind;
};

static void take_larger(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > y[i] ? x[i] : y[i];
}

static void reduce_row(const void *arg, size_t i)
{
    const struct reduce_job *job = arg;
    const struct hn_span *span = &job->spans[i];
    const float n = (float)span->n;
    float *y = job->y.x + i * job->y.ld;
    memcpy(y, job->x.x + span->row * job->x.ld, job->cols * sizeof *y);
    for (size_t at = 1; at < span->n; at++) {
        const float *x = job->x.x + (span->row + at) * job->x.ld;
        switch (job->kind) {
        case HN_REDUCE_WEIGHTED: job->kernels->add_scaled(y, x, (float)(at + 1), job->cols); break;
        case HN_REDUCE_MAX: take_larger(y, x, job->cols); break;
        default: job->kernels->add(y, x, job->cols);
        }
    }
    const float scales[] = {
        [HN_REDUCE_MEAN] = 1 / n,
        [HN_REDUCE_MEAN_SQRT] = 1 / sqrtf(n),
        [HN_REDUCE_WEIGHTED] = 2 / (n * (n + 1)),
        [HN_REDUCE_MAX] = 1,
    };
    job->kernels->scale(y, scales[job->kind], job->cols);
}

void hn_cpu_reduce(struct hn_backend *b, struct hn_rows y, struct hn_rows x,
                   const struct hn_span *spans, size_t n_spans, size_t cols, enum hn_reduction kind)
{
    const struct reduce_job job = {hn_cpu_of(b)->kernels, y, x, spans, cols, kind};
    for_rows(b, n_spans, cols * 16, reduce_row, &job); /* a text is many rows */
}

struct finish_job {
    const struct hn_kernels *kernels;
    struct hn_rows y;
    size_t cols;
    float scale, cap;
};

static void finish_row(const void *arg, size_t i)
{
    const struct finish_job *job = arg;
    float *y = job->y.x + i * job->y.ld;
    if (job->scale != 1) job->kernels->scale(y, job->scale, job->cols);
    if (job->cap > 0) job->kernels->softcap(y, job->cap, job->cols);
}

void hn_cpu_finish_logits(struct hn_backend *b, struct hn_rows y, size_t n, size_t cols,
                          float scale, float cap)
{
    if (scale == 1 && !(cap > 0)) return;
    const struct finish_job job = {hn_cpu_of(b)->kernels, y, cols, scale, cap};
    for_rows(b, n, cols, finish_row, &job);
}
