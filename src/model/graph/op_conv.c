/* Conv: any number of spatial dimensions, any type. */
#include "model/graph/op_conv.h"

#include <string.h>

#include "model/graph/op_list.h"

enum { COLUMNS = 256 }; /* windows that one tile looks through */

enum hn_status hn_conv_of(struct hn_op *op, size_t x, size_t w, struct hn_conv *out)
{
    const struct hn_array *image = op->in[x], *weights = op->in[w];
    struct hn_conv conv = {.fill = hn_conv_fill};
    if (image->n_dims < 3 || weights->n_dims != image->n_dims)
        return hn_op_fail(op, HN_E_ARG, "X and W have %zu and %zu dimensions", image->n_dims,
                          weights->n_dims);
    const int64_t groups = hn_op_int(op, "group", 1);
    conv.batch = image->shape[0];
    conv.in = image->shape[1];
    conv.out = weights->shape[0];
    if (groups < 1 || (size_t)groups > conv.out || conv.out % (size_t)groups ||
        conv.in % (size_t)groups || conv.in / (size_t)groups != weights->shape[1])
        return hn_op_fail(op, HN_E_ARG, "%zu channels in, %zu out, W for %zu: not %lld groups",
                          conv.in, conv.out, weights->shape[1], (long long)groups);
    conv.groups = (size_t)groups;
    HN_TRY(hn_window_of(op, x, weights->shape + 2, &conv.window));
    *out = conv;
    return HN_OK;
}

size_t hn_conv_shape(const struct hn_conv *conv, size_t *shape)
{
    shape[0] = conv->batch;
    shape[1] = conv->out;
    memcpy(shape + 2, conv->window.out, conv->window.n_dims * sizeof *shape);
    return conv->window.n_dims + 2;
}

/* The run of windows that differ in the last coordinate only: n of them from o on, all looking at element k. */
#define FILL_RUN(T)                                                                                \
    do {                                                                                           \
        const T *row = (const T *)from + outer * (int64_t)w->in[last];                             \
        T *to = (T *)seen + done;                                                                  \
        int64_t at = hn_window_at(w, last, o[last], k[last]);                                      \
        for (size_t i = 0; i < run; i++, at += w->stride[last])                                    \
            to[i] = outer >= 0 && at >= 0 && at < (int64_t)w->in[last] ? row[at] : 0;              \
    } while (0)

/* One row of `seen`: element k of the windows from `first` on, in one channel. */
static void fill_row(const struct hn_window *w, size_t bytes, const size_t *k, const void *from,
                     size_t first, size_t n, void *seen)
{
    const size_t last = w->n_dims - 1;
    size_t o[HN_ARRAY_DIMS], done = 0;
    hn_window_split(first, w->out, w->n_dims, o);
    while (done < n) {
        size_t run = w->out[last] - o[last];
        if (run > n - done) run = n - done;
        int64_t outer = 0;
        for (size_t d = 0; d < last && outer >= 0; d++) {
            const int64_t x = hn_window_at(w, d, o[d], k[d]);
            outer = x < 0 || x >= (int64_t)w->in[d] ? -1 : outer * (int64_t)w->in[d] + x;
        }
        if (bytes == 4) FILL_RUN(uint32_t);
        else FILL_RUN(uint64_t);
        done += run;
        o[last] = w->out[last] - 1;
        hn_window_next(o, w->out, w->n_dims);
    }
}

void hn_conv_fill(const struct hn_conv *conv, size_t batch, size_t group, size_t first, size_t n,
                  void *seen)
{
    const struct hn_window *w = &conv->window;
    const size_t bytes = hn_lane_bytes(conv->lane), channels = conv->in / conv->groups;
    const char *from =
        (const char *)conv->x + (batch * conv->in + group * channels) * w->n_in * bytes;
    char *to = seen;
    for (size_t c = 0; c < channels; c++, from += w->n_in * bytes) {
        size_t k[HN_ARRAY_DIMS] = {0};
        do {
            fill_row(w, bytes, k, from, first, n, to);
            to += n * bytes;
        } while (hn_window_next(k, w->kernel, w->n_dims));
    }
}

