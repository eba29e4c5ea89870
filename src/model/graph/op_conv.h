/* Convolutions as products of the weights and a matrix of what every window sees. */
#ifndef HN_MODEL_GRAPH_OP_CONV_H
#define HN_MODEL_GRAPH_OP_CONV_H

#include "model/graph/op_lane.h"
#include "model/graph/op_window.h"

struct hn_conv;
/* Fills `seen` [channels of a group x kernel, n]: what the windows at output positions first .. first + n - 1
 * see of image `batch`, in the channels of `group`. */
typedef void hn_conv_fill_fn(const struct hn_conv *conv, size_t batch, size_t group, size_t first,
                             size_t n, void *seen);

struct hn_conv {
    struct hn_window window;
    enum hn_lane lane; /* of everything below */
    size_t batch, groups;
    size_t in, out;        /* channels */
    const void *x;         /* [batch, in, ...] */
    const void *w;         /* [out, in / groups, kernel] */
    const void *bias;      /* [out], or NULL */
    void *y;               /* [batch, out, ...] */
    hn_conv_fill_fn *fill; /* hn_conv_fill, or that of deformed windows */
    const void *arg;       /* for it */
};

/* Sizes from the node: X is input `x`, W input `w`. Padding and kernel from the attributes; no data yet. */
enum hn_status hn_conv_of(struct hn_op *op, size_t x, size_t w, struct hn_conv *out);
/* [batch, out channels, ...]; returns the number of dimensions. */
size_t hn_conv_shape(const struct hn_conv *conv, size_t *shape);
/* Fills y, spread over the operator's pool. */
enum hn_status hn_conv_run(struct hn_op *op, const struct hn_conv *conv);
hn_conv_fill_fn hn_conv_fill;

#endif
