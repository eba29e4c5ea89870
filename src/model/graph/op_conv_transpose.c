/* ConvTranspose: every input element spreads the kernel over the output. */
#include <string.h>

#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"
#include "model/graph/op_window.h"

/* A window that slides over the output; its positions are the elements of the input. So `in` and `out` of the
 * geometry change places. */
struct spread {
    struct hn_window window;
    enum hn_lane lane;
    size_t groups, in, out; /* channels */
    const char *x, *bias;
    const char *w; /* [groups, out / groups x kernel, in / groups] */
    char *y;
    char *scratch; /* per worker: [kernel, input elements] */
    size_t each;
};

#define SPREAD(T)                                                                                  \
    do {                                                                                           \
        T *to = (T *)y;                                                                            \
        const T *from = (const T *)part;                                                           \
        size_t k[HN_ARRAY_DIMS] = {0};                                                             \
        do {                                                                                       \
            size_t o[HN_ARRAY_DIMS] = {0};                                                         \
            for (size_t i = 0; i < w->n_out; i++, hn_window_next(o, w->out, w->n_dims)) {          \
                const int64_t at = hn_window_element(w, o, k);                                     \
                if (at >= 0) to[at] += *from;                                                      \
                from++;                                                                            \
            }                                                                                      \
        } while (hn_window_next(k, w->kernel, w->n_dims));                                         \
    } while (0)

/* One channel of one image. */
static void spread_tile(void *arg, size_t tile, unsigned worker)
{
    const struct spread *s = arg;
    const struct hn_window *w = &s->window;
    const size_t bytes = hn_lane_bytes(s->lane), in = s->in / s->groups;
    const size_t channel = tile % s->out, batch = tile / s->out,
                 group = channel / (s->out / s->groups);
    char *y = s->y + tile * w->n_in * bytes;
    for (size_t i = 0; i < w->n_in; i++) {
        if (s->bias) memcpy(y + i * bytes, s->bias + channel * bytes, bytes);
        else memset(y + i * bytes, 0, bytes);
    }
    char *part = s->scratch + worker * s->each;
    memset(part, 0, s->each);
    hn_lane_product(s->lane, w->n_kernel, w->n_out, in, s->w + channel * w->n_kernel * in * bytes,
                    in, s->x + (batch * s->in + group * in) * w->n_out * bytes, w->n_out, part,
                    w->n_out);
    if (s->lane == HN_LANE_F64) SPREAD(double);
    else SPREAD(float);
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
    const size_t bytes = hn_lane_bytes(s.lane), in = s.in / s.groups;
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

    const size_t rows = weights->shape[1] * w->n_kernel; /* of a group's turned weights */
    char *turned = hn_op_scratch(op, weights->n, bytes);
    s.each = w->n_kernel * w->n_out * bytes;
    s.scratch = turned ? hn_op_scratch(op, hn_op_workers(op), s.each) : NULL;
    if (!s.scratch) return hn_op_failed(op);
    for (size_t g = 0; g < s.groups; g++)
        hn_lane_transpose(s.lane, in, rows, given + g * in * rows * bytes, rows,
                          turned + g * in * rows * bytes);
    s.w = turned;
    hn_op_parallel(op, x->shape[0] * s.out, spread_tile, &s);
    hn_op_lane_done(op, 0, s.lane, s.y);
    return HN_OK;
}
