/* Convolutions of bytes over images, with weights packed at load. */
#ifndef HN_MODEL_GRAPH_FAST_BYTE_CONV_H
#define HN_MODEL_GRAPH_FAST_BYTE_CONV_H

#include "model/graph/fast_bytes.h"

/* Packs input w, a constant [out, in, height, width], with zero points in input w_zero, where all channels
 * are one group or each its own; leaves *out NULL otherwise. */
enum hn_status hn_byte_conv_prepare(struct hn_op *op, size_t w, size_t w_zero,
                                    struct hn_op_state **out);

/* y = what becomes of the sums of input 0, [batch, in, height, width], whose zero point is x_zero. */
struct hn_byte_conv {
    int32_t x_zero;
    enum hn_byte_result result; /* SUMS or BYTES */
    enum hn_element type;       /* of the output */
    const float *scale;         /* [out] */
    const int32_t *bias;        /* [out] or NULL */
    int32_t zero;
};
/* Channels that come out. */
size_t hn_byte_conv_out(const struct hn_op *op);
/* With the node's state; fills output 0. */
enum hn_status hn_byte_conv_run(struct hn_op *op, const struct hn_byte_conv *conv);

#endif
