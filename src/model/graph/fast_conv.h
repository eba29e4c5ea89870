/* Convolutions with channels last: what their forms share. */
#ifndef HN_MODEL_GRAPH_FAST_CONV_H
#define HN_MODEL_GRAPH_FAST_CONV_H

#include "model/graph/fast.h"
#include "model/graph/op_window.h"

/* y [batch][height][width][channels out] from x likewise, of one group. */
struct hn_convolution {
    const float *x;
    size_t batch, in; /* channels */
    const struct hn_window *window;
    const struct hn_packed *w; /* rows: kernel rows, kernel columns, channels in */
    float *y;
    struct hn_epilogue epilogue; /* rows of `add` are points, as of y */
};

/* Whether fewer multiplications do: whatever the batch. */
bool hn_winograd_suits(const struct hn_convolution *c);
enum hn_status hn_winograd_run(struct hn_op *op, const struct hn_convolution *c);

#endif
