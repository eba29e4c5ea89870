/* Pools: the largest, the mean, the norm of what every window sees. */
#include <math.h>
#include <string.h>

#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"
#include "model/graph/op_window.h"

enum pool_kind { POOL_MAX, POOL_MEAN, POOL_NORM };

struct pool_job {
    struct hn_window window;
    enum pool_kind kind;
    enum hn_lane lane; /* F32 or F64 */
    bool count_padding, column_major;
    double p; /* of the norm */
    const char *x;
    char *y;
    int64_t *indices; /* or NULL */
};

/* What a window has seen so far. */
struct seen {
    double sum, best;
    int64_t best_at; /* element of the channel; -1: nothing */
};

#define LOOK(T)                                                                                    \
    for (int64_t i = 0; i < n; i++) {                                                              \
        const double value = (double)((const T *)x)[at + i * step];                                \
        if (job->kind == POOL_MEAN) {                                                              \
            seen->sum += value;                                                                    \
        } else if (job->kind == POOL_NORM) {                                                       \
            seen->sum += job->p == 2 ? value * value : pow(fabs(value), job->p);                   \
        } else if (value > seen->best || seen->best_at < 0 ||                                      \
                   (isnan(value) && !isnan(seen->best))) {                                         \
            seen->best = value;                                                                    \
            seen->best_at = at + i * step;                                                         \
        }                                                                                          \
    }

static void look(const struct pool_job *job, const char *x, int64_t at, int64_t n, int64_t step,
                 struct seen *seen)
{
    if (job->lane == HN_LANE_F64) {
        LOOK(double)
    } else {
        LOOK(float)
    }
}

/* Elements of the kernel from `from` on whose place on the axis is below `below`. */
static int64_t kernel_until(const struct hn_window *w, size_t d, int64_t start, int64_t below)
{
    if (start >= below) return 0;
    const int64_t n = (below - start + w->dilation[d] - 1) / w->dilation[d];
    return n < (int64_t)w->kernel[d] ? n : (int64_t)w->kernel[d];
}

/* The window at o, through all its elements that lie within the input. Returns by how many to divide. */
static double look_through(const struct pool_job *job, const char *x, const size_t *o,
                           struct seen *seen)
{
    const struct hn_window *w = &job->window;
    const size_t last = w->n_dims - 1;
    size_t extent[HN_ARRAY_DIMS], k[HN_ARRAY_DIMS] = {0};
    int64_t first[HN_ARRAY_DIMS];
    double inside = 1, padded = 1;
    for (size_t d = 0; d < w->n_dims; d++) {
        const int64_t start = hn_window_at(w, d, o[d], 0);
        const int64_t skip = start < 0 ? kernel_until(w, d, start, 0) : 0;
        const int64_t end = kernel_until(w, d, start, (int64_t)w->in[d]);
        first[d] = start + skip * w->dilation[d];
        extent[d] = end > skip ? (size_t)(end - skip) : 0;
        inside *= (double)extent[d];
        padded *= (double)kernel_until(w, d, start, (int64_t)w->in[d] + w->end[d]);
    }
    if (inside > 0) {
        do {
            int64_t at = 0;
            for (size_t d = 0; d < last; d++)
                at = (at + first[d] + (int64_t)k[d] * w->dilation[d]) * (int64_t)w->in[d + 1];
            look(job, x, at + first[last], (int64_t)extent[last], w->dilation[last], seen);
        } while (hn_window_next(k, extent, last));
    }
    return job->count_padding ? padded : inside;
}

/* An element of a channel, counted with the first dimension fastest. */
static int64_t column_major(const struct hn_window *w, int64_t element)
{
    size_t at[HN_ARRAY_DIMS];
    hn_window_split((size_t)element, w->in, w->n_dims, at);
    int64_t out = 0;
    for (size_t d = w->n_dims; d-- > 0;)
        out = out * (int64_t)w->in[d] + (int64_t)at[d];
    return out;
}

/* One channel of one image. */
static void pool_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct pool_job *job = arg;
    const struct hn_window *w = &job->window;
    const char *x = job->x + tile * w->n_in * hn_lane_bytes(job->lane);
    size_t o[HN_ARRAY_DIMS] = {0};
    for (size_t i = 0; i < w->n_out; i++, hn_window_next(o, w->out, w->n_dims)) {
        struct seen seen = {.best = -INFINITY, .best_at = -1};
        const double count = look_through(job, x, o, &seen);
        double value = seen.best;
        if (job->kind == POOL_MEAN) value = count > 0 ? seen.sum / count : 0;
        if (job->kind == POOL_NORM)
            value = job->p == 2 ? sqrt(seen.sum) : pow(seen.sum, 1 / job->p);
        if (job->lane == HN_LANE_F64) ((double *)job->y)[tile * w->n_out + i] = value;
        else ((float *)job->y)[tile * w->n_out + i] = (float)value;
        if (!job->indices) continue;
        int64_t at = seen.best_at;
        if (at >= 0)
            at = (job->column_major ? column_major(w, at) : at) + (int64_t)(tile * w->n_in);
        job->indices[tile * w->n_out + i] = at;
    }
}

