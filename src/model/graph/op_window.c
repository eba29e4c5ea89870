#include "model/graph/op_window.h"

#include <string.h>

/* Attributes beyond this would only overflow. */
static const int64_t attribute_max = INT32_MAX;
static const size_t input_max = (size_t)1 << 40;

static enum hn_status numbers(struct hn_op *op, const char *name, size_t n, int64_t min,
                              int64_t fallback, int64_t *out)
{
    size_t given = 0;
    const int64_t *values = hn_op_ints(op, name, &given);
    if (given && given != n)
        return hn_op_fail(op, HN_E_ARG, "%s has %zu elements, not %zu", name, given, n);
    for (size_t i = 0; i < n; i++) {
        out[i] = given ? values[i] : fallback;
        if (out[i] < min || out[i] > attribute_max)
            return hn_op_fail(op, HN_E_ARG, "%s has %lld in it", name, (long long)out[i]);
    }
    return HN_OK;
}

static enum hn_status kernel_size(struct hn_op *op, const size_t *kernel, struct hn_window *w)
{
    int64_t given[HN_ARRAY_DIMS];
    const bool has = hn_op_has(op, "kernel_shape");
    if (!has && !kernel) return hn_op_fail(op, HN_E_ARG, "kernel_shape is missing");
    if (has) HN_TRY(numbers(op, "kernel_shape", w->n_dims, 1, 1, given));
    for (size_t d = 0; d < w->n_dims; d++) {
        w->kernel[d] = has ? (size_t)given[d] : kernel[d];
        if (kernel && kernel[d] != w->kernel[d])
            return hn_op_fail(op, HN_E_ARG, "kernel_shape is not that of the weights");
        if (!w->kernel[d] || w->kernel[d] > (size_t)attribute_max)
            return hn_op_fail(op, HN_E_ARG, "an empty or a huge kernel");
    }
    return HN_OK;
}

enum hn_status hn_window_attributes(struct hn_op *op, size_t i, const size_t *kernel,
                                    struct hn_window *out)
{
    const struct hn_array *x = op->in[i];
    if (x->n_dims < 3) return hn_op_fail(op, HN_E_ARG, "the input has no spatial dimensions");
    struct hn_window w = {.n_dims = x->n_dims - 2};
    for (size_t d = 0; d < w.n_dims; d++) {
        w.in[d] = x->shape[d + 2];
        if (w.in[d] > input_max) return hn_op_fail(op, HN_E_LIMIT, "a dimension of %zu", w.in[d]);
    }
    HN_TRY(kernel_size(op, kernel, &w));
    HN_TRY(numbers(op, "strides", w.n_dims, 1, 1, w.stride));
    HN_TRY(numbers(op, "dilations", w.n_dims, 1, 1, w.dilation));
    int64_t pads[2 * HN_ARRAY_DIMS];
    HN_TRY(numbers(op, "pads", 2 * w.n_dims, 0, 0, pads));
    memcpy(w.begin, pads, w.n_dims * sizeof *pads);
    memcpy(w.end, pads + w.n_dims, w.n_dims * sizeof *pads);
    *out = w;
    return HN_OK;
}

enum hn_status hn_window_counts(struct hn_op *op, struct hn_window *w)
{
    if (!hn_shape_count(w->in, w->n_dims, 16, &w->n_in) ||
        !hn_shape_count(w->kernel, w->n_dims, 16, &w->n_kernel) ||
        !hn_shape_count(w->out, w->n_dims, 16, &w->n_out))
        return hn_op_fail(op, HN_E_LIMIT, "the windows are too large");
    return HN_OK;
}

/* SAME: as many outputs as strides fit; the padding that this takes, split in halves. */
static void pad_same(struct hn_window *w, size_t d, int64_t span, bool upper)
{
    const int64_t in = (int64_t)w->in[d], out = (in + w->stride[d] - 1) / w->stride[d];
    int64_t pad = in ? (out - 1) * w->stride[d] + span - in : 0;
    if (pad < 0) pad = 0;
    w->begin[d] = upper ? pad / 2 : pad - pad / 2;
    w->end[d] = pad - w->begin[d];
    w->out[d] = (size_t)out;
}

enum hn_status hn_window_of(struct hn_op *op, size_t i, const size_t *kernel, struct hn_window *out)
{
    struct hn_window w;
    HN_TRY(hn_window_attributes(op, i, kernel, &w));
    const struct hn_str pad = hn_op_text(op, "auto_pad", "NOTSET");
    const bool upper = hn_str_is(pad, "SAME_UPPER"), lower = hn_str_is(pad, "SAME_LOWER");
    const bool valid = hn_str_is(pad, "VALID");
    if (!upper && !lower && !valid && !hn_str_is(pad, "NOTSET") && pad.n)
        return hn_op_fail(op, HN_E_ARG, "auto_pad is unknown");
    const bool ceil_mode = hn_op_int(op, "ceil_mode", 0) != 0;
    for (size_t d = 0; d < w.n_dims; d++) {
        const int64_t span = ((int64_t)w.kernel[d] - 1) * w.dilation[d] + 1;
        if (upper || lower) {
            pad_same(&w, d, span, upper);
            continue;
        }
        if (valid) w.begin[d] = w.end[d] = 0;
        const int64_t room = (int64_t)w.in[d] + w.begin[d] + w.end[d] - span;
        if (room < 0)
            return hn_op_fail(op, HN_E_ARG, "the window of %lld does not fit into dimension %zu",
                              (long long)span, d + 2);
        const bool partial = ceil_mode && !valid;
        int64_t n = (partial ? room + w.stride[d] - 1 : room) / w.stride[d] + 1;
        /* A window that begins beyond the input and its first padding sees nothing. */
        if (partial && (n - 1) * w.stride[d] >= (int64_t)w.in[d] + w.begin[d]) n--;
        w.out[d] = (size_t)n;
    }
    HN_TRY(hn_window_counts(op, &w));
    *out = w;
    return HN_OK;
}

void hn_window_split(size_t i, const size_t *shape, size_t n_dims, size_t *at)
{
    for (size_t d = n_dims; d-- > 0;) {
        at[d] = i % shape[d];
        i /= shape[d];
    }
}

bool hn_window_next(size_t *at, const size_t *shape, size_t n_dims)
{
    for (size_t d = n_dims; d-- > 0;) {
        if (++at[d] < shape[d]) return true;
        at[d] = 0;
    }
    return false;
}

int64_t hn_window_element(const struct hn_window *w, const size_t *o, const size_t *k)
{
    int64_t element = 0;
    for (size_t d = 0; d < w->n_dims; d++) {
        const int64_t x = hn_window_at(w, d, o[d], k[d]);
        if (x < 0 || x >= (int64_t)w->in[d]) return -1;
        element = element * (int64_t)w->in[d] + x;
    }
    return element;
}
