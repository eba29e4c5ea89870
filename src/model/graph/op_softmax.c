/* Softmax and LogSoftmax. */
#include <math.h>

#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"

/* `width` numbers, `step` apart. Also where all of them are -inf: then NaN, as the formula gives. */
static void softmax_row(const double *from, double *to, size_t width, size_t step, bool logarithm)
{
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < width; i++)
        if (from[i * step] > max) max = from[i * step];
    for (size_t i = 0; i < width; i++) {
        const double e = exp(from[i * step] - max);
        if (!logarithm) to[i * step] = e;
        sum += e;
    }
    const double log_sum = logarithm ? log(sum) : 0;
    for (size_t i = 0; i < width; i++)
        to[i * step] = logarithm ? from[i * step] - max - log_sum : to[i * step] / sum;
}

static enum hn_status softmax(struct hn_op *op, bool logarithm)
{
    const struct hn_array *x = op->in[0];
    /* Before opset 13 everything from the axis on was one row. */
    const bool flat = op->opset < 13;
    size_t axis = 0;
    if (x->n_dims || flat)
        HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", flat ? 1 : -1), x->n_dims + flat, &axis));
    size_t width = x->n_dims > axis ? x->shape[axis] : 1, inner = 1;
    for (size_t d = axis + 1; d < x->n_dims; d++)
        *(flat ? &width : &inner) *= x->shape[d];

    const double *from = hn_op_reals(op, 0);
    double *to = from ? hn_op_lane_out(op, 0, x->type, x->shape, x->n_dims, HN_LANE_F64) : NULL;
    if (!to) return hn_op_failed(op);
    for (size_t row = 0; x->n && row < x->n / width; row++) {
        const size_t first = row / inner * inner * width + row % inner;
        softmax_row(from + first, to + first, width, inner, logarithm);
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

enum hn_status hn_op_softmax(struct hn_op *op)
{
    return softmax(op, false);
}

enum hn_status hn_op_log_softmax(struct hn_op *op)
{
    return softmax(op, true);
}
