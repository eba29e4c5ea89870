/* Convolutions of bytes over images, with weights packed at load. */
#ifndef HN_MODEL_GRAPH_FAST_BYTE_CONV_H
#define HN_MODEL_GRAPH_FAST_BYTE_CONV_H

#include "model/graph/fast_bytes.h"
#include "model/graph/fast_conv.h"

/* What loading makes of weights. */
struct hn_packed_byte_conv {
    struct hn_op_state state;
    size_t in, out, kernel[2];
    /* Rows: kernel rows, kernel columns, channels; kernel rows may be pieces. By channels: sums alone. */
    struct hn_byte_matrix w;
    int16_t *taps; /* or, by channels, as hn_byte_depthwise wants them, less zero points */
    float *scale;  /* [out], of QLinearConv's inputs; or NULL */
};

/* Whether a constant [out, in, height, width] with these zero points, or NULL, can be packed. */
bool hn_byte_conv_fits(const struct hn_array *w, const struct hn_array *zero, int64_t groups);
/* Packs input w, a constant [out, in, height, width], with zero points in input w_zero, where all channels
 * are one group or each its own; leaves *out NULL otherwise. */
enum hn_status hn_byte_conv_prepare(struct hn_op *op, size_t w, size_t w_zero,
                                    struct hn_op_state **out);
/* QLinearConv's, whose scales are constant, too. */
enum hn_status hn_byte_conv_prepare_qlinear(struct hn_op *op, struct hn_op_state **out);

/* y = what becomes of the sums of input 0, whose zero point is x_zero. */
struct hn_byte_conv {
    bool last; /* [batch, height, width, channels], and y likewise; else channels come before */
    int32_t x_zero;
    enum hn_byte_result result; /* SUMS or BYTES */
    enum hn_element type;       /* of the output */
    const int32_t *bias;        /* [out] or NULL */
    int32_t zero, low, high;
};
/* With the node's state; fills output 0. */
enum hn_status hn_byte_conv_run(struct hn_op *op, const struct hn_byte_conv *conv);
/* QLinearConv with such a state. */
enum hn_status hn_byte_conv_qlinear(struct hn_op *op);

/* The product's rows are points of images with channels last, x; its left side is not read. */
enum hn_status hn_byte_images_run(struct hn_op *op, const struct hn_packed_byte_conv *conv,
                                  const struct hn_window *window, const uint8_t *x, size_t batch,
                                  struct hn_byte_product *product);

#endif
