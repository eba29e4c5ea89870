/* ConvTranspose: every input element spreads the kernel over the output. */
#include <string.h>

#include "base/bits.h"
#include "model/graph/op_list.h"
#include "model/graph/op_matmul.h"
#include "model/graph/op_window.h"

/* A window that slides over the output; its positions are the elements of the input. So `in` and `out` of the
 * geometry change places. */
struct spread {
    struct hn_window window;
    enum hn_lane lane;
    size_t groups, in, out; /* channels */
    const char *x, *bias;
    const char *parts; /* [batch, out, kernel, input elements] */
    char *y;
};

/* Elements [first, end) of a row of the input that tap k of the last dimension puts into the output; where the
 * first of all would go, which may lie outside. */
static int64_t taps_of_row(const struct hn_window *w, size_t k, size_t *first, size_t *end)
{
    const size_t d = w->n_dims - 1;
    const int64_t at = hn_window_at(w, d, 0, k), stride = w->stride[d];
    const int64_t room = (int64_t)w->in[d] - at;
    *first = at < 0 ? (size_t)((-at + stride - 1) / stride) : 0;
    *end = room <= 0 ? 0 : hn_min(w->out[d], (size_t)((room - 1) / stride) + 1);
    return at;
}

/* The row of the output that a row of the input goes to; -1: none. */
static int64_t row_at(const struct hn_window *w, const size_t *o, const size_t *k)
{
    int64_t row = 0;
    for (size_t d = 0; d + 1 < w->n_dims; d++) {
        const int64_t x = hn_window_at(w, d, o[d], k[d]);
        if (x < 0 || x >= (int64_t)w->in[d]) return -1;
        row = row * (int64_t)w->in[d] + x;
    }
    return row;
}

#define SPREAD(T)                                                                                  \
    do {                                                                                           \
        const T *from = (const T *)part;                                                           \
        size_t k[HN_ARRAY_DIMS] = {0};                                                             \
        do {                                                                                       \
            size_t o[HN_ARRAY_DIMS] = {0}, first, end;                                             \
            const int64_t at = taps_of_row(w, k[last], &first, &end);                              \
            for (size_t r = 0; r < rows; r++, from += w->out[last]) {                              \
                const int64_t row = row_at(w, o, k);                                               \
                T *to = (T *)y + row * (int64_t)w->in[last] + at;                                  \
                for (size_t i = first; row >= 0 && i < end; i++)                                   \
                    to[i * (size_t)w->stride[last]] += from[i];                                    \
                hn_window_next(o, w->out, last);                                                   \
            }                                                                                      \
        } while (hn_window_next(k, w->kernel, w->n_dims));                                         \
    } while (0)

/* One channel of one image. */
static void spread_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct spread *s = arg;
    const struct hn_window *w = &s->window;
    const size_t bytes = hn_lane_bytes(s->lane), channel = tile % s->out, last = w->n_dims - 1;
    const size_t rows = w->out[last] ? w->n_out / w->out[last] : 0;
    char *y = s->y + tile * w->n_in * bytes;
    for (size_t i = 0; i < w->n_in; i++) {
        if (s->bias) memcpy(y + i * bytes, s->bias + channel * bytes, bytes);
        else memset(y + i * bytes, 0, bytes);
    }
    const char *part = s->parts + tile * w->n_kernel * w->n_out * bytes;
    if (s->lane == HN_LANE_F64) SPREAD(double);
    else SPREAD(float);
}

/* What every element of the input gives to each tap of each channel. */
static enum hn_status multiply(struct hn_op *op, struct spread *s, const void *w)
{
    const struct hn_window *window = &s->window;
    const size_t batch = op->in[0]->shape[0], in = s->in / s->groups;
    const size_t rows = s->out / s->groups * window->n_kernel, bytes = hn_lane_bytes(s->lane);
    const struct hn_stack stack = {.n_batch = 2,
                                   .batch = {batch, s->groups},
                                   .a_step = {0, 1},
                                   .b_step = {s->groups, 1},
                                   .count = batch * s->groups,
                                   .m = rows,
                                   .n = window->n_out,
                                   .k = in};
    const size_t all[] = {batch, s->groups, rows, window->n_out};
    size_t n;
    if (!hn_shape_count(all, 4, bytes, &n))
        return hn_op_fail(op, HN_E_LIMIT, "the windows are too large");
    char *turned = hn_op_scratch(op, op->in[1]->n, bytes);
    char *parts = turned ? hn_op_scratch(op, n, bytes) : NULL;
    if (!parts) return hn_op_failed(op);
    for (size_t g = 0; g < s->groups; g++)
        hn_lane_transpose(s->lane, in, rows, (const char *)w + g * in * rows * bytes, rows,
                          turned + g * in * rows * bytes);
    s->parts = parts;
    return hn_stack_product(op, &stack, s->lane, turned, s->x, parts);
}

