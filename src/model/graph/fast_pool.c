/* Pools with channels last. */
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast_bytes.h"
#include "model/graph/fast_conv.h"
#include "model/graph/op_lane.h"

/* --- of floats --- */

struct pool {
    const struct hn_op *op;
    const struct hn_window *window;
    const float *x;
    float *y;
    size_t channels;
    bool largest, count_padding;
};

/* One row of the output of one element of the batch. */
static void run_pool(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct pool *p = arg;
    const struct hn_window *w = p->window;
    const size_t batch = tile / w->out[0], row = tile % w->out[0], n = p->channels;
    for (size_t o = 0; o < w->out[1]; o++) {
        float *y = p->y + (tile * w->out[1] + o) * n;
        size_t seen = 0;
        for (size_t t = 0; t < w->n_kernel; t++) {
            const int64_t py = hn_window_at(w, 0, row, t / w->kernel[1]);
            const int64_t px = hn_window_at(w, 1, o, t % w->kernel[1]);
            if (py < 0 || px < 0 || py >= (int64_t)w->in[0] || px >= (int64_t)w->in[1]) continue;
            const float *x = p->x + ((batch * w->in[0] + (size_t)py) * w->in[1] + (size_t)px) * n;
            if (seen++ == 0) memcpy(y, x, n * sizeof *y);
            else if (p->largest) p->op->kernels->maximum(y, x, n);
            else p->op->kernels->add(y, x, n);
        }
        if (seen == 0) memset(y, 0, n * sizeof *y);
        if (p->largest) continue;
        const size_t count = p->count_padding ? w->n_kernel : hn_max(seen, 1);
        p->op->kernels->scale(y, 1 / (float)count, n);
    }
}

static enum hn_status pool_over(struct hn_op *op, const struct hn_window *window, bool largest)
{
    const struct hn_array *x = op->in[0];
    const size_t shape[] = {x->shape[0], window->out[0], window->out[1], x->shape[3]};
    struct pool p = {.op = op,
                     .window = window,
                     .x = x->data,
                     .channels = x->shape[3],
                     .largest = largest,
                     .count_padding = hn_op_int(op, "count_include_pad", 0)};
    p.y = hn_op_out(op, 0, HN_EL_F32, shape, 4);
    if (!p.y) return hn_op_failed(op);
    if (op->out[0].n) hn_op_parallel(op, x->shape[0] * window->out[0], run_pool, &p);
    return HN_OK;
}

/* --- the greatest of bytes --- */

struct byte_pool {
    const struct hn_window *window;
    const uint8_t *x;
    uint8_t *y, *rows; /* rows: one for each thread */
    size_t channels;
    uint8_t flip; /* signed bytes in the order of unsigned ones */
};

static void greater(uint8_t *restrict y, const uint8_t *restrict x, uint8_t flip, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t value = x[i] ^ flip;
        y[i] = y[i] > value ? y[i] : value;
    }
}

/* One row of the output: first over the window's rows, then along what they leave. */
static void run_byte_pool(void *arg, size_t tile, unsigned worker)
{
    const struct byte_pool *p = arg;
    const struct hn_window *w = p->window;
    const size_t c = p->channels, n = w->in[1] * c, image = tile / w->out[0], oy = tile % w->out[0];
    uint8_t *row = p->rows + worker * n, *y = p->y + tile * w->out[1] * c;
    memset(row, 0, n);
    memset(y, 0, w->out[1] * c);
    for (size_t ky = 0; ky < w->kernel[0]; ky++) {
        const int64_t at = hn_window_at(w, 0, oy, ky);
        if (at >= 0 && at < (int64_t)w->in[0])
            greater(row, p->x + (image * w->in[0] + (size_t)at) * n, p->flip, n);
    }
    for (size_t ox = 0; ox < w->out[1]; ox++)
        for (size_t kx = 0; kx < w->kernel[1]; kx++) {
            const int64_t at = hn_window_at(w, 1, ox, kx);
            if (at >= 0 && at < (int64_t)w->in[1]) greater(y + ox * c, row + (size_t)at * c, 0, c);
        }
    if (p->flip) hn_bytes_as_unsigned(y, y, true, w->out[1] * c);
}

static enum hn_status max_pool_bytes(struct hn_op *op, const struct hn_window *w)
{
    const struct hn_array *x = op->in[0];
    const size_t c = x->shape[3], shape[] = {x->shape[0], w->out[0], w->out[1], c};
    struct byte_pool p = {
        .window = w, .x = x->data, .channels = c, .flip = x->type == HN_EL_I8 ? 0x80 : 0};
    p.y = hn_op_out(op, 0, x->type, shape, 4);
    p.rows = p.y ? hn_op_scratch(op, hn_op_workers(op), w->in[1] * c) : NULL;
    if (!p.rows) return hn_op_failed(op);
    if (op->out[0].n) hn_op_parallel(op, x->shape[0] * w->out[0], run_byte_pool, &p);
    return HN_OK;
}

/* --- rows --- */

static enum hn_status run_max_pool(struct hn_op *op)
{
    const enum hn_element type = op->in[0]->type;
    struct hn_window window;
    if (type != HN_EL_F32 && !hn_element_is_byte(type)) return hn_op_fail_type(op, 0);
    HN_TRY(hn_window_last(op, NULL, &window));
    return type == HN_EL_F32 ? pool_over(op, &window, true) : max_pool_bytes(op, &window);
}

static enum hn_status run_average_pool(struct hn_op *op)
{
    struct hn_window window;
    if (op->in[0]->type != HN_EL_F32) return hn_op_fail_type(op, 0);
    HN_TRY(hn_window_last(op, NULL, &window));
    return pool_over(op, &window, false);
}

static enum hn_status run_global_pool(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    if (x->type != HN_EL_F32) return hn_op_fail_type(op, 0);
    if (x->n_dims != 4) return hn_op_fail(op, HN_E_ARG, "%zu dimensions, not 4", x->n_dims);
    const size_t height = x->shape[1], width = x->shape[2];
    const struct hn_window window = {.n_dims = 2,
                                     .in = {height, width},
                                     .kernel = {height, width},
                                     .out = {1, 1},
                                     .stride = {1, 1},
                                     .dilation = {1, 1},
                                     .n_in = height * width,
                                     .n_kernel = height * width,
                                     .n_out = 1};
    return pool_over(op, &window, false);
}

const struct hn_op_row hn_fast_max_pool = {
    .domain = "hence", .name = "MaxPool", .fn = run_max_pool};
const struct hn_op_row hn_fast_average_pool = {
    .domain = "hence", .name = "AveragePool", .fn = run_average_pool};
const struct hn_op_row hn_fast_global_pool = {
    .domain = "hence", .name = "GlobalAveragePool", .fn = run_global_pool};