/* Windows and kind are known: shapes, memory, work. */
static enum hn_status pool_run(struct hn_op *op, struct pool_job *job)
{
    const struct hn_array *x = op->in[0];
    job->lane = x->type == HN_EL_F64 ? HN_LANE_F64 : HN_LANE_F32;
    if (!(job->x = hn_op_lane_in(op, 0, job->lane))) return hn_op_failed(op);
    size_t shape[HN_ARRAY_DIMS] = {x->shape[0], x->shape[1]};
    memcpy(shape + 2, job->window.out, job->window.n_dims * sizeof *shape);
    if (!(job->y = hn_op_lane_out(op, 0, x->type, shape, x->n_dims, job->lane)))
        return hn_op_failed(op);
    if (op->n_out > 1 && op->wanted[1] &&
        !(job->indices = hn_op_out(op, 1, HN_EL_I64, shape, x->n_dims)))
        return hn_op_failed(op);
    if (op->out[0].n) hn_op_parallel(op, shape[0] * shape[1], pool_tile, job);
    hn_op_lane_done(op, 0, job->lane, job->y);
    return HN_OK;
}

static enum hn_status norm_power(struct hn_op *op, double *p)
{
    *p = (double)hn_op_int(op, "p", 2);
    return *p >= 1 ? HN_OK : hn_op_fail(op, HN_E_ARG, "p is %g", *p);
}

/* The greatest of bytes, by rows of an image: first over the window's rows, then along what they leave. */
struct byte_pool {
    const struct hn_window *window;
    const uint8_t *x;
    uint8_t *y, *rows; /* rows: one for each thread */
    uint8_t flip;      /* signed bytes in the order of unsigned ones */
};

static void byte_plane(void *arg, size_t plane, unsigned worker)
{
    const struct byte_pool *p = arg;
    const struct hn_window *w = p->window;
    const size_t width = w->in[1];
    const uint8_t flip = p->flip, *x = p->x + plane * w->n_in;
    uint8_t *restrict row = p->rows + worker * width, *y = p->y + plane * w->n_out;
    for (size_t oy = 0; oy < w->out[0]; oy++) {
        memset(row, 0, width);
        for (size_t ky = 0; ky < w->kernel[0]; ky++) {
            const int64_t at = hn_window_at(w, 0, oy, ky);
            const uint8_t *restrict from = x + at * (int64_t)width;
            if (at < 0 || at >= (int64_t)w->in[0]) continue;
            for (size_t i = 0; i < width; i++) {
                const uint8_t value = from[i] ^ flip;
                row[i] = row[i] > value ? row[i] : value;
            }
        }
        for (size_t ox = 0; ox < w->out[1]; ox++) {
            uint8_t most = 0;
            for (size_t kx = 0; kx < w->kernel[1]; kx++) {
                const int64_t at = hn_window_at(w, 1, ox, kx);
                if (at >= 0 && at < (int64_t)width && row[at] > most) most = row[at];
            }
            *y++ = most ^ flip;
        }
    }
}

static enum hn_status max_pool_bytes(struct hn_op *op, const struct hn_window *w)
{
    const struct hn_array *x = op->in[0];
    const size_t shape[] = {x->shape[0], x->shape[1], w->out[0], w->out[1]};
    struct byte_pool p = {.window = w, .x = x->data, .flip = x->type == HN_EL_I8 ? 0x80 : 0};
    p.y = hn_op_out(op, 0, x->type, shape, 4);
    p.rows = p.y ? hn_op_scratch(op, hn_op_workers(op), w->in[1]) : NULL;
    if (!p.rows) return hn_op_failed(op);
    if (op->out[0].n) hn_op_parallel(op, x->shape[0] * x->shape[1], byte_plane, &p);
    return HN_OK;
}

enum hn_status hn_op_max_pool(struct hn_op *op)
{
    struct pool_job job = {.kind = POOL_MAX,
                           .column_major = hn_op_int(op, "storage_order", 0) != 0};
    const enum hn_element type = op->in[0]->type;
    HN_TRY(hn_window_of(op, 0, NULL, &job.window));
    if (hn_element_is_byte(type) && op->in[0]->n_dims == 4 && (op->n_out < 2 || !op->wanted[1]))
        return max_pool_bytes(op, &job.window);
    return pool_run(op, &job);
}

enum hn_status hn_op_average_pool(struct hn_op *op)
{
    struct pool_job job = {.kind = POOL_MEAN,
                           .count_padding = hn_op_int(op, "count_include_pad", 0) != 0};
    HN_TRY(hn_window_of(op, 0, NULL, &job.window));
    return pool_run(op, &job);
}

enum hn_status hn_op_lp_pool(struct hn_op *op)
{
    struct pool_job job = {.kind = POOL_NORM};
    HN_TRY(norm_power(op, &job.p));
    HN_TRY(hn_window_of(op, 0, NULL, &job.window));
    return pool_run(op, &job);
}

/* One window that sees the whole channel. */
static enum hn_status pool_all(struct hn_op *op, struct pool_job *job)
{
    const struct hn_array *x = op->in[0];
    if (x->n_dims < 2) return hn_op_fail(op, HN_E_ARG, "the input has no channels");
    struct hn_window *w = &job->window;
    w->n_dims = x->n_dims - 2;
    for (size_t d = 0; d < w->n_dims; d++) {
        w->in[d] = w->kernel[d] = x->shape[d + 2];
        w->out[d] = 1;
        w->stride[d] = w->dilation[d] = 1;
    }
    if (!w->n_dims) return hn_op_alias(op, 0, 0, x->shape, x->n_dims);
    HN_TRY(hn_window_counts(op, w));
    return pool_run(op, job);
}

enum hn_status hn_op_global_max_pool(struct hn_op *op)
{
    struct pool_job job = {.kind = POOL_MAX};
    return pool_all(op, &job);
}

enum hn_status hn_op_global_average_pool(struct hn_op *op)
{
    struct pool_job job = {.kind = POOL_MEAN};
    return pool_all(op, &job);
}

enum hn_status hn_op_global_lp_pool(struct hn_op *op)
{
    struct pool_job job = {.kind = POOL_NORM};
    HN_TRY(norm_power(op, &job.p));
    return pool_all(op, &job);
}
