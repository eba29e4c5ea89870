/* Convolutions with channels last: what their forms share. */
#ifndef HN_MODEL_GRAPH_FAST_CONV_H
#define HN_MODEL_GRAPH_FAST_CONV_H

#include "model/graph/fast.h"
#include "model/graph/op_window.h"

/* What loading makes of weights. */
struct hn_packed_conv {
    struct hn_op_state state;
    size_t in, out, kernel[2];
    struct hn_packed w; /* rows: kernel rows, kernel columns, channels in */
    float *taps;        /* or, by channels: [kernel rows * columns][channels] */
    float *bias;        /* [out] */
    struct hn_epilogue epilogue;
};
enum hn_status hn_fast_conv_prepare(struct hn_op *op, struct hn_op_state **out);

/* y [batch][height][width][channels out] from x likewise, where the group is one or a channel. */
struct hn_convolution {
    const float *x;
    size_t batch, in, out; /* channels */
    const struct hn_window *window;
    const struct hn_packed *w; /* rows: kernel rows, kernel columns, channels in */
    const float *taps;         /* or, by channels: [kernel rows * columns][channels] */
    float *y;
    struct hn_epilogue epilogue; /* rows of `add` are points, as of y */
};

/* The geometry of input 0, whose channels are last, as if they came first (op_window.h). */
enum hn_status hn_window_last(struct hn_op *op, const size_t *kernel, struct hn_window *out);

/* The convolution of `x` by the operator's parameters, without y. */
enum hn_status hn_fast_conv_of(struct hn_op *op, const struct hn_packed_conv *conv,
                               const struct hn_array *x, struct hn_window *window,
                               struct hn_convolution *out);
/* The shape of its y. */
enum hn_status hn_fast_conv_shape(struct hn_op *op, const struct hn_convolution *c,
                                  struct hn_array *y);
/* In whatever form suits; y is not empty. */
enum hn_status hn_convolve(struct hn_op *op, const struct hn_convolution *c);
/* Around it, where y is the operator's output: memory for it, and input 3 as what is added; `apart` where
 * that broadcasts and is added at the end. */
enum hn_status hn_fast_conv_begin(struct hn_op *op, struct hn_convolution *c, struct hn_array *y,
                                  bool *apart);
enum hn_status hn_fast_conv_end(struct hn_op *op, const struct hn_packed_conv *conv,
                                const struct hn_array *y, bool apart);

/* Whether fewer multiplications do: whatever the batch. */
bool hn_winograd_suits(const struct hn_convolution *c);
enum hn_status hn_winograd_run(struct hn_op *op, const struct hn_convolution *c);

/* --- by rows of the image --- */

/* Whether every output sees the one point where it lies. */
bool hn_rows_plain(const struct hn_window *w);
/* Whether a row of output sees so little that it may be copied. */
bool hn_rows_suit(const struct hn_convolution *c);
/* A few rows of an image, side by side: floats of point (row, column) at `at` + row * pitch + column times
 * channels. */
struct hn_strip {
    const float *at;
    size_t pitch;
};

/* Whether windows reach beyond the image, which must then be copied into a strip with zeros around it. */
bool hn_rows_pad(const struct hn_window *w);
/* Rows [first, first + rows) of the input of one image, which may lie beyond it, with zeros around: each
 * hn_rows_points() points. */
void hn_rows_copy(const struct hn_convolution *c, const float *image, int64_t first, size_t rows,
                  float *to);
/* Rows of input that `rows` rows of output see; points of such a row. */
size_t hn_rows_seen(const struct hn_window *w, size_t rows);
size_t hn_rows_points(const struct hn_window *w);
/* Bytes of scratch that hn_rows_run takes. */
size_t hn_rows_scratch(const struct hn_convolution *c);
/* Output rows [first, first + rows) of one image, columns [column, column + n) of them, to y whose rows lie
 * `pitch` floats apart. `x` is what they see: padded, its first point that of the first tap. */
void hn_rows_run(const struct hn_kernels *kernels, const struct hn_convolution *c,
                 struct hn_strip x, size_t rows, size_t column, size_t n, float *y, size_t pitch,
                 const struct hn_epilogue *epilogue, void *scratch);
enum hn_status hn_rows_run_all(struct hn_op *op, const struct hn_convolution *c);

#endif