/* Every window is one element of the image, in the image's order: it can be read as it is. */
static bool pointwise(const struct hn_conv *conv)
{
    const struct hn_window *w = &conv->window;
    if (w->n_kernel != 1 || conv->fill != hn_conv_fill) return false;
    for (size_t d = 0; d < w->n_dims; d++)
        if (w->stride[d] != 1 || w->begin[d] || w->end[d]) return false;
    return true;
}

struct conv_job {
    const struct hn_conv *conv;
    size_t blocks; /* of columns in an image */
    bool pointwise;
    char *scratch; /* per worker, `each` bytes */
    size_t each;
};

static void conv_tile(void *arg, size_t tile, unsigned worker)
{
    const struct conv_job *job = arg;
    const struct hn_conv *conv = job->conv;
    const struct hn_window *w = &conv->window;
    const size_t bytes = hn_lane_bytes(conv->lane);
    const size_t first = tile % job->blocks * COLUMNS;
    const size_t group = tile / job->blocks % conv->groups,
                 batch = tile / job->blocks / conv->groups;
    const size_t n = w->n_out - first < COLUMNS ? w->n_out - first : COLUMNS;
    const size_t in = conv->in / conv->groups, out = conv->out / conv->groups,
                 depth = in * w->n_kernel;

    char *y = (char *)conv->y + ((batch * conv->out + group * out) * w->n_out + first) * bytes;
    for (size_t c = 0; c < out; c++) {
        const char *bias = conv->bias ? (const char *)conv->bias + (group * out + c) * bytes : NULL;
        char *row = y + c * w->n_out * bytes;
        if (!bias) {
            memset(row, 0, n * bytes);
            continue;
        }
        for (size_t i = 0; i < n; i++)
            memcpy(row + i * bytes, bias, bytes);
    }
    const char *seen = job->scratch + worker * job->each;
    size_t apart = n;
    if (job->pointwise) {
        seen = (const char *)conv->x + ((batch * conv->in + group * in) * w->n_in + first) * bytes;
        apart = w->n_in;
    } else {
        conv->fill(conv, batch, group, first, n, job->scratch + worker * job->each);
    }
    hn_lane_product(conv->lane, out, n, depth, (const char *)conv->w + group * out * depth * bytes,
                    depth, seen, apart, y, w->n_out);
}

enum hn_status hn_conv_run(struct hn_op *op, const struct hn_conv *conv)
{
    const struct hn_window *w = &conv->window;
    if (!w->n_out || !conv->out || !conv->batch) return HN_OK;
    struct conv_job job = {.conv = conv, .pointwise = pointwise(conv)};
    job.blocks = (w->n_out + COLUMNS - 1) / COLUMNS;
    if (!job.pointwise) {
        const size_t columns = w->n_out < COLUMNS ? w->n_out : COLUMNS;
        job.each = conv->in / conv->groups * w->n_kernel * columns * hn_lane_bytes(conv->lane);
        job.scratch = hn_op_scratch(op, hn_op_workers(op), job.each);
        if (!job.scratch) return hn_op_failed(op);
    }
    hn_op_parallel(op, conv->batch * conv->groups * job.blocks, conv_tile, &job);
    return HN_OK;
}

enum hn_status hn_op_conv(struct hn_op *op)
{
    struct hn_conv conv;
    HN_TRY(hn_conv_of(op, 0, 1, &conv));
    const enum hn_element type = op->in[0]->type;
    conv.lane = hn_lane_of(type);
    if (!(conv.x = hn_op_lane_in(op, 0, conv.lane)) || !(conv.w = hn_op_lane_in(op, 1, conv.lane)))
        return hn_op_failed(op);
    if (op->n_in > 2 && op->in[2]) {
        if (op->in[2]->n != conv.out)
            return hn_op_fail(op, HN_E_ARG, "the bias has %zu elements", op->in[2]->n);
        if (!(conv.bias = hn_op_lane_in(op, 2, conv.lane))) return hn_op_failed(op);
    }
    size_t shape[HN_ARRAY_DIMS];
    const size_t n_dims = hn_conv_shape(&conv, shape);
    if (!(conv.y = hn_op_lane_out(op, 0, type, shape, n_dims, conv.lane))) return hn_op_failed(op);
    HN_TRY(hn_conv_run(op, &conv));
    hn_op_lane_done(op, 0, conv.lane, conv.y);
    return HN_OK;
}