/* Padding, and with it the output's size, from output_shape, auto_pad, pads and output_padding. */
static enum hn_status spread_geometry(struct hn_op *op, const size_t *kernel, struct hn_window *out)
{
    struct hn_window w;
    HN_TRY(hn_window_attributes(op, 0, kernel, &w));
    const struct hn_str pad = hn_op_text(op, "auto_pad", "NOTSET");
    const bool upper = hn_str_is(pad, "SAME_UPPER"), same = upper || hn_str_is(pad, "SAME_LOWER");
    size_t n_extra = 0, n_shape = 0;
    const int64_t *extra = hn_op_ints(op, "output_padding", &n_extra);
    const int64_t *shape = hn_op_ints(op, "output_shape", &n_shape);
    if ((n_extra && n_extra != w.n_dims) || (n_shape && n_shape != w.n_dims))
        return hn_op_fail(op, HN_E_ARG, "output_padding or output_shape has the wrong length");
    for (size_t d = 0; d < w.n_dims; d++) {
        const int64_t more = n_extra ? extra[d] : 0;
        if (more < 0 || more > INT32_MAX ||
            (n_shape && (shape[d] < 0 || shape[d] > ((int64_t)1 << 40))))
            return hn_op_fail(op, HN_E_ARG, "output_padding or output_shape is out of range");
        w.out[d] = w.in[d];
        if (!w.in[d]) return hn_op_fail(op, HN_E_ARG, "dimension %zu is empty", d + 2);
        int64_t full;
        if (__builtin_mul_overflow((int64_t)w.in[d] - 1, w.stride[d], &full) ||
            __builtin_add_overflow(full, more + 1 + ((int64_t)w.kernel[d] - 1) * w.dilation[d],
                                   &full))
            return hn_op_fail(op, HN_E_LIMIT, "the output is too large");
        int64_t size = full - w.begin[d] - w.end[d];
        if (hn_str_is(pad, "VALID")) size = full;
        if (same) size = (int64_t)w.in[d] * w.stride[d];
        if (n_shape) size = shape[d];
        if (n_shape || same) {
            const int64_t total = full > size ? full - size : 0;
            w.begin[d] = upper ? total / 2 : total - total / 2;
        } else if (hn_str_is(pad, "VALID")) {
            w.begin[d] = 0;
        }
        if (size < 0)
            return hn_op_fail(op, HN_E_ARG, "padding leaves nothing of dimension %zu", d + 2);
        w.in[d] = (size_t)size;
    }
    HN_TRY(hn_window_counts(op, &w));
    *out = w;
    return HN_OK;
}

enum hn_status hn_op_conv_transpose(struct hn_op *op)
{
    const struct hn_array *x = op->in[0], *weights = op->in[1];
    if (x->n_dims < 3 || weights->n_dims != x->n_dims)
        return hn_op_fail(op, HN_E_ARG, "X and W have %zu and %zu dimensions", x->n_dims,
                          weights->n_dims);
    const int64_t groups = hn_op_int(op, "group", 1);
    struct spread s = {.lane = hn_lane_of(x->type) == HN_LANE_F64 ? HN_LANE_F64 : HN_LANE_F32,
                       .in = x->shape[1]};
    if (groups < 1 || s.in % (size_t)groups || weights->shape[0] != s.in ||
        __builtin_mul_overflow(weights->shape[1], (size_t)groups, &s.out))
        return hn_op_fail(op, HN_E_ARG, "%zu channels, W for %zu: not %lld groups", s.in,
                          weights->shape[0], (long long)groups);
    s.groups = (size_t)groups;
    HN_TRY(spread_geometry(op, weights->shape + 2, &s.window));
    const struct hn_window *w = &s.window;
    s.x = hn_op_lane_in(op, 0, s.lane);
    const char *given = s.x ? hn_op_lane_in(op, 1, s.lane) : NULL;
    if (!given) return hn_op_failed(op);
    if (op->n_in > 2 && op->in[2]) {
        if (op->in[2]->n != s.out)
            return hn_op_fail(op, HN_E_ARG, "the bias has %zu elements", op->in[2]->n);
        if (!(s.bias = hn_op_lane_in(op, 2, s.lane))) return hn_op_failed(op);
    }
    size_t shape[HN_ARRAY_DIMS] = {x->shape[0], s.out};
    memcpy(shape + 2, w->in, w->n_dims * sizeof *shape);
    if (!(s.y = hn_op_lane_out(op, 0, x->type, shape, x->n_dims, s.lane))) return hn_op_failed(op);
    if (!op->out[0].n) return HN_OK;

    HN_TRY(multiply(op, &s, given));
    hn_op_parallel(op, x->shape[0] * s.out, spread_tile, &s);
    hn_op_lane_done(op, 0, s.lane, s.y);
    return HN_OK;
}
