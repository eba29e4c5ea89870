/* Windows that slide over the spatial dimensions of [batch, channels, ...]: the geometry that convolutions and
 * pools share. */
#ifndef HN_MODEL_GRAPH_OP_WINDOW_H
#define HN_MODEL_GRAPH_OP_WINDOW_H

#include "model/graph/op.h"

struct hn_window {
    size_t n_dims; /* spatial */
    size_t in[HN_ARRAY_DIMS], kernel[HN_ARRAY_DIMS], out[HN_ARRAY_DIMS];
    int64_t stride[HN_ARRAY_DIMS], dilation[HN_ARRAY_DIMS];
    int64_t begin[HN_ARRAY_DIMS], end[HN_ARRAY_DIMS]; /* padding */
    size_t n_in, n_kernel, n_out;                     /* products of the above */
};

/* From the node's attributes and the shape [batch, channels, ...] of input i. The kernel's size is that of the
 * attribute, which must agree with `kernel` where that is not NULL; with neither it is an error. */
enum hn_status hn_window_of(struct hn_op *op, size_t i, const size_t *kernel,
                            struct hn_window *out);
/* Only the attributes and the sizes of input and kernel: padding as given, no output. */
enum hn_status hn_window_attributes(struct hn_op *op, size_t i, const size_t *kernel,
                                    struct hn_window *out);
/* The products, from the sizes; an error where they overflow. */
enum hn_status hn_window_counts(struct hn_op *op, struct hn_window *w);

/* Index 0 .. n - 1 as coordinates in `shape`. */
void hn_window_split(size_t i, const size_t *shape, size_t n_dims, size_t *at);
/* The next coordinates in C order; false after the last, which leaves zeros. */
bool hn_window_next(size_t *at, const size_t *shape, size_t n_dims);

/* Where element k of the window at output position o lies on axis d of the input; negative or beyond where
 * that is padding. */
static inline int64_t hn_window_at(const struct hn_window *w, size_t d, size_t o, size_t k)
{
    return (int64_t)o * w->stride[d] - w->begin[d] + (int64_t)k * w->dilation[d];
}
/* The element of one channel of the input; -1 for padding. */
int64_t hn_window_element(const struct hn_window *w, const size_t *o, const size_t *k);

#endif
